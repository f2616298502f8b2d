"""Notices by MQTT: one thread and one connection, behind a cursor of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final

from ..clock import Clock
from ..errors import LifelineError, SinkError
from ..flooding import FloodGate
from ..limits import OUTPUT_POLL_NS, OUTPUT_STOP_NS, SECOND_NS
from ..mqtt import MqttClient, PublishTicket
from ..performance import Where
from ..record import Record
from ..source import BrokerSpec
from .mqtt_records import Message
from .notice_stream import NoticeStream
from .ports import OutboxPort, OutputTrouble, Place

CURSOR: Final = "alert:notices"
_RETRY_S: Final = 10.0


def who_answers(where: Callable[[], Mapping[str, Where]]) -> Callable[[Record], tuple[str, ...]]:
    """The positions of a record's alarm as `where` says now."""

    def positions(record: Record) -> tuple[str, ...]:
        place = where().get(record.site)
        return (record.area,) if place is None else place.positions(record.asset)

    return positions


class NoticeOutput:
    """Tells people. `where` says whose sites are, `places` how they are called; neither waits.

    Raises SpecError where a password or TLS file cannot be read.
    """

    def __init__(
        self,
        broker: BrokerSpec,
        node: str,
        outbox: OutboxPort,
        places: Callable[[], Mapping[str, Place]],
        where: Callable[[], Mapping[str, Where]],
        clock: Clock,
        second: str = "",
    ) -> None:
        self.name = f"{CURSOR}:{second}" if second else CURSOR
        self._places, self._clock = places, clock
        self._trouble: OutputTrouble | None = None
        self._stopping = threading.Event()
        own = f"{broker.client_id or f'lifeline-{node}'}-notice{f'-{second}' if second else ''}"
        self._client = MqttClient(broker, own, clock=clock)
        self._stream = NoticeStream(
            CURSOR, outbox, lambda: FloodGate(who_answers(where)), self._publish
        )
        self._thread = threading.Thread(target=self._run, name="mqtt-notices", daemon=True)

    def start(self) -> None:
        """Connects and begins behind the cursor; returns at once."""
        self._client.start()
        self._thread.start()

    def stop(self) -> None:
        """Ends; the minute that runs is told after the next start."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(OUTPUT_STOP_NS / SECOND_NS)
        self._client.stop()

    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def position(self) -> int:
        """Every row up to this one was told, was counted in a summary that arrived, or calls nobody."""
        return self._stream.cursor

    def troubles(self) -> tuple[OutputTrouble, ...]:
        """What stands."""
        trouble = self._trouble
        if trouble is None and not self._client.connected:
            return (OutputTrouble(self.name, "unreachable", "not connected", self._clock.wall()),)
        return () if trouble is None else (trouble,)

    def counters(self) -> dict[str, int]:
        """Told and grouped alarms, summaries, floods and minutes of floods."""
        gate = self._stream.gate
        return {**gate.counters, "flooded_now": len(gate.flooded())}

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                if not self._turn():
                    self._stopping.wait(OUTPUT_POLL_NS / SECOND_NS)
        except Exception as error:
            self._tell("failed", f"{type(error).__name__}: {error}")
            raise

    def _turn(self) -> bool:
        if not self._client.connected:
            return False
        try:
            more = self._stream.turn(self._clock.wall(), self._places())
        except LifelineError as error:
            self._tell("refused" if isinstance(error, SinkError) else "log", str(error))
            self._stream.restart()
            self._stopping.wait(_RETRY_S)
            return False
        self._trouble = None
        return more

    def _tell(self, kind: str, text: str) -> None:
        self._trouble = OutputTrouble(self.name, kind, text, self._clock.wall())

    def _publish(self, message: Message) -> PublishTicket | None:
        """None when the window is full or the client has stopped."""
        try:
            return self._client.publish(message.topic, message.payload, timeout_s=0)
        except SinkError:
            return None
