"""The dam's physics against what is known in closed form; the tolerance stands in each test."""

from __future__ import annotations

import numpy as np
import pytest

from lifeline.simulators.course import SPAN, Course
from lifeline.simulators.creep import Voight
from lifeline.simulators.phreatic import (
    CELLS,
    Phreatic,
    Strip,
    dupuit_flow,
    dupuit_head,
    reading,
)
from lifeline.simulators.pond import Pond, PondShape, weir_head

DAY_S = 86_400.0


# --- phreatic line -------------------------------------------------------------------------------


@pytest.mark.parametrize(("pond", "beach", "rain"), [(28.0, 170.0, 0.0), (30.0, 60.0, 1.2e-8)])
def test_what_stands_still_is_dupuits_parabola(pond: float, beach: float, rain: float) -> None:
    """Heads within 10⁻⁹ of the parabola's, with rain within 5 · 10⁻⁴; flow within 10⁻⁹."""
    strip = Strip(beach_factor=1.0)
    line = Phreatic(strip, 2)
    recharge = np.full(2 * CELLS, rain)
    for _ in range(400):
        left = line.step(30.0 * DAY_S, pond, beach, recharge)[0]
    # Rain falls on the dam, not on the beach: two parabolas that share head and flow at the crest.
    length, k = strip.length, strip.conductivity
    flow = left[0]
    crest = np.sqrt(pond**2 - 2.0 * (flow - rain * length) * beach / k)
    known = dupuit_head(line.x, k, crest, strip.toe_head, length, rain)
    assert line.head[:CELLS] == pytest.approx(known, rel=5e-4 if rain else 1e-9)
    assert line.head[CELLS:] == pytest.approx(line.head[:CELLS], rel=1e-12)
    if rain == 0.0:
        expected = dupuit_flow(k, pond, strip.toe_head, length + beach)
        assert left == pytest.approx(expected, rel=1e-9)


def test_water_that_flows_in_is_stored_or_leaves() -> None:
    """Balance of a dam that rain wets and drains dry, to 10⁻⁹ of what it holds."""
    line = Phreatic(Strip(), 1)
    line.settle(28.0, 170.0)
    held, step_s, came, went = line.stored()[0], 600.0, 0.0, 0.0
    rng = np.random.default_rng(1)
    relief = (1.0 / DAY_S, line.head.copy())
    for i in range(500):
        recharge = rng.uniform(0.0, 4e-7, CELLS)
        before = line.head.copy()
        left = line.step(step_s, 28.5, 160.0, recharge, relief if i > 300 else None)
        went += (left[0][0] + left[1][0]) * step_s
        inlet = line.conductivity[0] * 0.5 * (28.5 + before[0]) / (160.0 * 2.5 + 0.5 * line.dx)
        came += (recharge.sum() * line.dx + inlet * (28.5 - line.head[0])) * step_s
    assert line.stored()[0] - held == pytest.approx(came - went, abs=1e-9 * held)


def test_a_small_mound_recedes_as_the_linear_equation_says() -> None:
    """A sine on a flat table falls by exp(−K h π² t / Sy L²); 1 %."""
    strip = Strip(toe_head=10.0, beach_factor=1.0)
    line = Phreatic(strip, 1)
    shape = np.sin(np.pi * line.x / strip.length)
    line.head = 10.0 + 0.05 * shape
    tau = strip.specific_yield * strip.length**2 / (strip.conductivity * 10.0 * np.pi**2)
    steps = 400
    for _ in range(steps):
        line.step(tau / steps, 10.0, 0.0, np.zeros(CELLS))
    assert (line.head - 10.0) / 0.05 == pytest.approx(np.exp(-1.0) * shape, abs=0.01)


def test_wells_read_straight_lines_between_cells() -> None:
    x = np.array([5.0, 15.0, 25.0])
    assert reading(x, np.array([10.0, 25.0, 0.0])) @ x == pytest.approx([10.0, 25.0, 0.0])


# --- pond ----------------------------------------------------------------------------------------


def test_the_pond_rests_where_the_tower_passes_what_comes() -> None:
    """Head (q / C b)^(2/3), to 10⁻⁶."""
    shape = PondShape(slurry=0.2)
    pond = Pond(shape)
    pond.volume *= 1.7
    for _ in range(20_000):
        pond.step(600.0, 0.0)
    assert pond.level - shape.sill == pytest.approx(weir_head(0.2, shape.weir), rel=1e-6)


def test_no_water_is_lost_in_the_pond() -> None:
    """A storm and the slurry less what left is what pond and slopes hold more, to 10⁻⁹ of it."""
    shape = PondShape(shore=0.0)  # walls: rain on the water is known without looking at the level
    pond, rng = Pond(shape), np.random.default_rng(2)
    first, came, went = pond.volume, 0.0, 0.0
    for step in range(600):
        rain = rng.uniform(0.0, 3e-6) * (step < 100)
        went += pond.step(600.0, rain, blocked=0.5)
        came += 600.0 * (shape.slurry + rain * shape.area_at_sill)
        came += 600.0 * rain * shape.catchment * shape.runoff
    assert pond.held - first == pytest.approx(came - went, rel=1e-9)


def test_a_pond_that_would_rise_beyond_its_crest_runs_over_it() -> None:
    shape = PondShape()
    pond = Pond(shape)
    for _ in range(400):
        pond.step(600.0, 1e-5, blocked=1.0)
    assert pond.level == pytest.approx(shape.crest)
    assert shape.beach(pond.level) == pytest.approx(0.0, abs=1e-6)
    assert shape.head(shape.volume(1.3)) == pytest.approx(1.3)


# --- creep ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [1.6, 2.0, 2.3])
def test_creep_obeys_voights_law(alpha: float) -> None:
    """dv/dt = A v^α and dx/dt = v by central differences, 10⁻⁵."""
    creep = Voight(4.0, 5.0, alpha)
    t, d = np.linspace(0.1, 4.7, 200), 1e-5
    v = creep.velocity(t)
    assert (creep.velocity(t + d) - creep.velocity(t - d)) / (2 * d) == pytest.approx(
        creep.a * v**alpha, rel=1e-5
    )
    assert (creep.moved(t + d) - creep.moved(t - d)) / (2 * d) == pytest.approx(v, rel=1e-5)


def test_with_alpha_two_the_inverse_of_the_speed_is_a_line_to_the_failure() -> None:
    t = np.linspace(0.0, 4.9, 50)
    slope, at_zero = np.polyfit(t, 1.0 / Voight(4.0, 5.0).velocity(t), 1)
    assert at_zero == pytest.approx(0.25, rel=1e-9)
    assert -at_zero / slope == pytest.approx(5.0, rel=1e-9)


# --- what carries them ---------------------------------------------------------------------------


def test_a_course_is_the_same_however_it_is_read() -> None:
    def fresh() -> Course:
        state = [1.0]

        def solve(first: int, count: int) -> np.ndarray:
            rows = []
            for step in range(first, first + count):
                state[0] = 0.999 * state[0] + np.sin(step / 7.0)
                rows.append([state[0], step + 1.0])
            return np.array(rows)

        return Course(np.array([1.0, 0.0]), 600.0, solve)

    times = np.arange(4 * SPAN * 10) * 60.0
    whole = fresh().at(times)
    course, cut = fresh(), []
    for part in np.split(times, [1, 7, 700, 701, 3000, 5000]):
        cut.append(course.at(part))
    assert np.array_equal(np.concatenate(cut), whole)
    assert whole[:, 1] == pytest.approx(times / 600.0)
    assert course.at(times[:0]).shape == (0, 2)
