"""A small city on a cluster: its files, its topics, and what lies on them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from lifeline.engine.cluster.admin import init
from lifeline.engine.cluster.append import start_producer, stop_producer
from lifeline.engine.cluster.apply import apply
from lifeline.engine.cluster.connection import client_options
from lifeline.engine.cluster.partitioning import split
from lifeline.engine.cluster.spec import ClusterSpec
from lifeline.engine.cluster.topics import Topics, partition_of
from lifeline.engine.config import Plant, load
from lifeline.engine.configuration import Configuration
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header, decode
from lifeline.engine.frame import Frame
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.record import Record
from servers.mosquitto import Mosquitto

PARTITIONS = 3
START = 1_760_000_000 * SECOND_NS
SITES = ("north", "east", "south", "west", "tank", "mine")
_T = TypeVar("_T")

_FILE = """\
version: 1
node: plant-1
tenant: acme
broker: {{host: 127.0.0.1, port: {port}}}
outputs: {{mqtt: {{}}{influx}}}
storage: {{directory: {directory}}}
sites:
{sites}
sensors: sensors.csv
sources:
  - id: gas
    topics: ["gas/{{station}}/{{device}}"]
    site: "{{station}}"
    payload: {{sensor: "{{device}}", time: {{path: ts}}}}
rules:
  - id: gas.high
    kind: limit
    select: {{quantity: gas.combustible}}
    high: {{orange: 25 %LEL, red: 50 %LEL}}
    off_delay: 0s
"""


def run(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """In a loop of its own."""
    return asyncio.run(coroutine)


def spec_of(bootstrap: str, prefix: str) -> ClusterSpec:
    """A cluster of one broker."""
    return ClusterSpec(
        servers=(bootstrap,),
        prefix=prefix,
        partitions=PARTITIONS,
        area_partitions=1,
        replication=1,
    )


def city_file(
    directory: Path,
    broker: Mosquitto,
    *,
    sites: tuple[str, ...] = SITES,
    influx: str = "",
    cluster: ClusterSpec | None = None,
    more: str = "",
) -> Path:
    """`lifeline.yaml` (with `more` sections) and `sensors.csv` of a city with two gas detectors at each site."""
    text = _FILE.format(
        port=broker.port,
        directory=directory / "data",
        influx=influx,
        sites="\n".join(f"  - {{id: {s}, area: hefei/shushan/{s}}}" for s in sites),
    )
    if cluster is not None:
        text += (
            f"cluster: {{servers: [{cluster.servers[0]}], prefix: {cluster.prefix}, "
            f"partitions: {cluster.partitions}, area_partitions: 1, replication: 1}}\n"
        )
    path = directory / "lifeline.yaml"
    path.write_text(text + more, encoding="utf-8")
    head = "id,site,quantity,unit,low,high,reports,gas\n"
    rows = [
        f"GD-{n},{s},gas.combustible,%LEL,0,100,on_change 1h,methane\n"
        for s in sites
        for n in (1, 2)
    ]
    (directory / "sensors.csv").write_text(head + "".join(rows), encoding="utf-8")
    return path


def city(directory: Path, broker: Mosquitto, cluster: ClusterSpec, **more: Any) -> Plant:
    """The plant of `city_file`, on this cluster."""
    return replace(load(city_file(directory, broker, **more)), cluster=cluster)


def make_cluster(cluster: ClusterSpec, configuration: Configuration) -> None:
    """Topics, and the configuration in force."""
    run(init(cluster))
    run(apply(cluster, configuration))


class Logged(NamedTuple):
    """A record of a topic; `entry` is its decoded value where it is the log's."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes
    timestamp_ms: int
    headers: dict[str, bytes]

    @property
    def entry(self) -> Entry:
        return decode(self.value)


async def _read(cluster: ClusterSpec, topic: str) -> list[Logged]:
    from aiokafka import AIOKafkaConsumer, TopicPartition

    consumer = AIOKafkaConsumer(**client_options(cluster), enable_auto_commit=False)
    await consumer.start()
    try:
        known = await consumer._client.fetch_all_metadata()
        places = [TopicPartition(topic, p) for p in sorted(known.partitions_for_topic(topic) or ())]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        found: list[Logged] = []
        while any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [
                    Logged(r.partition, r.offset, r.key, r.value, r.timestamp, dict(r.headers))
                    for r in records
                ]
        return found
    finally:
        await consumer.stop()


def topic_records(cluster: ClusterSpec, topic: str) -> list[Logged]:
    """Everything on a topic now, by partition in order."""
    return run(_read(cluster, topic))


def log_samples(cluster: ClusterSpec) -> list[Logged]:
    """The `samples` entries of the log."""
    found = topic_records(cluster, Topics(cluster.prefix).log)
    return [each for each in found if isinstance(each.entry.payload, Frame)]


class Sample(NamedTuple):
    """One row as a core would read it."""

    site: str
    sensor: str
    time: int
    value: float
    received: int


def samples(
    records: list[Logged], cluster: ClusterSpec, parts: dict[bytes, Configuration]
) -> Iterator[Sample]:
    """Rows of `samples` records in order, named by the configuration that each record names."""
    for record in records:
        entry = record.entry
        part = parts[entry.header.registry]
        frame = entry.payload
        assert isinstance(frame, Frame)
        for sensor, time, value in zip(frame.sensor, frame.time, frame.value, strict=True):
            named = part.sensors[sensor]
            site = part.sites[named.site].id
            assert partition_of(site, cluster.partitions) == record.partition
            yield Sample(site, named.id, int(time), float(value), entry.header.received)


@dataclass
class Judges:
    """A core for each partition, as workers have them, and what they say on the topic of alerts."""

    cluster: ClusterSpec
    configuration: Configuration
    said: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._parts = split(self.configuration, self.cluster.partitions)
        self._cores = [Core(engine_site=f"_engine.{p}") for p in range(self.cluster.partitions)]
        self._now = START
        for core, part in zip(self._cores, self._parts.parts, strict=True):
            core.step(1, Entry(Header(received=self._now, appended=self._now), part))

    def judge(self, site: str, *values: float) -> list[Record]:
        """Values of the site's first detector, a minute apart; the records that they make."""
        p = partition_of(site, self.cluster.partitions)
        core, part = self._cores[p], self._parts.parts[p]
        sensor = next(
            i
            for i, s in enumerate(part.sensors)
            if part.sites[s.site].id == site and s.id == "GD-1"
        )
        found: list[Record] = []
        for value in values:
            self._now += 60 * SECOND_NS  # nothing implausibly fast
            header = Header("acme", "test", 0, self._now, self._now, self._parts.versions[p])
            entry = Entry(header, Frame.of([sensor], [self._now], [value]))
            found += list(core.step(core.position + 1, entry))
        return found

    def say(self, records: Iterable[Record]) -> None:
        """Puts records on the topic, durably, as a worker does."""
        records = list(records)
        run(_say(self.cluster, records))
        self.said += records


async def _say(cluster: ClusterSpec, records: list[Record]) -> None:
    producer = await start_producer(cluster, "test-judge")
    try:
        for record in records:
            place = partition_of(record.site, cluster.partitions)
            await producer.send(
                Topics(cluster.prefix).alerts,
                record.encode(),
                key=record.site.encode(),
                partition=place,
                headers=[("position", b"1"), ("partition", b"%d" % place)],
            )
    finally:
        await stop_producer(producer)


def committed(cluster: ClusterSpec, role: str, topic: str) -> dict[int, int]:
    """What a sink's group has committed, by partition."""

    async def ask() -> dict[int, int]:
        from aiokafka import AIOKafkaConsumer, TopicPartition

        group = Topics(cluster.prefix).group(role)
        consumer = AIOKafkaConsumer(
            **client_options(cluster), group_id=group, enable_auto_commit=False
        )
        await consumer.start()
        try:
            places = [TopicPartition(topic, p) for p in range(cluster.partitions)]
            consumer.assign(places)
            return {p.partition: await consumer.committed(p) or 0 for p in places}
        finally:
            await consumer.stop()

    return run(ask())
