"""The thread that looks at all parts every few seconds, writes the status, and helps where it can."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any, Final

import msgspec

from ..agent import Agent
from ..errors import LifelineError, LogError
from ..layout import NO_TIME
from ..limits import CLOCK_APART_TOLD_NS, SECOND_NS, STATUS_INTERVAL_NS
from ..service import notify
from ..troubles import Troubles
from .assembly import Assembly
from .status import EngineStatus, State, write_status

_UNKNOWN_LISTED: Final = 20


class Observer:
    """Collects the status; `state` gives the engine's state and failure, `agent` its agent.

    on_failed   called with LogError when the log's own threads have died
    """

    def __init__(
        self,
        node: str,
        parts: Assembly,
        troubles: Troubles,
        state: Callable[[], tuple[State, str]],
        agent: Callable[[], Agent | None],
        on_failed: Callable[[Exception], None],
    ) -> None:
        self._node = node
        self._parts = parts
        self._troubles = troubles
        self._state = state
        self._agent = agent
        self._on_failed = on_failed
        self._started = parts.clock.wall()
        self._apart = False
        self._progress = (-1, -1)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lifeline-status", daemon=True)
        self.last: EngineStatus | None = None

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends; the last status is written by `look`."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def look(self) -> EngineStatus:
        """Collects and writes the status now."""
        self.last = status = self.status()
        try:
            write_status(self._parts.directory.status, status)
        except OSError as error:
            self._troubles.tell("status_unwritten", f"status.json: {error}")
        return status

    # --- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.wait(STATUS_INTERVAL_NS / SECOND_NS):
            try:
                self._help()
                self.look()
            except LifelineError as error:
                self._troubles.tell("status_unread", str(error))

    def _help(self) -> None:
        for deliveries in self._parts.all_deliveries():
            deliveries.watch()
        # Ticks alone move an engine that is well; one whose disk is full is not helped by a restart.
        progress = self._parts.core.position, self._parts.ticker.refused
        if progress != self._progress:
            self._progress = progress
            notify("WATCHDOG=1")
        if self._parts.calls is not None:
            self._parts.calls.watch()
        stages = [self._parts.areas, self._parts.calls]
        stores = [self._parts.store, *(stage.store for stage in stages if stage is not None)]
        if not all(store.health().is_alive for store in stores):
            self._on_failed(LogError("a thread of the log has ended: see the log of the process"))
        ahead = self._parts.clock.ahead()
        apart = abs(ahead) > CLOCK_APART_TOLD_NS
        if apart and not self._apart:
            text = (
                f"the engine's time is {ahead / SECOND_NS:.0f} s ahead of the machine's clock, which "
                "was set back; it goes on from there, since the log's time never goes back"
            )
            self._troubles.tell("clock_apart", text)
        self._apart = apart

    # --- the status ------------------------------------------------------------------------------

    def status(self) -> EngineStatus:
        """All parts as they are now. Raises LogError where the log cannot be read."""
        parts = self._parts
        state, failure = self._state()
        agent = self._agent()
        store = parts.store
        return EngineStatus(
            node=self._node,
            pid=os.getpid(),
            state=state,
            failure=failure,
            time=parts.clock.wall(),
            started=self._started,
            interval=STATUS_INTERVAL_NS,
            log=self._log(),
            core=self._core(),
            standing=parts.board.counts(),
            snapshot={
                "position": parts.snapshotter.position,
                "restored_from": parts.restored_from,
                "bytes": parts.snapshotter.bytes,
                "time": parts.snapshotter.cut_time,
                "taken": parts.snapshotter.taken,
                "last_ns": parts.snapshotter.last_ns,
                "longest_ns": parts.snapshotter.longest_ns,
            },
            ticks={
                "appended": parts.ticker.appended,
                "resumed": parts.ticker.resumed,
                "refused": parts.ticker.refused,
                "ahead_ns": parts.clock.ahead(),
            },
            commands={"taken": parts.commands.taken, "answered": parts.commands.answered},
            agent={} if agent is None else agent.health(),
            outputs=parts.deliveries.status(),
            troubles=self._troubles.recent(),
            trouble_counts=dict(self._troubles.counts),
            dead_letters=store.dead_letter_counts(),
            unknown={
                "topics": [(u.key, u.n) for u in store.unknown("topic", _UNKNOWN_LISTED)],
                "sensors": [(u.key, u.n) for u in store.unknown("sensor", _UNKNOWN_LISTED)],
            },
            areas={} if parts.areas is None else parts.areas.status(),
            calls={} if parts.calls is None else parts.calls.status(),
        )

    def _log(self) -> dict[str, Any]:
        health = self._parts.store.health()
        found: dict[str, Any] = msgspec.to_builtins(health)
        found["used"], found["limit"] = found.pop("used_bytes"), found.pop("max_bytes")
        recovery = self._parts.store.recovery
        found["log_id"] = self._parts.store.log_id
        found["recovered"] = "" if recovery is None else recovery.text()
        return found

    def _core(self) -> dict[str, Any]:
        parts = self._parts
        core, stepper = parts.core, parts.stepper
        configuration = core.configuration
        wall = core.wall
        return {
            "position": core.position,
            "behind": max(0, parts.store.end() - core.position),
            "wall": 0 if wall == NO_TIME else wall,
            "lag": 0 if wall == NO_TIME else max(0, parts.clock.wall() - wall),
            "stepped": stepper.entries,
            "records": stepper.records,
            "records_by": parts.written.by_level(),
            "step_times": {
                "bounds_s": list(stepper.times.bounds_s),
                "counts": list(stepper.times.counts()),
                "total_ns": stepper.times.total_ns,
            },
            "open_positions": stepper.open_positions,
            "records_refused": stepper.refused,
            "offered_again": stepper.offered_again,
            "counters": core.counters(),
            "configuration": "" if core.plan is None else core.plan.version.hex(),
            "sites": 0 if configuration is None else len(configuration.sites),
            "sensors": 0 if configuration is None else len(configuration.sensors),
            "rules": 0 if configuration is None else len(configuration.rules),
        }
