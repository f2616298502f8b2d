"""What a record means for the person at the console: whether it sounds, and in which world."""

from __future__ import annotations

from typing import Final, Literal

from ..level import LEVELS
from ..record import Record

#: `actual` is what figures are about. A drill (`exercise`) and what came late from a backlog and
#: called nobody (`historic`) are counted apart, each with figures of its own.
World = Literal["actual", "exercise", "historic"]
WORLDS: Final[tuple[World, ...]] = ("actual", "exercise", "historic")

#: Transitions that leave an alarm unacknowledged without sounding anew: a fall, a silent sensor.
_SOUNDLESS: Final = frozenset({"level", "unknown", "known", "notice"})
#: States in which an alarm stands and is kept from the person.
KEPT: Final = {
    "shelved": "shelved",
    "suppressed": "suppressed",
    "suppressed_by_design": "suppressed",
    "out_of_service": "out_of_service",
}
UNANSWERED: Final = frozenset({"unacknowledged", "returned_unacknowledged"})


def world_of(record: Record) -> World:
    """Where it counts. A drill that came late is a drill."""
    if record.exercise:
        return "exercise"
    return "historic" if record.historic else "actual"


def ranks(record: Record) -> tuple[int, int]:
    """Its levels before and after, 0 (normal) to 4 (red)."""
    return LEVELS.index(record.level_before), LEVELS.index(record.level_after)


def sounds(record: Record) -> bool:
    """Whether the record is an *annunciated alarm*: raised, gone beyond what was acknowledged, or
    told anew when a shelf or a backlog ended. Not what is shelved or suppressed, not a fall."""
    before, after = ranks(record)
    if record.state_after != "unacknowledged" or after == 0:
        return False
    return after > before or record.transition not in _SOUNDLESS
