"""Commands on their way from the broker into the log, and the answers to them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ..clock import Clock
from ..command import Command, Reply
from ..errors import LifelineError
from ..mqtt import Delivery
from . import topics
from .commands import Refusal, read_command, refused
from .mqtt_records import Message
from .payload import reply_payload
from .ports import Place, Ticket


class Engine(Protocol):
    """What the output asks of the engine; every method may be called from its threads."""

    def places(self) -> Mapping[str, Place]:
        """Every site, removed ones included, where it is now."""
        ...

    def submit(self, command: Command) -> Ticket:
        """Appends the command to the log. Raises LifelineError where it cannot."""
        ...

    def health(self) -> Mapping[str, Any]:
        """Plain data for the health topic; must not wait."""
        ...


class OrderedAcks:
    """Acknowledges in the order of receipt, as MQTT 4.6 demands and rumqttd enforces by hanging up.

    A command is acknowledged when it is durable, anything else at once; so what comes behind a
    command waits for it.
    """

    def __init__(self, ack: Callable[[list[Delivery]], None]) -> None:
        self._ack = ack
        self._lock = threading.Lock()
        self._open: OrderedDict[int, tuple[Delivery, bool]] = OrderedDict()
        self._number = 0

    def received(self, delivery: Delivery) -> Callable[[], None]:
        """Called in the order of receipt; what it returns is called once, from any thread."""
        with self._lock:
            number = self._number = self._number + 1
            self._open[number] = (delivery, False)
        return lambda: self._settle(number)

    def _settle(self, number: int) -> None:
        with self._lock:
            self._open[number] = (self._open[number][0], True)
            ready = []
            while self._open and next(iter(self._open.values()))[1]:
                ready.append(self._open.popitem(last=False)[1][0])
            if ready:
                self._ack(ready)  # within the lock: two threads must not overtake each other


class CommandDesk:
    """Reads, checks and submits; everything that is refused is answered.

    send  takes a reply to be published
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        send: Callable[[Message], None],
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._send = send
        self.taken = 0
        self.refused = 0

    def received(self, delivery: Delivery, settled: Callable[[], None]) -> None:
        """One message of a command topic; `settled` is called once it may be acknowledged."""
        found = read_command(
            delivery.topic,
            delivery.payload,
            delivery.retained,
            self._clock.wall(),
            self._engine.places(),
        )
        if isinstance(found, Command):
            self._submit(found, settled)
            return
        if found is not None:
            self._refuse(found)
        settled()

    def answer(self, reply: Reply, reasons: dict[str, str] | None = None) -> None:
        """Sends an answer to its sender's reply topic."""
        payload = reply_payload(reply, self._clock.wall(), reasons)
        self._send(Message(topics.reply(reply.site, reply.principal), payload))

    def _submit(self, command: Command, settled: Callable[[], None]) -> None:
        """Settled when it is durable: a crash before makes it come again."""

        def logged(outcome: object) -> None:
            if isinstance(outcome, BaseException):
                self._refuse(refused(command, "not_logged", str(outcome)))
            settled()

        self.taken += 1
        try:
            ticket = self._engine.submit(command)
        except LifelineError as error:
            logged(error)
            return
        ticket.add_done_callback(logged)

    def _refuse(self, refusal: Refusal) -> None:
        self.refused += 1
        self.answer(refusal.reply(), refusal.reasons())
