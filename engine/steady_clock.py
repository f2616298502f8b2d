"""The engine's time: wall time that never goes back, whatever is done to the machine's clock."""

from __future__ import annotations

import threading

from .clock import Clock
from .limits import BLIND_NS, SLEW_SHARE


class SteadyClock:
    """Wall time that never goes back, over another clock. A `Clock` itself; any thread may read.

    It follows wall time by at most 1/SLEW_SHARE of what passes; if wall time is more than
    BLIND_NS ahead it jumps there.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._read_at = clock.monotonic()
        self._now = clock.wall()

    def wall(self) -> int:
        """The engine's time, ns since 1970 UTC; never decreases."""
        with self._lock:
            read_at = self._clock.monotonic()
            elapsed = read_at - self._read_at
            now = self._now + elapsed
            behind = self._clock.wall() - now
            most = elapsed // SLEW_SHARE
            now += behind if behind > BLIND_NS else max(-most, min(most, behind))
            self._now, self._read_at = now, read_at
            return now

    def monotonic(self) -> int:
        """The monotonic clock beneath."""
        return self._clock.monotonic()

    def not_before(self, time: int) -> None:
        """From now on no time before `time` is given: what the log has reached stays reached."""
        with self._lock:
            self._now = max(self._now, time)

    def ahead(self) -> int:
        """How far the engine's time is ahead of wall time, ns; negative when behind."""
        return self.wall() - self._clock.wall()
