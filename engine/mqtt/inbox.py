"""The bounded queue between the loop thread, which puts, and the agent, which takes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..limits import MQTT_QUEUE_BYTES, MQTT_QUEUE_MESSAGES
from .packets import Arrival

_NO_TEXT = "(not UTF-8)"


class Delivery(NamedTuple):
    """One message as it came. `received` is wall time in ns.

    `mid` and `connection` say what to acknowledge: a message id means something only
    within the connection on which it arrived. `mid` is 0 for QoS 0. `retained`: the broker had kept
    it for whoever subscribes, so it may be old.
    """

    topic: str
    payload: bytes
    received: int
    mid: int
    connection: int
    retained: bool = False


def as_deliveries(
    arrived: Sequence[Arrival], received: int, connection: int
) -> tuple[list[Delivery], int]:
    """What came on a connection as deliveries, and how many of their topics were no UTF-8.

    MQTT forbids those; they are kept, readable, for the list of unknown topics.
    """
    try:
        return [
            Delivery(topic.decode(), payload, received, mid, connection, retained)
            for topic, payload, mid, retained in arrived
        ], 0
    except UnicodeDecodeError:
        one_by_one = [_readable(each, received, connection) for each in arrived]
        return one_by_one, sum(each.topic is _NO_TEXT for each in one_by_one)


def _readable(arrival: Arrival, received: int, connection: int) -> Delivery:
    topic, payload, mid, retained = arrival
    try:
        text = topic.decode()
    except UnicodeDecodeError:
        text = _NO_TEXT
    return Delivery(text, payload, received, mid, connection, retained)


class Inbox:
    """First in, first out, bounded by messages and bytes.

    `put` never refuses: the owner asks for `room` before it puts, so a queue is never over its limit of
    messages, and over that of bytes by one read at most. What is not read stays in the broker.
    `on_waiting` is called when it was empty and is no more, in the loop thread.
    """

    def __init__(
        self,
        wake_reader: Callable[[], None],
        on_waiting: Callable[[], None] | None = None,
        *,
        messages: int = MQTT_QUEUE_MESSAGES,
        size: int = MQTT_QUEUE_BYTES,
    ) -> None:
        self._deliveries: deque[Delivery] = deque()
        self._bytes = 0
        self._limits = (messages, size)
        self._wake_reader = wake_reader
        self._on_waiting = on_waiting
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._deliveries)

    @property
    def full(self) -> bool:
        """Whether the owner must stop reading."""
        return self.room == 0

    @property
    def room(self) -> int:
        """How many messages may be put now."""
        messages, size = self._limits
        return max(0, messages - len(self._deliveries)) if self._bytes < size else 0

    def put(self, deliveries: Sequence[Delivery]) -> None:
        """Appends them in order; wakes whoever waits in `take`."""
        with self._changed:
            first = bool(deliveries) and not self._deliveries
            self._deliveries.extend(deliveries)
            self._bytes += sum(len(d.payload) for d in deliveries)
            if first:
                self._changed.notify_all()
        if first and self._on_waiting is not None:
            self._on_waiting()

    def take(self, most: int, timeout_s: float) -> list[Delivery]:
        """The oldest deliveries, at most `most`; empty when none came within `timeout_s`."""
        with self._changed:
            if not self._deliveries and timeout_s > 0:
                self._changed.wait(timeout_s)
            was_full = self.full
            count = min(most, len(self._deliveries))
            taken = [self._deliveries.popleft() for _ in range(count)]
            self._bytes -= sum(len(d.payload) for d in taken)
            resumed = was_full and not self.full
        if resumed:
            self._wake_reader()
        return taken
