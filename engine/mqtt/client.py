"""Our own seam over an MQTT client: everything the engine knows of MQTT is in this class.

Promises: a message is acknowledged to the broker only by `ack`; callbacks run no foreign code; no
queue is unbounded; whatever is wrong is told through `on_trouble` and counted. Not promised:
delivery once (the broker repeats what was not acknowledged), QoS 2 (paho keeps its state in
memory only).
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.reasoncodes import ReasonCode

from ..clock import Clock, SystemClock
from ..errors import SinkError
from ..limits import BROKER_WINDOW, MQTT_PUBLISH_WINDOW, MQTT_STORM_DISCONNECTS
from ..source import BrokerSpec
from .inbox import Delivery, Inbox, as_deliveries
from .loop import NetworkLoop
from .outgoing import Outgoing, PublishTicket
from .packets import Arrival
from .session import Will, new_intake_client
from .subscriptions import Subscription, Subscriptions
from .trouble import Trouble, TroubleKind
from .watchdog import Vitals, Watchdog

_LOG = logging.getLogger("lifeline.mqtt")
_WATCH_EVERY_S = 1.0
_FAILURE = 0x80
_KEEP_ALIVE_TIMEOUT = 141
_TAKEN_OVER = 142


class MqttClient:
    """One connection to one broker, kept up until `stop`.

    broker         where and how; see `BrokerSpec`
    client_id      the broker keeps the session under it; stable over restarts
    subscriptions  filters with the QoS asked for; renewed at every connection
    will           published by the broker when we vanish
    on_trouble     called from our threads with what went wrong; must return soon
    on_ready       called from the loop thread after each CONNACK whose subscriptions (if any) were
                   all answered; must return soon
    on_waiting     called from the loop thread when there is something to take; must return soon
    kept           places of the window of unacknowledged publications that only urgent ones take

    Raises SpecError where a password or TLS file cannot be read.
    """

    def __init__(
        self,
        broker: BrokerSpec,
        client_id: str,
        *,
        subscriptions: Sequence[Subscription] = (),
        will: Will | None = None,
        clock: Clock | None = None,
        on_trouble: Callable[[Trouble], None] | None = None,
        on_ready: Callable[[], None] | None = None,
        on_waiting: Callable[[], None] | None = None,
        kept: int = 0,
    ) -> None:
        self.client_id = client_id
        self.counters: Counter[str] = Counter()
        self._clock = clock or SystemClock()
        self._on_trouble = on_trouble
        self._on_ready = on_ready
        self._outgoing = Outgoing(client_id, self._transmit, kept)
        self._lock = threading.Lock()  # connection number and messages against acknowledgements
        self._connection = 0
        self._unacked = self._most_unacked = 0  # of this connection; the most since the last look
        self._connected = threading.Event()
        self._ready = threading.Event()
        self._ended = threading.Event()
        self._away_since: int | None = self._clock.monotonic()
        self._had_session = False
        self._refused = False
        self._session_present = False
        self._last_reason = ""
        self._last_message: int | None = None
        self._disconnects: deque[int] = deque(maxlen=4 * MQTT_STORM_DISCONNECTS)
        self._paho = new_intake_client(broker, client_id, will)
        self._subscriptions = Subscriptions(self._paho, self._clock, subscriptions)
        self._hook()
        self._loop = NetworkLoop(
            self._paho,
            self._clock,
            name=client_id,
            before_connect=self._new_connection,
            on_gone=self._gone,
            after_turn=self._after_turn,
            on_messages=self._arrived,
            room=lambda: self._inbox.room,
            on_trouble=self._tell,
        )
        self._inbox = Inbox(self._loop.wake, on_waiting)
        self._watchdog = Watchdog()
        self._watcher = threading.Thread(
            target=self._watch, name=f"mqtt-watch-{client_id}", daemon=True
        )

    # --- for the owner, from any thread ---------------------------------------------------------

    def start(self) -> None:
        """Begins to connect and returns at once; a broker that is away is tried again for ever."""
        self._loop.start()
        self._watcher.start()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Sends what is queued, disconnects (the session stays) and ends both threads.

        Open publications are resolved with a SinkError. False when the loop did not end in time.
        """
        self._ended.set()
        stopped = self._loop.stop(timeout_s)
        if self._watcher.ident is not None:
            self._watcher.join(timeout_s)
        self._outgoing.close(SinkError(f"mqtt {self.client_id}: the client has stopped"))
        self._connected.clear()
        self._ready.clear()
        return stopped

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted the connection and it was not lost since."""
        return self._connected.is_set()

    @property
    def idle(self) -> bool:
        """Whether nothing published waits for the broker's answer."""
        return self._outgoing.unconfirmed == 0

    def wait_ready(self, timeout_s: float) -> bool:
        """Whether the connection stood, its subscriptions answered, within the time."""
        return self._ready.wait(timeout_s)

    def take(self, most: int, timeout_s: float = 0.0) -> list[Delivery]:
        """The oldest messages received, at most `most`, waiting up to `timeout_s` for the first."""
        return self._inbox.take(most, timeout_s)

    def ack(self, deliveries: Iterable[Delivery]) -> None:
        """Tells the broker that these are ours now. Call it in the order of `take`: MQTT wants
        acknowledgements in the order of receipt, and the embedded broker insists on it.

        Those of an earlier connection are skipped: the broker sends them again, and their ids
        may mean other messages by now. Thread-safe; returns at once.
        """
        with self._lock:
            now = self._connection
            open_ones = [(mid, connection) for _, _, _, mid, connection, _ in deliveries if mid]
            mids = [mid for mid, connection in open_ones if connection == now]
            self._paho.ack_all(mids)
            self._unacked -= len(mids)
        self.counters["ack_skipped"] += len(open_ones) - len(mids)
        self._loop.wake()

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        timeout_s: float | None = None,
        urgent: bool = False,
    ) -> PublishTicket:
        """Publishes with QoS 1; waits while the window of unacknowledged ones is full.

        While the broker is away up to a window of publications is kept and sent, in order, when
        it is back. Raises SinkError when no place became free in `timeout_s`, or after `stop`;
        ValueError for a topic with wildcards.
        """
        ticket = self._outgoing.publish(topic, payload, retain, timeout_s, urgent)
        self._loop.wake()
        return ticket

    def resubscribe(self, subscriptions: Sequence[Subscription]) -> None:
        """Other subscriptions from now on; a topic that was and is subscribed to misses nothing,
        though by another filter. The client is ready again when the broker has answered."""
        self._subscriptions.change(subscriptions)
        if self._connected.is_set():
            self._ready.clear()
            self._subscribe()
            self._loop.wake()

    def reconnect(self) -> None:
        """Gives the connection up for a new one, upon which the broker repeats what is open."""
        self._loop.drop()

    def health(self) -> dict[str, Any]:
        """State and counters, as plain JSON values; times are ages in s."""
        now = self._clock.monotonic()
        return {
            "connected": self.connected,
            "subscribed": self._ready.is_set(),
            "filters_held": self._subscriptions.held,
            "session_present": self._session_present,
            "away_s": _age(now, self._away_since),
            "last_message_s": _age(now, self._last_message),
            "last_reason": self._last_reason,
            "waiting": len(self._inbox),
            "unconfirmed": self._outgoing.unconfirmed,
            "published": self._outgoing.published,
            "cut": self._paho.cut,
            **dict(self.counters),
        }

    # --- the loop thread -------------------------------------------------------------------------

    def _hook(self) -> None:
        self._paho.on_connect = self._guarded(self._connack, vital=True)
        self._paho.on_disconnect = self._guarded(self._disconnected)
        self._paho.on_subscribe = self._guarded(self._answered, vital=True)
        self._paho.on_publish = self._guarded(self._puback)
        self._paho.on_message = self._guarded(self._message)

    def _guarded(
        self, callback: Callable[..., None], *, vital: bool = False
    ) -> Callable[..., None]:
        """The callback, counted as a packet; nothing that it raises reaches paho.

        `vital`: without it the connection is of no use, so a new one is made. A message that could
        not be taken stays unacknowledged, and comes again with the next connection.
        """

        def call(_client: paho.Client, _userdata: Any, *arguments: Any) -> None:
            self._loop.packets += 1
            try:
                callback(*arguments)
            except Exception as error:  # noqa: BLE001  paho's thread would die of it
                _LOG.exception("mqtt callback of %s", self.client_id)
                self._tell("loop_error", repr(error))
                if vital:
                    self._loop.drop()

        return call

    def _new_connection(self) -> None:
        self._outgoing.hold()
        with self._lock:
            self._connection += 1
            self._unacked = self._most_unacked = 0
        self._subscriptions.forget()
        self._refused = False

    def _connack(self, flags: paho.ConnectFlags, reason: ReasonCode, properties: Any) -> None:
        if reason.is_failure:
            self._refused = True
            self._last_reason = f"refused: {reason}"
            self._tell("refused", str(reason))
            return
        self.counters["connections"] += 1
        self._session_present = bool(flags.session_present)
        if self._had_session and not flags.session_present:
            self._tell("session_lost", "the broker has no session for us any more")
        self._had_session = True
        # A broker may take fewer unacknowledged publications than our window (MQTT 5, 3.2.2.3.3).
        takes = getattr(properties, "ReceiveMaximum", MQTT_PUBLISH_WINDOW)
        self._outgoing.limit(takes)
        self._away_since = None
        self._connected.set()
        self._subscribe()

    def _subscribe(self) -> None:
        if self._subscriptions.ask():
            self._become_ready()

    def _answered(self, mid: int, reasons: list[ReasonCode], _properties: Any) -> None:
        done, not_granted = self._subscriptions.answered(mid, reasons)
        for kind, detail in not_granted:
            self._tell(kind, detail)
        if done:
            self._become_ready()

    def _become_ready(self) -> None:
        self._ready.set()
        if self._on_ready is not None:
            self._on_ready()

    def _message(self, message: paho.MQTTMessage) -> None:
        """What paho read itself: where it has a socket of its own, or what only it understands."""
        try:
            topic = message.topic.encode()
        except UnicodeDecodeError:
            topic = b"\xff"  # not UTF-8 either
        mid = message.mid if message.qos else 0
        self._arrived([(topic, bytes(message.payload), mid, bool(message.retain))])

    def _arrived(self, arrived: list[Arrival]) -> None:
        self.counters["received"] += len(arrived)
        self._last_message = self._clock.monotonic()
        found, no_text = as_deliveries(arrived, self._clock.wall(), self._connection)
        self.counters["topic_not_utf8"] += no_text
        with self._lock:
            self._unacked += sum(1 for delivery in found if delivery.mid)
            self._most_unacked = max(self._most_unacked, self._unacked)
        self._inbox.put(found)

    def _transmit(self, topic: str, payload: bytes, retain: bool) -> int:
        return self._paho.publish(topic, payload, qos=1, retain=retain).mid

    def _after_turn(self) -> None:
        # Not in the callbacks: paho holds its locks there, and whoever waits for a ticket may
        # publish; and paho sends what an earlier connection left after the callback of CONNACK.
        self._outgoing.settle()
        if self._connected.is_set():
            self._outgoing.flow()

    def _puback(self, mid: int, reason: ReasonCode, _properties: Any) -> None:
        error = None
        if reason.value >= _FAILURE:
            error = SinkError(f"mqtt {self.client_id}: refused: {reason}", permanent=True)
            self._tell("publication_refused", str(reason))
        self._outgoing.answer(mid, error)

    def _disconnected(self, flags: paho.DisconnectFlags, reason: ReasonCode, _props: Any) -> None:
        self._outgoing.hold()
        if self._loop.stopping or self._refused:
            return
        self._disconnects.append(self._clock.monotonic())
        self._last_reason = str(reason)
        if flags.is_disconnect_packet_from_server and reason.value == _TAKEN_OVER:
            self._tell("taken_over", str(reason))
        elif reason.value == _KEEP_ALIVE_TIMEOUT:
            self._tell("stuck", str(reason))
        else:
            self._tell("disconnected", str(reason))

    def _gone(self) -> None:
        self._outgoing.hold()
        self._connected.clear()
        self._ready.clear()
        if self._away_since is None:
            self._away_since = self._clock.monotonic()

    # --- the watchdog's thread -------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._ended.wait(_WATCH_EVERY_S):
            vitals = self._vitals()
            if self._ended.is_set():
                return  # read while `stop` ended the loop: no death, and nobody to tell it to
            for kind, detail in self._watchdog.check(self._clock.monotonic(), vitals):
                self._tell(kind, detail)
                if kind == "subscription_silent":
                    self._loop.drop()
            self._subscriptions.release(self._held_back())
            if not self._loop.alive and not self._ended.is_set():
                self._gone()
                self._loop.start()

    def _held_back(self) -> bool:
        """Whether the broker may have waited for us since the last call, and keeps messages."""
        with self._lock:
            most, self._most_unacked = self._most_unacked, self._unacked
        return most >= BROKER_WINDOW // 2 or self._loop.paused_since is not None

    def _vitals(self) -> Vitals:
        return Vitals(
            loop_alive=self._loop.alive,
            loop_turned=self._loop.turned,
            away_since=self._away_since,
            paused_since=self._loop.paused_since,
            awaiting_suback_since=self._subscriptions.awaiting_since,
            disconnects=tuple(self._disconnects),
            last_reason=self._last_reason,
        )

    def _tell(self, kind: TroubleKind, detail: str) -> None:
        self.counters[kind] += 1
        if kind == "unreachable":
            self._last_reason = detail
        trouble = Trouble(kind, self.client_id, detail)
        _LOG.warning("%s", trouble.text)
        if self._on_trouble is not None:
            try:
                self._on_trouble(trouble)
            except Exception:  # noqa: BLE001  foreign code in our thread
                _LOG.exception("on_trouble of %s raised", self.client_id)
                self.counters["on_trouble_raised"] += 1


def _age(now: int, since: int | None) -> float | None:
    return None if since is None else round((now - since) / 1e9, 3)
