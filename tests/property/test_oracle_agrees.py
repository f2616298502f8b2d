"""The engine's core and the slow oracle, written from the same page, agree on any log."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings

from lifeline.engine.core import Core
from oracle.compare import Outcome, compare
from oracle.generate import Scenario, scenario, scenarios
from oracle.generate_plant import PACES

SMALL = settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def agrees(log: Scenario, between: Any = None) -> Outcome:
    """Compare, and fail with the account of the difference."""
    outcome = compare(log, Core(), between)
    assert not outcome.difference, outcome.difference
    return outcome


@pytest.mark.parametrize("seed", range(21))
def test_both_agree_on_thousands_of_rows(seed: int) -> None:
    agrees(scenario(seed, 3_000, pace=PACES[seed % len(PACES)]))


@pytest.mark.parametrize("seed", range(100, 107))
def test_both_agree_on_self_clocked_rows(seed: int) -> None:
    agrees(scenario(seed, 2_000, pace=PACES[seed % len(PACES)], self_clocked=True))


@pytest.mark.parametrize("seed", range(200, 207))
def test_both_agree_when_the_core_is_restored_from_snapshots(seed: int) -> None:
    def restored(position: int, core: Core) -> Core:
        return Core.restore(core.snapshot()) if position > 1 and position % 7 == 0 else core

    agrees(scenario(seed, 1_000, pace=PACES[seed % len(PACES)]), restored)


def test_hardly_any_log_is_left_uncompared_because_a_slope_lies_on_its_limit() -> None:
    logs = [scenario(seed, 500, pace=PACES[seed % len(PACES)]) for seed in range(300, 321)]
    outcomes = [agrees(log) for log in logs]
    assert sum(outcome.unclear for outcome in outcomes) <= 2
    assert sum(outcome.records for outcome in outcomes) > 1_000


@SMALL
@given(scenarios())
def test_both_agree_on_any_small_log(log: Scenario) -> None:
    assume(not agrees(log).unclear)


@SMALL
@given(scenarios(self_clocked=True))
def test_both_agree_on_any_small_self_clocked_log(log: Scenario) -> None:
    assume(not agrees(log).unclear)
