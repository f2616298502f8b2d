"""The agent and its client against Mosquitto: kills, refusals, silence, poison."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from lifeline.engine.agent import Agent, AgentTrouble
from lifeline.engine.clock import SystemClock
from lifeline.engine.entry import decode
from lifeline.engine.errors import SinkError
from lifeline.engine.frame import Frame
from lifeline.engine.limits import MQTT_STORM_DISCONNECTS
from lifeline.engine.log import LogStore
from lifeline.engine.mqtt import MqttClient, Trouble, Will
from lifeline.engine.mqtt.intake import Intake
from lifeline.engine.source import (
    BrokerSpec,
    MqttVersion,
    PayloadSpec,
    SourceSpec,
    TimeSpec,
    TlsSpec,
)
from mqtt_stream import Stream
from payloads import MS, configuration, source
from servers.fixtures import StartMosquitto
from servers.mosquitto import Login, Mosquitto, MosquittoSub, mosquitto_pub, write_passwords
from servers.process import wait_until

WITHIN_S = 180.0
POINT = PayloadSpec(time=TimeSpec(path="ts", unit="ms"))


@pytest.fixture(params=["3.1.1", "5"])
def version(request: pytest.FixtureRequest) -> MqttVersion:
    chosen: MqttVersion = request.param
    return chosen


def spec(broker: Mosquitto, version: MqttVersion = "5", **more: object) -> BrokerSpec:
    return BrokerSpec(host=broker.host, port=broker.port, version=version, **more)  # type: ignore[arg-type]


def until(holds: Callable[[], bool], what: str) -> None:
    wait_until(holds, what, within_s=WITHIN_S)


class Troubles(list[Trouble]):
    def of(self, kind: str) -> list[Trouble]:
        return [t for t in self if t.kind == kind]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as running:
        yield running


def client(
    stack: ExitStack, broker: BrokerSpec, name: str, *topics: str, will: Will | None = None
) -> tuple[MqttClient, Troubles]:
    troubles = Troubles()
    made = MqttClient(
        broker,
        name,
        subscriptions=[(t, 1) for t in topics],
        will=will,
        on_trouble=troubles.append,
    )
    stack.callback(made.stop)
    made.start()
    return made, troubles


def agent(
    stack: ExitStack, store: LogStore, source_spec: SourceSpec
) -> tuple[Agent, list[AgentTrouble]]:
    troubles: list[AgentTrouble] = []
    made = Agent(
        "plant", [source_spec], configuration(source_spec), store, SystemClock(), troubles.append
    )
    stack.callback(made.stop)
    made.start()
    return made, troubles


def logged(store: LogStore) -> list[float]:
    values: list[float] = []
    after = 0
    while found := store.read(after, 1_000):
        after = found[-1][0]
        frames = (decode(data).payload for _, data in found)
        values += [float(v) for f in frames if isinstance(f, Frame) for v in f.value]
    return values


def test_a_topic_that_changes_its_filter_misses_nothing(
    mosquitto: Mosquitto, version: MqttVersion, stack: ExitStack
) -> None:
    reader, _ = client(stack, spec(mosquitto, version), "reader", "data/+")
    writer, _ = client(stack, spec(mosquitto, version), "writer")
    assert reader.wait_ready(WITHIN_S)
    assert writer.wait_ready(WITHIN_S)
    stream = Stream(reader, writer, "data/a")
    for topic_filter in ("#", "data/+"):
        stream.write(100)  # Mosquitto sends twenty at once, the rest waits
        reader.resubscribe([(topic_filter, 1)])
        stream.until(stream.settled)
    assert stream.missed() == set()


class Publisher:
    """Publishes 0, 1, 2 … as samples and keeps the ledger: what the broker has acknowledged."""

    def __init__(self, stack: ExitStack, broker: BrokerSpec, count: int) -> None:
        self.client, _ = client(stack, broker, "publisher")
        self.acknowledged: set[int] = set()
        self._count = count
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        stack.callback(self._thread.join)

    def _run(self) -> None:
        for i in range(self._count):
            payload = b'{"value": %d, "ts": %d}' % (i, MS + i)
            ticket = self.client.publish("plant/a/v", payload, timeout_s=WITHIN_S)
            ticket.add_done_callback(
                lambda t, i=i: self.acknowledged.add(i) if t.error is None else None  # type: ignore[misc]
            )

    def finish(self) -> None:
        self._thread.join(WITHIN_S)
        until(lambda: len(self.acknowledged) == self._count, "every PUBACK")


def test_kills_of_the_broker_lose_nothing_and_keep_the_order(
    mosquitto: Mosquitto, version: MqttVersion, tmp_path: Path, stack: ExitStack
) -> None:
    broker = spec(mosquitto, version)
    store = stack.enter_context(_opened(tmp_path / "log"))
    running, troubles = agent(stack, store, source(POINT, broker=broker))
    assert running.wait_ready(WITHIN_S)
    publisher = Publisher(stack, broker, 3_000)
    exposed: set[int] = set()
    for share in (300, 1_000, 2_000):
        until(lambda share=share: len(publisher.acknowledged) > share, f"{share} PUBACKs")  # type: ignore[misc]
        # Mosquitto acknowledges before it saves: what it confirmed since is lost with it, and
        # that loss is the broker's. What it confirmed before must never be lost.
        safe = set(publisher.acknowledged)
        mosquitto.save()
        mosquitto.kill9()
        # What it confirmed last may still lie in the publisher's socket.
        until(lambda: not publisher.client.connected, "the publisher to notice")
        exposed |= publisher.acknowledged - safe
        mosquitto.start()
        kept = safe - exposed
        until(lambda kept=kept: kept <= {int(v) for v in logged(store)}, "the safe ones")  # type: ignore[misc]
    publisher.finish()
    until(lambda: 2999.0 in logged(store), "the last sample")
    values = [int(v) for v in logged(store)]
    assert publisher.acknowledged - set(values) <= exposed
    assert set(values) <= set(range(3_000))
    # What comes again comes in its order, so each sample's first coming is in order.
    first = list(dict.fromkeys(values))
    assert first == sorted(first)
    assert {"disconnected", "unreachable"} & {t.kind for t in troubles}


def test_an_orderly_restart_of_the_broker_loses_nothing_at_all(
    mosquitto: Mosquitto, version: MqttVersion, tmp_path: Path, stack: ExitStack
) -> None:
    broker = spec(mosquitto, version)
    store = stack.enter_context(_opened(tmp_path / "log"))
    running, _ = agent(stack, store, source(POINT, broker=broker))
    assert running.wait_ready(WITHIN_S)
    publisher = Publisher(stack, broker, 2_000)
    until(lambda: len(publisher.acknowledged) > 500, "500 PUBACKs")
    mosquitto.restart()
    publisher.finish()
    until(lambda: set(range(2_000)) <= {int(v) for v in logged(store)}, "every sample")


def test_an_agent_that_was_away_gets_everything_published_meanwhile(
    mosquitto: Mosquitto, version: MqttVersion, tmp_path: Path, stack: ExitStack
) -> None:
    broker = spec(mosquitto, version)
    source_spec = source(POINT, broker=broker)
    store = stack.enter_context(_opened(tmp_path / "log"))
    first, _ = agent(stack, store, source_spec)
    assert first.wait_ready(WITHIN_S)
    assert first.stop()
    Publisher(stack, broker, 1_500).finish()
    agent(stack, store, source_spec)
    until(lambda: len(logged(store)) >= 1_500, "every sample")
    assert [int(v) for v in logged(store)] == list(range(1_500))


def test_good_and_malformed_messages_through_the_broker_half_and_half(
    mosquitto: Mosquitto, tmp_path: Path, stack: ExitStack
) -> None:
    broker = spec(mosquitto)
    store = stack.enter_context(_opened(tmp_path / "log"))
    running, troubles = agent(stack, store, source(POINT, broker=broker))
    assert running.wait_ready(WITHIN_S)
    writer, _ = client(stack, broker, "writer")
    bad = [b"", b"{", b"\xff\xfe\0", b'{"value": NaN, "ts": 1}', b"[" * 2_000, b'{"value": "x"}']
    for i in range(2_000):
        writer.publish("plant/a/v", b'{"value": %d, "ts": %d}' % (i, MS), timeout_s=WITHIN_S)
        writer.publish("plant/a/v", bad[i % len(bad)], timeout_s=WITHIN_S)
    until(lambda: sum(store.dead_letter_counts().values()) == 2_000, "2,000 dead letters")
    until(lambda: len(logged(store)) == 2_000, "2,000 samples")
    assert logged(store) == [float(i) for i in range(2_000)]
    assert troubles == []


def test_a_message_over_the_limit_holds_nobody_up(
    start_mosquitto: StartMosquitto, version: MqttVersion, tmp_path: Path, stack: ExitStack
) -> None:
    """Under MQTT 5 the broker drops it, since we name the limit; under 3.1.1 it becomes a dead
    letter, of whose length only the part within the limit was kept.
    """
    mosquitto = start_mosquitto({"max_packet_size": 64 << 20})  # of another's broker
    broker = spec(mosquitto, version)
    store = stack.enter_context(_opened(tmp_path / "log"))
    running, _ = agent(stack, store, source(POINT, broker=broker))
    assert running.wait_ready(WITHIN_S)
    good = b'{"value": 1, "ts": %d}' % MS
    for payload in (good, b'{"value": 2, "x": "' + b"x" * (8 << 20) + b'"}', good):
        assert mosquitto_pub(mosquitto, "plant/a/v", payload).returncode == 0
    until(lambda: len(logged(store)) == 2, "both good samples")
    told = running.health()["sources"]["src"]
    cut = version == "3.1.1"
    assert (told["mqtt"]["connections"], told["mqtt"]["cut"]) == (1, cut)
    assert told["refused"] == ({"too_large": 1} if cut else {})
    assert store.dead_letter_counts() == ({"too_large": 1} if cut else {})


@pytest.fixture
def guarded(start_mosquitto: StartMosquitto, tmp_path: Path) -> Mosquitto:
    """A broker where `agent` may read plant/# and write health, and nobody else anything."""
    passwords = write_passwords(tmp_path / "passwords", [Login("agent", "right")])
    acl = tmp_path / "acl"
    acl.write_text("user agent\ntopic read plant/#\ntopic write lifeline/v1/health/#\n")
    acl.chmod(0o600)
    return start_mosquitto(password_file=passwords, acl_file=acl)


def login(directory: Path, password: str) -> dict[str, str]:
    file = directory / "password"
    file.write_text(password + "\n")
    return {"username": "agent", "password_file": str(file)}


def test_a_refused_connection_is_told_with_its_reason(
    guarded: Mosquitto, version: MqttVersion, tmp_path: Path, stack: ExitStack
) -> None:
    wrong, troubles = client(
        stack, spec(guarded, version, **login(tmp_path, "wrong")), "me", "plant/#"
    )
    until(lambda: len(troubles.of("refused")) >= 2, "two refusals")
    assert "ot authorized" in troubles.of("refused")[0].detail
    assert not wrong.connected
    assert "refused" in wrong.health()["last_reason"]
    assert troubles.of("disconnected") == []


def test_a_refused_subscription_is_told_and_the_others_work(
    start_mosquitto: StartMosquitto, version: MqttVersion, tmp_path: Path, stack: ExitStack
) -> None:
    # By an ACL file Mosquitto refuses no SUBSCRIBE, it only delivers nothing; by its plugin it does.
    plugins = sorted(Path("/usr/lib").glob("**/mosquitto_dynamic_security.so"))
    if not plugins:
        pytest.skip("mosquitto_dynamic_security.so is not installed")
    rules = tmp_path / "dynamic-security.json"
    rules.write_bytes(msgspec.json.encode(_only_plant_may_be_read()))
    broker = start_mosquitto({"plugin": str(plugins[0]), "plugin_opt_config_file": str(rules)})
    reader, troubles = client(stack, spec(broker, version), "me", "secret/#", "plant/#")
    assert reader.wait_ready(WITHIN_S)
    assert [t.detail.split(":")[0] for t in troubles.of("subscription_refused")] == ["secret/#"]
    reader.publish("plant/x", b"x").wait(WITHIN_S)
    assert [d.payload for d in reader.take(1, WITHIN_S)] == [b"x"]


def _only_plant_may_be_read() -> dict[str, object]:
    allowed = {"acltype": "subscribePattern", "topic": "plant/#", "allow": True}
    return {
        "defaultACLAccess": {
            "publishClientSend": True,
            "publishClientReceive": True,
            "subscribe": False,
            "unsubscribe": True,
        },
        "anonymousGroup": "everybody",
        "groups": [{"groupname": "everybody", "roles": [{"rolename": "reader"}]}],
        "roles": [{"rolename": "reader", "acls": [allowed]}],
        "clients": [],
    }


def test_a_refused_publication_is_told_under_mqtt_5(
    guarded: Mosquitto, tmp_path: Path, stack: ExitStack
) -> None:
    writer, troubles = client(stack, spec(guarded, "5", **login(tmp_path, "right")), "me")
    assert writer.wait_ready(WITHIN_S)
    with pytest.raises(SinkError, match="ot authorized"):
        writer.publish("elsewhere", b"x").wait(WITHIN_S)
    assert troubles.of("publication_refused")
    assert writer.idle


def test_a_second_client_with_our_id_is_told_as_a_storm(
    mosquitto: Mosquitto, version: MqttVersion, stack: ExitStack
) -> None:
    # Mosquitto 2.0 closes the older connection without the DISCONNECT that MQTT 5 has for it.
    first, troubles = client(stack, spec(mosquitto, version), "same", "t")
    assert first.wait_ready(WITHIN_S)
    client(stack, spec(mosquitto, version), "same", "t")
    until(lambda: bool(troubles.of("storm")), "the storm")
    assert len(troubles.of("disconnected")) >= MQTT_STORM_DISCONNECTS
    assert "second client" in troubles.of("storm")[0].text


def test_a_broker_that_hangs_is_noticed_by_the_missing_answer_to_a_ping(
    mosquitto: Mosquitto, version: MqttVersion, stack: ExitStack
) -> None:
    reader, troubles = client(stack, spec(mosquitto, version, keepalive=2), "me", "t")
    assert reader.wait_ready(WITHIN_S)
    os.kill(mosquitto.pid, signal.SIGSTOP)
    try:
        until(lambda: bool(troubles.of("stuck")), "the silence")
        assert not reader.connected
    finally:
        os.kill(mosquitto.pid, signal.SIGCONT)
    assert reader.wait_ready(WITHIN_S)


def test_a_forgotten_session_is_told(
    start_mosquitto: StartMosquitto, version: MqttVersion, stack: ExitStack
) -> None:
    forgetful = start_mosquitto(persistence=False)
    reader, troubles = client(stack, spec(forgetful, version), "me", "t")
    assert reader.wait_ready(WITHIN_S)
    forgetful.restart()
    until(lambda: bool(troubles.of("session_lost")), "the loss")


@pytest.mark.parametrize(("version", "window"), [("3.1.1", 20), ("5", 100)])
def test_the_window_is_the_brokers_under_3_1_1_and_ours_under_5(
    start_mosquitto: StartMosquitto, version: MqttVersion, window: int, stack: ExitStack
) -> None:
    broker = start_mosquitto({"max_inflight_messages": 20})
    reader, _ = client(stack, spec(broker, version), "reader", "t")
    writer, _ = client(stack, spec(broker, version), "writer")
    assert reader.wait_ready(WITHIN_S)
    for i in range(100):
        writer.publish("t", b"%d" % i, timeout_s=WITHIN_S)
    until(lambda: writer.idle, "every PUBACK")
    until(lambda: reader.counters["received"] >= window, "a full window")
    found: list[int] = []
    first = reader.take(1_000, 0.5)
    assert len(first) == window
    assert reader.take(1_000, 0.5) == []
    reader.ack(first)
    found += [int(d.payload) for d in first]
    while len(found) < 100:
        deliveries = reader.take(1_000, WITHIN_S)
        assert deliveries
        found += [int(d.payload) for d in deliveries]
        reader.ack(deliveries)
    assert found == list(range(100))


def test_the_last_will_says_that_the_agent_is_lost(
    mosquitto: Mosquitto, tmp_path: Path, stack: ExitStack
) -> None:
    store = stack.enter_context(_opened(tmp_path / "log"))
    running, _ = agent(stack, store, source(POINT, broker=spec(mosquitto)))
    assert running.wait_ready(WITHIN_S)
    witness = stack.enter_context(
        MosquittoSub(mosquitto, "lifeline/v1/health/+", tmp_path / "health.txt")
    )
    (running_message,) = witness.wait_for(1)
    assert msgspec.json.decode(running_message.payload)["status"] == "running"
    sock = running._lanes["src"].client._paho.socket()
    assert isinstance(sock, Intake)
    sock.shutdown(socket.SHUT_RDWR)  # to the broker the agent has vanished
    lost = witness.wait_for(2)[1]
    assert msgspec.json.decode(lost.payload)["status"] == "lost"
    assert lost.topic == "lifeline/v1/health/plant.src"


def test_tls_with_a_client_certificate(
    start_mosquitto: StartMosquitto, version: MqttVersion, tmp_path: Path, stack: ExitStack
) -> None:
    ca, (cert, key) = _certificates(tmp_path)
    broker = start_mosquitto(
        {"cafile": str(ca), "certfile": str(cert), "keyfile": str(key), "require_certificate": True}
    )
    tls = TlsSpec(ca_file=str(ca), cert_file=str(cert), key_file=str(key))
    reader, _ = client(stack, spec(broker, version, tls=tls), "me", "t")
    assert reader.wait_ready(WITHIN_S)
    for i in range(500):
        reader.publish("t", b"%d" % i + b" " * 5_000, timeout_s=WITHIN_S)
    found: list[int] = []
    while len(found) < 500:
        deliveries = reader.take(1_000, WITHIN_S)
        assert deliveries
        found += [int(d.payload) for d in deliveries]
        reader.ack(deliveries)
    assert found == list(range(500))
    bare, troubles = client(stack, spec(broker, version, tls=TlsSpec(ca_file=str(ca))), "bare", "t")
    until(lambda: bool(troubles), "the refusal")
    assert not bare.connected


def test_messages_of_many_tls_records_arrive_whole_through_a_full_inbox(
    start_mosquitto: StartMosquitto, version: MqttVersion, tmp_path: Path, stack: ExitStack
) -> None:
    ca, (cert, key) = _certificates(tmp_path)
    broker = start_mosquitto({"cafile": str(ca), "certfile": str(cert), "keyfile": str(key)})
    tls = TlsSpec(ca_file=str(ca))
    reader, troubles = client(stack, spec(broker, version, tls=tls), "me", "t")
    reader._inbox._limits = (3, 1 << 20)
    assert reader.wait_ready(WITHIN_S)
    writer, _ = client(stack, spec(broker, version, tls=tls), "writer")
    payloads = [b"%d" % i * 60_000 for i in range(40)] + [b"%d" % i for i in range(200)]
    found: list[bytes] = []
    for payload in payloads:
        writer.publish("t", payload, timeout_s=WITHIN_S)
        taken = reader.take(2, 0.0)
        reader.ack(taken)
        found += [d.payload for d in taken]
    while len(found) < len(payloads):
        taken = reader.take(2, WITHIN_S)
        assert taken
        reader.ack(taken)
        found += [d.payload for d in taken]
    assert found == payloads
    assert troubles == []


class _opened:
    def __init__(self, directory: Path) -> None:
        self.store = LogStore.open(directory)

    def __enter__(self) -> LogStore:
        return self.store

    def __exit__(self, *_: object) -> None:
        self.store.close()


def _certificates(directory: Path) -> tuple[Path, tuple[Path, Path]]:
    """An authority, and one certificate for 127.0.0.1 that serves both sides."""
    ca_key, ca, key, cert = (directory / n for n in ("ca.key", "ca.pem", "key.pem", "cert.pem"))
    request, extensions = directory / "request", directory / "extensions"
    extensions.write_text("subjectAltName=IP:127.0.0.1\n")

    def openssl(*arguments: object) -> None:
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)

    new = ("-newkey", "rsa:2048", "-nodes")
    ca_words = ("-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=keyCertSign")
    openssl(
        "req",
        "-x509",
        *new,
        "-keyout",
        ca_key,
        "-out",
        ca,
        "-days",
        2,
        "-subj",
        "/CN=ca",
        *ca_words,
    )
    openssl("req", *new, "-keyout", key, "-out", request, "-subj", "/CN=plant")
    openssl(
        "x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial",
        "-days", 2, "-extfile", extensions, "-out", cert,
    )  # fmt: skip
    return ca, (cert, key)
