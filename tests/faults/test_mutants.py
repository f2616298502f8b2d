"""The control: each of six wrong engines is caught, by a plan whose right engine passes.

A harness that has never failed has shown nothing. Each mutant is wrong in one piece (see
`harness.mutants`) and lives through the deaths at which that piece matters.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from faults.harness.campaign import Campaign, Death
from faults.harness.mutants import MUTANTS
from faults.harness.verdict import Verdict
from lifeline.simulators.city_gas import city_gas

# One engine, its publishers and its disk at a time.
pytestmark = pytest.mark.xdist_group("kills")

SEED: Final = 20
RESENT_S: Final = 4.0
# How an engine may end: killed, stopped in order, or by noticing a broken claim itself.
ENDS: Final = (-9, 0, 70)

Plan = Callable[[], list[Death]]


def before_the_log() -> list[Death]:
    """Deaths under telemetry, so that batches are on their way to the disk."""
    return [Death(after_s=s) for s in (1.5, 1.0, 1.3)]


def before_the_outbox() -> list[Death]:
    """A death with snapshots there, and one while alert records are on their way to the disk."""
    return [Death(after_s=2.0), Death(point="outbox.before_commit:12")]


def from_a_snapshot() -> list[Death]:
    """Deaths with timers running; then what was sent last comes again, with nothing newer before."""
    again = Death(
        after_s=2.0, quiet=True, before_next=lambda campaign: campaign.publishers.resend(RESENT_S)
    )
    return [Death(after_s=3.0), Death(after_s=2.0), again]


PLANS: Final[dict[str, Plan]] = {
    "before the log": before_the_log,
    "before the outbox": before_the_outbox,
    "from a snapshot": from_a_snapshot,
}


@dataclass(frozen=True, slots=True)
class Control:
    """The plan that a mutant does not survive, and what the harness says of it."""

    plan: str
    told: str


LOST: Final = r"lost [1-9]"
OTHER: Final = r"digest: live|ended by itself with 70"
CONTROLS: Final = {
    "acknowledge-before-log": Control("before the log", LOST),
    "agent-with-state": Control("before the log", LOST),
    "snapshot-before-outbox": Control("before the outbox", r"missing in the outbox: [1-9]"),
    "duplicates-in-memory": Control("from a snapshot", OTHER),
    "dropped-timer": Control("from a snapshot", OTHER),
    "seq-reset": Control("from a snapshot", OTHER),
}


def lived(directory: Path, plan: str, mutant: str = "") -> Verdict:
    """A short campaign on one site that speaks often.

    By limits alone: a mutant that turns a sensor's time back would break the memory of the windows,
    and it is to be caught by what it judges.
    """
    site = city_gas(interval_s=0.2)
    campaign = Campaign(
        directory, SEED, PLANS[plan](), sites=[site], kinds=["limit"], mutant=mutant
    )
    return campaign.run()


def test_there_is_a_control_for_every_mutant() -> None:
    assert len(MUTANTS) == 6
    assert CONTROLS.keys() == MUTANTS.keys()
    assert {control.plan for control in CONTROLS.values()} == PLANS.keys()


@pytest.mark.integration
@pytest.mark.parametrize("plan", PLANS)
def test_the_right_engine_passes(
    plan: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verdict = lived(tmp_path, plan)
    with capsys.disabled():
        print(f"\ncontrol, {plan}, right engine: {verdict.summary()}", flush=True)
    assert verdict.violations == []
    assert verdict.kills == len(PLANS[plan]())


@pytest.mark.integration
@pytest.mark.parametrize("name", sorted(CONTROLS))
def test_the_harness_catches_the_wrong_engine(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    verdict = lived(tmp_path, CONTROLS[name].plan, name)
    told = "\n".join(verdict.violations)
    with capsys.disabled():
        found = " | ".join(v.splitlines()[0] for v in verdict.violations)
        print(f"\ncontrol, {name}: {'caught: ' + found if found else 'NOT CAUGHT'}", flush=True)
    assert all(life.code in ENDS for life in verdict.lives), told
    assert re.search(CONTROLS[name].told, told), told
