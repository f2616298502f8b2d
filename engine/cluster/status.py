"""What the cluster looks like from outside: partitions, sites, lag, age of checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..clock import Clock, SystemClock
from ..errors import SinkError
from ..limits import CLUSTER_MARKER_LOOK
from .admin import administering, existing
from .configs import ConfigStore
from .connection import client_options, reaching, started
from .contents import Current
from .ending import end_consumer
from .marker import Marker
from .plain_reader import PlainReader, Read
from .spec import ClusterSpec
from .topics import Topics, topic_settings

if TYPE_CHECKING:
    from aiokafka.admin import AIOKafkaAdminClient

_NS_IN_MS: Final = 1_000_000
WORKER: Final = "worker"
Place = tuple[str, int]  # topic, partition
Mark = tuple[int, int]  # a checkpoint's position, and when its marker came (ms of the broker)


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a consumer group is behind in one partition. `committed` is the offset of the next
    record that it would read after a restart, `first` that of the first record that is left."""

    group: str
    topic: str
    partition: int
    committed: int
    first: int
    end: int

    @property
    def behind(self) -> int:
        """Records between the group and the end."""
        return max(0, self.end - self.committed)

    @property
    def lost(self) -> int:
        """Records that retention took before the group read them."""
        return max(0, self.first - self.committed)


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """One partition of the log.

    `leader` is a broker's id, -1 for none. `sites` and `sensors` are None before the first apply.
    `behind` is the workers' lag, None where no worker has been here. `checkpoint` is the offset
    from which a worker would go on; both it and its age are None where there is none.
    """

    partition: int
    leader: int
    in_sync: int
    copies: int
    sites: int | None
    sensors: int | None
    first: int
    end: int
    behind: int | None
    checkpoint: int | None
    checkpoint_age_ns: int | None


@dataclass(frozen=True, slots=True)
class ClusterStatus:
    """The whole. `city` is the version in force (hex), "" before the first apply."""

    brokers: int
    missing: tuple[str, ...]
    city: str
    partitions: tuple[PartitionStatus, ...]
    lags: tuple[Lag, ...]


async def status(spec: ClusterSpec, clock: Clock | None = None) -> ClusterStatus:
    """Looks at topics, groups, configuration and checkpoints; changes nothing.

    Topics that are not there are named in `missing`, and everything else is told all the same.
    Raises SinkError where the brokers cannot be reached.
    """
    topics = Topics(spec.prefix)
    names = [settings.name for settings in topic_settings(spec)]
    async with administering(spec) as client:
        described = await existing(client, names)
        brokers = len((await client.describe_cluster())["brokers"])
        committed = await _committed(client, f"{spec.prefix}.")
    missing = tuple(name for name in names if name not in described)
    log = described.get(topics.log, [])
    places = {(topics.log, int(each["partition"])) for each in log} | {
        place for offsets in committed.values() for place in offsets
    }
    bounds = await _bounds(spec, [place for place in places if place[0] in described])
    lags = tuple(_lags(committed, bounds))
    behind = {
        lag.partition: lag.behind
        for lag in lags
        if lag.group == topics.group(WORKER) and lag.topic == topics.log
    }
    current = None
    if topics.configs not in missing:
        async with ConfigStore(spec) as store:
            current = store.current()
    marks: Mapping[int, Mark] = {}
    if topics.checkpoints not in missing:
        marks = await _marks(spec, topics.checkpoints, len(described[topics.checkpoints]))
    now = (clock or SystemClock()).wall()
    partitions = tuple(
        _partition(each, current, bounds[topics.log, p], behind.get(p), marks.get(p), now)
        for each in log
        if (topics.log, p := int(each["partition"])) in bounds
    )
    city = "" if current is None else current.city
    return ClusterStatus(brokers, missing, city, partitions, lags)


def _partition(
    described: Mapping[str, Any],
    current: Current | None,
    bounds: tuple[int, int],
    behind: int | None,
    mark: Mark | None,
    now: int,
) -> PartitionStatus:
    p = int(described["partition"])
    known = current if current is not None and p < current.n else None
    return PartitionStatus(
        partition=p,
        leader=int(described["leader"]),
        in_sync=len(described["isr"]),
        copies=len(described["replicas"]),
        sites=None if known is None else known.sites[p],
        sensors=None if known is None else known.sensors[p],
        first=bounds[0],
        end=bounds[1],
        behind=behind,
        checkpoint=None if mark is None else mark[0],
        checkpoint_age_ns=None if mark is None else max(0, now - mark[1] * _NS_IN_MS),
    )


async def lag(spec: ClusterSpec) -> tuple[Lag, ...]:
    """How far each consumer group of this cluster is behind, by group, topic and partition."""
    names = [settings.name for settings in topic_settings(spec)]
    async with administering(spec) as client:
        described = await existing(client, names)
        committed = await _committed(client, f"{spec.prefix}.")
    places = {place for offsets in committed.values() for place in offsets}
    bounds = await _bounds(spec, [place for place in places if place[0] in described])
    return tuple(_lags(committed, bounds))


async def _committed(client: AIOKafkaAdminClient, beginning: str) -> dict[str, dict[Place, int]]:
    """Committed offsets of each group whose name begins so."""
    groups = sorted(g[0] for g in await client.list_consumer_groups() if g[0].startswith(beginning))
    found: dict[str, dict[Place, int]] = {}
    for group in groups:
        offsets = await client.list_consumer_group_offsets(group)
        found[group] = {(place.topic, place.partition): at.offset for place, at in offsets.items()}
    return found


async def _bounds(spec: ClusterSpec, places: Sequence[Place]) -> dict[Place, tuple[int, int]]:
    """First offset and end of each of these partitions."""
    from aiokafka import AIOKafkaConsumer, TopicPartition

    if not places:
        return {}
    consumer = await started(spec, AIOKafkaConsumer(**client_options(spec)))
    try:
        async with reaching(spec):
            wanted = [TopicPartition(*place) for place in places]
            first = await consumer.beginning_offsets(wanted)
            end = await consumer.end_offsets(wanted)
    finally:
        await end_consumer(consumer)
    return {(w.topic, w.partition): (first[w], end[w]) for w in wanted}


def _lags(
    committed: Mapping[str, Mapping[Place, int]], bounds: Mapping[Place, tuple[int, int]]
) -> Iterable[Lag]:
    for group, offsets in sorted(committed.items()):
        for (topic, partition), offset in sorted(offsets.items()):
            if (topic, partition) in bounds and offset >= 0:
                first, end = bounds[topic, partition]
                yield Lag(group, topic, partition, offset, first, end)


async def _marks(spec: ClusterSpec, topic: str, n: int) -> dict[int, Mark]:
    """By partition the furthest checkpoint: its position, and when its marker came (ms)."""
    found: dict[int, Mark] = {}
    async with PlainReader(spec, "lifeline-status") as reader:
        for partition in range(n):
            bounds = await reader.bounds(topic, partition)
            for count in CLUSTER_MARKER_LOOK:
                low = max(bounds.begin, bounds.end - count)
                read = [r async for r in reader.read(topic, partition, low, bounds.end)]
                mark = furthest(read)
                if mark is not None:
                    found[partition] = mark
                if mark is not None or low == bounds.begin:
                    break
    return found


def furthest(records: Iterable[Read]) -> Mark | None:
    """The position of the furthest marker among records of checkpoints, and its time in ms."""
    marks = []
    for record in records:
        if record.key is None or not record.key.startswith(b"mark|") or not record.value:
            continue
        try:
            marker = msgspec.json.decode(record.value, type=Marker)
        except msgspec.MsgspecError as error:
            raise SinkError(
                f"a marker of a checkpoint is of another version of Lifeline: {error}"
            ) from error
        marks.append((marker.next, record.timestamp_ms))
    return max(marks, default=None)


def totals(lags: Iterable[Lag]) -> list[dict[str, Any]]:
    """By group and topic: `partitions`, records `behind` in all and in the worst, and `lost`."""
    rows: dict[tuple[str, str], list[Lag]] = {}
    for each in lags:
        rows.setdefault((each.group, each.topic), []).append(each)
    return [
        {
            "group": group,
            "topic": topic,
            "partitions": len(found),
            "behind": sum(each.behind for each in found),
            "worst": max(each.behind for each in found),
            "lost": sum(each.lost for each in found),
        }
        for (group, topic), found in sorted(rows.items())
    ]
