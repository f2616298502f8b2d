"""One short log to every cell of the alarm table that a log can reach.

A path drives a core until the cell's event meets the cell's state, and no further. `NO_LOG` says why
no log leads to the other cells; these can only be forced on the kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from lifeline.engine.alarm_table import Event
from lifeline.engine.record import AlarmState as S

from .drive import Drive, days, limit, plant

CALM, YELLOW, RED = 1.0, 6.0, 9.5
Cell = tuple[S, Event]
Path = Callable[[Drive], object]

RULED = plant(limit({"yellow": 5.0, "red": 9.0}))
BARE = plant()


def start(table: Any = None) -> Drive:
    """A core whose sensor P1 was heard once and is calm."""
    drive = Drive(RULED, table)
    drive.tick(0)
    drive.say(0, CALM)
    return drive


# --- to a state -----------------------------------------------------------------------------------
def normal(drive: Drive) -> float:
    """The value on which the alarm stays as it is."""
    return CALM


def unacknowledged(drive: Drive, value: float = YELLOW) -> float:
    """Raised."""
    drive.say(10, value)
    return value


def acknowledged(drive: Drive, value: float = YELLOW) -> float:
    """Raised and answered."""
    drive.say(10, value)
    drive.acknowledge(12)
    return value


def returned(drive: Drive) -> float:
    """Raised and gone before anyone answered."""
    drive.say(10, YELLOW)
    drive.say(11, CALM)
    return CALM


def shelved(drive: Drive, value: float = CALM, shelf: float = 3600) -> float:
    """Shelved while the value is this."""
    drive.say(10, value)
    drive.shelve(12, shelf)
    return value


STATES: dict[S, Callable[[Drive], float]] = {
    S.NORMAL: normal,
    S.UNACKNOWLEDGED: unacknowledged,
    S.ACKNOWLEDGED: acknowledged,
    S.RETURNED_UNACKNOWLEDGED: returned,
    S.SHELVED: shelved,
}


# --- to an event ----------------------------------------------------------------------------------
def _say(to: Callable[[Drive], float], value: float, drive: Drive) -> None:
    to(drive)
    drive.say(20, value)


def _acknowledge(to: Callable[[Drive], float], drive: Drive) -> None:
    to(drive)
    drive.acknowledge(20)


def _shelve(to: Callable[[Drive], float], drive: Drive) -> None:
    to(drive)
    drive.shelve(20, 7200)


def _unshelve(to: Callable[[Drive], float], drive: Drive) -> None:
    to(drive)
    drive.unshelve(20)


def _expire(to: Callable[[Drive], float], drive: Drive) -> None:
    to(drive)
    drive.tick(12 + 20)


def _withdraw(to: Callable[[Drive], float], drive: Drive) -> None:
    to(drive)
    drive.configure(BARE, 20)


def _silence(to: Callable[[Drive], float], drive: Drive) -> None:
    to(drive)
    drive.tick(90)


def _speak_again(to: Callable[[Drive], float], drive: Drive) -> None:
    value = to(drive)
    drive.tick(90)
    drive.say(91, value)


def backlog(drive: Drive) -> None:
    """Raised by a sample that is older than a minute: historic."""
    drive.samples((0, 10, YELLOW), received=100)


def _catch_up(then: Path, drive: Drive) -> None:
    backlog(drive)
    then(drive)
    drive.tick(112)


red = partial(unacknowledged, value=RED)
red_acknowledged = partial(acknowledged, value=RED)
red_shelved = partial(shelved, value=RED)
yellow_shelved = partial(shelved, value=YELLOW)
# Two days are more than a red alarm may be shelved for: the cover ends at yellow.
lightly_shelved = partial(shelved, value=YELLOW, shelf=days(2))
briefly_shelved = partial(shelved, shelf=20)
yellow_briefly_shelved = partial(shelved, value=YELLOW, shelf=20)

PATHS: dict[Cell, tuple[Path, ...]] = {
    (S.NORMAL, Event.RISE): (partial(_say, normal, YELLOW),),
    (S.UNACKNOWLEDGED, Event.RISE): (partial(_say, unacknowledged, RED),),
    (S.ACKNOWLEDGED, Event.RISE): (partial(_say, acknowledged, RED),),
    (S.RETURNED_UNACKNOWLEDGED, Event.RISE): (partial(_say, returned, YELLOW),),
    (S.SHELVED, Event.RISE): (
        partial(_say, lightly_shelved, RED),
        partial(_say, partial(shelved, shelf=days(2)), RED),
    ),
    (S.SHELVED, Event.RISE_COVERED): (
        partial(_say, shelved, YELLOW),
        partial(_say, yellow_shelved, RED),
    ),
    (S.UNACKNOWLEDGED, Event.FALL): (partial(_say, red, YELLOW),),
    (S.ACKNOWLEDGED, Event.FALL): (partial(_say, red_acknowledged, YELLOW),),
    (S.SHELVED, Event.FALL): (partial(_say, red_shelved, YELLOW),),
    (S.UNACKNOWLEDGED, Event.RETURN): (partial(_say, unacknowledged, CALM),),
    (S.ACKNOWLEDGED, Event.RETURN): (partial(_say, acknowledged, CALM),),
    (S.SHELVED, Event.RETURN): (partial(_say, yellow_shelved, CALM),),
    (S.UNACKNOWLEDGED, Event.UNSHELVE_ACTIVE): (partial(_unshelve, unacknowledged),),
    (S.ACKNOWLEDGED, Event.UNSHELVE_ACTIVE): (partial(_unshelve, acknowledged),),
    (S.SHELVED, Event.UNSHELVE_ACTIVE): (
        partial(_unshelve, yellow_shelved),
        partial(_expire, yellow_briefly_shelved),
    ),
    (S.NORMAL, Event.UNSHELVE_NORMAL): (partial(_unshelve, normal),),
    (S.RETURNED_UNACKNOWLEDGED, Event.UNSHELVE_NORMAL): (partial(_unshelve, returned),),
    (S.SHELVED, Event.UNSHELVE_NORMAL): (
        partial(_unshelve, shelved),
        partial(_expire, briefly_shelved),
    ),
    (S.UNACKNOWLEDGED, Event.ACTUAL): (partial(_catch_up, normal),),
    (S.ACKNOWLEDGED, Event.ACTUAL): (partial(_catch_up, lambda d: d.acknowledge(102)),),
    (S.SHELVED, Event.ACTUAL): (partial(_catch_up, lambda d: d.shelve(102, 3600)),),
    **{(state, Event.ACKNOWLEDGE): (partial(_acknowledge, to),) for state, to in STATES.items()},
    **{(state, Event.SHELVE): (partial(_shelve, to),) for state, to in STATES.items()},
    **{(state, Event.UNKNOWN): (partial(_silence, to),) for state, to in STATES.items()},
    **{(state, Event.KNOWN): (partial(_speak_again, to),) for state, to in STATES.items()},
    **{
        (state, Event.WITHDRAW): (partial(_withdraw, to),)
        for state, to in STATES.items()
        if state is not S.NORMAL
    },
}

NO_LOG: dict[Cell, str] = {
    (S.NORMAL, Event.RISE_COVERED): "nothing is covered in normal",
    (S.UNACKNOWLEDGED, Event.RISE_COVERED): "nothing is covered before somebody answered",
    (S.ACKNOWLEDGED, Event.RISE_COVERED): "the cover is the level itself: it falls with it",
    (S.RETURNED_UNACKNOWLEDGED, Event.RISE_COVERED): "nothing is covered after a return",
    (S.NORMAL, Event.UNSHELVE_ACTIVE): "no level stands in normal",
    (S.UNACKNOWLEDGED, Event.UNSHELVE_NORMAL): "a level stands",
    (S.ACKNOWLEDGED, Event.UNSHELVE_NORMAL): "a level stands",
    (S.RETURNED_UNACKNOWLEDGED, Event.UNSHELVE_ACTIVE): "no level stands after a return",
    (S.NORMAL, Event.WITHDRAW): "only what stands is withdrawn",
}

# Cells that must never be met, and where they would be: a log, after which the state is planted,
# and the entry that then meets the cell.
PLANTED: dict[Cell, tuple[Path, Path]] = {
    (S.NORMAL, Event.FALL): (red, partial(_say, normal, YELLOW)),
    (S.NORMAL, Event.RETURN): (red, partial(_say, normal, CALM)),
    (S.NORMAL, Event.ACTUAL): (backlog, partial(Drive.tick, second=112)),
    (S.RETURNED_UNACKNOWLEDGED, Event.FALL): (red, partial(_say, normal, YELLOW)),
    (S.RETURNED_UNACKNOWLEDGED, Event.RETURN): (red, partial(_say, normal, CALM)),
    (S.RETURNED_UNACKNOWLEDGED, Event.ACTUAL): (backlog, partial(Drive.tick, second=112)),
}
