"""What the doctor says of agents and sinks, and the arguments of `lifeline sink`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lifeline.engine.cli.app import app
from lifeline.engine.cli.node_findings import processes
from lifeline.engine.cli.nodes import parse_partitions
from lifeline.engine.clock import SystemClock
from lifeline.engine.cluster.node_status import NodeStatus, Role, role_directory, write_node_status
from lifeline.engine.errors import SpecError
from lifeline.engine.limits import MINUTE_NS, SECOND_NS
from lifeline.engine.log import LogStore
from plant_files import PlantFiles

NOW = SystemClock().wall()


def status(role: Role, **changes: Any) -> NodeStatus:
    """A process that is well."""
    fields: dict[str, Any] = {
        "role": role,
        "node": "plant-1",
        "pid": os.getpid(),
        "state": "running",
        "failure": "",
        "time": NOW,
        "started": NOW - MINUTE_NS,
        "interval": 60 * MINUTE_NS,
        "configuration": {"version": "0123456789abcdef", "partitions": 3},
        "log": {"used": 250, "limit": 1_000},
        "link": {"link": "up", "why": "", "since": NOW - MINUTE_NS, "behind": 0},
        "agent": {},
        "outputs": {},
        "troubles": [],
        "trouble_counts": {},
        "dead_letters": {},
        "unknown": {},
        **changes,
    }
    return NodeStatus(**fields)


def said(storage: Path, told: NodeStatus) -> list[tuple[str, str, str]]:
    """What the doctor finds while this process runs in the role's directory, the log left out."""
    directory = role_directory(storage, told.role)
    store = LogStore.open(directory, core=False)
    try:
        write_node_status(directory, told)
        return [(f.state, f.what, f.found) for f in processes(storage) if f.what != "log"]
    finally:
        store.close()


def test_what_has_never_run_here_is_no_mistake(tmp_path: Path) -> None:
    assert [f.state for f in processes(tmp_path)] == ["ok"]


def test_an_agent_that_is_well(tmp_path: Path) -> None:
    assert said(tmp_path, status("agent")) == [
        ("ok", "agent", f"process {os.getpid()} running, configuration 01234567"),
        ("ok", "agent, link", "up, 0 behind"),
    ]


def test_a_link_that_is_away_is_told_with_the_room_that_is_left(tmp_path: Path) -> None:
    link = {"link": "away", "why": "refused", "since": NOW - 90 * SECOND_NS, "behind": 7}
    ((_, _, _), (state, what, found)) = said(tmp_path, status("agent", link=link))
    assert (state, what) == ("unreachable", "agent, link")
    assert "7 behind; the local log has used 25 % of its room: refused" in found


def test_an_agent_without_a_configuration_waits(tmp_path: Path) -> None:
    found = said(tmp_path, status("agent", state="waiting", configuration={}))
    assert found[0][0] == "wrong"
    assert "waits for its first configuration" in found[0][2]


def test_a_site_on_hold_is_named(tmp_path: Path) -> None:
    hold = {"site": "tank", "kind": "gap", "seq": 9, "text": "records 7 to 8 are missing"}
    link = {"link": "up", "why": "", "since": NOW, "behind": 0, "holds": [hold]}
    found = said(tmp_path, status("sink-mqtt", link=link))
    assert found[-1] == ("wrong", "site tank", "records 7 to 8 are missing")


def test_a_silent_process_and_one_that_is_gone(tmp_path: Path) -> None:
    found = said(tmp_path, status("sink-influx", interval=1, time=NOW - MINUTE_NS))
    assert found[0][:2] == ("wrong", "sink-influx")
    assert "is silent since" in found[0][2]
    (gone,) = (f for f in processes(tmp_path) if f.what == "sink-influx")
    assert (gone.state, gone.todo) == ("warning", "lifeline sink influx")


@pytest.mark.parametrize(
    ("text", "wanted"), [("", None), ("3", (3,)), ("0-2,5", (0, 1, 2, 5)), ("4,4-5", (4, 5))]
)
def test_partitions_as_they_are_written(text: str, wanted: tuple[int, ...] | None) -> None:
    assert parse_partitions(text) == wanted


@pytest.mark.parametrize("text", ["a", "1-", "-1", "3-2", "1,,2", "1 2"])
def test_what_is_no_partitions(text: str) -> None:
    with pytest.raises(SpecError, match="no partitions"):
        parse_partitions(text)


@pytest.mark.parametrize("command", [("agent",), ("sink", "mqtt"), ("sink", "influx")])
def test_each_command_teaches_by_example(command: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*command, "--help"])
    assert done.exit_code == 0, done.output
    assert f"  lifeline {' '.join(command)}" in done.output


def test_a_plant_without_a_cluster_has_neither(tmp_path: Path) -> None:
    file = PlantFiles().write(tmp_path)
    for command in (["agent"], ["sink", "mqtt"]):
        done = CliRunner().invoke(app, [*command, str(file)])
        assert done.exit_code == 1
        assert "belongs to no cluster" in done.output
