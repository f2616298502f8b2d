"""Configurations on their topic: written, found by version, watched.

    async with ConfigStore(spec) as store:
        current = store.current()              # what is in force, None before the first apply
        part = await store.find(current.part(3))
        await store.refresh()                  # whether `current` changed

Everything lies in one partition, so that the order of its records is the same for everybody. The
store reads it once and then what is added; it keeps heads and places of chunks, not the chunks.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from ..clock import Clock, SystemClock
from ..configuration import Configuration
from ..errors import EntryError, SinkError
from ..limits import (
    CLUSTER_CONFIG_BATCH,
    CLUSTER_CONFIG_WAIT_NS,
    CLUSTER_CONFIGURATIONS_KEPT,
    CLUSTER_MESSAGE_BYTES,
    CLUSTER_REQUEST_NS,
    SECOND_NS,
)
from .config_index import Index
from .connection import client_options, producer_options, reaching, started
from .contents import (
    CURRENT_KEY,
    Base,
    Content,
    Current,
    Head,
    applied_key,
    chunk_key,
    head_key,
    packed,
    unpacked,
)
from .ending import abandon_producer, end_consumer
from .partitioning import Split, split
from .spec import ClusterSpec
from .topics import Topics

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

Record = tuple[bytes, bytes | None]  # key, value
_LOOK_AGAIN_S = 0.5
_POLL_MS = 1_000


@dataclass(frozen=True, slots=True)
class Written:
    """What a publication put on the topic: contents by form, and their bytes."""

    whole: int = 0
    delta: int = 0
    records: int = 0
    size: int = 0


class ConfigStore:
    """The configs topic. One task at a time calls it; its own lock keeps others waiting.

    Every method raises SinkError where the brokers do not answer, and EntryError where what lies
    on the topic is not what its head says.
    """

    def __init__(self, spec: ClusterSpec, clock: Clock | None = None) -> None:
        self._spec = spec
        self._topic = Topics(spec.prefix).configs
        self._clock = clock or SystemClock()
        self._index = Index()
        self._kept: OrderedDict[bytes, Configuration] = OrderedDict()
        self._lock = asyncio.Lock()
        self._reader: AIOKafkaConsumer | None = None
        self._writer: AIOKafkaProducer | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, _t: type[BaseException] | None, _e: BaseException | None, _b: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Connects and reads the topic to its end."""
        from aiokafka import AIOKafkaConsumer

        reader = AIOKafkaConsumer(
            **client_options(self._spec),
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            max_partition_fetch_bytes=CLUSTER_MESSAGE_BYTES,
        )
        self._reader = await started(self._spec, reader)
        await self._check_topic()
        self._reader.assign([self._place()])
        await self.refresh()

    async def _check_topic(self) -> None:
        async with reaching(self._spec):
            there = await self._reading().topics()
        if self._topic not in there:
            await self.stop()
            raise SinkError(
                f"there is no topic {self._topic}: has `lifeline cluster init` run, and is "
                f"cluster.prefix ({self._spec.prefix}) right?",
                permanent=True,
            )

    async def stop(self) -> None:
        """Disconnects. Does nothing where it is not connected."""
        reader, self._reader = self._reader, None
        writer, self._writer = self._writer, None
        if writer is not None:
            await abandon_producer(writer)  # what was put is durable; what was not has been told
        if reader is not None:
            await end_consumer(reader)

    # --- reading ---------------------------------------------------------------------------------
    def current(self) -> Current | None:
        """What was in force when the topic was last read."""
        return self._index.current

    def holds(self, current: Current) -> bool:
        """Whether the contents of all its versions lie on the topic, as far as it was read."""
        return all(version in self._index.heads for version in (current.city, *current.parts))

    @property
    def index(self) -> Index:
        """Everything that is known of the topic; for whoever applies."""
        return self._index

    async def refresh(self) -> bool:
        """Reads what was added; whether another configuration came into force."""
        before = self._index.current_at
        async with self._lock, reaching(self._spec):
            await self._read_to_end()
        return self._index.current_at != before

    async def find(self, version: bytes, within_ns: int = CLUSTER_CONFIG_WAIT_NS) -> Configuration:
        """The configuration with this version, of a city or of a part.

        Waits for it at most `within_ns`; raises EntryError naming it where it does not come.
        """
        deadline = self._clock.monotonic() + within_ns
        while version.hex() not in self._index.heads:
            if self._clock.monotonic() > deadline:
                raise EntryError(
                    f"configuration {version.hex()} is not on topic {self._topic}, "
                    f"{within_ns / SECOND_NS:g} s after it was named: was the topic trimmed, or "
                    "made anew? `lifeline cluster status` tells what it holds"
                )
            if not await self.refresh():
                await asyncio.sleep(_LOOK_AGAIN_S)
        return await self._load(version)

    async def _load(self, version: bytes) -> Configuration:
        if version in self._kept:
            self._kept.move_to_end(version)
            return self._kept[version]
        head = self._index.heads[version.hex()]
        base = await self._load_base(version, head)
        async with self._lock, reaching(self._spec):
            chunks = await self._fetch(self._index.places(version, head))
        found = unpacked(version, head, chunks, base)
        self._keep(version, found)
        return found

    async def _load_base(self, version: bytes, head: Head) -> Configuration | None:
        if not head.base:
            return None
        if head.base not in self._index.heads:
            raise EntryError(
                f"configuration {version.hex()} is a delta, and its base {head.base} is not on "
                f"topic {self._topic}"
            )
        return await self._load(bytes.fromhex(head.base))

    def _keep(self, version: bytes, configuration: Configuration) -> None:
        self._kept[version] = configuration
        while len(self._kept) > CLUSTER_CONFIGURATIONS_KEPT:
            self._kept.popitem(last=False)

    async def _read_to_end(self) -> None:
        reader, place = self._reading(), self._place()
        end = (await reader.end_offsets([place]))[place]
        if self._index.next == 0:
            await reader.seek_to_beginning(place)
        else:
            reader.seek(place, self._index.next)
        heard = self._clock.monotonic()
        while (before := await reader.position(place)) < end:
            for records in (await reader.getmany(place, timeout_ms=_POLL_MS)).values():
                for record in records:
                    self._index.see(record)
            if await reader.position(place) > before:
                heard = self._clock.monotonic()
            elif self._clock.monotonic() - heard > CLUSTER_REQUEST_NS:
                raise SinkError(f"topic {self._topic} gives nothing: has it a leader?")
        self._index.next = end

    async def _fetch(self, offsets: list[int]) -> list[bytes]:
        """The values of these records, in this order."""
        reader, place = self._reading(), self._place()
        found: dict[int, bytes] = {}
        expected = -1
        for offset in sorted(offsets):
            if offset != expected:
                reader.seek(place, offset)
            async with asyncio.timeout(CLUSTER_REQUEST_NS / SECOND_NS):
                record = await reader.getone(place)
            if record.offset != offset:
                raise EntryError(f"record {offset} of topic {self._topic} is gone")
            found[offset] = record.value or b""
            expected = offset + 1
        return [found[offset] for offset in offsets]

    def _reading(self) -> AIOKafkaConsumer:
        if self._reader is None:
            raise SinkError("the store of configurations is not started")
        return self._reader

    def _place(self) -> TopicPartition:
        from aiokafka import TopicPartition

        return TopicPartition(self._topic, 0)

    # --- writing ---------------------------------------------------------------------------------
    async def publish(
        self, configuration: Configuration, n: int, live: Split | None = None
    ) -> tuple[Current, Written]:
        """Makes the configuration and its `n` parts durable on the topic. Nothing names them yet.

        What lies there already is not written again; what changed little is written as a delta to
        what is in force. `live` is the split of the configuration, where it is there already.
        """
        parts = live or split(configuration, n)
        bases = await self._bases(n)
        written = Written()
        wanted = [(-1, configuration.version(), configuration)]
        wanted += [(p, parts.versions[p], parts.parts[p]) for p in range(n)]
        for p, version, content in wanted:
            if version.hex() not in self._index.heads:
                done = packed(content, version, bases.get(p))
                await self._write(done)
                written = _counted(written, done)
        await self.refresh()
        return _described(configuration, parts, n), written

    async def _bases(self, n: int) -> dict[int, Base]:
        """What deltas may refer to: the city (-1) and the parts that are in force."""
        current = self._index.current
        if current is None:
            return {}
        versions = {-1: current.version()}
        if current.n == n:
            versions |= {p: current.part(p) for p in range(n)}
        city = await self._load(current.version())
        parts = split(city, n).parts
        return {
            p: Base(v, self._index.heads[v.hex()].depth, city if p < 0 else parts[p])
            for p, v in versions.items()
            if v.hex() in self._index.heads
        }

    async def _write(self, content: Content) -> None:
        """Chunks first, then the head: whoever sees the head finds the chunks."""
        version, head = content.version, content.head
        records = [(chunk_key(version, head, i), c) for i, c in enumerate(content.chunks)]
        await self.put([*records, (head_key(version), msgspec.json.encode(head))])

    async def put(self, records: Sequence[Record]) -> None:
        """Writes records in their order, durable on return (None: deleted)."""
        writer = await self._writing()
        for some in _in_batches(records):
            # An idempotent producer never gives up by itself.
            async with reaching(self._spec), asyncio.timeout(CLUSTER_REQUEST_NS / SECOND_NS):
                sent = [
                    await writer.send(self._topic, key=key, value=value, partition=0)
                    for key, value in some
                ]
                await asyncio.gather(*sent)

    async def announce(self, current: Current) -> None:
        """Says that this configuration is in force, now that the log names it everywhere."""
        data = msgspec.json.encode(current)
        await self.put([(applied_key(current.version()), data), (CURRENT_KEY, data)])
        await self.refresh()

    async def _writing(self) -> AIOKafkaProducer:
        if self._writer is None:
            from aiokafka import AIOKafkaProducer

            writer = AIOKafkaProducer(**producer_options(self._spec))
            self._writer = await started(self._spec, writer)
        return self._writer


def _in_batches(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """So many that what waits for the brokers stays within memory and one request's time."""
    step = CLUSTER_CONFIG_BATCH
    return (records[at : at + step] for at in range(0, len(records), step))


def _counted(written: Written, content: Content) -> Written:
    whole = content.head.form == "whole"
    return Written(
        written.whole + whole,
        written.delta + (not whole),
        written.records + len(content.chunks) + 1,
        written.size + content.head.size,
    )


def _described(configuration: Configuration, parts: Split, n: int) -> Current:
    live: Mapping[str, list[Any]] = {
        "sites": [sum(not site.retired for site in part.sites) for part in parts.parts],
        "sensors": [sum(not sensor.retired for sensor in part.sensors) for part in parts.parts],
    }
    return Current(
        city=configuration.version().hex(),
        n=n,
        parts=tuple(version.hex() for version in parts.versions),
        sites=tuple(live["sites"]),
        sensors=tuple(live["sensors"]),
    )
