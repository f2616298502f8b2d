"""The limits that stand, as points of the measurement `limit`: what a sensor's curve is drawn beside.

Tags are those of the sensor's series, and `rule`, `level` and `side` (high, low); fields `value`, in
the quantity's canonical unit, and `unit`. They are written again at each start, at each configuration
and each day, at the time of writing: who looks at a day finds them within it or the day before.

A sensor with three limits is three series. They take only the room that `max_series` leaves when
every sensor has its own: a curve must not be refused for the sake of its limits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

from ..clock import Clock
from ..configuration import Configuration
from ..level import LEVELS
from ..limits import INFLUX_BATCH_POINTS, SECOND_NS
from ..rule import Judgement, Rule
from ..selection import SensorTable
from .influx_aside import InfluxAside
from .influx_retry import Answer
from .influx_room import MAX_SERIES
from .lineprotocol import Lines, line, prefix, sensor_tags, string_field

LIMITS: Final = "limits:influx"
MEASUREMENT: Final = "limit"
#: The kind of rule that judges the value itself; what others judge cannot be drawn beside it.
KIND: Final = "limit"
AGAIN_NS: Final = 24 * 3_600 * SECOND_NS
#: How soon a new configuration is noticed.
LOOK_NS: Final = 5 * SECOND_NS


def limit_lines(configuration: Configuration, time: int) -> Iterator[str]:
    """One line for each limit of each sensor that is not retired, made as it is asked for."""
    table = SensorTable(configuration)
    for rule in configuration.rules:
        if rule.kind != KIND:
            continue
        judged = table.judgement_of(rule, table.selected(rule))
        for index in (judged >= 0).nonzero()[0]:
            yield from _of_sensor(
                configuration, int(index), rule, rule.judgements[int(judged[index])], time
            )


def _of_sensor(
    configuration: Configuration, index: int, rule: Rule, judgement: Judgement, time: int
) -> Iterator[str]:
    tags = {**sensor_tags(configuration, index), "rule": rule.id}
    unit = string_field(configuration.sensors[index].unit)
    for number, limits in enumerate(judgement.levels, start=1):
        for side in ("high", "low"):
            value = getattr(limits, side)
            if value is not None:
                head = prefix(MEASUREMENT, {**tags, "level": LEVELS[number], "side": side})
                yield line(head, {"value": repr(value), "unit": unit}, time)


class LimitsOutput(InfluxAside):
    """Writes the limits of the configuration in force, a batch at a time, for as long as it takes.

    in_force   the configuration now, None before there is one; must not wait
    room       series of samples and limits together; limits beyond are cut, counted and told
    """

    def __init__(
        self,
        in_force: Callable[[], Configuration | None],
        send: Callable[[bytes], Answer],
        clock: Clock,
        *,
        room: int = MAX_SERIES,
        look_ns: int = LOOK_NS,
        **more: Any,
    ) -> None:
        super().__init__(LIMITS, send, clock, **more)
        self._in_force = in_force
        self._room = room
        self._cut = 0
        self._look_ns = look_ns
        self._of: Configuration | None = None
        self._again_at = 0
        self._made = 0
        self._sent = 0

    @property
    def end(self) -> int:
        """Points there were."""
        return self._made

    @property
    def position(self) -> int:
        """Points that were sent or refused."""
        return self._sent

    def counters(self) -> dict[str, int]:
        """Also `cut`: limits of the configuration in force that have no room."""
        return {**super().counters(), "cut": self._cut}

    def turn(self) -> None:
        """Writes all that stand where it is time to."""
        configuration = self._in_force()
        due = configuration is not self._of or self._clock.monotonic() >= self._again_at
        if configuration is not None and due:
            self._write(configuration)
        else:
            self.wait(self._look_ns)

    def _write(self, configuration: Configuration) -> None:
        sensors = sum(not sensor.retired for sensor in configuration.sensors)
        room = max(0, self._room - sensors)
        rest = limit_lines(configuration, self._clock.wall())
        lines = islice(rest, room)
        while batch := list(islice(lines, INFLUX_BATCH_POINTS)):
            self._made += len(batch)
            self._deliver(Lines.of(batch))
            self._sent += len(batch)
        self._tell_cut(sum(1 for _ in rest), room)
        self._of = configuration
        self._again_at = self._clock.monotonic() + AGAIN_NS

    def _tell_cut(self, cut: int, room: int) -> None:
        self._cut = cut
        if cut:
            text = (
                f"{cut} limits are not written: beside the sensors there is room for {room} series"
            )
            self.tell("limits_cut", f"{text}; raise outputs.influx.max_series")
        else:
            self.over("limits_cut")
