"""The rig's gateway and a subscriber: what goes to the broker, and what is heard from there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec
from plant import TOPIC, site_of
from recordings import FIELDS, SECOND_NS, TIME, Recording

from lifeline.engine.clock import Clock, SystemClock
from lifeline.engine.errors import SinkError
from lifeline.engine.limits import PUBLISH_DRAIN_NS, PUBLISH_PATIENCE_NS
from lifeline.engine.mqtt import MqttClient, PublishTicket
from lifeline.engine.record import Record, decode_record
from lifeline.engine.source import BrokerSpec

RECORDS: Final = "lifeline/v1/record/#"
READY_S: Final = 30.0
STEP_NS: Final = 60 * SECOND_NS
_AT_ONCE: Final = 256
_WAIT_S: Final = 0.1
_OVERDUE_S: Final = PUBLISH_PATIENCE_NS / SECOND_NS


def shift_to(recording: Recording, now: int) -> int:
    """What is added to every time of a recording so that it ends now, or up to a minute before.

    Whole minutes, so that the panes of a window hold the same rows whenever the run is made.
    """
    return (now - int(recording.time[-1])) // STEP_NS * STEP_NS


def messages(recording: Recording, shift: int) -> Iterator[bytes]:
    """A message for each row, in the recording's own names and units; labels stay at home."""
    for time, values in zip(recording.time.tolist(), recording.values.tolist(), strict=True):
        at = datetime.fromtimestamp((time + shift) // SECOND_NS, UTC)
        row = {TIME: at.strftime("%Y-%m-%d %H:%M:%S"), **dict(zip(FIELDS, values, strict=True))}
        yield msgspec.json.encode(row)


class Gateway:
    """Publishes recordings with QoS 1, as fast as the broker acknowledges.

    `shifts` says by how much each recording was moved, by its name.
    """

    def __init__(self, broker: BrokerSpec, clock: Clock | None = None) -> None:
        self.shifts: dict[str, int] = {}
        self.messages = 0
        self._clock = clock or SystemClock()
        self._client = MqttClient(broker, "skab-gateway")
        self._last: PublishTicket | None = None

    def start(self) -> None:
        """Returns when it is connected. Raises SinkError where that takes too long."""
        self._client.start()
        if not self._client.wait_ready(READY_S):
            raise SinkError("the gateway could not connect to the broker")

    def stop(self) -> None:
        """Disconnects."""
        self._client.stop()

    def play(self, recording: Recording) -> None:
        """Sends one recording, shifted so that it ends now. Raises SinkError where the
        broker acknowledges nothing for a minute."""
        shift = shift_to(recording, self._clock.wall())
        topic = TOPIC.format(site=site_of(recording.name))
        self.shifts[recording.name] = shift
        for payload in messages(recording, shift):
            self._client.publish(topic, payload, timeout_s=_OVERDUE_S)
            self.messages += 1

    def drain(self) -> None:
        """Waits until everything is acknowledged. Raises SinkError where it is not."""
        until = self._clock.monotonic() + PUBLISH_DRAIN_NS
        pause = threading.Event()
        while not self._client.idle:
            if self._clock.monotonic() > until:
                raise SinkError("the broker did not acknowledge the last messages")
            pause.wait(_WAIT_S)


class Listener:
    """Hears every record by MQTT, as a regulator would; `records` by (site, seq)."""

    def __init__(self, broker: BrokerSpec) -> None:
        self.records: dict[tuple[str, int], Record] = {}
        self._client = MqttClient(broker, "skab-listener", subscriptions=((RECORDS, 1),))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="skab-listener", daemon=True)

    def start(self) -> None:
        """Returns when it is subscribed. Raises SinkError where that takes too long."""
        self._client.start()
        self._thread.start()
        if not self._client.wait_ready(READY_S):
            raise SinkError("the listener could not subscribe")

    def stop(self) -> None:
        """Disconnects."""
        self._stopping.set()
        self._thread.join()
        self._client.stop()

    def _listen(self) -> None:
        while not self._stopping.is_set():
            deliveries = self._client.take(_AT_ONCE, _WAIT_S)
            for delivery in deliveries:
                record = decode_record(delivery.payload)
                self.records[record.site, record.seq] = record  # at least once: again is the same
            self._client.ack(deliveries)
