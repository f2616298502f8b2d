"""Rules that take from a learned file what nobody wrote: limits, target and sigma, noise."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from lifeline.engine.config import check, load
from lifeline.engine.config.learned import Learned, LearnedSensor
from lifeline.engine.planning import compile_plan
from lifeline.engine.rule import Judgement, LevelLimits, Rule, Select
from plant_files import PlantFiles

SHARES = ("0.1 %", "1 %", "5 %", "50 %", "95 %", "99 %", "99.9 %")
HOURS = ((0.0, 0.0, 0),) * 168


def learned(**limits: tuple[float, ...]) -> Learned:
    units = {"PT-1": "kPa", "GD-1": "%LEL"}
    sensors = {
        f"east/{name.replace('_', '-')}": LearnedSensor(
            units[name.replace("_", "-")], 100, 0, 0.25, dict(zip(SHARES, x, strict=True)), HOURS
        )
        for name, x in limits.items()
    }
    return Learned("Asia/Shanghai", "2026-06-01", "2026-06-02", sensors)


FILE = learned(
    PT_1=(90.0, 95.0, 100.0, 120.0, 140.0, 145.0, 150.0), GD_1=(0.0, 0.1, 0.5, 1.0, 2.0, 3.0, 4.0)
)


def plant(directory: Path, rule: str, file: Learned = FILE) -> Path:
    (directory / "learned.toml").write_text(file.text(), "utf-8")
    return PlantFiles(rules="rules:\n  - " + rule.strip().replace("\n", "\n    ") + "\n").write(
        directory
    )


def judgements(directory: Path, rule: str) -> dict[str, Judgement]:
    (one,) = [r for r in load(plant(directory, rule)).configuration.rules if r.id == "it"]
    return {judgement.sensor: judgement for judgement in one.judgements}


def told(directory: Path, rule: str, file: Learned = FILE) -> str:
    return "\n".join(problem.text() for problem in check(plant(directory, rule, file)))


LIMIT = """
id: it
kind: limit
select: {site: east}
learned: learned.toml
above: {yellow: 99 %, orange: 99.9 %}
below: {yellow: 0.1 %}
"""


def test_each_sensor_has_its_own_limits(tmp_path: Path) -> None:
    found = judgements(tmp_path, LIMIT)
    assert set(found) == {"east/PT-1", "east/GD-1"}
    levels = [(x.high, x.low) for x in found["east/PT-1"].levels]
    assert levels == [(None, None), (145.0, 90.0), (150.0, None), (None, None)]
    assert found["east/GD-1"].levels[1].high == 3.0


def test_the_core_judges_each_by_its_own(tmp_path: Path) -> None:
    configuration = load(plant(tmp_path, LIMIT)).configuration
    plan = compile_plan(configuration, configuration.version())
    (rule,) = [i for i, one in enumerate(configuration.rules) if one.id == "it"]
    highs = {
        configuration.sensors[int(plan.subject[k])].id: float(plan.params["high"][plan.param[k]][1])
        for k in range(len(plan.subject))
        if plan.rule[k] == rule
    }
    assert highs == {"PT-1": 145.0, "GD-1": 3.0}


def test_a_margin_lies_beyond_what_was_learned_and_not_beyond_what_was_written(
    tmp_path: Path,
) -> None:
    rule = LIMIT.replace("site: east", "sensor: PT-1") + "margin: 2 kPa\nhigh: {red: 0.2 MPa}"
    one = judgements(tmp_path, rule)["east/PT-1"]
    assert [x.high for x in one.levels] == [None, 147.0, 152.0, 200.0]
    assert one.levels[1].low == 88.0


def test_a_shift_has_the_median_and_the_spread_of_the_middle(tmp_path: Path) -> None:
    rule = "id: it\nkind: shift\nselect: {sensor: PT-1}\nlearned: learned.toml\nbeyond: {yellow: 5}"
    options = judgements(tmp_path, rule)["east/PT-1"].options
    assert options["target"] == 120.0
    # 5 % and 95 % of the standard normal distribution are 3.2897 apart.
    assert options["sigma"] == pytest.approx(40.0 / 3.2897, rel=1e-4)
    written = judgements(tmp_path, rule + "\nsigma: 5 kPa")["east/PT-1"].options
    assert (written["target"], written["sigma"]) == (120.0, 5.0)


def test_a_forecast_has_the_noise_floor(tmp_path: Path) -> None:
    rule = (
        "id: it\nkind: forecast\nselect: {sensor: PT-1}\nmethod: inverse_velocity\nwindow: 6h\n"
        "learned: learned.toml\nwithin: {red: 1h}"
    )
    assert judgements(tmp_path, rule)["east/PT-1"].options["noise"] == 0.25


def test_a_sensor_that_was_not_learned_is_told_and_not_judged(tmp_path: Path) -> None:
    rule = LIMIT.replace("select: {site: east}", "select: {}")
    assert "does not know sensors that the rule selects; found west/GD-1" in told(tmp_path, rule)
    assert set(judgements(tmp_path, rule)) == {"east/PT-1", "east/GD-1"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("learned: learned.toml\n", ""), "above asks a learned file"),
        (("above: {yellow: 99 %, orange: 99.9 %}\nbelow: {yellow: 0.1 %}", ""), "nothing asks"),
        (("99.9 %}", "98 %}"), "is not valid"),
        (("below", "high: {yellow: 1 kPa}\nbelow"), "a level has one limit"),
        (("learned.toml", "none.toml"), "cannot be read"),
        (("kind: limit", "kind: shift"), "unknown key"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    rule = LIMIT.replace(*change)
    assert rule != LIMIT
    assert message in told(tmp_path, rule)


def test_a_sensor_that_never_moved_has_no_sigma_and_is_named(tmp_path: Path) -> None:
    rule = "id: it\nkind: shift\nselect: {sensor: PT-1}\nlearned: learned.toml\nbeyond: {yellow: 5}"
    text = told(tmp_path, rule, learned(PT_1=(5.0,) * 7))
    assert "sigma is not positive; found east/PT-1" in text


def test_a_shift_without_sigma_asks_for_one(tmp_path: Path) -> None:
    rule = "id: it\nkind: shift\nselect: {sensor: PT-1}\ntarget: 1 kPa\nbeyond: {yellow: 5}"
    assert "nothing says how large sigma is" in told(tmp_path, rule)


def test_judgements_without_a_sensor_keep_their_bytes() -> None:
    levels = (LevelLimits(), LevelLimits(high=1.0), LevelLimits(), LevelLimits())
    plain = Judgement("", "", "1", levels)
    assert b"sensor" not in msgspec.json.encode(Rule("r", "limit", Select(), (plain,)))
