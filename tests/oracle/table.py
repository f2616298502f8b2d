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
STATES: Final = (NORMAL, UNACKNOWLEDGED, ACKNOWLEDGED, RETURNED, SHELVED)

EVENTS: Final = (
    "rise",
    "rise_covered",
    "fall",
    "return",
    "acknowledge",
    "shelve",
    "unshelve_active",
    "unshelve_normal",
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
        "rise_covered": (UNACKNOWLEDGED, "raised"),
        "acknowledge": REFUSED,
        "shelve": (SHELVED, "shelved"),
        "unshelve_active": REFUSED,
        "unshelve_normal": REFUSED,
        "withdraw": NOTHING,
        "unknown": NOTHING,
        "known": NOTHING,
    },
    UNACKNOWLEDGED: {
        "rise": (UNACKNOWLEDGED, "level"),
        "rise_covered": (UNACKNOWLEDGED, "level"),
        "fall": (UNACKNOWLEDGED, "level"),
        "return": (RETURNED, "returned"),
        "acknowledge": (ACKNOWLEDGED, "acknowledged"),
        "shelve": (SHELVED, "shelved"),
        "unshelve_active": REFUSED,
        "unshelve_normal": REFUSED,
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
        "acknowledge": REFUSED,
        "shelve": (SHELVED, "shelved"),
        "unshelve_active": REFUSED,
        "unshelve_normal": REFUSED,
        "withdraw": (NORMAL, "withdrawn"),
        "unknown": (ACKNOWLEDGED, "unknown"),
        "known": (ACKNOWLEDGED, "known"),
        "actual": (ACKNOWLEDGED, "actual"),
    },
    RETURNED: {
        "rise": (UNACKNOWLEDGED, "raised"),
        "rise_covered": (UNACKNOWLEDGED, "raised"),
        "acknowledge": (NORMAL, "acknowledged"),
        "shelve": (SHELVED, "shelved"),
        "unshelve_active": REFUSED,
        "unshelve_normal": REFUSED,
        "withdraw": (NORMAL, "withdrawn"),
        "unknown": (RETURNED, "unknown"),
        "known": (RETURNED, "known"),
    },
    SHELVED: {
        "rise": (UNACKNOWLEDGED, "raised/level"),
        "rise_covered": (SHELVED, "raised/level"),
        "fall": (SHELVED, "level"),
        "return": (SHELVED, "returned"),
        "acknowledge": REFUSED,
        "shelve": (SHELVED, "shelved"),
        "unshelve_active": (UNACKNOWLEDGED, "unshelved"),
        "unshelve_normal": (NORMAL, "unshelved"),
        "withdraw": (NORMAL, "withdrawn"),
        "unknown": (SHELVED, "unknown"),
        "known": (SHELVED, "known"),
        "actual": NOTHING,
    },
}

TABLE: Final[dict[tuple[str, str], Cell]] = {
    (state, event): _ROWS[state].get(event, IMPOSSIBLE) for state in STATES for event in EVENTS
}


@dataclass
class Alarm:
    """The state of one rule on one subject. Levels are 0 (normal) to 4 (red)."""

    state: str = NORMAL
    level: int = 0
    cover: int = 0
    historic_mark: bool = False
    episode: int = 0
    onset: int = 0
    rise_seq: int = 0
    until: int = 0

    def level_event(self, new: int) -> str:
        """Which event of the table a change of the judged level is."""
        if new > self.level:
            return "rise" if new > self.cover else "rise_covered"
        return "fall" if new > 0 else "return"

    def unshelve_event(self) -> str:
        """Which event of the table the end of a shelf is."""
        return "unshelve_active" if self.level > 0 else "unshelve_normal"

    def move(self, event: str, level: int, seq: int, onset: int) -> str | None:
        """Follow the table; the transition's name, or None where nothing happens.

        `level` is the level after; `seq` and `onset` are the episode's if this begins one.
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
        if event in ("rise", "rise_covered"):
            self.rise_seq = seq
        self._cover(event, after, level)
        self.state, self.level = after, level
        if after != SHELVED:
            self.until = 0
        return transition

    def _cover(self, event: str, after: str, level: int) -> None:
        if after in (NORMAL, UNACKNOWLEDGED, RETURNED):
            self.cover = 0
        elif event == "acknowledge":
            self.cover = level
        elif event == "fall" and after == ACKNOWLEDGED:
            self.cover = min(self.cover, level)

    def mark(self, transition: str, historic: bool) -> None:
        """Keep the historic mark after a record was made."""
        if self.level == 0:
            self.historic_mark = False
        elif historic:
            self.historic_mark = True
        elif transition in ("raised", "level"):
            self.historic_mark = False
