"""A liquid line through pump trips, closures and batches: what goes in is there or came out."""

from __future__ import annotations

import numpy as np
import pytest

from lifeline.engine.frame import Float64
from lifeline.simulators.liquid import (
    DIESEL,
    GASOLINE,
    ControlValve,
    Design,
    Leak,
    Pipe,
    Pumps,
    steady_flow,
)
from lifeline.simulators.liquid_line import LiquidLine
from liquid_lines import HILL, SET, crude, reservoir_and_valve, steady

# --- what is pumped is what is there ------------------------------------------------------------------


def stormy(line: LiquidLine, seconds: float, seed: int) -> tuple[Float64, Float64]:
    """Speeds with trips and ramps, and a block valve that closes and opens."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds / line.step_s)) * line.step_s
    knots = np.sort(rng.uniform(0.0, seconds, 8))
    speed = np.interp(time, knots, rng.choice([0.0, 0.6, 0.9, 1.0], 8))
    opening = np.clip(np.abs(time - seconds / 2.0) / 60.0 - 1.0, 0.0, 1.0)
    return speed, opening


@pytest.mark.parametrize("step_s", [1.0, 0.1])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nothing_is_lost_but_what_leaks(step_s: float, seed: int) -> None:
    """∫(in − out − leak) dt is what the line holds more, through trips, closures and a parted
    column, within 0.05 m3 of some 800."""
    # What stands on a batch's boundary is another compressibility: one fluid here.
    line = LiquidLine(crude(elevation=HILL), step_s, 1.0, SET, [Leak(31_000.0, 900.0, share=0.05)])
    before = line.stored
    speed, opening = stormy(line, 7200.0, seed)
    told = line.advance(speed, opening, np.full(len(speed), SET))
    gained = np.sum(told.inflow - told.outflow - told.leaking) * step_s
    assert line.stored - before == pytest.approx(gained, abs=0.05)
    assert told.inflow.sum() * step_s > 100.0


def test_coarse_and_fine_grids_tell_the_same_storm() -> None:
    """A pump's ramp and the swing behind it on nodes 1 km and 50 m apart."""
    seen = []
    for step_s in (1.0, 0.05):
        line = LiquidLine(crude(), step_s, 1.0, SET)
        time = np.arange(round(1800.0 / step_s)) * step_s
        speed = np.interp(time, [60.0, 100.0, 900.0, 960.0], [1.0, 0.0, 0.0, 0.9])
        told = line.advance(speed, np.ones(len(time)), np.full(len(time), SET))
        seen.append(told.pressure[:: round(1.0 / step_s)])
    coarse, fine = seen
    assert np.abs(coarse - fine).max() < 0.02 * 2.4e6
    assert np.sqrt(np.mean((coarse - fine) ** 2)) < 0.003 * 2.4e6


def test_a_change_of_grid_keeps_the_state() -> None:
    line = LiquidLine(crude(elevation=HILL), 1.0, 0.9, SET)
    steady(line, 600.0, speed=0.9)
    fine = line.on_grid(0.02)
    told = steady(fine, 20.0, speed=0.9)
    # The hill's top is a bend that a straight line between nodes 1 km apart cuts by nothing here.
    assert np.ptp(told.pressure, axis=0).max() < 10.0
    assert fine.on_grid(1.0).stored == pytest.approx(line.stored, rel=1e-3)


def test_any_cut_gives_the_same() -> None:
    speed, opening = np.ones(0), np.ones(0)
    ones, cut = (LiquidLine(crude(), 1.0, 1.0, SET, [Leak(9e3, 50.0, share=0.1)]) for _ in range(2))
    speed, opening = stormy(ones, 1800.0, 4)
    wanted, fluid = np.full(1800, SET), np.zeros(1800, np.int64)
    whole = ones.advance(speed, opening, wanted, fluid, every=7)
    parts = [
        cut.advance(speed[a:b], opening[a:b], wanted[a:b], fluid[a:b], every=7)
        for a, b in ((0, 3), (3, 4), (4, 1001), (1001, 1800))
    ]
    assert np.array_equal(whole.pressure, np.concatenate([p.pressure for p in parts]))
    assert np.array_equal(whole.leaking, np.concatenate([p.leaking for p in parts]))


# --- pumps, valves, batches -----------------------------------------------------------------------------


def test_a_tripped_pump_lets_nothing_back() -> None:
    line = LiquidLine(crude(elevation=HILL), 0.1, 1.0, SET)
    time = np.arange(18_000) * 0.1
    speed = np.where(time < 10.0, 1.0, 1.0 / (1.0 + np.maximum(time - 10.0, 0.0) / 3.0))
    speed[time > 60.0] = 0.0
    told = line.advance(speed, np.ones(18_000), np.full(18_000, SET))
    assert told.inflow.min() >= 0.0
    assert told.pressure[150, 0] < told.pressure[0, 0] - 5e5
    assert told.inflow[-1] < 0.05 * told.inflow[0]
    # The check valve is closed: the line stands above the suction pressure.
    assert told.pressure[-1, 0] > 0.3e6


def test_a_column_parts_at_the_vapour_pressure_and_comes_together() -> None:
    """A valve closed at once behind a reservoir, no friction: when the wave comes back the column
    leaves the valve with v0 − (p0 − pv) / (ρ a) for 2 L / a, and the cavity is largest then."""
    line = reservoir_and_valve(0.6, vapour=-90e3)
    steady(line, 1.0, wanted=0.6)
    area = line.design.pipe.area
    leaves = 0.6 / area - 2.09e6 / 850e3
    volumes, least = [], []
    for _ in range(900):
        told = steady(line, 0.1, opening=0.0, wanted=0.6)
        volumes.append(line.cavities)
        least.append(told.pressure.min())
    assert max(volumes) == pytest.approx(area * leaves * 40.0, rel=0.01)
    assert np.argmax(volumes) * 0.1 == pytest.approx(80.0, abs=0.5)
    assert min(least) == pytest.approx(-90e3)
    assert volumes[-1] < 0.05 * max(volumes)  # it came together


def test_a_batch_travels_with_the_flow_and_changes_the_loss() -> None:
    pipe = Pipe()
    design = Design(pipe, Pumps(), ControlValve(), (DIESEL, GASOLINE), (0.0, 25_000.0, 50_000.0))
    line = LiquidLine(design, 1.0, 0.95, SET)
    hours = 14
    steps = hours * 3600
    fluid = np.ones(steps, np.int64)
    told = line.advance(np.full(steps, 0.95), np.ones(steps), np.full(steps, SET), fluid)
    assert told.density_in[0] == pytest.approx(835.0, abs=0.2)
    assert told.density_in[-1] == 745.0
    came = np.flatnonzero(told.density_out < 790.0)[0]
    pumped = told.inflow[:came].sum()
    # The last reach turns while the front is in it: half a kilometre's volume.
    assert pumped == pytest.approx(pipe.area * 49_500.0, rel=2e-3)
    assert np.all(np.diff(told.density_out) <= 0.0)
    assert len(line.fronts) == 0
    flow, _ = steady_flow(pipe, Pumps(), ControlValve(), GASOLINE, 0.95, SET)
    assert told.inflow[-1] == pytest.approx(flow, rel=1e-3)
    # No step as the front passes from one node to the next.
    assert np.abs(np.diff(told.pressure[600:], axis=0)).max() < 400.0


def test_batches_survive_a_change_of_grid() -> None:
    design = Design(Pipe(), Pumps(), ControlValve(), (DIESEL, GASOLINE), (0.0, 50_000.0))
    line = LiquidLine(design, 1.0, 0.95, SET)
    for fluid, hours in ((1, 2), (0, 2)):
        n = hours * 3600
        line.advance(*(np.full(n, x) for x in (0.95, 1.0, SET)), np.full(n, fluid))
    fine = line.on_grid(0.05)
    assert fine.fronts == pytest.approx(line.fronts)
    assert len(fine.fronts) == 2
    assert fine.stored == pytest.approx(line.stored, rel=1e-3)
    told = fine.advance(*(np.full(200, x) for x in (0.95, 1.0, SET)))
    assert np.ptp(told.pressure, axis=0).max() < 3e3


def test_the_delivery_pressure_is_held() -> None:
    line = LiquidLine(crude(), 1.0, 1.0, SET)
    told = steady(line, 3600.0, speed=0.85)
    assert told.pressure[:, 2].min() > 0.35e6
    assert told.pressure[-1, 2] == pytest.approx(SET, rel=1e-3)


def test_places_outside_the_line_are_refused() -> None:
    with pytest.raises(ValueError, match="a place must lie on the line of 50000 m, found 50001"):
        LiquidLine(crude(), 1.0, 1.0, SET, [Leak(50_001.0, 0.0, share=0.1)])
    with pytest.raises(ValueError, match="leaves 1 reaches"):
        LiquidLine(crude(), 40.0, 1.0, SET)
