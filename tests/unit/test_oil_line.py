"""A month of an oil line: acts, rhythm, leaks as labels, and close-ups of any moment."""

from __future__ import annotations

import numpy as np
import pytest

from lifeline.simulators.liquid import Leak
from lifeline.simulators.oil_line import (
    DELIVERY_PA,
    KM,
    OIL_LINE,
    Act,
    Meters,
    OilRun,
    Operation,
    course,
    transients,
)

HOUR_S = 3600.0


def test_acts_follow_each_other_from_where_the_last_one_is() -> None:
    acts = (Act("pumps", 10.0, 0.0, 20.0), Act("pumps", 20.0, 1.0, 5.0), Act("valve", 0.0, 0.1))
    times = np.array([0.0, 10.0, 15.0, 20.0, 22.5, 25.0, 99.0])
    value = course(acts, ("pumps", "trip"), 1.0, times)
    assert value == pytest.approx([1.0, 1.0, 0.75, 0.5, 0.75, 1.0, 1.0])
    tripped = course((Act("trip", 10.0, 0.4, 3.0),), ("pumps", "trip"), 1.0, times)
    assert tripped == pytest.approx([1.0, 1.0, 0.4 if 3 / 8 < 0.4 else 3 / 8, 0.4, 0.4, 0.4, 0.4])
    assert course((), ("valve",), 1.0, times) == pytest.approx(1.0)


def test_throughput_has_its_rhythm_and_the_delivery_its_pressure() -> None:
    times, told = OilRun(Operation(swing=0.05)).advance(24 * HOUR_S, 60.0)
    assert len(times) == 24 * 60
    flow = 3600.0 * told.inflow
    assert flow.max() == pytest.approx(540.0 * 1.05, rel=0.01)
    assert flow.min() == pytest.approx(540.0 * 0.95, rel=0.01)
    assert abs(told.pressure[:, -1] - DELIVERY_PA).max() < 0.01e6
    assert np.sum(told.inflow - told.outflow) * 60.0 == pytest.approx(0.0, abs=5.0)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_month_stops_starts_trips_throttles_and_changes_batches(seed: int) -> None:
    acts = transients(seed, 30)
    assert [a.at for a in acts] == sorted(a.at for a in acts)
    kinds = [a.kind for a in acts]
    assert kinds.count("trip") >= 7
    assert sum(a.kind == "pumps" and a.size == 0.0 for a in acts) >= 7
    assert kinds.count("valve") >= 28
    assert 15 <= kinds.count("batch") <= 25
    assert acts == transients(seed, 30) != transients(seed + 10, 30)


def test_a_month_stays_within_what_a_pipe_bears_and_never_parts() -> None:
    run = OilRun(Operation(acts=transients(5, 10), seed=5))
    times, told = run.advance(10 * 24 * HOUR_S, 10.0)
    assert told.pressure.max() < 6.4e6
    assert run.line.cavities == 0.0
    assert told.inflow.min() >= 0.0
    assert (told.inflow == 0.0).any()  # it stood
    assert {round(x) for x in (told.density_out.min(), told.density_out.max())} == {745, 835}
    assert np.array_equal(times, 10.0 * np.arange(1, len(times) + 1))


def test_a_close_up_begins_where_the_run_stands_and_leaves_it_there() -> None:
    act = Act("trip", 3600.0, 0.85, 3.0)
    run = OilRun(Operation(acts=(act,), seed=2))
    run.advance(3570.0, 10.0)
    times, fine = run.close_up(180.0, 0.1)
    again, coarse = run.advance(180.0, 1.0)
    assert run.now_s == 3750.0
    assert times[-1] == pytest.approx(again[-1])
    # The same trip on nodes 1 km and 100 m apart, each with its own trembling.
    apart = np.abs(fine.pressure[9::10] - coarse.pressure)
    assert apart.max() < 0.05e6
    assert fine.pressure[:, 0].min() < fine.pressure[0, 0] - 0.3e6


def test_a_leak_of_the_close_up_is_the_leak_of_the_run() -> None:
    run = OilRun(Operation(leaks=(Leak(20_000.0, 60.0, share=0.03),), seed=3))
    _, fine = run.close_up(120.0, 0.1)
    _, coarse = run.advance(120.0, 1.0)
    assert fine.leaking[-1] == pytest.approx(coarse.leaking[-1], rel=0.01)
    assert fine.leaking[-1] == pytest.approx(0.03 * fine.inflow[0], rel=0.03)
    assert fine.leaking[: round(59.0 / 0.1)].max() == 0.0


def test_a_pump_trembles_and_the_line_hears_it() -> None:
    _, told = OilRun(Operation(seed=4)).close_up(120.0, 0.02)
    assert 0.1e3 < told.pressure[:, 0].std() < 1.5e3
    _, other = OilRun(Operation(seed=4)).close_up(120.0, 0.02)
    assert np.array_equal(told.pressure, other.pressure)


def test_leaks_are_labels() -> None:
    operation = Operation(leaks=(Leak(17_000.0, 60.0, share=0.03), Leak(9_000.0, 90.0, 100.0)))
    first, second = operation.incidents("line-1", ("PT-U", "PT-D"))
    assert first.onset_ns == operation.start_ns + 60_000_000_000
    assert first.what_en == "the line leaks at km 17"
    assert "17 km" in first.what_zh
    assert second.end_ns - second.onset_ns == 10_000_000_000
    assert first.sensors == ("PT-U", "PT-D")


def test_meters_err_as_they_are_said_to() -> None:
    seen = Meters(1).flow("FT", np.full(20_000, 0.15))
    assert seen.std() == pytest.approx(540.0 * 0.0025, rel=0.03)
    errors = [Meters(s).flow("FT", np.full(2000, 0.15)).mean() / 540.0 - 1.0 for s in range(200)]
    assert np.abs(errors).max() < 0.0012
    assert np.std(errors) == pytest.approx(0.001 / np.sqrt(3.0), rel=0.15)
    gauge = Meters(1).pressure("PT", np.full(20_000, 1e6))
    assert abs(gauge.mean() - 1000.0) < 5.1
    assert gauge.std() == pytest.approx(2.0, rel=0.03)


def test_the_taps_are_where_the_kilometres_are() -> None:
    assert OIL_LINE.taps == tuple(1000.0 * km for km in KM)
