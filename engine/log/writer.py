"""The one thread that writes the log.

Each commit takes all the work that waits, up to LOG_COMMIT_BYTES, and begins as soon as the one
before it has ended: a pause would stall senders at a broker's window of unacknowledged messages.
The order of a commit: rows, COMMIT (durable), mark, tickets, second copy. A commit that the disk
refuses fails its tickets with LogError and leaves nothing behind; the next one is tried as if
nothing had been.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from ..clock import Clock
from ..errors import LifelineError, LogError
from ..limits import (
    LOG_COMMIT_BYTES,
    LOG_QUEUE_BYTES,
    LOG_QUEUE_ITEMS,
    SECOND_NS,
    TRIM_INTERVAL_NS,
)
from . import failpoints, schema
from .errors import LogClosed, Trouble
from .keeper import SnapshotKeeper
from .mark import Mark, MarkFile
from .recovery import OpenLog
from .retention import Chunk, Retention
from .rows import Anchor
from .ticket import Outcome, Ticket
from .verify import Extent
from .work import Append, Records, SetCursor, Transaction, Work


@dataclass(frozen=True, slots=True)
class Tip:
    """The durable end of the log: last position and hash, first position, last outbox number."""

    position: int
    hash: bytes
    first: int
    number: int


class Writer:
    """Owns the writing connection; everything public may be called from any thread."""

    def __init__(
        self,
        path: Path,
        opened: OpenLog,
        mark: MarkFile,
        keeper: SnapshotKeeper,
        retention: Retention,
        clock: Clock,
        tell: Callable[[Trouble], None],
    ) -> None:
        self._path, self._connection, self._meta = path, opened.connection, opened.meta
        self._mark, self._keeper, self._retention = mark, keeper, retention
        self._clock, self._tell = clock, tell
        self.tip = _tip(opened.extent)
        self.anchors = _anchors(self._connection)
        self.cursors: dict[str, int] = dict(
            self._connection.execute("SELECT name, value FROM cursors")
        )
        self.counters: Counter[str] = Counter()
        self.failing = ""
        self._changed = threading.Condition()
        self._queue: deque[Work] = deque()
        self._queued_bytes = 0
        self._open_records: Counter[int] = Counter()
        self._failed_records: set[int] = set()
        self._owed_records: set[int] = set()  # of these, what the disk refused
        self._closing = False
        self._trims: list[Ticket] = []
        self._trim_due = clock.monotonic() + TRIM_INTERVAL_NS
        self._trimming = False
        self._unmeasured = 0
        self._current: list[Work] = []
        self._thread = threading.Thread(target=self._run, name="lifeline-log", daemon=True)
        self._thread.start()

    # --- any thread --------------------------------------------------------------------------

    def submit(self, work: Work) -> Ticket:
        """Queues the work; blocks while the queue is full. Raises LogClosed."""
        with self._changed:
            if self._is_full(work.size) and threading.current_thread() is not self._thread:
                self.counters["stalls"] += 1
                self._changed.wait_for(lambda: self._closing or not self._is_full(work.size))
            if self._closing:
                raise LogClosed("the log is closed and takes no more work")
            self._queue.append(work)
            self._queued_bytes += work.size
            if isinstance(work, Records):
                self._open_records[work.position] += 1
            self._changed.notify_all()
        return work.ticket

    def _is_full(self, size: int) -> bool:
        if not self._queue:
            return False
        over = self._queued_bytes + size > LOG_QUEUE_BYTES
        return over or len(self._queue) >= LOG_QUEUE_ITEMS

    def trim(self) -> Ticket:
        """Asks for trimming until nothing more is due; the ticket holds the first position."""
        ticket = Ticket()
        with self._changed:
            if self._closing:
                raise LogClosed("the log is closed")
            self._trims.append(ticket)
            self._changed.notify_all()
        return ticket

    def wait_beyond(self, position: int, timeout_s: float) -> bool:
        """Whether the log ends beyond `position`, waiting for it up to the time-out."""
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self.tip.position > position, timeout_s)
            return self.tip.position > position

    def open_records(self, position: int) -> int | None:
        """The lowest position ≤ `position` whose records are not durable, or None."""
        with self._changed:
            low = [p for p in (*self._open_records, *self._failed_records) if p <= position]
        return min(low, default=None)

    def queued(self) -> tuple[int, int]:
        """Pieces of work and bytes that wait."""
        with self._changed:
            return len(self._queue), self._queued_bytes

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Writes what is queued and ends the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    # --- the writer's thread -----------------------------------------------------------------

    def _run(self) -> None:
        try:
            while (batch := self._take()) is not None:
                if batch:
                    self._commit(batch)
                self._maintain()
        finally:
            self._end()

    def _take(self) -> list[Work] | None:
        """The next commit's work; empty when it is time to trim; None when all is done."""
        with self._changed:
            idle = not (self._queue or self._trims or self._trimming or self._closing)
            if idle:
                self._changed.wait(TRIM_INTERVAL_NS / SECOND_NS)
            if self._closing and not self._queue:
                return None
            batch: list[Work] = []
            size = 0
            while self._queue and (not batch or size + self._queue[0].size <= LOG_COMMIT_BYTES):
                work = self._queue.popleft()
                batch.append(work)
                size += work.size
            self._queued_bytes -= size
            self._unmeasured += size
            self._current = batch
            self._changed.notify_all()
            return batch

    def _commit(self, batch: list[Work]) -> None:
        try:
            transaction, outcomes = self._write(batch)
        except (sqlite3.Error, OSError) as error:
            self._fail(batch, error)
            return
        if self.failing:
            self.failing = ""
            self._tell(Trouble("write_again", "the log can be written again"))
        self._publish(transaction, batch, outcomes)
        points = {work.point for work in batch} if failpoints.ARMED else set()
        _hit(points, "after_commit")
        self._write_mark()
        self._resolve(batch, outcomes)
        _hit(points & {"append", "outbox"}, "after_tickets")
        if transaction.heads or transaction.cursors:
            self._keeper.note(transaction.heads, transaction.cursors)

    def _write(self, batch: list[Work]) -> tuple[Transaction, list[Outcome]]:
        tip = self.tip
        transaction = Transaction(
            self._connection,
            self._clock.wall(),
            tip.position,
            tip.hash,
            tip.number,
            self._meta,
            self.anchors,
            self._retention.refused,
        )
        outcomes: list[Outcome] = []
        self._connection.execute("BEGIN IMMEDIATE")
        owed = set(self._owed_records)
        for work in batch:
            try:
                if isinstance(work, Records):
                    _refuse_overtaking(work.position, owed)
                outcomes.append(work.apply(transaction))
                if isinstance(work, Records):
                    owed.discard(work.position)
            except LifelineError as refused:
                outcomes.append(refused)
        if failpoints.ARMED:
            _hit({work.point for work in batch}, "before_commit")
        self._connection.execute("COMMIT")
        return transaction, outcomes

    def _publish(
        self, transaction: Transaction, batch: list[Work], outcomes: list[Outcome]
    ) -> None:
        self._meta = transaction.meta
        self.counters["commits"] += 1
        self.counters["outbox_repeated"] += transaction.outbox_repeated
        for work, outcome in zip(batch, outcomes, strict=True):
            self.counters["refused"] += isinstance(outcome, LifelineError)
            if isinstance(work, Append) and isinstance(outcome, range):
                self.counters["entries"] += len(outcome)
        with self._changed:
            self._set_cursors(batch)
            self._settle_records(batch, outcomes)
            first = self.tip.first or transaction.first
            self.tip = Tip(transaction.position, transaction.hash, first, transaction.number)
            self._changed.notify_all()

    def _set_cursors(self, batch: list[Work]) -> None:
        for work in batch:
            if isinstance(work, SetCursor):
                if work.value is None:
                    self.cursors.pop(work.name, None)
                else:
                    self.cursors[work.name] = work.value

    def _settle_records(self, batch: list[Work], outcomes: Iterable[Outcome]) -> None:
        """A position's records count as open until one attempt after a failure has succeeded."""
        for work, outcome in zip(batch, outcomes, strict=True):
            if isinstance(work, Records):
                self._open_records[work.position] -= 1
                self._open_records += Counter()
                if isinstance(outcome, range):
                    self._failed_records.discard(work.position)
                    self._owed_records.discard(work.position)
                else:
                    self._failed_records.add(work.position)
                if isinstance(outcome, LogError):
                    self._owed_records.add(work.position)

    def _write_mark(self) -> None:
        known, log_id = self._mark.mark, bytes.fromhex(self._meta.log_id)
        position, number = self.tip.position, self.tip.number
        if known is not None and known.log_id == log_id:
            position, number = max(position, known.position), max(number, known.number)
        try:
            self._mark.write(Mark(log_id, position, number))
        except OSError as error:
            self._tell(Trouble("mark_error", f"the mark of the log's end: {error}"))

    def _resolve(self, batch: list[Work], outcomes: Iterable[Outcome]) -> None:
        self._current = []
        for work, outcome in zip(batch, outcomes, strict=True):
            self._told(work.ticket, outcome)

    def _told(self, ticket: Ticket, outcome: Outcome) -> None:
        for error in ticket.resolve(outcome):
            self.counters["callback_errors"] += 1
            self._tell(Trouble("callback_error", f"a listener to the log failed: {error!r}"))

    def _fail(self, batch: list[Work], error: Exception) -> None:
        """Nothing of the batch is durable: says so, and starts from a fresh connection."""
        self.failing = f"the log cannot be written: {error}; check the disk and its free space"
        self.counters["write_errors"] += 1
        reopened = self._reopen()
        refusal = LogError(self.failing if reopened else f"{self.failing}; it cannot be reopened")
        with self._changed:
            self._settle_records(batch, [refusal] * len(batch))
        self._tell(Trouble("write_error", self.failing))
        self._resolve(batch, [refusal] * len(batch))

    def _reopen(self) -> bool:
        """After a failed write the connection's view of the files is not believed any more.

        A commit whose flush failed may be in the file all the same; the end is read anew, so
        that its positions are not given out again.
        """
        try:
            self._connection.close()
            self._connection = schema.connect(self._path)
            self._meta = schema.read_meta(self._connection)
            extent = Extent.of(self._connection, self._meta)
        except (sqlite3.Error, OSError):
            self.counters["reopen_errors"] += 1
            return False
        with self._changed:
            self.tip = _tip(extent)
        return True

    def _maintain(self) -> None:
        """One piece of trimming if it is time, or somebody waits for it, or much was written."""
        due = self._clock.monotonic() >= self._trim_due
        if not (due or self._trims or self._unmeasured >= self._retention.measure_every):
            return
        failed: LogError | None = None
        try:
            done = self._retention.chunk(
                self._connection, self._keeper.floors(), self.cursors, self._clock.wall()
            )
            self._trimming = done.entries > 0
            if self._trimming:
                self._trimmed(done)
                return
        except (sqlite3.Error, OSError) as error:
            self.counters["trim_errors"] += 1
            failed = LogError(f"the log cannot be trimmed: {error}; check the disk")
            self._trimming = False
            self._reopen()
            self._tell(Trouble("write_error", str(failed)))
        self._unmeasured = 0
        self._trim_due = self._clock.monotonic() + TRIM_INTERVAL_NS
        with self._changed:
            trims, self._trims = self._trims, []
        for ticket in trims:
            self._told(ticket, failed or range(self.tip.first, self.tip.first + 1))

    def _trimmed(self, done: Chunk) -> None:
        self.anchors = {**self.anchors, **done.anchors}
        self._meta = done.meta or self._meta
        with self._changed:
            self.tip = Tip(self.tip.position, self.tip.hash, done.first, self.tip.number)

    def _end(self) -> None:
        """Whatever ended the thread: nobody waits for ever."""
        with self._changed:
            self._closing = True
            left, self._queue = [*self._current, *self._queue], deque()
            self._changed.notify_all()
        closed = LogClosed("the log was closed before this was written")
        self._resolve(left, [closed] * len(left))
        for ticket in self._trims:
            self._told(ticket, closed)
        try:
            self._connection.close()
        except sqlite3.Error as error:
            self._tell(Trouble("write_error", f"closing the log: {error}"))


def _tip(extent: Extent) -> Tip:
    return Tip(extent.position, extent.hash, extent.first, extent.number)


def _anchors(connection: sqlite3.Connection) -> dict[str, Anchor]:
    found = connection.execute("SELECT site, seq, head FROM anchors")
    return {row[0]: Anchor(*row) for row in found}


def _refuse_overtaking(position: int, owed: set[int]) -> None:
    """Outputs deliver in outbox order and receivers drop a `seq` that came before: records that
    were refused must be offered again before later ones are taken."""
    first = min(owed, default=position)
    if first < position:
        raise LogError(f"alert records of {first} were refused and must come before {position}")


def _hit(points: set[str], when: str) -> None:
    for point in sorted(points):
        failpoints.hit(f"{point}.{when}")
