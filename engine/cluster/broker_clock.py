"""Whether this machine's clock agrees with the broker's. Pure; time is an argument.

The broker stamps what it takes. A stamp below the moment of sending or above the moment of the
answer proves that the clocks are apart, however slow the broker was. Between two answers only the
machine's own clock can change, and that shows against its monotonic clock: until the broker has
confirmed it anew, nothing is told to the log.
"""

from __future__ import annotations

from ..limits import BROKER_APART_NS, BROKER_UNCONFIRMED_NS


class BrokerClock:
    """What the broker's stamps say about wall time on this machine; all ns."""

    def __init__(self) -> None:
        self._offset: int | None = None
        self.apart = 0

    def confirm(self, sent: int, answered: int, monotonic: int, stamp: int) -> bool:
        """Takes notice of a stamp: wall time when the record was sent and when the answer came,
        monotonic time of the answer. Whether the clocks agree within BROKER_APART_NS.

        `apart` is then the least by which this machine is ahead (negative: behind).
        """
        # A stamp has whole milliseconds, cut off: the broker's time is up to 1 ms later.
        if stamp + 1_000_000 < sent:
            self.apart = sent - stamp - 1_000_000
        elif stamp > answered:
            self.apart = answered - stamp
        else:
            self.apart = 0
        agrees = abs(self.apart) <= BROKER_APART_NS
        self._offset = answered - monotonic if agrees else None
        return agrees

    def is_confirmed(self, wall: int, monotonic: int) -> bool:
        """Whether wall time still is the one that the broker confirmed."""
        if self._offset is None:
            return False
        return abs(wall - monotonic - self._offset) <= BROKER_UNCONFIRMED_NS

    def told(self) -> str:
        """What is wrong, for a person."""
        way = "ahead of" if self.apart > 0 else "behind"
        return (
            f"this machine's clock is at least {abs(self.apart) / 1e9:.1f} s {way} the broker's: "
            "set it (NTP) before it judges"
        )
