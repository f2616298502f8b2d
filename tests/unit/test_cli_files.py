"""check, schema and acl: the commands about files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lifeline.engine.cli.app import app
from lifeline.engine.cli.exits import ExitCode
from plant_files import SENSORS, PlantFiles


def run(*arguments: object, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], env=env)


# --- check -------------------------------------------------------------------------------------------


def test_a_good_plant_has_nothing_to_tell(tmp_path: Path) -> None:
    done = run("check", PlantFiles().write(tmp_path))
    assert done.exit_code == 0
    assert "0 errors, 0 warnings" in done.output


def test_every_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    files = PlantFiles()
    files.rules += "    hihg: {red: 1 %LEL}\n"
    assert isinstance(files.tags, str)
    files.tags = files.tags.replace("pipe.gas.pressure,MPa", "pipe.gas.presure,MPa")
    done = run("check", files.write(tmp_path))
    assert done.exit_code == ExitCode.FOUND
    assert "lifeline.yaml:" in done.output
    assert "sensors.csv:3" in done.output
    assert "did you mean pipe.gas.pressure" in done.output
    assert "did you mean high?" in done.output
    assert "2 errors" in done.output


def test_the_mistakes_are_there_for_programs_too(tmp_path: Path) -> None:
    files = PlantFiles(rules=PlantFiles().rules.replace("limit", "limmit"))
    done = run("check", files.write(tmp_path), "--json")
    assert done.exit_code == ExitCode.FOUND
    found = json.loads(done.stdout)
    assert not found["ok"]
    assert found["problems"][0]["severity"] == "error"
    assert found["problems"][0]["where"].startswith("lifeline.yaml:")
    assert found["problems"][0]["nearest"] == ["limit"]


def test_warnings_count_when_asked(tmp_path: Path) -> None:
    files = PlantFiles()
    files.head = files.head.replace("127.0.0.1}", "127.0.0.1, client_id: one-for-all}")
    path = files.write(tmp_path)
    assert run("check", path).exit_code == 0
    assert run("check", path, "--strict").exit_code == ExitCode.FOUND


def test_a_file_that_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    done = run("check", tmp_path / "none.yaml")
    assert done.exit_code == ExitCode.FOUND
    assert "cannot be read" in done.output


def test_the_plant_may_be_named_by_the_environment(tmp_path: Path) -> None:
    path = PlantFiles(sensors=SENSORS.replace("sensors.csv", "gone.csv")).write(tmp_path)
    done = run("check", env={"LIFELINE_CONFIG": str(path)})
    assert done.exit_code == ExitCode.FOUND
    assert "gone.csv" in done.output


# --- schema ------------------------------------------------------------------------------------------


def test_schemas_are_listed_and_printed() -> None:
    names = run("schema").output.split()
    assert {"lifeline.yaml", "sensors.csv", "rule.limit", "rule.trend", "command"} <= set(names)
    for name in names:
        assert isinstance(json.loads(run("schema", name).output), dict)


def test_a_misspelt_schema_is_told_with_the_nearest() -> None:
    done = run("schema", "rule.trnd")
    assert done.exit_code == ExitCode.FOUND
    assert "did you mean rule.trend" in done.output


def test_all_schemas_go_into_a_directory(tmp_path: Path) -> None:
    assert run("schema", "--all", tmp_path / "new").exit_code == 0
    found = {path.name for path in (tmp_path / "new").iterdir()}
    assert found == {f"{name}.schema.json" for name in run("schema").output.split()}


# --- acl ---------------------------------------------------------------------------------------------


def test_the_brokers_files_are_written_and_passwords_shown_once(tmp_path: Path) -> None:
    path = PlantFiles().write(tmp_path)
    out = tmp_path / "broker"
    options = ("--out", out, "--regulator", "city=hefei", "--operator", "zhang=east")
    first = run("acl", path, *options, "--json")
    assert first.exit_code == 0
    made = json.loads(first.stdout)["passwords"]
    assert set(made) == {"lifeline", "gas", "city", "zhang"}
    again = run("acl", path, *options, "--json")
    assert json.loads(again.stdout)["passwords"] == {}
    rules = (out / "acl").read_text()
    assert "topic write gas/+/+" in rules  # the source's topics, for the gateways' login
    assert "topic read lifeline/v1/alert/hefei/+/+/+/+/+" in rules
    assert "topic write lifeline/v1/command/east/zhang" in rules
    assert not any(word in (out / "passwords").read_text() for word in made.values())


def test_a_renewed_login_gets_another_password(tmp_path: Path) -> None:
    path = PlantFiles().write(tmp_path)
    out = tmp_path / "broker"
    before = json.loads(run("acl", path, "--out", out, "--json").output)["passwords"]["gas"]
    done = run("acl", path, "--out", out, "--renew", "gas", "--json")
    made = json.loads(done.stdout)["passwords"]
    assert set(made) == {"gas"}
    assert made["gas"] != before


@pytest.mark.parametrize(
    ("option", "pair", "told"),
    [
        ("--operator", "zhang=eats", "did you mean east?"),
        ("--regulator", "city=hefie", "did you mean hefei?"),
        ("--regulator", "city", "user=what"),
        ("--publisher", "g=+/x", "may not write there"),
    ],
)
def test_a_grant_that_would_grant_nothing_is_refused(
    tmp_path: Path, option: str, pair: str, told: str
) -> None:
    path = PlantFiles().write(tmp_path)
    done = run("acl", path, "--out", tmp_path / "broker", option, pair)
    assert done.exit_code == ExitCode.FOUND
    assert told in done.output
    assert not (tmp_path / "broker" / "passwords").exists()


def test_the_engines_own_password_is_the_configured_one(tmp_path: Path) -> None:
    from lifeline.engine.outputs.passwords import read_password_file, verifies

    (tmp_path / "word").write_text("open sesame\n")
    files = PlantFiles()
    files.head = files.head.replace(
        "{host: 127.0.0.1}", f"{{username: engine, password_file: {tmp_path / 'word'}}}"
    )
    out = tmp_path / "broker"
    done = run("acl", files.write(tmp_path), "--out", out, "--json")
    assert "engine" not in json.loads(done.stdout)["passwords"]
    hashes = read_password_file((out / "passwords").read_text())
    assert verifies("open sesame", hashes["engine"])
