"""Reads a connection many messages at a time, between paho and its socket.

paho reads each packet by three calls to the socket and builds its objects about it: for a small
message 46 µs of processor time under MQTT 5 and 20 under 3.1.1, more than all else that the engine
does with it. What is split out of one read costs 2. Connecting, subscribing, acknowledging, pinging
and all that is malformed stays paho's.

paho has no public place for this. `IntakeClient` alone touches what is private: the method that makes
the socket; the time of the last bytes, without which paho would ping while messages come; the queue of
what is to be written, so that the acknowledgements of a batch leave in one piece. A paho that makes
its socket otherwise, as it does for websockets, reads by itself as ever, since the loop asks what
kind it got; one without that queue acknowledges one by one.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence

import paho.mqtt.client as paho
from paho.mqtt.enums import MQTTProtocolVersion

from ..limits import MQTT_READ_BYTES
from .packets import Arrival, PacketSplitter

_PUBACK = b"\x40\x02"
_QUEUES = hasattr(paho.Client, "_packet_queue")


class Intake:
    """A connected, non-blocking socket as paho sees it, with the messages taken out.

    In turn, and from one thread: `fill` reads once; `messages` gives those up to the next other
    packet; while `waiting`, paho's `loop_read` takes that packet by `recv`, and `messages` goes on
    behind it. What is not read stays in the socket, so that the broker feels whoever is slow.

    five       whether it is MQTT 5
    on_bytes   called when bytes came
    on_cut     called for each message over the limit, of which only the first part is given
    """

    def __init__(
        self,
        sock: socket.socket,
        *,
        five: bool,
        on_bytes: Callable[[], None] = lambda: None,
        on_cut: Callable[[], None] = lambda: None,
    ) -> None:
        self._sock = sock
        self._on_bytes = on_bytes
        self._splitter = PacketSplitter(five=five, on_cut=on_cut)
        self._ended = False
        self._error: OSError | None = None

    # --- for the loop ----------------------------------------------------------------------------

    @property
    def waiting(self) -> bool:
        """Whether there is something for paho: a packet, the end, an error."""
        return bool(self._splitter.other) or self._ended or self._error is not None

    @property
    def buffered(self) -> bool:
        """Whether something waits here of which a selector does not know."""
        if self._splitter.held:
            return True
        return isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0

    def fill(self) -> None:
        """Reads once, unless messages are held here for want of room. Never raises, never waits."""
        if self._splitter.held:
            return
        try:
            data = self._sock.recv(MQTT_READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError as error:
            self._error = error
            return
        if data:
            self._on_bytes()
            self._splitter.feed(data)
        else:
            self._ended = True

    def messages(self, most: int) -> list[Arrival]:
        """The whole messages up to the next packet that is paho's, at most `most`.

        Raises OversizePacket.
        """
        return self._splitter.messages(most)

    def shutdown(self, how: int) -> None:
        """As of a socket."""
        self._sock.shutdown(how)

    # --- for paho, as of a socket ----------------------------------------------------------------

    def recv(self, buffer_size: int) -> bytes:
        """Bytes of the packet that is paho's. Where none waits: what the socket said last, or
        BlockingIOError. A half packet before the end is never seen."""
        if self._splitter.other:
            return self._splitter.take(buffer_size)
        if self._error is not None:
            raise self._error
        if self._ended:
            return b""
        raise BlockingIOError

    def send(self, buffer: bytes | bytearray) -> int:
        """As of a socket."""
        return self._sock.send(buffer)

    def close(self) -> None:
        """As of a socket."""
        self._sock.close()

    def fileno(self) -> int:
        """As of a socket."""
        return self._sock.fileno()

    def setblocking(self, flag: bool) -> None:
        """As of a socket."""
        self._sock.setblocking(flag)


class IntakeClient(paho.Client):
    """A paho client whose socket is an `Intake` where it can be; to be read by `NetworkLoop`.

    `cut` counts the messages over the limit, of which only the first part was handed over.
    """

    cut = 0

    def _create_socket(self) -> paho.SocketLike:
        made = super()._create_socket()
        if not isinstance(made, socket.socket):
            return made
        five = self._protocol == MQTTProtocolVersion.MQTTv5
        return Intake(made, five=five, on_bytes=self._note_bytes, on_cut=self._note_cut)

    def ack_all(self, mids: Sequence[int]) -> None:
        """PUBACK for each, in order: what `ack` does for one, at a tenth of its cost. Thread-safe.

        Under MQTT 5 too the short form, which means success.
        """
        if not _QUEUES:
            for mid in mids:
                self.ack(mid, 1)
        elif mids:
            packets = b"".join([_PUBACK + mid.to_bytes(2, "big") for mid in mids])
            self._packet_queue(paho.PUBACK, packets, mids[-1], 1)

    def _note_cut(self) -> None:
        self.cut += 1

    def _note_bytes(self) -> None:
        # As paho does it for a packet, by the clock that it compares with.
        with self._msgtime_mutex:
            self._last_bytes_received = paho.time_func()
