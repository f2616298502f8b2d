"""Kafka as far as checkpoints see it, in memory: partitions with offsets, a fenced group offset,
compaction at any moment, and a producer that can crash or freeze its worker at any record."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lifeline.engine.cluster.plain_reader import Bounds, Read


class CrashedError(Exception):
    """The worker died here."""


class Where(NamedTuple):
    """What a producer is told about a record."""

    offset: int
    timestamp: int
    timestamp_type: int = 1


@dataclass
class Topic:
    """One partition: records by offset, in order, with the compacted ones gone."""

    records: dict[int, Read] = field(default_factory=dict)
    begin: int = 0
    end: int = 0

    def append(self, key: bytes | None, value: bytes | None) -> int:
        self.records[self.end] = Read(self.end, key, value, self.end)
        self.end += 1
        return self.end - 1

    def trim(self, before: int) -> None:
        self.records = {at: read for at, read in self.records.items() if at >= before}
        self.begin = before

    def compact(self, before: int, tombstones: bool) -> None:
        """Of the records below `before` only the last of each key in the whole partition stays;
        a tombstone that stands for its key goes where `tombstones` says so."""
        last = {read.key: at for at, read in self.records.items()}
        for at in [at for at in self.records if at < before]:
            read = self.records[at]
            if last[read.key] != at or (tombstones and read.value is None):
                del self.records[at]


class KafkaModel:
    """`topics` by (name, partition), and the offset that the group has committed."""

    def __init__(self) -> None:
        self.topics: dict[tuple[str, int], Topic] = defaultdict(Topic)
        self.generation = 0
        self.committed: dict[int, int] = {}

    # --- a RangeReader ---------------------------------------------------------------------------
    async def bounds(self, topic: str, partition: int) -> Bounds:
        found = self.topics[topic, partition]
        return Bounds(found.begin, found.end)

    async def read(self, topic: str, partition: int, low: int, high: int) -> AsyncIterator[Read]:
        for at, read in sorted(self.topics[topic, partition].records.items()):
            if low <= at < high:
                yield read


class Client:
    """One worker's producer and its membership of one generation.

    Its `crash_at`-th record (from 0) is not written, and the worker dies; before its
    `freeze_at`-th it stands still until `wake` is set.
    """

    def __init__(self, kafka: KafkaModel) -> None:
        kafka.generation += 1
        self.kafka = kafka
        self.generation = kafka.generation
        self.sent = 0
        self.crash_at = -1
        self.freeze_at = -1
        self.frozen = asyncio.Event()
        self.wake = asyncio.Event()
        #: The broker's time of what is sent next, ms.
        self.stamp_ms = 0

    async def send(
        self,
        topic: str,
        value: bytes | None = None,
        *,
        key: bytes | None = None,
        partition: int = 0,
        headers: Any = None,
    ) -> asyncio.Future[Where]:
        number, self.sent = self.sent, self.sent + 1
        if number == self.crash_at:
            raise CrashedError
        if number == self.freeze_at:
            self.frozen.set()
            await self.wake.wait()
        offset = self.kafka.topics[topic, partition].append(key, value)
        done: asyncio.Future[Where] = asyncio.get_running_loop().create_future()
        done.set_result(Where(offset, self.stamp_ms))
        return done

    async def send_and_wait(self, *args: Any, **kwargs: Any) -> Where:
        return await (await self.send(*args, **kwargs))

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        """Refused for whoever is not of the present generation."""
        if self.generation != self.kafka.generation:
            return False
        self.kafka.committed.update(offsets)
        return True
