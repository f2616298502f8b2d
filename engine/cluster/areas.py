"""The area stage on Kafka: who hears what, and what brings it there.

An area lies in the partition of the area log that its path hashes to. A site's records go to the partitions of
all three beginnings of its area, configured or not, so that an area that comes later knows what
stands. `AreaFeeder` passes records on at least once; the cores count each once, by its seq.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from ..areas.configuration import SITE, AreaConfiguration, prefixes
from ..areas.entry import AreaEntry, AreaPayload, Heard, Standing, encode_area
from ..areas.hearing import AliveTeller, above
from ..clock import Clock
from ..entry import Header
from ..limits import AREA_FEED_RECORDS, MIRROR_POLL_MS, SILENCE_LOOK_NS
from ..record import Record, decode_record
from .append import LogAppender, start_producer, stop_producer
from .connection import member_options, reaching
from .ending import end_consumer
from .part import Part
from .spec import ClusterSpec
from .stage import engine_site
from .topics import Topics, partition_of

PRODUCER = "areas"
_RETRY_S = 1.0


def split_areas(
    configuration: AreaConfiguration, partitions: int, area_partitions: int
) -> tuple[AreaConfiguration, ...]:
    """The configuration of each partition of the area log: its areas, and the sites that any area
    there could hear, each with the engine that judges it."""
    sites = [
        msgspec.structs.replace(site, engine=engine_site(partition_of(site.id, partitions)))
        for site in configuration.sites
    ]
    return tuple(
        AreaConfiguration(
            tuple(a for a in configuration.areas if partition_of(a.path, area_partitions) == q),
            tuple(s for s in sites if q in _heard_in(prefixes(s.area), area_partitions)),
            configuration.quality,
        )
        for q in range(area_partitions)
    )


def _heard_in(paths: Iterable[str], area_partitions: int) -> frozenset[int]:
    return frozenset(partition_of(path, area_partitions) for path in paths)


def hearers(record: Record, area_partitions: int) -> frozenset[int]:
    """The partitions of the area log that hear a record; none for an engine's own."""
    if record.site.startswith(SITE):
        return _heard_in(above(record.site), area_partitions)
    if record.site.startswith("_engine"):
        return frozenset()
    return _heard_in(prefixes(record.area), area_partitions)


def dealt(records: Iterable[Record], area_partitions: int) -> dict[int, Heard]:
    """Records by the partition that hears them, each in order."""
    found: dict[int, list[Record]] = {}
    for record in records:
        for q in hearers(record, area_partitions):
            found.setdefault(q, []).append(record)
    return {q: Heard(tuple(mine)) for q, mine in found.items()}


class Fold:
    """What stands after a stretch of the alert topic, site by site."""

    def __init__(self) -> None:
        self._last: dict[str, Record] = {}
        self._standing: dict[str, dict[str, Record]] = {}

    def take(self, record: Record) -> None:
        """The next record of its partition; repeats are harmless."""
        last = self._last.get(record.site)
        if last is not None and record.seq <= last.seq:
            return
        self._last[record.site] = record
        standing = self._standing.setdefault(record.site, {})
        if record.transition != "notice":
            standing.pop(record.alarm, None)
            if record.state_after != "normal":
                standing[record.alarm] = record

    def entries(self, area_partitions: int) -> list[tuple[int, Standing]]:
        """What each partition of the area log is told, site by site."""
        made = []
        for site, last in sorted(self._last.items()):
            records = tuple(self._standing[site].values())
            for q in sorted(hearers(last, area_partitions)):
                made.append((q, Standing(site, last.seq, last.hash, records)))
        return made


async def apply_areas(spec: ClusterSpec, configuration: AreaConfiguration, clock: Clock) -> None:
    """Logs the configuration of areas in every partition of the area log. After that of the sites:
    an area's order must find the site. Raises SinkError."""
    producer = await start_producer(spec, "lifeline-area-apply")
    try:
        async with reaching(spec):
            log = LogAppender(producer, Topics(spec.prefix).areas)
            parts = split_areas(configuration, spec.partitions, spec.area_partitions)
            for q, part in enumerate(parts):
                header = Header(producer="configuration", received=clock.wall())
                await log.append(q, encode_area(AreaEntry(header, part)))
    finally:
        await stop_producer(producer)


class AliveSender:
    """Tells every partition of the area log how far this worker's cores are, and who is silent."""

    def __init__(
        self, spec: ClusterSpec, producer: Any, clock: Clock, fail: Callable[..., None]
    ) -> None:
        self._topic = Topics(spec.prefix).areas
        self._partitions = spec.area_partitions
        self._producer = producer
        self._clock = clock
        self._fail = fail
        self._tellers: dict[int, tuple[Part, AliveTeller]] = {}
        self._look_at = 0
        self._sending: set[asyncio.Task[None]] = set()
        self._sent = 0

    def turn(self, parts: Mapping[int, Part], now: int) -> None:
        """Called often, in the worker's loop; `now` is monotonic."""
        if now < self._look_at:
            return
        self._look_at = now + SILENCE_LOOK_NS
        for number, part in parts.items():
            known = self._tellers.get(number)
            if known is None or known[0] is not part:
                known = self._tellers[number] = part, AliveTeller(engine_site(number))
            alive = known[1].tell(part.core, now) if part.ticks.caught_up else None
            if alive is not None:
                task = asyncio.create_task(self._send(alive))
                self._sending.add(task)
                task.add_done_callback(self._settled)

    async def _send(self, payload: AreaPayload) -> None:
        self._sent += 1
        header = Header("", PRODUCER, self._sent, self._clock.wall())
        data = encode_area(AreaEntry(header, payload))
        for q in range(self._partitions):
            await self._producer.send_and_wait(self._topic, data, partition=q)

    def _settled(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._fail(f"areas could not be told who is silent: {error}", error)


class AreaFeeder:
    """Passes alert records on into the area log, as a member of a consumer group of its own.

    tell(kind, text): `areas_not_fed`, `areas_fed`
    """

    def __init__(self, spec: ClusterSpec, clock: Clock, tell: Callable[[str, str], None]) -> None:
        self._spec = spec
        self._topics = Topics(spec.prefix)
        self._clock = clock
        self._tell = tell
        self._failing = False
        self._sent = 0
        self.counters: Counter[str] = Counter()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            try:
                await self._connected()
            except Exception as error:  # noqa: BLE001  whatever the client raises, it goes on
                if not self._failing:
                    self._tell("areas_not_fed", str(error) or type(error).__name__)
                self._failing = True
                await asyncio.sleep(_RETRY_S)

    async def _connected(self) -> None:
        from aiokafka import AIOKafkaConsumer

        consumer = AIOKafkaConsumer(
            self._topics.alerts,
            self._topics.area_alerts,
            **member_options(self._spec, self._topics.group("area-feed")),
        )
        producer = await start_producer(self._spec, "lifeline-area-feed")
        known: set[Any] = set()
        try:
            await consumer.start()
            while True:
                for tp in consumer.assignment() - known:
                    if await consumer.committed(tp) is None:
                        await self._begin(consumer, producer, tp)
                known = set(consumer.assignment())
                await self._turn(consumer, producer)
        finally:
            await end_consumer(consumer)
            await stop_producer(producer)

    async def _turn(self, consumer: Any, producer: Any) -> None:
        found = await consumer.getmany(timeout_ms=MIRROR_POLL_MS, max_records=AREA_FEED_RECORDS)
        for tp, rows in found.items():
            records = [decode_record(row.value) for row in rows]
            for q, payload in dealt(records, self._spec.area_partitions).items():
                await self._send(producer, q, payload)
            await consumer.commit({tp: rows[-1].offset + 1})
            self.counters["heard"] += len(records)
        if self._failing:
            self._failing = False
            self._tell("areas_fed", "alert records are passed on to the areas again")

    async def _begin(self, consumer: Any, producer: Any, tp: Any) -> None:
        """Nothing of this partition was ever passed on: what stands now, and not its history."""
        end = (await consumer.end_offsets([tp]))[tp]
        fold = Fold()
        await consumer.seek_to_beginning(tp)
        while await consumer.position(tp) < end:
            found = await consumer.getmany(tp, timeout_ms=MIRROR_POLL_MS)
            for row in found.get(tp, ()):
                fold.take(decode_record(row.value))
            end = max(end, await consumer.position(tp))
        for q, payload in fold.entries(self._spec.area_partitions):
            await self._send(producer, q, payload)
        await consumer.commit({tp: end})
        consumer.seek(tp, end)

    async def _send(self, producer: Any, q: int, payload: AreaPayload) -> None:
        self._sent += 1
        header = Header("", PRODUCER, self._sent, self._clock.wall())
        data = encode_area(AreaEntry(header, payload))
        await producer.send_and_wait(self._topics.areas, data, partition=q)
