"""kill -9 of the real engine, again and again, under telemetry by real MQTT and people who act.

Each run is one plant, one broker that persists and one data directory, through eleven deaths: six
at named points inside append, outbox, snapshot and cursor writes, five anywhere. What is left
is judged against the publishers' ledgers and against one replay of the log.
"""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Final

import pytest

from faults.harness.campaign import Campaign, Death
from lifeline.engine.log import failpoints

# One engine, its publishers and its disk at a time.
pytestmark = pytest.mark.xdist_group("kills")

RUNS: Final = 5
KILLS_AT_POINTS: Final = 6
KILLS_ANYWHERE: Final = 5
LEAST_RECORDS: Final = 1_001
GROUPS: Final = ("append", "outbox", "snapshot", "cursor", "mark", "side")
# How often a life passes a point within a second or two: writes come with every message, snapshots
# twice a second.
_PASSES: Final = {"snapshot": 4, "side": 3}
_USUAL_PASSES: Final = 40
_SEED: Final = "LIFELINE_FAULT_SEED"  # repeats a run's draws, not its moments


def points() -> list[str]:
    """Every named point inside the writes that a life depends on."""
    return [p for p in failpoints.points() if p.partition(".")[0] in GROUPS]


def points_of(run: int) -> list[str]:
    """The points of one run: all runs together go around all points at least once."""
    known = points()
    first = run * KILLS_AT_POINTS
    return [known[i % len(known)] for i in range(first, first + KILLS_AT_POINTS)]


def deaths(run: int, seed: int) -> list[Death]:
    """The plan of one run; the first life dies anywhere, once there is something to lose."""
    chance = random.Random(seed)
    planned = [
        Death(point=f"{point}:{chance.randint(1, _PASSES.get(point.split('.')[0], _USUAL_PASSES))}")
        for point in points_of(run)
    ]
    planned += [
        Death(after_s=chance.uniform(0.1, 3.5), from_start=n % 2 == 1)
        for n in range(KILLS_ANYWHERE - 1)
    ]
    chance.shuffle(planned)
    return [Death(after_s=chance.uniform(2.0, 4.0)), *planned]


def seed_of(run: int) -> int:
    """A new seed, or the one that the environment names."""
    named = os.environ.get(_SEED, "")
    return int(named) if named else random.SystemRandom().randrange(1 << 31) * RUNS + run


def test_all_runs_together_kill_fifty_times_and_at_every_point() -> None:
    assert RUNS * (KILLS_AT_POINTS + KILLS_ANYWHERE) >= 50
    assert KILLS_AT_POINTS >= KILLS_ANYWHERE
    assert {p for run in range(RUNS) for p in points_of(run)} == set(points())
    assert {p.partition(".")[0] for p in points()} == set(GROUPS)


@pytest.mark.integration
@pytest.mark.parametrize("run", range(RUNS))
def test_kills_lose_nothing_and_leave_the_digest_of_one_replay(
    run: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seed = seed_of(run)
    with capsys.disabled():
        print(f"\nkill -9, run {run + 1} of {RUNS}, seed {seed} …", flush=True)
    verdict = Campaign(tmp_path, seed, deaths(run, seed), least_records=LEAST_RECORDS).run()
    with capsys.disabled():
        print(verdict.summary(), flush=True)
    assert verdict.violations == []
    assert verdict.kills == KILLS_AT_POINTS + KILLS_ANYWHERE
    assert sum(verdict.points.values()) >= KILLS_AT_POINTS - 1
    assert len(verdict.evidence.outbox) >= LEAST_RECORDS
    starts_after_a_kill = len(verdict.lives) - 1
    assert 2 * len(verdict.restored) > starts_after_a_kill
    assert 2 * len(verdict.alive) > starts_after_a_kill
    assert verdict.commands["done"] > 0
    assert verdict.total("duplicated") > 0, "no message came again: nothing was tried"
