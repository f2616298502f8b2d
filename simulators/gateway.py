"""One simulated gateway's MQTT connection: QoS 1, a bounded window, nothing lost on reconnect.

paho keeps what is not acknowledged and sends it again by itself after a reconnect; here that is
only counted. Callbacks do nothing but append to queues that the publishing thread empties: a lock
taken in a callback could meet paho's own in the other order.
"""

from __future__ import annotations

from collections import deque
from threading import Event
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from lifeline.engine.clock import Clock, SystemClock
from lifeline.engine.errors import SinkError
from lifeline.engine.limits import PUBLISH_WINDOW

KEEPALIVE_S = 15
RECONNECT_S = (1, 5)


class Connection:
    """The connection; one thread calls its methods. Opening does not wait for the broker: what
    is sent before is sent when it comes.

    `connects` and `drops` count connections made and lost; `heard_ns` is the monotonic time of the
    last acknowledgement.
    """

    def __init__(
        self,
        name: str,
        host: str,
        port: int,
        username: str | None = None,
        password: str | None = None,
        *,
        window: int = PUBLISH_WINDOW,
        clock: Clock | None = None,
    ) -> None:
        self.name = name
        self.connects = 0
        self._clock = clock or SystemClock()
        self.heard_ns = self._clock.monotonic()
        self._window = window
        self._address = (host, port)
        self._wake = Event()
        self._acks: deque[int] = deque()
        self.drops = 0
        self._refusal = ""
        self._noticed_drops = 0
        self._outstanding: dict[int, tuple[int, int]] = {}  # mid: (message, drops when sent)
        self._acked: list[int] = []
        self._resent: list[int] = []
        self._client = self._configured(username, password)

    def _configured(self, username: str | None, password: str | None) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=self.name)
        client.max_inflight_messages_set(self._window)
        # paho forgets a message a moment after its callback has made room for the next.
        client.max_queued_messages_set(2 * self._window)
        client.reconnect_delay_set(*RECONNECT_S)
        if username is not None:
            client.username_pw_set(username, password)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_publish = self._on_publish
        return client

    def _on_connect(
        self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        if reason.is_failure:
            self._refusal = str(reason)
        else:
            self.connects += 1
        self._wake.set()

    def _on_disconnect(
        self, client: Any, userdata: Any, flags: Any, reason: Any, properties: Any
    ) -> None:
        self.drops += 1
        self._wake.set()

    def _on_publish(
        self, client: Any, userdata: Any, mid: int, reason: Any, properties: Any
    ) -> None:
        self._acks.append(mid)
        self._wake.set()

    def open(self) -> None:
        """Begin to connect, in the background, for as long as it takes."""
        self._client.connect_async(*self._address, keepalive=KEEPALIVE_S)
        self._client.loop_start()

    def close(self) -> None:
        """Disconnect and end the background thread; takes up to two keep-alives where a broker holds
        the connection open and does not answer."""
        self._client.disconnect()
        self._client.loop_stop()
        self._notice()

    def room(self) -> bool:
        """Whether the window has room; raises as `waiting`."""
        return self.waiting() < self._window

    def waiting(self) -> int:
        """Messages without a PUBACK. Raises SinkError where the broker refused the login."""
        self._notice()
        if self._refusal:
            raise SinkError(f"{self.name}: the broker refused: {self._refusal}", permanent=True)
        return len(self._outstanding)

    def wait(self, timeout_s: float) -> None:
        """Wait for news from the broker."""
        self._wake.wait(timeout_s)
        self._wake.clear()

    def send(self, number: int, topic: str, payload: bytes) -> None:
        """Hand over message `number`; only where there is `room`."""
        drops = self.drops
        info = self._client.publish(topic, payload, qos=1)
        if info.rc == mqtt.MQTT_ERR_QUEUE_SIZE:
            raise SinkError(f"{self.name}: the client's queue is full within the window")
        self._outstanding[info.mid] = (number, drops)

    def settled(self) -> tuple[list[int], list[int]]:
        """The messages acknowledged, and those sent again, since the last call."""
        self._notice()
        acked, self._acked = self._acked, []
        resent, self._resent = self._resent, []
        return acked, resent

    def _notice(self) -> None:
        drops = self.drops
        if drops > self._noticed_drops:
            self._resent += [n for n, seen in self._outstanding.values() if seen < drops]
            self._noticed_drops = drops
        while self._acks:
            sent = self._outstanding.pop(self._acks.popleft(), None)
            if sent is not None:
                self._acked.append(sent[0])
                self.heard_ns = self._clock.monotonic()
