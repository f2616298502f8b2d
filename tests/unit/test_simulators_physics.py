"""The physics is right where it can be checked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lifeline.engine.limits import DAY_NS, HOUR_NS, SECOND_NS
from lifeline.simulators import manhole
from lifeline.simulators.dam import Creep, Dam, Drains, Storm, answer, compression_of
from lifeline.simulators.district import District, Release, hole_for
from lifeline.simulators.manhole import Manhole, leak_for, orifice_flow, steady_fraction
from lifeline.simulators.rhythm import gas_demand, hour_of_day, water_demand
from lifeline.simulators.sensor import Instrument, Transmitter
from lifeline.simulators.trunk import MAIN, MEAN_DEMAND_M3_S, Trunk, Upset

START = 1_800_000_000 * SECOND_NS


def grid(steps: int, step_s: float) -> np.ndarray:
    return START + np.arange(steps, dtype=np.int64) * round(step_s * SECOND_NS)


# --- the manhole ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("leak", "vent"), [(0.001, 0.009), (0.02, 0.02), (1e-6, 0.3)])
def test_a_constant_leak_ends_at_leak_over_leak_plus_ventilation(leak: float, vent: float) -> None:
    box = Manhole(3.0)
    box.advance(np.full(50_000, leak), np.full(50_000, vent), 1.0)
    assert box.fraction == pytest.approx(leak / (leak + vent), rel=1e-9)
    assert steady_fraction(leak, vent) == pytest.approx(leak / (leak + vent))


def test_what_flows_in_is_in_the_box_or_has_left_it() -> None:
    rng = np.random.default_rng(1)
    steps, dt, volume = 20_000, 0.01, 3.0
    leak, vent = rng.uniform(0.0, 0.05, steps), rng.uniform(0.0, 0.05, steps)
    box = Manhole(volume, 0.1)
    after = box.advance(leak, vent, dt)
    mean = 0.5 * (np.concatenate([[0.1], after[:-1]]) + after)
    gained = volume * (after[-1] - 0.1)
    assert gained == pytest.approx(np.sum((leak * (1.0 - mean) - vent * mean) * dt), rel=1e-6)


def test_the_exact_step_agrees_with_euler_in_tiny_steps() -> None:
    fraction = 0.0
    for _ in range(200_000):
        fraction += 1e-4 * (0.01 * (1.0 - fraction) - 0.004 * fraction) / 2.5
    box = Manhole(2.5)
    box.advance(np.full(4, 0.01), np.full(4, 0.004), 5.0)
    assert box.fraction == pytest.approx(fraction, rel=1e-4)


def test_a_blower_washes_a_chamber_with_its_own_time_constant() -> None:
    box = Manhole(3.0, 0.5)
    after = box.advance(np.zeros(10), np.full(10, 0.6), 1.0)
    assert after[4] == pytest.approx(0.5 * math.exp(-1.0))  # V / Q = 5 s


def test_no_flow_keeps_the_gas_and_the_air() -> None:
    box = Manhole(3.0, 0.25)
    assert box.advance(np.zeros(3), np.zeros(3), 1.0).tolist() == [0.25, 0.25, 0.25]


def test_leak_for_brings_the_box_to_the_wanted_fraction() -> None:
    leak = leak_for(0.05, 300.0, 3.0, 0.001)
    box = Manhole(3.0)
    box.advance(np.full(300, leak), np.full(300, 0.001), 1.0)
    assert box.fraction == pytest.approx(0.05, rel=1e-9)


def test_an_orifice_is_choked_above_the_critical_ratio() -> None:
    """Choked mass flow is proportional to absolute pressure upstream; the critical gauge pressure
    of methane is some 85 kPa."""
    high = float(orifice_flow(1e-4, 400.0)) / float(orifice_flow(1e-4, 200.0))
    assert high == pytest.approx((101.325 + 400.0) / (101.325 + 200.0), rel=1e-9)
    low = float(orifice_flow(1e-4, 40.0)) / float(orifice_flow(1e-4, 20.0))
    assert low == pytest.approx(math.sqrt(2.0), rel=0.1)  # and not (101 + 40) / (101 + 20)
    assert float(orifice_flow(1e-4, 0.0)) == 0.0
    assert float(orifice_flow(1e-4, -5.0)) == 0.0
    around = orifice_flow(1e-4, np.linspace(70.0, 100.0, 301))
    assert np.all(np.diff(around) > 0.0)
    assert np.max(np.abs(np.diff(around, 2))) < 1e-6  # no jump where the branch changes


def test_low_pressure_flow_is_that_of_an_incompressible_gas() -> None:
    """At 2.5 kPa: C_d A sqrt(2 Δp / ρ), within the few per cent that expansion costs."""
    density = 101_325.0 * 0.01604 / (8.314 * 288.15)
    expected = 0.62 * 1e-4 * math.sqrt(2.0 * 2500.0 / density)
    assert float(orifice_flow(1e-4, 2.5)) == pytest.approx(expected, rel=0.03)


def test_oxygen_goes_as_methane_comes() -> None:
    area = hole_for(0.25, 60.0)
    leak = Release(0, area, 0.0, START, START + 600 * SECOND_NS)
    truth = District(3, (leak,), 1, 1.0).advance(grid(120, 1.0))
    methane, oxygen = truth["m01-ch4"], truth["m01-o2"]
    assert methane[-1] > 20.0
    assert oxygen == pytest.approx(20.9 * (1.0 - methane / 100.0))
    assert truth["m01-lel"] == pytest.approx(methane * 20.0)
    assert truth["m01-pressure"][-1] < truth["m03-pressure"][-1]
    assert truth["m03-ch4"].max() == 0.0


def test_sewer_gas_stays_far_below_the_first_limit_all_day_and_breathes() -> None:
    truth = District(3, (), 1, 60.0).advance(grid(3 * 1440, 60.0))
    biogas = truth["m02-ch4"][1440:]
    assert 0.02 < biogas.min() < 0.6 * biogas.max()
    assert biogas.max() < 0.5


def test_ventilation_grows_with_wind_lid_and_blower() -> None:
    still, windy, opened, blown = (
        float(manhole.ventilation_flow(*x))
        for x in [(0.0, 0.0, 0.0), (5.0, 0.0, 0.0), (5.0, 1.0, 0.0), (5.0, 1.0, 0.5)]
    )
    assert 0.0 < still < windy < opened < blown


# --- the main ------------------------------------------------------------------------------------


def truth_of(*upsets: Upset, steps: int = 600, step_s: float = 0.5) -> dict[str, np.ndarray]:
    return dict(Trunk(1, upsets, step_s).advance(grid(steps, step_s)))


def test_a_main_gives_what_is_wanted_and_obeys_pump_curve_and_friction() -> None:
    truth = truth_of(steps=20)
    wanted = MEAN_DEMAND_M3_S * water_demand(grid(20, 0.5))
    assert truth["FT-101"] == pytest.approx(3600.0 * wanted, rel=1e-3)
    assert truth["FT-102"] == pytest.approx(3600.0 * wanted, rel=1e-3)
    inlet = 9.81 * (62.0 - 60.0 * wanted**2)
    assert truth["PT-101"] == pytest.approx(inlet, rel=1e-3)
    middle = 0.5 * (truth["PT-101"] + truth["PT-102"])
    assert truth["PT-103"] == pytest.approx(middle, rel=1e-3)
    assert truth["PT-102"].min() > 196.2


@pytest.mark.parametrize("area", [0.005, 0.02, 0.08])
def test_a_main_loses_at_the_leak_what_does_not_arrive(area: float) -> None:
    """C_d A √(2 p / ρ) at the pressure of its place, some minutes after it opened."""
    onset, end = START + 10 * SECOND_NS, START + DAY_NS
    truth = truth_of(Upset(0, "burst", area, onset, end, at=0.5))
    missing = (truth["FT-101"][-1] - truth["FT-102"][-1]) / 3600.0
    expected = 0.62 * area * math.sqrt(2000.0 * truth["PT-103"][-1] / 1000.0)
    assert missing == pytest.approx(expected, rel=0.01)
    calm = truth_of()
    assert truth["PT-102"][-1] < calm["PT-102"][-1]
    assert truth["FT-101"][-1] > calm["FT-101"][-1]


def test_a_burst_is_felt_after_the_travel_of_its_wave() -> None:
    onset = START + 10 * SECOND_NS
    truth = truth_of(Upset(0, "burst", 0.02, onset, START + DAY_NS, at=0.3), step_s=0.1, steps=200)
    fell = [
        np.flatnonzero(truth[name] < truth[name][0] - 5.0)[0] * 0.1 - 10.0
        for name in ("PT-101", "PT-103", "PT-102")
    ]
    ways = [abs(at - 0.3) * MAIN.pipe.length / MAIN.pipe.wave for at in (0.0, 0.5, 1.0)]
    assert fell == pytest.approx(ways, abs=0.45)  # the hole opens within a second


def test_a_tripped_pump_closes_its_valve_and_comes_back() -> None:
    trip = Upset(0, "trip", 0.45, START + 10 * SECOND_NS, START + 100 * SECOND_NS)
    truth = truth_of(trip)
    assert truth["PT-101"][100] < 0.5 * truth["PT-101"][0]
    assert truth["FT-101"].min() >= 0.0
    assert truth["XV-101"][[0, 100, -1]].tolist() == [1.0, 0.0, 1.0]
    assert truth["PT-101"][-1] == pytest.approx(truth["PT-101"][0], rel=0.02)


# --- the dam -------------------------------------------------------------------------------------


def test_creep_follows_voights_law_until_the_berm() -> None:
    """Inverse velocity falls on a straight line; the berm stops the section."""
    day = DAY_NS
    creep = Creep(0, START + day, START + 6 * day)
    dam = Dam(1, (creep,), 600.0, 1.0)
    times = grid(6 * 24 * 12, 600.0)
    moved = dam.advance(times)["disp_h_01"]
    speed = np.diff(moved) / (600.0 / 86_400.0) - 0.2
    days = (times[:-1] - creep.onset_ns) / day + 300.0 / 86_400.0
    during = (days > 0.2) & (days < 4.8)
    line = np.polyfit(days[during], 1.0 / speed[during], 1)
    assert 1.0 / line[1] == pytest.approx(4.0, rel=0.01)
    assert -line[1] / line[0] == pytest.approx(5.0 / 0.97, rel=0.01)  # time of failure
    assert np.abs(speed[days > 9.0]).max() < 0.01
    assert np.all(np.diff(moved) > 0.0)


def test_rain_raises_pond_and_phreatic_surface_and_both_recede() -> None:
    storm = Storm(30.0, START, START + DAY_NS)
    drains = Drains(START + 5 * DAY_NS, START + 10 * DAY_NS)
    dam = Dam(1, (storm, drains), 600.0, 1.0)
    truth = dam.advance(grid(10 * 144, 600.0))
    assert truth["rain"].max() == pytest.approx(30.0, rel=1e-3)
    fallen_mm = truth["rain"].sum() / 6.0
    assert fallen_mm == pytest.approx(30.0 * 24.0 / 2.0, rel=1e-3)
    assert truth["pond_level"].max() > 152.0
    assert truth["pond_level"][-1] < 150.2
    depth = truth["piezo_02"]
    assert depth.min() < 4.0
    assert depth[-1] > 6.7
    assert np.argmin(depth) > np.argmax(truth["rain"])  # water takes its time
    pond_m, rise_m = answer(30.0, 86_400.0)
    assert pond_m == pytest.approx(truth["pond_level"].max() - 150.0, rel=0.01)
    assert rise_m == pytest.approx(6.8 - depth.min(), rel=0.01)


def test_a_dam_without_causes_rests() -> None:
    truth = Dam(2, (), 600.0, 1.0).advance(grid(144, 600.0))
    assert np.ptp(truth["piezo_05"]) == 0.0
    assert truth["rain"].max() == 0.0
    assert truth["disp_h_02"][-1] == pytest.approx(0.2, rel=0.01)


def test_the_same_story_told_faster_is_the_same_story() -> None:
    """Depths depend on process time alone, whatever the compression."""

    def told(length_s: float) -> np.ndarray:
        end = START + round(length_s * SECOND_NS)
        storm = Storm(30.0, START, START + (end - START) // 10)
        step = length_s / 1000.0
        dam = Dam(1, (storm,), step, compression_of(length_s))
        return np.asarray(dam.advance(grid(1000, step))["piezo_02"])

    assert told(1000.0) == pytest.approx(told(864_000.0), abs=1e-9)
    assert compression_of(864_000.0) == 1.0
    assert compression_of(8_640_000.0) == 1.0


# --- instruments and rhythm ----------------------------------------------------------------------


def transmitter(**sheet: float) -> Transmitter:
    whole = {"low": 0.0, "high": 100.0, "resolution": 0.01} | sheet
    return Transmitter(Instrument(**whole), np.random.default_rng(1))


def test_t90_is_the_time_to_ninety_per_cent() -> None:
    probe = transmitter(t90_s=10.0)
    probe.read(np.zeros(5), 1.0)
    assert probe.read(np.full(10, 80.0), 1.0)[-1] == pytest.approx(72.0, abs=0.01)


def test_a_bead_pegs_beyond_its_range_and_comes_back() -> None:
    bead = transmitter(peg=110.0)
    assert bead.read(np.array([99.0, 100.0, 100.2, 900.0, 50.0]), 1.0).tolist() == [
        99.0,
        100.0,
        110.0,
        110.0,
        50.0,
    ]


def test_without_a_peg_the_range_clips() -> None:
    assert transmitter().read(np.array([-3.0, 250.0]), 1.0).tolist() == [0.0, 100.0]


def test_readings_are_whole_steps_of_the_resolution() -> None:
    read = transmitter(resolution=0.05, noise=0.3).read(np.full(500, 50.0), 1.0)
    assert np.allclose(np.round(read / 0.05), read / 0.05, atol=1e-6)
    assert len(np.unique(read)) > 10


def test_noise_has_the_sigma_of_the_sheet() -> None:
    read = transmitter(resolution=1e-6, noise=0.5).read(np.full(20_000, 50.0), 1.0)
    assert read.std() == pytest.approx(0.5, rel=0.03)
    assert read.mean() == pytest.approx(50.0, abs=0.02)


def test_drift_grows_by_its_rate_a_day() -> None:
    read = transmitter(drift_per_day=2.0).read(np.full(86_400, 10.0), 1.0)
    assert read[-1] == pytest.approx(12.0, abs=0.01)


def test_the_day_has_its_tops_where_people_wake_and_cook() -> None:
    hours = grid(24 * 60, 60.0)
    local = hour_of_day(hours)
    water, gas = water_demand(hours), gas_demand(hours)
    assert 6.5 < local[np.argmax(np.where(local < 12, water, 0))] < 8.5
    assert 1.0 < local[np.argmin(water)] < 5.0
    assert 17.0 < local[np.argmax(gas)] < 20.0
    assert hour_of_day(np.array([0], np.int64)).tolist() == [8.0]
    assert water_demand(hours + 24 * HOUR_NS) == pytest.approx(water)
