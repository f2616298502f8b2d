"""The partitions of the cluster's log as logs, for outputs that read series from one.

One consumer for all of them, without membership: which partitions a sink writes is said where it
is started. The cursor of a partition is the group's committed offset, which equals the core's
position: offset + 1 of the last record that was delivered.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any, TypeVar

from ..errors import SinkError
from ..limits import (
    MIRROR_COMMIT_S,
    MIRROR_POLL_MS,
    MIRROR_RECOMMIT_NS,
    TOPIC_ANSWER_S,
    TOPIC_COMMIT_S,
)
from ..log import LogStore, Ticket
from .connection import member_options
from .ending import end_consumer
from .loop import LoopThread
from .progress import Progress
from .reading import Torn, read_entry
from .spec import ClusterSpec
from .topics import Topics

_T = TypeVar("_T")


class TopicReader:
    """Reads the log topic for its `PartitionLog`s; made and called from threads.

    on_trouble(kind, text)   `cursor_uncommitted`

    Raises SinkError where Kafka does not answer.
    """

    def __init__(
        self,
        spec: ClusterSpec,
        group: str,
        loop: LoopThread,
        monotonic: Callable[[], int],
        on_trouble: Callable[[str, str], None],
    ) -> None:
        self._spec = spec
        self._group = group
        self._loop = loop
        self._monotonic = monotonic
        self._on_trouble = on_trouble
        self._topic = Topics(spec.prefix).log
        self._consumer: Any = None
        self._next: dict[int, int] = {}
        self._progress: dict[int, Progress] = {}
        self._wanted: dict[int, int] = {}
        self._committed: dict[int, int] = {}
        self._committed_at = 0
        self.counters: Counter[str] = Counter()

    def start(self, partitions: Sequence[int]) -> None:
        """Connects. Raises SinkError."""
        self._called(self._start(partitions))
        self._loop.submit(self._keep_committing())

    def stop(self) -> None:
        """Commits what was delivered and disconnects; returns within a bounded time."""
        if self._loop.is_alive:
            self._loop.call(self._stop())

    def read(self, partition: int, after: int, limit: int) -> list[tuple[int, bytes]]:
        """(position, entry) beyond a position; waits a moment for the first. What is torn is left
        out, as the worker leaves it out. Raises SinkError, and EntryError for what another version
        may understand."""
        found: list[tuple[int, bytes]] = []
        while not found:
            records = self._called(self._read(partition, after, limit))
            for offset, value in records:
                if isinstance(read_entry(value), Torn):
                    self.counters["torn"] += 1
                elif value is not None:
                    found.append((offset + 1, value))
            if not records:
                break
            after = records[-1][0] + 1
        return found

    def first(self, partition: int) -> int:
        """Position of the oldest entry that is still there."""
        return self._called(self._first(partition)) + 1

    def committed(self, partition: int) -> int:
        """The cursor; 0 where the group never committed one."""
        return self._called(self._fetch_committed(partition))

    def commit(self, partition: int, position: int) -> None:
        """Moves the cursor soon; never waits."""
        self._wanted[partition] = position

    def behind(self, partition: int, position: int) -> int:
        """Records of the partition that are known and beyond a position."""
        consumer = self._consumer
        high = None if consumer is None else consumer.highwater(self._place(partition))
        return max(0, (high or 0) - position)

    # --- in the loop -----------------------------------------------------------------------------

    async def _start(self, partitions: Sequence[int]) -> None:
        from aiokafka import AIOKafkaConsumer

        consumer = AIOKafkaConsumer(**member_options(self._spec, self._group))
        try:
            await consumer.start()
            consumer.assign([self._place(p) for p in partitions])
        except BaseException:
            await end_consumer(consumer)
            raise
        before, self._consumer = self._consumer, consumer
        self._next.clear()
        self._progress = {p: Progress(self._monotonic) for p in partitions}
        if before is not None:
            await end_consumer(before)

    async def _stop(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is None:
            return
        try:
            async with asyncio.timeout(MIRROR_COMMIT_S):
                await self._commit(consumer)
        except Exception as error:  # noqa: BLE001  what is not committed is written again
            self._on_trouble("cursor_uncommitted", str(error))
        await end_consumer(consumer)

    async def _read(self, partition: int, after: int, limit: int) -> list[tuple[int, bytes | None]]:
        place, consumer = self._place(partition), self._running()
        if self._next.get(partition) != after:
            consumer.seek(place, after)
        found = await consumer.getmany(place, timeout_ms=MIRROR_POLL_MS, max_records=limit)
        records = [(record.offset, record.value) for record in found.get(place, ())]
        self._next[partition] = records[-1][0] + 1 if records else after
        try:
            await self._progress[partition].read(consumer, [place], bool(records))
        except (SinkError, TimeoutError):
            await self._start(sorted(self._progress))  # the stuck one gives way
            raise
        return records

    async def _first(self, partition: int) -> int:
        place = self._place(partition)
        return int((await self._running().beginning_offsets([place]))[place])

    async def _fetch_committed(self, partition: int) -> int:
        found = await self._running().committed(self._place(partition))
        self._committed[partition] = found or 0
        return found or 0

    async def _keep_committing(self) -> None:
        while (consumer := self._consumer) is not None:
            try:
                async with asyncio.timeout(TOPIC_ANSWER_S):
                    await self._commit(consumer)
            except Exception as error:  # noqa: BLE001  it is tried again
                self._on_trouble("cursor_uncommitted", str(error) or type(error).__name__)
            await asyncio.sleep(TOPIC_COMMIT_S)

    async def _commit(self, consumer: Any) -> None:
        """What moved; now and then everything, since brokers forget a group that is silent."""
        now = self._monotonic()
        again = now - self._committed_at >= MIRROR_RECOMMIT_NS
        wanted = dict(self._wanted)
        moved = {p: n for p, n in wanted.items() if again or self._committed.get(p) != n}
        if moved:
            await consumer.commit({self._place(p): n for p, n in moved.items()})
            self._committed |= moved
            self._committed_at = now if again else self._committed_at
            self.counters["commits"] += 1

    def _running(self) -> Any:
        if self._consumer is None:
            raise SinkError("the log topic is not connected")
        return self._consumer

    def _place(self, partition: int) -> Any:
        from aiokafka import TopicPartition

        return TopicPartition(self._topic, partition)

    def _called(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """In the loop; whatever the client raises is a SinkError."""
        from aiokafka.errors import KafkaError

        try:
            return self._loop.call(coroutine, TOPIC_ANSWER_S)
        except (KafkaError, TimeoutError, OSError) as error:
            raise SinkError(f"the log topic cannot be read: {error}") from error


class PartitionLog:
    """One partition as a `LogPort`; dead letters go to the sink's local store."""

    def __init__(self, reader: TopicReader, partition: int, store: LogStore) -> None:
        self._reader = reader
        self._partition = partition
        self._store = store

    def read(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Encoded entries beyond a position, in order. Raises SinkError, EntryError."""
        return self._reader.read(self._partition, after, limit)

    def first(self) -> int:
        """Position of the oldest entry that is still there. Raises SinkError."""
        return self._reader.first(self._partition)

    def cursor(self, name: str) -> int:
        """The partition's committed position, whatever the output's name. Raises SinkError."""
        return self._reader.committed(self._partition)

    def set_cursor(self, name: str, position: int) -> Ticket:
        """Moves it with the next commit. Points are written before: to write them again after a
        crash changes nothing."""
        self._reader.commit(self._partition, position)
        ticket = Ticket()
        ticket.resolve(range(position, position + 1))
        return ticket

    def dead_letters_of(self, letters: Iterable[tuple[str, bytes, str, int]], /) -> object:
        """Keeps what InfluxDB refused, in the local store."""
        return self._store.dead_letters_of(letters)
