"""Rule tests: what series say, what must come, how a difference reads, how the command ends."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lifeline.engine.cli.app import app
from lifeline.engine.config import load
from lifeline.engine.config.measures import measured
from lifeline.engine.errors import SpecError
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.quality import Quality
from lifeline.engine.quantities import quantity
from lifeline.engine.ruletest import read_tests, run
from lifeline.engine.ruletest.models import Case
from lifeline.engine.ruletest.series import samples

HEAD = """\
sensors:
  T1: {quantity: tank.level, reports: periodic 10s, max_rate: "1e9"}
rules:
  - {id: high, kind: limit, select: {quantity: tank.level}, high: {orange: 85 %, red: 90 %}, deadband: 1 %}
"""
GOOD = """\
cases:
  - name: raised, acknowledged, cleared
    about: high~T1
    series: {T1: ["80 % for 1min", "85 % for 1min", "83 % for 1min"]}
    commands: [{at: 65s, acknowledge: high~T1, by: li}]
    expect:
      - {at: 1min, is: raised, level: orange, value: 85 %}
      - 65s acknowledged orange
      - 2min cleared normal
"""


def written(directory: Path, text: str, name: str = "t.yaml") -> Path:
    path = directory / name
    path.write_text(text, "utf-8")
    return path


def outcomes(directory: Path, cases: str, head: str = HEAD) -> list[str]:
    (file,) = read_tests([written(directory, head + cases)])
    return [outcome.text() for outcome in run(file)]


def said(*parts: object) -> list[tuple[float, float, int]]:
    case = Case.model_validate({"name": "x", "series": {"T1": list(parts)}})
    measure = measured(quantity("tank.level"), "", None)
    return [
        (time / SECOND_NS, value, quality)
        for time, value, quality in samples(case.series["T1"], measure, 10 * SECOND_NS)
    ]


def test_a_case_that_is_as_expected(tmp_path: Path) -> None:
    assert outcomes(tmp_path, GOOD) == ["ok    t.yaml:6  raised, acknowledged, cleared"]


def test_a_difference_says_what_did_not_come_and_what_came_instead(tmp_path: Path) -> None:
    (text,) = outcomes(tmp_path, GOOD.replace("at: 1min, is", "at: 50s, is"))
    assert text.splitlines() == [
        "FAIL  t.yaml:6  raised, acknowledged, cleared",
        "  -        50s  raised  orange  high~T1  at 85 %   (came 10s later)",
        "  +       1min  raised  orange  high~T1  at 85 %  (limit 85 %)",
        "        1min5s  acknowledged  orange  high~T1",
        "          2min  cleared  normal  high~T1  at 83 %  (limit 85 %)",
    ]


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("level: orange, value", "level: red, value", "(came as orange)"),
        ("value: 85 %", "value: 86 %", "(came with another value or mark)"),
        ("acknowledge: high~T1", "acknowledge: low~T1", "refused: low~T1"),
        ("2min cleared normal", "2min returned normal", "+       2min  cleared"),
        ("80 % for 1min", "85 % for 1min", "+         0s  raised"),
    ],
)
def test_what_is_not_as_expected_is_seen(tmp_path: Path, old: str, new: str, hint: str) -> None:
    assert old in GOOD
    (text,) = outcomes(tmp_path, GOOD.replace(old, new))
    assert text.startswith("FAIL")
    assert hint in text


def test_an_unexpected_record_fails_unless_others_are_ignored(tmp_path: Path) -> None:
    case = "cases: [{name: n, series: {T1: 95 for 1min}%s}]\n"
    assert outcomes(tmp_path, case % "")[0].startswith("FAIL")
    assert outcomes(tmp_path, case % ", others: ignore")[0].startswith("ok")
    assert outcomes(tmp_path, case % ", only: other*")[0].startswith("ok")
    silent = ", others: ignore, silent: [{from: 0s, to: 10s}]"
    assert "where there must be silence" in outcomes(tmp_path, case % silent)[0]
    assert outcomes(tmp_path, case % silent.replace("0s, to", "1s, to"))[0].startswith("ok")


def test_a_tolerance_of_time_and_of_value(tmp_path: Path) -> None:
    loose = GOOD.replace("at: 1min, is", "at: 50s, within: 10s, is")
    assert outcomes(tmp_path, loose)[0].startswith("ok")
    loose = GOOD.replace("value: 85 %", "value: 86 %, tolerance: 1 %")
    assert outcomes(tmp_path, loose)[0].startswith("ok")


def test_deadlines_come_by_ticks_and_gaps_make_alarms_unknown(tmp_path: Path) -> None:
    head = HEAD.replace("deadband: 1 %}", "deadband: 1 %, on_delay: 25s}")
    cases = """\
cases:
  - name: on_delay runs to its end while nothing is said
    series: {T1: ["86 % for 10s", "gap for 2min", "86 % for 10s"]}
    expect:
      - 25s raised orange high~T1
      - {at: 30s, is: unknown, alarm: high~T1}
      - {at: 2min10s, is: known, alarm: high~T1}
"""
    assert outcomes(tmp_path, cases, head)[0].startswith("ok"), outcomes(tmp_path, cases, head)


def test_bad_quality_raises_nothing_and_shelving_ends(tmp_path: Path) -> None:
    cases = """\
cases:
  - name: bad
    series: {T1: ["80 % for 20s", {constant: 95 %, for: 20s, quality: maintenance}, "80 % for 20s"]}
  - name: shelved
    about: high~T1
    series: {T1: "86 % for 3min"}
    commands: [{at: 15s, shelve: high~T1, for: 1min}]
    expect: [0s raised orange, 15s shelved orange, 75s unshelved orange]
"""
    assert [text[:4] for text in outcomes(tmp_path, cases)] == ["ok  ", "ok  "]


def test_rules_and_sensors_of_a_plant(tmp_path: Path) -> None:
    plant = Path(__file__).parents[2] / "examples" / "plant" / "lifeline.yaml"
    configuration = load(plant).configuration
    sensor = next(s for s in configuration.sensors if s.quantity == "gas.combustible")
    site = configuration.sites[sensor.site].id
    cases = f"config: {plant}\ncases:\n  - name: calm\n    series: {{{site}/{sensor.id}: 1 %LEL for 1min}}\n"
    assert outcomes(tmp_path, cases, "")[0].startswith("ok")


def test_the_parts_of_a_series() -> None:
    assert said("5 for 20s") == [(0, 5, 0), (10, 5, 0)]
    assert [v for _, v, _ in said("0 to 3 for 40s")] == [0, 1, 2, 3]
    assert said({"step": ["1 %", "2 %"], "for": "10s"}, "gap for 1min", "3 for 10s") == [
        (0, 1, 0),
        (10, 2, 0),
        (80, 3, 0),
    ]
    assert said({"values": ["1", "2"], "every": "30s", "quality": "fault"}) == [
        (0, 1, Quality.FAULT),
        (30, 2, Quality.FAULT),
    ]
    wave = [v for _, v, _ in said({"wave": "5", "amplitude": "2", "period": "40s", "for": "40s"})]
    assert wave == [5, 7, 5, 3]


def test_noise_is_the_same_everywhere_and_has_its_sigma() -> None:
    noise = {"noise": "50", "sigma": "2", "seed": 3, "for": "10000s"}
    values = [v for _, v, _ in said(noise)]
    assert values == [v for _, v, _ in said(noise)]
    assert values != [v for _, v, _ in said({**noise, "seed": 4})]
    assert values[0] == 48.51509722587787
    mean = sum(values) / len(values)
    assert abs(mean - 50) < 0.2
    assert 1.9 < (sum((v - mean) ** 2 for v in values) / len(values)) ** 0.5 < 2.1


MISTAKES = {
    "unknown sensor": ("{T1: [", "{T2: [", "t.yaml:8: unknown sensor; found 'T2'"),
    "unknown column": ("max_rate", "maxrate", "t.yaml:2: no column of a tag list; found 'maxrate'"),
    "unknown pack": ("rules:\n", "packs: [gas.toxik]\nrules:\n", "unknown pack; found 'gas.toxik'"),
    "no series": ("80 % for 1min", "80 %", "t.yaml:8: T1: not a part of a series; found '80 %'"),
    "no record": ("65s acknowledged", "acknowledged", "t.yaml:12: expect: not an expected record"),
    "unknown transition": ("2min cleared", "2min cleard", "is is not valid; found 'cleard'"),
    "no alarm": ("    about: high~T1\n", "", "t.yaml:10: an expected record names no alarm"),
    "unit": ("80 % for 1min", "80 kPa for 1min", "kPa is a unit of pressure"),
    "two things": ("by: li", "unshelve: high~T1", "a person does one thing"),
    "unknown key": ("about:", "abuot:", "unknown key; found 'abuot'"),
    "nobody": (HEAD.partition("rules")[0], "", "nobody says anything"),
}


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES.values(), ids=MISTAKES.keys())
def test_mistakes_of_a_file_are_told_with_their_line(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = HEAD + GOOD
    assert old in text
    path = written(tmp_path, text.replace(old, new))
    with pytest.raises(SpecError) as caught:
        [list(run(file)) for file in read_tests([path])]
    assert message in caught.value.text()


def test_the_command_ends_with_0_or_1(tmp_path: Path) -> None:
    runner = CliRunner()
    good = written(tmp_path, HEAD + GOOD, "good.yaml")
    bad = written(tmp_path, HEAD + GOOD.replace("65s ack", "66s ack"), "bad.yaml")
    found = runner.invoke(app, ["test", str(good), "-v"])
    assert found.exit_code == 0
    assert found.output.splitlines()[-1] == "1 cases, 0 failed"
    assert "1min  raised  orange  high~T1" in found.output
    found = runner.invoke(app, ["test", str(tmp_path)])
    assert found.exit_code == 1
    assert found.output.splitlines()[-1] == "2 cases, 1 failed"
    found = runner.invoke(app, ["test", str(bad), "--json"])
    assert found.exit_code == 1
    assert json.loads(found.output)["cases"][0]["ok"] is False
    assert runner.invoke(app, ["test"]).exit_code == 1
    assert runner.invoke(app, ["test", str(good), "-k", "nothing"]).exit_code == 1


def test_a_beginning_of_its_own(tmp_path: Path) -> None:
    begun = "begins: 2025-06-01T12:00:00\n" + HEAD + GOOD
    assert outcomes(tmp_path, begun, "")[0].startswith("ok")
    with pytest.raises(SpecError, match="not a time"):
        outcomes(tmp_path, begun.replace("2025-06-01T12", "noon"), "")
