"""The method of characteristics against what is known in closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq

from lifeline.simulators.liquid import (
    DIESEL,
    ControlValve,
    Fluid,
    Leak,
    Pipe,
    Pumps,
    colebrook,
    friction_loss,
    speed_for,
    steady_flow,
)
from lifeline.simulators.liquid_line import LiquidLine
from liquid_lines import HILL, SET, crude, reservoir_and_valve, steady

# --- waves ------------------------------------------------------------------------------------------


def test_a_valve_closed_at_once_raises_the_pressure_by_joukowsky() -> None:
    """Δp = ρ a Δv, that is a Δv / g of head, to one part in 10^9."""
    line = reservoir_and_valve()
    before = steady(line, 1.0, wanted=0.2)
    after = steady(line, 39.0, opening=0.0, wanted=0.2)
    speed = 0.2 / line.design.pipe.area
    rise = after.pressure[0, 2] - before.pressure[-1, 2]
    assert rise == pytest.approx(850.0 * 1000.0 * speed, rel=1e-9)
    assert rise / (850.0 * 9.81) == pytest.approx(1000.0 * speed / 9.81, rel=1e-9)
    assert np.ptp(after.pressure[:, 2]) < 1e-3  # it stands until the reservoir's answer: 2 L / a
    arrival = np.argmax(after.pressure[:, 1] > before.pressure[-1, 1] + 0.5 * rise)
    assert arrival * 0.1 == pytest.approx(10.0, abs=0.11)  # L/2 at 1,000 m/s


def test_the_line_swings_with_four_times_its_wave_s_travel() -> None:
    """Period 4 L / a = 80 s, square and undamped without friction, to one step in twelve periods."""
    line = reservoir_and_valve()
    steady(line, 1.0, wanted=0.2)
    told = steady(line, 12 * 80.0, opening=0.0, wanted=0.2)
    swing = told.pressure[:, 2] - 2e6
    falls = np.flatnonzero((swing[:-1] > 0.0) & (swing[1:] < 0.0))
    assert len(falls) == 12
    assert np.diff(falls) * 0.1 == pytest.approx(80.0, abs=1e-9)
    height = 850.0 * 1000.0 * 0.2 / line.design.pipe.area
    assert np.abs(swing) == pytest.approx(height, rel=1e-6)


def test_friction_damps_the_swing() -> None:
    line = reservoir_and_valve(friction=0.02)
    steady(line, 1.0, wanted=0.2)
    told = steady(line, 12 * 80.0, opening=0.0, wanted=0.2)
    tops = np.abs(told.pressure[:, 2] - 2e6).reshape(12, -1).max(axis=1)
    assert np.all(np.diff(tops) < 0.0)


def test_a_hole_sends_half_its_impedance_both_ways_and_tells_where_it_is() -> None:
    """Δp = Z q / 2 at once; seen at the ends after x / a and (L − x) / a, so x = (L + a Δt) / 2."""
    design = crude()
    hole = Leak(17_300.0, 5.0, share=0.03, opening=0.02)
    line = LiquidLine(design, 0.02, 1.0, SET, [hole])
    told = steady(line, 60.0)
    calm, _ = LiquidLine(design, 0.02, 1.0, SET).profile
    flow = told.inflow[0]
    at_once = told.leaking[np.flatnonzero(told.leaking)[0]]
    impedance = 850.0 * 1000.0 / design.pipe.area
    place = np.interp(17_300.0, np.linspace(0.0, 50_000.0, line.reaches + 1), calm)
    # The hole was sized before the pressure at it gave way.
    given_way = impedance * at_once / 2.0
    assert at_once == pytest.approx(0.03 * flow * math.sqrt(1.0 - given_way / place), rel=1e-3)
    upper, lower = (
        np.flatnonzero(np.abs(told.pressure[:, k] - told.pressure[0, k]) > 500.0)[0] * 0.02
        for k in (0, 2)
    )
    assert upper == pytest.approx(5.0 + 17.3, abs=0.05)
    assert lower == pytest.approx(5.0 + 32.7, abs=0.05)
    assert (50_000.0 + 1000.0 * (upper - lower)) / 2.0 == pytest.approx(17_300.0, abs=25.0)


def test_a_wave_s_head_fades_as_linear_friction_says() -> None:
    """The head of a small wave falls by exp(−x f v / (2 d a)): the quadratic loss about its mean."""
    line = LiquidLine(crude(friction=0.02), 0.02, 1.0, SET)
    flow = line.profile[1][0]
    shaken = LiquidLine(crude(friction=0.02), 0.02, 1.0, SET)
    calm, moved = steady(line, 60.0), steady(shaken, 60.0, speed=0.999)
    there = moved.pressure - calm.pressure
    heads = [there[round(at / 0.02) + 1, k] for at, k in ((0.0, 0), (25.0, 1))]
    faded = math.exp(-25_000.0 * 0.02 * (flow / line.design.pipe.area) / (2.0 * 0.39 * 1000.0))
    assert heads[1] / heads[0] == pytest.approx(faded, rel=0.01)


# --- steady states ----------------------------------------------------------------------------------


@pytest.mark.parametrize("speed", [0.6, 0.8, 1.0])
@pytest.mark.parametrize("step_s", [0.02, 0.5])
def test_a_steady_line_obeys_darcy_and_weisbach_and_rests(speed: float, step_s: float) -> None:
    """Pressure loss f L/d ρ v²/2 with Colebrook's factor within 10^-5, and nothing moves."""
    line = LiquidLine(crude(elevation=HILL), step_s, speed, SET)
    told = steady(line, 120.0, speed=speed)
    pipe, flow = line.design.pipe, told.inflow[-1]
    loss = friction_loss(pipe, Fluid(), flow, pipe.length) + 850.0 * 9.81 * 20.0
    assert told.pressure[-1, 0] - told.pressure[-1, 2] == pytest.approx(loss, rel=1e-5)
    assert np.ptp(told.pressure, axis=0).max() < 5.0
    head = 330.0 * speed**2 - 3500.0 * flow**2
    assert told.pressure[-1, 0] == pytest.approx(0.3e6 + 850.0 * 9.81 * head, rel=1e-6)
    assert told.outflow[-1] == pytest.approx(flow, rel=1e-6)


def test_another_speed_ends_in_its_own_steady_state() -> None:
    line = LiquidLine(crude(), 1.0, 0.7, SET)
    steady(line, 4 * 3600.0, speed=1.0)
    flow, end = steady_flow(line.design.pipe, Pumps(), ControlValve(), Fluid(), 1.0, SET)
    told = steady(line, 1.0)
    assert told.inflow[-1] == pytest.approx(flow, rel=1e-4)
    assert told.pressure[-1, 2] == pytest.approx(end, rel=1e-4)


@pytest.mark.parametrize("at", [400.0, 12_345.0, 25_000.0, 49_700.0])
def test_a_leak_ends_in_the_steady_split(at: float) -> None:
    """Pump curve, Darcy–Weisbach on both sides, orifice: solved apart, met within 0.2 %."""
    area = 1.2e-4
    line = LiquidLine(crude(), 0.2, 1.0, SET, [Leak(at, 10.0, area=area)])
    told = steady(line, 2 * 3600.0)
    pipe, pumps, fluid = line.design.pipe, Pumps(), Fluid()

    def missing(inflow: float) -> float:
        head = pumps.shutoff - pumps.fall * inflow**2
        there = pumps.suction + 850.0 * 9.81 * head - friction_loss(pipe, fluid, inflow, at)
        lost = area * math.sqrt(2.0 * max(0.0, there) / 850.0)
        rest = friction_loss(pipe, fluid, inflow - lost, pipe.length - at)
        return there - rest - SET

    inflow = brentq(missing, 0.05, 0.2)
    assert isinstance(inflow, float)
    assert told.inflow[-1] == pytest.approx(inflow, rel=2e-3)
    head = pumps.shutoff - pumps.fall * inflow**2
    there = pumps.suction + 850.0 * 9.81 * head - friction_loss(pipe, fluid, inflow, at)
    assert told.leaking[-1] == pytest.approx(area * math.sqrt(2.0 * there / 850.0), rel=2e-3)
    assert told.inflow[-1] - told.outflow[-1] == pytest.approx(told.leaking[-1], rel=1e-3)


def test_the_friction_factor_is_that_of_laminar_flow_and_of_colebrook() -> None:
    reynolds = np.array([500.0, 2000.0, 1e5, 1e6])
    factor = colebrook(reynolds, 1e-4)
    assert factor[:2] == pytest.approx([0.128, 0.032])
    for re, f in zip(reynolds[2:], factor[2:], strict=True):
        right = -2.0 * math.log10(1e-4 / 3.7 + 2.51 / (re * math.sqrt(f)))
        assert 1.0 / math.sqrt(f) == pytest.approx(right, rel=1e-12)
    assert np.all(np.diff(colebrook(np.linspace(2000.0, 4000.0, 9), 1e-4)) > 0.0)


def test_speed_for_is_the_inverse_of_the_steady_flow() -> None:
    pipe = Pipe(elevation=HILL)
    speed = speed_for(pipe, Pumps(), DIESEL, 0.12, SET)
    flow, _ = steady_flow(pipe, Pumps(), ControlValve(), DIESEL, speed, SET)
    assert flow == pytest.approx(0.12, rel=1e-9)
