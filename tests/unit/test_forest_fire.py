"""Forest fire weather: the published case of the moisture code, the index's tables, the station."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lifeline.engine.limits import DAY_NS, HOUR_NS, MINUTE_NS
from lifeline.simulators.cause import Happening, kind_of, made
from lifeline.simulators.fire_weather import (
    PER_DAY,
    PER_HOUR,
    code_of,
    dried,
    equilibria,
    fire_index,
    moisture_of,
    wetted,
)
from lifeline.simulators.forest_station import forest_station
from lifeline.simulators.sites import site_named
from watched_scenario import happening, heard

SITE = site_named("forest")
SPRING = 20_530 * DAY_NS
DRY = [0.0] * 11


def ordered(kind: str, day: float, hours: float, size: float | None = None) -> Happening:
    onset = SPRING + round(day * 24) * HOUR_NS
    usual = kind_of(SITE, kind).usual if size is None else size
    return Happening(kind, "ridge", onset, onset + round(hours * 60) * MINUTE_NS, usual)


def test_the_moisture_code_of_the_published_day() -> None:
    """Van Wagner and Pickett's first day: 17 Cel, 42 %, 25 km/h, no rain, 85 gives 87.692980."""
    after = dried(moisture_of(85.0), 17.0, 42.0, 25.0 / 3.6, PER_DAY)
    assert code_of(after) == pytest.approx(87.692980, abs=1e-5)
    assert code_of(moisture_of(62.5)) == pytest.approx(62.5, abs=0.05)


def test_fuel_goes_to_the_air_s_equilibrium_and_rain_wets_it() -> None:
    drying, wetting = equilibria(25.0, 30.0)
    assert wetting < drying
    for start, goal in ((60.0, drying), (2.0, wetting)):
        moisture = start
        for _ in range(400):
            moisture = dried(moisture, 25.0, 30.0, 2.0, PER_HOUR)
        assert moisture == pytest.approx(goal, abs=0.05)
    between = (drying + wetting) / 2.0
    assert dried(between, 25.0, 30.0, 2.0, PER_HOUR) == between
    assert dried(60.0, 25.0, 30.0, 8.0, PER_HOUR) < dried(60.0, 25.0, 30.0, 1.0, PER_HOUR)
    assert 10.0 == wetted(10.0, 0.0) < wetted(10.0, 2.0) < wetted(10.0, 20.0) <= 250.0
    assert wetted(240.0, 80.0) == 250.0


def test_the_index_adds_its_tables() -> None:
    """A warm, dry, windy day after ten without rain: 20 + 16 + 50 + 20, grade 5; rain ends it."""
    assert fire_index(27.0, 30.0, 6.0, DRY, 3) == 16.0 + 20.0 + 50.0 + 20.0
    assert fire_index(27.0, 30.0, 6.0, DRY, 7) == 86.0
    assert fire_index(12.0, 50.0, 2.0, [0.0] * 8 + [3.0, 0.0, 0.0], 3) == 8.0 + 8.0 + 10.0 + 10.0
    assert fire_index(12.0, 80.0, 2.0, [0.0] * 10 + [20.0], 3) == 0.0
    assert fire_index(3.0, 90.0, 0.0, DRY, 1) == 50.0


def test_drought_and_fire_are_found(tmp_path: Path) -> None:
    what = [
        ordered("drought", 2.0, 14 * 24.0),
        ordered("gale", 12.0, 12.0, 15.0),
        ordered("fire", 13.2, 3.0),
    ]
    site = forest_station(interval_s=600.0)
    found = heard(tmp_path, happening(site, SPRING, 16.5 * 86_400.0, 7, what))
    kinds = {d.incident.kind for d in found.detections}
    assert kinds == {"drought", "fire", "dry.fuel", "fire.weather", "strong.wind"}
    for detection in found.detections:
        # At a sample in ten minutes no mean of ten minutes is told, so weather is not asked for.
        if detection.incident.kind in ("drought", "fire"):
            assert detection.delay_s is not None, detection.incident
    rules = {r.rule for r in found.records if r.transition == "raised"}
    assert {"forest.fire.index", "forest.fire.moisture", "forest.fire.smoke"} <= rules


def test_a_wet_month_raises_no_orange(tmp_path: Path) -> None:
    site = forest_station(interval_s=600.0)
    found = heard(tmp_path, happening(site, SPRING + 90 * DAY_NS, 30 * 86_400.0, 8))
    assert found.raised("orange") == []


def test_blocks_change_nothing_and_a_short_drought_is_no_label() -> None:
    site = forest_station(interval_s=600.0)
    what = [ordered("drought", 1.0, 240.0)]
    times = SPRING + np.arange(1500, dtype=np.int64) * site.step_ns
    whole = happening(site, SPRING, 1500 * 600.0, 4, what).script.world().advance(times)
    world = happening(site, SPRING, 1500 * 600.0, 4, what).script.world()
    parts = [world.advance(p) for p in np.split(times, [1, 33, 1023, 1024, 1200])]
    for name, values in whole.items():
        assert np.array_equal(np.concatenate([p[name] for p in parts]), values), name
    assert made(SITE, what[0], 1)[0] == []
    run = SITE.scenario(SPRING, 20 * 86_400.0, 3)
    assert {i.kind for i in run.incidents} > {"drought", "fire"}
    with pytest.raises(ValueError, match="divide an hour"):
        forest_station(interval_s=7.0)
