"""`lifeline run` as a process, and every command beside it, through a real Mosquitto."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lifeline.engine.cli.exits import ExitCode
from plant_files import PlantFiles
from servers.mosquitto import Mosquitto, mosquitto_pub
from servers.process import wait_until

READY_S = 300.0  # the first start on a machine compiles the kernels
WITHIN_S = 180.0
LIFELINE = (sys.executable, "-P", "-m", "lifeline.engine.cli")


@dataclass
class Plant:
    """A plant's directory, its broker, and a `lifeline run` over it."""

    config: Path
    broker: Mosquitto
    process: subprocess.Popen[str] | None = field(default=None)

    @property
    def data(self) -> Path:
        return self.config.parent / "lifeline-data"

    def start(self) -> None:
        """Returns when the engine has subscribed."""
        connected = len(self.told())
        with (self.config.parent / "out.txt").open("a") as out, self.errors.open("a") as errors:
            self.process = subprocess.Popen(
                [*LIFELINE, "run", str(self.config), "--lang", "en"], stdout=out, stderr=errors
            )
        wait_until(lambda: len(self.told()) > connected, "lifeline run", within_s=READY_S)
        wait_until(self._subscribed, "the subscription", within_s=WITHIN_S)

    @property
    def errors(self) -> Path:
        return self.config.parent / "err.txt"

    def told(self) -> list[str]:
        """The lines in which `run` said that it runs."""
        lines = self.errors.read_text().splitlines() if self.errors.exists() else []
        return [line for line in lines if line.startswith("lifeline runs")]

    def printed(self) -> str:
        return (self.config.parent / "out.txt").read_text()

    def _subscribed(self) -> bool:
        """Published and judged: a probe that no configuration names is counted."""
        mosquitto_pub(self.broker, "gas/east/probe", '{"ts": 1, "value": 1}')
        time.sleep(0.2)
        found = self.run("doctor", self.config, "--json").stdout
        return "probe" in found

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(180)
        self.process = None
        return code

    def run(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*LIFELINE, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=READY_S,
        )

    def command(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        return self.run(*arguments, "--config", self.config)

    def sample(self, site: str, sensor: str, value: float) -> None:
        payload = json.dumps({"ts": time.time_ns() // 1_000_000, "value": value})
        assert mosquitto_pub(self.broker, f"gas/{site}/{sensor}", payload).returncode == 0

    def standing(self) -> list[dict[str, Any]]:
        done = self.command("alerts", "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def alarm(self, site: str, state: str, level: str) -> bool:
        """Whether the gas alarm of a site stands so."""
        return any(
            (r["site"], r["state_after"], r["level_after"]) == (site, state, level)
            and r["alarm"] == "gas.high~GD-1"
            for r in self.standing()
        )


@pytest.fixture
def plant(tmp_path: Path, mosquitto: Mosquitto) -> Iterator[Plant]:
    files = PlantFiles()
    files.head = files.head.replace("127.0.0.1}", f"127.0.0.1, port: {mosquitto.port}}}")
    folder = tmp_path / "plant"
    folder.mkdir()
    plant = Plant(files.write(folder), mosquitto)
    yield plant
    if plant.process is not None:
        plant.process.kill()
        plant.process.wait()


def test_a_plant_from_start_to_stop_and_on_again(plant: Plant) -> None:
    plant.start()
    plant.sample("east", "GD-1", 30.0)
    wait_until(
        lambda: plant.alarm("east", "unacknowledged", "orange"), "the alarm", within_s=WITHIN_S
    )
    assert "ORANGE 橙色" in plant.printed()

    acked = plant.command("ack", "east/gas.high~GD-1", "--reason", "seen", "--json")
    assert acked.returncode == 0, acked.stderr
    assert json.loads(acked.stdout)["outcome"] == "done"
    assert plant.alarm("east", "acknowledged", "orange")
    again = plant.command("ack", "east/gas.high~GD-1")
    assert again.returncode == ExitCode.FOUND

    shelved = plant.command(
        "shelve", "east/gas.high~GD-1", "--for", "1h", "--reason", "detector is replaced"
    )
    assert shelved.returncode == 0, shelved.stderr
    assert plant.alarm("east", "shelved", "orange")
    assert plant.command("unshelve", "east/gas.high~GD-1").returncode == 0
    assert plant.alarm("east", "unacknowledged", "orange")

    digest = plant.command("digest", "--json")
    assert digest.returncode == 0, digest.stdout + digest.stderr
    assert json.loads(digest.stdout)["holds"]
    assert plant.run("run", plant.config).returncode == ExitCode.STORAGE  # it is in use

    assert plant.stop() == 0
    plant.start()
    assert plant.alarm("east", "unacknowledged", "orange")
    plant.sample("east", "GD-1", 60.0)
    wait_until(lambda: plant.alarm("east", "unacknowledged", "red"), "red", within_s=WITHIN_S)
    assert plant.stop() == 0
    ended = json.loads(plant.command("digest", "--json").stdout)
    assert ended["holds"]
    assert ended["last"] > json.loads(digest.stdout)["last"]


def test_the_files_are_read_again_on_a_signal_and_refused_as_a_whole(plant: Plant) -> None:
    plant.start()
    assert plant.process is not None
    text = plant.config.read_text()

    plant.config.write_text(text.replace("orange: 25", "orange: 26 furlongs #"))
    os.kill(plant.process.pid, signal.SIGHUP)
    wait_until(lambda: "not reloaded" in plant.errors.read_text(), "refusal", within_s=WITHIN_S)

    plant.config.write_text(text.replace("orange: 25", "orange: 15"))
    os.kill(plant.process.pid, signal.SIGHUP)
    wait_until(lambda: "reloaded " in plant.errors.read_text(), "reload", within_s=WITHIN_S)
    plant.sample("east", "GD-1", 20.0)
    wait_until(
        lambda: plant.alarm("east", "unacknowledged", "orange"), "the new limit", within_s=WITHIN_S
    )
    assert plant.stop() == 0


def test_alerts_follow_what_comes(plant: Plant) -> None:
    plant.start()
    out = plant.config.parent / "follow.txt"
    with out.open("w") as file:
        command = [*LIFELINE, "alerts", "--follow", "--json", "--level", "red", "-c", plant.config]
        # What runs behind a shell's & has been told to ignore an interrupt, and its children too.
        follow = subprocess.Popen(["env", "--default-signal=INT", *command], stdout=file)
    try:
        plant.sample("east", "GD-1", 30.0)
        plant.sample("west", "GD-1", 4.0)  # %VOL of methane: 80 %LEL
        wait_until(lambda: out.read_text().count("\n") >= 1, "a red record", within_s=WITHIN_S)
        records = [json.loads(line) for line in out.read_text().splitlines()]
        assert {(r["site"], r["level_after"]) for r in records} == {("west", "red")}
        follow.send_signal(signal.SIGINT)
        assert follow.wait(WITHIN_S) == ExitCode.INTERRUPTED
    finally:
        follow.kill()
        follow.wait()


def test_the_doctor_sees_a_plant_that_is_well_and_one_that_is_not(plant: Plant) -> None:
    plant.start()
    well = plant.run("doctor", plant.config, "--json")
    assert well.returncode == 0, well.stdout
    findings = {f["what"]: f for f in json.loads(well.stdout)["findings"]}
    assert findings["engine"]["state"] == "ok"
    assert "probe" in findings["sensors that no configuration names"]["found"]
    plant.broker.stop()
    ill = plant.run("doctor", plant.config)
    assert ill.returncode == ExitCode.UNREACHABLE
    assert f"broker 127.0.0.1:{plant.broker.port}: Connection refused" in ill.stdout
