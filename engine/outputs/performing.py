"""Alarm performance while an engine or a sink runs: the outbox followed, figures every ten minutes.

What is kept is made from the outbox at each start, so that it needs no snapshot and no cursor: a
restart comes to the same figures. Nothing waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from ..areas.configuration import AreaConfiguration
from ..clock import Clock
from ..configuration import Configuration
from ..errors import LogError
from ..limits import SECOND_NS
from ..metrics import Reading
from ..metrics.performance import performance_readings
from ..performance import WORLDS, Desk, Figures, Performance, Where, watches_of
from ..performance.limits import (
    INTERVAL_NS,
    LIVE_SPAN_NS,
    LOOK_NS,
    RECORDS_AT_ONCE,
    SETTLE_NS,
)
from ..record import decode_record
from .ports import StandingPort


class Outbox(StandingPort, Protocol):
    """What is read of a log."""

    def began(self) -> int:
        """Since when (wall time, ns) it tells everything."""
        ...


class Round(NamedTuple):
    """Figures up to `end` (ns): all groups of the actual world, and those of the other worlds in
    which anything sounded."""

    end: int
    figures: tuple[Figures, ...]
    counters: Mapping[str, int]


def where_of(
    configuration: Configuration | None,
    positions: Mapping[str, str],
    areas: AreaConfiguration,
    desks: Sequence[Desk] = (),
) -> Mapping[str, Where]:
    """Whose each site and area is, retired ones left out. `positions` are those that sites name,
    `desks` those that name sites."""
    sites = () if configuration is None else configuration.sites
    found = {
        s.id: Where(s.area, positions.get(s.id, ""), watches_of(s.id, s.area, desks), s.exercise)
        for s in sites
        if not s.retired
    }
    return {**found, **{area.site: Where(area.path) for area in areas.areas}}


class PerformanceKeeper:
    """Follows outboxes with a thread of its own.

    where   whose each site is now; must not wait
    tell    (kind, text) of what an operator must hear
    """

    def __init__(
        self,
        outboxes: Sequence[Outbox],
        where: Callable[[], Mapping[str, Where]],
        clock: Clock,
        tell: Callable[[str, str], None],
    ) -> None:
        self._outboxes, self._where, self._clock, self._tell = outboxes, where, clock, tell
        self._made: Performance | None = None
        self._numbers = [0] * len(outboxes)
        self._told_to = 0
        self._unread = False
        self._listeners: list[Callable[[Round], None]] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lifeline-performance", daemon=True)
        self.latest: Round | None = None

    # --- its thread ------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins with the outboxes' first records."""
        self._thread.start()

    def stop(self) -> None:
        """Ends between two reads. Harmless when called again, or before `start`."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.look()
                self._unread = False
            except LogError as error:
                if not self._unread and not self._stop.is_set():
                    self._tell("performance_unread", f"alarm performance stands still: {error}")
                self._unread = True
            self._stop.wait(LOOK_NS / SECOND_NS)

    def look(self) -> None:
        """Takes what came, and tells the figures of an interval that has ended and settled. One
        caller at a time. Raises LogError."""
        made = self._made
        if made is None or (not made.by_asset and self._by_asset()):
            made = self._made = self._begun()
            self._numbers = [0] * len(self._outboxes)
        for i, outbox in enumerate(self._outboxes):
            while not self._stop.is_set():
                rows = outbox.records(self._numbers[i], RECORDS_AT_ONCE)
                if not rows:
                    break
                for *_, data in rows:
                    made.step(decode_record(data))
                self._numbers[i] = rows[-1][0]
        end = (self._clock.wall() - SETTLE_NS) // INTERVAL_NS * INTERVAL_NS
        if end > self._told_to and not self._stop.is_set():
            self._told_to = end
            self._tell_round(made, end)

    def _begun(self) -> Performance:
        """What stands is told before the records, the first of which may have been trimmed."""
        began = min(outbox.began() for outbox in self._outboxes)
        self._told_to = began // INTERVAL_NS * INTERVAL_NS
        made = Performance(self._told_to, LIVE_SPAN_NS, assets=self._by_asset())
        for outbox in self._outboxes:
            for *_, data in outbox.standing():
                made.adopt(decode_record(data))
        return made

    def _by_asset(self) -> bool:
        return any(place.by_asset for place in self._where().values())

    def _tell_round(self, made: Performance, end: int) -> None:
        where = self._where()
        figures = made.at(end, where)
        for world in WORLDS:
            if world != "actual" and world in made.worlds():
                figures += [f for f in made.at(end, where, world) if f.alarms or f.standing]
        told = Round(end, tuple(figures), made.counters())
        with self._lock:
            self.latest, listeners = told, list(self._listeners)
        for listener in listeners:
            listener(told)

    # --- for everybody ---------------------------------------------------------------------------

    def listen(self, listener: Callable[[Round], None]) -> Callable[[], None]:
        """Tells the latest round and each that comes, from several threads; returns how to end it.
        The listener must not wait."""
        with self._lock:
            self._listeners.append(listener)
            latest = self.latest
        if latest is not None:
            listener(latest)

        def leave() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return leave

    def readings(self) -> Iterable[Reading]:
        """The latest figures of operator positions; nothing before the first."""
        latest = self.latest
        if latest is None:
            return ()
        actual = (f for f in latest.figures if f.world == "actual")
        return performance_readings(actual, latest.counters)
