"""Writes the drawn part of docs/alarm-table.md from the alarm table itself.

python docs/alarm_table_page.py            writes it anew
python docs/alarm_table_page.py --check    exit code 1 if it is not what the table says
"""

from __future__ import annotations

import sys
from pathlib import Path

from lifeline.engine.alarm_table import AWAY, CELLS, IMPOSSIBLE, NOTHING, REFUSED, Event
from lifeline.engine.record import AlarmState, Transition

PAGE = Path(__file__).resolve().parent / "alarm-table.md"
BEGIN = "<!-- drawn by docs/alarm_table_page.py: do not edit from here -->"
END = "<!-- to here -->"
WHEN = {
    Event.RISE: "the level grows beyond what was acknowledged or is kept away",
    Event.RISE_COVERED: "the level grows, but no further than that",
    Event.FALL: "the level falls, not to normal",
    Event.RETURN: "the level falls to normal",
    Event.RETURN_LATCHING: "the same, of a rule that latches",
    Event.ACKNOWLEDGE: "somebody acknowledges",
    Event.ACKNOWLEDGE_LATCHING: "the same, of a rule that latches",
    Event.RESET: "somebody resets",
    Event.SHELVE: "somebody shelves, with an expiry",
    Event.SUPPRESS: "a maintenance begins",
    Event.REMOVE: "somebody takes it out of service, with an expiry",
    Event.END_ACTIVE: "what kept it away ends while a level stands",
    Event.END_NORMAL: "it ends while none stands and nothing is owed",
    Event.END_UNANSWERED: "it ends while none stands and an answer is owed",
    Event.END_LATCHED: "it ends while none stands and a reset is owed",
    Event.END_KEPT: "it ends, and a maintenance goes on",
    Event.REALARM: "acknowledged, and active for longer than the rule allows",
    Event.FLAP: "the alarm is raised once too often",
    Event.WITHDRAW: "the rule, the sensor or its selection is gone",
    Event.UNKNOWN: "the sensor fell silent",
    Event.KNOWN: "the sensor is heard again",
    Event.ACTUAL: "what was raised from a backlog stands now that the backlog is over",
}
_SILENT = {NOTHING: "nothing", REFUSED: "refused", IMPOSSIBLE: "–"}


def _title(state: AlarmState) -> str:
    return state.name.lower().replace("_", " ")


def _event(event: Event) -> str:
    return event.name.lower().replace("_", " ")


def recorded(state: AlarmState, event: Event) -> str:
    """What the record of a cell is called; a rise from a level above normal is a `level`."""
    transition = CELLS[state][event][1]
    if transition in _SILENT:
        return _SILENT[transition]
    if transition != Transition.RAISED:
        return Transition(transition).name.lower().replace("_", " ")
    if state in AWAY:
        return "raised" if event is Event.FLAP else "raised or level"
    loud = (AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED)
    return "level" if state in loud else "raised"


def table() -> list[str]:
    """Every cell: the next state and what is recorded."""
    lines = [
        "| event | when | " + " | ".join(f"in {_title(state)}" for state in AlarmState) + " |",
        "|---" * (2 + len(AlarmState)) + "|",
    ]
    for event in Event:
        cells = []
        for state in AlarmState:
            after, transition = CELLS[state][event]
            text = recorded(state, event)
            cells.append(text if transition in _SILENT else f"**{_title(after)}**, {text}")
        lines.append(f"| {_event(event)} | {WHEN[event]} | {' | '.join(cells)} |")
    return lines


def drawn() -> str:
    """The drawn part of the page, its marks included."""
    return "\n".join([BEGIN, "", *table(), "", END])


def replaced(page: str, part: str) -> str:
    """The page with its drawn part exchanged. Raises ValueError where the marks are missing."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no part between {BEGIN!r} and {END!r}")
    return before + part + after


def main(arguments: list[str]) -> int:
    """Exit code 0; 1 with --check where the page differs."""
    page = PAGE.read_text("utf-8")
    wanted = replaced(page, drawn())
    if "--check" in arguments:
        return int(page != wanted)
    PAGE.write_text(wanted, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
