"""Short logs to every state of the alarm table, and events that meet it there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from lifeline.engine.alarm_table import AWAY, Event
from lifeline.engine.configuration import Configuration
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.record import AlarmState as S
from lifeline.engine.rule import Flapping

from .drive import Drive, days, limit, plant

CALM, YELLOW, RED = 1.0, 6.0, 9.5
Cell = tuple[S, Event]
Path = Callable[[Drive], object]
To = Callable[[Drive], float]

RULED = plant(limit({"yellow": 5.0, "red": 9.0}))
BARE = plant()
LONGER = days(2)  # than red may be kept away by a shelf or a maintenance: the cover ends at yellow


def ruled(**options: Any) -> Configuration:
    """The same rule with options of its life cycle."""
    return plant(msgspec.structs.replace(RULED.rules[0], **options))


LATCHING = ruled(latching=True)
# One raise fills the bucket for ten minutes, so the second of them is one too many.
FLAPPING = ruled(flapping=Flapping(1, 600 * SECOND_NS))
FLAPPING_LATCHING = ruled(latching=True, flapping=Flapping(1, 600 * SECOND_NS))
REALARMING = ruled(realarm=60 * SECOND_NS)


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


def latched(drive: Drive, rules: Configuration = LATCHING) -> float:
    """Raised, answered and gone."""
    drive.configure(rules, 5)
    acknowledged(drive)
    drive.say(14, CALM)
    return CALM


def shelved(drive: Drive, value: float = CALM, shelf: float = 3600) -> float:
    """Shelved while the value is this."""
    drive.say(10, value)
    drive.shelve(12, shelf)
    return value


def suppressed(
    drive: Drive, to: To = unacknowledged, shelf: float = 3600, value: float | None = None
) -> float:
    """Under maintenance from 15 s on: what stood when it began, or what `value` raised in it."""
    stands = to(drive)
    drive.maintain(15, shelf)
    if value is not None:
        drive.say(16, value)
    return stands if value is None else value


def out(drive: Drive, value: float = CALM, shelf: float = 3600) -> float:
    """Out of service while the value is this."""
    drive.say(10, value)
    drive.remove(12, shelf)
    return value


STATES: dict[S, To] = {
    S.NORMAL: normal,
    S.UNACKNOWLEDGED: unacknowledged,
    S.ACKNOWLEDGED: acknowledged,
    S.RETURNED_UNACKNOWLEDGED: returned,
    S.SHELVED: shelved,
    S.LATCHED: latched,
    S.SUPPRESSED_BY_DESIGN: suppressed,
    S.OUT_OF_SERVICE: out,
}
OPEN = [state for state in S if state not in AWAY]


# --- to an event ----------------------------------------------------------------------------------
def _say(to: To, value: float, drive: Drive) -> None:
    to(drive)
    drive.say(20, value)


def _command(action: str, to: To, drive: Drive) -> None:
    to(drive)
    getattr(drive, action)(20)


def _shelve(to: To, drive: Drive) -> None:
    to(drive)
    drive.shelve(20, 7200)


def _remove(to: To, drive: Drive) -> None:
    to(drive)
    drive.remove(20, 7200)


def _maintain(to: To, drive: Drive) -> None:
    to(drive)
    drive.maintain(20, 7200)


def _expire(to: To, drive: Drive) -> None:
    to(drive)
    drive.tick(40)


def _withdraw(to: To, drive: Drive) -> None:
    to(drive)
    drive.configure(BARE, 20)


def _silence(to: To, drive: Drive) -> None:
    to(drive)
    drive.tick(90)


def _speak_again(to: To, drive: Drive) -> None:
    value = to(drive)
    drive.tick(90)
    drive.say(91, value)


def under(rules: Configuration, to: To, drive: Drive) -> float:
    """The state under another rule."""
    drive.configure(rules, 5)
    return to(drive)


def back(to: To, drive: Drive) -> float:
    """The state, and then the value is calm again."""
    to(drive)
    drive.say(17, CALM)
    return CALM


def kept(to: To, drive: Drive) -> float:
    """The state, with a maintenance of an hour that goes on."""
    value = to(drive)
    drive.maintain(18, 3600)
    return value


def again(to: To, drive: Drive) -> None:
    """The same raise a second time: one too many."""
    to(drive)
    drive.say(18, CALM)
    drive.say(20, YELLOW)


def broken(drive: Drive, answered: bool = False) -> float:
    """Suppressed for longer than red may be, red, and yellow again."""
    suppressed(drive, shelf=LONGER)
    drive.say(17, RED)
    if answered:
        drive.acknowledge(18)
    drive.say(19, YELLOW)
    return YELLOW


def _shelved_later(to: To, drive: Drive) -> float:
    value = to(drive)
    drive.shelve(16, 3600)
    return value


def _removed_later(to: To, drive: Drive) -> float:
    value = to(drive)
    drive.remove(16, 3600)
    return value


def _maintain_longer(to: To, drive: Drive) -> None:
    to(drive)
    drive.maintain(20, LONGER)


def _no_longer_latching(to: To, drive: Drive) -> float:
    """The rule was changed; what is latched stays so until its reset."""
    value = to(drive)
    drive.configure(RULED, 18)
    return value


def cleared(drive: Drive) -> float:
    """Raised, answered, gone."""
    acknowledged(drive)
    drive.say(13, CALM)
    return CALM


def backlog(drive: Drive) -> None:
    """Raised by a sample that is older than a minute: historic."""
    drive.samples((0, 10, YELLOW), received=100)


def _catch_up(then: Path, drive: Drive) -> None:
    backlog(drive)
    then(drive)
    drive.tick(112)


def _realarm(drive: Drive) -> None:
    under(REALARMING, acknowledged, drive)
    drive.say(50, YELLOW)
    drive.tick(75)


def _hold_ends_in_maintenance(drive: Drive) -> None:
    """Suppressed by maintenance and held; the hold ends first."""
    under(FLAPPING, partial(suppressed, to=normal, shelf=7200, value=YELLOW), drive)
    drive.say(18, CALM)
    drive.say(20, YELLOW)
    drive.steady(30, 1300, YELLOW)


red = partial(unacknowledged, value=RED)
red_acknowledged = partial(acknowledged, value=RED)
red_shelved = partial(shelved, value=RED)
yellow_shelved = partial(shelved, value=YELLOW)
# Two days are more than a red alarm may be shelved for: the cover ends at yellow.
lightly_shelved = partial(shelved, value=YELLOW, shelf=LONGER)
yellow_out = partial(out, value=YELLOW)
lightly_out = partial(out, value=YELLOW, shelf=days(20))
maintained = partial(suppressed, to=normal)
quietly = partial(suppressed, to=acknowledged)
latching = partial(under, LATCHING)

KEPT: dict[S, tuple[To, To, To]] = {  # calm, at yellow and covering red, at red
    S.SHELVED: (shelved, yellow_shelved, red_shelved),
    S.SUPPRESSED_BY_DESIGN: (partial(back, suppressed), suppressed, partial(suppressed, to=red)),
    S.OUT_OF_SERVICE: (out, yellow_out, partial(out, value=RED)),
}
LIGHTLY: dict[S, To] = {  # covering yellow only
    S.SHELVED: lightly_shelved,
    S.SUPPRESSED_BY_DESIGN: partial(suppressed, shelf=LONGER),
    S.OUT_OF_SERVICE: lightly_out,
}
ENDS = {S.SHELVED: "unshelve", S.SUPPRESSED_BY_DESIGN: "end_maintenance", S.OUT_OF_SERVICE: "serve"}
