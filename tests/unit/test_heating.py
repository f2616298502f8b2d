"""A heating network: pipes against plug flow and exponential loss, substations against their formula,
water against its balance; and under its pack what happens is found, a quiet week raises nothing red."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from lifeline.engine.limits import DAY_NS, HOUR_NS, MINUTE_NS
from lifeline.simulators.cause import CauseKind, Happening, kind_of, made
from lifeline.simulators.heat_network import (
    BRANCHES,
    DENSITY,
    GROUND_C,
    HEAT_J_KG,
    LOSS_W_M_K,
    MAKEUP_MOST_M3_H,
    PIPE_AREA_M2,
    ROOM_C,
    SEEPAGE_M3_H,
    Pipe,
    cooled_by,
    curve,
    hole_m3_h,
    hotter_by,
)
from lifeline.simulators.plant import World
from lifeline.simulators.sites import site_named
from watched_scenario import happening, heard

SITE = site_named("heating")
# The tenth of January 2026.
START = 20_463 * DAY_NS
JULY = START + 177 * DAY_NS


def at(kind: str, where: str, hours: tuple[float, float], size: float | None = None) -> Happening:
    onset, end = (START + round(h * HOUR_NS) for h in hours)
    return Happening(kind, where, onset, end, kind_of(SITE, kind).usual if size is None else size)


def world(seed: int, *what: Happening) -> World:
    return happening(SITE, START, 5 * 86_400.0, seed, what).script.world()


def minutes(hours: float) -> np.ndarray:
    return START + np.arange(round(hours * 60), dtype=np.int64) * MINUTE_NS


def test_a_front_comes_out_when_the_pipe_s_volume_was_pumped_and_cooled_exponentially() -> None:
    """1 km at 0.8 m/s, then at half: delay within a step, temperature by exp(−U L / ρ c A v), 10⁻⁹."""
    area, step = PIPE_AREA_M2, 10.0
    pipe = Pipe(1000.0, area, 0.8 * area, 80.0)
    out = [
        pipe.step(step * (i + 1), step, 0.8 * area if i < 60 else 0.4 * area, 90.0)
        for i in range(400)
    ]
    # 600 s at 0.8 m/s are 480 m; 520 m at 0.4 m/s are 1,300 s more.
    front = next(i for i, c in enumerate(out) if c > 84.0)
    assert step * (front + 1) == pytest.approx(1900.0 + step, abs=step)

    def cooled(hot_c: float, seconds: float) -> float:
        loss = LOSS_W_M_K * seconds / (DENSITY * HEAT_J_KG * area)
        return GROUND_C + (hot_c - GROUND_C) * math.exp(-loss)

    assert out[10] == pytest.approx(cooled(80.0, 1250.0), abs=1e-9)
    assert out[-1] == pytest.approx(cooled(90.0, 2500.0), abs=1e-9)
    watts = 0.4 * area * DENSITY * HEAT_J_KG * (90.0 - out[-1])
    assert watts == pytest.approx(LOSS_W_M_K * 1000.0 * (90.0 - GROUND_C), rel=0.01)


def test_each_branch_gets_the_plant_s_water_later_and_cooler() -> None:
    """Through two days of weather, by each branch's own time L / v and loss exp(−K τ): 10⁻⁹ K."""
    told = world(81).advance(minutes(48.0))
    now_s = np.arange(48 * 60) * 60.0
    for n, (length, share) in zip("1234", BRANCHES, strict=True):
        delay_s = length * PIPE_AREA_M2 / (1200.0 / 3600.0 * share)
        sent = np.interp(now_s - delay_s, now_s, told["ST-PLANT"])
        left = math.exp(-LOSS_W_M_K * delay_s / (DENSITY * HEAT_J_KG * PIPE_AREA_M2))
        wanted = GROUND_C + (sent - GROUND_C) * left
        settled = now_s > delay_s + 60.0
        np.testing.assert_allclose(told[f"ST-S{n}"][settled], wanted[settled], rtol=0, atol=1e-9)
    assert np.ptp(told["ST-PLANT"]) > 3.0
    assert (np.abs(told["ST-PLANT"] - [curve(c) for c in told["TA"]]) < 30.0).all()


def test_a_substation_gives_what_its_exchanger_can() -> None:
    """ε = 1 − exp(−NTU), rooms at 20 °C: the return of the first hour within 1 K; less UA, hotter."""
    told = world(82, at("fouling", "substation-2", (10.0, 20.0), 0.6)).advance(minutes(12.0))
    clean = ROOM_C + (told["ST-S2"][60] - ROOM_C) * math.exp(-0.8)
    assert told["RT-S2"][60] == pytest.approx(clean, abs=1.0)
    fouled = ROOM_C + (told["ST-S2"][601] - ROOM_C) * math.exp(-0.4 * 0.8)
    assert told["RT-S2"][601] == pytest.approx(fouled, abs=1.5)
    assert np.abs(told["RT-S1"] - told["RT-S3"]).max() < 1.0


def test_make_up_water_is_what_leaks_and_what_the_expansion_lost() -> None:
    """Once the pressure stands, make-up = seepage + orifice at the mean pressure: within 10⁻⁶; a hole
    beyond the pump's most empties the network."""
    told = world(83, at("leak", "plant", (1.0, 9.0), 20.0)).advance(minutes(8.0))
    leak = hole_m3_h(20.0, (told["PS-PLANT"][-1] + told["PR-PLANT"][-1]) / 2.0)
    assert told["MF-PLANT"][-1] == pytest.approx(SEEPAGE_M3_H + leak, rel=1e-6)
    assert told["MF-PLANT"][59] == pytest.approx(SEEPAGE_M3_H, rel=1e-9)
    assert told["FT-PLANT"][-1] == pytest.approx(1200.0 - leak, rel=1e-6)
    large = world(83, at("leak", "plant", (1.0, 9.0), 60.0)).advance(minutes(8.0))
    assert large["MF-PLANT"][-1] == MAKEUP_MOST_M3_H
    assert large["PR-PLANT"][-1] < 200.0


FOUND = [
    # Sizes apart from those with which limits were chosen.
    (at("leak", "plant", (8.0, 12.0), 19.0), 13.0, 1.0),
    (at("pump.trip", "plant", (8.0, 9.5), 0.9), 10.0, 0.2),
    (at("boiler.trip", "plant", (8.0, 11.0), 0.95), 12.0, 1.2),
    # The shortest that have a label.
    (at("leak", "plant", (8.0, 9.3), 13.0), 11.0, 2.0),
    (at("pump.trip", "plant", (8.0, 8.21), 0.4), 9.0, 0.2),
    (at("boiler.trip", "plant", (8.0, 8.3)), 9.0, 0.4),
    (at("overheat", "plant", (8.0, 12.0)), 13.0, 3.0),
    (at("fouling", "substation-4", (8.0, 24.0)), 25.0, 4.0),
    # The largest share of the flow: the mixed return is hotter with it.
    (at("fouling", "substation-1", (8.0, 24.0)), 25.0, 4.0),
]


@pytest.mark.parametrize(("what", "hours", "within_h"), FOUND, ids=lambda x: getattr(x, "kind", ""))
def test_what_happens_is_found(
    tmp_path: Path, what: Happening, hours: float, within_h: float
) -> None:
    found = heard(tmp_path, happening(SITE, START, hours * 3600.0, 84, [what]))
    (detection,) = found.detections
    assert detection.delay_s is not None
    assert 0.0 < detection.delay_s < within_h * 3600.0


@pytest.mark.parametrize("branch", range(4))
@pytest.mark.parametrize("season", [START, JULY], ids=["January", "July"])
def test_a_fouled_exchanger_s_return_is_hotter_by_the_formula(branch: int, season: int) -> None:
    """Against the world half an hour after the onset, in its own weather: 1 K (pipes cool, rooms lag)."""
    began, onset = season, season + 60 * HOUR_NS
    what = Happening("fouling", f"substation-{branch + 1}", onset, onset + 20 * HOUR_NS, 0.6)
    run = happening(SITE, began, 5 * 86_400.0, 87, [what])
    told = run.script.world().advance(began + np.arange(60 * 60 + 31, dtype=np.int64) * MINUTE_NS)
    mixed = sum(
        share * told[f"RT-S{n}"][-1] for n, (_, share) in zip("1234", BRANCHES, strict=True)
    )
    felt = told["TA"][-721:].mean()
    assert told[f"RT-S{branch + 1}"][-1] - mixed == pytest.approx(
        hotter_by(branch, 0.6, felt), abs=1.0
    )


@pytest.mark.parametrize("hours", [0.25, 0.5, 1.0])
def test_a_supply_without_fire_falls_at_least_by_the_formula(hours: float) -> None:
    """Against the world of a January, by the outdoor temperature of its half day: pipes' losses make the
    return colder, so at most 3 K more."""
    told = world(88, at("boiler.trip", "plant", (30.0, 32.0), 0.8)).advance(minutes(32.0))
    begin, end = 30 * 60 - 1, 30 * 60 - 1 + round(hours * 60)
    fall = told["ST-PLANT"][begin] - told["ST-PLANT"][end]
    least = cooled_by(0.8, hours, told["TA"][30 * 60 - 720 : 30 * 60].mean())
    assert least - 0.5 < fall < least + 3.0


def test_trips_have_a_label_from_when_on_the_rules_must_say_them() -> None:
    """A boiler's full trip from some quarter of an hour on in winter, and of a tenth never."""

    def labels(kind: str, hours: float, size: float) -> int:
        return len(made(SITE, at(kind, "plant", (8.0, 8.0 + hours), size), 1)[0])

    assert [labels("boiler.trip", hours, 1.0) for hours in (0.1, 0.3, 1.5)] == [0, 1, 1]
    assert labels("boiler.trip", 5.0, 0.1) == 0
    assert [labels("pump.trip", hours, 1.0) for hours in (0.1, 0.25, 1.5)] == [0, 1, 1]
    assert [labels("leak", 3.0, size) for size in (11.0, 13.0)] == [0, 1]
    assert [labels("leak", hours, 20.0) for hours in (0.5, 1.5)] == [0, 1]


def test_fouling_has_a_label_where_it_must_show() -> None:
    """In January at every substation, in July at none; a little at no time."""

    def labels(onset: int, size: float) -> int:
        return sum(
            len(made(SITE, Happening("fouling", where, onset, onset + DAY_NS, size), 1)[0])
            for where in kind_of(SITE, "fouling").places(SITE)
        )

    assert [labels(START, size) for size in (0.1, 0.6, 0.9)] == [0, 4, 4]
    assert [labels(JULY, size) for size in (0.1, 0.6, 0.9)] == [0, 0, 0]


def test_a_quiet_week_raises_nothing(tmp_path: Path) -> None:
    found = heard(tmp_path, happening(SITE, START, 7 * 86_400.0, 85))
    assert found.raised("blue") == []


def test_blocks_change_nothing() -> None:
    what = at("pump.trip", "plant", (1.0, 2.0))
    span = minutes(6.0)
    whole, cut = world(86, what).advance(span), world(86, what)
    parts = [cut.advance(part) for part in np.split(span, [1, 33, 60, 61, 200])]
    for name, values in whole.items():
        assert np.array_equal(np.concatenate([p[name] for p in parts]), values), name
    assert {p.id for p in SITE.points} == set(whole)


@pytest.mark.parametrize("kind", SITE.causes, ids=lambda k: k.kind)
def test_every_kind_happens_within_its_bounds(kind: CauseKind[object]) -> None:
    for size in (kind.least, kind.usual, kind.most):
        incidents, _ = made(SITE, at(kind.kind, kind.places(SITE)[0], (0.0, 30.0), size), 1)
        assert all("{" not in i.what_en + i.what_zh for i in incidents)
        assert {s for i in incidents for s in i.sensors} <= {p.id for p in SITE.points}


def test_a_story_is_told() -> None:
    scenario = SITE.scenario(START, 5 * 86_400.0, 5)
    told = {i.kind for i in scenario.incidents}
    assert told == {"leak", "fouling", "pump.trip", "boiler.trip"}
    assert len(scenario.faults) == 2
