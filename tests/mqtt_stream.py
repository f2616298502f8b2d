"""Numbered messages from one client to another, and which of them never came."""

from __future__ import annotations

from collections.abc import Callable

from lifeline.engine.mqtt import MqttClient
from servers.process import wait_until

WITHIN_S = 180.0


class Stream:
    """Publishes numbers to `topic` by `writer`; what `reader` took of them is in `seen`."""

    def __init__(self, reader: MqttClient, writer: MqttClient, topic: str) -> None:
        self.sent = 0
        self.seen: set[int] = set()
        self._reader, self._writer, self._topic = reader, writer, topic

    def write(self, count: int) -> None:
        """The next `count` numbers."""
        for number in range(self.sent, self.sent + count):
            self._writer.publish(self._topic, b"%d" % number)
        self.sent += count

    def until(self, enough: Callable[[], bool]) -> None:
        """Writes and reads on until it is."""

        def check() -> bool:
            self.write(5)
            taken = self._reader.take(1000, 0.001)
            self._reader.ack(taken)
            self.seen.update(int(d.payload) for d in taken)
            return enough()

        wait_until(check, "what the stream waits for", within_s=WITHIN_S, every_s=0.0)

    def settled(self) -> bool:
        """Whether the broker has answered the reader's subscriptions and none is held."""
        return self._reader.wait_ready(0.0) and self._reader.health()["filters_held"] == 0

    def missed(self) -> set[int]:
        """Those of all written so far that never come."""
        last = self.sent
        self.until(lambda: last in self.seen)
        return set(range(last)) - self.seen
