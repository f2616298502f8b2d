"""The air and water of a compartment against their closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lifeline.engine.limits import DAY_NS, HOUR_NS, MINUTE_NS
from lifeline.simulators.compartment import (
    PIT_M,
    SOIL_DIFFUSIVITY,
    YEAR_S,
    Fan,
    Sump,
    first_order,
    ground_temperature,
    saturation,
)
from lifeline.simulators.corridor_air import Cause, Corridor
from watched_scenario import START


def grid(steps: int, every_ns: int = MINUTE_NS) -> np.ndarray:
    return START + np.arange(steps, dtype=np.int64) * every_ns


@pytest.mark.parametrize("step_s", [1.0, 60.0, 3600.0])
def test_a_held_source_follows_the_exponential_at_any_step(step_s: float) -> None:
    """C(t) = s/q + (C0 − s/q) e^(−q t / V)."""
    steps = round(7200.0 / step_s)
    rate, gained = np.full(steps, 0.4 / 1400.0), np.full(steps, 2e-3)
    told = first_order(3.0, rate, gained, step_s)
    after = step_s * np.arange(1, steps + 1)
    steady = 2e-3 * 1400.0 / 0.4
    expected = steady + (3.0 - steady) * np.exp(-0.4 / 1400.0 * after)
    assert told == pytest.approx(expected, rel=1e-9)


def test_the_fan_s_box_is_the_well_mixed_exponential_until_it_starts() -> None:
    fan = Fan(1000.0, 0.011, 0.0025, 12_000.0 / 3600.0)
    leak, air = np.full(90, 40.0 / 3600.0), np.full(90, 0.1)
    fraction, moved = fan.advance(leak, air, np.ones(90), 60.0)
    total = 40.0 / 3600.0 + 0.1
    steady = 40.0 / 3600.0 / total
    after = 60.0 * np.arange(1, 91)
    first = int(np.argmax(moved > 0.0))
    free = steady * (1.0 - np.exp(-total * after / 1000.0))
    assert fraction[:first] == pytest.approx(free[:first], rel=1e-12)
    assert fraction[first - 1] >= 0.011 > fraction[first - 2]
    # Running, it strives for leak / (leak + air + fan); it stops below its lower limit, never to start.
    running = 40.0 / 3600.0 / (total + 12_000.0 / 3600.0)
    assert running > 0.0025
    assert fraction[-1] == pytest.approx(running, rel=1e-3)
    assert moved[first:].min() > 0.0


def test_the_sump_s_pump_runs_between_its_levels() -> None:
    """Rise (0.6 − 0.2) A / inflow, fall (0.6 − 0.2) A / (pump − inflow); a step of the pump of error."""
    sump = Sump(1.5, 480.0, 0.6, 0.2, 20.0 / 3600.0)
    level = sump.advance(np.full(40_000, 0.3 / 3600.0), np.ones(40_000), 1.0)
    tops = np.flatnonzero((level[1:-1] > level[:-2]) & (level[1:-1] >= level[2:]))
    expected = 0.4 * 1.5 / (0.3 / 3600.0) + 0.4 * 1.5 / (19.7 / 3600.0)
    assert np.diff(tops) == pytest.approx(expected, abs=20.0 / 0.3)
    assert level.max() == pytest.approx(0.6, abs=1e-3)
    assert level.min() == pytest.approx(0.2, abs=4e-3)
    # Without a pump: what flows in stands in the pit, then on the floor.
    still = Sump(1.5, 480.0, 0.6, 0.2, 20.0 / 3600.0)
    level = still.advance(np.full(100, 60.0 / 3600.0), np.zeros(100), 60.0)
    volume = 0.4 * 1.5 + 100 * 60.0 / 60.0
    assert level[-1] == pytest.approx(PIT_M + (volume - PIT_M * 1.5) / 480.0, rel=1e-9)


def test_the_ground_s_wave_fades_and_lags_as_conduction_says() -> None:
    """At z = d the swing is A/e and comes a radian later; the heat equation holds in between."""
    reach = math.sqrt(SOIL_DIFFUSIVITY * YEAR_S / math.pi)
    days = START + np.arange(730, dtype=np.int64) * DAY_NS
    top, deep = (ground_temperature(days, z, 17.0, 12.0) for z in (0.0, reach))
    assert np.ptp(deep) / np.ptp(top) == pytest.approx(math.exp(-1.0), rel=1e-3)
    lag = (int(deep[:365].argmax()) - int(top[:365].argmax())) % 365
    assert lag == pytest.approx(365.25 / (2.0 * math.pi), abs=1.0)
    dz, dt = 0.05, 86_400.0
    above, here, below = (ground_temperature(days, z, 17.0, 12.0) for z in (1.95, 2.0, 2.05))
    bend = (above - 2.0 * here + below)[1:-1] / dz**2
    change = (here[2:] - here[:-2]) / (2.0 * dt)
    assert change == pytest.approx(SOIL_DIFFUSIVITY * bend, abs=0.002 * np.abs(change).max())


def test_air_holds_as_much_water_as_tables_say() -> None:
    """Saturated vapour density, g/m3, of common tables: 4.85, 9.40, 17.3, 30.4."""
    told = saturation(np.array([0.0, 10.0, 20.0, 30.0]))
    assert told == pytest.approx([4.85, 9.40, 17.3, 30.4], rel=0.005)


def test_inert_gas_drives_oxygen_out_as_its_share_of_the_air() -> None:
    """Fans off: 1 − e^(−(q + s) t / V) of the way to s / (s + q)."""
    onset, end = START, START + 6 * HOUR_NS
    causes = (
        Cause("inert.release", "s1-power", 200.0, onset, end),
        Cause("fan.failure", "s1-power", 1.0, onset, end),
    )
    truth = Corridor(1, causes, 5, 60.0).advance(grid(300))
    calm = Corridor(1, causes[1:], 5, 60.0).advance(grid(300))
    air, inert = 0.1 * 1400.0 / 3600.0, 200.0 / 3600.0
    share = inert / (air + inert) * (1.0 - math.exp(-(air + inert) * 300 * 60.0 / 1400.0))
    lost = calm["s1-power-o2"][-1] - truth["s1-power-o2"][-1]
    assert lost == pytest.approx(20.9 * share, rel=1e-9)
    assert truth["s1-power-o2"][-1] < 13.0


def test_a_fire_heats_the_air_by_its_power_over_the_air_s_heat() -> None:
    """At once after ten minutes of growth: dT/dt = P / (ρ c V) less what the walls take."""
    fire = Cause("cable.fire", "s1-power", 120.0, START, START + HOUR_NS)
    off = Cause("fan.failure", "s1-power", 1.0, START, START + HOUR_NS)
    hot = Corridor(1, (fire, off), 5, 1.0).advance(grid(1200, MINUTE_NS // 60))
    calm = Corridor(1, (off,), 5, 1.0).advance(grid(1200, MINUTE_NS // 60))
    excess = hot["s1-power-temp"] - calm["s1-power-temp"]
    rise = (excess[901] - excess[900]) / 1.0
    source = 120_000.0 / (1.2 * 1005.0 * 1400.0)
    assert rise == pytest.approx(source - excess[900] * (1.0 / 3600.0 + 0.1 / 3600.0), rel=1e-3)


def test_the_grid_s_cut_changes_no_bit() -> None:
    causes = (
        Cause("gas.leak", "s1-gas", 80.0, START + HOUR_NS, START + 6 * HOUR_NS),
        Cause("cable.fire", "s1-power", 90.0, START + 2 * HOUR_NS, START + 3 * HOUR_NS),
        Cause("pipe.burst", "s1-pipes", 40.0, START + 4 * HOUR_NS, START + 5 * HOUR_NS),
    )
    whole = Corridor(1, causes, 3, 60.0).advance(grid(600))
    parts = Corridor(1, causes, 3, 60.0)
    told = [parts.advance(g) for g in np.split(grid(600), [1, 33, 250])]
    for name, value in whole.items():
        assert np.concatenate([t[name] for t in told]).tobytes() == value.tobytes(), name
