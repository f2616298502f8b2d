"""Publications on their way: a ticket for each, resolved by the broker's PUBACK."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from ..errors import SinkError
from ..limits import MQTT_PUBLISH_WINDOW


class PublishTicket:
    """The fate of one publication.

    Resolved once: with no error when the broker has taken the message over, or with a SinkError
    when it refused it (MQTT 5 only; under 3.1.1 a broker has no word for it) or the client ended.
    """

    def __init__(self, topic: str, urgent: bool = False) -> None:
        self.topic = topic
        self.urgent = urgent
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._error: SinkError | None = None
        self._callbacks: list[Callable[[PublishTicket], None]] = []

    @property
    def done(self) -> bool:
        """Whether the broker has answered."""
        return self._done.is_set()

    @property
    def error(self) -> SinkError | None:
        """Why it failed; None while open and after success."""
        return self._error

    def wait(self, timeout_s: float | None = None) -> bool:
        """True when taken over, False when still open. Raises SinkError when refused."""
        if not self._done.wait(timeout_s):
            return False
        if self._error is not None:
            raise self._error
        return True

    def add_done_callback(self, callback: Callable[[PublishTicket], None]) -> None:
        """Calls `callback(self)` once resolved, in the loop thread, or now; it must not block."""
        with self._lock:
            if not self._done.is_set():
                self._callbacks.append(callback)
                return
        callback(self)

    def resolve(self, error: SinkError | None) -> None:
        """Called by the client; a second call changes nothing."""
        with self._lock:
            if self._done.is_set():
                return
            self._error = error
            self._done.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)


class PublishWindow:
    """At most so many open tickets, known by packet id; `kept` of the places, but never more than
    half, are for urgent ones alone.

    The broker's answer may come before `publish` has returned the packet id to us, so an answer
    to an unknown id is kept until `sent` asks for it.
    """

    def __init__(self, size: int, kept: int = 0) -> None:
        self._size = size
        self._kept = kept
        self._entered = 0
        self._ordinary = 0
        self._changed = threading.Condition()
        self._open: dict[int, PublishTicket] = {}
        self._early: dict[int, SinkError | None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def limit(self, size: int) -> None:
        """Another size; what is open stays open."""
        with self._changed:
            self._size = size
            self._changed.notify_all()

    def enter(self, timeout_s: float | None, urgent: bool = False) -> bool:
        """Waits for a place; False when none was free in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_free(urgent), timeout_s):
                return False
            self._entered += 1
            self._ordinary += not urgent
            return True

    def _is_free(self, urgent: bool) -> bool:
        if self._entered >= self._size:
            return False
        return urgent or self._ordinary < self._size - min(self._kept, self._size // 2)

    def leave(self, urgent: bool = False) -> None:
        """Gives a place back."""
        with self._changed:
            self._entered -= 1
            self._ordinary -= not urgent
            self._changed.notify_all()

    def sent(self, mid: int, ticket: PublishTicket) -> None:
        """The ticket now travels as `mid`."""
        with self._changed:
            if mid not in self._early:
                self._open[mid] = ticket
                return
            error = self._early.pop(mid)
        self._close(ticket, error)

    def answered(self, mid: int, error: SinkError | None) -> None:
        """The broker's answer to `mid`."""
        with self._changed:
            ticket = self._open.pop(mid, None)
            if ticket is None:
                self._early[mid] = error
                return
        self._close(ticket, error)

    def abandon(self, error: SinkError) -> None:
        """Resolves everything that is open with `error`."""
        with self._changed:
            tickets = list(self._open.values())
            self._open.clear()
            self._early.clear()
        for ticket in tickets:
            self._close(ticket, error)

    def _close(self, ticket: PublishTicket, error: SinkError | None) -> None:
        self.leave(ticket.urgent)
        ticket.resolve(error)


class Outgoing:
    """Publications in the order of the calls, through lost connections too.

    `transmit(topic, payload, retain)` hands one to the connection and returns its packet id.
    They pass it only while they *flow*: not before the connection stands and has sent again what an
    earlier one left, which a new publication must not overtake.
    """

    def __init__(
        self, name: str, transmit: Callable[[str, bytes, bool], int], kept: int = 0
    ) -> None:
        self.published = 0
        self._name = name
        self._transmit = transmit
        self._window = PublishWindow(MQTT_PUBLISH_WINDOW, kept)
        self._lock = threading.Lock()
        self._flowing = False
        self._closed = False
        self._held: deque[tuple[PublishTicket, bytes, bool]] = deque()
        self._answers: deque[tuple[int, SinkError | None]] = deque()

    @property
    def unconfirmed(self) -> int:
        """Publications that the broker has not answered."""
        return len(self._window) + len(self._held)

    def publish(
        self,
        topic: str,
        payload: bytes,
        retain: bool,
        timeout_s: float | None,
        urgent: bool = False,
    ) -> PublishTicket:
        """See `MqttClient.publish`."""
        if not topic or set(topic) & set("+#\0"):
            raise ValueError(f"not a topic to publish on: {topic!r}")
        if not self._window.enter(timeout_s, urgent):
            raise SinkError(f"mqtt {self._name}: the broker does not acknowledge")
        ticket = PublishTicket(topic, urgent)
        with self._lock:
            if self._closed:
                self._window.leave(urgent)
                raise SinkError(f"mqtt {self._name}: the client has stopped", permanent=True)
            if self._flowing:
                self._send(ticket, payload, retain)
            else:
                self._held.append((ticket, payload, retain))
        return ticket

    def limit(self, size: int) -> None:
        """The broker takes no more than `size` unanswered ones."""
        self._window.limit(min(size, MQTT_PUBLISH_WINDOW))

    def flow(self) -> None:
        """The connection stands, and what an earlier one left is on its way."""
        if self._flowing:
            return
        with self._lock:
            while self._held:
                self._send(*self._held.popleft())
            self._flowing = True

    def hold(self) -> None:
        """The connection is gone."""
        with self._lock:
            self._flowing = False

    def answer(self, mid: int, error: SinkError | None) -> None:
        """The broker's answer; `settle` resolves the ticket, when no lock of paho's is held."""
        self._answers.append((mid, error))

    def settle(self) -> None:
        """Resolves the tickets that were answered."""
        while self._answers:
            self._window.answered(*self._answers.popleft())

    def close(self, error: SinkError) -> None:
        """No more of it: everything open is resolved with `error`."""
        with self._lock:
            self._closed = True
            held, self._held = list(self._held), deque()
        self.settle()
        self._window.abandon(error)
        for ticket, _, _ in held:
            self._window.leave(ticket.urgent)
            ticket.resolve(error)

    def _send(self, ticket: PublishTicket, payload: bytes, retain: bool) -> None:
        mid = self._transmit(ticket.topic, payload, retain)
        self.published += 1
        self._window.sent(mid, ticket)
