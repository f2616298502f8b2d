"""deploy/compose.yaml without containers: its commands and its lifeline.yaml with real servers, from
a gateway's message to the regulator and InfluxDB, watched as an operator would."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from lifeline.engine.clock import SystemClock
from lifeline.engine.metrics.catalogue import CATALOGUE
from lifeline.engine.outputs.mqtt_output import CURSOR as MQTT
from lifeline.engine.warming import warm
from servers.deployed import DEPLOY
from servers.fixtures import StartMosquitto
from servers.influx import InfluxV2
from servers.kafka import Kafka
from servers.mosquitto import Login, Mosquitto, MosquittoSub, mosquitto_pub
from servers.ports import free_port
from servers.process import wait_until

WITHIN_S = 180.0
CONFIG = "/etc/lifeline/lifeline.yaml"
WATCHED = ("agent", "worker-1", "areas", "sink-mqtt", "sink-influx")
PASSWORD = "the engine's own"
SERVICES: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
Figures = dict[str, dict[tuple[str, ...], float]]


@dataclass
class Service:
    """One process of the compose file."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def ready(self) -> bool:
        assert self.process.poll() is None, f"{self.name} ended: {self.log.read_text()[-3000:]}"
        return self._get("/readyz")[0] == 200

    def figures(self) -> Figures:
        status, body = self._get("/metrics")
        assert status == 200
        found: Figures = {}
        for family in text_string_to_metric_families(body.decode()):
            for sample in family.samples:
                if (metric := CATALOGUE.get(sample.name)) is not None:
                    key = tuple(sample.labels[label] for label in metric.labels)
                    found.setdefault(sample.name, {})[key] = sample.value
        return found

    def _get(self, path: str) -> tuple[int, bytes]:
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{self.port}{path}", timeout=180
            ) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except OSError:
            return 0, b""  # it does not listen yet


@dataclass
class Compose:
    """The services of the compose file with ports and directories of this test."""

    folder: Path
    kafka: Kafka
    prefix: str
    influx: InfluxV2
    broker_port: int
    running: list[Service] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.environment = {
            **os.environ,
            "LIFELINE_MQTT_PASSWORD": PASSWORD,
            "LIFELINE_INFLUX_TOKEN": self.influx.token,
        }

    def config(self, name: str) -> Path:
        """lifeline.yaml for one service: other addresses, another directory, nothing else."""
        text = (DEPLOY / "lifeline.yaml").read_text()
        for deployed, here in (
            ("servers: kafka:9092", f"servers: {self.kafka.bootstrap}\n  prefix: {self.prefix}"),
            ("host: mosquitto, port: 1883", f"host: 127.0.0.1, port: {self.broker_port}"),
            ("http://influxdb:8086", self.influx.url),
            ("directory: /var/lib/lifeline", f"directory: {self.folder / name}"),
        ):
            assert text.count(deployed) == 1
            text = text.replace(deployed, here)
        folder = self.folder / f"{name}-files"
        folder.mkdir()
        for beside in ("sensors.csv", "roster.yaml"):
            (folder / beside).write_bytes((DEPLOY / beside).read_bytes())
        file = folder / "lifeline.yaml"
        file.write_text(text)
        return file

    def command(self, name: str) -> list[str]:
        """What the service runs, with its file."""
        words = [str(word) for word in SERVICES[name]["command"]]
        config = str(self.config(name))
        return [sys.executable, "-P", "-m", "lifeline.engine.cli"] + [
            config if word == CONFIG else word for word in words
        ]

    def once(self, name: str, *more: str) -> str:
        """Runs a service that ends by itself; what it printed."""
        done = subprocess.run(
            [*self.command(name), *more],
            env=self.environment, capture_output=True, text=True, timeout=WITHIN_S,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, name: str) -> Service:
        """Starts a service that goes on."""
        port, log = free_port(), self.folder / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*self.command(name), "--monitor", str(port)],
                env=self.environment, stdout=out, stderr=out,
            )  # fmt: skip
        self.running.append(Service(name, process, port, log))
        return self.running[-1]

    def stop(self) -> dict[str, int]:
        """Ends every service in the orderly way; the exit codes."""
        for service in self.running:
            if service.process.poll() is None:
                service.process.send_signal(signal.SIGTERM)
        codes = {}
        for service in self.running:
            try:
                codes[service.name] = service.process.wait(WITHIN_S)
            except subprocess.TimeoutExpired:
                service.process.kill()
                codes[service.name] = service.process.wait()
        return codes


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    """Kernels are there before anything is waited for: a new version takes a minute, or three."""
    warm()


@pytest.fixture
def compose(tmp_path: Path, kafka: Kafka, kafka_prefix: str, influx: InfluxV2) -> Iterator[Compose]:
    made = Compose(tmp_path, kafka, kafka_prefix, influx, free_port())
    try:
        yield made
    finally:
        made.stop()


def accessed(compose: Compose, folder: Path) -> dict[str, str]:
    """Logins and access rules as the service `access` writes them, with a regulator beside."""
    words = compose.command("access")
    words[words.index("--out") + 1] = str(folder)
    done = subprocess.run(
        [*words, "--regulator", "city=hefei", "--json"],
        env=compose.environment, capture_output=True, text=True, timeout=WITHIN_S, check=True,
    )  # fmt: skip
    made: dict[str, str] = json.loads(done.stdout)["passwords"]
    return made


def test_what_a_gateway_says_reaches_the_regulator_and_everything_can_be_watched(
    compose: Compose, start_mosquitto: StartMosquitto, tmp_path: Path
) -> None:
    access = tmp_path / "access"
    passwords = accessed(compose, access)
    broker = start_mosquitto(
        password_file=access / "passwords", acl_file=access / "acl", port=compose.broker_port
    )
    compose.once("topics")
    compose.once("configuration")
    services = {name: compose.start(name) for name in WATCHED}
    with ExitStack() as stack:
        regulator = Login("city", passwords["city"])
        records = stack.enter_context(
            MosquittoSub(broker, "lifeline/v1/record/#", tmp_path / "records", login=regulator)
        )
        for service in services.values():
            wait_until(service.ready, f"{service.name} to be ready", within_s=WITHIN_S)
        _published(broker, Login("gas", passwords["gas"]), value=60.0)
        (message,) = records.wait_for(1, within_s=WITHIN_S)
    record = json.loads(message.payload)
    assert message.topic == "lifeline/v1/record/hefei/shushan/east/gas-east"
    assert (record["rule"], record["level_after"]) == ("gas.combustible", "red")
    wait_until(
        lambda: compose.influx.count("alert") == 1 and compose.influx.count("gas") == 1,
        "the alert and its sample in InfluxDB",
        within_s=WITHIN_S,
    )
    _watched(services)
    assert compose.stop() == dict.fromkeys(WATCHED, 0)


def _published(broker: Mosquitto, gateway: Login, value: float) -> None:
    now = SystemClock().wall() // 1_000_000
    done = mosquitto_pub(
        broker,
        "city-gas/gas-east/GD-101/telemetry",
        json.dumps({"ts": now, "value": value}),
        version="mqttv5",
        login=gateway,
    )
    assert (done.returncode, done.stderr) == (0, "")


def _watched(services: dict[str, Service]) -> None:
    """Every process says its part of it, under the names of the catalogue."""
    for name, metric, labels, value in (
        ("agent", "lifeline_source_samples_total", ("gas",), 1),
        ("agent", "lifeline_forward_behind_entries", (), 0),
        ("worker-1", "lifeline_records_total", ("red", "raised"), 1),
        ("worker-1", "lifeline_partitions_held", (), 12),
        ("areas", "lifeline_partitions_held", (), 3),
        ("sink-mqtt", "lifeline_output_behind", (MQTT,), 0),
        ("sink-mqtt", "lifeline_sink_sites_held", ("gap",), 0),
        ("sink-influx", "lifeline_sink_behind_records", (), 0),
        *((name, "lifeline_link_up", (), 1) for name in ("agent", "sink-mqtt", "sink-influx")),
        *((name, "lifeline_state", ("running",), 1) for name in WATCHED),
    ):
        wait_until(
            partial(_says, services[name], metric, labels, value),
            f"{name} to say {metric}{labels} = {value}",
            within_s=WITHIN_S,
        )
    wait_until(
        lambda: services["areas"].figures()["lifeline_area_events_total"].get(("heard",), 0) >= 1,
        "the alarm to be heard by its area",
        within_s=WITHIN_S,
    )


def _says(service: Service, metric: str, labels: tuple[str, ...], value: float) -> bool:
    return service.figures().get(metric, {}).get(labels) == value
