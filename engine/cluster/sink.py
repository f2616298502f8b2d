"""What the sinks have in common: a mirror of the alert records, and outputs that run on it."""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from typing import Any, ClassVar

from ..clock import Clock
from ..config import Plant
from ..errors import InvariantError, LifelineError
from ..outputs.owner import Output, OutputOwner, Wanted, output_status
from ..outputs.ports import Place, area_places, places_of
from ..troubles import EngineTrouble
from .following import InForce
from .mirror import Mirror
from .node import Node
from .topics import Topics


class Sink(Node):
    """Serves the plant's outputs of one kind. The outputs start when the mirror is complete up to
    what was delivered before and a configuration is in force; from then on they run unchanged as
    they would beside an embedded engine.

    resumed      sites whose hold ends; see `Mirror`
    partitions   the only ones of each topic that are served; None: all
    """

    def __init__(
        self,
        plant: Plant,
        clock: Clock | None = None,
        on_trouble: Callable[[EngineTrouble], None] | None = None,
        *,
        resumed: Iterable[str] = (),
        partitions: Sequence[int] | None = None,
    ) -> None:
        super().__init__(plant, clock, on_trouble)
        self.topics = Topics(self.spec.prefix)
        self.owner = OutputOwner(self.clock, self._tell)
        self._resumed = tuple(resumed)
        self._only = partitions
        self._places: Mapping[str, Place] = {}
        self._mirror: Mirror | None = None
        self._tasks: list[Future[None]] = []
        self._outputs_run = False
        self._owning = threading.Lock()
        self._stopped_output: Output | None = None

    # --- what a sink gives -----------------------------------------------------------------------

    @property
    @abstractmethod
    def cursor(self) -> str:
        """The name of the alert output and of its cursor."""

    @abstractmethod
    def _wanted(self) -> Wanted:
        """The outputs, to be made when they may start. Raises LifelineError."""

    #: Whether on an empty directory everything that is on the topics counts as delivered.
    from_now: ClassVar[bool] = False

    def _run_outputs(self) -> None:
        """Starts the outputs, once. Raises LifelineError where that cannot be done yet."""
        self.owner.prepare(self._wanted())()

    def _woken(self) -> None:
        """Alert records were taken; from a thread of the mirror."""

    def _moved(self) -> None:
        """`places` changed."""

    # --- for everybody ---------------------------------------------------------------------------

    @property
    def mirror(self) -> Mirror:
        """The alert records as a local outbox."""
        assert self._mirror is not None, "the sink was not started"
        return self._mirror

    def places(self) -> Mapping[str, Place]:
        """Every site, removed ones included, and every area, where it is now."""
        return self._places

    # --- Node ------------------------------------------------------------------------------------

    def _begin(self, undo: ExitStack) -> None:
        self._mirror = Mirror(
            self.store,
            self.spec,
            self.topics.group(self.role),
            (self.topics.alerts, self.topics.area_alerts),
            self.cursor,
            self.clock,
            self._delivered,
            self._woken,
            self._start_outputs,
            lambda kind, text: self._tell(kind, text, "alerts"),
            resumed=self._resumed,
            partitions=self._only,
            from_now=self.from_now,
        )
        self._tasks = [self.loop.submit(self._mirror.run())]

    def _taken_up(self, in_force: InForce) -> None:
        sites = places_of(in_force.configuration, self.plant.timezones)
        self._places = {**sites, **area_places(self.plant.areas, sites)}
        self._moved()
        self._start_outputs()

    def _end(self) -> None:
        self._stopped_output = self.owner.output(self.cursor)
        with self._owning:
            self.owner.stop()
            self._outputs_run = True  # nothing begins any more
        for task in self._tasks:
            task.cancel()

    def _start_outputs(self) -> None:
        """Once, when the mirror is ready and a configuration is in force; tried again where it
        could not be done."""
        mirror = self._mirror
        with self._owning:
            if mirror is None or not mirror.ready or not self._places or self._outputs_run:
                return
            try:
                self._run_outputs()
            except LifelineError as error:
                self._tell("outputs_not_started", str(error))
            else:
                self._outputs_run = True

    def _delivered(self) -> int | None:
        output = self._stopped_output or self.owner.output(self.cursor)
        return None if output is None else output.position

    def _link(self) -> dict[str, Any]:
        return self.mirror.health()

    def _outputs(self) -> dict[str, Any]:
        end = self.store.outbox_end()
        return {name: output_status(o, end) for name, o in self.owner.outputs().items()}

    def _help(self) -> None:
        self._start_outputs()
        with self._owning:
            self.owner.watch()
        for task in self._tasks:
            if task.done():
                error = None if task.cancelled() else task.exception()
                self._fail(InvariantError(f"a task of the {self.role} has ended: {error!r}"))
