"""`lifeline simulate` into files and into a core; publishing is in the tests of integration."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lifeline.engine.cli.app import app
from lifeline.engine.cli.exits import ExitCode

SCENARIO = """\
duration: 3 min
seed: 4
sites: [{site: city-gas, options: {manholes: 3}}]
happenings:
  - {what: leak, where: m02, at: 20 s, for: 2 min, size: 6}
faults:
  - {what: dropout, where: m01, at: 10 s, for: 1 min, size: 0.3}
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["simulate", *(str(a) for a in arguments)])


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    path = tmp_path / "leak.yaml"
    path.write_text(SCENARIO)
    return path


def test_a_scenario_into_a_core(scenario: Path) -> None:
    done = run(scenario, "--to", "core", "--json", "--progress")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [i["kind"] for i in told["incidents"]] == ["leak"]
    assert 0.0 < told["incidents"][0]["delay_s"] < 120.0
    assert told["alarms"]["red"] >= 1
    assert "100 %" in done.stderr
    again = json.loads(run(scenario, "--to", "core", "--json").stdout)
    assert (again["digest"], again["samples"]) == (told["digest"], told["samples"])
    other = json.loads(run(scenario, "--to", "core", "--json", "--seed", 5).stdout)
    assert other["digest"] != told["digest"]


def test_a_scenario_into_files_that_replay_reads(scenario: Path, tmp_path: Path) -> None:
    out = tmp_path / "rec"
    done = run(scenario, "--to", "file", "--out", out, "--form", "csv")
    assert done.exit_code == 0, done.output
    names = {path.name for path in out.iterdir()}
    assert names == {"lifeline.yaml", "sensors.csv", "labels.json", "labels.csv", "samples.csv"}
    command = next(line for line in done.stdout.splitlines() if line.startswith("lifeline replay"))
    replayed = CliRunner().invoke(app, [*command.split()[1:], "--json"])
    assert replayed.exit_code == 0, replayed.output
    summary = json.loads(replayed.stdout.splitlines()[-1])["summary"]
    assert summary["alarms"]["red"] >= 1
    assert summary["passed_by"] == {}
    refused = run(scenario, "--to", "file", "--out", out)
    assert refused.exit_code == ExitCode.FOUND
    assert "not empty" in refused.output


def test_a_recording_of_a_core_s_own_rules_is_judged_by_others(
    scenario: Path, tmp_path: Path
) -> None:
    assert run(scenario, "--to", "file", "--out", tmp_path / "rec").exit_code == 0
    config = tmp_path / "rec" / "lifeline.yaml"
    config.write_text(
        config.read_text().replace("25 %LEL", "99 %LEL").replace("50 %LEL", "100 %LEL")
    )
    told = json.loads(run(scenario, "--to", "core", "--json", "--by", config).stdout)
    usual = json.loads(run(scenario, "--to", "core", "--json").stdout)
    assert told["samples"] == usual["samples"]
    assert sum(told["transitions"].values()) < sum(usual["transitions"].values())


def test_mistakes_end_with_what_to_do(tmp_path: Path) -> None:
    assert "did you mean" not in run("city-gaz").output
    assert "unknown simulated site" in run("city-gaz", "--to", "core").output
    assert "expected --out DIR" in run("city-gas", "--to", "file").output
    assert "cannot be read" in run(tmp_path / "gone.yaml", "--to", "core").output
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(SCENARIO.replace("m02", "m12"))
    assert "wrong.yaml:5: unknown place for leak" in run(wrong, "--to", "core").output
