"""The parts of a running engine, opened and connected."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from ..agent.retrying import Retrier
from ..command import Reply
from ..config import OutputsSpec, Plant
from ..configuration import Configuration
from ..core import Core
from ..entry import Entry, Header, Recovered, encode
from ..errors import InvariantError, LogError
from ..limits import (
    CONFIG_APPEND_NS,
    HEALTH_INTERVAL_NS,
    SECOND_NS,
    STOP_DISK_NS,
    STOP_OUTPUTS_NS,
)
from ..log import ConfigurationFiles, Inbox, LogStore, Requests
from ..log import Trouble as LogTrouble
from ..long_lived import settle
from ..metrics import Reading, RecordCounts
from ..outputs.influx_asides import asides
from ..outputs.influx_target import InfluxTarget
from ..outputs.mqtt_commands import Engine as Served
from ..outputs.performing import PerformanceKeeper, where_of
from ..outputs.ports import Place, area_places, call_places, places_of
from ..performance import Where
from ..record import Record
from ..stages.appending import append_and_wait
from ..stages.call_feeding import CURSOR as CALL_CURSOR
from ..stages.call_stage import CallHooks, CallStage
from ..stages.delivering import Deliveries
from ..stages.looping import StepLoop
from ..stages.snapshotting import SnapshotPace, Snapshotter, restored
from ..stages.stepping import Stepper
from ..stages.ticking import SteadyClock, Ticker
from ..troubles import Troubles
from .area_feeding import CURSOR as AREA_CURSOR
from .area_stage import AreaHooks, AreaStage
from .commanding import Commands
from .configuring import append_configuration, next_configuration
from .directory import DataDirectory
from .monitoring import ROLE
from .standing import StandingBoard, repair

PRODUCER = "recovery"
_LOOK_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the parts tell their owner, see `Stepper` and `StepLoop`; `readings` are its figures."""

    on_durable: Callable[[Sequence[Record]], None]
    on_area_records: Callable[[Sequence[Record]], None]
    on_reply: Callable[[str, Reply], None]
    on_failed: Callable[[Exception], None]
    readings: Callable[[], Iterable[Reading]]


def places(configuration: Configuration, plant: Plant) -> Mapping[str, Place]:
    """Every site, removed ones included, and every area, where it is now; with a roster also what
    stands for their calls."""
    sites = places_of(configuration, plant.timezones)
    found = {**sites, **area_places(plant.areas, sites)}
    return found if plant.calls is None else {**found, **call_places(found)}


def _called(plant: Plant) -> tuple[str, ...]:
    """Cursors by which the call stage hears the others."""
    return () if plant.calls is None else (CALL_CURSOR,)


class Assembly:
    """Everything but the agent. Made, it holds the data directory; `close` lets it go.

    Raises LogError (LogInUse where another engine runs here).
    """

    def __init__(
        self,
        plant: Plant,
        clock: SteadyClock,
        pace: SnapshotPace,
        troubles: Troubles,
        hooks: Hooks,
        served: Served,
    ) -> None:
        self._troubles = troubles
        self._where: Mapping[str, Where] = {}
        self.clock = clock
        self.directory = DataDirectory(plant.storage.directory)
        self.directory.make()
        self.configurations = ConfigurationFiles(self.directory.configurations)
        # An area that was once configured is withdrawn by its own log.
        with_areas = bool(plant.areas.areas) or self.directory.areas.exists()
        with ExitStack() as undo:
            self.store = LogStore.open(
                self.directory.root,
                clock,
                retention_ns=plant.storage.retention_ns,
                max_bytes=plant.storage.max_bytes,
                on_trouble=self._log_trouble,
            )
            undo.callback(self.store.close)
            core, position = restored(self.store)
            settle()
            self.restored_from = position
            self.stepper = Stepper(
                core, self.store, hooks.on_durable, hooks.on_reply, self._records_refused, clock
            )
            self.written = RecordCounts()
            self.snapshotter = Snapshotter(self.store, clock, pace, position)
            self.ticker = Ticker(self.store, clock)
            self.loop = StepLoop(
                self.stepper,
                self.ticker,
                self.snapshotter,
                self.store,
                clock,
                hooks.on_failed,
                troubles.tell,
            )
            inbox = Inbox(self.directory.root, clock)
            undo.callback(inbox.close)
            self.deliveries = Deliveries(
                plant.node,
                self.store,
                clock,
                served,
                self.configurations.find,
                troubles.tell,
                kept=(*((AREA_CURSOR,) if with_areas else ()), *_called(plant)),
                beside=lambda influx: asides(
                    influx,
                    plant.node,
                    ROLE,
                    hooks.readings,
                    lambda: self.core.configuration,
                    clock,
                    self.performance,
                ),
                where=lambda: self._where,
            )
            self.commands = Commands(
                self.store, inbox, clock, self._tenant_of, self.deliveries.reply, troubles.tell
            )
            self.retrier = Retrier(
                self.store, Requests(self.directory.root), clock, self._letters_trouble
            )
            undo.callback(self.retrier.close)
            self.board = StandingBoard(self.store)
            self.areas: AreaStage | None = None
            if with_areas:
                self.areas = self._area_stage(plant, pace, hooks, served)
                undo.callback(self.areas.close)
                self.commands.areas = self.areas.store
                feed, loop = self.areas.feed, self.loop
                loop.after_turn = lambda: feed.observe(self.core)
            self.calls: CallStage | None = None
            if plant.calls is not None:
                heard_from = [self.store, *([] if self.areas is None else [self.areas.store])]
                told = CallHooks(hooks.on_area_records, hooks.on_failed, self.commands.act)
                self.calls = CallStage(
                    self.directory.root,
                    heard_from,
                    clock,
                    pace,
                    plant,
                    plant.calls,
                    troubles,
                    told,
                    served,
                )
                undo.callback(self.calls.close)
            self.performance = self._performance()
            undo.pop_all()

    @property
    def core(self) -> Core:
        """The core; it belongs to the stepping thread while that runs."""
        return self.stepper.core

    def take_up(self, wanted: Configuration) -> Configuration:
        """Puts the wanted configuration in force where it is not; returns it. What was lost with
        a damaged log is told and logged. The core stands at the log's end, and nothing else runs.

        Raises SpecError for a configuration that cannot be run, and what ends an engine.
        """
        lost = self.store.recovery
        was_empty = self.core.configuration is None
        if lost is not None:
            self._troubles.tell("log_recovered", lost.text(), "log")
            if not was_empty:
                self._log_recovered(lost.text())
        following = next_configuration(self.core.configuration, wanted)
        if following is not None:
            append_configuration(self.store, self.configurations, following, self.clock.wall())
            self.loop.catch_up()
        if lost is not None and was_empty:
            self._log_recovered(lost.text())
        for site, alarm in repair(self.store, self.core):
            text = f"{alarm} at {site} stands, but the record that left it so is gone"
            self._troubles.tell("standing_unexplained", text)
        self.board = StandingBoard(self.store)
        in_force = self.core.configuration
        if in_force is None:
            raise InvariantError("a configuration was logged and stepped, and none is in force")
        self.configurations.keep(in_force)
        return in_force

    def first_tick(self) -> None:
        """The time is now: whatever passed since the last tick, nobody was there."""
        core = self.core
        self.clock.not_before(max(core.wall, core.received, core.appended))
        self.ticker.start_from(core.wall)
        if self.ticker.wait_ns(None, at_end=True) == 0:
            self.ticker.tick().wait(CONFIG_APPEND_NS / SECOND_NS)
            self.loop.catch_up()

    def _area_stage(
        self, plant: Plant, pace: SnapshotPace, hooks: Hooks, served: Served
    ) -> AreaStage:
        return AreaStage(
            self.directory,
            self.store,
            self.clock,
            pace,
            plant.node,
            (plant.storage.retention_ns, plant.storage.max_bytes),
            self._troubles,
            AreaHooks(hooks.on_area_records, hooks.on_reply, hooks.on_failed, self._tenant_of),
            served,
            _called(plant),
        )

    def _performance(self) -> PerformanceKeeper:
        stores = [self.store, *([] if self.areas is None else [self.areas.store])]
        return PerformanceKeeper(
            stores,
            lambda: self._where,
            self.clock,
            lambda kind, text: self._troubles.tell(kind, text, "performance"),
        )

    def close(self) -> None:
        """Writes what is queued and lets go of the data directory."""
        self.performance.stop()
        if self.calls is not None:
            self.calls.close()
        if self.areas is not None:
            self.areas.close()
        self.retrier.close()
        self.commands.close()
        self.store.close()

    # --- both stages -----------------------------------------------------------------------------
    def take_up_areas(self, plant: Plant) -> None:
        """See `AreaStage.take_up`; nothing where there is no second stage. Dead letters are tried
        by this plant from now on."""
        self._retry_by(plant)
        if self.areas is not None:
            self.areas.take_up(plant.areas)
        if self.calls is not None:
            self.calls.take_up()

    def configure_areas(self, plant: Plant) -> None:
        """See `AreaStage.configure`; as for dead letters `take_up_areas`."""
        self._retry_by(plant)
        if self.areas is not None:
            self.areas.configure(plant.areas)
        if self.calls is not None and plant.calls is not None:
            self.calls.configure(plant.calls)

    def _retry_by(self, plant: Plant) -> None:
        influx = plant.outputs.influx
        target = None if influx is None else InfluxTarget.of(influx)
        self.retrier.become(plant.sources, self.core.configuration, target)
        self._where = where_of(self.core.configuration, plant.positions, plant.areas, plant.desks)

    def start_stepping(self, calling: bool) -> None:
        """All logs are stepped from now on, and dead letters tried again where it is asked for;
        `calling`: persons are told."""
        self.loop.start()
        self.retrier.start()
        self.performance.start()
        if self.areas is not None:
            self.areas.start()
        if self.calls is not None:
            self.calls.start(calling)

    def wake_stages(self) -> None:
        """There are records of sites or areas that other stages hear."""
        if self.areas is not None:
            self.areas.feed.wake()
        if self.calls is not None:
            self.calls.feed.wake()

    def prepare(self, outputs: OutputsSpec) -> Callable[[], None]:
        """As `Deliveries.prepare`, of every outbox."""
        becoming = [each.prepare(outputs) for each in self.all_deliveries()]

        def become() -> None:
            for each in becoming:
                each()

        return become

    def reconcile(self) -> None:
        """Sites or areas moved or were removed."""
        for each in self.all_deliveries():
            each.reconcile()

    def deliver_last(self, failed: bool, told: threading.Event) -> None:
        """Gives outputs a bounded time; after a failure so long that the health topic says so,
        which `told` tells."""
        failed = failed and self.deliveries.mqtt is not None
        until = self.clock.monotonic() + (HEALTH_INTERVAL_NS if failed else STOP_OUTPUTS_NS)
        pause = threading.Event()
        for each in self.all_deliveries():
            each.wake()
        while self.clock.monotonic() < until:
            drained = all(each.drained() for each in self.all_deliveries())
            if drained and (told.is_set() or not failed):
                return
            pause.wait(_LOOK_S)

    def last_snapshots(self) -> None:
        """A snapshot of each core where it stopped."""
        try:
            ticket = self.snapshotter.cut(self.core)
            if ticket is not None:
                ticket.wait(STOP_DISK_NS / SECOND_NS)
            if self.areas is not None:
                self.areas.last_snapshot()
            if self.calls is not None:
                self.calls.last_snapshot()
        except (LogError, TimeoutError) as error:
            self._troubles.tell("snapshot_error", str(error))

    def stop_outputs(self) -> None:
        """Stops all outputs."""
        for each in self.all_deliveries():
            each.stop()

    def stop_stepping(self, timeout_ns: int) -> bool:
        """Steps both logs to their ends; whether it was done in time."""
        stepped = self.loop.stop(timeout_ns)
        second = self.areas is None or self.areas.stop(timeout_ns)
        third = self.calls is None or self.calls.stop(timeout_ns)
        return stepped and second and third

    def abandon(self, wait_ns: int = 0) -> None:
        """Ends all stepping at the next entry, from any thread; waits for that if asked to."""
        self.loop.abandon(wait_ns)
        if self.areas is not None:
            self.areas.abandon(wait_ns)
        if self.calls is not None:
            self.calls.abandon(wait_ns)

    def all_deliveries(self) -> list[Deliveries]:
        """The outputs of the sites' outbox, of the areas', and of the calls'."""
        others = [self.areas, self.calls]
        return [self.deliveries, *(each.deliveries for each in others if each is not None)]

    def _log_recovered(self, reason: str) -> None:
        """Each site's `seq` goes on behind the last that anyone may have seen."""
        payload = Recovered(self.store.delivered_heads(), reason)
        header = Header(producer=PRODUCER, received=self.clock.wall())
        append_and_wait(self.store, encode(Entry(header, payload)))
        self.loop.catch_up()

    def _tenant_of(self, site: str) -> str:
        configuration = self.core.configuration
        sites = configuration.sites if configuration is not None else ()
        return next((s.tenant for s in sites if s.id == site), "")

    def _letters_trouble(self, kind: str, text: str) -> None:
        self._troubles.tell(kind, text, "log")

    def _log_trouble(self, trouble: LogTrouble) -> None:
        self._troubles.tell(trouble.kind, trouble.text, "log")

    def _records_refused(self, text: str) -> None:
        if text:
            self._troubles.tell("records_refused", text)
        else:
            self._troubles.tell("records_taken", "the log takes alert records again")
