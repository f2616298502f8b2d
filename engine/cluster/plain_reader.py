"""Ranges of a topic's partition, read without a group: checkpoints, and single log records."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple, Protocol, Self

from ..errors import LogError
from ..limits import CLUSTER_MESSAGE_BYTES, RESTORE_READ_NS, SECOND_NS
from .connection import client_options, started
from .ending import end_consumer
from .spec import ClusterSpec


class Read(NamedTuple):
    """One record as it lies in its partition."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int
    headers: tuple[tuple[str, bytes], ...] = ()


class Bounds(NamedTuple):
    """Offsets of the first record and behind the last one."""

    begin: int
    end: int


class RangeReader(Protocol):
    """What a restore reads with."""

    async def bounds(self, topic: str, partition: int) -> Bounds:
        """Where the partition begins and ends now."""
        ...

    def read(self, topic: str, partition: int, low: int, high: int) -> AsyncIterator[Read]:
        """The records from offset `low` up to before `high`, in order; compacted ones are not
        there."""
        ...


class PlainReader:
    """A `RangeReader` on Kafka; one read at a time. Also a context manager."""

    def __init__(self, spec: ClusterSpec, client_id: str) -> None:
        from aiokafka import AIOKafkaConsumer

        self._spec = spec
        self._consumer: Any = AIOKafkaConsumer(
            **client_options(spec),
            client_id=client_id,
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=2 * CLUSTER_MESSAGE_BYTES,
            fetch_max_wait_ms=100,
        )

    async def __aenter__(self) -> Self:
        await started(self._spec, self._consumer)
        return self

    async def __aexit__(self, *_: object) -> None:
        await end_consumer(self._consumer)

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has; 0 where there is no such topic."""
        known = await self._consumer._client.fetch_all_metadata()
        return len(known.partitions_for_topic(topic) or ())

    async def bounds(self, topic: str, partition: int) -> Bounds:
        """Where the partition begins and ends now. Raises LogError."""
        from aiokafka import TopicPartition
        from aiokafka.errors import KafkaError

        where = TopicPartition(topic, partition)
        try:
            begin = await self._consumer.beginning_offsets([where])
            end = await self._consumer.end_offsets([where])
        except KafkaError as error:
            raise LogError(f"{topic}/{partition} cannot be read: {error}") from error
        return Bounds(begin[where], end[where])

    async def read(self, topic: str, partition: int, low: int, high: int) -> AsyncIterator[Read]:
        """See `RangeReader`. Raises LogError where nothing comes for RESTORE_READ_NS."""
        from aiokafka import TopicPartition
        from aiokafka.errors import KafkaError

        if low >= high:
            return
        where = TopicPartition(topic, partition)
        try:
            self._consumer.assign([where])
            self._consumer.seek(where, low)
            while await self._consumer.position(where) < high:
                for record in await self._some(where):
                    if record.offset >= high:
                        return
                    headers = tuple(record.headers)
                    yield Read(record.offset, record.key, record.value, record.timestamp, headers)
        except KafkaError as error:
            raise LogError(f"{topic}/{partition} cannot be read at {low}: {error}") from error

    async def _some(self, where: Any) -> list[Any]:
        """What comes next; nothing where only compacted records lay there."""
        loop = asyncio.get_running_loop()
        before = await self._consumer.position(where)
        give_up = loop.time() + RESTORE_READ_NS / SECOND_NS
        while loop.time() < give_up:
            got: dict[Any, list[Any]] = await self._consumer.getmany(where, timeout_ms=200)
            if got or await self._consumer.position(where) > before:
                return got.get(where, [])
        raise LogError(
            f"{where.topic}/{where.partition} gives nothing at offset {before} for "
            f"{RESTORE_READ_NS // SECOND_NS} s: is its leader there?"
        )
