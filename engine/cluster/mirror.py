"""The alert records of the cluster as a local outbox, for outputs that know nothing of Kafka.

Every record is taken once, in the order of its site's `seq`. The local store is a cache with a
place of its own in each partition; what says how far an output has delivered is, for good, the
committed offset of the sink's consumer group. On an empty directory the topics are read from their
beginning, so that standing alarms and the last `seq` of every site are known again; what lies
before the committed offsets counts as delivered and is not delivered again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ..clock import Clock
from ..errors import LifelineError, SinkError
from ..limits import (
    MIRROR_COMMIT_S,
    MIRROR_POLL_MS,
    MIRROR_RECOMMIT_NS,
    MIRROR_RECORDS,
    MIRROR_RETRY_S,
)
from ..log import LogStore
from .connection import member_options
from .delivered import Delivered, Place
from .ending import end_consumer
from .mirror_store import MirrorStore, Taken
from .progress import Progress
from .spec import ClusterSpec


class Mirror:
    """Takes the records of `topics` into `store`, from `run` to its cancelling.

    cursor         name of the output's cursor; on an empty directory it is set behind what counts
                   as delivered
    delivered      the output's durable cursor now; None while it does not run
    on_records     called in a thread when records were taken
    on_ready       called in a thread, once, when the local store is complete up to what was
                   delivered: the output may start
    resumed        sites whose hold ends: their partitions are read again from the beginning
    partitions     the only ones of each topic; None: all
    from_now       on an empty directory everything that is on the topics counts as delivered,
                   committed or not: whoever follows begins with what stands

    on_trouble(kind, text): `gap`, `nondeterminism`, `alerts_unread`, `alerts_held`, `alerts_back`
    """

    def __init__(
        self,
        store: LogStore,
        spec: ClusterSpec,
        group: str,
        topics: Sequence[str],
        cursor: str,
        clock: Clock,
        delivered: Callable[[], int | None],
        on_records: Callable[[], None],
        on_ready: Callable[[], None],
        on_trouble: Callable[[str, str], None],
        *,
        resumed: Iterable[str] = (),
        partitions: Sequence[int] | None = None,
        from_now: bool = False,
    ) -> None:
        self._from_now = from_now
        self._store = store
        self._spec = spec
        self._group = group
        self._topics = tuple(topics)
        self._cursor = cursor
        self._clock = clock
        self._delivered_to = delivered
        self._on_records = on_records
        self._on_ready = on_ready
        self._on_trouble = on_trouble
        self._only = None if partitions is None else set(partitions)
        resumed = tuple(resumed)
        self._rewind = bool(resumed) or store.recovery is not None
        self._local = MirrorStore(store, clock, on_trouble, resumed)
        self._begins: dict[Place, int] = {}
        self._furthest: dict[Place, int] = {}
        self._delivered = Delivered()
        self._committed: dict[Place, int] = {}
        self._committed_at = 0
        self._link = "connecting"
        self._why = ""
        self._since = clock.wall()
        self._behind: dict[Place, int] = {}
        self.ready = False
        self.counters = self._local.counters

    def health(self) -> dict[str, Any]:
        """State and counters as plain JSON values; `behind` is how many records of the topics are
        known and not taken yet, `holds` the sites of which nothing is delivered."""
        return {
            "link": self._link,
            "why": self._why,
            "since": self._since,
            "ready": self.ready,
            "behind": sum(self._behind.values()),
            "uncommitted": len(self._delivered),
            "holds": [msgspec.to_builtins(hold) for hold in self._local.holds],
            "counters": dict(self.counters),
        }

    async def run(self) -> None:
        """Takes records until it is cancelled; then says what was delivered last."""
        while True:
            try:
                await self._connected()
            except LifelineError as error:
                self._is("held", str(error))
            except Exception as error:  # noqa: BLE001  whatever the client raises, it goes on
                self._is("away", str(error) or type(error).__name__)
            await asyncio.sleep(MIRROR_RETRY_S)

    # --- one connection --------------------------------------------------------------------------

    async def _connected(self) -> None:
        from aiokafka import AIOKafkaConsumer

        consumer = AIOKafkaConsumer(**member_options(self._spec, self._group))
        try:
            await consumer.start()
            places = await _places(consumer, self._topics, self._only)
            consumer.assign(list(places.values()))
            self._behind = {}
            await asyncio.to_thread(self._local.begin)
            if not self._local.complete:
                await self._rebuild(consumer, places)
            await self._begin(consumer, places)
            self._is("up", "")
            if not self.ready:
                self.ready = True
                await asyncio.to_thread(self._on_ready)
            progress = Progress(self._clock.monotonic)
            while True:
                got = await self._turn(consumer)
                await self._commit(consumer, places)
                await progress.read(consumer, list(places.values()), got)
        finally:
            await self._last_commit(consumer)
            await end_consumer(consumer)

    async def _rebuild(self, consumer: Any, places: Mapping[Place, Any]) -> None:
        """Reads what was delivered by an earlier life of this sink, and counts it as such."""
        for place, tp in places.items():
            committed = await consumer.committed(tp) or 0
            begin = (await consumer.beginning_offsets([tp]))[tp]
            end = (await consumer.end_offsets([tp]))[tp]
            upto = end if self._from_now else min(committed, end)
            consumer.seek(tp, max(begin, self._local.following(place)))
            while await consumer.position(tp) < upto:
                found = await consumer.getmany(
                    tp, timeout_ms=MIRROR_POLL_MS, max_records=MIRROR_RECORDS
                )
                records = [r for r in found.get(tp, ()) if r.offset < upto]
                if records:
                    await asyncio.to_thread(self._take, place, _taken(records), begin)
                self.counters["rebuilt"] += len(records)
        self._delivered = Delivered()  # what was read is delivered
        await asyncio.to_thread(self._local.completed, self._cursor)

    async def _begin(self, consumer: Any, places: Mapping[Place, Any]) -> None:
        """Goes to where the local store ends in each partition."""
        begins = await consumer.beginning_offsets(list(places.values()))
        self._begins = {place: begins[tp] for place, tp in places.items()}
        number = self._store.outbox_end()
        for place, tp in places.items():
            known = max(self._local.following(place), begins[tp])
            consumer.seek(tp, begins[tp] if self._rewind else known)
            self._furthest[place] = max(known, self._furthest.get(place, 0))
            self._delivered.taken(number, place, self._furthest[place])
        self._rewind = False

    async def _turn(self, consumer: Any) -> bool:
        found = await consumer.getmany(timeout_ms=MIRROR_POLL_MS, max_records=MIRROR_RECORDS)
        for tp, records in found.items():
            place = tp.topic, tp.partition
            await asyncio.to_thread(self._take, place, _taken(records), self._begins[place])
            high = consumer.highwater(tp)
            self._behind[place] = max(0, (high or 0) - records[-1].offset - 1)
        return bool(found)

    def _take(self, place: Place, taken: Sequence[Taken], begin: int) -> None:
        """One batch of a partition; how far it reaches is remembered for the commit."""
        new = self._local.take(place, taken, begin)
        self._furthest[place] = max(taken[-1].offset + 1, self._furthest.get(place, 0))
        self._delivered.taken(self._store.outbox_end(), place, self._furthest[place])
        if new:
            self._on_records()

    # --- what was delivered ----------------------------------------------------------------------

    async def _commit(self, consumer: Any, places: Mapping[Place, Any]) -> None:
        """Commits what the output has delivered; now and then also what has not changed, since
        the broker forgets the place of a group that says nothing for a week."""
        cursor = self._delivered_to()
        if cursor is None:
            return
        new = self._delivered.up_to(cursor)
        self._committed |= new
        now = self._clock.monotonic()
        again = now - self._committed_at >= MIRROR_RECOMMIT_NS
        if not new and not again:
            return
        what = self._committed if again else new
        if what:
            await consumer.commit({places[p]: offset for p, offset in what.items() if p in places})
            self.counters["commits"] += 1
        self._committed_at = now if again else self._committed_at

    async def _last_commit(self, consumer: Any) -> None:
        cursor = self._delivered_to()
        new = {} if cursor is None else self._delivered.up_to(cursor)
        if not new:
            return
        from aiokafka import TopicPartition

        try:
            async with asyncio.timeout(MIRROR_COMMIT_S):
                await consumer.commit({TopicPartition(*p): offset for p, offset in new.items()})
        except Exception as error:  # noqa: BLE001  it is committed after the next start
            self._why = str(error)

    def _is(self, link: str, why: str) -> None:
        before, self._why = self._link, why
        if link == before:
            return
        self._link, self._since = link, self._clock.wall()
        if link == "away":
            self._on_trouble("alerts_unread", f"Kafka cannot be reached: {why}")
        elif link == "held":
            self._on_trouble("alerts_held", why)
        elif before != "connecting":
            self._on_trouble("alerts_back", "alert records are read again")


async def _places(consumer: Any, topics: Sequence[str], only: set[int] | None) -> dict[Place, Any]:
    """The partitions of the topics. Raises SinkError where a topic is not there."""
    from aiokafka import TopicPartition

    known = await consumer._client.fetch_all_metadata()
    found: dict[Place, Any] = {}
    for topic in topics:
        partitions = known.partitions_for_topic(topic)
        if not partitions:
            raise SinkError(f"there is no topic {topic}: run lifeline cluster init")
        for partition in sorted(partitions):
            if only is None or partition in only:
                found[topic, partition] = TopicPartition(topic, partition)
    return found


def _taken(records: Sequence[Any]) -> list[Taken]:
    return [Taken(record.offset, record.value or b"") for record in records]
