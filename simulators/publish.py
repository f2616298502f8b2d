"""Real MQTT load: a scenario published by its gateways, QoS 1, at any speed, with a ledger.

Every gateway is one connection with its own client id and a bounded window of unacknowledged
messages. After a lost connection the unacknowledged ones are sent again, the same bytes, and
counted. Messages leave in the order in which they are due; a gateway whose window is full makes
the others wait too, as they share one ledger.

Event times never lie in the future of the machine's clock: at a speed above 1 a run begins so far
in the past that it ends now, because an engine does not judge samples stamped more than
five minutes ahead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Protocol

import numpy as np

from lifeline.engine.clock import Clock, SystemClock
from lifeline.engine.errors import SpecError
from lifeline.engine.limits import (
    PUBLISH_CONNECTIONS,
    PUBLISH_DRAIN_NS,
    PUBLISH_PATIENCE_NS,
    SECOND_NS,
)

from .batch import Batch
from .gateway import Connection
from .ledger import LedgerWriter
from .plant import Scenario, Site
from .shapes import Message, messages
from .sites import site_named
from .stream import Stream

# Beyond this speed a publisher looks this many windows ahead at once: pacing within a few
# milliseconds means nothing there, and numpy's cost per call does.
FAST_SPEED = 10.0
FAST_WINDOWS = 32


class StopSignal(Protocol):
    """What tells a publisher to stop: `threading.Event` and multiprocessing's both fit."""

    def is_set(self) -> bool:
        """Whether to stop."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is set or `timeout` seconds have passed."""
        ...


@dataclass(frozen=True, slots=True)
class Published:
    """What a run sent. `stopped`: the stop signal came; `gave_up`: why it ended early, or ""."""

    site: str
    start_ns: int
    messages: int
    samples: int
    acked_messages: int
    acked_samples: int
    resent: int
    connects: int
    wall_s: float
    stopped: bool
    gave_up: str


def start_for(now_ns: int, seconds: float, speed: float | None) -> int:
    """The first event time of a run of `seconds` that must not overtake the wall clock.

    Speed 1 and below: now. Above: as far back as it gains on the clock. None: all in the past.
    """
    if speed is None:
        return now_ns - round(seconds * SECOND_NS)
    return now_ns - round(max(0.0, seconds - seconds / speed) * SECOND_NS)


def publish_site(
    site: Site | str,
    host: str,
    port: int,
    *,
    username: str | None = None,
    password: str | None = None,
    speed: float | None = 1.0,
    seconds: float,
    seed: int,
    ledger_path: Path,
    stop: StopSignal | None = None,
    start_ns: int | None = None,
    intensity: int = 1,
    clock: Clock | None = None,
) -> Published:
    """Publish `seconds` of event time of a site (or of the registered site of that name).

    `speed` is event time per wall time, None as fast as the broker takes it. `start_ns` defaults
    to `start_for(now)`. Returns when everything is acknowledged, `stop` is set, or a gateway
    has waited too long for the broker; the ledger at `ledger_path` (which must not exist) tells
    all. Raises SpecError for impossible arguments and SinkError where the broker refuses the login.
    """
    clock = clock or SystemClock()
    built = site_named(site) if isinstance(site, str) else site
    if speed is not None and speed <= 0.0:
        raise SpecError("speed must be positive", found=str(speed))
    if seconds <= 0.0:
        raise SpecError("seconds must be positive", found=str(seconds))
    start = start_for(clock.wall(), seconds, speed) if start_ns is None else start_ns
    scenario = built.scenario(start, seconds, seed, intensity)
    return publish(
        scenario,
        host,
        port,
        username=username,
        password=password,
        speed=speed,
        ledger_path=ledger_path,
        stop=stop,
        clock=clock,
    )


def publish(
    scenario: Scenario,
    host: str,
    port: int,
    *,
    ledger_path: Path,
    username: str | None = None,
    password: str | None = None,
    speed: float | None = 1.0,
    stop: StopSignal | None = None,
    clock: Clock | None = None,
    tell: Callable[[float], object] = lambda done: None,
) -> Published:
    """Publish a scenario; see `publish_site`. `tell` hears which share of its time was sent."""
    gateways = scenario.site.gateways
    if len(gateways) > PUBLISH_CONNECTIONS:
        raise SpecError(
            "a simulated site has too many gateways",
            found=str(len(gateways)),
            expected=f"at most {PUBLISH_CONNECTIONS}",
        )
    ledger = LedgerWriter(ledger_path, scenario.site, scenario.seed)
    names = [f"sim-{scenario.site.id}-{g.name}" for g in gateways]
    clock = clock or SystemClock()
    connections = [Connection(n, host, port, username, password, clock=clock) for n in names]
    stream = Stream(scenario)  # before the clock of the run: a world may have to be compiled
    run = _Run(stream, scenario, connections, ledger, speed, stop or Event(), clock, tell)
    try:
        for connection in connections:
            connection.open()
        run.go()
    finally:
        for connection in connections:
            connection.close()
        run.settle()
        ledger.close()
    return run.result()


class _Run:
    """One run: paces, sends, keeps the ledger."""

    def __init__(
        self,
        stream: Stream,
        scenario: Scenario,
        connections: list[Connection],
        ledger: LedgerWriter,
        speed: float | None,
        stop: StopSignal,
        clock: Clock,
        tell: Callable[[float], object],
    ) -> None:
        self._stream = stream
        self._tell = tell
        self._scenario = scenario
        self._connections = connections
        self._ledger = ledger
        self._speed = speed
        self._stop = stop
        self._clock = clock
        self._began = clock.monotonic()
        self._planned = 0  # messages recorded so far; the number of the next one
        self._size: dict[int, int] = {}  # samples of the messages that wait for a PUBACK
        self._sent = self._sent_samples = 0
        self._acked = self._acked_samples = 0
        self._resent = 0
        self._gave_up = ""

    def go(self) -> None:
        """Send everything, then wait for the last acknowledgements."""
        for until in self._cuts():
            batch = self._stream.take(until)
            if len(batch) and not self._window(batch):
                break
            told_s = (until - self._scenario.start_ns) / SECOND_NS
            self._tell(min(1.0, told_s / self._scenario.duration_s))
            if self._stream.exhausted:
                break
        self._drain()

    def result(self) -> Published:
        """The summary."""
        return Published(
            site=self._scenario.site.id,
            start_ns=self._scenario.start_ns,
            messages=self._sent,
            samples=self._sent_samples,
            acked_messages=self._acked,
            acked_samples=self._acked_samples,
            resent=self._resent,
            connects=sum(c.connects for c in self._connections),
            wall_s=(self._clock.monotonic() - self._began) / SECOND_NS,
            stopped=self._stop.is_set(),
            gave_up=self._gave_up,
        )

    def settle(self) -> None:
        """Write down what the connections have heard."""
        for connection in self._connections:
            acked, resent = connection.settled()
            self._acked += len(acked)
            self._acked_samples += sum(self._size.pop(m) for m in acked)
            self._resent += len(resent)
            self._ledger.acknowledged(acked)
            self._ledger.resent(resent)

    def _cuts(self) -> Iterator[int]:
        """Ends of windows, at multiples of the site's own (see `shapes.messages`)."""
        window = self._scenario.site.window_ns
        fast = self._speed is None or self._speed > FAST_SPEED
        step = window * (FAST_WINDOWS if fast else 1)
        until = self._scenario.start_ns // window * window
        while True:
            until += step
            yield until

    def _window(self, batch: Batch) -> bool:
        """Record and send one window; False when the run must end."""
        planned = messages(self._scenario.site, batch)
        first = self._planned
        number = np.empty(len(batch), np.int64)
        for i, message in enumerate(planned):
            number[message.rows] = first + i
        self._planned += len(planned)
        self._ledger.record(number, batch)
        for i, message in enumerate(planned):
            if not (self._paced(message) and self._handed(first + i, message)):
                self._ledger.withdrawn(list(range(first + i, self._planned)))
                return False
        self.settle()
        return True

    def _paced(self, message: Message) -> bool:
        """Wait until the message is due; False when stopped."""
        if self._speed is not None:
            elapsed = (message.due - self._scenario.start_ns) / self._speed
            wait_ns = self._began + elapsed - self._clock.monotonic()
            if wait_ns > 0:
                return not self._stop.wait(wait_ns / SECOND_NS)
        return not self._stop.is_set()

    def _handed(self, number: int, message: Message) -> bool:
        """Hand one message to its gateway once there is room; False when that must not be."""
        connection = self._connections[message.gateway]
        since = self._clock.monotonic()
        while not connection.room():
            if self._stop.is_set():
                return False
            if self._clock.monotonic() - max(since, connection.heard_ns) > PUBLISH_PATIENCE_NS:
                self._gave_up = f"{connection.name}: no acknowledgement for a minute"
                return False
            connection.wait(0.1)
        connection.send(number, message.topic, message.payload)
        self._size[number] = len(message.rows)
        self._sent += 1
        self._sent_samples += len(message.rows)
        return True

    def _drain(self) -> None:
        deadline = self._clock.monotonic() + PUBLISH_DRAIN_NS
        for connection in self._connections:
            while connection.waiting() and self._clock.monotonic() < deadline:
                connection.wait(0.1)
            if connection.waiting() and not self._gave_up:
                self._gave_up = f"{connection.name}: the last acknowledgements did not come"
