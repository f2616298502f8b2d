"""The section `areas:` of lifeline.yaml: what it means, and its mistakes with file and line."""

from pathlib import Path

import jsonschema
import pytest

from lifeline.engine.areas.configuration import (
    Area,
    AreaConfiguration,
    AreaSite,
    Breaker,
    Ladder,
    Pick,
    Silence,
)
from lifeline.engine.config import check, load, schemas
from lifeline.engine.errors import Problem
from lifeline.engine.limits import AREA_OFF_DELAY_NS, DAY_NS, MINUTE_NS, SECOND_NS
from plant_files import HEAD, PlantFiles

AREAS = """\
areas:
  - path: hefei/shushan
    name: 蜀山区
    ladders:
      - id: gas.ladder
        select: {quantity: gas.*, site: [east, west]}
        count: points
        counts: {yellow: 5, red: 3}
        on_delay: 5s
        off_delay: 20 min
        basis: GB 39496-2020 5.5
        message: 启动区级响应
    halt_work:
      - id: rain.halt
        when: {quantity: "weather.*"}
        level: red
        release_after: 30 min
        release: person
        expires: 2d
    silence: {gateway: off, engine: red}
  - path: hefei
    ladders:
      - {id: city.ladder, select: {rule: gas.ladder}, count: areas}
  - path: hefei/shushan/east
"""
FIRST = len(HEAD.splitlines()) + 1


def problems(directory: Path, areas: str) -> list[Problem]:
    return check(PlantFiles(head=HEAD + areas).write(directory))


def test_every_key_comes_through(tmp_path: Path) -> None:
    plant = load(PlantFiles(head=HEAD + AREAS).write(tmp_path))
    shushan, hefei, street = plant.areas.areas
    assert shushan == Area(
        "hefei/shushan",
        "蜀山区",
        (
            Ladder(
                "gas.ladder",
                Pick(quantity=("gas.*",), site=("east", "west")),
                "points",
                (5, 3, 3),
                5 * SECOND_NS,
                20 * MINUTE_NS,
                "GB 39496-2020 5.5",
                "启动区级响应",
            ),
        ),
        (
            Breaker(
                "rain.halt", Pick(quantity=("weather.*",)), 4, 30 * MINUTE_NS, "person", 2 * DAY_NS
            ),
        ),
        Silence(3, 0, 4),
    )
    assert hefei.ladders[0].count == "areas"
    assert street == Area("hefei/shushan/east", ladders=(Ladder("area.ladder"),))
    assert street.ladders[0].off_delay == AREA_OFF_DELAY_NS
    assert plant.areas.sites == (
        AreaSite("east", "hefei/shushan/east"),
        AreaSite("west", "hefei/shushan/west"),
    )
    assert plant.areas.quality == ("engine.clock", "engine.stale")


def test_without_the_section_there_is_no_second_stage(tmp_path: Path) -> None:
    assert load(PlantFiles().write(tmp_path)).areas == AreaConfiguration()


def test_no_ladder_is_wanted_where_the_list_is_empty(tmp_path: Path) -> None:
    plant = load(PlantFiles(head=HEAD + "areas: [{path: hefei, ladders: []}]\n").write(tmp_path))
    assert plant.areas.areas[0].ladders == ()


@pytest.mark.parametrize(
    ("areas", "line", "text"),
    [
        ("areas: [{path: a/b/c/d}]", 0, "path: not an area's path; found 'a/b/c/d'"),
        ("areas:\n- {path: hefei}\n- {path: hefei}", 2, "the area stands twice; found 'hefei'"),
        (
            "areas:\n- path: hefei\n  ladder: []",
            2,
            "unknown key; found 'ladder'; expected path, name, ladders, halt_work or silence; "
            "did you mean ladders?",
        ),
        (
            "areas:\n- path: hefei\n  ladders: [{id: x, select: {rule: gas.hihg}}]",
            2,
            "unknown rule; found 'gas.hihg'",
        ),
        (
            "areas:\n- path: hefei\n  ladders:\n  - id: x\n    select:\n      quantity:\n"
            "      - gas.co\n      - gas.coo",
            7,
            "unknown quantity; found 'gas.coo'",
        ),
        ("areas: [{path: hefei, ladders: [{id: x, select: {site: eats}}]}]", 0, "unknown site"),
        ("areas: [{path: hefei, ladders: [{id: x, select: {site: 'n*'}}]}]", 0, "unknown site"),
        (
            "areas:\n- path: hefei\n  ladders: [{id: x}]\n  halt_work:\n"
            "  - {id: x, when: {rule: gas.high}}",
            4,
            "the id stands twice in this area; found 'x'",
        ),
        (
            "areas: [{path: hefei, ladders: [{id: area.silence}]}]",
            0,
            "id: every area has an alarm of this name",
        ),
        ("areas: [{path: hefei, ladders: [{id: x, counts: {red: 0}}]}]", 0, "at least 1"),
        (
            "areas: [{path: hefei, halt_work: [{id: x, when: {site: east}}]}]",
            0,
            "when names no rule and no quantity",
        ),
        (
            "areas: [{path: hefei, halt_work: [{id: x, when: {rule: gas.high}, expires: 5s}]}]",
            0,
            "expires is too short; expected at least 10 min",
        ),
        (
            "areas: [{path: hefei, halt_work: [{id: x, when: {rule: gas.high}, level: organe}]}]",
            0,
            "level is not valid; found 'organe'; expected blue, yellow, orange or red; "
            "did you mean orange?",
        ),
        ("areas: [{path: hefei, silence: {site: no}}]", 0, "site is not valid; found 'no'"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, areas: str, line: int, text: str) -> None:
    found = [p for p in problems(tmp_path, areas + "\n") if p.severity == "error"]
    assert [p.where for p in found] == [f"lifeline.yaml:{FIRST + line}"], found
    assert text in found[0].text()


def test_an_area_without_a_site_is_a_warning_with_the_nearest_name(tmp_path: Path) -> None:
    (found,) = problems(tmp_path, "areas: [{path: hefei/shusan}]\n")
    assert found.severity == "warning"
    assert "no site lies in the area; found 'hefei/shusan'" in found.text()
    assert "hefei/shushan" in found.nearest


def test_a_mistake_in_areas_does_not_hide_another_one(tmp_path: Path) -> None:
    head = HEAD + "areas: [{path: 5}]\n"
    files = PlantFiles(head=head, rules="rules: [{id: x, kind: limti}]\n")
    assert len([p for p in check(files.write(tmp_path)) if p.severity == "error"]) == 2


def test_areas_have_their_own_site_ids(tmp_path: Path) -> None:
    sites = "sites:\n  - {id: east, area: hefei/shushan/east}\n  - {id: 'area:x', area: a/b/c}\n"
    tags = "id,site,quantity,unit,low,high\nGD-1,east,gas.combustible,%LEL,0,100\n"
    found = check(PlantFiles(sites=sites, tags=tags).write(tmp_path))
    assert "the site id is the engine's own" in found[0].text()


def test_the_schema_knows_the_section(tmp_path: Path) -> None:
    import yaml

    schema = schemas()["lifeline.yaml"]
    document = yaml.safe_load(PlantFiles(head=HEAD + AREAS).write(tmp_path).read_text("utf-8"))
    document["areas"][0]["silence"]["gateway"] = "off"  # PyYAML reads YAML 1.1
    jsonschema.validate(document, schema)
    document["areas"][0]["ladders"][0]["count"] = "sensors"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)


def test_an_operator_may_be_granted_an_area_that_is_configured(tmp_path: Path) -> None:
    from lifeline.engine.cli.acl import _check_targets
    from lifeline.engine.errors import SpecError
    from lifeline.engine.outputs.acl import AclSpec

    plant = load(PlantFiles(head=HEAD + AREAS).write(tmp_path))
    _check_targets(plant, AclSpec(operators={"zhang": ("area:hefei/shushan", "east")}))
    with pytest.raises(SpecError, match="no such place"):
        _check_targets(plant, AclSpec(operators={"zhang": ("area:hefei/baohe",)}))
