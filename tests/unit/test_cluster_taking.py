"""Records into the core: only ours, only the next one, with the broker's time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from cluster_runs import city
from kafka_model import Client, KafkaModel
from lifeline.engine.clock import ManualClock
from lifeline.engine.cluster.lane import Lane
from lifeline.engine.cluster.part import Part
from lifeline.engine.cluster.restore import restore
from lifeline.engine.cluster.taking import Taker
from lifeline.engine.cluster.topics import Topics
from lifeline.engine.cluster.worker_status import Counters
from lifeline.engine.configuration import Configuration
from lifeline.engine.entry import Entry, Header, NamedConfiguration, Payload, Tick, encode
from lifeline.engine.errors import EntryError, LogError
from lifeline.engine.limits import WORKER_AHEAD_RECORDS

TOPICS = Topics("p")
GENERATION = 4
CITY = city(sites=1, sensors=1)


@dataclass
class Run:
    """A taker with one partition, whose configurations come when `find` lets them."""

    troubles: list[str] = field(default_factory=list)
    wanted: list[bytes] = field(default_factory=list)
    may_find: asyncio.Event = field(default_factory=asyncio.Event)
    parts: dict[int, Part] = field(default_factory=dict)

    async def begin(self) -> None:
        kafka, clock = KafkaModel(), ManualClock()
        client = self.client = Client(kafka)
        found = await restore(kafka, TOPICS, 0, None, self.tell)
        lane = Lane(client, TOPICS, 0, lambda error: None)
        self.part = self.parts[0] = Part(0, GENERATION, found, lane, "w", clock)
        pulse: Any = SimpleNamespace(slow=nullcontext)
        self.taker = Taker(self.parts, self.find, clock, pulse, self.tell, Counters())

    def tell(self, kind: str, text: str) -> None:
        self.troubles.append(kind)

    async def find(self, version: bytes) -> Configuration:
        self.wanted.append(version)
        await self.may_find.wait()
        return CITY

    async def take(self, offset: int, value: bytes | None, **changed: Any) -> None:
        message = {
            "partition": 0,
            "offset": offset,
            "value": value,
            "generation_id": GENERATION,
            "timestamp": 1_700_000_000.123,
        }
        await self.taker.take(SimpleNamespace(**message | changed))


def played(script: Callable[[Run], Awaitable[None]]) -> Run:
    async def play() -> Run:
        run = Run()
        await run.begin()
        await script(run)
        return run

    return asyncio.run(play())


def encoded(payload: Payload, **header: Any) -> bytes:
    return encode(Entry(Header(**header), payload))


def test_the_next_record_is_stepped_with_the_brokers_time_to_the_millisecond() -> None:
    async def script(run: Run) -> None:
        await run.take(0, encoded(Tick(5), received=9))

    run = played(script)
    assert (run.part.following, run.part.core.position, run.part.core.wall) == (1, 1, 5)
    assert run.part.core.appended == 1_700_000_000_123_000_000
    assert run.part.core.received == 9


def test_what_is_not_ours_or_of_another_generation_or_known_is_left() -> None:
    async def script(run: Run) -> None:
        await run.take(0, encoded(Tick(5)), partition=1)
        await run.take(0, encoded(Tick(5)), generation_id=GENERATION - 1)
        await run.take(0, encoded(Tick(5)))
        await run.take(0, encoded(Tick(5)))
        run.taker.taking = False
        await run.take(1, encoded(Tick(6)))

    run = played(script)
    assert run.part.following == 1
    counters = run.taker.counters
    assert (counters.entries, counters.unowned, counters.seen_before) == (1, 3, 1)


def test_what_was_fetched_before_the_seek_is_let_go_and_comes_again() -> None:
    async def script(run: Run) -> None:
        for offset in (200, 201, 0, 1):
            await run.take(offset, encoded(Tick(5)))

    run = played(script)
    assert run.part.following == 2
    assert (run.taker.counters.entries, run.taker.counters.unowned) == (2, 2)


def test_a_log_that_never_comes_to_the_restored_position_stops() -> None:
    async def script(run: Run) -> None:
        for offset in range(3, 3 + WORKER_AHEAD_RECORDS):
            await run.take(offset, encoded(Tick(5)))
        with pytest.raises(LogError, match="entries are missing"):
            await run.take(3, encoded(Tick(5)))

    assert played(script).part.following == 0


def test_a_missing_record_stops() -> None:
    async def script(run: Run) -> None:
        await run.take(0, encoded(Tick(5)))
        with pytest.raises(LogError, match="after offset 0 comes 2; 1 entries are missing"):
            await run.take(2, encoded(Tick(6)))

    assert played(script).part.following == 1


def test_torn_bytes_are_told_and_passed_and_other_versions_stop() -> None:
    async def script(run: Run) -> None:
        await run.take(0, b"torn")
        await run.take(1, None)
        with pytest.raises(EntryError):
            await run.take(2, encoded(Tick(5))[:1] + b"\x09" + encoded(Tick(5))[2:])

    run = played(script)
    assert (run.part.following, run.part.core.position) == (2, 0)
    assert run.troubles == ["torn_entry", "torn_entry"]
    assert run.taker.counters.put_aside == {"not_an_entry": 1, "empty": 1}


def test_a_named_configuration_is_found_and_stepped_where_it_stands() -> None:
    async def script(run: Run) -> None:
        taking = asyncio.ensure_future(run.take(0, encoded(NamedConfiguration(CITY.version()))))
        await asyncio.sleep(0)
        assert run.part.following == 0
        run.may_find.set()
        await taking

    run = played(script)
    assert run.wanted == [CITY.version()]
    assert run.part.core.configuration == CITY
    assert run.part.following == 1


def test_a_partition_that_was_given_up_meanwhile_is_not_touched() -> None:
    async def script(run: Run) -> None:
        taking = asyncio.ensure_future(run.take(0, encoded(NamedConfiguration(CITY.version()))))
        await asyncio.sleep(0)
        run.part.alive = False
        run.parts.clear()
        run.may_find.set()
        await taking

    run = played(script)
    assert run.part.core.configuration is None
    assert run.part.following == 0
