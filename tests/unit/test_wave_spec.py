"""The written form of `wave`: what it becomes, and what it refuses in which words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from lifeline.engine.config import check, load
from lifeline.engine.config.authored import AuthoredError, AuthoredErrors
from lifeline.engine.errors import SpecError
from lifeline.engine.kinds import load_kinds
from lifeline.engine.quantities import quantity
from lifeline.engine.rule import Member, Select
from plant_files import PlantFiles
from pressure_waves import FAST, OUTER, PLAIN, compiled

TAGS = f"""\
id,site,quantity,unit,low,high,reports
U,east,{FAST},kPa,0,12000,periodic 10ms
D,east,{FAST},MPa,0,12,periodic 20ms
"""
RULE = """\
rules:
  - {id: w, kind: wave, select: {quantity: pipe.oil.pressure.fast}, upstream: U, downstream: D,
     length: 50 km, wave_speed: 1000 m/s, drop: {red: 0.05 bar}}
"""


def test_defaults() -> None:
    rule = compiled()
    assert rule.options == {
        "bin": 125e6, "length": 50e3, "speed": 1000.0, "flow": 0.0, "speed_error": 10.0,
        "clock_error": 0.01, "margin": 1000.0, "gate": 6.0, "noise": 0.0, "least": 0.25,
        "hold": 86_400e9, "ratio": 10.0, "up_spacing": 0.0, "down_spacing": 0.0, "start": 0.0,
        "ascending": 1.0,
    }  # fmt: skip
    assert compiled(wave_speed_error=None).options["speed_error"] == 20.0
    assert [level.high for level in rule.levels] == [None, None, 1.0, 5.0]
    assert rule.unit == "kPa"


def test_units_are_read_by_dimension() -> None:
    rule = compiled(
        length="31 km",
        wave_speed="3600 km/h",
        flow_speed="-90 cm/s",
        margin="0.3 km",
        drop={"blue": "0.1 bar", "red": "0.5 MPa"},
        noise="50 Pa",
        least="1 kPa",
        clock_error="1 ms",
        front="800 ms",
        hold="2h",
        **OUTER,
    )
    wanted = {
        "length": 31e3, "speed": 1000.0, "flow": -0.9, "margin": 300.0, "noise": 0.05, "least": 1.0,
        "clock_error": 0.001, "bin": 5e7, "hold": 7_200e9, "up_spacing": 500.0, "down_spacing": 500.0,
    }  # fmt: skip
    assert {name: rule.options[name] for name in wanted} == pytest.approx(wanted)
    assert [level.high for level in rule.levels] == pytest.approx([10.0, None, None, 500.0])


@pytest.mark.parametrize(
    ("ends", "start", "ascending"),
    [(("10 km", "35 km"), 10e3, 1.0), (("35 km", "10 km"), 35e3, -1.0)],
)
def test_posts_along_the_line(ends: tuple[str, str], start: float, ascending: float) -> None:
    posts = {"upstream": ends[0], "downstream": ends[1]}
    options = compiled(length=None, chainage=posts).options
    assert (options["length"], options["start"], options["ascending"]) == (25e3, start, ascending)


def test_members_have_roles() -> None:
    model = load_kinds()["wave"].author_model
    plain = model.model_validate({"id": "w", "kind": "wave", **PLAIN})
    assert plain.beside(Path())["members"] == (
        Member(role=0, select=Select(sensor=("U",))),
        Member(role=1, select=Select(sensor=("D",))),
    )
    four = model.model_validate({"id": "w", "kind": "wave", **PLAIN, **OUTER})
    assert [one.role for one in four.beside(Path())["members"]] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("keys", "at", "message"),
    [
        ({"length": None}, ("length",), "a section has one length"),
        ({"chainage": {"upstream": "1 km", "downstream": "2 km"}}, ("length",), "one length"),
        ({"length": "50000 km"}, ("length",), "no line is so long"),
        ({"length": "0 km"}, ("length",), "the length must be more than zero"),
        ({"wave_speed": "0 m/s"}, ("wave_speed",), "the wave speed must be more than zero"),
        ({"wave_speed": "50 km"}, ("wave_speed",), "not a speed"),
        ({"length": "50 m/s"}, ("length",), "not a length"),
        ({"margin": "25 km"}, ("margin",), "leave nothing of the section"),
        ({"margin": "-1 km"}, ("margin",), "margin is negative"),
        ({"wave_speed_error": "-1 m/s"}, ("wave_speed_error",), "wave_speed_error is negative"),
        ({"flow_speed": "300 m/s"}, ("flow_speed",), "no liquid flows so fast"),
        ({"downstream": "U"}, ("upstream",), "one sensor is at two places"),
        ({"upstream": "PT-*"}, ("upstream",), "an end is one sensor, not a pattern"),
        ({"upstream_outer": "UU"}, ("upstream_spacing",), "tells the direction"),
        ({"downstream_spacing": "5 m"}, ("downstream_outer",), "tells the direction"),
        ({"drop": {}}, ("drop",), "the rule has no limit"),
        ({"drop": {"red": "0 kPa"}}, ("drop", "red"), "a drop must be more than zero"),
        ({"drop": {"blue": "9 kPa", "red": "1 kPa"}}, ("drop",), "smaller high limit"),
        ({"drop": {"red": "5 m/s"}}, ("drop", "red"), ""),
        ({"front": "10 ms"}, ("front",), "laid out in sixteen parts"),
        ({"hold": "0s"}, ("hold",), "hold must not be zero"),
        ({"noise": "0 kPa"}, ("noise",), "noise must be more than zero"),
    ],
)
def test_mistakes_name_their_key(keys: dict[str, Any], at: tuple[str, ...], message: str) -> None:
    with pytest.raises(SpecError) as caught:
        compiled(**keys)
    error = caught.value
    parts = error.errors if isinstance(error, AuthoredErrors) else (error,)
    assert any(
        isinstance(one, AuthoredError) and one.at == at and message in one.text() for one in parts
    ), [(getattr(one, "at", ()), one.text()) for one in parts]


def test_a_wave_is_of_pressure() -> None:
    kind = load_kinds()["wave"]
    model = kind.author_model.model_validate({"id": "w", "kind": "wave", **PLAIN})
    with pytest.raises(SpecError, match="a wave of pressure is seen by pressure sensors"):
        kind.compile(model, quantity("tank.level"), "")


@pytest.mark.parametrize(
    "keys",
    [
        {"gate": 1.0},
        {"ratio": 0.5},
        {"on_delay": "5s"},
        {"upstream": "PT-*/1"},
        {"deadband": "1 kPa"},
    ],
)
def test_what_the_model_refuses(keys: dict[str, Any]) -> None:
    with pytest.raises((ValidationError, SpecError)):
        compiled(**keys)


def written(directory: Path, tags: str = TAGS, rule: str = RULE) -> Path:
    sites = "sites:\n  - {id: east, area: hefei/shushan/east}\n"
    return PlantFiles(rules=rule, tags=tags, sites=sites).write(directory)


def test_a_rule_in_a_file_is_the_rule(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert [problem.text() for problem in check(path)] == []
    (rule,) = [one for one in load(path).configuration.rules if one.id == "w"]
    assert [one.select.sensor for one in rule.members] == [("U",), ("D",)]
    (judgement,) = rule.judgements
    assert judgement.levels[3].high == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("D,east", "E,east", "selects no sensor for a member that it needs; found D"),
        ("periodic 20ms", "periodic 1s", "D speaks more seldom than a sixteenth of the front"),
    ],
)
def test_what_the_plant_does_not_have_is_said(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    assert before in TAGS
    path = written(tmp_path, TAGS.replace(before, after))
    assert message in "\n".join(problem.text() for problem in check(path))


def test_a_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, rule=RULE.replace("length: 50 km", "length: 50 kPa"))
    (told,) = [problem.text() for problem in check(path)]
    assert "not a length" in told
    assert "such as 12.5 km" in told
