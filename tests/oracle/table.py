"""The alarm table of docs/semantics.md §6, and one alarm that follows it.

Written from the page alone. A cell is (state after, transition); `raised/level` stands for `raised`
where the level before was normal and `level` elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

NORMAL: Final = "normal"
UNACKNOWLEDGED: Final = "unacknowledged"
ACKNOWLEDGED: Final = "acknowledged"
RETURNED: Final = "returned_unacknowledged"
SHELVED: Final = "shelved"
LATCHED: Final = "latched"
SUPPRESSED: Final = "suppressed_by_design"
OUT: Final = "out_of_service"
STATES: Final = (
    NORMAL,
    UNACKNOWLEDGED,
    ACKNOWLEDGED,
    RETURNED,
    SHELVED,
    LATCHED,
    SUPPRESSED,
    OUT,
)
OPEN: Final = (UNACKNOWLEDGED, ACKNOWLEDGED, RETURNED, LATCHED)
AWAY: Final = (SHELVED, SUPPRESSED, OUT)
ORANGE: Final = 3

EVENTS: Final = (
    "rise",
    "rise_covered",
    "fall",
    "return",
    "return_latching",
    "acknowledge",
    "acknowledge_latching",
    "reset",
    "shelve",
    "suppress",
    "remove",
    "end_active",
    "end_normal",
    "end_unanswered",
    "end_latched",
    "end_kept",
    "realarm",
    "flap",
    "withdraw",
    "unknown",
    "known",
    "actual",
)

IMPOSSIBLE: Final = "impossible"
REFUSED: Final = "refused"
NOTHING: Final = "nothing"

Cell = str | tuple[str, str]
_ROWS: Final[dict[str, dict[str, Cell]]] = {
    NORMAL: {
        "rise": (UNACKNOWLEDGED, "raised"),
        "rise_covered": (SUPPRESSED, "raised"),
        "acknowledge": REFUSED,
        "acknowledge_latching": REFUSED,
        "reset": REFUSED,
        "shelve": (SHELVED, "shelved"),
        "suppress": NOTHING,
        "remove": (OUT, "out_of_service"),
        "end_active": REFUSED,
        "end_normal": REFUSED,
        "end_unanswered": REFUSED,
        "end_latched": REFUSED,
        "end_kept": REFUSED,
        "flap": (SUPPRESSED, "flapping"),
        "withdraw": NOTHING,
        "unknown": NOTHING,
        "known": NOTHING,
    },
    UNACKNOWLEDGED: {
        "rise": (UNACKNOWLEDGED, "level"),
        "rise_covered": (UNACKNOWLEDGED, "level"),
        "fall": (UNACKNOWLEDGED, "level"),
        "return": (RETURNED, "returned"),
        "return_latching": (RETURNED, "returned"),
        "acknowledge": (ACKNOWLEDGED, "acknowledged"),
        "acknowledge_latching": (ACKNOWLEDGED, "acknowledged"),
        "reset": REFUSED,
        "shelve": (SHELVED, "shelved"),
        "suppress": (SUPPRESSED, "suppressed"),
        "remove": (OUT, "out_of_service"),
        "end_active": REFUSED,
        "end_normal": REFUSED,
        "end_unanswered": REFUSED,
        "end_latched": REFUSED,
        "end_kept": REFUSED,
        "withdraw": (NORMAL, "withdrawn"),
        "unknown": (UNACKNOWLEDGED, "unknown"),
        "known": (UNACKNOWLEDGED, "known"),
        "actual": (UNACKNOWLEDGED, "actual"),
    },
    ACKNOWLEDGED: {
        "rise": (UNACKNOWLEDGED, "level"),
        "rise_covered": (ACKNOWLEDGED, "level"),
        "fall": (ACKNOWLEDGED, "level"),
        "return": (NORMAL, "cleared"),
        "return_latching": (LATCHED, "latched"),
        "acknowledge": REFUSED,
        "acknowledge_latching": REFUSED,
        "reset": REFUSED,
        "shelve": (SHELVED, "shelved"),
        "suppress": (SUPPRESSED, "suppressed"),
        "remove": (OUT, "out_of_service"),
        "end_active": REFUSED,
        "end_normal": REFUSED,
        "end_unanswered": REFUSED,
        "end_latched": REFUSED,
        "end_kept": REFUSED,
        "realarm": (UNACKNOWLEDGED, "realarm"),
        "withdraw": (NORMAL, "withdrawn"),
        "unknown": (ACKNOWLEDGED, "unknown"),
        "known": (ACKNOWLEDGED, "known"),
        "actual": (ACKNOWLEDGED, "actual"),
    },
    RETURNED: {
        "rise": (UNACKNOWLEDGED, "raised"),
        "rise_covered": (UNACKNOWLEDGED, "raised"),
        "acknowledge": (NORMAL, "acknowledged"),
        "acknowledge_latching": (LATCHED, "acknowledged"),
        "reset": REFUSED,
        "shelve": (SHELVED, "shelved"),
        "suppress": (SUPPRESSED, "suppressed"),
        "remove": (OUT, "out_of_service"),
        "end_active": REFUSED,
        "end_normal": REFUSED,
        "end_unanswered": REFUSED,
        "end_latched": REFUSED,
        "end_kept": REFUSED,
        "flap": (SUPPRESSED, "flapping"),
        "withdraw": (NORMAL, "withdrawn"),
        "unknown": (RETURNED, "unknown"),
        "known": (RETURNED, "known"),
    },
    SHELVED: {
        "rise": (UNACKNOWLEDGED, "raised/level"),
        "rise_covered": (SHELVED, "raised/level"),
        "fall": (SHELVED, "level"),
        "return": (SHELVED, "returned"),
        "return_latching": (SHELVED, "returned"),
        "acknowledge": REFUSED,
        "acknowledge_latching": REFUSED,
        "reset": REFUSED,
        "shelve": (SHELVED, "shelved"),
        "suppress": NOTHING,
        "remove": (OUT, "out_of_service"),
        "end_active": (UNACKNOWLEDGED, "unshelved"),
        "end_normal": (NORMAL, "unshelved"),
        "end_unanswered": (RETURNED, "unshelved"),
        "end_latched": (LATCHED, "unshelved"),
        "end_kept": (SUPPRESSED, "unshelved"),
        "withdraw": (NORMAL, "withdrawn"),
        "unknown": (SHELVED, "unknown"),
        "known": (SHELVED, "known"),
        "actual": NOTHING,
    },
    LATCHED: {
        "rise": (UNACKNOWLEDGED, "raised"),
        "rise_covered": (UNACKNOWLEDGED, "raised"),
        "acknowledge": REFUSED,
        "acknowledge_latching": REFUSED,
        "reset": (NORMAL, "reset"),
        "shelve": (SHELVED, "shelved"),
        "suppress": (SUPPRESSED, "suppressed"),
        "remove": (OUT, "out_of_service"),
        "end_active": REFUSED,
        "end_normal": REFUSED,
        "end_unanswered": REFUSED,
        "end_latched": REFUSED,
        "end_kept": REFUSED,
        "flap": (SUPPRESSED, "flapping"),
        "withdraw": (NORMAL, "withdrawn"),
        "unknown": (LATCHED, "unknown"),
        "known": (LATCHED, "known"),
    },
    SUPPRESSED: {
        "rise": (UNACKNOWLEDGED, "raised/level"),
        "rise_covered": (SUPPRESSED, "raised/level"),
        "fall": (SUPPRESSED, "level"),
        "return": (SUPPRESSED, "returned"),
        "return_latching": (SUPPRESSED, "returned"),
        "acknowledge": REFUSED,
        "acknowledge_latching": REFUSED,
        "reset": REFUSED,
        "shelve": (SHELVED, "shelved"),
        "suppress": NOTHING,
        "remove": (OUT, "out_of_service"),
        "end_active": (UNACKNOWLEDGED, "unsuppressed"),
        "end_normal": (NORMAL, "unsuppressed"),
        "end_unanswered": (RETURNED, "unsuppressed"),
        "end_latched": (LATCHED, "unsuppressed"),
        "end_kept": NOTHING,
        "flap": (SUPPRESSED, "raised"),
        "withdraw": (NORMAL, "withdrawn"),
        "unknown": (SUPPRESSED, "unknown"),
        "known": (SUPPRESSED, "known"),
        "actual": NOTHING,
    },
    OUT: {
        "rise": (UNACKNOWLEDGED, "raised/level"),
        "rise_covered": (OUT, "raised/level"),
        "fall": (OUT, "level"),
        "return": (OUT, "returned"),
        "return_latching": (OUT, "returned"),
        "acknowledge": REFUSED,
        "acknowledge_latching": REFUSED,
        "reset": REFUSED,
        "shelve": REFUSED,
        "suppress": NOTHING,
        "remove": (OUT, "out_of_service"),
        "end_active": (UNACKNOWLEDGED, "in_service"),
        "end_normal": (NORMAL, "in_service"),
        "end_unanswered": (RETURNED, "in_service"),
        "end_latched": (LATCHED, "in_service"),
        "end_kept": (SUPPRESSED, "in_service"),
        "withdraw": (NORMAL, "withdrawn"),
        "unknown": (OUT, "unknown"),
        "known": (OUT, "known"),
        "actual": NOTHING,
    },
}

TABLE: Final[dict[tuple[str, str], Cell]] = {
    (state, event): _ROWS[state].get(event, IMPOSSIBLE) for state in STATES for event in EVENTS
}


@dataclass
class Alarm:
    """The state of one rule on one subject. Levels are 0 (normal) to 4 (red).

    `until` is when a shelf, an outage of service or a hold ends, or when it is told anew (0: none of them);
    `kept` that of the maintenance over it, which covers `keep` (0: none).
    """

    state: str = NORMAL
    level: int = 0
    cover: int = 0
    historic_mark: bool = False
    episode: int = 0
    onset: int = 0
    rise_seq: int = 0
    until: int = 0
    keep: int = 0
    kept: int = 0
    owes_answer: bool = False
    owes_reset: bool = False
    bucket: int = 0
    latching: bool = False
    first: bool = False

    def level_event(self, new: int, flaps: bool = False) -> str:
        """Which event of the table a change of the judged level is."""
        if new > self.level:
            if flaps and self.state not in (SHELVED, OUT):
                return "flap"
            return "rise" if new > self.cover else "rise_covered"
        if new > 0:
            return "fall"
        return "return_latching" if self.latching else "return"

    def fill(self, flapping: tuple[int, int], t: int) -> bool:
        """A raise, to be counted; whether there have been too many."""
        raises, within = flapping
        self.bucket = min(max(self.bucket, t) + within // raises, t + 2 * within)
        return self.bucket > t + within

    def end_event(self) -> str:
        """Which event of the table it is that what keeps the alarm away ends."""
        if self.level > 0:
            return "end_kept" if self.keep >= self.level else "end_active"
        if self.keep and (self.owes_answer or self.owes_reset):
            return "end_kept"
        if self.owes_answer:
            return "end_unanswered"
        return "end_latched" if self.owes_reset else "end_normal"

    def timer(self) -> int | None:
        """When time does something to it, None for never."""
        return self.until or None

    def told_until(self) -> int:
        """What its records say of the end of being kept away."""
        if self.state in (SHELVED, OUT):
            return self.until
        return max(self.until, self.kept) if self.state == SUPPRESSED else 0

    def move(self, event: str, level: int, seq: int, onset: int, until: int = 0) -> str | None:
        """Follow the table; the transition's name, or None where nothing happens.

        `level` is the level after; `seq` and `onset` are the episode's if this begins one; `until`
        when what it is kept away by now will end.
        """
        cell = TABLE[self.state, event]
        if cell == NOTHING:
            return None
        if isinstance(cell, str):
            raise AssertionError(f"{event} in {self.state}: {cell}")
        after, transition = cell
        if transition == "raised/level":
            transition = "raised" if self.level == 0 else "level"
        if self.state == NORMAL:
            self.episode, self.onset = seq, onset
        if event in ("rise", "rise_covered", "flap", "realarm"):
            self.rise_seq = seq
        self._owe(event, after, level)
        self._time(event, after, until)
        self._cover(event, after, level)
        self.state, self.level = after, level
        return transition

    def _owe(self, event: str, after: str, level: int) -> None:
        if after not in AWAY:
            self.owes_answer = self.owes_reset = False
            return
        if event == "shelve":
            self.owes_answer = False
        elif self.state in (UNACKNOWLEDGED, RETURNED):
            self.owes_answer = True
        stood = self.level > 0 or level > 0 or self.state == RETURNED
        if self.state == LATCHED or (self.latching and stood):
            self.owes_reset = True

    def _time(self, event: str, after: str, until: int) -> None:
        if until:
            self.until = until
        elif event == "suppress" or after in (NORMAL, UNACKNOWLEDGED, RETURNED, LATCHED):
            self.until = 0

    def _cover(self, event: str, after: str, level: int) -> None:
        if after in (UNACKNOWLEDGED, RETURNED, LATCHED):
            self.cover = 0
        elif after == NORMAL:
            self.cover = self.keep
        elif after == SUPPRESSED:
            self.cover = self.suppressed_cover()
        elif event.startswith("acknowledge"):
            self.cover = level
        elif event == "fall" and after == ACKNOWLEDGED:
            self.cover = min(self.cover, level)

    def suppressed_cover(self) -> int:
        """What may rise unheard while it is suppressed by design."""
        return max(self.keep, ORANGE if self.until else 0)

    def mark(self, transition: str, historic: bool) -> None:
        """Keep the historic mark after a record was made."""
        if self.level == 0:
            self.historic_mark = False
        elif historic:
            self.historic_mark = True
        elif transition in ("raised", "level", "flapping"):
            self.historic_mark = False
