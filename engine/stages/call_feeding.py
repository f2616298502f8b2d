"""What sites and areas recorded, and what people ask of calls, on its way into the call log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from ..calls.entry import CallEntry, CallPayload, Heard, encode_call
from ..calls.hearing import Hearing
from ..clock import Clock
from ..command import Reply
from ..entry import Header
from ..limits import INBOX_POLL_NS
from ..log import Drills, LogStore, Ticket
from ..outputs.owner import Tell
from .feeding import Feed

CURSOR: Final = "alert:calls"
DRILL_PRODUCER: Final = "drill"


class CallFeed(Feed):
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
        super().__init__("calls", CURSOR, heard_from, INBOX_POLL_NS, clock, on_failed, tell)
        self._calls, self._drills = calls, drills
        self.hearing = Hearing(1)
        self._replies: list[Reply] = []
        self._lock = threading.Lock()
        self._sent = 0

    def behind(self) -> int:
        """Rows of the outboxes that were not looked at yet."""
        return sum(max(0, store.outbox_end() - store.cursor(CURSOR)) for store in self._from)

    def answered(self, reply: Reply) -> None:
        """The answer to a drill that another process ordered; from the stepping thread."""
        with self._lock:
            self._replies.append(reply)
        self.wake()

    def log(self, payload: CallPayload, producer: str, exercise: bool = False) -> Ticket:
        """Appends one entry, from any thread. Raises LogClosed."""
        with self._lock:
            self._sent += 1
            number = self._sent
        header = Header("", producer, number, self._clock.wall(), exercise=exercise)
        return self._calls.append([encode_call(CallEntry(header, payload))])

    def _hear(self, rows: Iterable[bytes]) -> Heard | None:
        return self.hearing.take(rows)

    def _append(self, payload: CallPayload) -> Ticket:
        return self.log(payload, "calls")

    def _turn(self) -> bool:
        busy = super()._turn()
        for drill in self._drills.poll():
            self.log(drill, DRILL_PRODUCER, exercise=True).wait()
        with self._lock:
            replies, self._replies = self._replies, []
        for reply in replies:
            self._drills.put(reply)
        return busy
