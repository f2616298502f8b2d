"""What sites and areas recorded, and what people ask of calls, on its way into the call log; one
thread. The cursors follow what the call log has durably: after a crash some records are logged
again, and the core, which knows the seq of each site, passes over them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final

from ..calls.entry import CallEntry, CallPayload, encode_call
from ..calls.hearing import Hearing
from ..clock import Clock
from ..command import Reply
from ..entry import Header
from ..errors import LogError
from ..limits import AREA_FEED_RECORDS, AREA_FEED_RETRY_NS, INBOX_POLL_NS, SECOND_NS
from ..log import Drills, LogClosed, LogStore, Ticket
from ..outputs.owner import Tell

CURSOR: Final = "alert:calls"
DRILL_PRODUCER: Final = "drill"


class CallFeed:
    """Feeds the call log from the outboxes of the other stages and from the inbox.

    hearing   what passes; changed with the configuration
    """

    def __init__(
        self,
        heard_from: Sequence[LogStore],
        calls: LogStore,
        drills: Drills,
        clock: Clock,
        on_failed: Callable[[Exception], None],
        tell: Tell,
    ) -> None:
        self._from, self._calls, self._drills = tuple(heard_from), calls, drills
        self._clock, self._on_failed, self._tell = clock, on_failed, tell
        self.hearing = Hearing(1)
        self._replies: list[Reply] = []
        self._lock = threading.Lock()
        self._woken, self._stopping = threading.Event(), threading.Event()
        self._stop_by: int | None = None
        self._thread = threading.Thread(target=self._run, name="lifeline-calls", daemon=True)
        self._sent = 0
        self.heard = 0

    def start(self) -> None:
        """Begins behind the cursors."""
        for store in self._from:
            store.set_cursor(CURSOR, store.cursor(CURSOR))
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

    def behind(self) -> int:
        """Rows of the outboxes that were not looked at yet."""
        return sum(max(0, store.outbox_end() - store.cursor(CURSOR)) for store in self._from)

    def answered(self, reply: Reply) -> None:
        """The answer to a drill that another process ordered; from the stepping thread."""
        with self._lock:
            self._replies.append(reply)
        self._woken.set()

    def log(self, payload: CallPayload, producer: str, exercise: bool = False) -> Ticket:
        """Appends one entry, from any thread. Raises LogClosed."""
        with self._lock:
            self._sent += 1
            number = self._sent
        header = Header("", producer, number, self._clock.wall(), exercise=exercise)
        return self._calls.append([encode_call(CallEntry(header, payload))])

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
                    self._tell("calls_not_fed", str(error), "calls")
                    self._stopping.wait(AREA_FEED_RETRY_NS / SECOND_NS)
                    continue
                if not busy:
                    if self._stopping.is_set():
                        return
                    self._woken.wait(INBOX_POLL_NS / SECOND_NS)
        except Exception as error:  # noqa: BLE001  whatever it is, the engine ends and says why
            self._on_failed(error)

    def _done(self) -> bool:
        by = self._stop_by
        return by is not None and self._clock.monotonic() >= by

    def _turn(self) -> bool:
        """One batch of each; whether there may be more."""
        passed = [self._pass_on(store) for store in self._from]
        for drill in self._drills.poll():
            self.log(drill, DRILL_PRODUCER, exercise=True).wait()
        with self._lock:
            replies, self._replies = self._replies, []
        for reply in replies:
            self._drills.put(reply)
        return any(passed)

    def _pass_on(self, store: LogStore) -> bool:
        rows = store.records(store.cursor(CURSOR), AREA_FEED_RECORDS)
        if not rows:
            return False
        payload = self.hearing.take(row.data for row in rows)
        if payload is not None:
            self.log(payload, "calls").wait()
            self.heard += len(payload.records)
        store.set_cursor(CURSOR, rows[-1].number).wait()
        return True
