"""A small city on a cluster: its files, its topics, and what lies on them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from lifeline.engine.cluster.admin import init
from lifeline.engine.cluster.apply import apply
from lifeline.engine.cluster.connection import client_options
from lifeline.engine.cluster.spec import ClusterSpec
from lifeline.engine.cluster.topics import Topics, partition_of
from lifeline.engine.config import Plant, load
from lifeline.engine.configuration import Configuration
from lifeline.engine.entry import Entry, decode
from lifeline.engine.frame import Frame
from servers.mosquitto import Mosquitto

PARTITIONS = 3
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
) -> Path:
    """`lifeline.yaml` and `sensors.csv` of a city with two gas detectors at each site."""
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
    path.write_text(text, encoding="utf-8")
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
