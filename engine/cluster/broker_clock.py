"""Whether this machine's clock agrees with the broker's. Pure; time is an argument.

The broker stamps what it takes. A stamp below the moment of sending or above the moment of the
answer proves that the clocks are apart, however slow the broker was. Between two answers only the
machine's own clock can change, and that shows against its monotonic clock: until the broker has
confirmed it anew, nothing is told to the log.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Self

from ..clock import Clock
from ..limits import BROKER_APART_NS, BROKER_UNCONFIRMED_NS

_MS: Final = 1_000_000


class Moment(NamedTuple):
    """Both clocks of this machine, ns."""

    wall: int
    monotonic: int

    @classmethod
    def of(cls, clock: Clock) -> Self:
        """Now."""
        return cls(clock.wall(), clock.monotonic())


class BrokerClock:
    """What the broker's stamps say about wall time on this machine; all ns."""

    def __init__(self) -> None:
        self._offset: int | None = None
        self.apart = 0

    def confirm(self, sent: Moment, answered: Moment, stamp: int) -> bool:
        """Takes notice of a stamp of a record that was sent and answered at these moments. Whether
        the clocks agree within BROKER_APART_NS.

        `apart` is then the least by which this machine is ahead (negative: behind). Where its clock
        was set meanwhile nothing is known; the next record tells.
        """
        passed = answered.monotonic - sent.monotonic
        if abs(answered.wall - sent.wall - passed) > BROKER_UNCONFIRMED_NS:
            self._offset = None
            return True
        # A stamp has whole milliseconds, cut off: the broker's time is up to 1 ms later.
        if stamp + _MS < sent.wall:
            self.apart = sent.wall - stamp - _MS
        elif stamp > answered.wall:
            self.apart = answered.wall - stamp
        else:
            self.apart = 0
        agrees = abs(self.apart) <= BROKER_APART_NS
        self._offset = answered.wall - answered.monotonic if agrees else None
        return agrees

    def is_confirmed(self, now: Moment) -> bool:
        """Whether wall time still is the one that the broker confirmed."""
        if self._offset is None:
            return False
        return abs(now.wall - now.monotonic - self._offset) <= BROKER_UNCONFIRMED_NS

    def told(self) -> str:
        """What is wrong, for a person."""
        way = "ahead of" if self.apart > 0 else "behind"
        return (
            f"this machine's clock is at least {abs(self.apart) / 1e9:.1f} s {way} the broker's: "
            "set it (NTP) before it judges"
        )
