"""The weather station under the pack `weather`: what is ordered is found, a calm month raises no red."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from lifeline.engine.config.packs.library import installed
from lifeline.engine.limits import DAY_NS, HOUR_NS
from lifeline.simulators.cause import CauseKind, Happening, kind_of, made
from lifeline.simulators.plant import Site
from lifeline.simulators.sites import site_named
from lifeline.simulators.weather_station import (
    HEAT_LIMITS,
    RAIN_LIMITS,
    WIND_LIMITS,
    weather_station,
)
from watched_scenario import happening, heard

STATION = site_named("weather")
# The first of May, August and January, UTC.
MAY, AUGUST, JANUARY = (20_574 * DAY_NS, 20_666 * DAY_NS, 20_454 * DAY_NS)
LASTS_H = {
    "rainstorm": 18,
    "gale": 6,
    "typhoon": 24,
    "heat": 72,
    "cold": 60,
    "fog": 8,
    "drought": 96,
}
LABELLED = ("rainstorm", "gale", "typhoon", "heat")


def ordered(kind: str, start_ns: int, size: float | None = None) -> Happening:
    usual = kind_of(STATION, kind).usual if size is None else size
    onset = start_ns + DAY_NS
    return Happening(kind, "station", onset, onset + LASTS_H[kind] * HOUR_NS, usual)


@pytest.mark.parametrize("start", [MAY, JANUARY], ids=["may", "january"])
def test_all_that_is_ordered_is_found_at_its_level(tmp_path: Path, start: int) -> None:
    """Each at its usual size, four days apart, in one run."""
    what = [ordered(kind, start + 4 * i * DAY_NS) for i, kind in enumerate(LABELLED)]
    found = heard(tmp_path, happening(STATION, start, 18 * 86_400.0, 21, what))
    assert {d.incident.kind for d in found.detections} == {"rain", "wind", "heat"}
    for detection in found.detections:
        assert detection.delay_s is not None, detection.incident
    levels = {d.incident.level for d in found.detections}
    assert levels == {"yellow", "orange", "red"}


@pytest.mark.parametrize(
    ("start", "seed"), [(AUGUST, 31), (JANUARY, 32)], ids=["august", "january"]
)
def test_a_month_by_itself_raises_no_red(tmp_path: Path, start: int, seed: int) -> None:
    found = heard(tmp_path, happening(STATION, start, 30 * 86_400.0, seed))
    assert found.raised("red") == []


def test_the_level_follows_from_size_and_time() -> None:
    def levels(kind: str, size: float) -> list[tuple[str, str]]:
        return [(i.kind, i.level) for i in made(STATION, ordered(kind, MAY, size), 1)[0]]

    assert levels("rainstorm", 40.0) == []
    assert levels("rainstorm", 58.0) == [("rain", "yellow")]
    assert levels("rainstorm", 115.0) == [("rain", "orange")]
    assert levels("rainstorm", 400.0) == [("rain", "red")]
    assert [levels("gale", v) for v in (15.0, 19.0, 28.0)] == [
        [],
        [("wind", "yellow")],
        [("wind", "orange")],
    ]
    assert [levels("heat", c) for c in (35.5, 36.0, 38.0, 41.0)] == [
        [],
        [("heat", "yellow")],
        [("heat", "orange")],
        [("heat", "red")],
    ]
    assert levels("fog", 100.0) == levels("cold", 12.0) == levels("drought", 1.0) == []


def test_the_label_s_limits_are_those_of_the_pack() -> None:
    rules = {r["id"]: r for r in yaml.safe_load(installed()["weather"].read_text("utf-8"))["rules"]}

    def high(rule: str) -> dict[str, float]:
        return {level: float(str(x).split()[0]) for level, x in rules[rule]["high"].items()}

    assert {h: high(f"rain_{h:g}h") for h in RAIN_LIMITS} == RAIN_LIMITS
    assert (high("wind"), high("heat")) == (WIND_LIMITS, HEAT_LIMITS)


@pytest.mark.parametrize("kind", STATION.causes, ids=lambda k: k.kind)
def test_every_kind_happens_within_its_bounds(kind: CauseKind[object]) -> None:
    incidents, cause = made(STATION, ordered(kind.kind, MAY), 3)
    assert cause is not None
    assert all("{" not in i.what_en + i.what_zh for i in incidents)
    assert kind.least < kind.usual <= kind.most


def test_blocks_change_nothing() -> None:
    """The world through `Ahead`: cut anywhere, also over the edge of what is computed at once."""
    site: Site = weather_station(interval_s=600.0)
    what = [ordered("rainstorm", MAY)]
    times = MAY + np.arange(2500, dtype=np.int64) * site.step_ns
    whole = happening(site, MAY, 2500 * 600.0, 4, what).script.world().advance(times)
    world = happening(site, MAY, 2500 * 600.0, 4, what).script.world()
    parts = [world.advance(part) for part in np.split(times, [1, 33, 1000, 1023, 1024, 2100])]
    for name, values in whole.items():
        assert np.array_equal(np.concatenate([p[name] for p in parts]), values), name
        assert len(values) == 2500


def test_intervals_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="whole number of seconds"):
        weather_station(interval_s=0.5)


def test_a_story_is_told_of_its_kinds() -> None:
    run = STATION.scenario(MAY, 20 * 86_400.0, 3)
    assert {h.kind for h in run.script.happenings} == {"rainstorm", "gale", "heat", "cold", "fog"}
    assert {i.kind for i in run.incidents} >= {"rain", "wind", "heat"}
