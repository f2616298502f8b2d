"""Ends a worker that does not get on: a supervisor starts a new one, and others take its partitions.

The watchdog looks from a thread of its own, since what hangs may be the main loop; faust's consumer
thread would go on telling the group that all is well.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from ..clock import Clock
from ..limits import SECOND_NS, WORKER_STUCK_NS, WORKER_WATCH_NS


@dataclass(frozen=True, slots=True)
class Sight:
    """What a look at a worker shows.

    turned_at   monotonic time at which the main loop last turned
    progress    grows with whatever the worker gets done
    lag         records of its partitions that are there and not stepped
    unsettled   partitions are being moved, restored or were lost, and it holds none
    """

    turned_at: int
    progress: int
    lag: int
    unsettled: bool


class Judgement:
    """Whether what is seen over time is a worker that is stuck. Pure; time is an argument."""

    def __init__(self, now: int, patience_ns: int = WORKER_STUCK_NS) -> None:
        self._patience = patience_ns
        self._progress = -1
        self._since = now

    def look(self, sight: Sight, now: int) -> str:
        """Why the worker must end; "" while it need not."""
        if now - sight.turned_at > self._patience:
            return f"its main loop has not turned for {_s(now - sight.turned_at)}"
        idle = not sight.lag and not sight.unsettled
        if idle or sight.progress != self._progress:
            self._progress, self._since = sight.progress, now
            return ""
        waited = now - self._since
        if waited <= self._patience:
            return ""
        if sight.lag:
            return f"{sight.lag} entries wait, and none was stepped for {_s(waited)}"
        return f"it has waited for its partitions for {_s(waited)}"


class Watchdog:
    """Looks every WORKER_WATCH_NS and calls `on_stuck(reason)`, which ends the process.

    `see` is called from this thread: it may read counters, and nothing that waits.
    """

    def __init__(
        self,
        see: Callable[[], Sight],
        clock: Clock,
        on_stuck: Callable[[str], None],
        patience_ns: int = WORKER_STUCK_NS,
    ) -> None:
        self._see = see
        self._clock = clock
        self._on_stuck = on_stuck
        self._judgement = Judgement(clock.monotonic(), patience_ns)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lifeline-watchdog", daemon=True)

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Looks no more."""
        self._stopping.set()

    def _run(self) -> None:
        while not self._stopping.wait(WORKER_WATCH_NS / SECOND_NS):
            reason = self._judgement.look(self._see(), self._clock.monotonic())
            if reason:
                self._on_stuck(reason)
                return


def _s(ns: int) -> str:
    return f"{ns / SECOND_NS:.0f} s"
