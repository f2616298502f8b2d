"""The dam under the packs of tailings dams: calm is calm, and what happens at its usual size is found.

Seeds are others than those with which the dam was made. LIFELINE_DAM_YEARS says how many years of
weather without an incident are judged (a quarter of one without it).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from lifeline.engine.limits import DAY_NS, SECOND_NS
from lifeline.simulators.cause import Happening, Run, kind_of, made
from lifeline.simulators.tailings_dam import tailings_dam
from watched_scenario import DAY_S, happening, heard, usual

START = 1_767_225_600 * SECOND_NS
YEARS = float(os.environ.get("LIFELINE_DAM_YEARS", "0.25"))


def test_a_season_of_weather_and_a_lift_raise_nothing_red(tmp_path: Path) -> None:
    site = tailings_dam(interval_s=1800.0)
    lift = Happening("lift", "dam", START + 10 * DAY_NS, START + 30 * DAY_NS, 1.0)
    year = happening(site, START + 120 * DAY_NS, YEARS * 365 * DAY_S, 61, [lift])
    calm = heard(tmp_path, year)
    assert calm.alarms("red", "orange") == []
    assert [a for a in calm.alarms("yellow", "blue") if "rain" not in a] == []


@pytest.mark.parametrize(
    ("kind", "where", "days"),
    [
        ("storm", "dam", 1.0),
        ("decant.blocked", "dam", 30.0),
        ("drain.clogged", "dam", 60.0),
        ("creep", "section-2", 6.0),
        ("piping", "dam", 3.0),
    ],
)
@pytest.mark.parametrize("seed", [71, 72])
def test_what_happens_is_found_at_its_level(
    tmp_path: Path, kind: str, where: str, days: float, seed: int
) -> None:
    site = tailings_dam(interval_s=1800.0)
    it = usual(site, kind, where, START, 20.0 * DAY_S, (20.0 + days) * DAY_S)
    run = heard(tmp_path, happening(site, START, (20.0 + days + 6.0) * DAY_S, seed, [it]))
    assert run.detections
    for found in run.detections:
        assert found.delay_s is not None, found.incident
    # Pond, beach and phreatic line are three items: by counts alone the site is red.
    assert ("tailings-dam.ladder~site" in run.alarms("red")) == (kind == "storm")


def test_people_below_have_the_limits_of_the_class_above(tmp_path: Path) -> None:
    """The same storm is red for rain and beach there, and not here."""
    onset = START + DAY_NS
    it = Happening("storm", "dam", onset, onset + DAY_NS, 260.0)
    sites = [tailings_dam(interval_s=1800.0, people_below=below) for below in (False, True)]
    first, second = (heard(tmp_path, happening(s, START, 8 * DAY_S, 73, [it])) for s in sites)
    assert "dam.tailings.rain~rain" in set(second.alarms("red")) - set(first.alarms("red"))
    assert "dam.tailings.beach~beach" in set(second.alarms("red")) - set(first.alarms("red"))


def test_what_can_hardly_be_seen_has_no_label() -> None:
    site = tailings_dam()
    end = START + 5 * DAY_NS
    for kind in ("decant.blocked", "drain.clogged", "lift"):
        assert made(site, Happening(kind, "dam", START, end, kind_of(site, kind).usual), 1)[0] == []
    light = Happening("storm", "dam", START, START + DAY_NS, 30.0)
    assert made(site, light, 1)[0] == []


def test_no_cut_of_the_grid_changes_a_bit() -> None:
    site = tailings_dam()
    onset = START + DAY_NS
    causes = tuple(
        made(site, Happening(kind, where, onset, onset + DAY_NS, kind_of(site, kind).usual), 1)[1]
        for kind, where in (("storm", "dam"), ("creep", "section-1"), ("piping", "dam"))
    )
    make = site.make_world
    assert make is not None
    times = START + np.arange(3 * 1440) * site.step_ns
    run = Run(START, 3 * DAY_S, 5)
    whole = make(site, run, causes).advance(times)
    world = make(site, run, causes)
    parts = [world.advance(part) for part in np.split(times, [1, 32, 64, 1000, 1001, 3000])]
    for point in site.points:
        assert np.array_equal(np.concatenate([p[point.id] for p in parts]), whole[point.id]), (
            point.id
        )
