"""Areas on a real Kafka: sites raise, the area is told, its orders reach every site, whoever dies."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from cluster_kafka import until
from lifeline.engine.areas.core import AreaCore
from lifeline.engine.clock import SystemClock
from lifeline.engine.cluster.admin import init
from lifeline.engine.cluster.append import log_appender
from lifeline.engine.cluster.apply import apply
from lifeline.engine.cluster.areas import apply_areas
from lifeline.engine.cluster.connection import client_options
from lifeline.engine.cluster.partitioning import split
from lifeline.engine.cluster.reading import Torn, read_area_entry, stamped
from lifeline.engine.cluster.spec import ClusterSpec
from lifeline.engine.cluster.topics import Topics
from lifeline.engine.command import Command
from lifeline.engine.config import Plant, load
from lifeline.engine.entry import Entry, Header, decode, encode
from lifeline.engine.frame import Frame
from lifeline.engine.record import Record, decode_record, first_break
from plant_files import AREA_RULES, AREA_TAGS, HEAD, PlantFiles
from servers.kafka import Kafka

PARTITIONS, AREA_PARTITIONS = 3, 2
HERE = "area:hefei/shushan"
AREAS = """\
areas:
  - path: hefei/shushan
    ladders: [{id: gas.ladder, select: {rule: gas.high}, count: points, off_delay: 1s}]
    halt_work: [{id: rain.halt, when: {rule: rain.high}, release_after: 1s}]
  - path: hefei
    ladders: [{id: city.ladder, count: areas, counts: {yellow: 1}, off_delay: 1s}]
"""
EAST_GAS, EAST_RAIN, WEST_GAS = range(3)


class City:
    """The plant's files, its cluster, and a hand that puts samples into the log."""

    def __init__(self, kafka: Kafka, prefix: str, folder: Path) -> None:
        self.folder = folder
        cluster = (
            f"cluster: {{servers: [{kafka.bootstrap}], prefix: {prefix}, partitions: {PARTITIONS}, "
            f"area_partitions: {AREA_PARTITIONS}, replication: 1, "
            "worker: {checkpoint: 1s, session: 10s, heartbeat: 1s, rebalance: 20s}}\n"
        )
        files = PlantFiles(head=HEAD + AREAS + cluster, rules=AREA_RULES, tags=AREA_TAGS)
        self.path = files.write(folder)
        self.plant: Plant = load(self.path)
        assert self.plant.cluster is not None
        self.spec: ClusterSpec = self.plant.cluster
        self.topics = Topics(prefix)
        self.parts = split(self.plant.configuration, PARTITIONS)

    def make(self) -> None:
        async def all_of_it() -> None:
            await init(self.spec)
            await apply(self.spec, self.plant.configuration)
            await apply_areas(self.spec, self.plant.areas, SystemClock())

        asyncio.run(all_of_it())

    def send(self, *rows: tuple[int, float]) -> None:
        """One sample of each of these sensors, now."""

        async def append() -> None:
            async with log_appender(self.spec, "test") as log:
                for sensor, value in rows:
                    p = int(self.parts.partition_of_sensor[sensor])
                    now = SystemClock().wall()
                    frame = Frame.of([int(self.parts.local[sensor])], [now], [value])
                    header = Header("acme", "test", 0, now, registry=self.parts.versions[p])
                    await log.append(p, encode(Entry(header, frame)))

        asyncio.run(append())

    def lying(self, topic: str) -> list[tuple[int, int, int, bytes]]:
        """(partition, offset, timestamp in ms, value) of all that lies on a topic."""

        async def read() -> list[tuple[int, int, int, bytes]]:
            consumer = AIOKafkaConsumer(**client_options(self.spec), auto_offset_reset="earliest")
            await consumer.start()
            found = []
            try:
                known = await consumer._client.fetch_all_metadata()
                places = [TopicPartition(topic, p) for p in known.partitions_for_topic(topic) or ()]
                consumer.assign(places)
                await consumer.seek_to_beginning(*places)
                ends = await consumer.end_offsets(places)
                while any([await consumer.position(p) < ends[p] for p in places]):
                    for rows in (await consumer.getmany(timeout_ms=200)).values():
                        found += [
                            (r.partition, r.offset, r.timestamp, r.value or b"") for r in rows
                        ]
            finally:
                await consumer.stop()
            return sorted(found)

        return asyncio.run(read())

    def records(self, topic: str) -> list[Record]:
        """Alert records after the `seq` filter, each site's chain unbroken."""
        by_site: dict[str, list[Record]] = {}
        for *_, value in self.lying(topic):
            record = decode_record(value)
            mine = by_site.setdefault(record.site, [])
            if mine and record.seq <= mine[-1].seq:
                assert mine[record.seq - 1] == record, "another record under a known seq"
            else:
                mine.append(record)
        for mine in by_site.values():
            assert [r.seq for r in mine] == list(range(1, len(mine) + 1))
            assert first_break(mine) is None
        return [r for _, mine in sorted(by_site.items()) for r in mine]

    @contextmanager
    def worker(self, name: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        output = self.folder / f"{name}.log"
        with output.open("ab") as out:
            process = subprocess.Popen(
                [
                    sys.executable, "-m", "lifeline.engine.cli", "worker", str(self.path),
                    "--name", name, "--verbose", *arguments,
                ],
                stdout=out, stderr=out, env=os.environ, cwd=self.folder,
            )  # fmt: skip
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()

    def told(self) -> str:
        """What the workers said, for a test that fails."""
        return "\n".join(p.read_text()[-4_000:] for p in sorted(self.folder.glob("*.log")))

    def until(self, topic: str, *wanted: str) -> None:
        """Waits for these records, as `site alarm:transition`."""

        def there() -> bool:
            found = {f"{r.site} {r.alarm}:{r.transition}" for r in self.records(topic)}
            return set(wanted) <= found

        until(there, self.told)


@pytest.fixture
def city(kafka: Kafka, kafka_prefix: str, tmp_path: Path) -> City:
    made = City(kafka, kafka_prefix, tmp_path)
    made.make()
    return made


def replayed(city: City) -> tuple[dict[tuple[str, int], Record], list[Command]]:
    """One core for each partition of the area log, from its first entry."""
    records: dict[tuple[str, int], Record] = {}
    orders: list[Command] = []
    cores = [AreaCore() for _ in range(AREA_PARTITIONS)]
    for partition, offset, stamp_ms, value in city.lying(city.topics.areas):
        entry = read_area_entry(value)
        assert not isinstance(entry, Torn)
        out: Any = cores[partition].step(offset + 1, stamped(entry, stamp_ms))
        records |= {(r.site, r.seq): r for r in out}
        orders += [order.command for order in out.orders]
    return records, orders


def test_areas_hear_sites_and_order_them_over_the_death_of_workers(city: City) -> None:
    alerts, area_alerts = city.topics.alerts, city.topics.area_alerts
    with city.worker("sites"):
        with city.worker("areas-1", "--areas") as doomed:
            city.send((EAST_GAS, 30.0), (WEST_GAS, 30.0))
            city.until(
                area_alerts,
                f"{HERE} gas.ladder~area:raised",
                "area:hefei city.ladder~area:raised",
            )
            doomed.kill()
            doomed.wait()
        city.send((EAST_RAIN, 60.0))
        with city.worker("areas-2", "--areas") as last:
            halted = f"rain.halt~{HERE}"
            city.until(alerts, f"east {halted}:raised", f"west {halted}:raised")
            for _ in range(2):
                city.send((EAST_RAIN, 0.0), (EAST_GAS, 0.0))
            city.until(alerts, f"east {halted}:returned", f"west {halted}:returned")
            city.until(
                area_alerts,
                f"{HERE} rain.halt~area:returned",
                f"{HERE} gas.ladder~area:returned",
                "area:hefei city.ladder~area:returned",
            )
            last.terminate()
            assert last.wait(180) == 0, city.told()
    records, orders = replayed(city)
    found = city.records(area_alerts)
    assert {(r.site, r.seq): r for r in found} == records, "the area log leads to what was told"
    assert not [r for r in found if r.rule == "area.gap"]
    logged = Counter(
        entry.payload.id
        for *_, value in city.lying(city.topics.log)
        if isinstance((entry := decode(value)).payload, Command)
    )
    assert set(logged) == {order.id for order in orders}
    carried = Counter(r.detail["command"] for r in city.records(alerts) if "command" in r.detail)
    assert set(carried.values()) == {1}, "each order once, however often it came"


def test_an_area_stage_that_comes_later_begins_with_what_stands(city: City) -> None:
    with city.worker("sites"):
        city.send((EAST_GAS, 30.0), (WEST_GAS, 30.0))
        city.until(city.topics.alerts, "east gas.high~GD-1:raised", "west gas.high~GD-1:raised")
        with city.worker("areas", "--areas"):
            city.until(city.topics.area_alerts, f"{HERE} gas.ladder~area:raised")
    raised = [r for r in city.records(city.topics.area_alerts) if r.site == HERE]
    assert raised[0].detail["by"] in ("east#1", "west#1"), "by what stands, not by its history"
