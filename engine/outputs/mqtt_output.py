"""The MQTT output: records, alerts, retained states, health; commands in and replies out.

Two threads of its own and a connection of its own. The worker reads the outbox behind two durable
cursors and publishes: red alerts by themselves and first, everything else in its order. The reader
takes commands and what is retained. While the broker is away nothing is lost and nobody waits: the
outbox is the queue.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from ..clock import Clock
from ..command import Reply
from ..errors import LifelineError, SinkError
from ..limits import (
    HEALTH_INTERVAL_NS,
    MAX_WAITING_REPLIES,
    OUTPUT_POLL_NS,
    OUTPUT_STOP_NS,
    OUTPUT_WINDOW,
    SECOND_NS,
)
from ..mqtt import Delivery, MqttClient, PublishTicket, Trouble, Will
from ..source import BrokerSpec
from . import topics
from .health import Status, health_payload, will
from .mqtt_commands import CommandDesk, Engine, OrderedAcks
from .mqtt_records import InOrder, Message, RecordStream
from .mqtt_red import RED_PLACES, RED_WINDOW, Reds
from .mqtt_states import StateKeeper
from .ports import OutputTrouble, Place, StandingPort

CURSOR: Final = "alert:mqtt"
RED_CURSOR: Final = "alert:mqtt:red"
_TAKE_AT_ONCE = 256
_TAKE_WAIT_S = 0.2
_RETRY_NS = 10 * SECOND_NS
# Of what is not red: rendering and publishing three messages takes 0.6 ms, more on a busy machine.
_ROWS_A_TURN = 2
# How often the lane's cursor follows over what is not red.
_FOLLOW_NS = SECOND_NS


class MqttOutput:
    """One broker. `node` names this engine on the health topic.

    `second` names a further outbox of the same node: then only its records and states are
    published, and health, commands and replies are left to the node's first output. `owns` says of a
    site whether its retained states come from this outbox: those of others are left alone.

    Raises SpecError where a password or TLS file cannot be read.
    """

    def __init__(
        self,
        broker: BrokerSpec,
        node: str,
        store: StandingPort,
        engine: Engine,
        clock: Clock,
        second: str = "",
        owns: Callable[[str], bool] = lambda site: True,
    ) -> None:
        self._owns = owns
        self.name = f"mqtt:{second}" if second else "mqtt"
        self._commands = () if second else ((topics.COMMANDS, 1),)
        self._healthy = not second
        self._node = node
        self._engine = engine
        self._clock = clock
        self._stopping = threading.Event()
        self._woken = threading.Event()
        self._events: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._troubles: dict[str, OutputTrouble] = {}
        self._replies: deque[Message] = deque()
        self._counts = dict.fromkeys(("replies", "replies_dropped", "restarts"), 0)
        self._health_due = self._red_due = self._follow_due = 0
        self._retry_at = 0
        self._store = store
        self._asked_of: Mapping[str, Place] | None = None
        self._places: Mapping[str, Place] = {}
        self._client = MqttClient(
            broker,
            _client_id(broker, node, second),
            subscriptions=self._commands,
            will=None if second else Will(*will(node)),
            clock=clock,
            on_ready=self._on_ready,
            on_trouble=self._on_client_trouble,
            kept=RED_PLACES,
        )
        self._records = RecordStream(
            CURSOR,
            store,
            InOrder(store),
            OUTPUT_WINDOW - RED_PLACES,
            self._publish,
            self._post,
            self._takes,
            self._failed,
        )
        # A lane that is new begins where everything was told in one order until now.
        self._red = RecordStream(
            RED_CURSOR,
            store,
            Reds(store),
            RED_WINDOW,
            self._publish_red,
            self._post,
            self._takes,
            self._failed,
            begin=self._records.cursor,
        )
        self._states = StateKeeper(store, self._publish, self._post, self._listen, self._failed)
        self._desk = CommandDesk(engine, clock, self._keep)
        self._acks = OrderedAcks(self._client.ack)
        self._threads = [
            threading.Thread(target=self._guarded, args=(run,), name=f"mqtt-{name}", daemon=True)
            for name, run in (("worker", self._work), ("reader", self._read))
        ]

    # --- for the owner, from any thread ---------------------------------------------------------

    def start(self) -> None:
        """Connects and begins after the durable cursor; returns at once."""
        self._client.start()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Waits a little for what is in flight, says `stopped`, and disconnects."""
        self._stopping.set()
        self.wake()
        for thread in self._threads:
            thread.join(OUTPUT_STOP_NS / SECOND_NS)
        self._client.stop()

    def wake(self) -> None:
        """There are new records: look now instead of at the next poll."""
        self._post(self._woken.set)

    def reconcile(self) -> None:
        """Sites moved or were removed: compare the retained states anew."""
        self._post(self._states.again)

    def reply(self, reply: Reply) -> None:
        """Publishes the answer to a command that came by MQTT, on the topic of its sender."""
        self._desk.answer(reply)

    def alive(self) -> bool:
        """Whether both threads run; one that died has a trouble `failed`."""
        return all(thread.is_alive() for thread in self._threads)

    @property
    def connected(self) -> bool:
        """Whether the broker is there now."""
        return self._client.connected

    @property
    def position(self) -> int:
        """Every record up to this outbox row was acknowledged on all its topics."""
        return min(self._records.cursor, self._red.position)

    @property
    def settled(self) -> bool:
        """Whether the retained states are compared and nothing is on its way."""
        return self._records.idle and self._red.idle and self._states.idle

    def troubles(self) -> tuple[OutputTrouble, ...]:
        """What a person should know now; what the client told is over with the next connection."""
        with self._lock:
            return tuple(self._troubles.values())

    def counters(self) -> dict[str, int]:
        """What was published, repeated, corrected, commanded, refused and dropped."""
        return {
            "published": self._records.published + self._red.published,
            "published_red": self._red.published,
            "repeated": self._records.repeated + self._red.repeated,
            "states_corrected": self._states.corrected,
            "states_passed": self._records.states_passed,
            "commands": self._desk.taken,
            "commands_refused": self._desk.refused,
            **self._counts,
        }

    def details(self) -> dict[str, Any]:
        """How far the lane of red alerts is."""
        position = self._red.position
        behind = max(0, self._store.outbox_end() - position)
        return {"red": {"position": position, "behind": behind}}

    # --- the worker -------------------------------------------------------------------------------

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._run_events(OUTPUT_POLL_NS / SECOND_NS)
            self._turn()
        self._finish()
        self._say_health("stopped")

    def _finish(self) -> None:
        """Red of the rows that went out last goes out too, and what is on its way arrives."""
        now = self._clock.monotonic()
        self._woken.set()
        if self._client.connected and now >= self._retry_at:
            try:
                self._turn_red(now, self._engine.places())
            except LifelineError as error:
                self._failed("log", str(error))
        streams = self._records, self._red
        while any(s.in_flight for s in streams) and (
            self._clock.monotonic() < now + OUTPUT_STOP_NS // 2
        ):
            self._run_events(OUTPUT_POLL_NS / SECOND_NS)

    def _run_events(self, timeout_s: float) -> None:
        """What was posted, waiting for the first."""
        try:
            self._events.get(timeout=timeout_s)()
            while True:
                self._events.get_nowait()()
        except queue.Empty:
            return

    def _turn(self) -> None:
        now = self._clock.monotonic()
        if not self._client.connected or now < self._retry_at:
            return
        self._send_replies()
        if now >= self._health_due and self._say_health("running"):
            self._health_due = now + HEALTH_INTERVAL_NS
        try:
            places = self._engine.places()
            self._turn_red(now, places)
            self._states.turn(True, now, self._mine(places))
            if self._red.begun:  # or the lane would not know from where on red is its own
                self._records.turn(places, _ROWS_A_TURN)
        except LifelineError as error:
            self._failed("log", str(error))
        else:
            self._clear("log")
        if self.settled:
            self._clear("refused")

    def _turn_red(self, now: int, places: Mapping[str, Place]) -> None:
        """Looks for red only where something may be new: there are many turns in a flood."""
        if self._woken.is_set() or self._red.more or not self._red.idle or now >= self._red_due:
            self._woken.clear()
            self._red_due = now + OUTPUT_POLL_NS
            self._red.turn(places)
        if now >= self._follow_due:
            self._red.follow()
            self._follow_due = now + _FOLLOW_NS

    def _mine(self, places: Mapping[str, Place]) -> Mapping[str, Place]:
        """Those whose retained states are ours; asked of each site only when places changed."""
        if places is not self._asked_of:
            self._asked_of = places
            self._places = {site: place for site, place in places.items() if self._owns(site)}
        return self._places

    def _publish_red(self, message: Message) -> PublishTicket | None:
        return self._publish(message, urgent=True)

    def _publish(self, message: Message, urgent: bool = False) -> PublishTicket | None:
        """None when the window is full or the client has stopped."""
        try:
            return self._client.publish(
                message.topic, message.payload, retain=message.retain, timeout_s=0, urgent=urgent
            )
        except SinkError:
            return None

    def _send_replies(self) -> None:
        while self._replies:
            if self._publish(self._replies[0]) is None:
                return
            self._replies.popleft()
            self._counts["replies"] += 1

    def _say_health(self, status: Status) -> bool:
        if not self._healthy:
            return True
        # Also with `stopped`: whether it was meant to, or what ended the engine.
        details = dict(self._engine.health())
        payload = health_payload(self._node, status, self._clock.wall(), details)
        message = Message(topics.health(self._node), payload, retain=True)
        return self._publish(message) is not None

    def _takes(self, rowid: int, message: Message) -> bool:
        return self._states.takes(rowid, message)

    def _failed(self, kind: str, text: str) -> None:
        """Something was refused: tell, wait, and send again from the durable cursor."""
        if self._stopping.is_set():
            return
        self._tell(kind, text)
        self._counts["restarts"] += 1
        self._retry_at = self._clock.monotonic() + _RETRY_NS
        self._records.restart()
        self._red.restart()
        if kind == "refused":
            self._states.again()

    # --- the reader -------------------------------------------------------------------------------

    def _read(self) -> None:
        while not self._stopping.is_set():
            for delivery in self._client.take(_TAKE_AT_ONCE, _TAKE_WAIT_S):
                self._received(delivery)

    def _received(self, delivery: Delivery) -> None:
        settled = self._acks.received(delivery)
        if topics.site_of_state(delivery.topic) is None:
            self._desk.received(delivery, settled)
            return
        self._states.seen(delivery.topic, delivery.payload, self._clock.monotonic())
        settled()

    def _keep(self, message: Message) -> None:
        """A reply waits to be published."""

        def keep() -> None:
            if len(self._replies) >= MAX_WAITING_REPLIES:
                self._replies.popleft()
                self._counts["replies_dropped"] += 1
            self._replies.append(message)

        self._post(keep)

    # --- from any thread --------------------------------------------------------------------------

    def _post(self, event: Callable[[], None]) -> None:
        self._events.put(event)

    def _on_ready(self) -> None:
        connection = self._client.counters["connections"]
        self._post(lambda: self._connected(connection))

    def _connected(self, connection: int) -> None:
        self._clear("unreachable")
        self._health_due = 0
        self._states.ready(connection, self._clock.monotonic())

    def _listen(self, states: bool) -> None:
        retained = ((topics.STATES, 1), (topics.DRILL_STATES, 1)) if states else ()
        wanted = (*self._commands, *retained)
        self._client.resubscribe(wanted)

    def _on_client_trouble(self, trouble: Trouble) -> None:
        self._tell("unreachable", trouble.text)

    def _tell(self, kind: str, text: str) -> None:
        with self._lock:
            before = self._troubles.get(kind)
            since = self._clock.wall() if before is None else before.since
            self._troubles[kind] = OutputTrouble(self.name, kind, text, since)

    def _clear(self, kind: str) -> None:
        with self._lock:
            self._troubles.pop(kind, None)

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except Exception as error:
            self._tell("failed", f"{type(error).__name__}: {error}")
            raise


def _client_id(broker: BrokerSpec, node: str, second: str) -> str:
    """Two connections under one id throw each other off the broker."""
    if not second:
        return broker.client_id or f"lifeline-{node}-output"
    return f"{broker.client_id or f'lifeline-{node}'}-{second}"
