"""A run as it is in service: entries flow by the clock, workers append ticks, people acknowledge, and
meanwhile things are changed. There is no recording: what was right is what a replay of the log says
that the run has left.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
from aiokafka import AIOKafkaProducer

from cluster_kafka import STEADY, spec_of
from lifeline.engine.cluster.admin import init
from lifeline.engine.cluster.apply import apply
from lifeline.engine.cluster.partitioning import split
from lifeline.engine.cluster.topics import Topics, partition_of
from lifeline.engine.command import Command
from lifeline.engine.configuration import Configuration
from lifeline.engine.entry import Entry, EntryKind, Header, Payload, encode, opened
from lifeline.engine.frame import Frame
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.record import decode_record
from servers.kafka import Kafka

from . import evidence
from .campaign import PARTITIONS
from .fleet import Fleet, Life, Nursery
from .reading import Lying, Topic, committed, read_all
from .recording import City

_AGENT, _PERSON = "agent", "person"
_WINDOW_NS: Final = SECOND_NS // 5
#: How long the city can go on; a run ends it.
_LONGEST_S: Final = 90.0
_LEAD_NS: Final = 2 * SECOND_NS


class Flow:
    """An agent and a person: samples as they fall due, acknowledgements of what was raised."""

    def __init__(self, bootstrap: str, topics: Topics, city: City) -> None:
        self.sent: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
        self.configuration = city.configuration
        self._bootstrap = bootstrap
        self._topics = topics
        self._city = city
        self._number = 0
        self._ending = asyncio.Event()

    def stop(self) -> None:
        """What was sent so far is all."""
        self._ending.set()

    async def run(self) -> None:
        """Until it is stopped; returns when everything sent is durable."""
        self._producer: Any = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap, acks="all", enable_idempotence=True
        )
        await self._producer.start()
        flying: list[Any] = []
        try:
            async with Topic(self._bootstrap, self._topics.alerts, PARTITIONS) as alerts:
                for until, frames in self._city.frames(_WINDOW_NS):
                    await asyncio.sleep(max(0, until - time.time_ns()) / SECOND_NS)
                    if self._ending.is_set():
                        break
                    for site, frame in frames:
                        flying.append(await self._say(site, frame, _AGENT))
                    flying += await self._answer(alerts)
            await asyncio.gather(*flying)
        finally:
            await self._producer.stop()

    async def _answer(self, alerts: Topic) -> list[Any]:
        """Acknowledges every third alarm that was raised meanwhile."""
        known = len(alerts.records)
        await alerts.more()
        raised = [decode_record(each.value) for each in alerts.records[known:]]
        return [
            await self._say(
                record.site,
                Command(
                    f"{record.site}-{record.seq}", "acknowledge", record.site, record.alarm, "anna",
                    episode=record.episode, seq=record.seq,
                ),
                _PERSON,
            )
            for record in raised
            if record.transition == "raised" and record.seq % 3 == 0
        ]  # fmt: skip

    async def _say(self, site: str, payload: Payload, producer: str) -> Any:
        partition = partition_of(site, PARTITIONS)
        version = bytes(16)
        if isinstance(payload, Frame):
            parts = split(self.configuration, PARTITIONS)
            local = parts.local[payload.sensor]
            payload = Frame(local, payload.time, payload.value, payload.quality)
            version = parts.versions[partition]
        self._number += 1
        header = Header(
            self._city.tenant(site), producer, self._number, time.time_ns(), registry=version
        )
        data = encode(Entry(header, payload))
        self.sent[partition].append(data)
        return await self._producer.send(self._topics.log, data, partition=partition)


@dataclass
class LiveVerdict:
    """`violations` is empty when every claim holds."""

    lives: Sequence[Life]
    received: evidence.Received
    entries: dict[str, int]
    stall_s: float
    violations: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """One paragraph."""
        found = self.received
        return (
            f"{len(self.lives)} lives; entries {self.entries}; {len(found.of_sites())} records,"
            f" {found.repeated} came again, {len(found.doubled)} passed twice, {len(found.gaps)}"
            f" gaps; digest {evidence.digest(found.heads())}; longest stall {self.stall_s:.1f} s"
        )


class LiveRun:
    """One run on topics of its own."""

    fleet: Fleet
    flow: Flow

    def __init__(self, kafka: Kafka, prefix: str, nursery: Nursery, folder: Path) -> None:
        self.kafka = kafka
        spec = spec_of(kafka.bootstrap, prefix, PARTITIONS)
        self.spec = msgspec.structs.replace(spec, worker=STEADY)
        self.topics = Topics(prefix)
        self.folder = folder
        self.configurations: list[Configuration] = []
        self._nursery = nursery

    async def play(self, plot: Callable[[LiveRun], Awaitable[None]]) -> LiveVerdict:
        """The whole of it."""
        city_folder = self.folder / "city"
        city_folder.mkdir(parents=True)
        await init(self.spec)
        start = time.time_ns() + _LEAD_NS
        city = City.at(city_folder, _LONGEST_S, start)
        await self.apply(city.configuration)
        self.flow = Flow(self.kafka.bootstrap, self.topics, city)
        async with Fleet(
            self._nursery, self.spec, self.folder / "workers", ticks=True
        ) as self.fleet:
            flowing = asyncio.create_task(self.flow.run())
            try:
                await plot(self)
                self.flow.stop()
                await flowing
                await self._caught_up()
                codes = [await self.fleet.stop(life) for life in self.fleet.alive()]
            finally:
                flowing.cancel()
                with suppress(asyncio.CancelledError):
                    await flowing
        return await self._judge(codes)

    async def apply(self, configuration: Configuration) -> None:
        """Brings it into force; agents use it from then on."""
        await apply(self.spec, configuration)
        self.configurations.append(configuration)
        if hasattr(self, "flow"):
            self.flow.configuration = configuration

    async def _caught_up(self) -> None:
        """Until a tick lies behind everything that was said, and was stepped, or too long."""
        where, group = self.kafka.bootstrap, self.topics.group("worker")
        wanted = {p: len(sent) for p, sent in enumerate(self.flow.sent)}
        for _ in range(600):
            offsets = await committed(where, group, self.topics.log)
            log = await read_all(where, self.topics.log, PARTITIONS)
            stepped = [x for x in log if x.offset < offsets.get(x.partition, 0)]
            if all(len(_of(stepped, p, _AGENT, _PERSON)) >= n for p, n in wanted.items()):
                return
            await asyncio.sleep(0.5)

    async def _judge(self, codes: Sequence[int]) -> LiveVerdict:
        where = self.kafka.bootstrap
        log = await read_all(where, self.topics.log, PARTITIONS)
        found = evidence.received(await read_all(where, self.topics.alerts, PARTITIONS))
        offsets = await committed(where, self.topics.group("worker"), self.topics.log)
        parts = [
            [x.value for x in log if x.partition == p and x.offset < offsets.get(p, 0)]
            for p in range(PARTITIONS)
        ]
        at_ms = {(x.partition, x.offset): x.at for x in log}
        replay = evidence.replayed(parts, self.configurations, at_ms)
        violations = [
            *evidence.filtered(found),
            *evidence.compared(found.records, replay, "a replay of the log"),
            *(
                f"partition {p}: sent and found in the log differ"
                for p, sent in enumerate(self.flow.sent)
                if _of(log, p, _AGENT, _PERSON) != sent
                or len(_of(log, p, _AGENT, _PERSON)) > len(parts[p])
            ),
            *(f"a worker stopped with {code}" for code in codes if code),
        ]
        entries: dict[str, int] = {}
        for each in log:
            kind = EntryKind(opened(each.value)[0]).name.lower()
            entries[kind] = entries.get(kind, 0) + 1
        stall = evidence.longest_stall_s(found, log)
        return LiveVerdict(self.fleet.lives, found, entries, stall, violations)


def _of(log: Sequence[Lying], partition: int, *producers: str) -> list[bytes]:
    return [
        x.value
        for x in log
        if x.partition == partition and opened(x.value)[1].producer in producers
    ]
