"""The loop thread: the only one that reads and writes the socket of a paho client.

paho's own loop reads one packet per `select`, dies silently of an exception in a callback and
can't pause. This one reads many messages at a time (see `intake`), stops reading while the inbox is
full (TCP and the broker's window then hold the rest), survives every exception, counts its turns for
the watchdog, and reconnects with backoff. It uses only paho's interface for foreign event loops.
"""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import threading
from collections.abc import Callable
from typing import cast

import paho.mqtt.client as paho

from ..clock import Clock
from ..limits import MQTT_STABLE_S, SECOND_NS
from .backoff import Backoff
from .intake import Intake
from .packets import Arrival, OversizePacket
from .trouble import TroubleKind

_LOG = logging.getLogger("lifeline.mqtt")
_TURN_S = 0.5  # the longest wait for the socket: keep-alive is looked after this often
_BURST = 256  # packets that paho itself reads before writing gets its turn
_FLUSH_TURNS = 40  # turns of 50 ms that the last acknowledgements get to leave
_FLUSH_TURN_S = 0.05


class Waker:
    """Wakes a selector from another thread."""

    def __init__(self) -> None:
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)

    def fileno(self) -> int:
        """For the selector."""
        return self._read.fileno()

    def wake(self) -> None:
        """Returns at once; a full pair wakes all the same, a closed one has nobody to wake."""
        with contextlib.suppress(OSError):
            self._write.send(b"\0")

    def drain(self) -> None:
        """Forgets the wake-ups so far."""
        try:
            while len(self._read.recv(4096)) == 4096:
                pass
        except BlockingIOError:
            return

    def close(self) -> None:
        """Frees both sockets."""
        self._read.close()
        self._write.close()


class NetworkLoop:
    """Runs one paho client until told to stop. All callbacks come from its thread.

    before_connect  called before each attempt; what the old connection left is void from then on
    on_gone         called after each attempt, however it ended
    after_turn      called after each turn, outside paho's callbacks and locks
    on_messages     what arrived, in order; where it raises, the connection is made anew and what was
                    not acknowledged comes again
    room            how many messages may be handed over now; at 0 the socket is not read
    on_trouble      told of what the loop itself meets
    """

    def __init__(
        self,
        client: paho.Client,
        clock: Clock,
        *,
        name: str,
        before_connect: Callable[[], None],
        on_gone: Callable[[], None],
        after_turn: Callable[[], None],
        on_messages: Callable[[list[Arrival]], None],
        room: Callable[[], int],
        on_trouble: Callable[[TroubleKind, str], None],
    ) -> None:
        self._client = client
        self._clock = clock
        self._name = name
        self._before_connect = before_connect
        self._on_gone = on_gone
        self._after_turn = after_turn
        self._on_messages = on_messages
        self._room = room
        self._on_trouble = on_trouble
        self._backoff = Backoff()
        self._waker: Waker | None = None  # from `start` to `stop`
        self._stop = threading.Event()
        self._drop = threading.Event()
        self._thread: threading.Thread | None = None
        self.turned = clock.monotonic()  # when the thread last turned, for the watchdog
        self.paused_since: int | None = None
        self.packets = 0  # the callbacks count here what paho handed them
        # paho writes from whatever thread queues a packet, unless a foreign loop is registered.
        client.on_socket_register_write = lambda *_: None

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stop.is_set()

    def start(self) -> None:
        """Starts the thread; also after it died."""
        self._waker = self._waker or Waker()
        self.turned = self._clock.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"mqtt-{self._name}", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something is to be written, or may be read again."""
        if self._waker is not None:
            self._waker.wake()

    def drop(self) -> None:
        """Give the connection up and make a new one."""
        self._drop.set()
        self.wake()

    def stop(self, timeout_s: float) -> bool:
        """Sends what is queued, says goodbye and ends; False when it did not in time."""
        self._stop.set()
        self.wake()
        if self._thread is not None:
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                return False
        if self._waker is not None:
            self._waker.close()
        return True

    def _run(self) -> None:
        while not self._stop.is_set():
            began = self._clock.monotonic()
            try:
                self._drop.clear()
                self._before_connect()
                self._client.reconnect()
                self._serve()
            except OSError as error:
                self._on_trouble("unreachable", f"{type(error).__name__}: {error}")
            except OversizePacket as error:
                self._on_trouble("disconnected", f"by us: {error}")
            except Exception as error:  # noqa: BLE001
                # Whatever it was, the thread must live: a client that says it is connected while
                # nothing reads is the worst failure of all (paho issues 365, 504, 704).
                _LOG.exception("mqtt loop of %s", self._name)
                self._on_trouble("loop_error", repr(error))
            if self._stop.is_set():
                break
            self._hang_up()
            if self._clock.monotonic() - began >= MQTT_STABLE_S * SECOND_NS:
                self._backoff.reset()
            self._wait(self._backoff.next_s())
        self._say_goodbye()

    def _hang_up(self) -> None:
        """Leaves no half-served socket: the broker would go on believing that we listen."""
        self._on_gone()
        sock = self._client.socket()
        if sock is not None:
            with contextlib.suppress(OSError):  # it may be gone already, which is what we want
                cast(socket.socket | Intake, sock).shutdown(socket.SHUT_RDWR)

    def _wait(self, seconds: float) -> None:
        until = self._clock.monotonic() + int(seconds * SECOND_NS)
        while not self._stop.is_set() and (left := until - self._clock.monotonic()) > 0:
            self.turned = self._clock.monotonic()
            self._stop.wait(min(left / SECOND_NS, _TURN_S))

    def _serve(self) -> None:
        """Turns until the connection is gone, or the loop is told to stop or to drop it."""
        sock = self._client.socket()
        if sock is None:
            return
        assert self._waker is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._waker, selectors.EVENT_READ)
            selector.register(sock, selectors.EVENT_READ)
            while not self._stop.is_set() and self._client.socket() is sock:
                if self._drop.is_set():
                    return
                self._turn(selector, sock, self._waker)

    def _turn(self, selector: selectors.BaseSelector, sock: paho.SocketLike, waker: Waker) -> None:
        self.turned = self._clock.monotonic()
        readable = self._room() > 0
        self._note_pause(readable)
        interest = selectors.EVENT_READ if readable else 0
        if self._client.want_write():
            interest |= selectors.EVENT_WRITE
        buffered = readable and _buffered(sock)
        ready = self._select(selector, sock, interest, 0.0 if buffered else _TURN_S)
        waker.drain()
        if buffered or ready & selectors.EVENT_READ:
            if isinstance(sock, Intake):
                self._read(sock)
            else:
                self._let_paho_read()
        self._after_turn()
        if self._client.socket() is sock and self._client.want_write():
            self._client.loop_write()
        if self._client.socket() is sock and readable:
            # Not while paused: the answer to a ping could not be read, so none is sent.
            self._client.loop_misc()

    def _select(
        self, selector: selectors.BaseSelector, sock: paho.SocketLike, interest: int, wait_s: float
    ) -> int:
        known = selector.get_map().get(sock)
        if known is not None and known.events != interest:
            selector.unregister(sock)
            known = None
        if known is None and interest:
            selector.register(sock, interest)
        ready = 0
        for key, events in selector.select(wait_s):
            if key.fileobj is sock:
                ready = events
        return ready

    def _read(self, intake: Intake) -> None:
        """One read's worth: its messages to us, what stands between them to paho."""
        intake.fill()
        while True:
            arrived = intake.messages(self._room())
            if arrived:
                self._on_messages(arrived)
            if not intake.waiting or self._client.loop_read():
                return
            if self._client.socket() is not intake:
                return

    def _let_paho_read(self) -> None:
        """Packet by packet, each to its callback: where there is no `Intake`."""
        for _ in range(_BURST):
            before = self.packets
            if self._client.loop_read() or self.packets == before or self._room() <= 0:
                return

    def _note_pause(self, readable: bool) -> None:
        if readable:
            self.paused_since = None
        elif self.paused_since is None:
            self.paused_since = self.turned

    def _say_goodbye(self) -> None:
        """Lets queued acknowledgements leave, then disconnects in order; the session stays."""
        try:
            for turn in range(_FLUSH_TURNS):
                if self._client.socket() is None or not self._client.want_write():
                    break
                self._client.loop_write()
                if turn:  # the first usually sends everything
                    threading.Event().wait(_FLUSH_TURN_S)
            if self._client.socket() is not None:
                self._client.disconnect()
                self._client.loop_write()
        except Exception as error:  # noqa: BLE001  the end must be reached
            _LOG.exception("mqtt goodbye of %s", self._name)
            self._on_trouble("loop_error", repr(error))


def _buffered(sock: paho.SocketLike) -> bool:
    """Whether bytes wait in front of the socket, of which a selector does not know."""
    if isinstance(sock, Intake):
        return sock.buffered
    pending = getattr(sock, "pending", None)  # TLS, also below websockets
    return pending is not None and pending() > 0
