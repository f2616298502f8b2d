"""The tank farm under its packs: ordinary work is calm, and what happens at its usual size is found.

Seeds are others than those with which the farm was made. LIFELINE_FARM_DAYS says how many days of
ordinary work are judged (4 without it).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from lifeline.engine.backtest.alarm import watched as looked_at
from lifeline.engine.config import load
from lifeline.engine.limits import DAY_NS, HOUR_NS, SECOND_NS
from lifeline.engine.planning import compile_plan
from lifeline.simulators.cause import Happening, Run, kind_of, made
from lifeline.simulators.configs import write_config
from lifeline.simulators.farm import FILLS_WITHIN_S, TANKS, Plan
from lifeline.simulators.tank_farm import tank_farm
from watched_scenario import happening, heard, usual

START = 1_767_225_600 * SECOND_NS
DAYS = float(os.environ.get("LIFELINE_FARM_DAYS", "4"))


def test_filling_drawing_sampling_and_summer_raise_nothing(tmp_path: Path) -> None:
    begin = START + 190 * DAY_NS
    sample = Happening("hatch", "T-101", begin + DAY_NS, begin + DAY_NS + HOUR_NS // 4, 2.0)
    calm = happening(tank_farm(interval_s=300.0), begin, DAYS * 86_400.0, 81, [sample])
    assert heard(tmp_path, calm).records == []


@pytest.mark.parametrize(
    ("kind", "where", "begins", "hours"),
    [
        ("leak", "T-101", 12, 6),
        ("leak", "T-301", 12, 6),
        ("overfill", "T-102", 12, 24),
        ("vent.blocked", "T-102", 12, 40),
        ("roof.sunk", "T-101", 12, 6),
        ("runaway", "T-201", 12, 12),
        ("compressor.trip", "T-301", 4, 18),
    ],
)
def test_what_happens_is_found_at_its_level(
    tmp_path: Path, kind: str, where: str, begins: int, hours: int
) -> None:
    site, ends = tank_farm(), begins + hours
    it = usual(site, kind, where, START, 3600.0 * begins, 3600.0 * ends)
    (found,) = heard(tmp_path, happening(site, START, 3600.0 * ends, 82, [it])).detections
    assert found.delay_s is not None, found.incident


def test_gas_is_found_by_the_detectors_downwind(tmp_path: Path) -> None:
    """Not only by the bund's own sensor."""
    onset = START + DAY_NS // 4
    it = Happening("leak", "T-101", onset, onset + 6 * HOUR_NS, 20.0)
    run = heard(tmp_path, happening(tank_farm(), START, 13 * 3600.0, 83, [it]))
    assert any("gas.combustible.point~T-101-lel-" in alarm for alarm in run.alarms("red"))


def test_what_is_too_short_to_be_seen_has_no_label() -> None:
    site = tank_farm()
    for kind, where in (
        ("overfill", "T-101"),
        ("vent.blocked", "T-102"),
        ("runaway", "T-201"),
        ("compressor.trip", "T-301"),
        ("hatch", "T-101"),
    ):
        it = Happening(kind, where, START, START + HOUR_NS, kind_of(site, kind).usual)
        assert made(site, it, 1)[0] == []


@pytest.mark.parametrize("seed", [84, 85, 86])
def test_a_story_tells_no_danger_without_a_label(seed: int) -> None:
    """Its alarms would be counted as false. Five days tell every danger; a day has no time for most."""
    site = tank_farm()
    for days, least in ((1, {"leak"}), (5, {k.kind for k in site.causes} - {"roof.sunk", "hatch"})):
        script = site.scenario(START, days * 86_400.0, seed).script
        labelled = {incident.kind for incident in script.incidents}
        assert labelled == {it.kind for it in script.happenings} - {"hatch"}
        assert labelled >= least


def test_an_overfilled_tank_is_drawn_before_it_is_filled_again() -> None:
    """So that a filling comes within the longest time between two, whenever the overfilling ended."""
    spec, minute = TANKS[1], 60.0
    for ended_h in range(40, 76, 3):
        plan, level, drawn = Plan(spec, 87, 1), 96.0, False
        for step in range(round(FILLS_WITHIN_S / minute) + 1):
            elapsed = ended_h * 3600.0 + step * minute
            inflow, outflow = plan.flows(elapsed, level, None)
            drawn = drawn or outflow > 0.0
            if inflow > 0.0:
                break
            level -= 100.0 * outflow * minute / 3600.0 / spec.volume
        assert drawn
        assert inflow > 0.0
        assert level < spec.between[0] + 7.0


def test_an_alarm_is_found_whichever_take_of_a_pack_raised_it(tmp_path: Path) -> None:
    """tank.hazard is taken for four tanks: four rules of one id, each for the sensors of its tank."""
    scenario = tank_farm().scenario(START, 3600.0, 88)
    configuration = load(write_config(tmp_path, [scenario], "127.0.0.1", 1883)).configuration
    plan = compile_plan(configuration, configuration.version())
    ids = [sensor.id for sensor in configuration.sensors]
    for rule, ending, tanks in (
        ("tank.hazard.level", "level", 4),
        ("tank.hazard.leak", "leak", 4),
        ("tank.hazard.pressure", "pressure", 2),
    ):
        looked = {ids[k] for k in looked_at(plan)[rule]}
        assert len(looked) == tanks
        assert looked <= {f"{spec.name}-{ending}" for spec in TANKS}
        for name in looked:
            instance = plan.find("tank-farm", f"{rule}~{name}")
            assert instance is not None
            assert ids[plan.subject[instance]] == name


def test_no_cut_of_the_grid_changes_a_bit() -> None:
    site = tank_farm(interval_s=10.0)
    causes = tuple(
        made(site, Happening(kind, where, START + HOUR_NS, START + 5 * HOUR_NS, size), 1)[1]
        for kind, where, size in (("leak", "T-102", 20.0), ("runaway", "T-201", 20.0))
    )
    make = site.make_world
    assert make is not None
    times = START + np.arange(3 * 360) * site.step_ns
    run = Run(START, 3 * 3600.0, 5)
    whole = make(site, run, causes).advance(times)
    world = make(site, run, causes)
    parts = [world.advance(part) for part in np.split(times, [1, 32, 64, 400, 401, 900])]
    for point in site.points:
        assert np.array_equal(np.concatenate([p[point.id] for p in parts]), whole[point.id]), (
            point.id
        )
