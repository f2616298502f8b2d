"""The client against the embedded broker, in MQTT 3.1.1 and 5."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from lifeline.engine.errors import SinkError
from lifeline.engine.limits import BROKER_WINDOW
from lifeline.engine.mqtt import Delivery, EmbeddedBroker, MqttClient, PublishTicket, Trouble, Will
from lifeline.engine.mqtt.inbox import Inbox
from lifeline.engine.mqtt.intake import Intake
from lifeline.engine.mqtt.subscriptions import overlap
from lifeline.engine.mqtt.watchdog import Vitals
from lifeline.engine.source import BrokerSpec, MqttVersion
from mqtt_stream import Stream
from servers.process import wait_until

WITHIN_S = 180.0


@pytest.fixture(scope="module")
def broker() -> Iterator[EmbeddedBroker]:
    with EmbeddedBroker() as running:
        yield running


@pytest.fixture(params=["3.1.1", "5"])
def version(request: pytest.FixtureRequest) -> MqttVersion:
    chosen: MqttVersion = request.param
    return chosen


class Clients:
    """Clients of one test, each with its troubles; all stopped at its end."""

    def __init__(self, spec: BrokerSpec, prefix: str, stack: ExitStack) -> None:
        self.spec = spec
        self.prefix = prefix
        self.troubles: list[Trouble] = []
        self._stack = stack

    def make(self, name: str, *topics: str, **options: Any) -> MqttClient:
        """A started client, ready."""
        subscriptions = [(f"{self.prefix}/{topic}", 1) for topic in topics]
        client = MqttClient(
            options.pop("spec", self.spec),
            f"{self.prefix}-{name}",
            subscriptions=subscriptions,
            on_trouble=self.troubles.append,
            **options,
        )
        self._stack.callback(client.stop)
        client.start()
        assert client.wait_ready(WITHIN_S)
        return client

    def stream(self, reader: MqttClient) -> Stream:
        """From a new client to `reader`, by the topic `data/a`."""
        return Stream(reader, self.make("writer"), f"{self.prefix}/data/a")

    def told(self, kind: str) -> Callable[[], bool]:
        return lambda: any(t.kind == kind for t in self.troubles)


@pytest.fixture
def clients(
    broker: EmbeddedBroker, version: MqttVersion, request: pytest.FixtureRequest
) -> Iterator[Clients]:
    name = f"{request.node.originalname}-{version}".replace(".", "")
    with ExitStack() as stack:
        yield Clients(broker.spec(version), name, stack)


def received(client: MqttClient, count: int, *, ack: bool = True) -> list[Delivery]:
    """The next `count` messages; fails when they do not come."""
    found: list[Delivery] = []

    def enough() -> bool:
        taken = client.take(count - len(found), 1.0)
        found.extend(taken)
        if ack:
            client.ack(taken)
        return len(found) >= count

    wait_until(enough, f"{count} messages", within_s=WITHIN_S)
    return found


def test_what_is_published_arrives_in_order_and_each_ticket_resolves(clients: Clients) -> None:
    reader, writer = clients.make("reader", "#"), clients.make("writer")
    tickets = [writer.publish(f"{clients.prefix}/a", b"%d" % i) for i in range(500)]
    assert [int(d.payload) for d in received(reader, 500)] == list(range(500))
    assert all(ticket.wait(WITHIN_S) for ticket in tickets)
    assert writer.idle
    assert clients.troubles == []


def test_beyond_the_brokers_window_nothing_comes_before_an_acknowledgement(
    clients: Clients,
) -> None:
    reader, writer = clients.make("reader", "#"), clients.make("writer")
    for i in range(BROKER_WINDOW + 50):
        writer.publish(f"{clients.prefix}/a", b"%d" % i)
    first = received(reader, BROKER_WINDOW, ack=False)
    assert reader.take(1, 0.5) == []
    reader.ack(first)
    assert [int(d.payload) for d in first + received(reader, 50)] == list(range(BROKER_WINDOW + 50))


def test_what_is_not_acknowledged_comes_again_to_the_next_connection(clients: Clients) -> None:
    reader, writer = clients.make("reader", "#"), clients.make("writer")
    for i in range(20):
        writer.publish(f"{clients.prefix}/a", b"%d" % i).wait(WITHIN_S)
    seen = received(reader, 20, ack=False)
    reader.ack(seen[:10])
    # The acknowledgements are on their way when a later message makes the round trip.
    writer.publish(f"{clients.prefix}/a", b"20").wait(WITHIN_S)
    seen += received(reader, 1, ack=False)
    reader.reconnect()
    again = received(reader, 11)
    assert [int(d.payload) for d in again] == list(range(10, 21))
    assert {d.connection for d in again} != {d.connection for d in seen}


def test_an_acknowledgement_for_an_earlier_connection_is_not_sent(clients: Clients) -> None:
    reader, writer = clients.make("reader", "#"), clients.make("writer")
    writer.publish(f"{clients.prefix}/a", b"x").wait(WITHIN_S)
    old = received(reader, 1, ack=False)
    reader.reconnect()
    (again,) = received(reader, 1, ack=False)
    reader.ack(old)
    assert reader.counters["ack_skipped"] == 1
    reader.reconnect()
    assert received(reader, 1)[0].payload == again.payload


def test_messages_that_could_not_be_taken_are_told_and_come_again(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = clients.make("reader", "#"), clients.make("writer")
    put, failures = Inbox.put, iter([RuntimeError("once")])

    def fails_once(inbox: Inbox, deliveries: Sequence[Delivery]) -> None:
        for failure in failures:
            raise failure
        put(inbox, deliveries)

    monkeypatch.setattr(Inbox, "put", fails_once)
    for payload in (b"one", b"two", b"three"):
        writer.publish(f"{clients.prefix}/a", payload)
    assert [d.payload for d in received(reader, 3)] == [b"one", b"two", b"three"]
    assert [t.kind for t in clients.troubles] == ["loop_error"]


def test_an_exception_while_connecting_makes_a_new_connection(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe, failures = MqttClient._subscribe, iter([RuntimeError("once")])

    def fails_once(client: MqttClient) -> None:
        for failure in failures:
            raise failure
        subscribe(client)

    monkeypatch.setattr(MqttClient, "_subscribe", fails_once)
    client = clients.make("client", "#")
    assert client.counters["connections"] == 2
    assert [t.kind for t in clients.troubles] == ["loop_error"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_loop_thread_is_noticed_told_and_started_again(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = clients.make("reader", "#"), clients.make("writer")
    loop = reader._loop

    def die(readable: bool) -> None:
        # What no `except Exception` stops, as an interpreter shutting a thread down.
        monkeypatch.undo()
        raise SystemExit

    monkeypatch.setattr(loop, "_note_pause", die)
    loop.wake()
    wait_until(clients.told("loop_dead"), "the dead thread to be told", within_s=WITHIN_S)
    writer.publish(f"{clients.prefix}/a", b"alive").wait(WITHIN_S)
    assert received(reader, 1)[0].payload == b"alive"


def test_a_loop_that_ends_because_it_was_told_to_is_no_trouble(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = clients.make("stopped")
    watch = threading.current_thread()
    vitals = client._vitals

    def stopped_meanwhile() -> Vitals:
        """The watcher had woken when `stop` came, and looks when the loop has ended."""
        if threading.current_thread() is watch:
            assert client.stop()
        return vitals()

    monkeypatch.setattr(client, "_vitals", stopped_meanwhile)
    client._watch()
    assert not client._loop.alive
    assert clients.troubles == []


def test_nobody_reads_the_socket_while_the_inbox_is_full(clients: Clients) -> None:
    reader, writer = clients.make("reader", "#"), clients.make("writer")
    reader._inbox._limits = (10, 1 << 20)
    for i in range(200):
        writer.publish(f"{clients.prefix}/a", b"%d" % i).wait(WITHIN_S)
    wait_until(lambda: reader._loop.paused_since is not None, "a pause", within_s=WITHIN_S)
    assert len(reader._inbox) <= 10
    found: list[Delivery] = []
    while len(found) < 200:
        found += received(reader, min(7, 200 - len(found)))
        assert len(reader._inbox) <= 10
    assert [int(d.payload) for d in found] == list(range(200))


def test_a_client_that_vanishes_leaves_its_will_and_one_that_stops_does_not(
    clients: Clients,
) -> None:
    reader = clients.make("reader", "will/#")
    polite = clients.make("polite", will=Will(f"{clients.prefix}/will/polite", b"lost"))
    rude = clients.make("rude", will=Will(f"{clients.prefix}/will/rude", b"lost"))
    polite.stop()
    sock = rude._paho.socket()
    assert isinstance(sock, Intake)
    sock.shutdown(socket.SHUT_RDWR)
    (delivery,) = received(reader, 1)
    assert delivery.topic == f"{clients.prefix}/will/rude"
    assert reader.take(1, 0.5) == []


def test_publications_keep_their_order_through_lost_connections(clients: Clients) -> None:
    reader, writer = clients.make("reader", "#"), clients.make("writer")

    def publish() -> None:
        for i in range(2_000):
            writer.publish(f"{clients.prefix}/a", b"%d" % i)

    thread = threading.Thread(target=publish)
    thread.start()
    found: list[int] = []
    while len(dict.fromkeys(found)) < 2_000:
        if len(found) % 500 < 100 and writer.counters["connections"] < 4:
            writer.reconnect()
        found += [int(d.payload) for d in received(reader, 1)]
    thread.join(WITHIN_S)
    assert list(dict.fromkeys(found)) == list(range(2_000))
    assert writer.counters["connections"] > 1


def test_a_callback_of_a_ticket_may_publish(clients: Clients) -> None:
    reader, writer = clients.make("reader", "#"), clients.make("writer")
    ticket = writer.publish(f"{clients.prefix}/a", b"1")

    def publish_another(_ticket: PublishTicket) -> None:
        writer.publish(f"{clients.prefix}/a", b"2", timeout_s=0.0)

    ticket.add_done_callback(publish_another)
    assert [d.payload for d in received(reader, 2)] == [b"1", b"2"]


def test_a_topic_to_publish_on_is_plain() -> None:
    client = MqttClient(BrokerSpec(), "plain")
    for topic in ("", "a/+", "#", "a\0b"):
        with pytest.raises(ValueError, match="topic"):
            client.publish(topic, b"x", timeout_s=0.0)
    client.stop()


def test_a_broker_that_is_away_is_told_and_found_again(version: MqttVersion) -> None:
    troubles: list[Trouble] = []
    with EmbeddedBroker() as away:
        spec = away.spec(version)
    client = MqttClient(spec, "early", subscriptions=[("t", 1)], on_trouble=troubles.append)
    client.start()
    try:
        wait_until(lambda: bool(troubles), "a trouble", within_s=WITHIN_S)
        assert troubles[0].kind == "unreachable"
        assert not client.connected
        waiting = client.publish("t", b"kept")
        assert not waiting.done
        with EmbeddedBroker(away.port, away.port_v5):
            assert client.wait_ready(WITHIN_S)
            assert waiting.wait(WITHIN_S)
            wait_until(lambda: client.connected, "a connection", within_s=WITHIN_S)
        wait_until(lambda: not client.connected, "the loss to be noticed", within_s=WITHIN_S)
        assert "disconnected" in {t.kind for t in troubles}
        assert client.health()["last_reason"]
    finally:
        client.stop()


def test_a_full_window_refuses_in_time_and_a_stopped_client_at_once(version: MqttVersion) -> None:
    with EmbeddedBroker() as away:
        spec = away.spec(version)
    client = MqttClient(spec, "nobody")
    tickets = [client.publish("t", b"x", timeout_s=0.0) for _ in range(20)]
    with pytest.raises(SinkError, match="does not acknowledge"):
        client.publish("t", b"x", timeout_s=0.0)
    client.stop()
    assert all(ticket.error is not None for ticket in tickets)
    with pytest.raises(SinkError, match="stopped"):
        client.publish("t", b"x", timeout_s=0.0)


def test_changed_subscriptions_apply_to_the_running_connection(clients: Clients) -> None:
    reader, writer = clients.make("reader", "old", "stays"), clients.make("writer")
    reader.resubscribe([(f"{clients.prefix}/stays", 1), (f"{clients.prefix}/new", 1)])
    assert reader.wait_ready(WITHIN_S)
    for topic in ("old", "stays", "new"):
        writer.publish(f"{clients.prefix}/{topic}", topic.encode()).wait(WITHIN_S)
    assert {d.payload for d in received(reader, 2)} == {b"stays", b"new"}
    assert reader.take(1, 0.5) == []


def test_a_topic_that_changes_its_filter_misses_nothing(clients: Clients) -> None:
    reader = clients.make("reader", "data/+")
    stream = clients.stream(reader)
    for change in range(4):
        topic_filter = f"{clients.prefix}/{('#', 'data/+')[change % 2]}"
        reader.resubscribe([(topic_filter, 1)])
        stream.until(stream.settled)
    assert stream.missed() == set()


def test_what_waits_in_the_broker_when_a_topic_changes_its_filter_still_comes(
    clients: Clients,
) -> None:
    reader = clients.make("reader", "data/+")
    stream = clients.stream(reader)
    stream.write(3 * BROKER_WINDOW)  # what is more than a window waits in the broker
    reader.resubscribe([(f"{clients.prefix}/#", 1)])
    stream.until(stream.settled)
    assert stream.missed() == set()


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/c", False),
        ("a/+", "+/b", True),
        ("a/+/c", "a/b/d", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("+", "a/b", False),
        ("#", "a/b", True),
        ("a/b/#", "a/+", True),
        ("a/b/#", "a/c/#", False),
    ],
)
def test_filters_that_share_topics_are_told_from_those_that_do_not(
    one: str, other: str, shared: bool
) -> None:
    assert overlap(one, other) is overlap(other, one) is shared


def test_a_client_is_ready_when_each_changed_subscription_is_answered(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = clients.make("reader", "old")
    mids = iter((60_001, 60_002))  # of packets that no broker answers
    monkeypatch.setattr(
        reader._paho, "subscribe", lambda _wanted: (paho.MQTT_ERR_SUCCESS, next(mids))
    )
    granted = [ReasonCode(PacketTypes.SUBACK, identifier=1)]
    for name in ("new", "newer"):
        reader.resubscribe([(f"{clients.prefix}/{name}", 1)])
    for mid in (60_001, 60_002):
        assert not reader.wait_ready(0.0)
        reader._answered(mid, granted, None)
    assert reader.wait_ready(0.0)


@pytest.mark.parametrize(
    ("code", "from_broker", "kind"),
    [(142, True, "taken_over"), (141, False, "stuck"), (139, True, "disconnected")],
)
def test_the_reason_of_a_lost_connection_says_what_it_was(
    code: int, from_broker: bool, kind: str
) -> None:
    troubles: list[Trouble] = []
    client = MqttClient(BrokerSpec(), "told", on_trouble=troubles.append)
    reason = ReasonCode(PacketTypes.DISCONNECT, identifier=code)
    client._disconnected(paho.DisconnectFlags(from_broker), reason, None)
    assert [t.kind for t in troubles] == [kind]
    client.stop()


def test_a_trouble_handler_that_raises_harms_nobody(broker: EmbeddedBroker) -> None:
    def raises(_trouble: Trouble) -> None:
        raise RuntimeError("handler")

    client = MqttClient(broker.spec(), "raises", subscriptions=[("raises", 1)], on_trouble=raises)
    client.start()
    try:
        assert client.wait_ready(WITHIN_S)
        client._tell("storm", "for the test")
        client.publish("raises", b"x").wait(WITHIN_S)
        assert received(client, 1)[0].payload == b"x"
        assert client.counters["on_trouble_raised"] == 1
    finally:
        client.stop()
