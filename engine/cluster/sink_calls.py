"""`lifeline sink calls`: call and respond (叫应) on a cluster.

The stage of the embedded engine, on the mirror of the alert records instead of an outbox of its
own: who is called when is decided by a call log in this sink's directory, and what acknowledges an
alarm goes into the log of its site's partition, as from everywhere.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from queue import Empty, SimpleQueue
from typing import Any, Final

from ..clock import Clock
from ..command import Command, Reply
from ..config import CallSpec, OutputsSpec, Plant
from ..errors import LifelineError, SinkError, SpecError
from ..limits import SECOND_NS, STOP_OUTPUTS_NS, STOP_STEP_NS
from ..log import Ticket
from ..metrics import Reading
from ..metrics.parts import call_readings
from ..outputs.owner import Wanted
from ..outputs.ports import Place, call_places
from ..stages.call_feeding import CURSOR
from ..stages.call_stage import CallHooks, CallStage
from ..stages.snapshotting import SnapshotPace
from ..steady_clock import SteadyClock
from ..troubles import EngineTrouble
from .commands import CommandSender, ReplyReader, ticket_of
from .following import InForce
from .node_status import Role
from .sink import Sink

BY_SINK: Final = "calls"
_LOOK_S: Final = 0.05


class CallSink(Sink):
    """One cluster, one sink: two of them call everybody twice.

    It begins with what stands; from then on it goes on where it was. Raises SpecError where the
    plant names no roster.
    """

    role: Role = "sink-calls"
    from_now = True
    _stage: CallStage | None = None
    _sender: CommandSender | None = None
    _closed: dict[str, Any] | None = None
    _tenants: Mapping[str, str] = {}

    def __init__(
        self,
        plant: Plant,
        clock: Clock | None = None,
        on_trouble: Callable[[EngineTrouble], None] | None = None,
        *,
        resumed: Iterable[str] = (),
        pace: SnapshotPace | None = None,
    ) -> None:
        super().__init__(plant, clock, on_trouble, resumed=resumed)
        self._pace = pace or SnapshotPace()
        self._asking: dict[str, SimpleQueue[Reply]] = {}
        self._called: Mapping[str, Place] = {}

    @property
    def cursor(self) -> str:
        """How far of the alert records is in the call log."""
        return CURSOR

    @property
    def stage(self) -> CallStage:
        """Who is called when. Its core belongs to its own thread."""
        assert self._stage is not None, "the sink was not started"
        return self._stage

    def reload(self, plant: Plant) -> None:
        """Goes on with another roster, other links and other outputs.

        Raises, having changed nothing: SpecError for what is wrong or needs a restart, SinkError
        before it runs, LogError where the call log does not take it.
        """
        for what in ("node", "storage", "cluster", "monitoring"):
            if getattr(self.plant, what) != getattr(plant, what):
                raise SpecError(f"{what} changes only with a restart")
        roster = _roster(plant)
        if not self._outputs_run:
            raise SinkError("it does not run yet: ask again when Kafka is reached")
        become = self.stage.deliveries.prepare(_outputs(plant))
        self.stage.configure(roster)
        self.plant = plant
        become()
        if (in_force := self.in_force) is not None:
            self._taken_up(in_force)

    # --- what the stage asks -----------------------------------------------------------------------

    def places(self) -> Mapping[str, Place]:
        """Every site and area, and what stands for their calls."""
        return self._called

    def submit(self, command: Command) -> Ticket:
        """A command into its site's log; the ticket holds its position. Raises SinkError."""
        if self._sender is None:
            raise SinkError("the sink was not started")
        return ticket_of(self.loop.submit(self._sender.submit(command)))

    def health(self) -> Mapping[str, Any]:
        """Nothing: the health topic is the MQTT sink's."""
        return {}

    def _acknowledge(self, command: Command, timeout_s: float) -> Reply:
        """Into the log of the alarm's site, and what its worker answers."""
        assert self._sender is not None
        until = self.clock.monotonic() + int(timeout_s * SECOND_NS)
        replies = self._asking[command.id] = SimpleQueue[Reply]()
        try:
            self.loop.call(self._sender.submit(command), timeout_s)
            left_s = (until - self.clock.monotonic()) / SECOND_NS
            return replies.get(timeout=max(0.0, left_s))
        except (Empty, TimeoutError) as error:
            raise TimeoutError(f"no worker answered within {timeout_s:g} s") from error
        finally:
            self._asking.pop(command.id, None)

    def _answered(self, reply: Reply) -> None:
        if (asking := self._asking.get(reply.id)) is not None:
            asking.put(reply)

    # --- Sink ------------------------------------------------------------------------------------

    def _begin(self, undo: ExitStack) -> None:
        roster = _roster(self.plant)
        name = f"{BY_SINK}:{self.plant.node}"
        self._sender = CommandSender(self.spec, name, self._partitions, self._tenant_of, self.clock)
        hooks = CallHooks(lambda _: None, self._fail, self._acknowledge)
        self._stage = CallStage(
            self.directory,
            [self.store],
            SteadyClock(self.clock),
            self._pace,
            self.plant,
            roster,
            self.troubles,
            hooks,
            self,
        )
        undo.callback(self._stage.close)
        super()._begin(undo)
        group = self.topics.group(f"{self.role}.replies")
        replies = ReplyReader(self.spec, group, name, self._answered)
        self._tasks.append(self.loop.submit(replies.run()))

    def _wanted(self) -> Wanted:
        return {}

    def _run_outputs(self) -> None:
        """The stage is taken up; what it needs is there."""
        become = self.stage.deliveries.prepare(_outputs(self.plant))
        self.stage.take_up()
        become()
        self.stage.start(calling=True)

    def _delivered(self) -> int | None:
        return self.store.cursor(CURSOR) if self._outputs_run else None

    def _woken(self) -> None:
        if self._outputs_run:
            self.stage.feed.wake()

    def _taken_up(self, in_force: InForce) -> None:
        self._tenants = {site.id: site.tenant for site in in_force.configuration.sites}
        super()._taken_up(in_force)

    def _moved(self) -> None:
        self._called = {**self._places, **call_places(self._places)}
        if self._outputs_run:
            self.stage.deliveries.reconcile()

    def _end(self) -> None:
        ran = self._outputs_run
        super()._end()
        if ran:
            self._end_stage()
            self._closed = self.stage.status()
        self.stage.close()
        if self._sender is not None:
            self.loop.call(self._sender.stop())

    def _end_stage(self) -> None:
        """What was recorded last is heard, stepped and, within a bounded time, delivered."""
        stage = self.stage
        if self.failure:
            stage.abandon(STOP_STEP_NS)
        stepped = not self.failure and stage.stop(STOP_STEP_NS)
        stage.deliveries.wake()
        until = self.clock.monotonic() + STOP_OUTPUTS_NS
        pause = threading.Event()
        while not stage.deliveries.drained() and self.clock.monotonic() < until:
            pause.wait(_LOOK_S)
        stage.deliveries.stop()
        if stepped and not self.failure:
            try:
                stage.last_snapshot()
            except (LifelineError, TimeoutError) as error:
                self._tell("snapshot_error", str(error), BY_SINK)

    # --- how it is ---------------------------------------------------------------------------------

    def _status_of_calls(self) -> dict[str, Any]:
        """As the stage says it; {} before it runs."""
        if self._closed is not None:
            return self._closed
        return self.stage.status() if self._outputs_run else {}

    def _outputs(self) -> dict[str, Any]:
        outputs = self._status_of_calls().get("outputs", {})
        return {f"{BY_SINK}:{n}": o for n, o in outputs.items()}

    def _calls(self) -> dict[str, Any]:
        return {n: value for n, value in self._status_of_calls().items() if n != "outputs"}

    def _help(self) -> None:
        super()._help()
        with self._owning:
            if self._outputs_run and not self._stopping.is_set():
                self.stage.watch()
                self.stage.deliveries.watch()

    def readings(self) -> Iterator[Reading]:
        """Those of every sink, and of the calls."""
        yield from super().readings()
        if self._last is not None and self._last.calls:
            yield from call_readings(self._last.calls)

    def _partitions(self) -> int:
        in_force = self.in_force
        return self.spec.partitions if in_force is None else in_force.n

    def _tenant_of(self, site: str) -> str:
        return self._tenants.get(site, "")


def _roster(plant: Plant) -> CallSpec:
    if plant.calls is None:
        raise SpecError("this file names no roster", expected="calls: {roster: …}")
    return plant.calls


def _outputs(plant: Plant) -> OutputsSpec:
    """Where call records go: the embedded store is one machine's own, and of calls no person is
    told by notice."""
    return dataclasses.replace(plant.outputs, store=None, notices=False)
