"""blind: how long nobody was there, told by the site that nobody watched."""

from __future__ import annotations

from pathlib import Path

import pytest

from battery.drive import Drive, ns, plant, sensor
from lifeline.engine.config import check, load
from lifeline.engine.configuration import Configuration, Link, Site
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.rule import Judgement, LevelLimits, Member, Rule, Select
from plant_files import PlantFiles

U = LevelLimits()


def blind(yellow: float, red: float, off_delay: float = 0.0) -> Rule:
    levels = (
        U,
        LevelLimits(high=yellow, off_delay=round(off_delay * SECOND_NS)),
        U,
        LevelLimits(high=red),
    )
    one = Judgement("", "", "s", levels)
    return Rule("away", "blind", Select(), (one,), members=(Member(),))


def changes(drive: Drive) -> list[tuple[str, str, str, float | None]]:
    """(transition, level, subject, value) of the rule's records."""
    return [
        (r.transition, r.level_after, r.subject, r.value) for r in drive.records if r.rule == "away"
    ]


def test_the_first_tick_after_a_gap_raises_and_the_next_one_ends_it() -> None:
    drive = Drive(plant(blind(60, 600)))
    drive.steady(0, 60, 1.0)
    drive.tick(90)  # far apart, and nobody says that nobody was there
    assert changes(drive) == []
    drive.tick(150, resumed=True)
    assert changes(drive) == [("raised", "yellow", "site", pytest.approx(60.0))]
    (record,) = [r for r in drive.records if r.rule == "away"]
    assert (record.time, record.onset, record.limit, record.unit) == (ns(150), ns(150), 60.0, "s")
    assert (record.message, record.quantity, record.asset) == ("alarm.blind", "", "")
    drive.tick(152)
    assert changes(drive)[1:] == [("returned", "normal", "site", 0.0)]
    assert [s.state for s in drive.core.standing() if s.alarm == "away~site"] == [
        "returned_unacknowledged"
    ]
    drive.tick(800, resumed=True)
    assert changes(drive)[2:] == [("raised", "red", "site", pytest.approx(648.0))]


def test_the_end_of_a_maintenance_in_the_gap_is_no_tick() -> None:
    drive = Drive(plant(blind(60, 600)))
    drive.steady(0, 60, 1.0)
    drive.maintain(60, 100)
    drive.tick(700, resumed=True)
    assert [c[:2] for c in changes(drive)] == [("raised", "red")]
    assert [r.time for r in drive.records if r.rule == "away"] == [ns(700)]


def test_an_off_delay_counts_from_the_first_tick_that_is_none() -> None:
    drive = Drive(plant(blind(60, 600, off_delay=10)))
    drive.steady(0, 60, 1.0)
    drive.tick(200, resumed=True)
    for second in range(202, 220, 2):
        drive.tick(second)
    assert [(r.transition, r.time) for r in drive.records if r.rule == "away"] == [
        ("raised", ns(200)),
        ("returned", ns(212)),
    ]


def test_each_site_that_is_watched_has_its_own_and_no_sensor_makes_it_unknown() -> None:
    sites = tuple(Site(f"s{n}", "acme", f"city/east/{n}") for n in range(3))
    links = tuple(Link(n, "source") for n in range(3))
    sensors = tuple(sensor(f"P{n}", site=n % 2, link=n % 2) for n in range(40))
    drive = Drive(Configuration(sites, links, sensors, (blind(60, 600),)))
    drive.tick(0)
    drive.tick(61, resumed=True)
    assert [(r.site, r.transition) for r in drive.records if r.rule == "away"] == [
        ("s0", "raised"),
        ("s1", "raised"),
    ], "twenty sensors each, never heard, and none at the third"


def test_written_it_is_checked(tmp_path: Path) -> None:
    def told(rule: str) -> list[str]:
        files = PlantFiles(rules=f"rules:\n  - {{id: away, kind: blind, {rule}}}\n")
        return [problem.text() for problem in check(files.write(tmp_path))]

    assert told("beyond: {yellow: 1min, red: 1h}, off_delay: 10s") == []
    assert any("while all is well" in each for each in told("beyond: {red: 5s}"))
    assert any("no level is named" in each for each in told("beyond: {}"))
    assert any(
        "without a limit" in each for each in told("beyond: {red: 1h}, off_delay: {blue: 1s}")
    )
    away = load(tmp_path / "lifeline.yaml") if told("beyond: {red: 1h}") == [] else None
    assert away is not None
    (rule,) = [r for r in away.configuration.rules if r.id == "away"]
    assert rule.judgements[0].levels[3].high == 3_600.0
