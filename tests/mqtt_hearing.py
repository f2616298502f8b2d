"""A regulator at a broker: hears everything that an engine publishes."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import msgspec

from lifeline.engine.mqtt import MqttClient


@dataclass
class Subscriber:
    """Hears everything that the engine publishes, last value by topic and all messages."""

    client: MqttClient
    heard: list[tuple[str, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self.client.start()
        assert self.client.wait_ready(180.0)
        self._thread.start()

    def _listen(self) -> None:
        while not self._ended.is_set():
            for delivery in self.client.take(1_000, 0.05):
                self.heard.append((delivery.topic, delivery.payload))
                self.client.ack([delivery])

    def of(self, kind: str) -> list[tuple[str, Any]]:
        """(topic, decoded payload or None) of one kind of topic."""
        begin = f"lifeline/v1/{kind}/"
        return [
            (t.removeprefix(begin), msgspec.json.decode(p) if p else None)
            for t, p in list(self.heard)
            if t.startswith(begin)
        ]

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()
        self.client.stop()
