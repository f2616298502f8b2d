"""Whatever workers do, wherever they die, freeze and wake, and whatever is compacted when: there is
always a checkpoint to start from that is right and not behind the group's offset."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kafka_model import Client, CrashedError, KafkaModel
from lifeline.engine.clock import ManualClock
from lifeline.engine.cluster import marker as marker_module
from lifeline.engine.cluster.checkpoint import Checkpointer
from lifeline.engine.cluster.lane import Lane
from lifeline.engine.cluster.marker import CheckpointId, Marker, Scan
from lifeline.engine.cluster.part import Cut, Part
from lifeline.engine.cluster.restore import restore
from lifeline.engine.cluster.topics import Topics
from lifeline.engine.entry import Entry, Header, Tick, encode
from lifeline.engine.errors import LogError
from lifeline.engine.limits import CHECKPOINT_KEPT_NS

TOPICS = Topics("p")
ENTRIES = 400


def entry(offset: int) -> Entry:
    """So that a core's W tells which entries it has stepped."""
    return Entry(Header(received=1, appended=1), Tick(1_000 + offset))


@dataclass
class City:
    """One partition, its successive owners, and those that stand frozen."""

    kafka: KafkaModel = field(default_factory=KafkaModel)
    clock: ManualClock = field(default_factory=ManualClock)
    frozen: list[tuple[Client, asyncio.Task[bool]]] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for offset in range(ENTRIES):
            self.kafka.topics[TOPICS.log, 0].append(None, encode(entry(offset)))

    async def take_over(self) -> None:
        """A new worker restores: what this file is about."""
        client = self.client = Client(self.kafka)
        committed = self.kafka.committed.get(0)
        found = await restore(
            self.kafka, TOPICS, 0, committed, lambda kind, text: self.troubles.append(kind)
        )
        assert found.following >= (committed or 0)
        assert found.core.position == found.following
        assert found.core.wall == (999 + found.following if found.following else found.core.wall)
        lane = Lane(client, TOPICS, 0, lambda error: None)
        self.part = Part(0, client.generation, found, lane, "w", self.clock)
        self.checkpointer = Checkpointer(client, TOPICS, client.commit, self.clock, lambda: None)
        assert await client.commit({0: found.following})

    def step(self, number: int) -> None:
        for offset in range(self.part.following, min(self.part.following + number, ENTRIES)):
            value = self.kafka.topics[TOPICS.log, 0].records[offset].value
            assert value is not None
            self.part.step(offset, value, entry(offset), {})  # type: ignore[arg-type]  # no records

    async def checkpoint(self) -> None:
        assert await self.checkpointer.write(self.part) or not self.part.alive

    async def crash_in_checkpoint(self, after: int) -> None:
        """Dies before its `after`-th record from now, or right behind the checkpoint."""
        self.client.crash_at = self.client.sent + after
        with suppress(CrashedError):
            await self.checkpointer.write(self.part)
        await self.take_over()

    async def freeze_in_checkpoint(self, after: int) -> None:
        """Stands still before its `after`-th record from now; another worker takes over."""
        self.client.freeze_at = self.client.sent + after
        writing = asyncio.ensure_future(self.checkpointer.write(self.part))
        stopped = asyncio.ensure_future(self.client.frozen.wait())
        await asyncio.wait([writing, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not writing.done():
            self.frozen.append((self.client, writing))
        await self.take_over()

    async def wake(self) -> None:
        """The frozen ones write on, with old state behind the new."""
        for client, writing in self.frozen:
            client.wake.set()
            await writing
        self.frozen.clear()

    def compact(self, share: int, tombstones: bool) -> None:
        topic = self.kafka.topics[TOPICS.checkpoints, 0]
        topic.compact(topic.begin + (topic.end - topic.begin) * share // 10, tombstones)


OPERATIONS = st.one_of(
    st.tuples(st.just("step"), st.integers(1, 12)),
    st.tuples(st.just("checkpoint"), st.just(0)),
    st.tuples(st.just("crash"), st.integers(0, 9)),
    st.tuples(st.just("freeze"), st.integers(0, 9)),
    st.tuples(st.just("wake"), st.just(0)),
    st.tuples(st.just("hand over"), st.just(0)),
    st.tuples(st.just("compact"), st.integers(0, 10)),
    st.tuples(st.just("clean"), st.integers(0, 10)),
    st.tuples(st.just("wait"), st.just(0)),
)


async def run(operations: list[tuple[str, int]]) -> City:
    city = City()
    await city.take_over()
    for what, number in operations:
        match what:
            case "step":
                city.step(number)
            case "checkpoint":
                city.step(1)
                await city.checkpoint()
            case "crash":
                city.step(1)
                await city.crash_in_checkpoint(number)
            case "freeze":
                city.step(1)
                await city.freeze_in_checkpoint(number)
            case "wake":
                await city.wake()
            case "hand over":
                await city.take_over()
            case "compact":
                city.compact(number, tombstones=False)
            case "clean":
                city.compact(number, tombstones=True)
            case "wait":
                city.clock.advance(CHECKPOINT_KEPT_NS)
    await city.wake()
    await city.take_over()
    return city


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that each snapshot has several."""
    monkeypatch.setattr(marker_module, "CLUSTER_CHUNK_BYTES", 60)


@settings(max_examples=150, deadline=None)
@given(st.lists(OPERATIONS, max_size=40))
def test_there_is_always_a_right_checkpoint_to_start_from(
    operations: list[tuple[str, int]],
) -> None:
    city = asyncio.run(run(operations))
    assert "checkpoint_broken" not in city.troubles
    assert "checkpoint_behind" not in city.troubles


def test_what_is_superseded_is_deleted_so_that_the_topic_stays_small() -> None:
    steady = [("checkpoint", 0), ("wait", 0)] * 30
    city = asyncio.run(run([*steady, ("crash", 2), *steady, ("clean", 10)]))
    keys = [read.key for read in city.kafka.topics[TOPICS.checkpoints, 0].records.values()]
    marks = [key for key in keys if key and key.startswith(b"mark|")]
    assert len(marks) <= 4
    assert len(keys) <= 4 * 10


def early_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that commits before its checkpoint is durable."""
    write = Checkpointer._write_records

    async def wrong(self: Checkpointer, part: Part, cut: Cut, *rest: object) -> None:
        await self._commit({part.partition: cut.following})
        await write(self, part, cut, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Checkpointer, "_write_records", wrong)


def newest_marker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that starts from the last marker of the topic, and not from the furthest."""
    complete = Scan.complete

    def wrong(self: Scan) -> list[Marker]:
        return sorted(complete(self), key=lambda m: self._last[m.id.marker_key()])[-1:]

    monkeypatch.setattr(Scan, "complete", wrong)


def shared_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker whose chunks have the same keys in every checkpoint, so that each overwrites the one
    before, half of it where it dies."""
    monkeypatch.setattr(CheckpointId, "chunk_key", lambda self, chunk: b"snap|0|0|%d" % chunk)


@pytest.mark.parametrize(
    ("mutate", "operations"),
    [
        (early_commit, [("checkpoint", 0), ("step", 5), ("crash", 1)]),
        (newest_marker, [("checkpoint", 0), ("freeze", 1), ("step", 9), ("checkpoint", 0)]),
        (shared_keys, [("checkpoint", 0), ("step", 5), ("crash", 1)]),
    ],
)
def test_the_model_catches_wrong_workers(
    mutate: Callable[[pytest.MonkeyPatch], None],
    operations: list[tuple[str, int]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asyncio.run(run(operations))
    mutate(monkeypatch)
    with pytest.raises((AssertionError, LogError)):
        asyncio.run(run(operations))
