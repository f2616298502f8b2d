"""A recorded city has one digest, whatever happens to the workers and the broker (claim d).

Ticks are among the recorded entries, and no worker appends any. Each run is compared record by record
with the embedded core that made the recording, by a reader that shares no code with the sinks.
`LIFELINE_CLUSTER_KILLS` is how many kills there are.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

from faults.cluster import plots
from faults.cluster.campaign import Campaign
from faults.cluster.deaths import deaths, points
from faults.cluster.fleet import Nursery
from faults.cluster.recording import KINDS, Recording
from faults.cluster.verdict import Verdict
from lifeline.engine.cluster import failpoints
from lifeline.engine.record import decode_record
from servers.fixtures import StartKafka
from servers.kafka import Kafka

KILLS: Final = int(os.environ.get("LIFELINE_CLUSTER_KILLS", "30"))
_SEED: Final = "LIFELINE_FAULT_SEED"  # repeats the draws of a run, not its moments
# How long the city flows for each death that is planned, at least.
PER_DEATH_S: Final = 3.0
QUIET: Final = (plots.one_worker, plots.three_workers, plots.partitions_moved, plots.worker_frozen)


def test_half_of_the_deaths_are_at_points_and_a_long_plan_comes_to_all_of_them() -> None:
    for kills in (10, 30):
        planned = deaths(kills, kills)
        named = [death.point.partition(":")[0] for death in planned if death.point]
        assert (len(planned), len(named)) == (kills, kills // 2)
    assert set(named) >= set(points())
    assert {point.partition(".")[0] for point in failpoints.points()} - {"tick"} == {
        point.partition(".")[0] for point in points()
    }


def test_the_recorded_city_has_records_of_all_kinds_of_rules(recording: Recording) -> None:
    kind_of = {rule.id: rule.kind for rule in recording.configurations[0].rules}
    records = [decode_record(data) for data in recording.records.values()]
    assert {kind_of[r.rule] for r in records if r.rule in kind_of} >= set(KINDS)
    assert {"raised", "level", "returned", "cleared", "acknowledged", "shelved", "unknown"} <= {
        record.transition for record in records
    }
    assert len(recording.configurations) == 2
    assert len(records) > 1_000


def shown(capsys: pytest.CaptureFixture[str], verdicts: Sequence[Verdict]) -> None:
    with capsys.disabled():
        for verdict in verdicts:
            print(f"\n{verdict.summary()}", flush=True)


def right(verdict: Verdict, recording: Recording) -> None:
    """Nothing lost, nothing that was not to be, nothing twice, the digest of the embedded core."""
    assert verdict.violations == []
    assert verdict.digests == recording.digests


def test_one_worker_or_three_moved_or_frozen_say_what_the_embedded_core_says(
    tmp_path: Path,
    kafka: Kafka,
    kafka_prefix: str,
    nursery: Nursery,
    recording: Recording,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def all_at_once() -> list[Verdict]:
        runs = [
            Campaign(kafka, f"{kafka_prefix}-{n}", nursery, recording, tmp_path)
            for n, _ in enumerate(QUIET)
        ]
        return await asyncio.gather(*(r.play(p) for r, p in zip(runs, QUIET, strict=True)))

    verdicts = asyncio.run(all_at_once())
    shown(capsys, verdicts)
    for verdict in verdicts:
        right(verdict, recording)
    frozen = verdicts[QUIET.index(plots.worker_frozen)]
    assert frozen.failed, "a worker that was frozen beyond its session must notice"
    assert all("stood still" in life.said() for life in frozen.failed)


def test_kills_lose_nothing(
    tmp_path: Path,
    kafka: Kafka,
    kafka_prefix: str,
    nursery: Nursery,
    recording: Recording,
    capsys: pytest.CaptureFixture[str],
) -> None:
    seed = int(os.environ.get(_SEED, "") or random.SystemRandom().randrange(1 << 31))
    planned = deaths(KILLS, seed)
    with capsys.disabled():
        print(f"\n{KILLS} × kill -9, seed {seed} …", flush=True)

    async def killed(run: Campaign) -> None:
        await run.through_deaths(planned)

    run = Campaign(kafka, kafka_prefix, nursery, recording, tmp_path, seconds=PER_DEATH_S * KILLS)
    verdict = run.run(killed)
    shown(capsys, [verdict])
    right(verdict, recording)
    assert verdict.kills >= KILLS
    assert 2 * sum(verdict.points.values()) >= KILLS // 2, "points were not come to"
    assert verdict.received.repeated > 0, "nothing was stepped again: nothing was tried"


def test_a_broker_that_is_killed_and_restarted_loses_nothing(
    tmp_path: Path,
    start_kafka: StartKafka,
    nursery: Nursery,
    recording: Recording,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = Campaign(start_kafka(), "broker", nursery, recording, tmp_path)
    verdict = run.run(plots.broker_restarted)
    shown(capsys, [verdict])
    right(verdict, recording)
