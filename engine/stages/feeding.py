"""What other stages recorded, on its way into the log of one that hears it; one thread.

The cursors follow what that log has durably: after a crash some records are logged again, and the
core, which knows the seq of each site, passes over them.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol

from ..clock import Clock
from ..errors import LogError
from ..limits import AREA_FEED_RECORDS, AREA_FEED_RETRY_NS, SECOND_NS
from ..log import LogClosed, LogStore, Ticket
from ..outputs.owner import Tell
from ..record import Record


class HeardRecords(Protocol):
    """A payload of alert records."""

    @property
    def records(self) -> Sequence[Record]:
        """Each site's in the order of its seq."""
        ...


class Feed(ABC):
    """Feeds one log from the outboxes of `heard_from`.

    name        of the stage that hears: its thread is `lifeline-<name>`, its trouble `<name>_not_fed`
    cursor      how far it heard, in each outbox
    nap_ns      how long it waits where there is nothing and nobody wakes it
    on_failed   called once, from the thread, with what ended it
    """

    def __init__(
        self,
        name: str,
        cursor: str,
        heard_from: Sequence[LogStore],
        nap_ns: int,
        clock: Clock,
        on_failed: Callable[[Exception], None],
        tell: Tell,
    ) -> None:
        self._name: Final = name
        self._cursor: Final = cursor
        self._from: Final = tuple(heard_from)
        self._nap_ns: Final = nap_ns
        self._clock, self._on_failed, self._tell = clock, on_failed, tell
        self._woken, self._stopping = threading.Event(), threading.Event()
        self._stop_by: int | None = None
        self._thread = threading.Thread(target=self._run, name=f"lifeline-{name}", daemon=True)
        self.heard = 0

    def start(self) -> None:
        """Begins behind the cursors."""
        for store in self._from:
            store.set_cursor(self._cursor, store.cursor(self._cursor))
        self._thread.start()

    def stop(self, timeout_ns: int) -> None:
        """Ends once everything that was recorded is logged, or when the time is up."""
        self._stop_by = self._clock.monotonic() + timeout_ns
        self._stopping.set()
        self._woken.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_ns / SECOND_NS + 1)

    def abandon(self) -> None:
        """Ends as it is, from any thread."""
        self._stop_by = 0
        self._stopping.set()
        self._woken.set()

    def wake(self) -> None:
        """There are new records."""
        self._woken.set()

    # --- what a stage says -----------------------------------------------------------------------
    @abstractmethod
    def _hear(self, rows: Iterable[bytes]) -> HeardRecords | None:
        """The payload of encoded alert records; None where nothing of them is heard."""

    @abstractmethod
    def _append(self, payload: Any) -> Ticket:
        """Appends one entry to the stage's log."""

    # --- the thread ------------------------------------------------------------------------------
    def _run(self) -> None:
        try:
            while not self._done():
                self._woken.clear()
                try:
                    busy = self._turn()
                except LogClosed:
                    raise
                except LogError as error:
                    self._tell(f"{self._name}_not_fed", str(error), self._name)
                    self._stopping.wait(AREA_FEED_RETRY_NS / SECOND_NS)
                    continue
                if not busy:
                    if self._stopping.is_set():
                        return
                    self._woken.wait(self._nap_ns / SECOND_NS)
        except Exception as error:  # noqa: BLE001  whatever it is, the engine ends and says why
            self._on_failed(error)

    def _done(self) -> bool:
        by = self._stop_by
        return by is not None and self._clock.monotonic() >= by

    def _turn(self) -> bool:
        """One batch of each; whether there may be more."""
        passed = [self._pass_on(store) for store in self._from]  # each, not only until the first
        return any(passed)

    def _pass_on(self, store: LogStore) -> bool:
        rows = store.records(store.cursor(self._cursor), AREA_FEED_RECORDS)
        if not rows:
            return False
        payload = self._hear(row.data for row in rows)
        if payload is not None:
            self._append(payload).wait()
            self.heard += len(payload.records)
        store.set_cursor(self._cursor, rows[-1].number).wait()
        return True
