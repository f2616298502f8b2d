"""Labels match signals: every incident crosses its level, and nothing crosses without one."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pytest

from lifeline.engine.level import LEVELS
from lifeline.engine.limits import DAY_NS, HOUR_NS, SECOND_NS
from lifeline.engine.quantities import quantity
from lifeline.engine.units import convert, find_gas, parse_amount, rate
from lifeline.simulators.batch import Batch
from lifeline.simulators.city_gas import city_gas
from lifeline.simulators.incidents import Incident, detections, stories
from lifeline.simulators.pipeline import pipeline
from lifeline.simulators.plant import Point, Scenario, Site
from lifeline.simulators.policies import rules_for
from lifeline.simulators.sites import SITES
from lifeline.simulators.tailings import tailings

START = 1_800_000_000 * SECOND_NS
EVERY_SITE = pytest.mark.parametrize("build", [pytest.param(b, id=n) for n, b in SITES.items()])
Build = Callable[[], Site]
Alerts = list[tuple[str, int, str]]


def exceedances(scenario: Scenario) -> Alerts:
    """Every (sensor, time, level) at which a limit or trend rule of the site is exceeded by a
    healthy sample, without delays."""
    rows = Batch.concat(list(scenario.samples()))
    found: Alerts = []
    for rule in rules_for(scenario):
        for index, point in enumerate(scenario.site.points):
            if not selected(rule["select"], point):
                continue
            mine = rows.take((rows.sensor == index) & np.isfinite(rows.value))
            mine = mine.take(np.unique(mine.number, return_index=True)[1])
            value = (mine.value - point.zero) / point.gain
            if rule["kind"] == "limit":
                found += over(rule, point, mine.due, value)
            elif rule["kind"] == "trend":
                found += rising(rule, point, mine.due, value)
    return found


def selected(select: dict[str, Any], point: Point) -> bool:
    quantities = select["quantity"]
    names = [quantities] if isinstance(quantities, str) else quantities
    return point.quantity in names and fnmatchcase(point.id, select.get("sensor", "*"))


def over(rule: dict[str, Any], point: Point, time: np.ndarray, value: np.ndarray) -> Alerts:
    of, gas = quantity(point.quantity), find_gas(point.gas) if point.gas else None
    found: Alerts = []
    for side, sign in (("high", 1.0), ("low", -1.0)):
        for level, text in rule.get(side, {}).items():
            amount = parse_amount(text)
            limit = convert(amount.value, amount.unit, of, gas=gas)
            hits = time[sign * value >= sign * limit]
            found += [(point.id, t, level) for t in hits.tolist()]
    return found


def rising(rule: dict[str, Any], point: Point, time: np.ndarray, value: np.ndarray) -> Alerts:
    window_ns = round(float(rule["window"].removesuffix("s")) * SECOND_NS)
    found: Alerts = []
    for i, now in enumerate(time.tolist()):
        inside = (time <= now) & (time > now - window_ns)
        if inside.sum() < 4 or now - time[0] < window_ns // 2:
            continue
        slope = np.polyfit((time[inside] - now) / SECOND_NS, value[inside], 1)[0]
        for level, text in rule["rising"].items():
            amount = parse_amount(text)
            if slope >= rate(amount.value, amount.unit, quantity(point.quantity)):
                found.append((point.id, int(time[i]), level))
    return found


def outside(alerts: Alerts, incidents: tuple[Incident, ...], tail_ns: int) -> Alerts:
    return [
        (sensor, time, level)
        for sensor, time, level in alerts
        if not any(
            sensor in i.sensors and i.onset_ns <= time <= i.end_ns + tail_ns for i in incidents
        )
    ]


@EVERY_SITE
@pytest.mark.parametrize(("seed", "hour"), [(1, 0), (2, 4), (3, 8), (4, 12), (5, 16), (6, 20)])
def test_each_incident_of_a_minute_is_seen_at_its_level_and_nothing_else_is(
    build: Build, seed: int, hour: int
) -> None:
    scenario = build().scenario(START + hour * HOUR_NS, 60.0, seed)
    alerts = exceedances(scenario)
    for detection in detections(scenario.incidents, alerts):
        assert detection.delay_s is not None, detection.incident
        assert detection.first_ns is not None
        assert detection.first_ns <= detection.incident.end_ns + 3 * SECOND_NS
    assert outside(alerts, scenario.incidents, 60 * SECOND_NS) == []


@pytest.mark.parametrize(
    ("site", "duration_s"),
    [
        (city_gas(interval_s=5.0), 3600.0),
        (pipeline(interval_s=5.0), 3600.0),
        (tailings(interval_s=10.0), 3600.0),
        (tailings(interval_s=1200.0), 12 * 86_400.0),
    ],
)
def test_longer_runs_tell_the_same_story(site: Site, duration_s: float) -> None:
    scenario = site.scenario(START, duration_s, 9)
    alerts = exceedances(scenario)
    assert all(d.delay_s is not None for d in detections(scenario.incidents, alerts))
    # A manhole is aired within its story; a dam drains for a share of it.
    assert outside(alerts, scenario.incidents, round(0.25 * duration_s * SECOND_NS)) == []


@EVERY_SITE
def test_a_quiet_day_exceeds_nothing(build: Build) -> None:
    site = {"city-gas": city_gas, "pipeline": pipeline, "tailings": tailings}[build().name](
        interval_s=60.0
    )
    scenario = site.scenario(START, 86_400.0, 2, intensity=0)
    assert exceedances(scenario) == []


@EVERY_SITE
def test_labels_lie_within_the_run_in_order(build: Build) -> None:
    scenario = build().scenario(START, 60.0, 4, intensity=3)
    assert len({x.id for x in scenario.labels}) == len(scenario.labels)
    onsets = [x.onset_ns for x in scenario.labels]
    assert onsets == sorted(onsets)
    known = {p.id for p in scenario.site.points}
    for label in scenario.labels:
        assert scenario.start_ns <= label.onset_ns < label.end_ns <= scenario.end_ns
        assert set(label.sensors) <= known
        assert label.what_en
        assert label.what_zh
    assert all(i.level in LEVELS[1:] for i in scenario.incidents)


@EVERY_SITE
def test_intensity_is_how_often_the_story_plays(build: Build) -> None:
    once, thrice = (len(build().scenario(START, 300.0, 4, n).incidents) for n in (1, 3))
    assert once >= 4
    assert thrice == 3 * once


def test_the_seed_chooses_who_suffers() -> None:
    site = city_gas()
    suffering = {site.scenario(START, 60.0, s).incidents[0].sensors for s in range(12)}
    assert len(suffering) > 2


def test_a_dam_with_time_enough_lives_at_its_own_pace() -> None:
    slow, fast = (tailings().scenario(START, d, 1) for d in (20 * 86_400.0, 60.0))
    assert slow.script.compression == 1.0
    assert fast.script.compression == 14_400.0
    assert max(i.end_ns for i in slow.incidents) < START + 10 * DAY_NS


def test_a_detection_is_the_first_alert_that_is_grave_enough() -> None:
    incident = Incident("i", "s", "gas", "leak", ("a", "b"), 1000, 2000, "orange", "", "")
    alerts = [
        ("a", 900, "red"),  # before the onset
        ("a", 1100, "yellow"),  # not grave enough
        ("c", 1150, "red"),  # another sensor
        ("b", 1300, "orange"),
        ("a", 1200, "red"),
        ("a", 1050, "normal"),
    ]
    (detection,) = detections([incident], alerts, tail_ns=100)
    assert detection.first_ns == 1200
    assert detection.delay_s == 200 / SECOND_NS
    (late,) = detections([incident], [("a", 2101, "red")], tail_ns=100)
    assert late.delay_s is None


def test_stories_share_the_run() -> None:
    told = list(stories(START, 100.0, 4))
    assert [s.begin_ns for s in told] == [START + k * 25 * SECOND_NS for k in range(4)]
    assert told[3].at(1.0) == START + 100 * SECOND_NS
    assert list(stories(START, 100.0, 0)) == []
