"""What lies on the topics of a run, by plain aiokafka: nothing of the project reads here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete


class Lying(NamedTuple):
    """A record as it lies in its partition; `at` is the broker's time of it, ms."""

    partition: int
    offset: int
    at: int
    key: bytes
    value: bytes
    headers: Mapping[str, bytes]


class Topic:
    """Reads a topic from where it stopped the last time; also a context manager."""

    def __init__(self, bootstrap: str, name: str, partitions: int) -> None:
        self.records: list[Lying] = []
        self._places = [TopicPartition(name, p) for p in range(partitions)]
        self._consumer: Any = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=50,
        )

    async def __aenter__(self) -> Topic:
        try:
            await self._consumer.start()
        except BaseException:
            await self._consumer.stop()
            raise
        self._consumer.assign(self._places)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def more(self) -> int:
        """Reads up to where the topic ends now; how many records were new."""
        before = len(self.records)
        ends = await self._consumer.end_offsets(self._places)
        while any([await self._consumer.position(p) < ends[p] for p in self._places]):
            for batch in (await self._consumer.getmany(timeout_ms=100)).values():
                self.records += [
                    Lying(
                        r.partition, r.offset, r.timestamp, r.key or b"", r.value or b"",
                        dict(r.headers),
                    )
                    for r in batch
                ]  # fmt: skip
        return len(self.records) - before


async def read_all(bootstrap: str, name: str, partitions: int) -> list[Lying]:
    """Everything that lies on a topic now."""
    async with Topic(bootstrap, name, partitions) as topic:
        await topic.more()
        return topic.records


async def ends(bootstrap: str, name: str, partitions: int) -> dict[int, int]:
    """The offset behind the last record of each partition."""
    async with Topic(bootstrap, name, partitions) as topic:
        found = await topic._consumer.end_offsets(topic._places)
        return {place.partition: end for place, end in found.items()}


async def committed(bootstrap: str, group: str, name: str) -> dict[int, int]:
    """The offsets that a group has committed."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        found = await admin.list_consumer_group_offsets(group)
    finally:
        await admin.close()
    return {tp.partition: at.offset for tp, at in found.items() if tp.topic == name}


async def trim(bootstrap: str, name: str, before: Mapping[int, int]) -> None:
    """Deletes what lies before these offsets, as retention would."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        await admin.delete_records(
            {TopicPartition(name, p): RecordsToDelete(at) for p, at in before.items()}
        )
    finally:
        await admin.close()
