"""One source as it runs: its connection, its decoder, and what both have counted."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..clock import Clock
from ..configuration import Configuration
from ..errors import SinkError
from ..limits import AGENT_BATCH_MESSAGES, AGENT_UNKNOWN_NAMED
from ..mqtt import Delivery, MqttClient, Subscription, Trouble, Will
from ..outputs.health import Status, health_payload, will
from ..outputs.topics import health as health_topic
from ..payload import Decoded, Decoder, compile_decoder
from ..source import SourceSpec, TopicPattern

_LOG = logging.getLogger("lifeline.agent")
_GOODBYE_S = 1.0


class Lane:
    """`node` names it on the health topic: `<agent>.<source>`.

    Raises SpecError where the source or the broker's credentials are wrong.
    """

    def __init__(
        self,
        agent: str,
        source: SourceSpec,
        configuration: Configuration,
        clock: Clock,
        on_waiting: Callable[[], None],
        on_trouble: Callable[[str, Trouble], None],
        details: Callable[[], Mapping[str, Any]] = dict,
    ) -> None:
        self.source = source
        self.node = f"{agent}.{source.id}"
        self.decoder = compile_decoder(source, configuration)
        self.counters: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.unknown: dict[str, Counter[str]] = {"topics": Counter(), "sensors": Counter()}
        self._clock = clock
        self._details = details
        self.client = MqttClient(
            source.broker,
            client_id(agent, source),
            subscriptions=subscriptions(source),
            will=Will(*will(self.node)),
            clock=clock,
            on_ready=lambda: self.report("running"),
            on_waiting=on_waiting,
            on_trouble=lambda trouble: on_trouble(source.id, trouble),
        )

    def take(self) -> list[Delivery]:
        """What has come, without waiting."""
        return self.client.take(AGENT_BATCH_MESSAGES)

    def decode(self, deliveries: Sequence[Delivery]) -> Decoded:
        """The deliveries' samples and the account of the rest, which is also kept here."""
        decoded = self.decoder.decode([(d.topic, d.payload, d.received) for d in deliveries])
        self.counters["messages"] += len(deliveries)
        self.counters["samples"] += len(decoded.frame)
        self.counters["unknown_topics"] += decoded.unknown_topics.total()
        self.counters["unknown_sensors"] += decoded.unknown_sensors.total()
        self.refused += decoded.refused
        _name_some(self.unknown["topics"], decoded.unknown_topics)
        _name_some(self.unknown["sensors"], decoded.unknown_sensors)
        return decoded

    def become(self, source: SourceSpec, decoder: Decoder) -> None:
        """The same connection for a changed source."""
        self.source = source
        self.decoder = decoder
        self.client.resubscribe(subscriptions(source))

    def report(self, status: Status) -> None:
        """Publishes the health topic, retained, if the broker is there; never waits."""
        if self.client.connected and self.client.idle:
            payload = self._payload(status)
            self.client.publish(health_topic(self.node), payload, retain=True, timeout_s=0.0)

    def close(self) -> None:
        """Says `stopped` and disconnects; the broker keeps the session."""
        if self.client.connected:
            payload = self._payload("stopped")
            try:
                topic = health_topic(self.node)
                self.client.publish(topic, payload, retain=True, timeout_s=_GOODBYE_S).wait(
                    _GOODBYE_S
                )
            except SinkError as error:
                _LOG.warning("goodbye of %s: %s", self.node, error)
        self.client.stop()

    def _payload(self, status: Status) -> bytes:
        details = {**self._details(), **self.health()}
        return health_payload(self.node, status, self._clock.wall(), details)

    def health(self) -> dict[str, Any]:
        """State and counters as plain JSON values."""
        return {
            "mqtt": self.client.health(),
            "counters": dict(self.counters),
            "refused": dict(self.refused),
            "unknown": {kind: dict(named) for kind, named in self.unknown.items()},
        }


def client_id(agent: str, source: SourceSpec) -> str:
    """Stable over restarts, and its own for each source: a second connection under one id would
    throw the first one off.
    """
    return f"{source.broker.client_id or f'lifeline-{agent}'}-{source.id}"


def subscriptions(source: SourceSpec) -> tuple[Subscription, ...]:
    """The filters of the source's patterns, each once."""
    return tuple(
        (f, source.qos) for f in dict.fromkeys(TopicPattern(t).filter for t in source.topics)
    )


def _name_some(named: Counter[str], found: Counter[str]) -> None:
    for key, n in found.items():
        if key in named or len(named) < AGENT_UNKNOWN_NAMED:
            named[key] += n
