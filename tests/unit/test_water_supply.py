"""A water district under its packs: what happens is found, a quiet week raises nothing red, water and
chlorine are kept account of, and blocks change nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lifeline.engine.limits import DAY_NS, HOUR_NS, SECOND_NS
from lifeline.simulators.cause import CauseKind, Happening, kind_of, made
from lifeline.simulators.plant import World
from lifeline.simulators.sites import site_named
from lifeline.simulators.water_demand import taken_m3
from lifeline.simulators.water_district import CHLORINE_MG_L, after_clear_well
from lifeline.simulators.water_network import TANK_DIAMETER_M, TANK_HEIGHT_M
from lifeline.simulators.water_supply import LOGGED, SPARE_M3
from watched_scenario import happening, heard

SITE = site_named("water-supply")
# The first of July 2026, 8:00 in Beijing, a Wednesday.
START = 20_635 * DAY_NS


def at(kind: str, where: str, hours: tuple[float, float], size: float | None = None) -> Happening:
    onset, end = (START + round(h * HOUR_NS) for h in hours)
    return Happening(kind, where, onset, end, kind_of(SITE, kind).usual if size is None else size)


def world(seed: int, *what: Happening, days: float = 3.0) -> World:
    return happening(SITE, START, days * 86_400.0, seed, what).script.world()


def times(days: float, step_s: int = 900) -> np.ndarray:
    return START + np.arange(0, int(days * 86_400), step_s, dtype=np.int64) * SECOND_NS


FOUND = [
    # Places apart from those with which limits were chosen; hours in local time are 8 later.
    (at("leak", "N61", (20.0, 52.0)), 2.2, 25.0),
    (at("burst", "N00", (30.0, 33.0)), 1.5, 0.3),
    (at("burst", "N35", (41.0, 44.0)), 2.0, 0.1),
    (at("pump.trip", "pumps", (22.0, 37.0)), 1.6, 10.0),
    (at("chlorine.failure", "works", (15.0, 21.0)), 1.0, 1.5),
    # The shortest that have a label: the tank was full, dosing stopped for an hour and a half.
    (at("pump.trip", "pumps", (22.0, 28.0)), 1.25, 6.0),
    (at("chlorine.failure", "works", (15.0, 16.2)), 0.8, 1.2),
    (at("turbidity", "works", (9.0, 14.0)), 1.0, 1.0),
]


@pytest.mark.parametrize(("what", "days", "within_h"), FOUND, ids=lambda x: getattr(x, "kind", ""))
def test_what_happens_is_found(
    tmp_path: Path, what: Happening, days: float, within_h: float
) -> None:
    found = heard(tmp_path, happening(SITE, START, days * 86_400.0, 71, [what]))
    (detection,) = found.detections
    assert detection.delay_s is not None
    assert 0.0 <= detection.delay_s < within_h * 3600.0


def test_a_quiet_week_with_a_festival_and_a_flushing_raises_nothing_red(tmp_path: Path) -> None:
    what = [at("festival", "district", (60.0, 84.0)), at("flushing", "N42", (50.0, 51.0))]
    found = heard(tmp_path, happening(SITE, START, 7 * 86_400.0, 72, what))
    assert found.scenario.incidents == ()
    assert found.raised("orange") == []


def test_water_is_neither_lost_nor_made() -> None:
    """Pumped − into the district = what the tank gains, over a day: within 1 % of the day's water
    (its own clock is EPANET's: explicit steps of 15 minutes)."""
    told = world(73).advance(times(2.0, 60))
    flow_m3 = (told["FT-P"] - told["FT-IN"]).cumsum() / 60.0
    area = np.pi / 4 * TANK_DIAMETER_M**2
    held_m3 = (told["LT-T"] - told["LT-T"][0]) / 100.0 * TANK_HEIGHT_M * area
    assert np.abs(flow_m3 - held_m3).max() < 0.01 * told["FT-IN"].mean() * 24.0
    assert np.ptp(held_m3) > 300.0


def test_a_leak_takes_what_its_orifice_lets_through_at_the_pressure_there() -> None:
    """More inflow than without it is the orifice's flow less what thirsty taps do without: 3 %."""
    span = times(0.2)
    onset = at("leak", "N77", (2.0, 40.0), 40.0)
    told, calm = world(74, onset).advance(span), world(74).advance(span)
    more = (told["FT-IN"] - calm["FT-IN"])[10:]
    head = told["PT-N77"][10:] / 9.80665
    orifice = 0.6 * np.pi / 4 * 0.04**2 * np.sqrt(2 * 9.80665 * head) * 3600.0
    np.testing.assert_allclose(more, orifice, rtol=0.03)
    assert np.array_equal(told["FT-IN"][:8], calm["FT-IN"][:8])


def test_chlorine_decays_on_its_way_and_a_failure_arrives_late() -> None:
    what = at("chlorine.failure", "works", (20.0, 30.0))
    told = world(75, what).advance(times(3.0))
    assert (told["CL-N77"] < told["CL-N25"]).mean() > 0.7
    assert told["CL-W"][: 4 * 20] == pytest.approx(CHLORINE_MG_L)
    half = [int(np.argmax(told[p] < 0.5 * told[p][79])) / 4.0 for p in ("CL-W", "CL-N25", "CL-N77")]
    assert 20.5 < half[0] < 21.0  # ln 2 hours of the clear well
    assert half[0] + 1.0 < half[1] < half[2]


def test_the_clear_well_is_a_mixed_basin() -> None:
    """1 − 1/e after its own time, and down again as fast; exact."""
    told = after_clear_well(np.array([0.0, 3600.0, 7200.0]), 0.0, 3600.0)
    assert told == pytest.approx([0.0, 1 - np.exp(-1), (1 - np.exp(-1)) * np.exp(-1)], abs=1e-15)


def test_an_empty_tank_leaves_the_taps_dry_until_the_pumps_run_again() -> None:
    told = world(76, at("pump.trip", "pumps", (12.0, 36.0))).advance(times(2.0))
    dry = np.stack([told[f"PT-{c}"] for c in LOGGED])
    assert (dry[:, 4 * 34] < 1.0).all()
    assert (dry[:, 4 * 47] > 200.0).all()
    assert told["LT-T"].min() == pytest.approx(0.0, abs=0.5)


def test_what_is_asked_for_is_what_flows_in() -> None:
    """`taken_m3` against the inlet meter of two days without a tremble's mean: 3 %."""
    told = world(79).advance(times(2.0, 300))
    metered = told["FT-IN"].sum() / 12.0
    assert taken_m3(START, START + 2 * DAY_NS) == pytest.approx(metered, rel=0.03)


def test_outages_and_doses_have_a_label_from_when_on_the_rules_must_say_them() -> None:
    """A full tank of 1,508 m3 above its low level: by day some five hours, by night nine."""

    def labels(kind: str, hours: tuple[float, float], size: float | None = None) -> int:
        return len(made(SITE, at(kind, kind_of(SITE, kind).places(SITE)[0], hours, size), 1)[0])

    assert pytest.approx(1508.0, abs=1.0) == SPARE_M3
    # Local hours are eight later: from 8:00, and from 22:00.
    assert [labels("pump.trip", (0.0, end)) for end in (4.0, 8.0)] == [0, 1]
    assert [labels("pump.trip", (14.0, 14.0 + hours)) for hours in (6.0, 11.0)] == [0, 1]
    assert labels("pump.trip", (0.0, 40.0), 1.0) == 0
    assert [labels("chlorine.failure", (0.0, hours)) for hours in (0.5, 1.5)] == [0, 1]
    assert [labels("chlorine.failure", (0.0, 9.0), size) for size in (0.4, 0.6)] == [0, 1]
    assert [labels("turbidity", (0.0, hours)) for hours in (0.3, 1.0)] == [0, 1]


def test_blocks_change_nothing() -> None:
    what = at("burst", "N35", (1.01, 1.33))
    span = times(0.1, 60)
    whole = world(77, what).advance(span)
    cut = world(77, what)
    parts = [cut.advance(part) for part in np.split(span, [1, 33, 60, 61, 80])]
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
    scenario = SITE.scenario(START, 10 * 86_400.0, 5)
    assert {i.kind for i in scenario.incidents} == {
        "leak",
        "burst",
        "turbidity",
        "pump.trip",
        "chlorine.failure",
    }
    assert len(scenario.faults) == 3
