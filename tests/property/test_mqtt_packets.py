"""Splitting MQTT: however the stream is cut, what comes out is what paho itself would have read."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import paho.mqtt.client as paho
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from lifeline.engine.clock import SystemClock
from lifeline.engine.limits import MAX_PAYLOAD_BYTES, MQTT_MAX_PACKET_BYTES
from lifeline.engine.mqtt.intake import Intake
from lifeline.engine.mqtt.loop import NetworkLoop
from lifeline.engine.mqtt.packets import Arrival, PacketSplitter
from mqtt_wire import ScriptedSocket, publish, variable

Came = list[Arrival | bytes]


def split(pieces: list[bytes], five: bool, most: int = 1_000) -> Came:
    """Messages, and the bytes of what is paho's, in the order in which they come out."""
    splitter = PacketSplitter(five=five)
    came: Came = []
    for piece in pieces:
        splitter.feed(piece)
        while True:
            found = splitter.messages(most)
            assert len(found) <= most
            came += found
            if splitter.other:
                came.append(b"".join(iter(lambda: splitter.take(3), b"")))
            elif not splitter.held:
                break
    return came


def cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted({n % (len(data) + 1) for n in at}), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]


arrivals = st.tuples(
    st.text("aZ/中", min_size=1, max_size=12).map(str.encode),
    st.one_of(st.binary(max_size=40), st.integers(100, 20_000).map(bytes)),
    st.integers(0, 65_535),
    st.booleans(),
)
# Nothing, a format indicator, and 2,100 bytes of user properties.
properties = st.sampled_from([b"", b"\x01\x01", b"\x26\x00\x01a\x00\x01b" * 300])
others = st.sampled_from(
    [
        b"\xd0\x00",  # PINGRESP
        b"\x40\x02\x00\x07",  # PUBACK
        b"\x34\x06\x00\x01a\x00\x01\x00",  # PUBLISH of QoS 2
        b"\x30\x02\x00\x00",  # PUBLISH without a topic
        b"\x30\x01\x00",  # PUBLISH too short for one
        b"\x32\x05\x00\x01a\x00\x00",  # PUBLISH of QoS 1 with the packet id 0
        b"\x30\x06\x00\x09abcd",  # PUBLISH whose topic is longer than itself
    ]
)
streams = st.lists(st.one_of(arrivals, others), max_size=12)
cuts = st.lists(st.integers(0, 1 << 20), max_size=12)


@given(streams, cuts, st.booleans(), properties, st.integers(1, 4))
def test_every_packet_comes_out_once_and_in_order_however_the_stream_was_cut(
    packets: Came, at: list[int], five: bool, extra: bytes, most: int
) -> None:
    data = b"".join(p if isinstance(p, bytes) else publish(p, five, extra) for p in packets)
    assert split(cut(data, at), five, most) == packets


@given(streams, st.booleans(), st.integers(1, 40))
def test_what_is_cut_off_at_the_end_leaves_whole_packets_only(
    packets: Came, five: bool, lost: int
) -> None:
    parts = [p if isinstance(p, bytes) else publish(p, five) for p in packets]
    data = b"".join(parts)[:-lost]
    whole = 0
    while whole < len(parts) and sum(map(len, parts[: whole + 1])) <= len(data):
        whole += 1
    assert split([data], five) == packets[:whole]


@given(st.binary(max_size=200), cuts, st.booleans())
def test_any_bytes_come_out_again_or_wait_for_more(data: bytes, at: list[int], five: bool) -> None:
    came = split(cut(data, at), five)
    taken = sum(len(c) if isinstance(c, bytes) else len(c[0]) + len(c[1]) for c in came)
    assert taken <= len(data)


@given(st.binary(max_size=20), cuts)
def test_a_length_of_more_than_four_bytes_is_paho_s_to_refuse(rest: bytes, at: list[int]) -> None:
    data = publish((b"t", b"1", 0, False), False) + b"\x30\xff\xff\xff\xff\x01" + rest
    (first, *refused) = split(cut(data, at), five=False)
    assert first == (b"t", b"1", 0, False)
    assert isinstance(refused[0], bytes)
    assert refused[0].startswith(b"\x30\xff\xff\xff\xff")


@settings(max_examples=20)
@given(
    st.integers(MQTT_MAX_PACKET_BYTES - 20, MQTT_MAX_PACKET_BYTES + 200_000),
    st.lists(st.integers(0, 1 << 21), max_size=30),
    st.booleans(),
)
def test_a_message_over_the_limit_comes_with_its_first_part_and_disturbs_no_other(
    size: int, at: list[int], five: bool
) -> None:
    payload = bytes(range(250)) * (size // 250)
    before, after = (b"b", b"1", 1, False), (b"a", b"2", 3, True)
    sent: list[Arrival] = [before, (b"long", payload, 2, False), after]
    cuts_made: list[None] = []
    splitter = PacketSplitter(five=five, on_cut=lambda: cuts_made.append(None))
    came: list[Arrival] = []
    longest = 0
    for piece in cut(b"".join(publish(a, five) for a in sent), at):
        splitter.feed(piece)
        longest = max(longest, splitter._length - len(piece))
        came += splitter.messages(9)
    assert [came[0], came[2]] == [before, after]
    topic, part, mid, _ = came[1]
    assert (topic, mid) == (b"long", 2)
    assert payload.startswith(part)
    whole = len(publish(sent[1], five)) <= MQTT_MAX_PACKET_BYTES
    assert (part == payload) is whole
    assert len(cuts_made) == (not whole)
    assert len(part) > MAX_PAYLOAD_BYTES  # no decoder takes it for a whole one
    assert longest <= MQTT_MAX_PACKET_BYTES  # and no more than that was ever kept


# --- beside paho -------------------------------------------------------------------------------------


class Heard:
    """What a paho client and its callbacks made of a stream, and how it ended."""

    def __init__(self, data: bytes, at: list[int], five: bool, *, intake: bool) -> None:
        self.messages: list[Arrival] = []
        self.answers: list[tuple[str, Any]] = []
        self.end = ""
        self._script = ScriptedSocket(cut(data, at))
        self._sock: Any = Intake(self._script, five=five) if intake else self._script  # type: ignore[arg-type]
        version = MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, "c", protocol=version, manual_ack=True
        )
        self._client._create_socket = lambda: self._sock  # type: ignore[method-assign]
        self._hook()
        self._client.connect_async("nowhere")
        self._client.reconnect()
        self._read_all()

    def _hook(self) -> None:
        def on_message(_client: Any, _data: Any, m: paho.MQTTMessage) -> None:
            mid = m.mid if m.qos else 0
            self.messages.append((m.topic.encode(), bytes(m.payload), mid, bool(m.retain)))

        self._client.on_message = on_message
        self._client.on_connect = lambda *a: self.answers.append(("connect", str(a[3])))
        self._client.on_publish = lambda *a: self.answers.append(("publish", a[2]))
        self._client.on_subscribe = lambda *a: self.answers.append(("subscribe", a[2]))
        self._client.on_disconnect = lambda *a: self.answers.append(("disconnect", str(a[3])))

    def _read_all(self) -> None:
        loop = NetworkLoop(
            self._client, SystemClock(), name="test", before_connect=lambda: None,
            on_gone=lambda: None, after_turn=lambda: None, on_messages=self.messages.extend,
            room=lambda: 3, on_trouble=lambda *_: None,
        )  # fmt: skip
        read = (
            (lambda: loop._read(self._sock))
            if isinstance(self._sock, Intake)
            else loop._client.loop_read
        )
        try:
            while self._client.socket() is not None and not self._script.exhausted:
                read()
            while isinstance(self._sock, Intake) and self._sock.buffered:
                read()
        except Exception as error:  # paho raises whatever struct and its own code do
            self.end = type(error).__name__


CONNACK = {False: b"\x20\x02\x00\x00", True: b"\x20\x03\x00\x00\x00"}


@given(streams, cuts, st.booleans(), properties)
def test_a_client_hears_through_the_intake_what_it_hears_without(
    packets: Came, at: list[int], five: bool, extra: bytes
) -> None:
    data = CONNACK[five] + b"".join(
        p if isinstance(p, bytes) else publish(p, five, extra) for p in packets
    )
    plain, through = (Heard(data, at, five, intake=intake) for intake in (False, True))
    assert through.messages == plain.messages
    assert (through.answers, through.end) == (plain.answers, plain.end)


@given(st.binary(max_size=100), cuts)
def test_also_where_the_stream_is_no_mqtt(data: bytes, at: list[int]) -> None:
    plain, through = (Heard(data, at, False, intake=intake) for intake in (False, True))
    assert through.messages == plain.messages
    assert (through.answers, through.end) == (plain.answers, plain.end)


def test_the_numbers_of_mqtt_are_those_of_the_standard() -> None:
    # MQTT 5.0 table 1-1.
    ends = {127: b"\x7f", 128: b"\x80\x01", 16_383: b"\xff\x7f", 2_097_152: b"\x80\x80\x80\x01"}
    assert {value: variable(value) for value in ends} == ends
