"""The command line teaches, loads little, and its exit codes are documented."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lifeline.engine.cli.app import app
from lifeline.engine.cli.exits import TABLE, ExitCode, code_of
from lifeline.engine.errors import (
    EntryError,
    InvariantError,
    LifelineError,
    LogError,
    SinkError,
    SpecError,
)

ROOT = Path(__file__).parents[2]
COMMANDS = (
    *("demo", "simulate", "check", "schema", "acl", "doctor", "run"),
    *("alerts", "performance", "ack", "shelve", "unshelve", "replay", "digest"),
)
HEAVY = ("numba", "llvmlite", "numpy", "pydantic", "pint", "pyarrow", "influxdb_client", "paho")


def output(*arguments: str) -> str:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize(
    "words",
    [
        ("replay",),
        ("replay", "export.csv"),
        ("replay", "export.csv", "--from-store"),
        ("replay", "export.csv", "-c", "lifeline.yaml", "--by-time"),
        ("export",),
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_a_wrong_command_line(words: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == ExitCode.USAGE
    assert "Try 'lifeline" in done.output


def test_kernels_that_are_only_loaded_by_a_busy_machine_are_not_told_as_compiled(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lifeline.engine import warming
    from lifeline.engine.cli import kernels

    worked = iter(range(0, 1_000, 2))  # seconds of processor time at each look

    def warm(step: warming.Progress) -> None:
        for done in range(7):
            step("rules", done, 7)

    monkeypatch.setattr(warming, "warm", warm)
    monkeypatch.setattr(kernels.SystemClock, "monotonic", lambda _: next(hours))
    hours = iter(range(0, 10**15, 3_600 * 10**9))
    monkeypatch.setattr(kernels.time, "thread_time", lambda: 1.0)
    kernels.warm_kernels()
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(kernels.time, "thread_time", lambda: float(next(worked)))
    kernels.warm_kernels()
    assert capsys.readouterr().err.count("compil") == 2


def test_the_root_names_every_command_and_every_exit_code() -> None:
    text = output("--help")
    words = {line.split()[0] for line in text.splitlines() if line.startswith("  ")}
    assert set(COMMANDS) <= words
    assert {str(int(code)) for code in ExitCode} <= words


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_teaches_by_example(command: str) -> None:
    text = output(command, "--help")
    examples = [line for line in text.splitlines() if line.startswith(f"  lifeline {command}")]
    assert examples != []
    # An example that no longer parses teaches a mistake.
    options = {word for line in examples for word in line.split() if word.startswith("--")}
    assert {o for o in options if f"{o} " not in text.partition("Options:")[2] + " "} == set()


@pytest.mark.parametrize("command", [(), *((name,) for name in COMMANDS)])
def test_help_loads_no_heavy_library(command: tuple[str, ...]) -> None:
    """`typer` itself looks for pydantic when it parses the arguments of a command."""
    code = (
        "import sys, json; from lifeline.engine.cli import main\n"
        f"sys.argv = ['lifeline', *{command!r}, '--help']\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = json.loads(done.stdout.splitlines()[-1])
    allowed = ("pydantic",) if command else ()
    assert [name for name in HEAVY if name in loaded and name not in allowed] == []


def test_a_wrong_command_line_is_a_usage_error() -> None:
    for arguments in (["nonsense"], ["check", "--nonsense"], ["shelve", "a~b"]):
        assert CliRunner().invoke(app, arguments).exit_code == ExitCode.USAGE


def test_nothing_asked_is_answered_with_the_help() -> None:
    done = CliRunner().invoke(app, [])
    assert "lifeline demo" in done.output


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SpecError("x"), ExitCode.FOUND),
        (SinkError("x"), ExitCode.UNREACHABLE),
        (LogError("x"), ExitCode.STORAGE),
        (EntryError("x"), ExitCode.STORAGE),
        (InvariantError("x"), ExitCode.INTERNAL),
        (LifelineError("x"), ExitCode.UNREACHABLE),
    ],
)
def test_each_error_has_its_exit_code(error: LifelineError, code: ExitCode) -> None:
    assert code_of(error) == code


def test_the_documented_exit_codes_are_these() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    rows = [line.split("|")[1:3] for line in page.splitlines() if line.startswith("| ")]
    documented = {(cells[0].strip(), cells[1].strip()) for cells in rows}
    assert {(str(int(code)), text) for code, text in TABLE} <= documented


def test_the_page_of_commands_names_every_command() -> None:
    page = (ROOT / "docs" / "commands.md").read_text()
    assert [name for name in COMMANDS if f"`lifeline {name}" not in page] == []
