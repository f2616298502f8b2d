"""Writes the drawn part of docs/alarm-table.md from the alarm table itself.

python docs/alarm_table_page.py            writes it anew
python docs/alarm_table_page.py --check    exit code 1 if it is not what the table says
"""

from __future__ import annotations

import sys
from pathlib import Path

from lifeline.engine.alarm_table import CELLS, IMPOSSIBLE, NOTHING, REFUSED, Event
from lifeline.engine.record import AlarmState, Transition

PAGE = Path(__file__).resolve().parent / "alarm-table.md"
BEGIN = "<!-- drawn by docs/alarm_table_page.py: do not edit from here -->"
END = "<!-- to here -->"
WHEN = {
    Event.RISE: "the level grows beyond what was acknowledged or shelved",
    Event.RISE_COVERED: "the level grows, but no further than that",
    Event.FALL: "the level falls, not to normal",
    Event.RETURN: "the level falls to normal",
    Event.ACKNOWLEDGE: "somebody acknowledges",
    Event.SHELVE: "somebody shelves, with an expiry",
    Event.END_ACTIVE: "a shelf expires or is lifted while a level stands",
    Event.END_NORMAL: "a shelf expires or is lifted while none stands",
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
    if event not in (Event.RISE, Event.RISE_COVERED):
        return Transition(transition).name.lower()
    standing = {
        AlarmState.UNACKNOWLEDGED: "level",
        AlarmState.ACKNOWLEDGED: "level",
        AlarmState.SHELVED: "raised or level",
    }
    return standing.get(state, "raised")


def diagram() -> list[str]:
    """A mermaid state diagram: every cell that leads from one state to another."""
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> NORMAL"]
    lines += [f"    {state.name}: {_title(state)}" for state in AlarmState]
    for state in AlarmState:
        for after in AlarmState:
            events = [
                _event(event)
                for event in Event
                if CELLS[state][event][0] == after != state
                and CELLS[state][event][1] not in _SILENT
            ]
            if events:
                lines.append(f"    {state.name} --> {after.name}: {', '.join(events)}")
    return [*lines, "```"]


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
    return "\n".join([BEGIN, "", *diagram(), "", *table(), "", END])


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
