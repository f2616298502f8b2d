"""The ground about a tunnel against the closed forms and tables of soil mechanics."""

from __future__ import annotations

import numpy as np
import pytest

from lifeline.engine.limits import DAY_NS, MINUTE_NS
from lifeline.simulators.metro_ground import (
    AIR_STILL_M3_S,
    AIR_TRAINS_M3_S,
    GAS_M3_S,
    Cause,
    Tunnel,
    dewatered,
    excavated,
    trough,
)
from lifeline.simulators.subsidence import drawdown, hyperbola, well_function
from watched_scenario import START


def test_the_hyperbola_strives_for_its_end_from_its_first_speed() -> None:
    assert hyperbola(1e9, 20.0, 0.5) == pytest.approx(20.0, rel=1e-6)
    assert hyperbola(1e-6, 20.0, 0.5) / 1e-6 == pytest.approx(0.5, rel=1e-6)
    assert hyperbola(40.0, 20.0, 0.5) == pytest.approx(10.0)  # half of it after final / speed
    # Its own test, t/s against t, is a straight line.
    days = np.array([5.0, 10.0, 20.0])
    ratio = days / hyperbola(days, 20.0, 0.5)
    assert np.diff(ratio) / np.diff(days) == pytest.approx(1.0 / 20.0)


def test_theis_well_function_is_that_of_the_tables_and_of_cooper_and_jacob() -> None:
    """W(u) of Wenzel's table; for small u: −0.5772 − ln u."""
    assert well_function([1e-4, 1e-2, 0.1, 0.5, 1.0, 2.0, 5.0]) == pytest.approx(
        [8.6332, 4.0379, 1.8229, 0.5598, 0.2194, 0.04890, 0.001148], rel=5e-4
    )
    late = float(drawdown(30 * 86_400.0, 5.0 / 3600.0, 40.0, 2e-4, 1e-3))
    u = 40.0**2 * 1e-3 / (4.0 * 2e-4 * 30 * 86_400.0)
    jacob = 5.0 / 3600.0 / (4.0 * np.pi * 2e-4) * (-0.577216 - np.log(u))
    assert late == pytest.approx(jacob, rel=1e-3)
    assert drawdown([-5.0, 0.0], 1.0, 40.0, 2e-4, 1e-3).tolist() == [0.0, 0.0]


def test_water_comes_back_when_the_well_stops_and_the_clay_stays_squeezed() -> None:
    well = Cause("dewatering", 0, 5.0, START, START + 30 * DAY_NS)
    days = START + np.arange(200, dtype=np.int64) * DAY_NS
    fallen, settled = dewatered(well, days, 40.0)
    assert 3.0 < fallen.max() == fallen[30]
    assert fallen[-1] < 0.1 * fallen[30]
    assert settled[-1] > 0.6 * settled.max() > 3.0


def test_a_pit_s_movement_is_shared_along_the_line() -> None:
    pit = Cause("excavation", 0, 25.0, START, START + 40 * DAY_NS)
    ends = START + np.array([0, 40, 4000], dtype=np.int64) * DAY_NS
    assert excavated(pit, ends) == pytest.approx([0.0, 0.8, 1.0], abs=0.01)
    assert trough(30.0) == pytest.approx(np.exp(-0.5))


def test_gas_mixes_with_the_air_that_trains_and_fans_move() -> None:
    """Well mixed: what seeps in over all air, by day and by night; and its time constant."""
    seep = Cause("gas.seep", 0, 100.0, START, START + 4 * DAY_NS)
    times = START + np.arange(0, 2 * 1440, dtype=np.int64) * MINUTE_NS
    methane = Tunnel(1, (seep,), 3, START, 60.0).advance(times)["r01-lel"] / 2000.0
    inflow = 100.0 / 3600.0 + GAS_M3_S
    steady = [inflow / (inflow + air) for air in (AIR_STILL_M3_S + AIR_TRAINS_M3_S, AIR_STILL_M3_S)]
    assert methane[600:].min() == pytest.approx(steady[0], rel=1e-6)
    assert methane[600:].max() == pytest.approx(steady[1], rel=1e-5)


def test_the_grid_s_cut_changes_no_bit() -> None:
    causes = (
        Cause("excavation", 1, 25.0, START + DAY_NS, START + 20 * DAY_NS),
        Cause("dewatering", 0, 5.0, START + 2 * DAY_NS, START + 15 * DAY_NS),
        Cause("gas.seep", 1, 90.0, START + 3 * DAY_NS, START + 4 * DAY_NS),
    )
    times = START + np.arange(0, 4000, dtype=np.int64) * 10 * MINUTE_NS
    whole = Tunnel(2, causes, 3, START, 600.0).advance(times)
    parts = Tunnel(2, causes, 3, START, 600.0)
    told = [parts.advance(t) for t in np.split(times, [1, 33, 2500])]
    for name, value in whole.items():
        assert np.concatenate([t[name] for t in told]).tobytes() == value.tobytes(), name
