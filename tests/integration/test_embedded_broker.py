"""The whole path through a real broker: from a publisher's message to a subscriber's alert, and back
with a command; and an engine that is killed again and again."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from embedded_runs import plant, replay, until
from lifeline.engine.clock import SystemClock
from lifeline.engine.config import Plant
from lifeline.engine.embedded import Engine, read_status
from lifeline.engine.entry import decode
from lifeline.engine.errors import SinkError
from lifeline.engine.frame import Frame
from lifeline.engine.log import LogReader
from lifeline.engine.log.snapshots import SNAPSHOT_FILE
from lifeline.engine.mqtt import EmbeddedBroker, MqttClient
from mqtt_hearing import Subscriber
from plant_files import TAGS

CHILD = Path(__file__).with_name("embedded_child.py")
MS = 1_000_000
KILLS = 4
HEAD = """\
version: 1
node: plant-a
tenant: acme
broker: {{host: 127.0.0.1, port: {port}}}
outputs: {{mqtt: {{}}}}
"""
SOURCES = """\
sources:
  - id: gas
    topics: ["gas/{station}/{device}"]
    site: "{station}"
    payload: {sensor: "{device}", time: {path: ts}}
"""


@pytest.fixture
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        yield running


@pytest.fixture
def subscriber(broker: EmbeddedBroker) -> Iterator[Subscriber]:
    made = Subscriber(MqttClient(broker.spec(), "regulator", subscriptions=[("lifeline/v1/#", 1)]))
    yield made
    made.stop()


@pytest.fixture
def publisher(broker: EmbeddedBroker) -> Iterator[MqttClient]:
    made = MqttClient(broker.spec(), "gateway")
    made.start()
    assert made.wait_ready(180.0)
    yield made
    made.stop()


def small_plant(directory: Path, broker: EmbeddedBroker) -> Plant:
    return plant(directory, head=HEAD.format(port=broker.port_v5), sources=SOURCES)


def telemetry(time_ms: int, value: float) -> bytes:
    return msgspec.json.encode({"ts": time_ms, "value": value})


def now_ms() -> int:
    return SystemClock().wall() // MS


def test_from_a_publisher_to_a_subscriber_and_back(
    tmp_path: Path, broker: EmbeddedBroker, subscriber: Subscriber, publisher: MqttClient
) -> None:
    engine = Engine(small_plant(tmp_path, broker))
    engine.start()
    try:
        assert engine.wait_ready(180.0)
        publisher.publish("gas/east/GD-1", telemetry(now_ms(), 60.0)).wait(180.0)
        until(lambda: bool(subscriber.of("alert")))
        (topic, alert), *_ = subscriber.of("alert")
        assert topic == "hefei/shushan/east/east/gas/red"
        assert (alert["rule"], alert["seq"], alert["transition"]) == ("gas.high", 1, "raised")
        until(lambda: bool(subscriber.of("state")))
        said = {"id": "c-1", "action": "acknowledge", "alarm": "gas.high~GD-1"}
        publisher.publish("lifeline/v1/command/east/joe", msgspec.json.encode(said)).wait(180.0)
        until(lambda: any(t.endswith("joe/reply") for t, _ in subscriber.of("command")))
        (reply,) = (p for t, p in subscriber.of("command") if t.endswith("joe/reply"))
        assert (reply["id"], reply["outcome"], reply["seq"]) == ("c-1", "done", 2)
        until(lambda: engine.core.position == engine.store.end())
        status = engine.status()
        assert status.agent["sources"]["gas"]["counters"]["samples"] == 1
        assert status.outputs["alert:mqtt"]["troubles"] == []
    finally:
        engine.stop()
    assert engine.failure == ""
    until(lambda: any(p and p["status"] == "stopped" for _, p in subscriber.of("health")))
    found = replay(engine.plant.storage.directory)
    assert found.outbox == found.records
    assert found.digest == engine.core.digest()
    heard = {(p["site"], p["seq"]) for _, p in subscriber.of("record")}
    assert heard == set(found.outbox)


def test_what_comes_while_the_engine_is_away_is_judged_when_it_is_back(
    tmp_path: Path, broker: EmbeddedBroker, subscriber: Subscriber, publisher: MqttClient
) -> None:
    for value in (None, 60.0):
        engine = Engine(small_plant(tmp_path, broker))
        engine.start()
        try:
            assert engine.wait_ready(180.0)
            if value is not None:
                until(lambda: bool(subscriber.of("alert")))
        finally:
            engine.stop()
        if value is None:
            publisher.publish("gas/east/GD-1", telemetry(now_ms(), 60.0)).wait(180.0)
            assert subscriber.of("alert") == []
    assert subscriber.of("alert")[0][1]["rule"] == "gas.high"


def test_an_output_that_is_down_delays_nothing_and_is_told(
    tmp_path: Path, broker: EmbeddedBroker, subscriber: Subscriber, publisher: MqttClient
) -> None:
    nobody = "influx: {url: 'http://127.0.0.1:9', org: '-', bucket: a/b}"
    head = HEAD.format(port=broker.port_v5).replace("mqtt: {}", f"mqtt: {{}}, {nobody}")
    engine = Engine(plant(tmp_path, head=head, sources=SOURCES))
    engine.start()
    try:
        assert engine.wait_ready(180.0)
        publisher.publish("gas/east/GD-1", telemetry(now_ms(), 60.0)).wait(180.0)
        until(lambda: bool(subscriber.of("alert")))
        outputs = ("series:influx", "alert:influx")
        until(lambda: all(engine.status().outputs[name]["troubles"] for name in outputs))
        assert set(engine.store.cursors()) == {"alert:mqtt", *outputs}
        assert engine.store.cursor("alert:influx") == 0
        engine.reload(small_plant(tmp_path, broker))
        until(lambda: set(engine.store.cursors()) == {"alert:mqtt"})
        assert set(engine.status().outputs) == {"alert:mqtt"}
    finally:
        engine.stop()


def test_reload_brings_sources_and_sensors_without_losing_a_message(
    tmp_path: Path, broker: EmbeddedBroker, subscriber: Subscriber, publisher: MqttClient
) -> None:
    engine = Engine(small_plant(tmp_path, broker))
    engine.start()
    try:
        assert engine.wait_ready(180.0)
        publisher.publish("gas/east/GD-2", telemetry(now_ms(), 60.0)).wait(180.0)
        until(lambda: bool(engine.store.unknown("sensor", 9) or engine.store.unknown("topic", 9)))
        gateway = Gateway(publisher)
        tags = TAGS + "GD-2,east,gas.combustible,%LEL,0,100,periodic 10s,methane\n"
        head = HEAD.format(port=broker.port_v5)
        more = SOURCES.replace('"gas/{station}/{device}"', '"{_any}/{station}/{device}"')
        engine.reload(plant(tmp_path, head=head, sources=more, tags=tags))
        publisher.publish("gas/east/GD-2", telemetry(now_ms(), 60.0)).wait(180.0)
        until(lambda: any(p["subject"] == "GD-2" for _, p in subscriber.of("alert")))
        gateway.stop()
        reader = LogReader.open(engine.plant.storage.directory)
        until(lambda: gateway.acked <= logged(reader))
        reader.close()
    finally:
        engine.stop()
    found = replay(engine.plant.storage.directory)
    assert found.kinds.count("config") == 2
    assert found.outbox == found.records


class Gateway:
    """Publishes samples until it is told to stop; what was acknowledged to it is its ledger."""

    def __init__(self, publisher: MqttClient) -> None:
        self._publisher = publisher
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.acked: set[tuple[int, float]] = set()
        self.sent: set[tuple[int, float]] = set()
        self._thread.start()

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(0.002):
            number += 1
            time_ms, value = now_ms(), float(30 * (number // 8 % 3)) + number / 1e5
            self.sent.add((time_ms * MS, value))
            try:
                ticket = self._publisher.publish("gas/east/GD-1", telemetry(time_ms, value))
                ticket.wait(180.0)
            except SinkError:
                continue
            self.acked.add((time_ms * MS, value))

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


class Lives:
    """One engine process after another."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.restored: list[int] = []
        self._begin()

    def _begin(self) -> None:
        command = [sys.executable, "-P", str(CHILD), str(self._path)]
        self.child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.child.stdout is not None
        for line in self.child.stdout:
            if line.startswith("ready "):
                self.restored.append(int(line.split()[1]))
                return
        raise AssertionError(f"the engine ended with {self.child.wait()} before it was ready")

    def kill(self) -> None:
        """As a power cut would, and the next life."""
        self.end()
        self._begin()

    def end(self) -> None:
        """Kills what runs."""
        self.child.kill()
        self.child.communicate()

    def stop(self) -> None:
        """In order; fails where the engine did not end well."""
        self.child.terminate()
        said = self.child.communicate(timeout=180)[0]
        assert self.child.returncode == 0, said
        assert said.splitlines()[-1] == "stopped"


@pytest.fixture
def lives(tmp_path: Path, broker: EmbeddedBroker) -> Iterator[Lives]:
    small_plant(tmp_path, broker)
    running = Lives(tmp_path / "lifeline.yaml")
    yield running
    running.end()


def test_kills_lose_nothing_and_the_live_digest_is_that_of_a_replay(
    tmp_path: Path, lives: Lives, subscriber: Subscriber, publisher: MqttClient
) -> None:
    directory = tmp_path / "lifeline-data"
    reader = LogReader.open(directory)
    gateway = Gateway(publisher)
    for kill in range(KILLS + 1):
        seen = reader.end()
        until(lambda seen=seen: reader.end() > seen + 20)  # type: ignore[misc]
        until(lambda: snapshots(directory) > 0)
        if kill < KILLS:
            lives.kill()
    gateway.stop()
    until(lambda: gateway.acked <= logged(reader))
    lives.stop()
    assert logged(reader) <= gateway.sent
    reader.close()
    assert sum(position > 0 for position in lives.restored) > KILLS // 2, (
        "most began from a snapshot"
    )
    found = replay(directory)
    assert len(found.records) > KILLS
    assert found.outbox == found.records
    status = read_status(directory)
    assert status is not None
    assert (status.state, status.core["position"]) == ("stopped", len(found.kinds))
    until(lambda: {(p["site"], p["seq"]) for _, p in subscriber.of("record")} == set(found.outbox))


def snapshots(directory: Path) -> int:
    """Complete snapshots on the disk, seen by a process that does not own them."""
    with closing(sqlite3.connect(f"file:{directory / SNAPSHOT_FILE}?mode=ro", uri=True)) as base:
        return int(base.execute("SELECT count(*) FROM snapshots").fetchone()[0])


def logged(reader: LogReader) -> set[tuple[int, float]]:
    """(time, value) of every sample in the log."""
    found: set[tuple[int, float]] = set()
    after = 0
    while entries := reader.read(after, 1_000):
        after = entries[-1][0]
        for _, data in entries:
            payload = decode(data).payload
            if isinstance(payload, Frame):
                found.update(zip(payload.time.tolist(), payload.value.tolist(), strict=True))
    return found
