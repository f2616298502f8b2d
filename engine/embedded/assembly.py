"""The parts of a running engine, opened and connected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from ..command import Reply
from ..config import Plant
from ..configuration import Configuration
from ..core import Core
from ..entry import Entry, Header, Recovered, encode
from ..errors import InvariantError
from ..limits import CONFIG_APPEND_NS, SECOND_NS
from ..log import ConfigurationFiles, Inbox, LogStore
from ..log import Trouble as LogTrouble
from ..metrics import RecordCounts
from ..outputs.mqtt_commands import Engine as Served
from ..record import Record
from ..troubles import Troubles
from .commanding import Commands
from .configuring import (
    append_and_wait,
    append_configuration,
    next_configuration,
)
from .delivering import Deliveries
from .directory import DataDirectory
from .looping import StepLoop
from .snapshotting import SnapshotPace, Snapshotter, restored
from .standing import StandingBoard, repair
from .stepping import Stepper
from .ticking import SteadyClock, Ticker

PRODUCER = "recovery"


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the parts tell their owner; see `Stepper` and `StepLoop`."""

    on_durable: Callable[[Sequence[Record]], None]
    on_reply: Callable[[str, Reply], None]
    on_failed: Callable[[Exception], None]


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
        self.clock = clock
        self.directory = DataDirectory(plant.storage.directory)
        self.directory.make()
        self.configurations = ConfigurationFiles(self.directory.configurations)
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
                plant.node, self.store, clock, served, self.configurations.find, troubles.tell
            )
            self.commands = Commands(
                self.store, inbox, clock, self._tenant_of, self.deliveries.reply, troubles.tell
            )
            self.board = StandingBoard(self.store)
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

    def close(self) -> None:
        """Writes what is queued and lets go of the data directory."""
        self.commands.close()
        self.store.close()

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

    def _log_trouble(self, trouble: LogTrouble) -> None:
        self._troubles.tell(trouble.kind, trouble.text, "log")

    def _records_refused(self, text: str) -> None:
        if text:
            self._troubles.tell("records_refused", text)
        else:
            self._troubles.tell("records_taken", "the log takes alert records again")
