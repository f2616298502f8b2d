"""`lifeline sink influx`: alerts and series to InfluxDB.

Series are read straight from the log, one output a partition, each with a place of its own: a
partition that is behind delays no other. Several sinks may share the partitions, each started
with its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Final

from ..config import InfluxSpec
from ..configuration import Configuration
from ..errors import SpecError
from ..metrics import Reading
from ..outputs.influx_aside import InfluxAside
from ..outputs.influx_asides import asides
from ..outputs.influx_feeds import AlertFeed, Feed, SeriesFeed
from ..outputs.influx_limits import LIMITS
from ..outputs.influx_output import ALERTS, SERIES, InfluxOutput, output_to
from ..outputs.influx_room import room_for_alerts, room_for_samples
from ..outputs.influx_target import InfluxTarget
from ..outputs.owner import Output, Wanted, output_status
from ..outputs.performing import PerformanceKeeper, where_of
from ..outputs.ports import Cursors
from .node_status import Role
from .sink import Sink
from .topic_log import PartitionLog, TopicReader

_SERIES: Final = f"{SERIES}/"


class InfluxSink(Sink):
    """One InfluxDB. Raises SpecError where the plant has no InfluxDB output."""

    role: Role = "sink-influx"
    _reader: TopicReader | None = None
    _performance: PerformanceKeeper | None = None

    @property
    def cursor(self) -> str:
        """The name of the alert output's cursor."""
        return ALERTS

    def _begin(self, undo: ExitStack) -> None:
        if self.plant.outputs.influx is None:
            raise SpecError("this file names no InfluxDB output", expected="outputs: {influx: …}")
        super()._begin(undo)

    def _wanted(self) -> Wanted:
        spec = self.plant.outputs.influx
        in_force = self.in_force
        assert spec is not None
        assert in_force is not None
        partitions = list(range(in_force.n)) if self._only is None else list(self._only)
        self._connect(partitions)
        wanted: dict[str, tuple[object, Any]] = {ALERTS: (spec, lambda: self._alerts(spec))}
        for partition in partitions:
            wanted[f"{_SERIES}{partition}"] = (spec, self._maker(spec, partition))
        wanted |= self._asides(spec)
        return wanted

    def _connect(self, partitions: list[int]) -> None:
        if self._reader is None:
            reader = TopicReader(
                self.spec,
                self.topics.group(self.role),
                self.loop,
                self.clock.monotonic,
                lambda kind, text: self._tell(kind, text, "series"),
            )
            reader.start(partitions)
            self._reader = reader

    def _maker(self, spec: InfluxSpec, partition: int) -> Any:
        return lambda: self._series(spec, partition)

    def _series(self, spec: InfluxSpec, partition: int) -> InfluxOutput:
        reader = self._reader
        assert reader is not None
        log = PartitionLog(reader, partition, self.store)
        in_force = self.in_force
        assert in_force is not None
        room = room_for_samples(spec.max_series, in_force.n)
        feed = SeriesFeed(log, self.follower.find, room)
        return self._output(
            f"{_SERIES}{partition}", feed, log, spec, lambda at: reader.behind(partition, at)
        )

    def _alerts(self, spec: InfluxSpec) -> InfluxOutput:
        room = room_for_alerts(spec.max_series)
        feed = AlertFeed(self.store, lambda site: self.places().get(site), room)
        return self._output(ALERTS, feed, self.store, spec, lambda at: self.store.outbox_end() - at)

    def _output(
        self,
        name: str,
        feed: Feed,
        cursors: Cursors,
        spec: InfluxSpec,
        behind: Callable[[int], int],
    ) -> InfluxOutput:
        def notice(kind: str, text: str) -> None:
            self._tell(kind, text, name)

        return output_to(InfluxTarget.of(spec), name, feed, cursors, self.clock, behind, notice)

    def _asides(self, spec: InfluxSpec) -> Wanted:
        def in_force() -> Configuration | None:
            return None if self.in_force is None else self.in_force.configuration

        if self._performance is None:
            self._performance = self._keeper(in_force)
            self._performance.start()
        found = asides(
            *(spec, self.plant.node, self.role, self.readings, in_force, self.clock),
            self._performance,
        )
        # Of several sinks that share the partitions one tells the limits.
        one = self._only is None or 0 in self._only
        return {name: make for name, make in found.items() if one or name != LIMITS}

    def _keeper(self, in_force: Callable[[], Configuration | None]) -> PerformanceKeeper:
        """Of the sites whose records this sink takes; areas and positions that several sinks share
        are told by each, as far as it sees them."""
        return PerformanceKeeper(
            [self.store],
            lambda: where_of(in_force(), self.plant.positions, self.plant.areas, self.plant.desks),
            self.clock,
            lambda kind, text: self._tell(kind, text, "performance"),
        )

    def readings(self) -> Iterator[Reading]:
        """Also how the alarms perform."""
        yield from super().readings()
        if self._performance is not None:
            yield from self._performance.readings()

    def _outputs(self) -> dict[str, Any]:
        return {name: self._output_status(name, o) for name, o in self.owner.outputs().items()}

    def _output_status(self, name: str, output: Output) -> dict[str, Any]:
        if isinstance(output, InfluxAside):
            return output_status(output, output.end)
        if not name.startswith(_SERIES) or self._reader is None:
            return output_status(output, self.store.outbox_end())
        partition = int(name.removeprefix(_SERIES))
        behind = self._reader.behind(partition, output.position)
        return output_status(output, output.position + behind)

    def _end(self) -> None:
        super()._end()
        if self._performance is not None:
            self._performance.stop()
        if self._reader is not None:
            self._reader.stop()
