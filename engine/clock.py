"""Clocks: the one place where wall time is read. The core never imports this module."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where the rim reads time, in ns."""

    def wall(self) -> int:
        """Wall time, ns since 1970 UTC; may step in either direction."""
        ...

    def monotonic(self) -> int:
        """Monotonic time in ns from an arbitrary start; never decreases."""
        ...


class SystemClock:
    """The machine's clocks."""

    def wall(self) -> int:
        """Wall time, ns since 1970 UTC."""
        return time.time_ns()

    def monotonic(self) -> int:
        """Monotonic time in ns."""
        return time.monotonic_ns()


class ManualClock:
    """A clock that moves when it is told to; for tests and simulations.

    >>> clock = ManualClock(wall=1_000)
    >>> clock.advance(5)
    >>> clock.wall(), clock.monotonic()
    (1005, 5)
    """

    def __init__(self, wall: int = 0) -> None:
        self._wall = wall
        self._monotonic = 0

    def advance(self, ns: int) -> None:
        """Let `ns` pass on both clocks."""
        self._wall += ns
        self._monotonic += ns

    def step_wall(self, ns: int) -> None:
        """Set the wall clock by `ns` (may be negative), as NTP does."""
        self._wall += ns

    def wall(self) -> int:
        """Wall time in ns."""
        return self._wall

    def monotonic(self) -> int:
        """Monotonic time in ns."""
        return self._monotonic
