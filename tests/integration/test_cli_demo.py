"""The demo and the simulators as processes: real MQTT, an even reckoning, exit codes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lifeline.engine.cli.exits import ExitCode
from lifeline.engine.mqtt import EmbeddedBroker
from lifeline.simulators.ledger import Ledger
from servers.ports import free_port

LONGEST_S = 600.0  # the first run on a machine compiles the kernels
LIFELINE = (sys.executable, "-P", "-m", "lifeline.engine.cli")


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LIFELINE, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_S,
    )


def test_the_demo_comes_out_even_as_one_document(tmp_path: Path) -> None:
    keep = tmp_path / "kept"
    done = run("demo", "--seconds", "20", "--keep", keep, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)  # one document, nothing else
    samples = found["samples"]
    assert samples["sent"] == samples["acked"] == samples["logged"] > 500
    assert samples["lost"] == samples["foreign"] == samples["altered"] == samples["refused"] == 0
    assert samples["duplicate"] > 0
    assert found["records"]["undelivered"] == 0
    assert found["digest"]["equal"]
    incidents = [i for site in found["sites"] for i in site["incidents"]]
    detected = [i for i in incidents if i["detected"]]
    assert {site["site"] for site in found["sites"]} == {"city-gas", "pipeline", "tailings"}
    assert len(detected) >= 8
    assert all(i["delay_s"] >= 0 for i in detected)
    # What is kept can be asked again by anybody.
    again = run("digest", keep / "lifeline-data", "--json")
    assert json.loads(again.stdout)["digest"] == found["digest"]["digest"]


def test_the_demo_reads_well_without_a_terminal() -> None:
    done = run("demo", "--seconds", "10", "--lang", "zh")
    assert done.returncode == 0, done.stderr
    assert "lost       0" in done.stdout
    assert "报警" in done.stdout
    assert [c for c in done.stdout + done.stderr if ord(c) < 32 and c != "\n"] == []


def test_a_demo_that_is_interrupted_stops_in_order_and_reckons_up(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    with out.open("w") as file:
        # What runs behind a shell's & has been told to ignore an interrupt, and its children too.
        command = ["env", "--default-signal=INT", *LIFELINE, "demo", "--seconds", "600", "--json"]
        demo = subprocess.Popen(command, stdout=file, stderr=subprocess.PIPE, text=True)
    assert demo.stderr is not None
    try:
        while "sites publish" not in demo.stderr.readline():
            assert demo.poll() is None
        time.sleep(5)  # the first samples; the reckoning holds for any number of them
        demo.send_signal(signal.SIGINT)
        assert demo.wait(LONGEST_S) == 0
    finally:
        demo.kill()
        demo.wait()
        demo.stderr.close()
    found = json.loads(out.read_text())
    assert found["holds"]
    assert found["samples"]["acked"] > 0


def test_a_directory_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    done = run("demo", "--keep", tmp_path)
    assert done.returncode == ExitCode.FOUND
    assert "not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_simulated_site_keeps_its_own_ledger(tmp_path: Path) -> None:
    ledger = tmp_path / "sent" / "gas.ledger"
    with EmbeddedBroker() as broker:
        broker_at = f"{broker.host}:{broker.port}"
        arguments = ("simulate", "city-gas", "--broker", broker_at, "--ledger", ledger)
        done = run(*arguments, "--seconds", "30", "--speed", "0", "--json")
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        written = Ledger.read(ledger)
        assert written.acked.all()
        assert said["samples"] == said["acked_samples"] == len(written) > 100
        assert run(*arguments).returncode == ExitCode.FOUND  # a ledger is never written over


def test_a_simulated_site_brings_the_configuration_that_reads_it(tmp_path: Path) -> None:
    with EmbeddedBroker() as broker:
        broker_at = f"{broker.host}:{broker.port}"
        options = ("--broker", broker_at, "--seconds", "5", "--speed", "0", "--config", tmp_path)
        assert run("simulate", "tailings", *options).returncode == 0
    assert run("check", tmp_path / "lifeline.yaml", "--strict").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("moon",), ExitCode.FOUND, "unknown simulated site"),
        (("city-gas", "--broker", "nowhere:port"), ExitCode.FOUND, "host:port"),
        (("city-gas", "--speed", "-1"), ExitCode.USAGE, "--speed"),
        (("city-gas", "--seconds", "0"), ExitCode.FOUND, "positive"),
        (("city-gas", "--password-env", "NOT_SET"), ExitCode.FOUND, "NOT_SET"),
    ],
)
def test_a_simulation_that_cannot_be_is_refused(
    arguments: tuple[str, ...], code: ExitCode, told: str
) -> None:
    done = run("simulate", *arguments)
    assert done.returncode == code
    assert told in done.stderr


def test_a_broker_that_stays_away_is_an_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without waiting a minute for it: the patience is a named limit."""
    code = (
        "import sys; from lifeline.simulators import publish\n"
        "publish.PUBLISH_PATIENCE_NS = publish.PUBLISH_DRAIN_NS = 1_000_000_000\n"
        "from lifeline.engine.cli import main\n"
        f"sys.argv = ['lifeline', 'simulate', 'city-gas', '--broker', '127.0.0.1:{free_port()}',"
        " '--seconds', '5', '--speed', '0']\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_S,
    )
    assert done.returncode == ExitCode.UNREACHABLE, done.stderr
