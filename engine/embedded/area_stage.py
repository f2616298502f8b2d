"""The second stage beside the first: areas, with a log, an outbox and snapshots of their own.

What sites recorded comes from the first stage's outbox by a cursor, is logged, and only then
stepped; an area's orders go into the sites' log as commands. Everything on either way may come
twice after a crash and counts once: records by their seq, commands by their id.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

from ..areas.breakers import Order
from ..areas.configuration import AreaConfiguration
from ..areas.core import AreaCore
from ..areas.entry import AreaEntry, AreaPayload, decode_area, encode_area
from ..areas.hearing import standings
from ..clock import Clock
from ..command import Reply
from ..entry import Entry, Header, Recovered, encode
from ..errors import InvariantError, LogError
from ..limits import CONFIG_APPEND_NS, SECOND_NS, STOP_DISK_NS
from ..log import LogClosed, LogStore, Ticket
from ..log import Trouble as LogTrouble
from ..outputs.mqtt_commands import Engine as Served
from ..record import Record
from ..stages.appending import append_and_wait
from ..stages.delivering import Deliveries
from ..stages.looping import StepLoop
from ..stages.snapshotting import SnapshotPace, Snapshotter, restored_as
from ..stages.stepping import Stepped, Stepper
from ..stages.ticking import Ticker
from ..steady_clock import SteadyClock
from ..troubles import Troubles
from .area_feeding import CURSOR, AreaFeed
from .directory import DataDirectory
from .standing import StandingBoard, repair

PRODUCER: Final = "area"
SOURCE: Final = "areas"


class AreaStepper(Stepper[AreaCore]):
    """Steps an area log; the orders of a step go to the sites' log when its records are durable.

    Nothing counts as settled before its orders are durable, so that no snapshot forgets one.
    """

    def __init__(
        self,
        core: AreaCore,
        store: LogStore,
        sites: LogStore,
        tenant_of: Callable[[str], str],
        on_durable: Callable[[Sequence[Record]], None],
        on_reply: Callable[[str, Reply], None],
        on_refused: Callable[[str], None],
        clock: Clock,
    ) -> None:
        super().__init__(core, store, on_durable, on_reply, on_refused, clock, decode_area)
        self._sites = sites
        self._tenant_of = tenant_of
        self._wall = clock
        self._orders: deque[tuple[Order, Ticket]] = deque()
        self.ordered = 0

    def _done(self, producer: str, stepped: Stepped) -> None:
        super()._done(producer, stepped)
        for order in getattr(stepped, "orders", ()):
            self._orders.append((order, self._send(order)))

    def _send(self, order: Order) -> Ticket:
        command = order.command
        self.ordered += 1
        header = Header(
            self._tenant_of(command.site),
            PRODUCER,
            self.ordered,
            self._wall.wall(),
            exercise=order.exercise,
        )
        return self._sites.append([encode(Entry(header, command))])

    def settle(self, wait_ns: int) -> bool:
        """As `Stepper.settle`; the orders too are durable."""
        if not super().settle(wait_ns):
            return False
        while self._orders:
            try:
                self._orders[0][1].wait(wait_ns / SECOND_NS)
            except TimeoutError:
                return False
            except (InvariantError, LogClosed):
                raise
            except LogError as error:
                self._refuse(str(error))
                return False
            self._orders.popleft()
        if self._refused:
            self._refused = ""
            self._on_refused("")
        return True

    @property
    def open_positions(self) -> int:
        """Positions whose records, and orders that, are not known to be durable."""
        return len(self._open) + len(self._orders)

    def offer_again(self) -> None:
        """As `Stepper.offer_again`; orders that the sites' log refused too, with all behind them."""
        super().offer_again()
        if any(isinstance(ticket.outcome, LogError) for _, ticket in self._orders):
            self._orders = deque((order, self._send(order)) for order, _ in self._orders)


@dataclass(frozen=True, slots=True)
class AreaHooks:
    """What the stage tells its owner; see `Stepper` and `StepLoop`."""

    on_durable: Callable[[Sequence[Record]], None]
    on_reply: Callable[[str, Reply], None]
    on_failed: Callable[[Exception], None]
    tenant_of: Callable[[str], str]


class AreaStage:
    """Made, it holds the area log; `close` lets it go. `take_up`, then `start`, `stop`, `close`.

    sites      the log of the first stage, whose outbox is heard and which takes the orders
    kept       further cursors of this log that are no output's
    Raises LogError where the area log cannot be used.
    """

    def __init__(
        self,
        directory: DataDirectory,
        sites: LogStore,
        clock: SteadyClock,
        pace: SnapshotPace,
        node: str,
        retention: tuple[int, int],
        troubles: Troubles,
        hooks: AreaHooks,
        served: Served,
        kept: tuple[str, ...] = (),
    ) -> None:
        self._sites, self._clock, self._troubles = sites, clock, troubles
        self._hooks = hooks
        self._live = False
        with ExitStack() as undo:
            self.store = LogStore.open(
                directory.areas,
                clock,
                retention_ns=retention[0],
                max_bytes=retention[1],
                on_trouble=self._log_trouble,
            )
            undo.callback(self.store.close)
            core, position = restored_as(self.store, AreaCore)
            self.restored_from = position
            self.stepper = AreaStepper(
                core,
                self.store,
                sites,
                hooks.tenant_of,
                self._durable,
                hooks.on_reply,
                self._refused,
                clock,
            )
            self.snapshotter = Snapshotter(self.store, clock, pace, position)
            self.ticker = Ticker(self.store, clock)
            self.loop = StepLoop(
                self.stepper,
                self.ticker,
                self.snapshotter,
                self.store,
                clock,
                hooks.on_failed,
                lambda kind, text: troubles.tell(kind, text, SOURCE),
            )
            self.feed = AreaFeed(sites, self.store, clock, hooks.on_failed, troubles.tell)
            self.deliveries = Deliveries(
                node,
                self.store,
                clock,
                served,
                lambda _: None,
                troubles.tell,
                SOURCE,
                (CURSOR, *kept),
            )
            self.board = StandingBoard(self.store)
            undo.pop_all()

    @property
    def core(self) -> AreaCore:
        """The core; it belongs to the stepping thread while that runs."""
        return self.stepper.core

    @property
    def configuration(self) -> AreaConfiguration:
        """The configuration in force."""
        return self.core.configuration or AreaConfiguration()

    # --- start -----------------------------------------------------------------------------------
    def take_up(self, wanted: AreaConfiguration) -> None:
        """The area log stepped to its end, the wanted configuration in force, the time now, and
        what stands at the sites known. Both logs stand at their ends and nothing else runs."""
        self.loop.catch_up()
        self._live = True
        lost, was_empty = self.store.recovery, self.core.configuration is None
        if lost is not None:
            self._troubles.tell("log_recovered", lost.text(), SOURCE)
        if lost is not None and not was_empty:
            self._append(Recovered(self.store.delivered_heads(), lost.text()))
        self._first_tick()
        self.configure(wanted)
        if lost is not None and was_empty:
            self._append(Recovered(self.store.delivered_heads(), lost.text()))
        fresh = was_empty or CURSOR not in self._sites.cursors()
        if fresh or lost is not None or self._sites.recovery is not None:
            self._hear_what_stands()
        repair(self.store, self.core)
        self.board = StandingBoard(self.store)

    def _first_tick(self) -> None:
        core = self.core
        self._clock.not_before(max(core.wall, core.received, core.appended))
        self.ticker.start_from(core.wall)
        if self.ticker.wait_ns(None, at_end=True) == 0:
            self.ticker.tick().wait(CONFIG_APPEND_NS / SECOND_NS)
            self.loop.catch_up()

    def configure(self, wanted: AreaConfiguration) -> int:
        """Logs the wanted configuration where it is not in force; its position, 0: it is.

        While the loop runs, whoever needs it stepped waits for `core.position`.
        """
        if wanted == self.configuration and self.core.configuration is not None:
            return 0
        entry = AreaEntry(self._header("configuration"), wanted)
        position = append_and_wait(self.store, encode_area(entry))
        if not self.loop.is_alive:
            self.loop.catch_up()
        return position

    def _hear_what_stands(self) -> None:
        """Nothing was heard yet, or a log lost its tail: what stands at each site, as a whole."""
        end = self._sites.outbox_end()
        for store in (self._sites, self.store):
            rows = [row.data for row in store.standing()]
            for standing in standings(store.heads(), rows):
                self._append(standing)
        self._sites.set_cursor(CURSOR, end).wait(CONFIG_APPEND_NS / SECOND_NS)

    def _append(self, payload: AreaPayload) -> None:
        append_and_wait(self.store, encode_area(AreaEntry(self._header("recovery"), payload)))
        self.loop.catch_up()

    def _header(self, producer: str) -> Header:
        return Header(producer=producer, received=self._clock.wall())

    def start(self) -> None:
        """Hears and steps from now on."""
        self.loop.start()
        self.feed.start()

    # --- stop ------------------------------------------------------------------------------------
    def stop(self, timeout_ns: int) -> bool:
        """Hears what the sites recorded last, steps it, and stops; whether all was done in time."""
        self.feed.stop(timeout_ns)
        return self.loop.stop(timeout_ns)

    def last_snapshot(self) -> None:
        """A snapshot of where it stopped. Raises LogError, TimeoutError."""
        ticket = self.snapshotter.cut(self.core)
        if ticket is not None:
            ticket.wait(STOP_DISK_NS / SECOND_NS)

    def abandon(self, wait_ns: int = 0) -> None:
        """Ends at the next entry, from any thread; waits for that if asked to."""
        self.feed.abandon()
        self.loop.abandon(wait_ns)

    def close(self) -> None:
        """Lets go of the log."""
        self.store.close()

    # --- what it tells ---------------------------------------------------------------------------
    def status(self) -> dict[str, Any]:
        """How the stage is, as plain JSON values."""
        core, configuration = self.core, self.configuration
        return {
            "position": core.position,
            "behind": max(0, self.store.end() - core.position),
            "areas": len(configuration.areas),
            "configuration": configuration.version().hex(),
            "counters": core.counters(),
            "records": self.stepper.records,
            "orders": self.stepper.ordered,
            "heard": self.feed.heard,
            "feed_behind": max(0, self._sites.outbox_end() - self._sites.cursor(CURSOR)),
            "standing": self.board.counts(),
            "outputs": self.deliveries.status(),
            "refused": self.stepper.refused,
            "restored_from": self.restored_from,
            "snapshot": self.snapshotter.position,
        }

    def _durable(self, records: Sequence[Record]) -> None:
        self.board.note(records)
        self.deliveries.wake()
        self.feed.wake()
        if self._live:
            self._hooks.on_durable(records)

    def _log_trouble(self, trouble: LogTrouble) -> None:
        self._troubles.tell(trouble.kind, trouble.text, SOURCE)

    def _refused(self, text: str) -> None:
        kind = "records_refused" if text else "records_taken"
        self._troubles.tell(kind, text or "records and orders of areas are taken again", SOURCE)
