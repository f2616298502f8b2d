"""The tank farm's physics against closed forms and against what is semi-analytic; tolerances in each test."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from lifeline.simulators.plume import Pool, Vapour, carried, concentration, evaporation
from lifeline.simulators.runaway import STYRENE, ZERO_C, Heated, heat_up
from lifeline.simulators.tank import (
    BLANKET,
    BREATHES,
    EMERGENCY,
    VACUUM,
    Outside,
    Tank,
    TankSpec,
    Upset,
    Valve,
    saturated,
    saturated_at,
    settled_pressure,
)

METHANOL = Vapour(0.032, 12.9, 45.0, 790.0, 0.06)
GASOLINE = Vapour(0.065, 45.0, 60.0, 740.0, 0.011)
AMMONIA = Vapour(0.017, 857.0, 60.0, 682.0, 0.15)
CALM = Outside(20.0, 0.0, 2.0, 101.3)


# --- runaway -------------------------------------------------------------------------------------


def adiabatic(start_k: float, faster: float, step_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Times and temperatures of a tank without heat exchange, until all has reacted."""
    state, t, times, kelvin = Heated(start_k), 0.0, [0.0], [start_k]
    while state.reacted < 0.9:
        state = heat_up(STYRENE, state, step_s, faster)
        t += step_s
        times.append(t)
        kelvin.append(state.kelvin)
    return np.array(times), np.array(kelvin)


@pytest.mark.parametrize(("celsius", "faster"), [(20.0, 40.0), (40.0, 5.0), (60.0, 1.0)])
def test_the_time_to_the_maximum_rate_is_semenovs(celsius: float, faster: float) -> None:
    """Semenov's neglects 2 T/θ (some 7 %), the monomer's use adds 3 to 5: later, by at most 12.5 %."""
    start = celsius + ZERO_C
    expected = STYRENE.time_to_maximum_rate(start, faster)
    times, kelvin = adiabatic(start, faster, expected / 2000.0)
    fastest = times[np.argmax(np.diff(kelvin))]
    assert 1.05 < fastest / expected < 1.125


def test_self_heating_takes_the_exact_time_from_one_temperature_to_another() -> None:
    """The integral in closed form, to 0.1 %, while little monomer is used (its share corrected)."""
    start, faster = 40.0 + ZERO_C, 5.0
    state, times, kelvin = Heated(start), [0.0], [start]
    while state.kelvin < start + 11.0:
        state = heat_up(STYRENE, state, 120.0, faster)
        times.append(times[-1] + 120.0)
        kelvin.append(state.kelvin)
    exact = STYRENE.time_between(start, start + 10.0, faster)
    used = 10.0 * STYRENE.heat_capacity / STYRENE.heat
    assert np.interp(start + 10.0, kelvin, times) == pytest.approx(
        exact * (1 + 0.4 * used), rel=3e-3
    )


def test_all_heat_of_the_reaction_is_in_the_tank() -> None:
    state = Heated(60.0 + ZERO_C)
    for _ in range(4000):
        state = heat_up(STYRENE, state, 600.0, 1.0)
    assert state.reacted > 0.99
    rise = state.reacted * STYRENE.heat / STYRENE.heat_capacity
    assert state.kelvin - 60.0 - ZERO_C == pytest.approx(rise, rel=1e-6)


@pytest.mark.parametrize(("share", "runs_away"), [(0.95, False), (1.15, True)])
def test_semenovs_limit_parts_rest_from_runaway(share: float, runs_away: bool) -> None:
    """(dT/dt)₀ τ θ/T² against 1/e, with monomer without end; the neglected T/θ is 3 %."""
    endless = replace(STYRENE, heat=1e4 * STYRENE.heat, rate=1e-4 * STYRENE.rate)
    outside = 30.0 + ZERO_C
    pull = 1.0 / (5.0 * 86_400.0)
    critical = outside**2 / STYRENE.theta * pull / math.e
    faster = share * critical / endless.self_heating(outside)
    state = Heated(outside)
    for _ in range(3000):
        state = heat_up(endless, state, 3600.0, faster, pull, outside)
        if state.kelvin > outside + 40.0:
            break
    assert (state.kelvin > outside + 40.0) == runs_away
    if not runs_away:
        # It rests less than T²/θ above the outside.
        assert 0.0 < state.kelvin - outside < outside**2 / STYRENE.theta


# --- plume ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("distance", [15.0, 60.0])
def test_what_evaporates_flows_through_every_plane_downwind(distance: float) -> None:
    """∬ u C dy dz = Q, to 0.1 %."""
    y, z = np.linspace(-80.0, 80.0, 801), np.linspace(0.0, 60.0, 601)
    across, upward = np.meshgrid(y, z)
    c = concentration(
        np.array(0.4), 4.0, np.array(3.0), np.full(across.shape, distance), across, upward
    )
    flux = 3.0 * np.trapezoid(np.trapezoid(c, y, axis=1), z)
    assert flux == pytest.approx(0.4, rel=1e-3)


def test_a_plume_goes_where_the_wind_blows() -> None:
    for whence, place in ((0.0, (0.0, -20.0)), (90.0, (-20.0, 0.0)), (225.0, (14.1, 14.1))):
        along, beside = carried(*place, np.array([whence]))
        assert along[0] == pytest.approx(20.0, abs=0.1)
        assert beside[0] == pytest.approx(0.0, abs=0.1)
    behind = concentration(
        np.array([1.0]), 2.0, np.array([3.0]), np.array([-20.0]), np.array([0.0])
    )
    assert behind[0] == 0.0


def test_a_pool_that_is_fed_evaporates_what_it_gets() -> None:
    """In the long run, to 1 %; and nothing is lost on the way, to 10⁻⁹."""
    pool = Pool(METHANOL, 2000.0)
    gone = 0.0
    for _ in range(3000):
        last = pool.step(60.0, 60.0 * 0.05, 20.0, 3.0)
        gone += last * 60.0
    assert last == pytest.approx(0.05, rel=0.01)
    assert gone + pool.kg == pytest.approx(3000 * 3.0, rel=1e-9)
    steady = 0.05 / evaporation(METHANOL, 20.0, 3.0, 2.0 * pool.radius)
    assert pool.area == pytest.approx(steady, rel=0.05)


# --- tanks ---------------------------------------------------------------------------------------


def test_what_came_is_in_the_tank_or_went() -> None:
    """Mass, to 10⁻¹², through filling, drawing, leaking and overflow."""
    tank = Tank(TankSpec("T", "fixed", "methanol", METHANOL), 60.0)
    rng, first, came, lost = np.random.default_rng(1), tank.kg, 0.0, 0.0
    for _ in range(1000):
        inflow, outflow = rng.uniform(0.0, 400.0, 2)
        inflow *= 1.6
        came += (inflow - outflow) * 790.0 / 60.0
        lost += tank.step(60.0, inflow, outflow, CALM, Upset(hole_m2=1e-3))
    assert tank.kg == pytest.approx(first + came - lost, rel=1e-9)
    assert tank.level <= 100.0 + 1e-9


def test_a_leak_empties_the_tank_as_torricelli_says() -> None:
    """√h falls on a line: level after a day to 10⁻⁴."""
    spec, hole = TankSpec("T", "floating", "gasoline", GASOLINE), 2e-3
    tank = Tank(spec, 50.0)
    for _ in range(1440):
        tank.step(60.0, 0.0, 0.0, CALM, Upset(hole_m2=hole))
    head = (math.sqrt(9.0) - 0.62 * hole / spec.area * math.sqrt(9.81 / 2.0) * 86_400.0) ** 2
    assert tank.level == pytest.approx(100.0 * head / 18.0, rel=1e-4)


def test_a_tank_follows_the_air_with_its_time_constant() -> None:
    spec = TankSpec("T", "fixed", "methanol", METHANOL, settles_s=86_400.0, starts_at=30.0)
    tank = Tank(spec, 60.0)
    for _ in range(1440):
        tank.step(60.0, 0.0, 0.0, CALM, Upset())
    assert tank.celsius == pytest.approx(20.0 + 10.0 / math.e, rel=1e-9)


VALVES = (BREATHES, EMERGENCY, BLANKET, VACUUM)


def flow_at(pressure: float, valves: tuple[Valve, ...]) -> float:
    """m³/h that leave."""
    total = 0.0
    for v in valves:
        share = min(1.0, max(0.0, (pressure - v.opens) / (v.full - v.opens)))
        total += v.most * share * (1.0 if v.full > v.opens else -1.0)
    return total


@pytest.mark.parametrize("closed", [-40.0, -3.0, -0.4, 0.05, 0.2, 0.31, 0.9, 1.2, 3.0, 14.0, 200.0])
@pytest.mark.parametrize("gain", [0.001, 0.1, 3.0])
def test_the_valves_pass_what_their_pressure_allows(closed: float, gain: float) -> None:
    """p + gain · flow(p) = what a closed tank would have, to 10⁻⁹."""
    pressure = settled_pressure(closed, gain, VALVES, 1.0 / 60.0)
    left = flow_at(pressure, VALVES)
    assert pressure + gain / 60.0 * left == pytest.approx(closed, abs=1e-9)


def test_filling_breathes_out_what_the_liquid_displaces() -> None:
    """At rest the breathing valve stands at opens + (q / most) of its slope, 1 %."""
    tank = Tank(TankSpec("T", "fixed", "methanol", METHANOL), 40.0)
    for _ in range(120):
        tank.step(60.0, 400.0, 0.0, CALM, Upset())
    assert tank.gauge == pytest.approx(1.0 + 0.3 * 400.0 / 2000.0, rel=0.01)
    for _ in range(120):
        tank.step(60.0, 0.0, 400.0, CALM, Upset())
    assert tank.gauge == pytest.approx(0.3 - 0.2 * 400.0 / 1500.0, rel=0.01)
    for _ in range(30):
        tank.step(60.0, 400.0, 0.0, CALM, Upset(vent_blocked=1.0))
    assert tank.gauge > EMERGENCY.opens


def test_gas_above_a_floating_roof_rests_between_what_enters_and_what_airs() -> None:
    tank = Tank(TankSpec("T", "floating", "gasoline", GASOLINE), 60.0)
    for _ in range(3000):
        tank.step(60.0, 0.0, 0.0, CALM, Upset(open_roof=0.01))
    flux = evaporation(GASOLINE, tank.celsius, 0.9, 18.0)
    volume = 0.01 * tank.spec.area * flux / 0.065 * 8.314 * 293.15 / 101_300.0
    assert tank.fraction == pytest.approx(volume / (volume + 0.45), rel=0.01)


def test_cold_ammonia_boils_at_its_pressure() -> None:
    """−33.3 °C at one atmosphere within 0.5 K; the inverse to 10⁻⁹."""
    assert saturated_at(101.325) == pytest.approx(-33.3, abs=0.5)
    assert saturated(saturated_at(107.0)) == pytest.approx(107.0, rel=1e-9)
    spec = TankSpec("T", "refrigerated", "ammonia", AMMONIA, cooled_to=-33.0, starts_at=-33.0)
    tank = Tank(spec, 60.0)
    low, high = [], []
    for minute in range(3000):
        tank.step(60.0, 0.0, 0.0, CALM, Upset(compressor_lost=float(minute > 2000)))
        (high if minute > 2000 else low).append(tank.gauge)
    assert 3.5 < min(low[600:]) < max(low[600:]) < 7.5
    assert max(high) > 9.0
