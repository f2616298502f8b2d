"""A worker as `/metrics`, `/livez` and `/readyz` show it, and as a service manager hears of it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, get_args

from ..clock import Clock, SystemClock
from ..config import MonitoringSpec
from ..limits import LIVE_TURN_NS, READY_LAG_NS, SECOND_NS, WORKER_WATCH_NS
from ..metrics import Check, Endpoint, Reading, catalogue
from ..metrics.parts import (
    core_readings,
    process_readings,
    standing_readings,
    trouble_readings,
)
from ..service import notify
from .worker_status import PartStatus, State, WorkerStatus

ROLE: Final = "worker"
_AT_WORK: Final = ("running", "standing_by")


class MonitoredWorker:
    """Serves a worker from `with` to its end, and tells a service manager that it is ready once
    it has caught up, and that it lives while it does.

    status   `Worker.status`
    monitor  where to serve; None: nowhere
    areas    whether it judges areas instead of sites

    Raises SpecError where the address cannot be used.
    """

    def __init__(
        self,
        status: Callable[[], WorkerStatus],
        monitor: MonitoringSpec | None,
        clock: Clock | None = None,
        *,
        areas: bool = False,
    ) -> None:
        self._status = status
        self._areas = areas
        self._clock = clock or SystemClock()
        self._started = self._clock.wall()
        self._endpoint = (
            None if monitor is None else Endpoint(self, ROLE, monitor.host, monitor.port)
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lifeline-beat", daemon=True)

    def __enter__(self) -> MonitoredWorker:
        if self._endpoint is not None:
            self._endpoint.start()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        notify("STOPPING=1")
        self._stopping.set()
        self._thread.join()
        if self._endpoint is not None:
            self._endpoint.stop()

    def _beat(self) -> None:
        """Ready once; alive as long as the main loop turns. A worker that turns and gets nothing
        done is ended by its own watchdog."""
        ready = False
        while not self._stopping.wait(WORKER_WATCH_NS / SECOND_NS):
            if not ready and all(check.ok for check in self.readiness()):
                ready = True
                notify("READY=1")
            if all(check.ok for check in self.liveness()):
                notify("WATCHDOG=1")

    # --- checks ----------------------------------------------------------------------------------

    def liveness(self) -> list[Check]:
        """Not failed, and the main loop turns. Joining and restoring have limits of their own."""
        status = self._status()
        return [_not_failed(status), self._turning(status)]

    def readiness(self) -> list[Check]:
        """At work, and every partition that it was given is restored and judged up to now. A
        member that was given none is ready to take some."""
        status = self._status()
        at_work = Check("running", status.state in _AT_WORK, f"the worker is {status.state}")
        return [_not_failed(status), at_work, self._caught_up(status)]

    def _turning(self, status: WorkerStatus) -> Check:
        if status.state not in _AT_WORK:
            return Check("stepping", True, f"not asked of a worker that is {status.state}")
        ago = self._clock.monotonic() - status.turned_at
        text = f"the main loop turned {_s(ago)} s ago, allowed are {_s(LIVE_TURN_NS)} s"
        return Check("stepping", ago <= LIVE_TURN_NS, text)

    def _caught_up(self, status: WorkerStatus) -> Check:
        now = self._clock.wall()
        behind = [
            f"{part.partition} ({part.lag} entries, {_s(lag_ns(part, now))} s)"
            for part in status.parts
            if not part.caught_up or lag_ns(part, now) > READY_LAG_NS
        ]
        text = f"{len(status.parts)} partitions are judged up to now"
        return Check("caught_up", not behind, f"behind: {', '.join(behind)}" if behind else text)

    # --- figures ---------------------------------------------------------------------------------

    def readings(self) -> Iterator[Reading]:
        """Everything now."""
        status, now = self._status(), self._clock.wall()
        yield from process_readings(ROLE, status.node, status.state, self._started, get_args(State))
        yield catalogue.STATUS_TIME(now / SECOND_NS)
        yield catalogue.TURNED((self._clock.monotonic() - status.turned_at) / SECOND_NS)
        yield catalogue.CLOCK_AHEAD(status.clock_apart / SECOND_NS)
        yield catalogue.COMMITS_REFUSED(status.refused_commits)
        yield catalogue.PARTITIONS_HELD(len(status.parts))
        counters = status.counters
        yield catalogue.REBALANCES(counters.rebalances)
        yield catalogue.RESTORE_LONGEST(counters.longest_restore_ns / SECOND_NS)
        yield counters.steps.reading(catalogue.STEP)
        yield catalogue.ENTRIES(counters.entries)
        for (level, transition), n in counters.records.items():
            yield catalogue.RECORDS(n, level, transition)
        skipped = {"before": counters.seen_before, "unowned": counters.unowned}
        for reason, n in {**skipped, **counters.put_aside}.items():
            yield catalogue.RECORDS_SKIPPED(n, reason)
        yield catalogue.CHECKPOINTS(status.checkpoints)
        yield catalogue.CHECKPOINT_SECONDS(status.last_checkpoint_ns / SECOND_NS)
        yield catalogue.CHECKPOINT_CUT(status.longest_cut_ns / SECOND_NS)
        yield from trouble_readings(status.trouble_counts)
        for part in status.parts:
            name = f"areas-{part.partition}" if self._areas else str(part.partition)
            yield from _part(part, name, now)
            if not self._areas:
                yield from core_readings(part.outcomes, name)
        if self._areas:
            done = sum((Counter(part.outcomes) for part in status.parts), Counter[str]())
            yield from (catalogue.AREA_EVENTS(n, event) for event, n in done.items())


def lag_ns(part: PartStatus, now: int) -> int:
    """How far a partition's time is behind wall time; before its first tick it is not behind."""
    return 0 if part.wall is None else max(0, now - part.wall)


def _not_failed(status: WorkerStatus) -> Check:
    text = status.failure or f"the worker is {status.state}"
    return Check("not_failed", not status.failure, text)


def _part(part: PartStatus, name: str, now: int) -> Iterator[Reading]:
    # A core's position is Kafka's offset + 1: that of the last record judged is `following`.
    yield catalogue.LOG_POSITION(part.following, name)
    if part.log_end is not None:
        yield catalogue.LOG_END(part.log_end, name)
    yield catalogue.LAG_ENTRIES(part.lag, name)
    yield catalogue.LAG_SECONDS(lag_ns(part, now) / SECOND_NS, name)
    yield catalogue.OPEN(part.open, name)
    yield catalogue.CHECKPOINT_POSITION(part.checkpoint_offset, name)
    yield catalogue.CHECKPOINT_TIME((now - part.checkpoint_age) / SECOND_NS, name)
    yield catalogue.CHECKPOINT_BYTES(part.checkpoint_bytes, name)
    yield catalogue.TICKS(part.ticks, name, "appended")
    yield catalogue.TICKS(part.ticks_resumed, name, "resumed")
    if part.version:
        yield catalogue.CONFIGURATION(1, name, part.version)
    yield from standing_readings(part.standing(), name)


def _s(ns: int) -> str:
    return f"{ns / SECOND_NS:.3g}"
