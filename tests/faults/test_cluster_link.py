"""Minutes without the link to Kafka at one of two plants.

Both have an agent and a broker of their own; a real worker judges. While the link of the first is
cut, the second's samples are judged as ever. When it is mended, everything comes in order, with the
times of the plant, and what had become old on the way says `historic`.

LIFELINE_LINK_AWAY_S is for how long (`make faults`: 300).
"""

from __future__ import annotations

import os
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import pytest

from cluster_kafka import STEADY, WorkerProcess
from cluster_plants import (
    SITES,
    Logged,
    city_file,
    log_samples,
    make_cluster,
    samples,
    spec_of,
    topic_records,
)
from lifeline.engine.cluster.agent import AgentNode
from lifeline.engine.cluster.partitioning import split
from lifeline.engine.cluster.spec import ClusterSpec
from lifeline.engine.cluster.topics import Topics
from lifeline.engine.config import Plant, load
from lifeline.engine.limits import HISTORIC_AGE_NS
from lifeline.engine.mqtt import MqttClient
from lifeline.engine.record import Record, decode_record
from lifeline.engine.source import BrokerSpec
from servers.kafka import Kafka
from servers.link import TcpLink
from servers.mosquitto import Mosquitto
from servers.process import wait_until

MS = 1_000_000
WITHIN_S = 180.0
AWAY_S = float(os.environ.get("LIFELINE_LINK_AWAY_S", "75"))
FAR, NEAR = SITES[:3], SITES[3:]


@dataclass
class Gateway(threading.Thread):
    """Every half second a sample of each detector of some sites, high and low in turns.

    sent   by (site, sensor): (time, value) of what the plant's broker acknowledged
    """

    broker: Mosquitto
    sites: tuple[str, ...]
    sent: dict[tuple[str, str], list[tuple[int, float]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self._ended = threading.Event()
        self._client = MqttClient(
            BrokerSpec(host=self.broker.host, port=self.broker.port), "gateway"
        )
        self._client.start()
        assert self._client.wait_ready(WITHIN_S)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        number = 0
        while not self._ended.wait(0.5):
            number += 1
            for site in self.sites:
                for sensor in ("GD-1", "GD-2"):
                    at = time.time_ns() // MS
                    value = (60.0 if number // 8 % 2 else 5.0) + number / 1e3
                    payload = f'{{"value": {value}, "ts": {at}}}'.encode()
                    self._client.publish(f"gas/{site}/{sensor}", payload).wait(WITHIN_S)
                    self.sent[site, sensor].append((at * MS, value))

    @property
    def count(self) -> int:
        return sum(map(len, self.sent.values()))

    def stop(self) -> None:
        self._ended.set()
        self.join()
        self._client.stop()


@contextmanager
def publishing(broker: Mosquitto, sites: tuple[str, ...]) -> Iterator[Gateway]:
    gateway = Gateway(broker, sites)
    gateway.start()
    try:
        yield gateway
    finally:
        gateway.stop()


def plant_of(folder: Path, broker: Mosquitto, cluster: ClusterSpec, node: str) -> Plant:
    """The city's files beside one plant's broker. A detector reports each second."""
    folder.mkdir()
    path = city_file(folder, broker)
    tags = folder / "sensors.csv"
    tags.write_text(tags.read_text("utf-8").replace("on_change 1h", "periodic 1s"), "utf-8")
    return replace(load(path), cluster=cluster, node=node)


def alerts(cluster: ClusterSpec) -> list[tuple[int, Record]]:
    """(when Kafka had it, record) of every alarm that a sample moved, by partition in order."""
    found = topic_records(cluster, Topics(cluster.prefix).alerts)
    told = [(each.timestamp_ms * MS, decode_record(each.value)) for each in found]
    changes = ("raised", "returned", "level")
    return [(at, r) for at, r in told if r.rule == "gas.high" and r.transition in changes]


def drained(node: AgentNode, gateway: Gateway) -> bool:
    taken = node._agent.counters["samples"] if node._agent is not None else 0
    return taken >= gateway.count and node.forwarder.behind == 0


Row = dict[tuple[str, str], list[tuple[int, float]]]


def arrived(logged: list[Logged], plant: Plant) -> tuple[Row, dict[tuple[str, str, int], int]]:
    """By detector (time, value) in the order in which they came first; and when Kafka had each."""
    assert plant.cluster is not None
    parts = split(plant.configuration, plant.cluster.partitions)
    known = dict(zip(parts.versions, parts.parts, strict=True))
    rows: Row = defaultdict(list)
    appended: dict[tuple[str, str, int], int] = {}
    for record in logged:
        for each in samples([record], plant.cluster, known):
            if (each.site, each.sensor, each.time) not in appended:
                appended[each.site, each.sensor, each.time] = record.timestamp_ms * MS
                rows[each.site, each.sensor].append((each.time, each.value))
    return rows, appended


def turns(sent: Row) -> dict[tuple[str, str], int]:
    """By detector the time of the last sample that rose or fell, and had others behind it: a fall
    that is too steep to be believed counts from the next one."""
    return {
        key: max(b for (b, y), (_, x) in zip(row[1:-2], row[:-3], strict=True) if abs(y - x) > 9)
        for key, row in sent.items()
    }


def judged(cluster: ClusterSpec, sent: Row) -> bool:
    last = {(r.site, r.subject): r.time for _, r in alerts(cluster)}
    return all(last.get(key, 0) >= turn for key, turn in turns(sent).items())


@pytest.mark.integration
def test_minutes_without_the_link_delay_one_plant_and_lose_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as stack:
        link = stack.enter_context(TcpLink())
        kafka = stack.enter_context(Kafka(tmp_path / "kafka", link=link))
        brokers = [stack.enter_context(Mosquitto(tmp_path / f"mosquitto-{n}")) for n in range(2)]
        near, far = (
            msgspec.structs.replace(spec_of(servers, "link"), worker=STEADY)
            for servers in (kafka.bootstrap, kafka.far)
        )
        plants = [
            plant_of(tmp_path / "far", brokers[0], far, "plant-far"),
            plant_of(tmp_path / "near", brokers[1], near, "plant-near"),
        ]
        make_cluster(near, plants[0].configuration)
        stack.enter_context(WorkerProcess(near, tmp_path / "worker"))
        nodes = [AgentNode(plant) for plant in plants]
        for node in nodes:
            node.start()
            stack.callback(node.stop)
            assert node.wait_ready(WITHIN_S)
        gateways = [
            stack.enter_context(publishing(broker, sites))
            for broker, sites in zip(brokers, (FAR, NEAR), strict=True)
        ]
        wait_until(
            lambda: {r.site for _, r in alerts(near)} == {*FAR, *NEAR},
            "alarms of both plants",
            within_s=4 * WITHIN_S,  # the worker may have to compile its kernels
            every_s=1.0,
        )
        link.cut()
        cut_at = time.time_ns()
        time.sleep(AWAY_S)
        meanwhile = [r for _, r in alerts(near) if r.time > cut_at]
        link.mend()
        mended_at = time.time_ns()
        time.sleep(10.0)
        for gateway in gateways:
            gateway.stop()
        for node, gateway in zip(nodes, gateways, strict=True):
            wait_until(
                lambda node=node, gateway=gateway: drained(node, gateway),  # type: ignore[misc]
                "everything to arrive",
                within_s=WITHIN_S + AWAY_S,
            )
        sent = {key: row for gateway in gateways for key, row in gateway.sent.items()}
        wait_until(
            lambda: judged(near, sent),
            "the worker to judge everything",
            within_s=WITHIN_S,
            every_s=1.0,
        )
        rows, appended = arrived(log_samples(near), plants[1])
        said = [r for _, r in alerts(near)]

    assert rows == sent, "lost, or in another order"
    # The other plant was judged as ever, and nothing of it was late.
    assert not [r for r in meanwhile if r.site in FAR]
    assert {r.site for r in meanwhile} == set(NEAR)
    assert not any(r.historic for r in said if r.site in NEAR)
    # The first plant's alarms have the plant's times; what had become old on the way says so.
    late = [r for r in said if r.site in FAR]
    for record in late:
        age = appended[record.site, record.subject, record.time] - record.time
        assert record.historic == (age > HISTORIC_AGE_NS), record
    assert {r.site for r in late if r.historic} == set(FAR)
    with capsys.disabled():
        print(
            f"\nlink away for {(mended_at - cut_at) / 1e9:.0f} s: {sum(map(len, sent.values()))} "
            f"samples, lost 0, in order; {len(late)} changes of alarms of that plant, "
            f"{sum(r.historic for r in late)} of them historic; {len(meanwhile)} of the other plant "
            "meanwhile",
            flush=True,
        )
