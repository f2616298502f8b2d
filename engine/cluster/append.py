"""Into the log from the cluster: one entry to one partition, durable when it is known where it lies.

Ticks, commands and named configurations go this way. Samples do not: agents keep what they could
not send (`forward`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from ..limits import CLIENT_STOP_S, WORKER_BATCH_BYTES, WORKER_LINGER_NS
from .connection import producer_options, reaching, started
from .ending import abandon_producer
from .spec import ClusterSpec
from .topics import Topics


class Appended(NamedTuple):
    """Where an entry lies, and the broker's time of the append, ms. The core's position of it is
    `offset + 1`."""

    offset: int
    timestamp_ms: int

    @property
    def position(self) -> int:
        """The position at which a core steps the entry."""
        return self.offset + 1


class LogAppender:
    """Appends encoded entries to a log topic through a started, idempotent producer.

    The header's `appended` stays 0: the worker that steps an entry sets it to the broker's time.
    """

    def __init__(self, producer: Any, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def append(self, partition: int, entry: bytes) -> Appended:
        """Returns when the entry is durable, however long Kafka is away. Raises KafkaError where it
        refuses."""
        where = await self._producer.send_and_wait(self._topic, entry, partition=partition)
        return Appended(where.offset, where.timestamp or 0)


async def start_producer(spec: ClusterSpec, client_id: str) -> Any:
    """A started producer whose records are durable when acknowledged, in order, each once; its
    owner stops it. Raises SinkError where no broker answers."""
    from aiokafka import AIOKafkaProducer

    producer = AIOKafkaProducer(
        **producer_options(spec),
        client_id=client_id,
        linger_ms=WORKER_LINGER_NS // 1_000_000,
        max_batch_size=WORKER_BATCH_BYTES,
    )
    return await started(spec, producer)


async def stop_producer(producer: Any) -> None:
    """Sends what is left and ends the producer, within a bounded time."""
    try:
        async with asyncio.timeout(CLIENT_STOP_S):
            await producer.stop()
    except TimeoutError:
        await abandon_producer(producer)


@asynccontextmanager
async def log_appender(spec: ClusterSpec, client_id: str) -> AsyncIterator[LogAppender]:
    """A `LogAppender` with a producer of its own, for what is done in a moment. Raises SinkError
    where Kafka does not answer or refuses, also within."""
    producer = await start_producer(spec, client_id)
    try:
        async with reaching(spec):
            yield LogAppender(producer, Topics(spec.prefix).log)
    finally:
        await stop_producer(producer)
