"""The embedded engine as `/metrics`, `/livez` and `/readyz` show it, from the status that it has.

Nothing is collected for a scrape: figures are those of the last status, a few seconds old, and the
checks look only at what is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from ..clock import Clock
from ..limits import LIVE_TURN_NS, READY_LAG_NS, READY_STATUS_NS, SECOND_NS
from ..metrics import Check, Reading, catalogue, histogram, record_readings
from ..metrics.parts import (
    CALLS,
    agent_readings,
    call_readings,
    core_readings,
    output_readings,
    process_readings,
    standing_readings,
    trouble_readings,
)
from ..stages.looping import StepLoop
from .status import EngineStatus, State

#: The embedded engine has one log for its sites, and one for its areas.
PARTITION: Final = "0"
AREAS: Final = "areas"
ROLE: Final = "engine"


class Monitored:
    """An engine that can be asked how it is, from before its start to after its end.

    state    the engine's state and failure
    status   the last status, None before the first
    loop     the stepping loop, None before it is made
    sources  `Agent.health()["sources"]` of now; None where the engine takes no telemetry
    performance  `PerformanceKeeper.readings`
    """

    def __init__(
        self,
        node: str,
        clock: Clock,
        state: Callable[[], tuple[State, str]],
        status: Callable[[], EngineStatus | None],
        loop: Callable[[], StepLoop | None],
        sources: Callable[[], dict[str, Any] | None],
        performance: Callable[[], Iterable[Reading]] = lambda: (),
    ) -> None:
        self._node = node
        self._clock = clock
        self._state = state
        self._status = status
        self._loop = loop
        self._sources = sources
        self._performance = performance
        self._started = clock.wall()

    # --- checks ----------------------------------------------------------------------------------

    def liveness(self) -> list[Check]:
        """Not failed, and the stepping loop turns. Starting and stopping are alive: they have
        time limits of their own."""
        return [self._not_failed(), self._turning()]

    def readiness(self) -> list[Check]:
        """Running, subscribed, a configuration in force, judged up to now, taken by the disk."""
        state, _ = self._state()
        if state != "running":
            return [self._not_failed(), Check("running", False, f"the engine is {state}")]
        status = self._status()
        if status is None:
            return [Check("running", False, "nothing is known yet")]
        return [
            self._not_failed(),
            Check("running", True, "the engine is running"),
            self._fresh(status),
            self._subscribed(),
            _configured(status),
            _caught_up(status),
            _writing(status),
        ]

    def _not_failed(self) -> Check:
        state, failure = self._state()
        return Check("not_failed", not failure, failure or f"the engine is {state}")

    def _turning(self) -> Check:
        state, _ = self._state()
        loop = self._loop()
        if state != "running" or loop is None:
            return Check("stepping", True, f"not asked of an engine that is {state}")
        ago = loop.turned_ago_ns
        text = f"the stepping loop turned {_s(ago)} s ago, allowed are {_s(LIVE_TURN_NS)} s"
        return Check("stepping", ago <= LIVE_TURN_NS, text)

    def _fresh(self, status: EngineStatus) -> Check:
        age = max(0, self._clock.wall() - status.time)
        text = f"what is known is {_s(age)} s old, allowed are {_s(READY_STATUS_NS)} s"
        return Check("status", age <= READY_STATUS_NS, text)

    def _subscribed(self) -> Check:
        sources = self._sources()
        if sources is None:
            return Check("sources", True, "this engine takes no telemetry by itself")
        away = [
            f"{name}: {lane['mqtt']['last_reason'] or 'not connected yet'}"
            for name, lane in sources.items()
            if not (lane["mqtt"]["connected"] and lane["mqtt"]["subscribed"])
        ]
        text = "; ".join(away) or f"{len(sources)} sources are connected and subscribed"
        return Check("sources", not away, text)

    # --- figures ---------------------------------------------------------------------------------

    def readings(self) -> Iterator[Reading]:
        """Everything, as of the last status."""
        state, _ = self._state()
        yield from process_readings(ROLE, self._node, state, self._started)
        loop = self._loop()
        if loop is not None and state == "running":
            yield catalogue.TURNED(loop.turned_ago_ns / SECOND_NS)
        status = self._status()
        if status is None:
            return
        yield catalogue.STATUS_TIME(status.time / SECOND_NS)
        yield from _log(status)
        yield from _core(status)
        yield from _snapshot(status)
        yield from standing_readings(status.standing["by_level_and_state"], PARTITION)
        for step in ("taken", "answered"):
            yield catalogue.COMMANDS(status.commands[step], step)
        for outcome in ("appended", "resumed", "refused"):
            yield catalogue.TICKS(status.ticks[outcome], PARTITION, outcome)
        yield catalogue.CLOCK_AHEAD(status.ticks["ahead_ns"] / SECOND_NS)
        for reason, n in status.dead_letters.items():
            yield catalogue.DEAD_LETTERS(n, reason)
        yield from trouble_readings(status.trouble_counts)
        yield from agent_readings(status.agent)
        yield from output_readings(status.outputs)
        if status.areas:
            yield from _areas(status.areas)
        if status.calls:
            yield from call_readings(status.calls)
            outputs = status.calls["outputs"].items()
            yield from output_readings({f"{CALLS}:{n}": o for n, o in outputs})
        yield from self._performance()


def _configured(status: EngineStatus) -> Check:
    version = status.core["configuration"]
    return Check("configuration", bool(version), version or "no configuration is in force")


def _caught_up(status: EngineStatus) -> Check:
    lag, behind = status.core["lag"], status.core["behind"]
    text = f"{behind} entries and {_s(lag)} s behind, allowed are {_s(READY_LAG_NS)} s"
    return Check("caught_up", lag <= READY_LAG_NS, text)


def _writing(status: EngineStatus) -> Check:
    log, core = status.log, status.core
    areas = status.areas.get("refused", "")
    text = log["failing"] or log["refused"] or core["records_refused"] or areas
    return Check("log", not text, text or "the log takes what comes")


def _log(status: EngineStatus) -> Iterator[Reading]:
    log = status.log
    yield catalogue.LOG_END(log["end"], PARTITION)
    yield catalogue.LOG_FIRST(log["first"], PARTITION)
    yield catalogue.LOG_BYTES(log["used"])
    yield catalogue.LOG_LIMIT(log["limit"])
    yield catalogue.LOG_REFUSES(bool(log["failing"] or log["refused"]), "entries")
    yield catalogue.LOG_REFUSES(bool(status.core["records_refused"]), "records")
    for event, n in log["counters"].items():
        yield catalogue.LOG_EVENTS(n, event)


def _core(status: EngineStatus) -> Iterator[Reading]:
    core = status.core
    yield catalogue.LOG_POSITION(core["position"], PARTITION)
    yield catalogue.LAG_ENTRIES(core["behind"], PARTITION)
    yield catalogue.LAG_SECONDS(core["lag"] / SECOND_NS, PARTITION)
    yield catalogue.ENTRIES(core["stepped"])
    times = core["step_times"]
    total = times["total_ns"] / SECOND_NS
    yield histogram(catalogue.STEP, times["bounds_s"], times["counts"], total)
    yield from core_readings(core["counters"], PARTITION)
    yield from record_readings(core["records_by"])
    yield catalogue.OPEN(core["open_positions"], PARTITION)
    yield catalogue.CONFIGURATION(1, PARTITION, core["configuration"])
    for what in ("sites", "sensors", "rules"):
        yield catalogue.CONFIGURED(core[what], what)


def _snapshot(status: EngineStatus) -> Iterator[Reading]:
    snapshot = status.snapshot
    yield catalogue.CHECKPOINT_POSITION(snapshot["position"], PARTITION)
    yield catalogue.CHECKPOINT_TIME(snapshot["time"] / SECOND_NS, PARTITION)
    yield catalogue.CHECKPOINT_BYTES(snapshot["bytes"], PARTITION)
    yield catalogue.CHECKPOINT_SECONDS(snapshot["last_ns"] / SECOND_NS)
    yield catalogue.CHECKPOINT_CUT(snapshot["longest_ns"] / SECOND_NS)
    yield catalogue.CHECKPOINTS(snapshot["taken"])


def _areas(areas: dict[str, Any]) -> Iterator[Reading]:
    yield catalogue.LOG_POSITION(areas["position"], AREAS)
    yield catalogue.LAG_ENTRIES(areas["behind"] + areas["feed_behind"], AREAS)
    yield catalogue.CHECKPOINT_POSITION(areas["snapshot"], AREAS)
    yield catalogue.CONFIGURATION(1, AREAS, areas["configuration"])
    yield catalogue.CONFIGURED(areas["areas"], "areas")
    yield catalogue.LOG_REFUSES(bool(areas["refused"]), "area records")
    did = {"records": areas["records"], "orders": areas["orders"]}
    for event, n in {**areas["counters"], **did}.items():
        yield catalogue.AREA_EVENTS(n, event)
    yield from standing_readings(areas["standing"]["by_level_and_state"], AREAS)
    # An output of areas has the name of its fellow that serves the sites.
    yield from output_readings({f"{AREAS}:{n}": o for n, o in areas["outputs"].items()})


def _s(ns: int) -> str:
    return f"{ns / SECOND_NS:.3g}"
