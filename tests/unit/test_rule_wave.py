"""wave: drops of pressure at both ends of a section, and what is not a leak between them.

The worked example stands on published relations: the speed of a pressure wave in an elastic pipe
(Korteweg 1878; Wylie & Streeter, Fluid Transients, ch. 1), the drop that a sudden outflow makes (Joukowsky
1898), and the place x = (L + a (t1 - t2)) / 2.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from lifeline.engine import layout as at
from lifeline.engine.kinds import load_kinds
from lifeline.rules.wave_detail import detail
from pressure_waves import OUTER, START, Line, compiled, judged, without

KM = 1000.0


# --- a leak ---------------------------------------------------------------------------------------
def test_a_rupture_of_three_per_cent_worked_by_published_relations() -> None:
    # Steel pipe of 0.5 m and 8 mm wall, crude oil: K = 1.5 GPa, 850 kg/m³, E = 206 GPa.
    bulk, density, young, bore, wall = 1.5e9, 850.0, 206e9, 0.5, 0.008
    speed = math.sqrt(bulk / density / (1.0 + bulk * bore / (young * wall)))
    assert speed == pytest.approx(1101.3, abs=0.1)
    # 3 % of 1.5 m/s flow out; half of the change runs each way: Δp = ρ a Δv / 2.
    drop = density * speed * 0.03 * 1.5 / 2.0 / 1000.0
    assert drop == pytest.approx(21.1, abs=0.1)
    place, opened = 18.2 * KM, 60.0
    line = Line(180.0, speed=speed).front(opened, place, drop)
    rule = compiled(wave_speed=f"{speed} m/s", wave_speed_error="11 m/s")
    seen = judged(line.rows(), rule)
    apart = (place - (50 * KM - place)) / speed
    assert seen.says["apart_s"] == pytest.approx(apart, abs=0.02)
    assert (50 * KM + speed * apart) / 2.0 == pytest.approx(place)
    assert seen.says["position_m"] == pytest.approx(place, abs=20.0)
    # By hand: 11 m/s on 12.3 s, and two clocks of 10 ms; the noise weighs less than these.
    by_hand = math.hypot(11.0 * apart / 2.0, speed / 2.0 * math.sqrt(2.0) * 0.01)
    assert seen.says["plus_minus_m"] == pytest.approx(by_hand, rel=0.02)
    assert seen.says["drop"] == pytest.approx(drop, rel=0.02)
    later = (50 * KM - place) / speed  # the wave must have reached the farther end
    assert seen.found is not None
    assert opened + later + 4.0 <= seen.found < opened + later + 4.6
    assert seen.reason == ""


@pytest.mark.parametrize("rate", [50.0, 100.0])
@pytest.mark.parametrize("place", [2_500.0, 12_345.6, 25_000.0, 47_000.0])
def test_the_place_is_known_below_the_sampling_interval(place: float, rate: float) -> None:
    line = Line(130.0, rate=rate, noise=0.0).front(40.0, place, 10.0, 0.4)
    seen = judged(line.rows(), compiled(noise="0.01 kPa"))
    assert abs(seen.says["position_m"] - place) < 0.25 * 1000.0 / rate


@pytest.mark.parametrize("width", [0.05, 0.5, 2.0])
def test_fronts_of_any_width_up_to_a_front_are_located(width: float) -> None:
    line = Line(130.0).front(40.0, 12_000.0, 10.0, width)
    assert judged(line.rows(), compiled()).says["position_m"] == pytest.approx(12_000.0, abs=60.0)


def test_the_uncertainty_is_two_standard_deviations_of_what_noise_does() -> None:
    rule = compiled(wave_speed_error="0 m/s", clock_error="0s")
    off = []
    for seed in range(60):
        line = Line(90.0, noise=2.0, seed=seed).front(40.0, 20_000.0, 3.0)
        says = judged(line.rows(), rule).says
        off.append((says["position_m"] - 20_000.0) / says["plus_minus_m"])
    assert 0.35 < float(np.std(off)) < 0.65
    assert sum(abs(one) <= 1.0 for one in off) >= 53


def test_what_is_judged_does_not_depend_on_the_place_where_friction_weakens_waves() -> None:
    found = []
    for place in (5.0, 25.0, 45.0):
        line = Line(130.0, noise=0.1)
        for end, pressure in enumerate(line.pressure):
            way = abs(line.places[end] - place * KM)
            line.change(pressure, 40.0 + way / 1000.0, 20.0 * math.exp(-way / (40.0 * KM)), 0.3)
        found.append(judged(line.rows(), compiled()).says["drop"])
    assert found == pytest.approx([20.0 * math.exp(-25.0 / 40.0)] * 3, rel=0.01)


def test_flow_bends_the_place_and_is_allowed_for() -> None:
    line = Line(130.0)
    t1, t2 = 20_000.0 / (1000.0 - 3.0), 30_000.0 / (1000.0 + 3.0)
    line.change(line.pressure[0], 40.0 + t1, 10.0, 0.3)
    line.change(line.pressure[1], 40.0 + t2, 10.0, 0.3)
    with_flow = judged(line.rows(), compiled(flow_speed="3 m/s")).says["position_m"]
    without_it = judged(line.rows(), compiled()).says["position_m"]
    assert with_flow == pytest.approx(20_000.0, abs=12.0)
    assert without_it - 20_000.0 == pytest.approx(75.0, abs=12.0)


def test_kilometre_posts_may_fall() -> None:
    line = Line(130.0).front(40.0, 20_000.0, 10.0)
    posts = {"upstream": "162.5 km", "downstream": "112.5 km"}
    seen = judged(line.rows(), compiled(length=None, chainage=posts))
    assert seen.says["position_m"] == pytest.approx(142_500.0, abs=30.0)
    (told,) = map(detail, seen.told)
    assert float(told["position"].removesuffix(" km")) == pytest.approx(142.5, abs=0.03)


# --- what is no leak ------------------------------------------------------------------------------
def _pump_stop(line: Line) -> None:
    line.front(40.0, -300.0, 30.0, 2.5)


def _two_steps(line: Line) -> None:
    line.front(40.0, -300.0, 30.0, 1.0).front(52.0, -300.0, 8.0, 1.0)


def _valve_opens(line: Line) -> None:
    line.front(40.0, 50_200.0, 12.0, 1.5)


def _pump_starts(line: Line) -> None:
    line.front(40.0, -300.0, -30.0, 2.0)


def _rises_within(line: Line) -> None:
    line.front(40.0, 20_000.0, -10.0)


def _batch(line: Line) -> None:
    for end in line.pressure:
        line.change(end, 90.0, 60.0, 160.0)


def _slow_run_down(line: Line) -> None:
    line.front(60.0, 20_000.0, 40.0, 20.0)


def _pulse(line: Line) -> None:
    line.front(40.0, 20_000.0, 10.0).front(42.0, 20_000.0, -10.0)


def _hammer(line: Line) -> None:
    line.front(40.0, 20_000.0, -10.0).front(41.5, 20_000.0, 10.0)


def _one_end(line: Line) -> None:
    line.change(line.pressure[0], 40.0, 10.0, 0.3)


def _too_far_apart(line: Line) -> None:
    line.change(line.pressure[0], 40.0, 10.0, 0.3)
    line.change(line.pressure[1], 95.0, 10.0, 0.3)


def _unlike(line: Line) -> None:
    line.change(line.pressure[0], 40.0, 60.0, 0.3)
    line.change(line.pressure[1], 42.0, 2.0, 0.3)


def _crowd(line: Line) -> None:
    line.change(line.pressure[0], 35.0, 8.0, 0.3)
    line.change(line.pressure[0], 80.0, 8.0, 0.3)
    line.change(line.pressure[1], 90.0, 8.0, 0.3)


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        (lambda line: None, ""),
        (_pump_stop, "the last drop came from upstream of the section"),
        (_two_steps, "the last drop came from upstream of the section"),
        (_valve_opens, "the last drop came from downstream of the section"),
        (_pump_starts, ""),
        (_rises_within, ""),
        (_batch, ""),
        (_slow_run_down, ""),
        (_pulse, ""),
        (_hammer, ""),
        (_one_end, "the last drop was seen at one end only"),
        (_too_far_apart, "the last drop was seen at one end only"),
        (_unlike, "the last drop was too unlike at the two ends"),
    ],
)
def test_what_is_no_leak(happens: Any, reason: str) -> None:
    line = Line(200.0)
    happens(line)
    seen = judged(line.rows(), compiled())
    assert (seen.found, seen.reason) == (None, reason)
    assert seen.told == []


def test_a_drop_after_an_unexplained_one_is_not_believed() -> None:
    line = Line(110.0)
    _crowd(line)
    seen = judged(line.rows(), compiled())
    assert (seen.found, seen.reason) == (
        None,
        "the last drop came while another one was on its way",
    )


def test_a_wave_that_runs_through_tells_its_speed() -> None:
    line = Line(200.0, speed=1040.0).front(40.0, -2_000.0, 30.0, 1.0)
    says = judged(line.rows(), compiled()).says
    assert says["through_m_s"] == pytest.approx(1040.0, rel=0.001)
    assert math.isnan(says["position_m"])


@pytest.mark.parametrize("seed", range(4))
def test_noise_alone_is_no_drop(seed: int) -> None:
    random = np.random.default_rng(seed)
    line = Line(1800.0, rate=50.0, noise=2.0, seed=seed)
    for pressure in line.pressure:  # pumps hum, and the level wanders
        pressure += np.cumsum(random.normal(0.0, 0.01, len(line.t)))
        pressure += 3.0 * np.sin(2.0 * math.pi * 7.3 * line.t)
    seen = judged(line.rows(), compiled(drop={"red": "0.1 kPa"}))
    assert seen.found is None


def test_echoes_of_a_leak_name_no_other_place() -> None:
    line = Line(260.0).front(40.0, 12_000.0, 10.0)
    # Both ends throw half of the wave back: as if it came from their other sides.
    line.change(line.pressure[1], 40.0 + 12.0 + 50.0, 5.0, 0.3)
    line.change(line.pressure[0], 40.0 + 38.0 + 50.0, 5.0, 0.3)
    seen = judged(line.rows(), compiled())
    assert len(seen.told) == 1
    assert seen.says["position_m"] == pytest.approx(12_000.0, abs=30.0)


def test_a_wave_from_outside_and_its_small_echo_within_are_no_leak() -> None:
    line = Line(260.0).front(40.0, -300.0, 40.0, 1.0)
    line.change(line.pressure[0], 40.3 + 24.0, 4.0, 0.5)  # thrown back by an interface at km 12
    line.change(line.pressure[1], 40.3 + 74.0 + 8.0, 4.0, 0.5)
    assert judged(line.rows(), compiled()).found is None


# --- how long it stands ---------------------------------------------------------------------------
def test_a_leak_stands_for_its_hold_and_no_longer() -> None:
    line = Line(300.0, rate=50.0).front(40.0, 20_000.0, 10.0)
    seen = judged(line.rows(), compiled(hold="60s"))
    assert seen.found == pytest.approx(74.2, abs=0.3)
    standing = seen.seconds[seen.figures > 0.0]
    assert standing[-1] - standing[0] == pytest.approx(60.0, abs=0.2)
    assert math.isnan(seen.says["position_m"])


def test_what_is_not_watched_does_not_clear() -> None:
    line = Line(300.0, rate=50.0).front(40.0, 20_000.0, 10.0)
    rows = without(line.rows(), 1, [(90.0, 301.0)])
    seen = judged(rows, compiled(hold="60s"))
    assert (seen.figures[seen.seconds > 80.0] > 0.0).all()
    again = without(line.rows(), 1, [(90.0, 290.0)])
    later = judged(again, compiled(hold="60s"))
    assert later.seconds[later.figures > 0.0].max() == pytest.approx(298.0, abs=0.3)


def test_a_stronger_wave_moves_the_place_and_a_weaker_one_does_not() -> None:
    line = Line(700.0, rate=50.0).front(40.0, 12_000.0, 10.0)
    line.front(340.0, 30_000.0, 6.0).front(600.0, 40_000.0, 20.0)
    seen = judged(line.rows(), compiled(hold="1h"))
    places = [detail(told)["position"].removesuffix(" km") for told in seen.told]
    assert [round(float(place)) for place in places] == [12, 40]
    assert seen.says["drop"] == pytest.approx(20.0, rel=0.05)


# --- data that are missing or doubtful ------------------------------------------------------------
def test_a_short_gap_is_bridged_and_widens_the_uncertainty() -> None:
    rows = Line(130.0).front(40.0, 20_000.0, 10.0).rows()
    whole = judged(rows, compiled()).says
    holed = judged(without(rows, 0, [(59.7, 60.4)]), compiled()).says
    assert holed["position_m"] == pytest.approx(20_000.0, abs=holed["plus_minus_m"])
    assert holed["plus_minus_m"] > 1.3 * whole["plus_minus_m"]


def test_after_a_long_gap_the_section_is_not_judged_for_four_fronts() -> None:
    rows = Line(130.0).front(60.0, 20_000.0, 10.0).rows()
    assert judged(without(rows, 0, [(70.0, 72.0)]), compiled()).found is not None
    assert judged(without(rows, 0, [(77.0, 79.5)]), compiled()).found is None


@pytest.mark.parametrize("verdict", [at.SUSPECT, at.BAD, at.TWIN])
def test_only_good_rows_are_looked_at(verdict: int) -> None:
    rows = Line(130.0).front(40.0, 20_000.0, 10.0).rows()
    spoiled = np.repeat(rows, 2)
    spoiled["verdict"][1::2], spoiled["value"][1::2] = verdict, 9e9
    plain, found = judged(rows, compiled()), judged(spoiled, compiled())
    assert found.figures.tolist() == plain.figures.tolist()
    assert str(found.says) == str(plain.says)
    rows["verdict"][rows["sensor"] == 1] = verdict
    nothing = judged(rows, compiled())
    assert len(nothing.figures) == 0
    assert nothing.reason == load_kinds()["wave"].reasons[0]


def test_an_end_that_is_told_late_is_judged_by_its_own_times() -> None:
    rows = Line(130.0).front(40.0, 20_000.0, 10.0).rows()
    plain = str(judged(rows, compiled()).says)
    late = np.concatenate([rows[rows["sensor"] == 0], rows[rows["sensor"] == 1]])
    assert str(judged(late, compiled()).says) == plain


# --- a second sensor outside each end -------------------------------------------------------------
PLACES = (0.0, 50_000.0, -500.0, 50_500.0)


def _crossing(**more: Any) -> Line:
    """A pump stops upstream, and while its wave is on its way a valve opens downstream."""
    return (
        Line(260.0, places=PLACES, **more)
        .front(40.0, -2_000.0, 20.0, 0.5)
        .front(52.0, 53_000.0, 15.0, 0.5)
    )


def test_waves_that_cross_look_like_a_leak_unless_their_directions_are_known() -> None:
    rows = _crossing().rows()
    blind = judged(rows[rows["sensor"] < 2], compiled())
    assert blind.found is not None
    seen = judged(rows, compiled(**OUTER))
    assert (seen.found, seen.reason.split(" of ")[0]) == (
        None,
        "the last drop came from downstream",
    )


def test_a_leak_beside_an_end_is_told_from_a_wave_from_outside() -> None:
    rows = Line(200.0, places=PLACES).front(40.0, 400.0, 20.0).rows()
    assert judged(rows[rows["sensor"] < 2], compiled()).found is None
    seen = judged(rows, compiled(**OUTER))
    assert seen.says["position_m"] == pytest.approx(400.0, abs=30.0)


def test_an_outer_sensor_that_is_dead_blinds_nobody() -> None:
    rows = Line(200.0, places=PLACES).front(40.0, 20_000.0, 20.0).rows()
    seen = judged(rows[rows["sensor"] != 2], compiled(**OUTER))
    assert seen.says["position_m"] == pytest.approx(20_000.0, abs=30.0)
    assert seen.found == pytest.approx(60.0 + 34.2, abs=0.5)


# --- the state ------------------------------------------------------------------------------------
def test_the_state_says_how_wide_it_is() -> None:
    from lifeline.rules import wave_pair_kernels as kernels

    assert load_kinds()["wave"].width == kernels.WIDTH
    names = ("HELD", "POSITION", "PLUS_MINUS", "DROP_UP", "DROP_DOWN", "APART", "THROUGH")
    places = [getattr(kernels, name) for name in (*names, "NOISE_UP", "NOISE_DOWN")]
    assert [place for _, place in load_kinds()["wave"].says] == places
    options = load_kinds()["wave"].options
    for name in options:
        assert options[getattr(kernels, name.upper())] == name


def test_a_place_below_zero_and_a_wide_error_are_told() -> None:
    packed = (-12_345 + (1 << 30) << 32) + 88_000
    assert detail(packed) == {"position": "-1.2 km", "uncertainty": "8.8 km"}
    assert detail((100 + (1 << 30) << 32) + 300)["position"] == "0.01 km"
    assert START % 1_000_000_000 == 0
