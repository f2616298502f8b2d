"""Back-tests: bounds, labels, attribution, figures and the page, against what can be worked out by hand."""

from __future__ import annotations

import json
import random
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from scipy import stats
from typer.testing import CliRunner, Result

from lifeline.engine.backtest import judge, read_labels, report, verdicts
from lifeline.engine.backtest.attribution import _free
from lifeline.engine.backtest.bounds import rate, share
from lifeline.engine.backtest.eemua import burdens
from lifeline.engine.backtest.sources import recorded_trial
from lifeline.engine.cli.app import app
from lifeline.engine.cli.exits import ExitCode
from lifeline.engine.config import load
from lifeline.engine.errors import SpecError
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.outputs.times import parse_rfc3339
from lifeline.engine.replay.tables import Reading
from lifeline.simulators.configs import write_config
from lifeline.simulators.recording import record
from lifeline.simulators.scenarios import read_scenario
from lifeline.simulators.sites import site_named
from lifeline.simulators.trials import trial_of
from plant_files import PlantFiles

START = parse_rfc3339("2026-01-05T00:00:00Z")
YEAR_S = 365.25 * 86_400
SITES = "sites:\n  - {id: east, area: hefei/shushan/east, timezone: UTC, position: desk 1}\n"
TAGS = """\
id,site,quantity,unit,low,high,reports,gas
A,east,gas.combustible,%LEL,0,110,periodic 10s,methane
B,east,gas.combustible,%LEL,0,110,periodic 10s,methane
"""
#: (sensor, first second, last second, value), on a rest of 1 %LEL.
EVENTS = (
    ("A", 630, 690, 30.0),
    ("A", 700, 900, 60.0),
    ("B", 3020, 3080, 30.0),
    ("B", 4050, 4060, 60.0),
    ("A", 5000, 5050, 30.0),
    ("A", 6000, 6010, 80.0),
    ("A", 6990, 7000, 30.0),
)
LABELS = """\
id,what,sensors,onset,end,level
1,leak,A,2026-01-05T00:10:00Z,2026-01-05T00:15:00Z,orange
2,leak,A;B,2026-01-05T00:33:20Z,2026-01-05T00:38:20Z,橙
3,burst,B,2026-01-05T00:50:00Z,2026-01-05T00:51:40Z,red
4,spike,B,2026-01-05T01:06:40Z,2026-01-05T01:08:20Z,fault
5,leak,east/A,2026-01-05T01:55:00Z,2026-01-05T01:55:50Z,orange
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    """The plant's file, a recording of two hours, its labels."""
    config = PlantFiles(sites=SITES, tags=TAGS).write(tmp_path)
    lines = ["time,A,B"]
    for second in range(0, 7_200, 10):
        at = f"2026-01-05T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z"
        values = {"A": 1.0, "B": 1.0}
        values.update({s: v for s, first, last, v in EVENTS if first <= second <= last})
        lines.append(f"{at},{values['A']},{values['B']}")
    (tmp_path / "rig.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "labels.csv").write_text(LABELS, encoding="utf-8")
    return config, tmp_path / "rig.csv", tmp_path / "labels.csv"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["backtest", *map(str, arguments)])


# --- bounds --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "low", "high"),
    # Garwood's table: 95 % bounds of a Poisson mean (Fisher and Yates, table VIII1).
    [(0, 0.0, 3.69), (1, 0.03, 5.57), (10, 4.80, 18.39), (50, 37.11, 65.92)],
)
def test_rates_have_the_bounds_of_the_table(count: int, low: float, high: float) -> None:
    found = rate(count, 2.0)
    assert found.value == count / 2.0
    assert (found.low, found.high) == pytest.approx((low / 2.0, high / 2.0), abs=0.005)


@pytest.mark.parametrize("of", [1, 7, 30])
def test_bounds_leave_out_what_they_say(of: int) -> None:
    """At each bound, what was seen or beyond it has a probability of 2.5 %."""
    for found in range(of + 1):
        bounds = share(found, of)
        assert bounds.high is not None
        if found:
            assert stats.binom.sf(found - 1, of, bounds.low) == pytest.approx(0.025, rel=1e-9)
        if found < of:
            assert stats.binom.cdf(found, of, bounds.high) == pytest.approx(0.025, rel=1e-9)
    assert (share(0, of).low, share(of, of).high) == (0.0, 1.0)


def test_nothing_seen_is_no_figure() -> None:
    assert share(0, 0).value is rate(0, 0.0).value is rate(3, 0.0).high is None
    with pytest.raises(ValueError, match="3 of 2"):
        share(3, 2)


# --- labels --------------------------------------------------------------------------------------


def test_labels_are_read_from_csv_and_json_alike(files: tuple[Path, Path, Path]) -> None:
    from_csv = read_labels(files[2])
    assert [(x.id, x.what, x.sensors, x.level, x.fault) for x in from_csv[:2]] == [
        ("1", "leak", ("A",), "orange", False),
        ("2", "leak", ("A", "B"), "orange", False),
    ]
    assert from_csv[3].fault
    assert from_csv[0].onset == START + 600 * SECOND_NS
    rows = [
        dict(zip(LABELS.splitlines()[0].split(","), r.split(","), strict=True))
        for r in LABELS.splitlines()[1:]
    ]
    written = files[2].with_suffix(".json")
    written.write_text(json.dumps([{**r, "sensors": r["sensors"].split(";")} for r in rows]))
    assert read_labels(written) == from_csv


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("level\n", "grade\n", "labels.csv:1: a column is missing"),
        ("橙", "purple", "labels.csv:3: unknown level"),
        ("2,leak", "1,leak", "two labels have one id"),
        ("T00:15:00Z", "T00:05:00Z", "labels.csv:2: a label ends before it begins"),
        ("2026-01-05T00:10:00Z", "noon", "labels.csv:2: a time cannot be read"),
        ("1,leak,A", "1,,A", "labels.csv:2: a label has an empty cell"),
    ],
)
def test_a_mistake_in_labels_is_told_with_its_line(
    files: tuple[Path, Path, Path], old: str, new: str, what: str
) -> None:
    files[2].write_text(LABELS.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SpecError, match=what):
        read_labels(files[2])


@pytest.mark.parametrize(
    ("new", "what"),
    [
        ("A,2027-01-05T00:10:00Z,2027-01-05T00:15:00Z", "outside"),
        ("Q,2026-01-05T00:10:00Z,2026-01-05T00:15:00Z", "does not have"),
    ],
)
def test_a_label_that_cannot_be_found_is_no_miss(
    files: tuple[Path, Path, Path], new: str, what: str
) -> None:
    text = LABELS.replace("A,2026-01-05T00:10:00Z,2026-01-05T00:15:00Z", new)
    files[2].write_text(text, encoding="utf-8")
    done = run(files[0], "--recording", files[1], "--labels", files[2])
    assert done.exit_code == ExitCode.FOUND
    assert what in done.output


# --- figures -------------------------------------------------------------------------------------


def test_a_recording_is_judged_as_one_would_by_hand(files: tuple[Path, Path, Path]) -> None:
    config, recording, labels = files
    done = run(config, "--recording", recording, "--labels", labels, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    classes = {one["what"]: one for one in told["classes"]}
    assert (classes["leak"]["found"], classes["leak"]["labels"]) == (2, 3)
    assert classes["leak"]["each"] == [30.0, 90.0]  # 90: 40 s after the end, within the tail
    assert classes["leak"]["delay"] == {"count": 2, "median": 30.0, "p95": 90.0, "longest": 90.0}
    assert (classes["burst"]["found"], classes["burst"]["labels"]) == (0, 1)  # orange is not red
    assert [(f["what"], f["found"], f["each"]) for f in told["faults"]] == [("spike", 1, [50.0])]
    (rule,) = [r for r in told["rules"] if r["rule"] == "gas.high"]
    for figures in (rule, told["whole"]):
        assert figures["alarms"] == 6
        assert (figures["of_incidents"], figures["of_faults"], figures["historic"]) == (3, 1, 0)
        assert figures["false"]["levels"] == [0, 0, 1, 1]
    exposed_s = 2 * 7_190 - (300 + 300 + 50 + 3 * 60) - (300 + 100 + 100 + 3 * 60)
    assert told["whole"]["false"]["sensor_years"] == pytest.approx(exposed_s / YEAR_S, rel=1e-12)
    assert told["whole"]["false"]["red"]["value"] == pytest.approx(YEAR_S / exposed_s, rel=1e-12)
    assert told["samples"] == 1_440
    (desk,) = [b for b in told["performance"] if b["scope"] == "position"]
    # Six raises and one promotion, in twelve periods of ten minutes.
    assert (desk["name"], desk["alarms"], desk["intervals"]) == ("desk 1", 7, 12)


def test_what_stood_before_finds_nothing_but_its_rise_does(files: tuple[Path, Path, Path]) -> None:
    config, recording, labels = files
    head = LABELS.splitlines()[0]
    text = f"{head}\n1,leak,A,2026-01-05T00:10:50Z,2026-01-05T00:15:00Z,orange\n2,leak,A,2026-01-05T00:12:00Z,2026-01-05T00:15:00Z,orange\n"
    labels.write_text(text)
    trial, _ = recorded_trial([recording], labels, load(config), Reading())
    found = verdicts(judge(trial), 0).found
    assert [one.stood for one in found] == [True, True]
    assert [one.first and (one.first - START) // SECOND_NS for one in found] == [700, None]


def test_free_time_is_what_no_label_covers() -> None:
    dice = random.Random(3)
    for _ in range(200):
        spans = sorted(
            (first, first + dice.randrange(30))
            for first in (dice.randrange(-20, 120) for _ in range(5))
        )
        slow = sum(not any(a <= t < b for a, b in spans) for t in range(100))
        assert _free(0, 100, spans) == slow


def test_trials_add_up(files: tuple[Path, Path, Path]) -> None:
    config, recording, labels = files
    trial, _ = recorded_trial([recording], labels, load(config), Reading())
    one = verdicts(judge(trial), 60 * SECOND_NS)
    single, double = report([one], 60 * SECOND_NS), report([one, one], 60 * SECOND_NS)
    assert double.incidents.labels == 2 * single.incidents.labels
    assert double.whole.false.levels == (0, 0, 2, 2)
    assert double.whole.false.sensor_years == pytest.approx(2 * single.whole.false.sensor_years)
    assert double.whole.false.rate.value == pytest.approx(single.whole.false.rate.value)
    (desk,) = (b for b in double.performance if b.scope == "position")
    (alone,) = (b for b in single.performance if b.scope == "position")
    assert (desk.alarms, desk.average, desk.peak) == (2 * alone.alarms, alone.average, alone.peak)
    assert burdens([]) == []


# --- scenarios -----------------------------------------------------------------------------------


def test_a_simulated_site_is_judged_by_its_own_labels(tmp_path: Path) -> None:
    site = site_named("city-gas")
    scenario = site.scenario(START, 90.0, 3)
    config = write_config(tmp_path, [scenario], "127.0.0.1", 1883)
    done = run(config, "--scenario", "city-gas", "--seed", "3", "--span", "90s", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["incidents"]["found"] == told["incidents"]["labels"] == len(scenario.incidents)
    assert sum(told["whole"]["false"]["levels"]) == 0
    kinds = {fault.kind for fault in scenario.faults}
    assert {one["what"] for one in told["faults"]} == kinds
    noticed = {f.kind for f in scenario.faults if f.noticed_by}
    assert {one["what"] for one in told["faults"] if one["found"]} >= noticed


def test_frames_are_the_samples_in_canonical_units(tmp_path: Path) -> None:
    scenario = site_named("pipeline").scenario(START, 30.0, 4)
    plant = load(write_config(tmp_path, [scenario], "127.0.0.1", 1883))
    frames = list(trial_of(scenario, plant).frames())
    sent = sum(len(batch) for batch in scenario.samples())
    assert sum(len(frame) for frame in frames) == sent
    batch, first = next(scenario.samples()), frames[0]
    ids = [point.id for point in scenario.site.points]
    sensors = plant.configuration.sensors
    for name, canonical in (("PT-101", lambda x: 1e3 * x), ("TT-101", lambda x: (x - 32.0) / 1.8)):
        printed = batch.value[batch.sensor == ids.index(name)][0]
        heard = next(
            v for s, v in zip(first.sensor, first.value, strict=True) if sensors[s].id == name
        )
        assert heard == pytest.approx(canonical(printed), rel=1e-12)


@pytest.mark.parametrize("name", ["labels.json", "labels.csv"])
def test_a_scenario_and_its_recording_are_worth_the_same(tmp_path: Path, name: str) -> None:
    """Where nothing is delivered late, twice or with a wrong clock, times are in the order of arrival."""
    scenario = site_named("tailings").scenario(START, 90.0, 6)
    assert not {f.kind for f in scenario.faults} & {"clock", "duplicate", "backlog"}
    recorded = record([scenario], tmp_path)
    told = run(recorded.config, "--scenario", "tailings", "--seed", 6, "--span", "90s", "--json")
    files = ["--recording", *recorded.files, "--labels", tmp_path / name]
    again = run(recorded.config, *files, "--json")
    assert again.exit_code == 0, again.output
    one, other = json.loads(told.stdout), json.loads(again.stdout)
    for key in ("incidents", "classes", "faults", "samples", "performance"):
        assert one[key] == other[key], key
    assert one["incidents"]["labels"] == len(scenario.incidents) > 0
    for rule, same in zip(one["rules"], other["rules"], strict=True):
        # The recording ends with its last sample, a step before the scenario does.
        assert (rule["alarms"], rule["false"]["levels"]) == (
            same["alarms"],
            same["false"]["levels"],
        )


SCENARIO = """\
duration: 2 d
seed: 3
sites: [{site: tailings, id: dam-7, options: {sections: 1, interval_s: 600}}]
happenings: [{what: storm, where: dam, at: 2 h, for: 20 h, size: 60}]
"""


def test_a_written_scenario_is_judged_by_its_labels(tmp_path: Path) -> None:
    path = tmp_path / "storm.yaml"
    path.write_text(SCENARIO)
    config = write_config(tmp_path, read_scenario(path).scenarios(START), "127.0.0.1", 1883)
    done = run(config, "--scenario", path, "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [trial["name"] for trial in told["trials"]] == ["storm.yaml dam-7"]
    assert "storm" in {one["what"] for one in told["classes"]}
    assert told["trials"][0]["begin"].startswith("2026-01-05T00:00:00")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ([], "one source with its truth"),
        (["--scenario", "city-gas", "--recording", "x.csv"], "one source with its truth"),
        (["--scenario", "city-gaz"], "no such scenario"),
        (["--scenario", "city-gas"], "lacks sensors of city-gas"),
        (["--scenario", "city-gas", "--span", "0s"], "no length"),
    ],
)
def test_what_does_not_go_together_is_refused(
    files: tuple[Path, Path, Path], arguments: list[str], what: str
) -> None:
    done = run(files[0], *arguments)
    assert done.exit_code == ExitCode.FOUND
    assert what in done.output


# --- what people see -----------------------------------------------------------------------------


class Seen(HTMLParser):
    """Tags that are open, and what would be loaded from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.counts: dict[str, int] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        assert not {"src", "href", "onload"} & {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_page_is_whole_and_loads_nothing(files: tuple[Path, Path, Path], lang: str) -> None:
    config, recording, labels = files
    out = config.parent / "page.html"
    done = run(config, "--recording", recording, "--labels", labels, "--html", out, "--lang", lang)
    assert done.exit_code == 0, done.output
    text = out.read_text(encoding="utf-8")
    seen = Seen()
    seen.feed(text)
    assert seen.open == []
    assert seen.counts["svg"] == 3
    assert "script" not in seen.counts
    assert "http" not in text
    assert "url(" not in text
    # Five labels and six alarms on the timeline; two delays and one rate with alarms have dots.
    assert seen.counts["rect"] == 11
    assert seen.counts["circle"] == 2 + 2
    told = {"en": "incidents", "zh": "事件"}[lang]
    assert told in done.stdout
    assert told in text


def test_names_are_text_on_the_page(files: tuple[Path, Path, Path]) -> None:
    config, recording, labels = files
    labels.write_text(LABELS.replace("1,leak", "1,<script>alert(1)</script>"), encoding="utf-8")
    out = config.parent / "page.html"
    assert run(config, "--recording", recording, "--labels", labels, "--html", out).exit_code == 0
    assert "<script" not in out.read_text(encoding="utf-8")
