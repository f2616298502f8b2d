"""`lifeline cluster` teaches, and says what is wrong; with a real Kafka: tests/integration."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lifeline.engine.cli.app import app
from lifeline.engine.cli.cluster import findings
from lifeline.engine.cli.exits import ExitCode
from lifeline.engine.cluster.status import ClusterStatus, Lag, PartitionStatus
from plant_files import HEAD, PlantFiles
from servers.ports import free_port

COMMANDS = ("init", "apply", "status", "lag")


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_teaches_by_example(command: str) -> None:
    done = CliRunner().invoke(app, ["cluster", command, "--help"])
    assert done.exit_code == 0, done.output
    examples = [
        x for x in done.stdout.splitlines() if x.startswith(f"  lifeline cluster {command}")
    ]
    assert examples != []
    options = {word for line in examples for word in line.split() if word.startswith("--")}
    assert {o for o in options if f"{o} " not in done.output.partition("Options:")[2]} == set()
    assert "Exit code" in done.output


def test_the_group_names_its_commands() -> None:
    done = CliRunner().invoke(app, ["cluster", "--help"])
    words = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")}
    assert set(COMMANDS) <= words


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_without_the_section_is_told_what_to_write(tmp_path: Path, command: str) -> None:
    path = PlantFiles().write(tmp_path)
    done = CliRunner().invoke(app, ["cluster", command, str(path)])
    assert done.exit_code == ExitCode.FOUND
    assert "the file has no section 'cluster'" in done.output
    assert "servers: [kafka-1:9092]" in done.output


@pytest.mark.parametrize("command", COMMANDS)
def test_brokers_that_are_not_there_end_with_their_own_code(tmp_path: Path, command: str) -> None:
    server = f"127.0.0.1:{free_port()}"
    path = PlantFiles(head=f"{HEAD}cluster: {{servers: '{server}'}}\n").write(tmp_path)
    done = CliRunner().invoke(app, ["cluster", command, str(path)])
    assert done.exit_code == ExitCode.UNREACHABLE
    assert f"Kafka at {server} cannot be reached" in done.output


def test_a_mistake_in_the_section_is_told_with_its_line(tmp_path: Path) -> None:
    path = PlantFiles(head=f"{HEAD}cluster: {{servers: kafka}}\n").write(tmp_path)
    done = CliRunner().invoke(app, ["cluster", "status", str(path)])
    assert done.exit_code == ExitCode.FOUND
    assert "lifeline.yaml:5: servers: not the address of a Kafka broker" in done.output


PARTITION = PartitionStatus(3, 1, 3, 3, 10, 100, 0, 50, 2, 48, 1)
WELL = ClusterStatus(3, (), "ab", (PARTITION,), (Lag("w", "log", 3, 48, 0, 50),))


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (WELL, []),
        (replace(WELL, missing=("x.log",)), ["topics are missing: x.log; lifeline cluster init"]),
        (replace(WELL, city=""), ["no configuration is in force; lifeline cluster apply"]),
        (
            replace(WELL, partitions=(replace(PARTITION, leader=-1),)),
            ["partition 3 has no leader: its sites stand still"],
        ),
        (
            replace(WELL, partitions=(replace(PARTITION, in_sync=2),)),
            ["partition 3 has 2 of 3 copies up to date"],
        ),
        (
            replace(WELL, lags=(Lag("w", "log", 3, 40, 45, 50),)),
            ["w lost 5 records of log/3 to retention"],
        ),
    ],
)
def test_what_is_wrong_is_told_with_what_to_do(found: ClusterStatus, text: list[str]) -> None:
    assert findings(found) == text


def test_json_goes_to_stdout_alone(tmp_path: Path) -> None:
    server = f"127.0.0.1:{free_port()}"
    path = PlantFiles(head=f"{HEAD}cluster: {{servers: '{server}'}}\n").write(tmp_path)
    done = CliRunner().invoke(app, ["cluster", "status", str(path), "--json"])
    assert done.exit_code == ExitCode.UNREACHABLE
    assert done.stdout == ""
    assert json.dumps("cannot be reached")[1:-1] in done.stderr
