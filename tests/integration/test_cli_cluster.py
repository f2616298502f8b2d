"""`lifeline cluster` from the first `init` to `lag`, by the files of a plant, on a real Kafka."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from lifeline.engine.cli import reach
from lifeline.engine.cli.app import app
from lifeline.engine.cli.findings import Finding
from lifeline.engine.config import load_cluster
from plant_files import HEAD, PlantFiles
from servers.kafka import Kafka


class Plant:
    """A plant of a cluster, and the command line at it."""

    def __init__(self, directory: Path, broker: Kafka, prefix: str) -> None:
        section = (
            f"cluster: {{servers: '{broker.bootstrap}', prefix: {prefix}, partitions: 4, "
            "area_partitions: 1, replication: 1}\n"
        )
        self.files = PlantFiles(head=HEAD + section)
        self.prefix = prefix
        self.directory = directory

    def run(self, command: str, *options: str, code: int = 0) -> str:
        path = self.files.write(self.directory)
        done = CliRunner().invoke(app, ["cluster", command, str(path), *options])
        assert done.exit_code == code, done.output
        return done.stdout

    def read(self, command: str, *options: str, code: int = 0) -> Any:
        return json.loads(self.run(command, *options, "--json", code=code))


@pytest.fixture
def plant(tmp_path: Path, kafka: Kafka, kafka_prefix: str) -> Plant:
    return Plant(tmp_path, kafka, kafka_prefix)


def test_from_nothing_to_a_configuration_in_force(plant: Plant) -> None:
    before = plant.run("status", code=1)
    assert "topics are missing" in before
    assert {topic["state"] for topic in plant.read("init")["topics"]} == {"made"}
    assert {topic["state"] for topic in plant.read("init")["topics"]} == {"as it must be"}
    assert "no configuration is in force; lifeline cluster apply" in plant.run("status", code=1)
    done = plant.read("apply")
    assert (done["changed"], done["named"], done["topics_made"]) == (True, [0, 1, 2, 3], [])
    assert (done["sites"], done["sensors"]) == (2, 3)
    found = plant.read("status")
    assert (found["ok"], found["brokers"]) == (True, 1)
    assert found["configuration"] == done["configuration"]
    assert sum(p["sensors"] for p in found["partitions"]) == 3
    assert all(p["end"] == 1 and p["leader"] == 1 for p in found["partitions"])
    text = plant.run("status")
    assert f"configuration {done['configuration']} in force" in text
    assert len(text.splitlines()) == 2 + 4
    assert plant.run("lag") == "no group has committed anything yet\n"


def test_apply_alone_makes_the_topics_and_says_what_it_wrote(plant: Plant) -> None:
    first = plant.run("apply")
    assert "3 sensors; in force now (" in first
    assert "told 4 of 4 partitions" in first
    assert "in force already" in plant.run("apply")
    assert "told 4 of 4 partitions" in plant.run("apply", "--again")
    plant.files.rules = plant.files.rules.replace("25 %LEL", "20 %LEL")
    done = plant.read("apply")
    assert done["changed"]
    assert done["whole"] + done["deltas"] == 1 + 4
    plant.files.tags = str(plant.files.tags).replace("GD-1,east,gas", "GD-9,east,gas")
    assert len(plant.read("apply")["named"]) == 1


def test_the_doctor_looks_at_the_cluster_too(plant: Plant) -> None:
    def seen() -> list[Finding]:
        spec = load_cluster(plant.files.write(plant.directory))
        assert spec is not None
        return list(reach.kafka(spec))

    (missing,) = seen()
    assert (missing.state, missing.todo) == ("wrong", "lifeline cluster apply")
    assert f"{plant.prefix}.log" in missing.found
    plant.run("apply")
    (well,) = seen()
    assert (well.state, well.found) == ("ok", f"9 topics of {plant.prefix} as they must be")
    plant.files.head = plant.files.head.replace("partitions: 4", "partitions: 6")
    assert [(f.state, f.found) for f in seen()] == [("wrong", "partitions is 4, not 6")] * 3
    plant.files.head = plant.files.head.replace("servers: '127.0.0.1:", "servers: '127.0.0.2:")
    assert [f.state for f in seen()] == ["unreachable"]


def test_topics_that_differ_end_with_1_and_nothing_is_applied(plant: Plant) -> None:
    plant.run("init")
    plant.files.head = plant.files.head.replace("partitions: 4", "partitions: 6")
    found = plant.read("init", code=1)
    differing = {t["name"] for t in found["topics"] if t["state"] == "differs"}
    assert differing == {f"{plant.prefix}.{name}" for name in ("log", "alerts", "checkpoints")}
    assert "partitions: found 4, wanted 6" in plant.run("init", code=1)
    plant.run("apply", code=1)
    plant.files.head = plant.files.head.replace("partitions: 6", "partitions: 4")
    assert plant.read("apply")["changed"]
