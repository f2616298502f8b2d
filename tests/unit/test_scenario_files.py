"""Scenarios as YAML: what is written happens, mistakes are told with their lines, examples hold."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from lifeline.engine.config import load
from lifeline.engine.config.schema import published
from lifeline.engine.errors import SpecError
from lifeline.engine.limits import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from lifeline.simulators.configs import write_config
from lifeline.simulators.faults import AMOUNTS, KINDS
from lifeline.simulators.judging import Judging, Tally
from lifeline.simulators.plant import Scenario
from lifeline.simulators.scenario_models import ScenarioFile
from lifeline.simulators.scenarios import read_scenario
from lifeline.simulators.sites import SITES, names

START = 1_800_000_000 * SECOND_NS
FOLDER = Path(__file__).parents[2] / "examples" / "scenarios"
EXAMPLES = sorted(FOLDER.glob("*.yaml"))
HEAD = "start: 2027-01-15T16:00:00+08:00\nduration: 2 h\nseed: 7\nsites: [city-gas]\n"


def read(directory: Path, text: str) -> list[Scenario]:
    path = directory / "s.yaml"
    path.write_text(text, encoding="utf-8")
    written = read_scenario(path)
    return written.scenarios(written.start_ns or START)


def refused(directory: Path, text: str) -> str:
    with pytest.raises(SpecError) as error:
        read(directory, text)
    return str(error.value)


def test_what_is_written_happens(tmp_path: Path) -> None:
    (run,) = read(
        tmp_path,
        HEAD
        + """\
happenings:
  - {what: leak, where: m02, at: 10 min, for: 40 min, size: 1.5}
  - {what: cover, where: m04, at: "2027-01-15T17:00:00+08:00", for: 90 min}
faults:
  - {what: stuck, where: m01-o2, at: 5 min, for: 10 min}
  - {what: dropout, where: [m01, m02-lel], at: 30 min, for: 1 min, every: 30 min}
  - {what: gateway_lost, where: s02, at: 0 s, for: 2 min}
""",
    )
    assert (run.start_ns, run.duration_s, run.seed) == (START, 7200.0, 7)
    leak, cover = run.incidents
    assert (leak.kind, leak.where, leak.size, leak.level) == ("leak", "m02", 1.5, "red")
    assert leak.onset_ns == START + 10 * MINUTE_NS
    assert leak.end_ns == START + 50 * MINUTE_NS
    assert cover.size == 35.0
    assert cover.onset_ns == START + HOUR_NS
    assert cover.end_ns == run.end_ns  # labels end with the run
    lost, stuck, *dropouts = run.faults
    assert (stuck.kind, stuck.sensors, stuck.amount) == ("stuck", ("m01-o2",), 0.0)
    assert set(lost.sensors) == {p.id for p in run.site.points if p.gateway == 1}
    assert [(f.onset_ns - START) // MINUTE_NS for f in dropouts] == [30, 60, 90]
    m01 = [p.id for p in run.site.points if p.asset == "m01"]
    assert dropouts[0].sensors == (*m01, "m02-lel")
    assert dropouts[0].amount == 0.1
    assert len({f.id for f in run.faults}) == 5
    assert "丢数" in dropouts[0].what_zh


def test_a_run_can_be_moved_cut_and_thrown_anew(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(
        HEAD
        + """\
happenings:
  - {what: leak, where: m02, at: "2027-01-15T16:10:00+08:00", for: 20 min}
  - {what: cover, where: m04, at: 100 min, for: 10 min}
""",
        encoding="utf-8",
    )
    (run,) = read_scenario(path).scenarios(START + DAY_NS, seed=9, duration_s=3600.0)
    assert (run.seed, run.duration_s) == (9, 3600.0)
    assert [i.onset_ns for i in run.incidents] == [START + DAY_NS + 10 * MINUTE_NS]


def test_sites_have_ids_and_options(tmp_path: Path) -> None:
    runs = read(
        tmp_path,
        """\
duration: 1 h
sites:
  - {site: city-gas, id: north, options: {manholes: 9, interval_s: 5}}
  - {site: pipeline, id: south, options: {lines: 1}}
happenings:
  - {site: south, what: trip, where: line-1, at: 1 min, for: 5 min}
""",
    )
    north, south = runs
    assert (north.site.id, north.site.step_ns) == ("north", 5 * SECOND_NS)
    assert sum(p.quantity == "gas.o2" for p in north.site.points) == 9
    assert [i.id for i in south.incidents] == ["south/1-trip"]
    assert north.incidents == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("happenings:\n  - {what: leek, where: m02, at: 1 min, for: 1 min}", "s.yaml:6: unknown kind of happening at city-gas; found 'leek'; expected airing, cover, leak, overpressure or seep; did you mean leak?"),
        ("happenings:\n  - {what: leak, where: m07, at: 1 min, for: 1 min}", "s.yaml:6: unknown place for leak at city-gas; found 'm07'"),
        ("happenings:\n  - what: leak\n    where: m02\n    at: 1 min\n    for: 1 min\n    size: 200", "s.yaml:10: the size of leak (diameter of the hole in the main, mm) is out of bounds; found 200; expected 0.3 to 25"),
        ("happenings:\n  - {what: leak, where: m02, at: 3 h, for: 1 min}", "s.yaml:6: it does not begin within the run"),
        ("happenings:\n  - {what: leak, where: m02, at: soon, for: 1 min}", "s.yaml:6: at: not a duration"),
        ("happenings:\n  - {what: leak, where: m02, at: 2027-01-15T16:10:00, for: 1 min}", "expected a duration after the beginning (10 min) or a time"),
        ("happenings:\n  - {what: leak, where: m02, at: 1 min, for: 0 s}", "s.yaml:6: "),
        ("happenings:\n  - {what: leak, where: m02, at: 1 min, for: 9 min, every: 9 min}", "s.yaml:6: it begins again before it has ended"),
        ("happenings:\n  - {what: leak, were: m02, at: 1 min, for: 1 min}", "s.yaml:6: unknown key; found 'were'"),
        ("faults:\n  - {what: stuk, where: m02, at: 1 min, for: 1 min}", "did you mean stuck?"),
        ("faults:\n  - {what: stuck, where: m02-ch5, at: 1 min, for: 1 min}", "unknown sensor, asset or gateway of city-gas; found 'm02-ch5'"),
        ("faults:\n  - {what: gateway_lost, where: m02, at: 1 min, for: 1 min}", "unknown gateway of city-gas; found 'm02'"),
        ("faults:\n  - {what: poisoned, where: m02-temp, at: 1 min, for: 1 min}", "only a gas sensor can be poisoned"),
        ("faults:\n  - {what: stuck, where: m02, at: 1 min, for: 1 min, size: 3}", "stuck has no size"),
        ("faults:\n  - {what: dropout, where: m02, at: 1 min, for: 1 min, size: 3}", "expected 0 to 1"),
        ("faults:\n  - {what: drift, where: m02, at: 1 min, for: 1 min}", "the size of drift is missing; expected in the plant's unit"),
        ("faults:\n  - {what: stuck, site: gas, where: m02, at: 1 min, for: 1 min}", "s.yaml:6: unknown site of this file; found 'gas'; expected city-gas"),
    ],
)  # fmt: skip
def test_mistakes_are_told_with_their_line(tmp_path: Path, text: str, said: str) -> None:
    assert said in refused(tmp_path, f"{HEAD}{text}\n")


@pytest.mark.parametrize(
    ("sites", "said"),
    [
        ("[city-gaz]", "s.yaml:2: unknown simulated site; found 'city-gaz'"),
        ("[city-gas, city-gas]", "s.yaml:2: a site stands twice; found 'city-gas'"),
        ("[{site: city-gas, options: {manhole: 3}}]", "s.yaml:2: unknown option of city-gas; found 'manhole'; expected interval_s or manholes; did you mean manholes?"),
        ("[{site: city-gas, options: {manholes: 1}}]", "s.yaml:2: city-gas cannot be built so: a district has at least 3 manholes, found 1"),
        ("[]", "sites"),
    ],
)  # fmt: skip
def test_mistakes_about_sites_are_told(tmp_path: Path, sites: str, said: str) -> None:
    assert said in refused(tmp_path, f"duration: 1 h\nsites: {sites}\n")


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = refused(
        tmp_path,
        HEAD
        + """\
happenings:
  - {what: leek, where: m02, at: 1 min, for: 1 min}
  - {what: leak, where: m77, at: 1 min, for: 1 min}
""",
    )
    assert "s.yaml:6" in text
    assert "s.yaml:7" in text


def test_moments_by_time_need_a_start(tmp_path: Path) -> None:
    text = refused(
        tmp_path,
        'duration: 1 h\nsites: [city-gas]\nhappenings:\n  - {what: leak, where: m02, at: "2027-01-15T16:10:00+08:00", for: 1 min}\n',
    )
    assert "s.yaml:4: moments by time need the file's `start`" in text


def test_every_kind_of_fault_can_be_written(tmp_path: Path) -> None:
    lines = []
    for kind in KINDS:
        where = {"gateway_lost": "s01", "poisoned": "m01-lel"}.get(kind, "m01-pressure")
        size = ", size: 3" if kind == "drift" else ""
        lines.append(f"  - {{what: {kind}, where: {where}, at: 1 min, for: 10 min{size}}}")
    (run,) = read(tmp_path, HEAD + "faults:\n" + "\n".join(lines) + "\n")
    assert {f.kind for f in run.faults} == set(KINDS)
    for fault in run.faults:
        usual = AMOUNTS.get(fault.kind, ("", 0.0, 0.0, 0.0))[1]
        assert fault.amount == (3.0 if fault.kind == "drift" else usual)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_an_example_fits_the_published_schema_and_has_its_labels(path: Path) -> None:
    schema = published("scenario.yaml", ScenarioFile)
    written = read_scenario(path)
    jsonschema.validate(written.document.value, schema)
    runs = written.scenarios(written.start_ns or START)
    assert all(run.incidents and run.faults for run in runs if path.stem != "district")
    assert all(run.labels for run in runs)


@pytest.mark.parametrize("name", sorted(set(names()) - set(SITES)))
def test_an_example_at_a_sites_own_pace_has_what_is_no_danger_too(name: str) -> None:
    """Not run: days and months of it are a back-test's."""
    written = read_scenario(FOLDER / f"{name}.yaml")
    (run,) = written.scenarios(written.start_ns or START)
    assert run.site.name == name
    caused = {(i.where, i.onset_ns) for i in run.incidents}
    harmless = [h for h in run.script.happenings if (h.where, h.onset_ns) not in caused]
    assert harmless
    assert all(fault.end_ns <= run.end_ns for fault in run.faults)


@pytest.mark.parametrize("name", [*SITES, "district"])
def test_the_incidents_of_the_first_examples_are_found(tmp_path: Path, name: str) -> None:
    written = read_scenario(FOLDER / f"{name}.yaml")
    runs = written.scenarios(written.start_ns or START)
    plant = load(write_config(tmp_path, runs, "127.0.0.1", 1883))
    tally = Tally()
    for judged in Judging(plant, runs, 30.0).windows():
        tally.take(judged)
    missed = {d.incident.id for d in tally.detections(runs) if d.delay_s is None}
    # Its bead is poisoned, and it is too small for the other sensor's level.
    assert missed == ({"city-gas/1-seep"} if name == "city-gas" else set())


def test_every_site_has_an_example() -> None:
    assert {path.stem for path in EXAMPLES} == {*names(), "district"}


def test_sites_at_their_own_pace_have_options_too(tmp_path: Path) -> None:
    text = "duration: 1 h\nsites: [{site: weather, id: roof, options: {interval_s: 300}}]\n"
    (run,) = read(tmp_path, text)
    assert (run.site.id, run.site.step_ns) == ("roof", 300 * SECOND_NS)
    text = text.replace("interval_s", "climate")
    assert "unknown option of weather; found 'climate'; expected interval_s" in refused(
        tmp_path, text
    )
