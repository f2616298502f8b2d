"""The sinks of the cluster against real Kafka, Mosquitto and InfluxDB."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from cluster_kafka import EAGER, WorkerProcess
from cluster_plants import (
    SITES,
    Judges,
    city,
    city_file,
    committed,
    log_samples,
    make_cluster,
    spec_of,
    topic_records,
)
from lifeline.engine.cli.app import app
from lifeline.engine.clock import SystemClock
from lifeline.engine.cluster.agent import AgentNode
from lifeline.engine.cluster.sink import Sink
from lifeline.engine.cluster.sink_influx import InfluxSink
from lifeline.engine.cluster.sink_mqtt import MqttSink
from lifeline.engine.cluster.spec import ClusterSpec
from lifeline.engine.cluster.topics import Topics, partition_of
from lifeline.engine.command import Command
from lifeline.engine.config import Plant
from lifeline.engine.limits import OUTPUT_WINDOW
from lifeline.engine.outputs.influx_health import HEALTH
from lifeline.engine.outputs.influx_limits import LIMITS
from lifeline.engine.outputs.influx_performance import PERFORMANCE
from lifeline.engine.record import Record
from lifeline.engine.troubles import EngineTrouble
from servers.fixtures import StartKafka
from servers.influx import InfluxV2
from servers.kafka import Kafka
from servers.mosquitto import Mosquitto, MosquittoSub, mosquitto_pub
from servers.process import wait_until

WITHIN_S = 180.0
RECORDS = "lifeline/v1/record/#"


@pytest.fixture
def cluster(kafka: Kafka, kafka_prefix: str) -> ClusterSpec:
    return msgspec.structs.replace(spec_of(kafka.bootstrap, kafka_prefix), worker=EAGER)


@pytest.fixture
def plant(tmp_path: Path, mosquitto: Mosquitto, cluster: ClusterSpec) -> Plant:
    made = city(tmp_path, mosquitto, cluster)
    make_cluster(cluster, made.configuration)
    return made


@contextmanager
def running(sink: Sink) -> Iterator[Sink]:
    sink.start()
    try:
        yield sink
    finally:
        sink.stop()


@contextmanager
def listening(broker: Mosquitto, topic: str, out: Path) -> Iterator[MosquittoSub]:
    with MosquittoSub(broker, topic, out) as witness:
        yield witness


def heard(witness: MosquittoSub) -> list[tuple[str, int]]:
    """(site, seq) of each message, as it came."""
    documents = [msgspec.json.decode(m.payload) for m in witness.messages() if m.payload]
    return [(d["site"], d["seq"]) for d in documents]


def until_heard(witness: MosquittoSub, wanted: set[tuple[str, int]]) -> None:
    wait_until(lambda: wanted <= set(heard(witness)), "every record", within_s=WITHIN_S)


def keys(records: list[Record]) -> set[tuple[str, int]]:
    return {(r.site, r.seq) for r in records}


def rows_in_order(messages: list[tuple[str, int]]) -> dict[str, list[int]]:
    """By site the seqs as they came first."""
    found: dict[str, list[int]] = {}
    for site, seq in dict.fromkeys(messages):
        found.setdefault(site, []).append(seq)
    return found


def alarms(judges: Judges, rounds: int) -> list[Record]:
    """Records of every site, in turns."""
    return [r for _ in range(rounds) for site in SITES for r in judges.judge(site, 60.0, 5.0)]


def test_every_seq_is_published_once_and_in_order(
    tmp_path: Path, mosquitto: Mosquitto, plant: Plant, cluster: ClusterSpec
) -> None:
    judges = Judges(cluster, plant.configuration)
    with listening(mosquitto, RECORDS, tmp_path / "records") as witness:
        judges.say(alarms(judges, 3))
        with running(MqttSink(plant)) as sink:
            judges.say(alarms(judges, 2))
            until_heard(witness, keys(judges.said))
            judges.say(judges.said[-7:])  # a worker says again what came since its checkpoint
            judges.say(alarms(judges, 1))
            until_heard(witness, keys(judges.said))
            wait_until(lambda: sink.mirror.health()["behind"] == 0, "the end", within_s=WITHIN_S)
            wait_until(lambda: sink.mirror.counters["old"] == 7, "the end", within_s=WITHIN_S)
            status = sink.status()
        messages = heard(witness)
    assert len(messages) == len(set(messages)), "none twice"
    for site, seqs in rows_in_order(messages).items():
        assert seqs == list(range(1, len(seqs) + 1)), site
    assert status.link["holds"] == []
    topic = Topics(cluster.prefix).alerts
    ends = {p: sum(r.partition == p for r in topic_records(cluster, topic)) for p in range(3)}
    assert committed(cluster, "sink-mqtt", topic) == ends


def test_a_restart_repeats_at_most_the_window_and_an_empty_directory_nothing(
    tmp_path: Path, mosquitto: Mosquitto, plant: Plant, cluster: ClusterSpec
) -> None:
    judges = Judges(cluster, plant.configuration)
    with listening(mosquitto, RECORDS, tmp_path / "records") as witness:
        judges.say(alarms(judges, 4))
        first = MqttSink(plant)
        with running(first):
            until_heard(witness, keys(judges.said))
        judges.say(alarms(judges, 1))
        with running(MqttSink(plant)):
            until_heard(witness, keys(judges.said))
        assert len(heard(witness)) - len(judges.said) <= OUTPUT_WINDOW
        before = len(heard(witness))
        shutil.rmtree(first.directory)
        with running(MqttSink(plant)) as third:
            wait_until(lambda: third.mirror.ready, "the rebuilt mirror", within_s=WITHIN_S)
            more = judges.judge("tank", 60.0)
            judges.say(more)
            until_heard(witness, keys(more))
            assert third.mirror.counters["rebuilt"] == len(judges.said) - len(more)
            assert len(third.store.standing()) == len(SITES)
        assert heard(witness)[before:] == [(r.site, r.seq) for r in more], "nothing old again"


def test_a_gap_holds_its_site_and_no_other(
    tmp_path: Path, mosquitto: Mosquitto, plant: Plant, cluster: ClusterSpec
) -> None:
    judges = Judges(cluster, plant.configuration)
    troubles: list[EngineTrouble] = []
    tank = judges.judge("tank", 60.0, 5.0, 60.0, 5.0)
    assert [r.seq for r in tank] == [1, 2, 3, 4]
    with listening(mosquitto, RECORDS, tmp_path / "records") as witness:
        with running(MqttSink(plant, on_trouble=troubles.append)) as sink:
            others = judges.judge("mine", 60.0, 5.0)
            judges.say([tank[0], tank[2], *others])
            until_heard(witness, keys([tank[0], *others]))
            wait_until(lambda: bool(sink.mirror.health()["holds"]), "hold", within_s=WITHIN_S)
            judges.say(tank[1:])  # the successor of the worker that lost it says it again
            until_heard(witness, keys(tank))
            assert sink.mirror.health()["holds"] == []
            lost = judges.judge("tank", 60.0, 5.0)
            judges.say(lost[1:])
            wait_until(lambda: bool(sink.mirror.health()["holds"]), "hold", within_s=WITHIN_S)
        assert [t.kind for t in troubles if t.source == "alerts"] == ["gap", "gap"]
        assert keys(lost[1:]).isdisjoint(heard(witness))
        with running(MqttSink(plant, resumed=["tank"])) as resumed:
            until_heard(witness, keys(lost[1:]))
            after = judges.judge("tank", 60.0)
            judges.say(after)
            until_heard(witness, keys(after))
            assert resumed.mirror.health()["holds"] == []
        messages = heard(witness)
    assert len(messages) == len(set(messages))


def test_a_broker_that_is_killed_delays_records_and_loses_none(
    tmp_path: Path, mosquitto: Mosquitto, start_kafka: StartKafka
) -> None:
    kafka = start_kafka()
    cluster = spec_of(kafka.bootstrap, "killed")
    plant = city(tmp_path, mosquitto, cluster)
    make_cluster(cluster, plant.configuration)
    judges = Judges(cluster, plant.configuration)
    with listening(mosquitto, RECORDS, tmp_path / "records") as witness:
        with running(MqttSink(plant)):
            judges.say(alarms(judges, 1))
            until_heard(witness, keys(judges.said))
            kafka.kill9()
            kafka.start()
            judges.say(alarms(judges, 1))
            until_heard(witness, keys(judges.said))
        messages = heard(witness)
    assert len(messages) == len(set(messages))


def test_a_second_form_of_a_record_holds_its_site(
    tmp_path: Path, mosquitto: Mosquitto, plant: Plant, cluster: ClusterSpec
) -> None:
    one, other = Judges(cluster, plant.configuration), Judges(cluster, plant.configuration)
    said, differing = one.judge("tank", 60.0, 5.0), other.judge("tank", 70.0, 5.0)
    assert said[0].hash != differing[0].hash
    troubles: list[EngineTrouble] = []
    with listening(mosquitto, RECORDS, tmp_path / "records") as witness:
        with running(MqttSink(plant, on_trouble=troubles.append)) as sink:
            one.say(said)
            until_heard(witness, keys(said))
            one.say(differing)
            third = one.judge("tank", 60.0)
            one.say([*third, *one.judge("mine", 60.0)])
            until_heard(witness, {("mine", 1)})
            held = sink.mirror.health()["holds"]
            letters = sink.store.dead_letters(5)
        assert ("tank", 3) not in heard(witness)
    assert [(h["site"], h["kind"]) for h in held] == [("tank", "differs")]
    assert [t.kind for t in troubles if t.source == "alerts"] == ["nondeterminism"]
    assert [x.reason for x in letters] == ["differs"]


def test_a_command_by_mqtt_is_done_by_its_partitions_worker_and_answered(
    tmp_path: Path, mosquitto: Mosquitto, plant: Plant, cluster: ClusterSpec
) -> None:
    """Agent, worker and sink together: a sample becomes an alarm, a person acknowledges it."""
    with (
        WorkerProcess(cluster, tmp_path / "worker"),
        running(MqttSink(plant)),
        listening(mosquitto, "lifeline/v1/#", tmp_path / "all") as witness,
    ):
        agent = AgentNode(plant)
        agent.start()
        try:
            assert agent.wait_ready(WITHIN_S)
            now = SystemClock().wall() // 1_000_000
            mosquitto_pub(mosquitto, "gas/tank/GD-1", b'{"value": 60, "ts": %d}' % now)
            wait_until(lambda: _named(witness, "record", "tank"), "the alarm", within_s=180.0)
        finally:
            agent.stop()
        command = {"id": "c-1", "action": "acknowledge", "alarm": "gas.high~GD-1", "reason": "seen"}
        topic = "lifeline/v1/command/tank/li"
        mosquitto_pub(mosquitto, topic, msgspec.json.encode(command))
        wait_until(lambda: bool(_answers(witness)), "the answer", within_s=WITHIN_S)
        assert [(a["id"], a["outcome"], a["principal"]) for a in _answers(witness)] == [
            ("c-1", "done", "li")
        ]
        # Another machine, without a sink: the alarm is looked up on the topic.
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        file = city_file(elsewhere, mosquitto, cluster=cluster)
        said = _lifeline(
            "shelve", "tank/gas.high~GD-1", "--for", "1h", "--reason", "replaced", "--as", "wang",
            "--config", str(file), "--json",
        )  # fmt: skip
        assert (said["outcome"], said["principal"]) == ("done", "wang")
        here = city_file(tmp_path, mosquitto, cluster=cluster)
        said = _lifeline("unshelve", "gas.high~GD-1", "--config", str(here), "--json")
        assert (said["outcome"], said["site"]) == ("done", "tank")
        stands = CliRunner().invoke(app, ["alerts", "--config", str(here), "--lang", "en"])
        assert "tank/gas.high~GD-1" in stands.output, "the sink's copy says what stands"
    commands = [
        (r.partition, r.entry.payload.action, r.entry.header.producer)
        for r in topic_records(cluster, Topics(cluster.prefix).log)
        if isinstance(r.entry.payload, Command)
    ]
    home = partition_of("tank", cluster.partitions)
    assert commands == [
        (home, "acknowledge", "mqtt:plant-1"),
        (home, "shelve", "call"),
        (home, "unshelve", "call"),
    ]


def _lifeline(*arguments: str) -> dict[str, str]:
    done = CliRunner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    found: dict[str, str] = msgspec.json.decode(done.stdout)
    return found


def _named(witness: MosquittoSub, kind: str, site: str) -> bool:
    return any(
        m.topic.startswith(f"lifeline/v1/{kind}/") and m.topic.endswith(f"/{site}")
        for m in witness.messages()
    )


def _answers(witness: MosquittoSub) -> list[dict[str, str]]:
    found = [m for m in witness.messages() if m.topic.endswith("/reply")]
    return [msgspec.json.decode(m.payload) for m in found]


def test_series_and_alerts_are_in_influxdb(
    tmp_path: Path, mosquitto: Mosquitto, influx: InfluxV2, cluster: ClusterSpec
) -> None:
    more = f", influx: {{url: {influx.url}, bucket: {influx.bucket}}}"
    plant = city(tmp_path, mosquitto, cluster, influx=more)
    make_cluster(cluster, plant.configuration)
    judges = Judges(cluster, plant.configuration)
    judges.say(alarms(judges, 2))
    agent = AgentNode(plant)
    agent.start()
    try:
        assert agent.wait_ready(WITHIN_S)
        for n in range(20):
            for site in SITES:
                ts = 1_760_000_000_000 + 1_000 * n
                mosquitto_pub(mosquitto, f"gas/{site}/GD-1", b'{"value": %d, "ts": %d}' % (n, ts))
        wait_until(
            lambda: (
                agent.forwarder.counters["acknowledged_entries"] > 0
                and agent.forwarder.behind == 0
                and sum(len(r.entry.payload) for r in log_samples(cluster)) == 20 * len(SITES)
            ),  # type: ignore[arg-type]
            "the log",
            within_s=WITHIN_S,
        )
    finally:
        agent.stop()
    with running(InfluxSink(plant, partitions=[0, 1])):
        elsewhere = [s for s in SITES if partition_of(s, cluster.partitions) == 2]
        here = 20 * (len(SITES) - len(elsewhere))
        wait_until(lambda: influx.count("gas") == here, "two partitions", within_s=WITHIN_S)
    with running(InfluxSink(plant)) as sink:
        wait_until(
            lambda: (
                influx.count("gas") == 20 * len(SITES)
                and influx.count("alert", "seq") == len(judges.said)
            ),
            "all points and alerts",
            within_s=WITHIN_S,
        )
        judges.say(alarms(judges, 1))
        wait_until(
            lambda: influx.count("alert", "seq") == len(judges.said), "more", within_s=WITHIN_S
        )
        status = sink.status()
        assert all(not o["troubles"] for o in status.outputs.values()), status.outputs
        assert len(status.outputs) == cluster.partitions + 4
        assert {HEALTH, LIMITS, PERFORMANCE} < set(status.outputs)
        wait_until(lambda: influx.count("limit") > 0, "the limits", within_s=WITHIN_S)
        roles = influx.rows("SHOW TAG VALUES FROM engine WITH KEY = role")
        assert [row["value"] for row in roles] == ["sink-influx"]
    log = Topics(cluster.prefix).log
    ends = dict.fromkeys(range(cluster.partitions), 0)
    for record in topic_records(cluster, log):
        ends[record.partition] = record.offset + 1
    assert committed(cluster, "sink-influx", log) == ends, "a place for each partition"
