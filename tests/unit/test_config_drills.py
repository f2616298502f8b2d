"""Drills and operator positions in lifeline.yaml: what they mean, and their mistakes with file and line."""

from pathlib import Path

from lifeline.engine.config import check, load
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.performance import Desk
from plant_files import HEAD, TAGS, PlantFiles

SITES = """\
sites:
  - {id: east, area: hefei/shushan/east}
  - {id: west, area: hefei/shushan/west, tenant: other}
  - {id: east-drill, area: hefei/shushan/east, exercise: true}
"""
SOURCES = """\
sources:
  - id: gas
    topics: ["gas/{station}/{device}"]
    site: "{station}"
    payload: {sensor: "{device}", time: {path: ts}}
  - id: simulator
    topics: ["drill/{station}/{device}"]
    site: "{station}"
    payload: {sensor: "{device}", time: {path: ts}}
    exercise: true
"""
SENSORS = "sensors: [{file: sensors.csv, source: gas}, {file: drill.csv, source: simulator}]\n"
DRILL = """\
id,site,quantity,unit,low,high,reports,gas,stale
GD-1,east-drill,gas.combustible,%LEL,0,100,periodic 10s,methane,
GD-2,east-drill,gas.combustible,%LEL,0,100,periodic 10s,methane,1 min
"""


def written(directory: Path, drill: str = DRILL, tags: str = TAGS, more: str = "") -> Path:
    (directory / "drill.csv").write_text(drill, encoding="utf-8")
    files = PlantFiles(sites=SITES + more, sources=SOURCES, sensors=SENSORS, tags=tags)
    return files.write(directory)


def told(path: Path) -> list[str]:
    return [str(problem) for problem in check(path)]


def test_a_drill_is_a_site_and_a_source_of_its_own(tmp_path: Path) -> None:
    path = written(tmp_path, more="areas: [{path: hefei}]\n")
    assert told(path) == []
    plant = load(path)
    assert [s.exercise for s in plant.configuration.sites] == [False, False, True]
    assert {s.id: s.exercise for s in plant.sources} == {"gas": False, "simulator": True}
    assert [s.exercise for s in plant.areas.sites] == [False, False, True]
    stale = {s.id: s.stale for s in plant.configuration.sensors if s.site == 2}
    assert stale == {"GD-1": 0, "GD-2": 60 * SECOND_NS}, "nobody feeds it between two drills"


def test_the_source_of_a_drill_feeds_no_actual_site(tmp_path: Path) -> None:
    path = written(tmp_path, DRILL + "GD-9,east,gas.combustible,%LEL,0,100,periodic 10s,methane,\n")
    (problem,) = told(path)
    assert "drill.csv:4" in problem
    assert "source simulator is a drill's, and site east is not" in problem


def test_an_actual_source_feeds_no_drill(tmp_path: Path) -> None:
    row = "GD-9,east-drill,gas.combustible,%LEL,0,100,periodic 10s,methane\n"
    (problem,) = told(written(tmp_path, tags=TAGS + row + row.replace("GD-9", "GD-8")))
    assert "sensors.csv:5" in problem
    assert "site east-drill is a drill, and source gas is not" in problem


POSITIONS = """\
positions:
  - {name: 调度一台, sites: east*}
  - {name: tanks, areas: [hefei], assets: [T-*]}
"""


def test_positions_name_what_they_watch(tmp_path: Path) -> None:
    tags = TAGS.replace("reports,gas", "reports,gas,asset").replace("methane\n", "methane,T-1\n")
    path = written(tmp_path, tags=tags.replace("5s,\n", "5s,,\n"), more=POSITIONS)
    assert told(path) == []
    assert load(path).desks == (
        Desk("调度一台", sites=("east*",)),
        Desk("tanks", areas=("hefei",), assets=("T-*",)),
    )


def test_a_position_that_watches_nothing_is_told(tmp_path: Path) -> None:
    more = """\
positions:
  - {name: one, sites: [esat]}
  - {name: two, areas: [hefei/shushn]}
  - {name: three, assets: [T-*]}
  - {name: one, sites: [east]}
"""
    text = "\n".join(told(written(tmp_path, more=more)))
    assert "no site of this name" in text
    assert "found=\"'esat'\"" in text
    assert "no area of this name" in text
    assert "no asset of this name" in text
    assert "the position stands twice" in text
    (alone,) = told(written(tmp_path, more="positions: [{name: one}]\n"))
    assert "the position watches nothing" in alone


def test_notices_are_told_on_one_machine_and_in_a_cluster(tmp_path: Path) -> None:
    head = HEAD.replace("{mqtt: {}}", "{mqtt: {notices: on}}")
    alone = PlantFiles(head=head)
    assert told(alone.write(tmp_path)) == []
    assert load(tmp_path / "lifeline.yaml").outputs.notices
    alone.head += "cluster: {servers: [127.0.0.1:9092], replication: 3}\n"
    assert told(alone.write(tmp_path)) == []
