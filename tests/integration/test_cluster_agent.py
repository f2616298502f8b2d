"""The agent of the cluster against real Mosquitto and Kafka: what it sends, and what it survives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from cluster_plants import SITES, city, city_file, log_samples, make_cluster, samples, spec_of
from lifeline.engine.cluster import forward
from lifeline.engine.cluster.agent import AgentNode
from lifeline.engine.cluster.forward import CURSOR
from lifeline.engine.cluster.node_status import read_node_status
from lifeline.engine.cluster.partitioning import split
from lifeline.engine.cluster.spec import ClusterSpec
from lifeline.engine.config import Plant, load
from lifeline.engine.errors import SpecError
from lifeline.engine.log import LogReader, Requests, Retry
from lifeline.engine.log.lock import holder
from lifeline.engine.mqtt import MqttClient, PublishTicket
from lifeline.engine.source import BrokerSpec
from lifeline.engine.troubles import EngineTrouble
from servers.kafka import Kafka
from servers.mosquitto import Mosquitto, MosquittoSub
from servers.process import wait_until

WITHIN_S = 180.0
START_MS = 1_760_000_000_000


@dataclass
class Publisher:
    """Publishes to the plant's broker, and keeps the ledger of what the broker has acknowledged."""

    broker: Mosquitto
    sent: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        spec = BrokerSpec(host=self.broker.host, port=self.broker.port)
        self.client = MqttClient(spec, "publisher")
        self.client.start()
        assert self.client.wait_ready(WITHIN_S)

    def publish(self, rounds: int, *, sites: tuple[str, ...] = SITES) -> None:
        """A sample of every detector, so many times; returns when the broker has them."""
        tickets: list[PublishTicket] = []
        for _ in range(rounds):
            for site in sites:
                for sensor in ("GD-1", "GD-2"):
                    row = self.sent[site, sensor]
                    value = float(len(row))
                    at = START_MS + 1_000 * len(row)
                    payload = f'{{"value": {value}, "ts": {at}}}'.encode()
                    tickets.append(self.client.publish(f"gas/{site}/{sensor}", payload))
                    row.append(value)
        for ticket in tickets:
            ticket.wait(WITHIN_S)

    @property
    def count(self) -> int:
        return sum(map(len, self.sent.values()))


@contextmanager
def publishing(broker: Mosquitto) -> Iterator[Publisher]:
    publisher = Publisher(broker)
    try:
        yield publisher
    finally:
        publisher.client.stop()


@contextmanager
def running(plant: Plant, troubles: list[EngineTrouble] | None = None) -> Iterator[AgentNode]:
    node = AgentNode(plant, on_trouble=None if troubles is None else troubles.append)
    node.start()
    try:
        assert node.wait_ready(WITHIN_S)
        yield node
    finally:
        node.stop()


def arrived(plant: Plant) -> dict[tuple[str, str], list[float]]:
    """The values in the log topic by sensor in order, each as often as it is there."""
    cluster = plant.cluster
    assert cluster is not None
    parts = split(plant.configuration, cluster.partitions)
    known = dict(zip(parts.versions, parts.parts, strict=True))
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for each in samples(log_samples(cluster), cluster, known):
        found[each.site, each.sensor].append(each.value)
    return found


def forwarded(node: AgentNode, publisher: Publisher) -> None:
    """Everything published is in the local log and acknowledged by Kafka."""
    wait_until(
        lambda: (
            node._agent is not None
            and node._agent.counters["samples"] >= publisher.count
            and node.forwarder.behind == 0
        ),
        "everything to be forwarded",
        within_s=WITHIN_S,
    )


def tried_again(node: AgentNode, payload: bytes) -> None:
    """A dead letter of a topic that the agent hears now enters the local log, and goes to Kafka."""
    node.store.dead_letters_of([("moved/tank/GD-2", payload, "not_json", 1)]).wait(WITHIN_S)
    (letter,) = node.store.kept_letters(0, 10)
    requests = Requests(node.directory)
    requests.submit(Retry("again", (letter.id,)))
    wait_until(
        lambda: (told := requests.answer("again")) is not None and told.taken == 1,
        "the letter to be taken",
        within_s=WITHIN_S,
    )
    requests.close()
    wait_until(lambda: node.forwarder.behind == 0, "it to be forwarded", within_s=WITHIN_S)


def first_of_each(values: list[float]) -> list[float]:
    """Without what came again: the order in which values came first."""
    return list(dict.fromkeys(values))


@pytest.fixture(scope="module")
def _broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with Kafka(tmp_path_factory.mktemp("own")) as broker:
        yield broker


@pytest.fixture
def own_kafka(_broker: Kafka) -> Iterator[Kafka]:
    """A broker that a test may stop and start; it runs when the next test begins."""
    yield _broker
    if not _broker.is_running:
        _broker.start()


@pytest.fixture
def cluster(kafka: Kafka, kafka_prefix: str) -> ClusterSpec:
    return spec_of(kafka.bootstrap, kafka_prefix)


def test_what_is_published_is_in_the_log_by_site_in_order(
    tmp_path: Path, mosquitto: Mosquitto, cluster: ClusterSpec
) -> None:
    plant = city(tmp_path, mosquitto, cluster)
    make_cluster(cluster, plant.configuration)
    before = time.time_ns()
    with running(plant) as node, publishing(mosquitto) as publisher:
        publisher.publish(40)
        forwarded(node, publisher)
        status = node.status()
    assert arrived(plant) == publisher.sent
    records = log_samples(cluster)
    assert {r.partition for r in records} == set(range(cluster.partitions))
    for record in records:
        header = record.entry.header
        assert record.key is None
        assert header.appended == 0, "the worker stamps it"
        assert before <= header.received <= record.timestamp_ms * 1_000_000 + 1_000_000
        assert (header.tenant, header.producer) == ("acme", "plant-1")
    assert (status.state, status.link["link"], status.link["behind"]) == ("running", "up", 0)
    last = read_node_status(node.directory)
    assert last is not None
    assert last.state == "stopped"


def test_a_broker_that_is_away_delays_and_loses_nothing(
    tmp_path: Path, mosquitto: Mosquitto, own_kafka: Kafka
) -> None:
    kafka = own_kafka
    cluster = spec_of(kafka.bootstrap, "away")
    plant = city(tmp_path, mosquitto, cluster)
    make_cluster(cluster, plant.configuration)
    troubles: list[EngineTrouble] = []
    with running(plant, troubles) as node, publishing(mosquitto) as publisher:
        publisher.publish(10)
        forwarded(node, publisher)
        kafka.stop()
        publisher.publish(30)
        wait_until(
            lambda: node._agent is not None and node._agent.counters["samples"] == publisher.count,
            "the local log to take everything",
            within_s=WITHIN_S,
        )
        taken = time.time_ns()
        assert node.forwarder.behind > 0
        held = node.forwarder.health()
        assert 0 < held["oldest"] <= taken
        kafka.start()
        publisher.publish(10)
        forwarded(node, publisher)
    came = arrived(plant)
    assert {key: first_of_each(values) for key, values in came.items()} == publisher.sent
    parts = split(plant.configuration, cluster.partitions)
    known = dict(zip(parts.versions, parts.parts, strict=True))
    rows = list(samples(log_samples(cluster), cluster, known))
    late = [r for r in rows if 10 <= r.value < 40]
    assert all(r.received <= taken for r in late), "received is when the plant's message came"


def test_when_the_local_log_is_full_the_plants_broker_keeps_what_comes(
    tmp_path: Path, mosquitto: Mosquitto, own_kafka: Kafka
) -> None:
    kafka = own_kafka
    cluster = spec_of(kafka.bootstrap, "full")
    plant = city(tmp_path, mosquitto, cluster)
    make_cluster(cluster, plant.configuration)
    plant = replace(plant, storage=replace(plant.storage, max_bytes=700_000))
    troubles: list[EngineTrouble] = []
    with (
        running(plant, troubles) as node,
        publishing(mosquitto) as publisher,
        MosquittoSub(mosquitto, "lifeline/v1/health/#", tmp_path / "health") as health,
    ):
        publisher.publish(2)
        forwarded(node, publisher)
        kafka.stop()
        wait_until(lambda: node.forwarder.link == "away", "it to be noticed", within_s=WITHIN_S)
        while not any(t.kind == "log_refuses" for t in troubles):
            publisher.publish(50)
        held = node.status()
        assert held.log["refused"].startswith("disk limit")
        assert node.store.first() <= node.forwarder.position + 1, "nothing unsent is trimmed"
        wait_until(
            lambda: any(_link(m.payload) == "away" for m in health.messages()),
            "the health topic",
            within_s=WITHIN_S,
        )
        kafka.start()
        forwarded(node, publisher)
    came = arrived(plant)
    assert {key: first_of_each(values) for key, values in came.items()} == publisher.sent


def _link(payload: bytes) -> str:
    found: str = msgspec.json.decode(payload).get("link", "")
    return found


def test_a_broker_that_hangs_is_left_and_found_again(
    tmp_path: Path, mosquitto: Mosquitto, own_kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing answers and no connection breaks: as with a machine that froze, or a lost route."""
    monkeypatch.setattr(forward, "FORWARD_STALL_S", 2.0)
    monkeypatch.setattr(forward, "FORWARD_CONNECT_S", 10.0)
    kafka = own_kafka
    cluster = spec_of(kafka.bootstrap, "hangs")
    plant = city(tmp_path, mosquitto, cluster)
    make_cluster(cluster, plant.configuration)
    with running(plant) as node, publishing(mosquitto) as publisher:
        publisher.publish(5)
        forwarded(node, publisher)
        os.kill(kafka.pid, signal.SIGSTOP)
        try:
            publisher.publish(20)
            wait_until(lambda: node.forwarder.link == "away", "it to be told", within_s=WITHIN_S)
        finally:
            os.kill(kafka.pid, signal.SIGCONT)
        publisher.publish(5)
        forwarded(node, publisher)
    came = arrived(plant)
    assert {key: first_of_each(values) for key, values in came.items()} == publisher.sent


def test_an_agent_that_is_killed_sends_the_rest_after_its_next_start(
    tmp_path: Path, mosquitto: Mosquitto, own_kafka: Kafka
) -> None:
    kafka = own_kafka
    cluster = spec_of(kafka.bootstrap, "killed")
    file = city_file(tmp_path, mosquitto, cluster=cluster)
    plant = load(file)
    make_cluster(cluster, plant.configuration)
    with publishing(mosquitto) as publisher, ExitStack() as stack:
        directory = plant.storage.directory / "agent"
        child = _child(stack, file)
        wait_until(lambda: _subscribed(directory), "the first subscription", within_s=WITHIN_S)
        publisher.publish(20)
        for _ in range(3):
            publisher.publish(60)
            os.kill(child.pid, signal.SIGKILL)
            child.wait(WITHIN_S)
            publisher.publish(5)  # into the broker's session of an agent that is away
            child = _child(stack, file)
            wait_until(lambda: _subscribed(directory), "the next life", within_s=WITHIN_S)
        publisher.publish(5)
        wait_until(lambda: _done(directory, publisher), "the rest", within_s=WITHIN_S)
        child.send_signal(signal.SIGTERM)
        assert child.wait(WITHIN_S) == 0
    came = arrived(plant)
    assert {key: first_of_each(values) for key, values in came.items()} == publisher.sent
    _second_copies_are_ranges(came)


def _second_copies_are_ranges(came: dict[tuple[str, str], list[float]]) -> None:
    """What came again came as an earlier stretch in its order, from the cursor on."""
    for values in came.values():
        falls = sum(b < a for a, b in pairwise(values))
        assert falls <= 6, "at most the agent's and the broker's repeat for each life"


def _child(stack: ExitStack, file: Path) -> subprocess.Popen[bytes]:
    log = stack.enter_context((file.parent / "agent.log").open("ab"))
    child = subprocess.Popen(
        [sys.executable, "-m", "lifeline.engine.cli", "agent", str(file)], stderr=log
    )
    stack.callback(child.kill)
    return child


def _subscribed(directory: Path) -> bool:
    """Whether the running agent has told so."""
    status = read_node_status(directory) if holder(directory) is not None else None
    if status is None or holder(directory) != status.pid:
        return False
    return any(lane["mqtt"]["subscribed"] for lane in status.agent.get("sources", {}).values())


def _done(directory: Path, publisher: Publisher) -> bool:
    status = read_node_status(directory)
    if status is None or status.link.get("behind") or status.state != "running":
        return False
    reader = LogReader.open(directory)
    try:
        if reader.cursor(CURSOR) < reader.end():
            return False
    finally:
        reader.close()
    plant = load(directory.parent.parent / "lifeline.yaml")
    return {k: first_of_each(v) for k, v in arrived(plant).items()} == publisher.sent


def test_without_the_link_it_starts_under_the_configuration_that_it_kept(
    tmp_path: Path, mosquitto: Mosquitto, own_kafka: Kafka
) -> None:
    kafka = own_kafka
    cluster = spec_of(kafka.bootstrap, "alone")
    plant = city(tmp_path, mosquitto, cluster)
    with publishing(mosquitto) as publisher:
        first = AgentNode(plant)
        first.start()
        try:
            assert first.state == "waiting", "it has never heard of a configuration"
            make_cluster(cluster, plant.configuration)
            assert first.wait_ready(WITHIN_S)
            publisher.publish(3)
            forwarded(first, publisher)
        finally:
            first.stop()
        kafka.stop()
        with running(plant) as second:
            publisher.publish(4)
            wait_until(lambda: second.forwarder.behind > 0, "the local log", within_s=WITHIN_S)
            kafka.start()
            wait_until(lambda: second.forwarder.behind == 0, "the link", within_s=WITHIN_S)
    came = arrived(plant)
    assert {key: first_of_each(values) for key, values in came.items()} == publisher.sent


def test_another_configuration_is_taken_up_between_batches(
    tmp_path: Path, mosquitto: Mosquitto, cluster: ClusterSpec
) -> None:
    small = city(tmp_path, mosquitto, cluster, sites=SITES[:3])
    make_cluster(cluster, small.configuration)
    whole = replace(city(tmp_path, mosquitto, cluster), storage=small.storage)
    troubles: list[EngineTrouble] = []
    with running(whole, troubles) as node, publishing(mosquitto) as publisher:
        assert [t.kind for t in troubles] == ["not_applied"]
        publisher.publish(1, sites=SITES[:3])
        forwarded(node, publisher)  # under the old one
        stop = threading.Event()

        def load_goes_on() -> None:
            while not stop.is_set():
                publisher.publish(1, sites=SITES[:3])

        thread = threading.Thread(target=load_goes_on)
        thread.start()
        try:
            make_cluster(cluster, whole.configuration)
            wait_until(
                lambda: node.status().configuration["sites"] == len(SITES),
                "the agent to follow",
                within_s=WITHIN_S,
            )
        finally:
            stop.set()
            thread.join()
        publisher.publish(5)
        forwarded(node, publisher)
    registries = {r.entry.header.registry for r in log_samples(cluster)}
    old = split(small.configuration, cluster.partitions)
    new = split(whole.configuration, cluster.partitions)
    assert registries & set(old.versions)
    assert registries & set(new.versions)
    known = {
        **dict(zip(old.versions, old.parts, strict=True)),
        **dict(zip(new.versions, new.parts, strict=True)),
    }
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for each in samples(log_samples(cluster), cluster, known):
        found[each.site, each.sensor].append(each.value)
    assert found == publisher.sent


def test_sources_are_read_again_without_a_restart(
    tmp_path: Path, mosquitto: Mosquitto, cluster: ClusterSpec
) -> None:
    plant = city(tmp_path, mosquitto, cluster)
    make_cluster(cluster, plant.configuration)
    (source,) = plant.sources
    moved = msgspec.structs.replace(source, topics=("moved/{station}/{device}",))
    with running(plant) as node, publishing(mosquitto) as publisher:
        publisher.publish(2)
        forwarded(node, publisher)
        node.reload(replace(plant, sources=(moved,)))
        wait_until(lambda: node.wait_ready(1.0), "the new subscription", within_s=WITHIN_S)
        for key in ("gas", "moved"):
            payload = b'{"value": 9.0, "ts": %d}' % (START_MS + 60_000)
            publisher.client.publish(f"{key}/tank/GD-1", payload).wait(WITHIN_S)
        publisher.sent["tank", "GD-1"].append(9.0)
        forwarded(node, publisher)
        tried_again(node, b'{"value": 5.0, "ts": %d}' % (START_MS + 90_000))
        publisher.sent["tank", "GD-2"].append(5.0)
        with pytest.raises(SpecError, match="node changes only with a restart"):
            node.reload(replace(plant, node="other"))
    assert arrived(plant) == publisher.sent
