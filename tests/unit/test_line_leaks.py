"""A simulated line of 50 km under balance and wave: what leaks is found, and a month of transients is not.

The physics is the method of characteristics, the plant is written as people write it, the core is the
real one. Seeds and places are others than those with which limits were chosen. LIFELINE_LINE_MONTHS
says how many months without leak are run (1); LIFELINE_LINE_WHOLE=1 that the calm between the
transients is fed to the wave at 50 Hz, too, which takes minutes a month.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from lifeline.simulators.liquid import Leak
from lifeline.simulators.oil_line import Act, OilRun, Operation, transients
from watched_line import BALANCE, FAST_S, SCAN_S, WAVE, Watch, around, sampled, seconds_after

HOUR_S = 3600.0
DAY_S = 86_400.0
# The wave's noise floor forgets with a time constant of 5 min.
CALM_S = 900.0
MONTHS = int(os.environ.get("LIFELINE_LINE_MONTHS", "1"))
WHOLE = os.environ.get("LIFELINE_LINE_WHOLE") == "1"
SEEDS = range(41, 46)


def place_of(seed: int) -> float:
    """Somewhere on the line, 2 km from either end at least."""
    return float(np.random.default_rng(seed).uniform(2e3, 48e3))


@pytest.mark.parametrize("share", [0.01, 0.02, 0.05])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_leak_is_found_by_balance_within_an_hour(tmp_path: Path, seed: int, share: float) -> None:
    onset = 2.0 * HOUR_S
    operation = Operation(leaks=(Leak(place_of(seed), onset, share=share),), seed=seed)
    watch = Watch(tmp_path, operation)
    watch.scans(*OilRun(operation).advance(onset + HOUR_S, SCAN_S))
    (raised,) = watch.raised
    assert raised.rule == BALANCE
    assert raised.level_after == "orange"
    assert 0.0 < seconds_after(raised, operation, onset) < HOUR_S


@pytest.mark.parametrize("share", [0.03, 0.05, 0.10])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_rupture_is_found_by_its_wave_within_two_minutes_where_it_is(
    tmp_path: Path, seed: int, share: float
) -> None:
    onset, place = 60.0, place_of(seed)
    # From a hole that is there at once to one that tears for a second and a half.
    leak = Leak(place, onset, share=share, opening=0.1 + 0.35 * (seed % 5))
    operation = Operation(leaks=(leak,), seed=seed)
    watch = Watch(tmp_path, operation)
    watch.fast(*OilRun(operation).close_up(onset + 120.0, FAST_S))
    first = watch.raised[0]
    assert first.rule == WAVE
    assert 0.0 < seconds_after(first, operation, onset) < 120.0
    said = watch.said(f"{WAVE}~site")
    assert float(said["position_m"]) == pytest.approx(place, abs=500.0)
    assert len(watch.raised) == 1


def month(seed: int, days: int) -> Operation:
    """So many days of transients, and a leak of 3 % a day later, so that silence is not deafness."""
    leak = Leak(place_of(seed), DAY_S * days + DAY_S, share=0.03, opening=0.5)
    return Operation(acts=transients(seed, days), leaks=(leak,), seed=seed)


@pytest.mark.parametrize("seed", range(100, 100 + MONTHS))
def test_thirty_days_of_transients_do_not_alarm_the_balance(tmp_path: Path, seed: int) -> None:
    operation = month(seed, 30)
    onset = operation.leaks[0].onset
    watch, run = Watch(tmp_path, operation), OilRun(operation)
    while run.now_s < onset:
        watch.scans(*run.advance(DAY_S, SCAN_S))
    assert watch.records == []
    watch.scans(*run.advance(HOUR_S, SCAN_S))
    assert 0.0 < seconds_after(watch.raised[0], operation, onset) < HOUR_S


@pytest.mark.parametrize("seed", range(100, 100 + MONTHS))
def test_thirty_days_of_transients_do_not_alarm_the_wave(tmp_path: Path, seed: int) -> None:
    """At 50 Hz from 15 min before each act, so that the noise floor is that of a calm line, to 260 s
    after it, five times the wave's way; physics at 10 Hz, with straight lines between."""
    operation = month(seed, 30)
    onset = operation.leaks[0].onset
    watch, run = Watch(tmp_path, operation), OilRun(operation)
    assert len(operation.acts) > 60
    for begin, end in stretches(operation.acts):
        if begin > run.now_s:
            run.advance(begin - run.now_s, SCAN_S)
        watch.fast(*sampled(*run.close_up(end - begin, 0.1), FAST_S))
    assert watch.records == []
    run.advance(onset - CALM_S - run.now_s, SCAN_S)
    watch.fast(*sampled(*run.close_up(CALM_S - 60.0, 0.1), FAST_S))
    run.advance(CALM_S - 60.0, SCAN_S)
    watch.fast(*run.close_up(180.0, FAST_S))
    assert 0.0 < seconds_after(watch.raised[0], operation, onset) < 120.0


def stretches(acts: tuple[Act, ...]) -> list[tuple[float, float]]:
    """What of the month is judged at 50 Hz."""
    if not WHOLE:
        return around(acts, CALM_S, 260.0)
    return [(600.0 * k, 600.0 * (k + 1)) for k in range(30 * 144)]
