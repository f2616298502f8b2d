"""The bridge under its pack: each incident is found, and calm days raise no red."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from lifeline.engine.config.packs.library import installed
from lifeline.engine.limits import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from lifeline.simulators.bridge import bridge
from lifeline.simulators.bridge_causes import (
    AXLE_LIMITS,
    FORCE_SHARES,
    STRAIN_SHARES,
    TILT_LIMITS,
    WIND_LIMITS,
)
from lifeline.simulators.cause import Happening, kind_of, made
from lifeline.simulators.sites import site_named
from watched_scenario import happening, heard

BRIDGE = site_named("bridge")
CALM = bridge(interval_s=10.0)
START = 20_577 * DAY_NS
SUMMER = 20_650 * DAY_NS
HARMLESS = ("congestion", "closure", "heat", "cold", "rainstorm", "fog", "drought")


def it(kind: str, where: str, at_h: float, hours: float, size: float | None = None) -> Happening:
    onset = START + round(at_h * 3600) * SECOND_NS
    usual = kind_of(BRIDGE, kind).usual if size is None else size
    return Happening(kind, where, onset, onset + round(hours * 3600) * SECOND_NS, usual)


def test_each_incident_is_found_at_its_usual_size(tmp_path: Path) -> None:
    """In three hours at a sample a second: overload, cable, ship, bearing, scour, gale."""
    what = [
        it("overload", "approach", 0.5, 0.05),
        it("cable.loss", "c03", 0.6, 1.5),
        it("bearing", "joint", 1.2, 1.0),
        it("ship", "p2", 2.2, 0.02),
        it("scour", "p1", 1.4, 1.0),
        it("gale", "mast", 0.8, 2.1, 24.0),
    ]
    found = heard(tmp_path, happening(BRIDGE, START, 3.0 * 3600.0, 21, what))
    kinds = {d.incident.kind for d in found.detections}
    assert kinds == {"overload", "axle", "cable.loss", "bearing", "ship", "scour", "gale"}
    for detection in found.detections:
        assert detection.delay_s is not None, detection.incident


def test_what_is_no_danger_raises_no_orange(tmp_path: Path) -> None:
    """A jam, works, heat and rain in summer, a day and a half at a sample in ten seconds."""
    start_h = (SUMMER - START) / HOUR_NS
    what = [
        it("congestion", "road", start_h + 8.0, 3.0),
        it("closure", "road", start_h + 14.0, 6.0),
        it("heat", "mast", start_h + 1.0, 60.0, 40.0),
        it("rainstorm", "mast", start_h + 24.0, 10.0),
    ]
    found = heard(tmp_path, happening(CALM, SUMMER, 1.5 * 86_400.0, 22, what))
    assert found.detections == ()
    assert found.raised("orange") == []


def test_calm_days_raise_nothing(tmp_path: Path) -> None:
    found = heard(tmp_path, happening(CALM, START, 2 * 86_400.0, 23))
    assert [r for r in found.records if r.transition == "raised"] == []


def test_levels_follow_from_size() -> None:
    def levels(kind: str, where: str, size: float) -> list[tuple[str, str]]:
        return [(i.kind, i.level) for i in made(BRIDGE, it(kind, where, 0.0, 3.0, size), 1)[0]]

    assert [levels("overload", "approach", t) for t in (80.0, 120.0, 170.0)] == [
        [],
        [("overload", "yellow")],
        [("overload", "red"), ("axle", "yellow")],
    ]
    assert [levels("cable.loss", "c01", s) for s in (5.0, 14.0, 25.0)] == [
        [],
        [("cable.loss", "orange")],
        [("cable.loss", "red")],
    ]
    assert levels("scour", "p1", 0.2) == []
    assert levels("ship", "p1", 0.45) == [("ship", "yellow")]
    assert levels("bearing", "joint", 10.0) == []
    for kind in HARMLESS:
        where = kind_of(BRIDGE, kind).places(BRIDGE)[0]
        assert levels(kind, where, kind_of(BRIDGE, kind).usual) == []


def test_the_labels_limits_are_those_of_the_pack() -> None:
    rules = {r["id"]: r for r in yaml.safe_load(installed()["bridge"].read_text("utf-8"))["rules"]}

    def figures(found: dict[str, object], whole: float = 1.0) -> dict[str, float]:
        first = {level: str(x).split()[0] for level, x in found.items()}
        return {level: 1.0 if x[0] == "{" else float(x) * whole for level, x in first.items()}

    assert figures(rules["strain"]["high"]) == STRAIN_SHARES
    assert figures(rules["cable"]["beyond"]) == FORCE_SHARES
    assert figures(rules["wind"]["high"]) == WIND_LIMITS
    assert figures(rules["tilt"]["high"]) == TILT_LIMITS
    assert figures(rules["axle"]["high"], 10.0) == AXLE_LIMITS


def test_blocks_change_nothing() -> None:
    what = [it("overload", "approach", 0.1, 0.05), it("cable.loss", "c02", 0.2, 1.0)]
    times = START + np.arange(2200, dtype=np.int64) * SECOND_NS

    def world() -> object:
        return happening(BRIDGE, START, 2200.0, 4, what).script.world()

    whole = world().advance(times)  # type: ignore[attr-defined]
    cut = world()
    parts = [cut.advance(p) for p in np.split(times, [1, 33, 700, 1024, 1500])]  # type: ignore[attr-defined]
    for point in BRIDGE.points:
        told = np.concatenate([p[point.id] for p in parts])
        assert np.array_equal(told, whole[point.id]), point.id


def test_a_lost_cable_shows_where_it_is_and_is_mended() -> None:
    what = [it("cable.loss", "c03", 1.0, 1.0, 30.0)]
    times = START + np.arange(0, 3 * 3600, 10, dtype=np.int64) * SECOND_NS
    told, calm = (
        happening(CALM, START, 3 * 3600.0, 4, w).script.world().advance(times) for w in (what, [])
    )
    during = (times > START + HOUR_NS + MINUTE_NS) & (times < START + 2 * HOUR_NS)
    ratio = {
        name: (told[name] / calm[name])[during].mean() for name in ("c01", "c02", "c03", "c04")
    }
    assert ratio["c03"] == pytest.approx(0.715, abs=0.005)
    assert ratio["c04"] > ratio["c02"] > 1.0 > ratio["c03"]
    assert np.all((told["sag_main"] - calm["sag_main"])[during] > 1.0)
    after = times > START + 2 * HOUR_NS
    assert np.array_equal(told["c03"][after], calm["c03"][after])


def test_a_story_is_told_of_its_kinds_and_intervals_are_checked() -> None:
    run = BRIDGE.scenario(START, 2 * 86_400.0, 3)
    assert len({h.kind for h in run.script.happenings}) == 7
    assert {i.kind for i in run.incidents} >= {"overload", "cable.loss", "ship", "scour"}
    with pytest.raises(ValueError, match="divide a minute"):
        bridge(interval_s=7.0)
