"""An engine that stood still for an hour comes back without a storm.

The real engine is killed under real telemetry; the broker keeps an hour of it; then the engine
starts on a clock that is an hour later. What it says of that hour calls nobody: one `blind`, every
alarm of the backlog marked historic, and at the end what stands, once.
"""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from faults.harness import evidence
from faults.harness.campaign import BROKER, RECORDS, WITNESSED_WITHIN_S
from faults.harness.engine import EngineProcess
from faults.harness.evidence import Evidence
from faults.harness.plant import write_plant
from faults.harness.publishers import JumpingClock, Publishers
from faults.harness.tail import Tail, wait_outbox
from lifeline.engine.clock import SystemClock
from lifeline.engine.entry import Tick, decode
from lifeline.engine.limits import HISTORIC_AGE_NS, HOUR_NS, SECOND_NS
from lifeline.engine.log import LogReader
from lifeline.engine.record import Record
from lifeline.engine.warming import warm
from lifeline.simulators.city_gas import city_gas
from lifeline.simulators.pipeline import pipeline
from lifeline.simulators.tailings import tailings
from servers.mosquitto import Mosquitto, MosquittoSub

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("kills")]

SEED = 8
BEFORE_S, AFTER_S = 15.0, 25.0
HOUR_S = 3_600
STORIES = 4  # of incidents and faults, in the hour that nobody watched


@dataclass(frozen=True, slots=True)
class Outage:
    """What an hour without an engine left behind. `end_before` is the log's end at the kill,
    `back_ns` the engine's time when it was back."""

    evidence: Evidence
    end_before: int
    back_ns: int
    violations: list[str]

    def after(self) -> list[Record]:
        """Records of entries behind the outage."""
        outbox = self.evidence.outbox.items()
        late = {key for key, (position, _) in outbox if position > self.end_before}
        return [r for r in self.evidence.records() if (r.site, r.seq) in late]


@pytest.fixture(scope="module")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Outage:
    warm()
    directory = tmp_path_factory.mktemp("outage")
    sites = [
        city_gas(manholes=3, interval_s=5.0),
        pipeline(lines=1, interval_s=5.0),
        tailings(sections=1, interval_s=5.0),
    ]
    seconds = BEFORE_S + HOUR_S + AFTER_S
    with ExitStack() as stack:
        enter = stack.enter_context
        broker = enter(Mosquitto(directory / "broker", BROKER))
        start = SystemClock().wall() + 4 * SECOND_NS
        (directory / "plant").mkdir()
        plant = write_plant(
            directory / "plant", sites, start, seconds, SEED, broker.port, stories=STORIES,
            noisy=False,
        )  # fmt: skip
        witness = enter(MosquittoSub(broker, RECORDS, directory / "witness", client_id="witness"))
        clock = JumpingClock()
        publishers = enter(Publishers(plant, broker, directory, clock))
        engine = enter(EngineProcess(plant, broker))
        engine.start()
        assert engine.wait_subscribed()
        publishers.start()
        engine.wait_dead(BEFORE_S)
        engine.kill()
        assert engine.life.killed
        end_before = _end(plant.storage)
        clock.jump(HOUR_NS)
        engine.start(ahead_s=HOUR_S)
        publishers.join()
        Tail(plant.storage).drain(publishers.sent(), engine.alive)
        wait_outbox(
            plant.storage,
            lambda records: len(evidence.witnessed(witness.messages())) >= records,
            WITNESSED_WITHIN_S,
        )
        assert engine.stop() == 0, engine.said()
        messages = witness.messages()
    found = evidence.gather(plant.storage)
    audits = evidence.audits(found, publishers.ledgers)
    violations = [
        *publishers.complaints(),
        *evidence.claim_a(found),
        *evidence.chains(found),
        *evidence.claim_b(audits),
        *evidence.delivered(found, messages),
    ]
    return Outage(found, end_before, _resumed(plant.storage), violations)


def _end(directory: Path) -> int:
    reader = LogReader.open(directory)
    try:
        return reader.end()
    finally:
        reader.close()


def _resumed(directory: Path) -> int:
    """The time of the last tick that says `resumed`."""
    reader, after, found = LogReader.open(directory), 0, 0
    try:
        while entries := reader.read(after, 1_000):
            for position, data in entries:
                after, payload = position, decode(data).payload
                if isinstance(payload, Tick) and payload.resumed:
                    found = payload.time
    finally:
        reader.close()
    return found


def test_nothing_is_lost_and_the_replay_has_the_digest(outage: Outage) -> None:
    assert outage.violations == []


def test_the_outage_is_one_blind_of_an_hour(outage: Outage) -> None:
    blind = [r for r in outage.evidence.records() if r.rule == "engine.blind"]
    assert [r.site for r in blind] == ["_engine"]
    assert blind[0].value is not None
    assert HOUR_S < blind[0].value < HOUR_S + 300
    assert blind[0] in outage.after()


def test_every_alarm_of_the_backlog_is_marked_historic(
    outage: Outage, capsys: pytest.CaptureFixture[str]
) -> None:
    made = [r for r in outage.after() if r.rule != "engine.blind"]
    aged = [r for r in made if r.time < outage.back_ns - HISTORIC_AGE_NS]
    with capsys.disabled():
        told = Counter(("historic " if r.historic else "") + r.transition for r in made)
        print(f"\nan hour away: one blind, then {dict(told)}", flush=True)
    assert len([r for r in aged if r.transition == "raised"]) >= 3 * STORIES
    assert [r for r in aged if not r.historic and r.transition != "actual"] == []


def test_what_stands_at_the_end_is_told_once_and_nothing_else_calls(outage: Outage) -> None:
    loud = [
        r
        for r in outage.after()
        if not r.historic and r.transition in ("raised", "level", "actual", "unshelved")
    ]
    actual = [r for r in loud if r.transition == "actual"]
    assert len({(r.site, r.alarm) for r in actual}) == len(actual)
    # What rises now rises for a reason of now: its time is not that of the backlog.
    assert all(r.time >= outage.back_ns - HISTORIC_AGE_NS for r in loud)
    assert not [r for r in loud if r.rule in ("engine.stale", "engine.clock")]
