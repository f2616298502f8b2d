"""The smallest seep and burst that the two sites accept are found, and what cannot be found has no label."""

from __future__ import annotations

from pathlib import Path

import pytest

from lifeline.engine.limits import DAY_NS, HOUR_NS
from lifeline.simulators.cause import Happening, made
from lifeline.simulators.city_gas import city_gas
from lifeline.simulators.pipeline import KILOMETRES, pipeline
from watched_scenario import happening, heard

GAS, MAIN = city_gas(interval_s=10.0), pipeline(interval_s=10.0)
START = 20_640 * DAY_NS


def from_first_hour(kind: str, where: str, hours: float, size: float) -> Happening:
    onset = START + HOUR_NS
    return Happening(kind, where, onset, onset + round(hours * HOUR_NS), size)


@pytest.mark.parametrize("manhole", ["m01", "m02"])
def test_a_seep_of_less_than_the_first_colour_of_others_is_blue(
    tmp_path: Path, manhole: str
) -> None:
    """0.8 %VOL in still air; beside a sewer and away from one, and a day of sewer gas is silent."""
    it = from_first_hour("seep", manhole, 3.5, 0.107)
    found = heard(tmp_path, happening(GAS, START, 5 * 3600.0, 5, [it]))
    (detection,) = found.detections
    assert detection.incident.level == "blue"
    assert detection.delay_s is not None
    assert 1800.0 < detection.delay_s < 3.5 * 3600.0
    assert {r.subject for r in found.raised("blue")} == {f"{manhole}-ch4"}


def test_a_day_of_sewer_gas_is_silent(tmp_path: Path) -> None:
    assert heard(tmp_path, happening(GAS, START, 86_400.0, 6)).raised("blue") == []


def test_a_seep_has_the_label_that_its_gas_reaches() -> None:
    levels = [
        [i.level for i in made(GAS, from_first_hour("seep", "m01", hours, size), 1)[0]]
        for hours, size in ((0.5, 0.1), (3.5, 0.107), (3.5, 0.14), (3.5, 0.178), (3.5, 0.3))
    ]
    assert levels == [[], ["blue"], ["yellow"], ["orange"], ["red"]]


@pytest.mark.parametrize("km", KILOMETRES)
def test_a_burst_is_orange_by_the_pressure_that_stays_away(tmp_path: Path, km: float) -> None:
    """200 mm anywhere on the line: two thirds of the pressure in the middle, for good."""
    it = from_first_hour("burst", f"line-1/km-{km:.2f}", 0.5, 200.0)
    found = heard(tmp_path, happening(MAIN, START, 1.4 * 3600.0, 7, [it]))
    (detection,) = found.detections
    assert detection.delay_s is not None
    assert detection.delay_s < 60.0
    rules = {r.rule for r in found.raised("orange") if r.time <= it.end_ns}
    assert "pipeline.pressure-drop" in rules


def test_the_morning_s_demand_is_no_burst(tmp_path: Path) -> None:
    """From three to nine o'clock in Beijing."""
    morning = happening(MAIN, START - 5 * HOUR_NS, 6 * 3600.0, 8)
    assert heard(tmp_path, morning).raised("yellow") == []
