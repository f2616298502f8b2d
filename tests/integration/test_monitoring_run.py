"""`lifeline run` as a service manager and Prometheus see it, with a broker that comes and goes."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from lifeline.engine.warming import warm
from plant_files import HEAD, PlantFiles
from servers.fixtures import StartMosquitto
from servers.ports import free_port
from servers.process import wait_until

WITHIN_S = 180.0


def failing(port: int, path: str) -> dict[str, str] | None:
    """The checks that fail, with their reasons; None where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=180) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        with error:
            body = error.read()
    except OSError:
        return None
    return {c["name"]: c["text"] for c in json.loads(body)["checks"] if not c["ok"]}


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """Kernels are there before anything is waited for: a new version takes a minute, or three."""
    warm()


def test_run_is_ready_while_its_broker_is_there_and_feeds_the_watchdog(
    tmp_path: Path, start_mosquitto: StartMosquitto
) -> None:
    broker_port, port = free_port(), free_port()
    head = HEAD.replace("{host: 127.0.0.1}", f"{{host: 127.0.0.1, port: {broker_port}}}")
    config = PlantFiles(head=head).write(tmp_path)
    heard: list[str] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(WITHIN_S)
        listener = threading.Thread(target=hear, args=(manager, heard))
        listener.start()
        process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "lifeline.engine.cli"),
                *("run", str(config), "--quiet", "--monitor", str(port)),
            ],
            env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")},
        )
        try:
            wait_until(
                lambda: set(failing(port, "/readyz") or ()) == {"sources"},
                "the engine to run without a broker",
                within_s=WITHIN_S,
            )
            assert failing(port, "/livez") == {}, "a broker that is away is no reason to restart"
            wait_until(lambda: "READY=1" in heard, "READY=1", within_s=WITHIN_S)
            broker = start_mosquitto(port=broker_port)
            wait_until(lambda: failing(port, "/readyz") == {}, "ready", within_s=WITHIN_S)
            broker.stop()
            wait_until(
                lambda: list(failing(port, "/readyz") or ()) == ["sources"],
                "the broker to be missed",
                within_s=WITHIN_S,
            )
            wait_until(lambda: "WATCHDOG=1" in heard, "a sign of life", within_s=WITHIN_S)
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(WITHIN_S) == 0
        listener.join(WITHIN_S)
    assert heard[-1] == "STOPPING=1"
    assert failing(port, "/livez") is None


def hear(manager: socket.socket, heard: list[str]) -> None:
    """What a service manager is told, until the end."""
    while "STOPPING=1" not in heard:
        heard.append(manager.recv(100).decode())
