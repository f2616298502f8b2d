"""The control: workers that are wrong in one piece are caught, by plots that the right worker passes.

A harness that has never failed has shown nothing. Each plot is the situation in which its mutant
does harm; all runs of a plot go on at the same time, on topics of their own.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Final

import pytest

from faults.cluster import plots
from faults.cluster.campaign import SILENT_S, Campaign
from faults.cluster.fleet import Nursery
from faults.cluster.mutants import MUTANTS, SLEEPWALKER
from faults.cluster.plots import Plot
from faults.cluster.recording import Recording
from faults.cluster.verdict import Verdict
from servers.kafka import Kafka

#: Nothing new for so long: a wrong worker will not say more.
WRONG_SILENT_S: Final = 20.0
LOST: Final = r"lost [1-9]"
OTHER: Final = r"(differing|foreign|came again otherwise) [1-9]"
#: Whoever commits first and dies before the checkpoint skips entries: how far its alerts had come
#: until then decides whether their successors' come otherwise or not at all.
SKIPPED: Final = f"{LOST}|{OTHER}"
# plot, mutant, what the harness says of it
CONTROLS: Final[tuple[tuple[Plot, str, str], ...]] = (
    (plots.deaths_in_checkpoints, "commit-first", SKIPPED),
    (plots.deaths_in_checkpoints, "checkpoint-before-alerts", LOST),
    (plots.a_zombie_writes_last, "newest", LOST),
    (plots.retention_overtakes, "over-a-gap", OTHER),
)


def test_there_is_a_control_for_every_mutant() -> None:
    assert {name for _, name, _ in CONTROLS} == set(MUTANTS) - {SLEEPWALKER}


def played(
    runs: list[tuple[Plot, str]],
    folder: Path,
    kafka: Kafka,
    prefix: str,
    nursery: Nursery,
    recording: Recording,
) -> list[Verdict]:
    async def all_at_once() -> list[Verdict]:
        made = [
            Campaign(
                kafka,
                f"{prefix}-{n}",
                nursery,
                recording,
                folder,
                mutant=name,
                silent_s=WRONG_SILENT_S if name else SILENT_S,
            )
            for n, (_, name) in enumerate(runs)
        ]
        return await asyncio.gather(
            *(run.play(plot) for run, (plot, _) in zip(made, runs, strict=True))
        )

    return asyncio.run(all_at_once())


def test_the_right_worker_passes_and_each_wrong_one_is_caught(
    tmp_path: Path,
    kafka: Kafka,
    kafka_prefix: str,
    nursery: Nursery,
    recording: Recording,
    capsys: pytest.CaptureFixture[str],
) -> None:
    passed = (plots.deaths_in_checkpoints, plots.a_zombie_writes_last)
    runs = [*((plot, "") for plot in passed), *((plot, name) for plot, name, _ in CONTROLS[:3])]
    verdicts = played(runs, tmp_path, kafka, kafka_prefix, nursery, recording)
    with capsys.disabled():
        for (_, name), verdict in zip(runs, verdicts, strict=True):
            what = " | ".join(verdict.violations) or "nothing"
            print(f"\n{name or 'right'}: {verdict.summary()}; told: {what[:300]}", flush=True)
    for verdict in verdicts[: len(passed)]:
        assert verdict.violations == []
        assert verdict.digests == recording.digests
    for (_, _, told), verdict in zip(CONTROLS[:3], verdicts[len(passed) :], strict=True):
        assert re.search(told, verdict.told()), verdict.told()
    early, newest = verdicts[len(passed)], verdicts[len(passed) + 2]
    assert "is committed, the furthest checkpoint is at" in early.told()
    assert newest.failed, "the log before the newest checkpoint's successor is gone"


def test_a_gap_is_told_and_never_passed_over(
    tmp_path: Path,
    kafka: Kafka,
    kafka_prefix: str,
    nursery: Nursery,
    recording: Recording,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plot, name, told = CONTROLS[3]
    stopped, wrong = played(
        [(plot, ""), (plot, name)], tmp_path, kafka, kafka_prefix, nursery, recording
    )
    with capsys.disabled():
        print(f"\nright: {' | '.join(stopped.violations)[:300]}", flush=True)
        print(f"{name}: {' | '.join(wrong.violations)[:300]}", flush=True)
    failed = [life for life in stopped.failed if not life.starved]
    assert failed
    assert all("entries are gone" in life.said() for life in failed)
    assert not re.search(OTHER, stopped.told()), "it judged what it could not know"
    assert all(life.starved for life in wrong.failed)
    assert re.search(told, wrong.told()), wrong.told()
