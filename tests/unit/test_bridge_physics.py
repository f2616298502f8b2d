"""The bridge's physics against closed forms and sums: beams, cables, warmth, traffic."""

from __future__ import annotations

import numpy as np
import pytest

from lifeline.engine.limits import DAY_NS, HOUR_NS, SECOND_NS
from lifeline.simulators.beam import (
    SimpleSpan,
    cable_force,
    cable_frequency,
    expansion,
)
from lifeline.simulators.bridge_causes import cable_drop
from lifeline.simulators.bridge_spans import APPROACH, MAIN, Plan, Rolling
from lifeline.simulators.climate import HEFEI
from lifeline.simulators.traffic import AXLE_SHARES, Traffic, Vehicles, convoy
from lifeline.simulators.warmth import CABLE_S, DECK_S, Warmth
from lifeline.simulators.weather import Weather

MONDAY = 20_574 * DAY_NS + 3 * DAY_NS  # 2026-05-04 UTC


def test_a_simple_span_has_the_textbook_s_influence_lines() -> None:
    """P L / 4, P L³ / 48 E I at mid-span; anywhere the double integral of M / E I: 10⁻⁴."""
    span = SimpleSpan(50.0, 2.0e8, 1.0e8)
    middle = np.array([25.0])
    assert span.moment(middle)[0] == pytest.approx(50.0 / 4.0, rel=1e-12)
    assert span.sag(middle)[0] == pytest.approx(50.0**3 / (48.0 * 2.0e8), rel=1e-12)
    assert np.all(span.moment(np.array([-3.0, 0.0, 50.0, 60.0])) == 0.0)
    x = np.linspace(0.0, 50.0, 20_001)
    for at in (7.0, 21.0, 40.0):
        moment = np.where(x < at, x * (1.0 - at / 50.0), at * (1.0 - x / 50.0))
        unit = np.where(x < 25.0, x / 2.0, (50.0 - x) / 2.0)
        # The unit-load theorem: the sag at mid-span is the integral of M m / E I.
        assert span.sag(np.array([at]))[0] == pytest.approx(
            np.trapezoid(moment * unit, x) / 2.0e8, rel=1e-4
        )


def test_a_lane_load_is_the_integral_of_the_influence_lines() -> None:
    x = np.linspace(0.0, APPROACH.length, 20_001)
    q = np.array([1.0])
    assert APPROACH.moment_of_lane(q)[0] == pytest.approx(
        np.trapezoid(APPROACH.moment(x), x), rel=1e-6
    )
    assert APPROACH.sag_of_lane(q)[0] == pytest.approx(np.trapezoid(APPROACH.sag(x), x), rel=1e-6)


def test_the_stayed_girder_is_hetenyi_s_beam() -> None:
    """E I w'''' + k w = 0 beside the load (10⁻³), all cables carry it (10⁻³), M = −E I w'' (10⁻³)."""
    x = np.arange(5.0, 60.0, 0.25)
    sag = MAIN.sag(x)
    second = (sag[2:] - 2.0 * sag[1:-1] + sag[:-2]) / 0.25**2
    fourth = (second[2:] - 2.0 * second[1:-1] + second[:-2]) / 0.25**2
    most = MAIN.stiffness * float(sag[0])
    assert np.max(np.abs(MAIN.ei * fourth + MAIN.stiffness * sag[2:-2])) < 1e-3 * most
    assert -MAIN.ei * second == pytest.approx(
        MAIN.moment(x)[1:-1], abs=1e-3 * MAIN.moment(x[:1])[0]
    )
    pairs = np.arange(-60, 61) * MAIN.spacing
    for offset in (0.0, 3.0, 6.0):
        assert MAIN.share(pairs - offset).sum() == pytest.approx(1.0, abs=1e-3)
    assert MAIN.own_share == pytest.approx(float(MAIN.share(np.array([0.0]))[0]))


@pytest.mark.parametrize("lost", [0.05, 0.3, 0.7, 1.0])
def test_a_lost_cable_s_load_goes_to_the_others(lost: float) -> None:
    """Vertical equilibrium over all pairs after the loss: 10⁻³ of the pair's force."""
    freed = MAIN.released(1.0, lost)
    pairs = np.arange(-60, 61) * MAIN.spacing
    after = 1.0 + MAIN.share(pairs) * freed
    after[60] *= 1.0 - lost
    assert after.sum() == pytest.approx(len(pairs), abs=1e-3)
    assert after[60] < 1.0 < after[59]


def test_a_cable_s_frequency_tells_its_force() -> None:
    """T = 4 m l² f² there and back; 4,000 kN on 150 m of 68 kg/m swing at 0.808 Hz."""
    force = np.array([1000.0, 4000.0])
    frequency = cable_frequency(force, 68.0, 150.0)
    assert frequency[1] == pytest.approx(0.80845, abs=1e-4)
    assert frequency[1] == pytest.approx(2.0 * frequency[0])
    assert cable_force(frequency, 68.0, 150.0) == pytest.approx(force, rel=1e-12)
    assert 0.2 < cable_drop(0.25) < 0.25


def test_the_girder_s_frequency_and_expansion() -> None:
    """Rayleigh's quotient of half a wave, by quadrature (10⁻⁶); 200 m by 20 K is 48 mm."""
    x = np.linspace(0.0, MAIN.length, 4001)
    wave = np.pi / MAIN.length
    shape = np.sin(wave * x)
    work = MAIN.ei * wave**4 * shape**2 + MAIN.stiffness * shape**2
    square = np.trapezoid(work, x) / np.trapezoid(MAIN.mass * shape**2, x)
    assert float(MAIN.frequency()) == pytest.approx(np.sqrt(square) / (2.0 * np.pi), rel=1e-6)
    assert expansion(200.0, np.array([20.0]))[0] == pytest.approx(48.0)


def test_warmth_follows_with_its_lag() -> None:
    """A daily wave through a store of τ: less by (1 + (ω τ)²)^−½, later by atan(ω τ) / ω; 3 % and
    a quarter of an hour, of the mean of twenty days."""
    warmth = Warmth(Weather(HEFEI, 8), MONDAY)
    times = MONDAY + np.arange(20 * 144, dtype=np.int64) * 600 * SECOND_NS
    deck, cable, _ = warmth.at(times)
    sky = Weather(HEFEI, 8).at(times)
    turn = np.exp(-2j * np.pi * (times % DAY_NS) / DAY_NS)

    def daily(of: np.ndarray) -> complex:
        return complex((of * turn).mean())

    source = daily(sky.temperature + 0.012 * sky.sun)
    for told, tau in ((deck, DECK_S), (cable, CABLE_S)):
        passed = 1.0 / (1.0 + 2j * np.pi * tau / 86_400.0)
        ratio = daily(told) / source
        assert abs(ratio) == pytest.approx(abs(passed), rel=0.03)
        assert np.angle(ratio / passed) * 24.0 / (2.0 * np.pi) == pytest.approx(0.0, abs=0.25)


def test_vehicles_on_the_span_are_the_influence_line() -> None:
    """One lorry, step by step, against its five axles; and its weight taken by all cables."""
    plan = Plan()
    times = np.arange(0, 40 * SECOND_NS, SECOND_NS // 4, dtype=np.int64)
    lorry = Vehicles(np.array([2 * SECOND_NS]), np.array([20.0]), np.array([40.0]))
    rolling = Rolling(plan, lorry, times)
    nose = 20.0 * (times / 1e9 - 2.0)
    axles = (0.0, 3.6, 8.6, 9.9, 11.2)
    wanted = sum(
        9.81 * 40.0 * share * APPROACH.moment(nose - behind)
        for behind, share in zip(axles, AXLE_SHARES, strict=True)
    )
    assert rolling.moment == pytest.approx(wanted, abs=1e-9)
    assert AXLE_SHARES.sum() == pytest.approx(1.0)
    middle = np.abs(nose - 7.8 - 250.0) < 20.0
    pairs = sum(rolling.pair(k * MAIN.spacing) for k in range(-16, 17))
    assert pairs[middle] == pytest.approx(9.81 * 40.0, rel=2e-3)
    assert rolling.mass[middle] == pytest.approx(40.0)


def test_traffic_has_the_rhythm_of_day_and_week() -> None:
    """Lorries an hour within 15 % of the rhythm; Sundays 0.55 of Mondays within 0.1; any cut of time
    finds the same lorries."""
    traffic = Traffic(5, "any")
    day = traffic.entering(MONDAY - 8 * HOUR_NS, MONDAY + 16 * HOUR_NS)
    sunday = traffic.entering(MONDAY - 32 * HOUR_NS, MONDAY - 8 * HOUR_NS)
    assert len(day) == pytest.approx(2 * 90 * 24 * 0.6, rel=0.1)
    assert len(sunday) / len(day) == pytest.approx(0.55, abs=0.1)
    morning = traffic.entering(MONDAY + HOUR_NS, MONDAY + 4 * HOUR_NS)
    night = traffic.entering(MONDAY - 11 * HOUR_NS, MONDAY - 8 * HOUR_NS)
    assert len(morning) > 2.0 * len(night)
    parts = [
        traffic.entering(MONDAY + a * HOUR_NS // 7, MONDAY + (a + 1) * HOUR_NS // 7)
        for a in range(21)
    ]
    whole = traffic.entering(MONDAY, MONDAY + 3 * HOUR_NS)
    found = np.sort(np.concatenate([p.enters for p in parts]))
    assert np.array_equal(found, np.sort(whole.enters))
    assert np.all((whole.mass >= 13.0) & (whole.mass <= 49.0))
    assert len(convoy(0, 6, 170.0, 6.0, 18.0)) == 6
