"""The client on a connection whose other end says by hand what no broker would, and when."""

from __future__ import annotations

import base64
import hashlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import paho.mqtt.client as paho
import pytest

from lifeline.engine.limits import MAX_PAYLOAD_BYTES, MQTT_MAX_PACKET_BYTES
from lifeline.engine.mqtt import Delivery, MqttClient, Trouble
from lifeline.engine.mqtt.intake import Intake, IntakeClient
from lifeline.engine.mqtt.packets import Arrival
from lifeline.engine.source import BrokerSpec
from mqtt_wire import publish, variable
from servers.process import wait_until

Read = Callable[[int], bytes]
Send = Callable[[bytes], None]

WITHIN_S = 180.0
PINGRESP = b"\xd0\x00"
WEB_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONNECT, SUBSCRIBE, PINGREQ, PUBACK = 0x10, 0x80, 0xC0, 0x40


class Other:
    """The other end of each connection: answers WEB_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    CONNECT, SUBSCRIBE and PING; the rest is the test's.

        `script` holds what connection n is sent once subscribed, None to hang up.
    """

    def __init__(self, *scripts: list[bytes | None]) -> None:
        self.heard: list[int] = []  # first bytes of the packets that came, of all connections
        self.connections = 0
        self._scripts = list(scripts)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._now: socket.socket | None = None
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def send(self, data: bytes) -> None:
        """On the connection that stands."""
        assert self._now is not None
        self._now.sendall(data)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(WITHIN_S)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._now = connection
            self.connections += 1
            with connection, connection.makefile("rb") as stream:
                try:
                    read, send = self._speak(stream.read, connection.sendall)
                    self._answer(read, send, self._scripts.pop(0) if self._scripts else [])
                except OSError:  # the client hung up
                    continue

    def _speak(self, read: Read, send: Send) -> tuple[Read, Send]:
        """How MQTT is read and sent on a new connection."""
        return read, send

    def _answer(self, read: Read, send: Send, script: list[bytes | None]) -> None:
        while first := read(1):
            self.heard.append(first[0] & 0xF0)
            body = read(_length(read))
            if self.heard[-1] == CONNECT:
                send(b"\x20\x02%c\x00" % (self.connections > 1))  # from the second on: the session
            elif self.heard[-1] == PINGREQ:
                send(PINGRESP)
            elif self.heard[-1] == SUBSCRIBE:
                send(b"\x90\x03" + body[:2] + b"\x01")
                for part in script:
                    if part is None:
                        return
                    send(part)


class WebOther(Other):
    """The same over websockets (RFC 6455), its frames cut without regard to packets."""

    def _speak(self, read: Read, send: Send) -> tuple[Read, Send]:
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += read(1)
        key = request.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        accepted = base64.b64encode(hashlib.sha1(key + WEB_GUID).digest())
        lines = (b"HTTP/1.1 101 Switching Protocols", b"Upgrade: websocket", b"Connection: Upgrade")
        send(b"\r\n".join([*lines, b"Sec-WebSocket-Accept: " + accepted, b"", b""]))
        here = bytearray()

        def read_framed(count: int) -> bytes:
            while len(here) < count:
                head = read(2)
                if len(head) < 2:
                    return b""
                size = head[1] & 0x7F
                size = int.from_bytes(read(2), "big") if size == 126 else size
                mask = read(4)
                here.extend(byte ^ mask[i % 4] for i, byte in enumerate(read(size)))
            taken = bytes(here[:count])
            del here[:count]
            return taken

        def send_framed(data: bytes) -> None:
            for start in range(0, len(data), 1_000):
                part = data[start : start + 1_000]
                send(b"\x82\x7e" + len(part).to_bytes(2, "big") + part)

        return read_framed, send_framed


def _length(read: Read) -> int:
    value, shift = 0, 0
    while True:
        byte = read(1)[0]
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as running:
        yield running


def connected(
    stack: ExitStack, other: Other, *, keepalive: int = 30
) -> tuple[MqttClient, list[Trouble]]:
    stack.callback(other.close)
    troubles: list[Trouble] = []
    spec = BrokerSpec(port=other.port, version="3.1.1", keepalive=keepalive)
    client = MqttClient(spec, "me", subscriptions=[("t", 1)], on_trouble=troubles.append)
    stack.callback(client.stop)
    client.start()
    return client, troubles


def received(client: MqttClient, count: int) -> list[Delivery]:
    found: list[Delivery] = []

    def enough() -> bool:
        found.extend(client.take(count - len(found), 1.0))
        return len(found) >= count

    wait_until(enough, f"{count} messages", within_s=WITHIN_S)
    return found


def message(number: int, size: int = 1) -> bytes:
    return publish((b"t", b"%d" % number + b" " * (size - 1), number, False), False)


def test_half_a_message_before_the_end_of_a_connection_is_dropped(stack: ExitStack) -> None:
    half = message(2, 500)[:-1]
    client, troubles = connected(stack, Other([message(1) + half, None], [message(2, 500)]))
    first, second = received(client, 2)
    assert (first.mid, first.connection) == (1, 1)
    assert (second.mid, second.connection, len(second.payload)) == (2, 2, 500)
    assert [t.kind for t in troubles] == ["disconnected"]


@pytest.mark.parametrize(
    "broken",
    [
        b"\x32\xff\xff\xff\xff\x01",  # a length of five bytes
        b"\x30\x06\x00\x09abcd",  # a topic that is longer than its packet
        b"\x00\x00",  # no such packet
        b"\x20" + variable(MQTT_MAX_PACKET_BYTES) + bytes(MQTT_MAX_PACKET_BYTES),  # 1 MiB CONNACK
    ],
)
def test_what_breaks_the_protocol_ends_the_connection_and_a_new_one_is_made(
    broken: bytes, stack: ExitStack
) -> None:
    other = Other([message(1) + broken], [message(2)])
    client, troubles = connected(stack, other)
    assert [d.mid for d in received(client, 2)] == [1, 2]
    assert other.connections == 2
    assert troubles
    assert client.connected


def test_a_message_over_the_limit_is_cut_counted_and_holds_nobody_up(stack: ExitStack) -> None:
    long = publish((b"t", bytes(3 * MQTT_MAX_PACKET_BYTES), 2, False), False)
    client, troubles = connected(stack, Other([message(1) + long + message(3)]))
    found = received(client, 3)
    assert [d.mid for d in found] == [1, 2, 3]
    assert MAX_PAYLOAD_BYTES < len(found[1].payload) <= MQTT_MAX_PACKET_BYTES
    assert client.health()["cut"] == 1
    assert troubles == []


def test_a_topic_that_is_no_text_is_kept_readable_and_counted(stack: ExitStack) -> None:
    sent: list[Arrival] = [(b"\xff\xfe", b"1", 1, False), (b"t", b"2", 2, True)]
    client, _ = connected(stack, Other([b"".join(publish(each, False) for each in sent)]))
    first, second = received(client, 2)
    assert (first.topic, second.topic, second.retained) == ("(not UTF-8)", "t", True)
    assert client.counters["topic_not_utf8"] == 1


def test_many_messages_of_one_read_wait_outside_a_full_inbox(stack: ExitStack) -> None:
    other = Other()
    client, troubles = connected(stack, other)
    client._inbox._limits = (10, 1 << 20)
    assert client.wait_ready(WITHIN_S)
    ticket = client.publish("t", b"answered between them")
    wait_until(lambda: 0x30 in other.heard, "the publication", within_s=WITHIN_S)
    answer = b"\x40\x02\x00" + bytes([2])  # SUBSCRIBE was packet 1
    other.send(b"".join(map(message, range(1, 501))) + answer + message(501))
    wait_until(lambda: client._loop.paused_since is not None, "a pause", within_s=WITHIN_S)
    numbers: list[int] = []
    while len(numbers) < 501:
        assert len(client._inbox) <= 10
        assert ticket.done is False or len(numbers) >= 480
        numbers += [d.mid for d in received(client, min(7, 501 - len(numbers)))]
    assert numbers == list(range(1, 502))
    assert ticket.wait(WITHIN_S)
    assert troubles == []


def test_pings_are_sent_and_answered_between_messages(stack: ExitStack) -> None:
    other = Other()
    client, troubles = connected(stack, other, keepalive=1)
    assert client.wait_ready(WITHIN_S)
    sent = 0

    def pinged_three_times() -> bool:
        nonlocal sent
        sent += 1
        other.send(message(sent))  # never acknowledged, so that nothing else is sent
        return other.heard.count(PINGREQ) >= 3

    wait_until(pinged_three_times, "three pings", within_s=WITHIN_S)
    assert [d.mid for d in received(client, sent)] == list(range(1, sent + 1))
    assert (other.connections, troubles) == (1, [])


def test_no_ping_is_needed_while_messages_come_and_are_acknowledged(stack: ExitStack) -> None:
    """As paho has it: so a long pause for a full inbox leaves no ping unanswered behind it."""
    other = Other()
    client, troubles = connected(stack, other, keepalive=2)
    assert client.wait_ready(WITHIN_S)
    before = client._paho._last_bytes_received
    other.send(message(1))
    client.ack(received(client, 1))
    wait_until(lambda: PUBACK in other.heard, "the PUBACK", within_s=WITHIN_S)
    assert client._paho._last_bytes_received > before
    assert troubles == []


def test_where_paho_makes_its_socket_otherwise_it_reads_by_itself(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(IntakeClient, "_create_socket", paho.Client._create_socket)
    monkeypatch.setattr("lifeline.engine.mqtt.intake._QUEUES", False)
    bad_topic = publish((b"\xff", b"x", 3, False), False)
    other = Other([b"".join(map(message, (1, 2))) + bad_topic, None], [message(4)])
    client, troubles = connected(stack, other)
    assert client.wait_ready(WITHIN_S)
    assert not isinstance(client._paho.socket(), Intake)
    found = received(client, 4)
    assert [(d.mid, d.connection) for d in found] == [(1, 1), (2, 1), (3, 1), (4, 2)]
    assert found[2].topic == "(not UTF-8)"
    client.ack(found)
    wait_until(lambda: other.heard.count(PUBACK) == 1, "the PUBACK", within_s=WITHIN_S)
    assert client.counters["ack_skipped"] == 3
    assert [t.kind for t in troubles] == ["disconnected"]


def test_over_websockets_paho_reads_by_itself(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_async = IntakeClient.connect_async

    def over_websockets(client: IntakeClient, *arguments: object, **named: object) -> None:
        client._transport = "websockets"  # no configuration can ask for it yet
        connect_async(client, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(IntakeClient, "connect_async", over_websockets)
    messages = [message(n, size=n * 7) for n in range(1, 301)]
    client, troubles = connected(stack, WebOther([b"".join(messages), None], [message(9)]))
    found = received(client, 301)
    assert not isinstance(client._paho.socket(), Intake)
    assert [(d.mid, len(d.payload)) for d in found[:300]] == [
        (n, n * 7 - 1 + len(str(n))) for n in range(1, 301)
    ]
    assert (found[300].mid, found[300].connection) == (9, 2)
    assert [t.kind for t in troubles] == ["disconnected"]


def test_a_socket_that_fails_says_so_to_paho() -> None:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    intake = Intake(ours, five=False)
    with pytest.raises(BlockingIOError):
        intake.recv(1)
    theirs.sendall(message(1) + PINGRESP)
    theirs.close()
    intake.fill()
    assert [mid for _, _, mid, _ in intake.messages(9)] == [1]
    told = [intake.waiting, intake.recv(1), intake.recv(8), intake.waiting]
    assert told == [True, PINGRESP[:1], PINGRESP[1:], False]
    intake.fill()
    assert [intake.waiting, intake.recv(1)] == [True, b""]
    intake.close()
    failing = Intake(ours, five=False)
    failing.fill()
    assert failing.waiting
    with pytest.raises(OSError, match="Bad file descriptor"):
        failing.recv(1)
