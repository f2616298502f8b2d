"""Rounds of points that wait in memory while InfluxDB is away, the oldest dropped first."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from ..clock import Clock
from .influx_aside import InfluxAside
from .influx_retry import Answer
from .lineprotocol import Lines


class WaitingRounds:
    """Rounds that were taken and not sent, at most `rounds` of them and `size` bytes. One puts, one
    takes."""

    def __init__(self, rounds: int, size: int) -> None:
        self._most, self._size = rounds, size
        self._waiting: deque[Lines] = deque()
        self._bytes = 0
        self._lock = threading.Lock()
        self.points = 0
        self.dropped = 0

    def put(self, lines: Lines) -> None:
        """One more; drops the oldest beyond the bounds, and it itself where it alone is beyond."""
        with self._lock:
            self._waiting.append(lines)
            self._bytes += len(lines.body)
            self.points += len(lines)
            while len(self._waiting) > self._most or self._bytes > self._size:
                self.dropped += len(self._pop())

    def take(self) -> Lines | None:
        """The oldest, which is the taker's now."""
        with self._lock:
            return self._pop() if self._waiting else None

    @property
    def waiting(self) -> int:
        """Points that wait."""
        with self._lock:
            return sum(len(lines) for lines in self._waiting)

    def _pop(self) -> Lines:
        lines = self._waiting.popleft()
        self._bytes -= len(lines.body)
        return lines


class RoundsOutput(InfluxAside):
    """Sends rounds that `put_round` was given, in a thread of its own: whoever gives them never
    waits for the server.

    most   points of one round; what is beyond is cut and counted
    """

    def __init__(
        self,
        name: str,
        send: Callable[[bytes], Answer],
        clock: Clock,
        waiting: WaitingRounds,
        most: int,
        **more: Any,
    ) -> None:
        super().__init__(name, send, clock, **more)
        self._waiting, self._most = waiting, most
        self._there = threading.Event()
        self._cut = 0
        self._sent = 0

    def put_round(self, lines: Iterable[str], points: int) -> None:
        """One round more, of so many points, from any thread. Lines beyond the bound are not made."""
        self._cut += max(0, points - self._most)
        self._waiting.put(Lines.of(islice(lines, self._most)))
        self._there.set()

    def stop(self) -> None:
        """See `InfluxAside`."""
        self._stop.set()
        self._there.set()
        super().stop()

    @property
    def end(self) -> int:
        """Points there were."""
        return self._waiting.points

    @property
    def position(self) -> int:
        """Points that were sent, refused or dropped."""
        return self._sent + self._waiting.dropped

    def counters(self) -> dict[str, int]:
        """Also `dropped`, points that waited too long, and `cut`, points beyond a round's bound."""
        return {**super().counters(), "dropped": self._waiting.dropped, "cut": self._cut}

    def turn(self) -> None:
        """Sends what waits."""
        lines = self._waiting.take()
        if lines is None:
            self._there.wait()
            self._there.clear()
            return
        self._deliver(lines)
        self._sent += len(lines)
