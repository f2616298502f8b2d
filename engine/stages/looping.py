"""The loop that steps, ticks and snapshots: one thread, the only one that touches the core."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ..clock import Clock
from ..errors import LogError
from ..limits import (
    CONFIG_APPEND_NS,
    SECOND_NS,
    STEP_NAP_NS,
    STEP_OPEN_POSITIONS,
    STEP_READ_ATTEMPTS,
    STEP_RETRY_NS,
)
from ..log import LogClosed, LogStore
from ..warming import Progress
from .snapshotting import Snapshotter
from .stepping import Stepper
from .ticking import Ticker


class StepLoop:
    """`catch_up` and `turn` may be called directly while the thread does not run.

    on_failed    called once, from the thread, with what ended it
    on_trouble   kind and text of what did not end it
    """

    def __init__(
        self,
        stepper: Stepper[Any],
        ticker: Ticker,
        snapshotter: Snapshotter,
        store: LogStore,
        clock: Clock,
        on_failed: Callable[[Exception], None],
        on_trouble: Callable[[str, str], None],
    ) -> None:
        self.stepper = stepper
        self.ticker = ticker
        self.snapshotter = snapshotter
        self._store = store
        self._clock = clock
        self._on_failed = on_failed
        self._on_trouble = on_trouble
        self._ticking = True
        self._stopping = threading.Event()
        self._retry_at = 0
        self._stop_by = 0
        self._failed_reads = 0
        self._turned_at = clock.monotonic()
        #: Called in this thread after each turn; must return soon.
        self.after_turn: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._run, name="lifeline-step", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self, timeout_ns: int) -> bool:
        """Ticks no more, steps to the log's end, waits for the records; whether all was done in
        time. The thread has ended then, or hangs in a disk that does not answer."""
        self._ticking = False
        self._stop_by = self._clock.monotonic() + timeout_ns
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_ns / SECOND_NS + 1)
        return not self._thread.is_alive() and self.stepper.at_end and self.stepper.settle(0)

    def abandon(self, wait_ns: int = 0) -> None:
        """Ends at the next entry, from any thread; waits for that if asked to (not in its own
        thread)."""
        self._ticking = False
        self._stopping.set()
        if wait_ns and self._thread.ident is not None:
            self._thread.join(wait_ns / SECOND_NS)

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def turned_ago_ns(self) -> int:
        """Since when it has stepped no entry and not come round; any thread may ask."""
        return self._clock.monotonic() - self._turned_at

    def catch_up(self, progress: Progress | None = None) -> None:
        """Steps to the log's end without ticking, and waits until all records are durable.

        Raises what ends an engine: EntryError, InvariantError, LogError.
        """
        first, tell = self.stepper.core.position, progress or (lambda what, done, total: None)
        give_up = self._clock.monotonic() + CONFIG_APPEND_NS
        while True:
            if self._step(lambda: True):
                give_up = self._clock.monotonic() + CONFIG_APPEND_NS
                tell(
                    "stepping the log again",
                    self.stepper.core.position - first,
                    self._store.end() - first,
                )
            self._offer_again()
            if self.stepper.settle(STEP_NAP_NS) and self.stepper.at_end:
                return
            if self.stepper.refused:
                if self._clock.monotonic() >= give_up:
                    raise LogError(self.stepper.refused)
                self._stopping.wait(STEP_NAP_NS / SECOND_NS)

    def turn(self) -> int:
        """Steps what there is (at most one read), ticks and snapshots if due; how many entries."""
        self._turned_at = self._clock.monotonic()
        done = self._step(self._between)
        self._offer_again()
        self.stepper.settle(0)
        self._tick()
        self._snapshot()
        self.after_turn()
        return done

    # --- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._done():
                if not self.turn():
                    self._nap()
        except Exception as error:  # noqa: BLE001  whatever it is, the engine ends and says why
            self._on_failed(error)

    def _done(self) -> bool:
        if not self._stopping.is_set():
            return False
        finished = self.stepper.at_end and self.stepper.settle(0)
        return finished or self._clock.monotonic() >= self._stop_by

    def _nap(self) -> None:
        """Waits for the next entry, the next tick, or the disk."""
        core = self.stepper.core
        wait = STEP_NAP_NS
        if self._ticking:
            wait = min(wait, self.ticker.wait_ns(core.next_due(), self.stepper.at_end))
        if self.stepper.refused:
            self._stopping.wait(min(wait, STEP_NAP_NS) / SECOND_NS)
        elif self.stepper.open_positions:
            self.stepper.settle(wait)
        else:
            self._store.wait_beyond(core.position, wait / SECOND_NS)

    def _step(self, between: Callable[[], bool]) -> int:
        try:
            done = self.stepper.step_some(between)
        except LogClosed:
            raise
        except LogError as error:
            self._failed_reads += 1
            if self._failed_reads >= STEP_READ_ATTEMPTS:
                raise
            self._on_trouble("log_unread", str(error))
            self._stopping.wait(STEP_RETRY_NS / SECOND_NS)
            return 0
        self._failed_reads = 0
        return done

    def _between(self) -> bool:
        self._turned_at = self._clock.monotonic()
        self._tick()
        return not self._stopping.is_set() or self._clock.monotonic() < self._stop_by

    def _tick(self) -> None:
        if not self._ticking:
            return
        at_end = self.stepper.at_end and self.stepper.open_positions < STEP_OPEN_POSITIONS
        if self.ticker.wait_ns(self.stepper.core.next_due(), at_end) == 0:
            self.ticker.tick()

    def _offer_again(self) -> None:
        if self.stepper.refused and self._clock.monotonic() >= self._retry_at:
            self._retry_at = self._clock.monotonic() + STEP_RETRY_NS
            self.stepper.offer_again()

    def _snapshot(self) -> None:
        if not self.snapshotter.due(self.stepper.core.position):
            return
        if self.stepper.refused or not self.stepper.settle(STEP_NAP_NS):
            return
        try:
            self.snapshotter.cut(self.stepper.core)
        except LogClosed:
            raise
        except LogError as error:
            self.snapshotter.postpone()
            self._on_trouble("snapshot_error", str(error))
