"""The worker's beat: whom the broker's clock contradicts does not tick, who stood still ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from kafka_model import Client, KafkaModel
from lifeline.engine.clock import ManualClock
from lifeline.engine.cluster.checkpoint import Checkpointer
from lifeline.engine.cluster.lane import Lane
from lifeline.engine.cluster.part import Part
from lifeline.engine.cluster.pulse import Pulse
from lifeline.engine.cluster.restore import restore
from lifeline.engine.cluster.topics import Topics
from lifeline.engine.entry import Tick, decode
from lifeline.engine.limits import BROKER_APART_NS, SECOND_NS

TOPICS = Topics("p")
START = 1_700_000_000 * SECOND_NS
SESSION = 10 * SECOND_NS
MS = 1_000_000


@dataclass
class Run:
    """One partition with an empty log, and everything around it in memory."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(START))
    kafka: KafkaModel = field(default_factory=KafkaModel)
    failures: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    #: How far the broker's clock is ahead of this machine's, ns.
    ahead: int = 0

    async def begin(self) -> None:
        self.client = Client(self.kafka)
        found = await restore(self.kafka, TOPICS, 0, None, self.tell)
        lane = Lane(self.client, TOPICS, 0, lambda error: None)
        self.part = Part(0, 1, found, lane, "w", self.clock)
        checkpointer = Checkpointer(
            self.client, TOPICS, self.client.commit, self.clock, lambda: None
        )
        self.pulse = Pulse(
            {0: self.part},
            self.client,
            TOPICS,
            "w",
            checkpointer,
            self.clock,
            ticks=True,
            checkpoint_ns=3600 * SECOND_NS,
            session_ns=SESSION,
            log_end=lambda partition: 0,
            tell=self.tell,
            fail=lambda reason, error=None: self.failures.append(reason),
        )

    def tell(self, kind: str, text: str) -> None:
        self.troubles.append(kind)

    async def turn(self, passes: int = 0) -> None:
        """Time passes, the pulse turns, and what it began comes to its end."""
        self.clock.advance(passes)
        self.client.stamp_ms = (self.clock.wall() + self.ahead) // MS
        self.pulse.turn()
        for _ in range(10):
            await asyncio.sleep(0)

    def ticks(self) -> list[Tick]:
        records = self.kafka.topics[TOPICS.log, 0].records
        payloads = [decode(read.value or b"").payload for _, read in sorted(records.items())]
        return [payload for payload in payloads if isinstance(payload, Tick)]


def played(script: Callable[[Run], Awaitable[None]]) -> Run:
    async def play() -> Run:
        run = Run()
        await run.begin()
        await script(run)
        return run

    return asyncio.run(play())


def test_the_broker_confirms_the_time_before_the_first_tick() -> None:
    async def script(run: Run) -> None:
        await run.turn()
        assert run.ticks() == []
        assert run.pulse.probes == 1
        await run.turn(MS)

    run = played(script)
    assert run.ticks() == [Tick(START + MS)]
    assert (run.failures, run.pulse.probes) == ([], 1)


@pytest.mark.parametrize("ahead", [BROKER_APART_NS + 2 * MS, -BROKER_APART_NS - 3 * MS])
def test_a_wrong_clock_never_ticks(ahead: int) -> None:
    async def script(run: Run) -> None:
        run.ahead = ahead
        await run.turn()

    run = played(script)
    assert run.ticks() == []
    assert len(run.failures) == 1
    assert "NTP" in run.failures[0]


def test_a_clock_that_is_set_while_the_worker_runs_is_seen_before_the_next_tick() -> None:
    async def script(run: Run) -> None:
        await run.turn()
        await run.turn(MS)
        run.clock.step_wall(3600 * SECOND_NS)
        run.ahead = -3600 * SECOND_NS
        await run.turn(3 * SECOND_NS)

    run = played(script)
    assert run.ticks() == [Tick(START + MS)]
    assert len(run.failures) == 1


def test_a_tick_whose_stamp_contradicts_ends_the_worker() -> None:
    async def script(run: Run) -> None:
        await run.turn()
        await run.turn(MS)
        run.ahead = 10 * SECOND_NS
        await run.turn(3 * SECOND_NS)

    assert len(played(script).failures) == 1


def test_who_stood_still_for_half_a_session_ends_and_sends_nothing() -> None:
    async def script(run: Run) -> None:
        await run.turn()
        await run.turn(SESSION // 2)
        assert run.failures == []
        before = run.ticks()
        await run.turn(SESSION // 2 + 1)
        assert run.ticks() == before

    run = played(script)
    assert len(run.failures) == 1
    assert "stood still" in run.failures[0]


def test_what_is_known_to_take_long_is_no_standing_still() -> None:
    async def script(run: Run) -> None:
        await run.turn()
        with run.pulse.slow():
            await run.turn(SESSION)
            run.clock.advance(SESSION)
        await run.turn(MS)

    assert played(script).failures == []


def test_a_gap_in_the_ticks_is_told() -> None:
    async def script(run: Run) -> None:
        await run.turn()
        await run.turn(MS)
        with run.pulse.slow():
            run.clock.advance(6 * SECOND_NS)
        await run.turn()

    run = played(script)
    assert [tick.resumed for tick in run.ticks()] == [False, True]
    assert run.troubles == ["resumed"]
