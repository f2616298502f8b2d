"""Who hears what on Kafka, what stands after a stretch of the alert topic, who is said to live."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from area_logs import SiteAlarms
from lifeline.engine.alarm_table import Event
from lifeline.engine.areas.configuration import Area, AreaConfiguration, AreaSite, prefixes
from lifeline.engine.areas.core import AreaCore
from lifeline.engine.areas.entry import Alive, AreaEntry, Heard, Standing, decode_area
from lifeline.engine.clock import SystemClock
from lifeline.engine.cluster.areas import AliveSender, Fold, dealt, hearers, split_areas
from lifeline.engine.cluster.spec import ClusterSpec
from lifeline.engine.cluster.stage import AREAS, SITES
from lifeline.engine.cluster.topics import partition_of
from lifeline.engine.core import Core
from lifeline.engine.entry import Header
from lifeline.engine.limits import ALIVE_INTERVAL_NS, SILENCE_LOOK_NS

M, N = 5, 3
SITES_HERE = tuple(AreaSite(f"s{i}", f"c{i % 2}/d{i % 3}/t{i}") for i in range(30))
AREAS_HERE = tuple(Area(path) for path in sorted({p for s in SITES_HERE for p in prefixes(s.area)}))


def test_each_area_is_in_one_part_with_every_site_that_it_could_hear() -> None:
    parts = split_areas(AreaConfiguration(AREAS_HERE, SITES_HERE, ("q",)), N, M)
    assert sorted(a.path for part in parts for a in part.areas) == [a.path for a in AREAS_HERE]
    for q, part in enumerate(parts):
        assert part.quality == ("q",)
        known = {site.id for site in part.sites}
        for area in part.areas:
            assert partition_of(area.path, M) == q
            assert {s.id for s in SITES_HERE if area.path in prefixes(s.area)} <= known
        for site in part.sites:
            assert site.engine == f"_engine.{partition_of(site.id, N)}"


def test_a_record_reaches_every_area_that_hears_it_and_in_order() -> None:
    parts = split_areas(AreaConfiguration(AREAS_HERE, SITES_HERE), N, M)
    records = [
        record
        for site in SITES_HERE
        for level in ("blue", "red")
        for record in SiteAlarms(site.id, site.area).set("high~1", level)
    ]
    records += SiteAlarms("area:c1/d1", "c1/d1").set("l~area", "red", "area.ladder")
    records += SiteAlarms("area:c1", "c1").set("l~area", "red", "area.ladder")
    records += SiteAlarms("_engine.2", "-/-/-").set("high~1", "red")
    deal = dealt(records, M)
    for q, part in enumerate(parts):
        heard = [r.site for r in deal[q].records] if q in deal else []
        assert {s.id for s in part.sites} == {s for s in heard if not s.startswith("area:")}
        assert "_engine.2" not in heard
        assert ("area:c1/d1" in heard) == (q == partition_of("c1", M))
        assert "area:c1" not in heard, "nobody lies above a city"
    assert all(isinstance(payload, Heard) for payload in deal.values())


def test_what_stands_after_a_stretch_is_what_hearing_all_of_it_gives() -> None:
    site = SiteAlarms("a", "c/d/s")
    records = site.set("high~1", "orange") + site.set("high~2", "blue") + site.set("high~3", "red")
    records += site.event("high~1", Event.ACKNOWLEDGE) + site.set("high~1", "normal")
    records += site.set("high~2", "normal") + site.set("high~3", "yellow")
    fold = Fold()
    for record in [*records[:4], *records]:
        fold.take(record)
    entries = fold.entries(M)
    assert {q for q, _ in entries} == hearers(records[0], M)
    (standing,) = {s.site: s for _, s in entries}.values()
    assert (standing.seq, standing.hash) == (records[-1].seq, records[-1].hash)
    assert sorted(r.alarm for r in standing.records) == ["high~2", "high~3"]
    cores = []
    for payload in (standing, Heard(tuple(records))):
        core = AreaCore()
        configuration = AreaConfiguration((Area("c"),), (AreaSite("a", "c/d/s"),))
        core.step(1, AreaEntry(Header(), configuration))
        core.step(2, AreaEntry(Header(), payload))
        cores.append((core.counted(), core.heard("a")))
    assert cores[0] == cores[1]
    assert isinstance(standing, Standing)


def test_the_stages_differ_in_topics_and_cores() -> None:
    spec = ClusterSpec(("x",), "p", N, area_partitions=M)
    assert (SITES.topics("p").log, AREAS.topics("p").log) == ("p.log", "p.areas")
    assert AREAS.topics("p").alerts == "p.area-alerts"
    assert AREAS.topics("p").checkpoints == "p.area-checkpoints"
    assert AREAS.topics("p").site_log == "p.log"
    assert (SITES.partitions(spec), AREAS.partitions(spec)) == (N, M)
    assert isinstance(AREAS.fresh(0), AreaCore)
    assert AREAS.restored(AREAS.fresh(0).snapshot(), 0).position == 0
    assert SITES.fresh(4).engine_site == "_engine.4"


def test_every_partition_of_the_area_log_is_told_who_lives() -> None:
    sent: list[tuple[int, Alive]] = []

    async def send_and_wait(topic: str, value: bytes, partition: int) -> None:
        payload = decode_area(value).payload
        assert isinstance(payload, Alive)
        sent.append((partition, payload))

    async def run() -> None:
        producer = SimpleNamespace(send_and_wait=send_and_wait)
        spec = ClusterSpec(("x",), "p", N, area_partitions=2)
        failed: list[Any] = []
        sender = AliveSender(spec, producer, SystemClock(), lambda *why: failed.append(why))
        part = SimpleNamespace(core=Core(), ticks=SimpleNamespace(caught_up=False))
        parts: Any = {2: part}
        sender.turn(parts, 1)
        await asyncio.sleep(0)
        assert sent == [], "what is behind says nothing of now"
        part.ticks.caught_up = True
        for now in (2, SILENCE_LOOK_NS + 2, 2 * SILENCE_LOOK_NS + 3, ALIVE_INTERVAL_NS * 2):
            sender.turn(parts, now)
            for _ in range(4):
                await asyncio.sleep(0)
        assert [(q, a.engine) for q, a in sent] == [(0, "_engine.2"), (1, "_engine.2")] * 2
        producer.send_and_wait = None  # what Kafka refuses ends the worker
        sender.turn(parts, ALIVE_INTERVAL_NS * 4)
        for _ in range(4):
            await asyncio.sleep(0)
        assert len(failed) == 1

    asyncio.run(run())
