"""Consolidation against Terzaghi's table and the equation solved in small steps."""

from __future__ import annotations

import numpy as np
import pytest

from lifeline.simulators.consolidation import Layer, degree, degree_of_ramp, settlement


def test_terzaghi_s_degree_is_that_of_the_tables() -> None:
    """Tv for U of 20 to 90 %, to the table's three digits; the early branch joins the series."""
    factors = [0.031, 0.071, 0.126, 0.197, 0.287, 0.403, 0.567, 0.848]
    wanted = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert degree(factors) == pytest.approx(wanted, abs=2.5e-3)
    before, after = degree([0.01 - 1e-9, 0.01 + 1e-9])
    assert after - before == pytest.approx(0.0, abs=1e-6)
    assert degree([-1.0, 0.0]).tolist() == [0.0, 0.0]
    assert degree(5.0) == pytest.approx(1.0, abs=1e-5)


def test_terzaghi_s_degree_solves_the_equation_of_consolidation() -> None:
    """Explicit differences of du/dt = d²u/dz² on a hundred layers."""
    pressure = np.ones(101)
    pressure[0] = 0.0
    step, layer = 4e-5, 1.0 / 100.0
    told = {}
    for k in range(1, 12_501):
        bend = np.empty(101)
        bend[1:-1] = pressure[2:] - 2.0 * pressure[1:-1] + pressure[:-2]
        bend[0], bend[-1] = 0.0, 2.0 * (pressure[-2] - pressure[-1])
        pressure = pressure + step / layer**2 * bend
        if k in (2500, 12_500):
            told[k * step] = 1.0 - float(np.trapezoid(pressure, dx=layer))
    for factor, share in told.items():
        assert float(degree(factor)) == pytest.approx(share, abs=2e-3)


def test_a_ramp_is_the_sum_of_many_small_loads() -> None:
    now = np.array([0.05, 0.2, 0.5, 1.2])
    begins = (np.arange(4000) + 0.5) / 4000 * 0.4
    shares = np.mean([degree(now - begin) for begin in begins], axis=0)
    assert degree_of_ramp(now, 0.4) == pytest.approx(shares, abs=1e-4)
    assert degree_of_ramp(now, 0.0).tolist() == degree(now).tolist()


def test_a_growing_load_settles_as_the_equation_solved_in_small_steps() -> None:
    """Against finite differences of ∂u/∂t = cv ∂²u/∂z² + dq/dt, 1 %."""
    cells, ramp, d_t = 100, 0.2, 2.5e-5
    u, dz = np.zeros(cells), 2.0 / cells
    out = []
    for i in range(round(0.5 / d_t)):
        padded = np.concatenate([[-u[0]], u, [-u[-1]]])
        u = u + d_t * (padded[2:] - 2.0 * u + padded[:-2]) / dz**2 + d_t / ramp * (i * d_t < ramp)
        if i % 4000 == 3999:
            out.append(min(1.0, (i + 1) * d_t / ramp) - u.mean())
    times = d_t * 4000 * np.arange(1, len(out) + 1)
    assert degree_of_ramp(times, ramp) == pytest.approx(np.array(out), rel=0.01)


def test_settlement_ends_at_load_times_compressibility() -> None:
    layer = Layer()
    late = settlement(layer, 40.0, np.array([-1.0, 0.0, 1e12]), 20.0 * 86_400.0)
    assert late == pytest.approx([0.0, 0.0, 2e-4 * 40.0 * 20.0], abs=1e-9)
