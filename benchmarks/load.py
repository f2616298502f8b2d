"""The load: QoS 1 messages at a pace, or as fast as the receiver at the far end follows.

A process of its own. It speaks MQTT 3.1.1 by hand (CONNECT, PUBLISH, PUBACK and nothing else), about
1 µs a message: paho spends some 40 µs on the sending side of one, which on two shared cores would
measure the load instead of the engine. Nothing but the load is made this way.

Every `mark_every`-th message is a marker. While it runs as fast as the receiver follows, at most
AHEAD messages are beyond the last marker that came out at the far end; so the broker's queue neither
runs dry nor grows, and what is measured is what can be kept up.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from figure import NotMeasured
from plants import STAMP, Plant

AHEAD = 16_384  # messages; four of the engine's receive windows
UNACKNOWLEDGED = 2_048  # by the broker; it answers at once
CHUNK = 64
PATIENCE_S = 30.0
_MIDS = [m.to_bytes(2, "big") for m in range(65_536)]


@dataclass(frozen=True, slots=True)
class Order:
    """What to send.

    seconds      for how long, and on to the next marker, so that nothing is under way behind it
    rate         messages/s; None: as the receiver follows
    mark_every   one message in so many is a marker
    marks        at most so many markers
    """

    seconds: float
    rate: float | None
    mark_every: int
    marks: int = 1 << 30


@dataclass(slots=True)
class Sent:
    """What was sent, and when (ns of the monotonic clock, which all processes share).

    markers   by event time in ms: when it was handed to the socket
    waited_s  how long the load stood still for the receiver
    broker_s  how long it stood still for the broker's acknowledgements
    """

    began: int = 0
    ended: int = 0
    messages: int = 0
    waited_s: float = 0.0
    broker_s: float = 0.0
    markers: dict[int, int] = field(default_factory=dict)
    failed: str = ""


def connect_packet(client: str) -> bytes:
    """CONNECT, clean session, no keep-alive."""
    name = client.encode()
    body = b"\x00\x04MQTT\x04\x02\x00\x00" + len(name).to_bytes(2, "big") + name
    return b"\x10" + _length(len(body)) + body


def publish_head(topic: str, payload: int) -> bytes:
    """PUBLISH QoS 1 up to the packet id, for a payload of that many bytes."""
    name = topic.encode()
    length = _length(2 + len(name) + 2 + payload)
    return b"\x32" + length + len(name).to_bytes(2, "big") + name


def _length(value: int) -> bytes:
    """MQTT's own number: seven bits a byte."""
    out = bytearray()
    while True:
        value, low = divmod(value, 128)
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


class Wire:
    """A publishing connection. Raises OSError, and ConnectionError where the broker hangs up."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(connect_packet("bench-load"))
        if self._socket.recv(4)[3:] != b"\x00":
            raise ConnectionError("the broker refused the load")
        self._mid = 0
        self._answered = 0  # bytes; a PUBACK has four
        self._sent = 0
        self.waited_s = 0.0  # for the broker, ever

    def send(self, messages: list[tuple[bytes, bytes]], stamp: bytes) -> None:
        """Sends heads and payloads, the stamp in its place; waits while too many are open."""
        parts: list[bytes] = []
        for head, payload in messages:
            self._mid = self._mid % 65_535 + 1
            parts += (head, _MIDS[self._mid], payload.replace(STAMP, stamp))
        self._sent += len(messages)
        self._socket.sendall(b"".join(parts))
        self.listen(0.0)
        began = time.monotonic_ns()
        while self.open > UNACKNOWLEDGED:
            self.listen(PATIENCE_S)
        self.waited_s += (time.monotonic_ns() - began) / 1e9

    @property
    def open(self) -> int:
        """Messages that the broker has not acknowledged."""
        return self._sent - self._answered // 4

    def listen(self, wait_s: float) -> None:
        """Takes the acknowledgements that are there."""
        if select.select([self._socket], [], [], wait_s)[0]:
            data = self._socket.recv(65_536)
            if not data:
                raise ConnectionError("the broker closed the load's connection")
            self._answered += len(data)
        elif wait_s:
            raise ConnectionError("the broker does not acknowledge the load")

    def close(self) -> None:
        """DISCONNECT."""
        self._socket.sendall(b"\xe0\x00")
        self._socket.close()


class Load:
    """Carries out orders. `heard` counts the markers that came out at the far end, ever."""

    def __init__(self, port: int, plant: Plant, heard: Any) -> None:
        self._wire = Wire(port)
        self._plant = plant
        self._heard = heard
        made = [(publish_head(t, len(p)), p) for t, p in plant.messages()]
        self._messages: Iterator[tuple[bytes, bytes]] = cycle(made)
        self._marked = 0
        self._last_ms = 0

    def carry_out(self, order: Order) -> Sent:
        """Returns when the receiver has everything."""
        sent, waited = Sent(began=time.monotonic_ns()), self._wire.waited_s
        try:
            self._send(order, sent)
            sent.ended = time.monotonic_ns()
            sent.broker_s = self._wire.waited_s - waited
            self._drain()
        except (OSError, NotMeasured) as error:
            sent.failed = str(error)
        return sent

    def _send(self, order: Order, sent: Sent) -> None:
        until = sent.began + int(order.seconds * 1e9)
        while True:
            now = time.monotonic_ns()
            beyond = sent.messages % order.mark_every
            if not beyond and (now >= until or len(sent.markers) >= order.marks):
                return
            count = min(CHUNK, order.mark_every - beyond)
            if order.rate is None:
                sent.waited_s += self._follow(order.mark_every, until)
            else:
                count = min(count, int((now - sent.began) / 1e9 * order.rate) - sent.messages)
            if count > 0:
                self._chunk(count, sent, order.mark_every)
            else:
                time.sleep(0.001)

    def _chunk(self, count: int, sent: Sent, mark_every: int) -> None:
        """Sends `count` messages; the last is a marker where it completes `mark_every`."""
        sent.messages += count
        marks = sent.messages % mark_every == 0
        chunk = [next(self._messages) for _ in range(count - marks)]
        stamp = max(time.time_ns() // 1_000_000, self._last_ms + 1)
        self._last_ms = stamp if marks else self._last_ms
        if marks:
            topic, payload = self._plant.marker(self._marked)
            chunk.append((publish_head(topic, len(payload)), payload))
            self._marked += 1
            sent.markers[stamp] = time.monotonic_ns()
        self._wire.send(chunk, b"%d" % stamp)

    def _follow(self, mark_every: int, until: int) -> float:
        """Waits while the receiver is too far behind; how long."""
        most = max(1, AHEAD // mark_every)
        if self._marked - self._heard.value < most:
            return 0.0
        began = time.monotonic_ns()
        while self._marked - self._heard.value >= most and time.monotonic_ns() < until:
            time.sleep(0.0005)
        return (time.monotonic_ns() - began) / 1e9

    def _drain(self) -> None:
        """Until every marker has come out; patience begins anew with each."""
        heard, since = self._heard.value, time.monotonic()
        while self._heard.value < self._marked:
            if self._heard.value != heard:
                heard, since = self._heard.value, time.monotonic()
            if time.monotonic() - since > PATIENCE_S:
                missing = self._marked - self._heard.value
                raise NotMeasured(f"{missing} of {self._marked} markers did not come out")
            time.sleep(0.01)

    def close(self) -> None:
        """Says goodbye."""
        self._wire.close()


def run_load(pipe: Connection, port: int, plant: Plant, heard: Any) -> None:
    """The process: orders come by the pipe, accounts go back; None ends it."""
    load = Load(port, plant, heard)
    pipe.send(True)
    while (order := pipe.recv()) is not None:
        pipe.send(load.carry_out(order))
    load.close()


class LoadProcess:
    """The load in a process of its own."""

    def __init__(self, context: Any, port: int, plant: Plant, heard: Any) -> None:
        self._pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=run_load, args=(theirs, port, plant, heard), daemon=True
        )
        self.process.start()
        theirs.close()
        self._receive(60.0)

    def carry_out(self, order: Order) -> Sent:
        """Returns when the receiver has everything. Raises NotMeasured where it fails."""
        self._pipe.send(order)
        sent: Sent = self._receive(order.seconds + 4 * PATIENCE_S)
        if sent.failed:
            raise NotMeasured(f"the load: {sent.failed}")
        return sent

    def _receive(self, within_s: float) -> Any:
        if not self._pipe.poll(within_s):
            raise NotMeasured("the load does not answer")
        try:
            return self._pipe.recv()
        except EOFError:
            raise NotMeasured("the load has ended; its error is above") from None

    def stop(self) -> None:
        """Ends the process."""
        if self.process.is_alive():
            self._pipe.send(None)
            self.process.join(10.0)
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
