"""A rule is changed under load, and every worker replaced, one at a time: nobody notices."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from faults.cluster.campaign import TAKEN_UP_WITHIN_S
from faults.cluster.fleet import Nursery
from faults.cluster.live import LiveRun
from faults.cluster.recording import other_limits
from lifeline.engine.record import decode_record
from servers.kafka import Kafka

WORKERS = 3
BETWEEN_S = 2.0


async def upgraded(run: LiveRun) -> None:
    """Each worker leaves in order for one of the new version; between the first and the second a
    rule is changed."""
    fleet = run.fleet
    old = [await fleet.start(f"old-{n}") for n in range(WORKERS)]
    for life in old:
        assert await fleet.takes_up(life, TAKEN_UP_WITHIN_S), life.said()
    await asyncio.sleep(BETWEEN_S)
    for n, life in enumerate(old):
        if n == 1:
            await run.apply(other_limits(run.configurations[-1]))
            await asyncio.sleep(BETWEEN_S)
        assert await fleet.stop(life) == 0, life.said()
        new = await fleet.start(f"new-{n}")
        assert await fleet.takes_up(new, TAKEN_UP_WITHIN_S), new.said()
        await asyncio.sleep(BETWEEN_S)


def test_a_rule_changed_under_load_and_a_rolling_upgrade_lose_and_repeat_nothing(
    tmp_path: Path,
    kafka: Kafka,
    kafka_prefix: str,
    nursery: Nursery,
    capsys: pytest.CaptureFixture[str],
) -> None:
    verdict = asyncio.run(LiveRun(kafka, kafka_prefix, nursery, tmp_path).play(upgraded))
    with capsys.disabled():
        print(f"\nupgrade under load: {verdict.summary()}", flush=True)
    assert verdict.violations == []
    assert len(verdict.lives) == 2 * WORKERS
    assert verdict.received.repeated == 0, "a worker that leaves in order leaves a checkpoint"
    assert verdict.entries["tick"] > 0
    assert verdict.entries["command"] > 0
    records = [decode_record(data) for data in verdict.received.records.values()]
    rules = {(r.rule, r.rule_hash) for r in records if r.rule.startswith("noise.")}
    assert len({name for name, _ in rules}) < len(rules), (
        "no rule spoke before and after the change"
    )
