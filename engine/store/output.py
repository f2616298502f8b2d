"""The thread that carries a log or an outbox into the store.

Where it stands is a row of the store itself, written in the transaction of what was stored: each
sample and record goes in exactly once, whatever ends the process. The log's own cursor follows and
only holds back trimming.
"""

from __future__ import annotations

import os
import threading
from typing import Final

from ..clock import Clock
from ..config.plant import StoreSpec
from ..errors import LifelineError
from ..limits import OUTPUT_STOP_NS, SECOND_NS
from ..outputs.ports import Cursors, OutputTrouble
from .errors import StoreError, StoreMovedError
from .feeds import StoreFeed, Turn
from .limits import LINGER_NS, RETRY_NS
from .sharing import borrowed, check_change, returned
from .store import Store

SERIES: Final = "series:store"
ALERTS: Final = "alert:store"
#: Beside the core, not before it.
NICE: Final = 5


class StoreOutput:
    """Feeds the store. `name` is also the name of its cursor.

    Raises SpecError for a change that needs a restart.
    """

    def __init__(
        self, name: str, spec: StoreSpec, feed: StoreFeed, cursors: Cursors, clock: Clock
    ) -> None:
        check_change(spec)
        self.name = name
        self._spec = spec
        self._feed = feed
        self._cursors = cursors
        self._clock = clock
        self._store: Store | None = None
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._troubles: dict[str, OutputTrouble] = {}
        self._position = 0
        self._lost = 0
        self._batches = 0
        self._thread = threading.Thread(target=self._run, name=f"output-{name}", daemon=True)

    def start(self) -> None:
        """Begins behind what the store has."""
        self._position = self._cursors.cursor(self.name)
        self._cursors.set_cursor(self.name, self._position)  # nothing unread is trimmed from now on
        self._store = borrowed(self._spec, self._clock, self._tell)
        self._thread.start()

    def stop(self) -> None:
        """Ends behind the batch under way; the last output of a store closes it."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(OUTPUT_STOP_NS / SECOND_NS)
        if self._store is not None:
            returned(self._store)

    def alive(self) -> bool:
        """Whether the thread runs; one that died has a trouble `failed`."""
        return self._thread.is_alive()

    @property
    def position(self) -> int:
        """Up to where everything is stored."""
        return self._position

    def troubles(self) -> tuple[OutputTrouble, ...]:
        """What a person should know now."""
        with self._lock:
            return tuple(self._troubles.values())

    def counters(self) -> dict[str, int]:
        """Batches, positions lost to trimming; of series also what became of the samples."""
        found = {"batches": self._batches, "lost_positions": self._lost}
        store = self._store
        if store is None:
            return found
        alerts = self.name == ALERTS
        found |= {n: v for n, v in dict(store.counters).items() if (n == "alerts") == alerts}
        return found if alerts else {**found, "bytes": store.bytes}

    # --- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        _be_nice()
        try:
            while not self._stop.is_set():
                self._serve()
        except Exception as error:
            self._tell("failed", f"{type(error).__name__}: {error}")
            raise

    def _serve(self) -> None:
        """From finding out where the store stands until something goes wrong, or the end."""
        store = self._store
        assert store is not None
        try:
            store.open()
            self._position = self._feed.begin(store)
            self._cursors.set_cursor(self.name, self._position)
            self._well()
            while not self._stop.is_set():
                began = self._clock.monotonic()
                turn = self._feed.turn(store, self._position)
                if turn is not None:
                    self._note(turn)
                if self.name == SERIES:
                    store.tend()
                self._well()
                if turn is None or not turn.full:
                    left = LINGER_NS - (self._clock.monotonic() - began)
                    self._stop.wait(max(0, min(left, LINGER_NS)) / SECOND_NS)
        except StoreMovedError:
            return  # it was repaired: begin behind what it has
        except StoreError as error:
            self._pause(error.kind, error)
        except LifelineError as error:
            self._pause("log", error)

    def _note(self, turn: Turn) -> None:
        self._batches += 1
        if turn.lost is not None:
            first, last = turn.lost
            self._lost += last - first + 1
            self._tell("range_lost", f"positions {first} to {last} left the log before stored")
        self._position = turn.position
        self._cursors.set_cursor(self.name, self._position)

    def _pause(self, kind: str, error: Exception) -> None:
        self._tell(kind, str(error))
        self._stop.wait(RETRY_NS / SECOND_NS)

    def _tell(self, kind: str, text: str) -> None:
        """A trouble stands; its `since` is kept while it does."""
        with self._lock:
            before = self._troubles.get(kind)
            since = self._clock.wall() if before is None else before.since
            self._troubles[kind] = OutputTrouble(self.name, kind, text, since)

    def _well(self) -> None:
        """The store takes what comes: what kept us from it is over. What a person should look at
        stays until the next start."""
        with self._lock:
            for kind in [k for k in self._troubles if k not in _STANDING]:
                del self._troubles[kind]


_STANDING: Final = ("range_lost", "store_damaged", "store_size", "failed")


def _be_nice() -> None:
    """Lets the core's threads go first. Linux gives each thread a niceness of its own."""
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
    except (OSError, AttributeError):
        return  # a courtesy: without it everything works all the same
