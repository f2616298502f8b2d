"""How many series a plant makes in InfluxDB, counted, and held below a limit.

A series is a measurement with its tags; InfluxDB keeps an index entry of each for as long as it has a
point, and 1.x with its index in memory refuses every point of a new one beyond
`max-series-per-database`. Nine tenths of the limit are for samples, a tenth is for alerts, so that
neither can take the other's room.

Samples: one series a sensor in force. The first in the order of the registry have room: that order
is the age of sensors and never changes, so that what is written goes on being written, and a
restart finds the same. Removed sensors free their room.
Alerts: one series for each sensor, rule and transition that there was. Those of the outbox are known
again after a restart; what left it has left InfluxDB too, where raw data is kept as long as the log.

Lines of a series without room are not sent. The first line of each is a dead letter, the others are
counted; all are still in the log, so that a higher limit and a backfill bring them back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from ..configuration import Configuration
from ..drills import worlds_of
from ..frame import Frame
from ..rule import Judgement
from ..selection import SensorTable
from .influx_room import room_for_alerts, room_for_samples
from .lineprotocol import Lines, SeriesEncoder

#: Transitions that an alarm usually goes through in its life: raised, level, returned, cleared,
#: acknowledged, unknown, known.
USUAL_TRANSITIONS: Final = 7
#: Names of series without room that are told.
_NAMED: Final = 3

REASON: Final = "influx_max_series"


class SeriesCount(msgspec.Struct, frozen=True):
    """Of one output: series that are written, series without room, lines of them not sent."""

    room: int
    series: int = 0
    without_room: int = 0
    lines_held: int = 0
    names: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """For a person; "" where all have room."""
        if not self.without_room:
            return ""
        return (
            f"{self.without_room} series beyond the {self.room} that there is room for are not "
            f"written ({', '.join(self.names)}, …; {self.lines_held} lines so far): raise "
            "outputs.influx.max_series and the server's own limit, then lifeline backfill"
        )


class RoomedEncoder:
    """Samples of one configuration as lines, without the sensors that there is no room for."""

    def __init__(self, configuration: Configuration, room: int | None = None) -> None:
        self._encoder = SeriesEncoder(configuration)
        self._configuration = configuration
        self.worlds = worlds_of(configuration)
        self._room = room
        self.series, self._open = with_room(configuration, room)
        self._lines_held = 0
        self._told: set[int] = set()

    def encode(self, frame: Frame) -> tuple[Lines, Lines]:
        """What goes, and of what does not go the first line of each series."""
        if self._open is None:
            return self._encoder.encode(frame), Lines.of(())
        goes = self._open[frame.sensor]
        if goes.all():
            return self._encoder.encode(frame), Lines.of(())
        held = frame.take(~goes)
        self._lines_held += len(held)
        sensors, first = np.unique(held.sensor, return_index=True)
        new = [int(at) for s, at in zip(sensors, first, strict=True) if int(s) not in self._told]
        self._told.update(int(s) for s in sensors)
        return self._encoder.encode(frame.take(goes)), self._encoder.encode(held.take(sorted(new)))

    def count(self) -> SeriesCount:
        """The series now."""
        shut = [] if self._open is None else np.flatnonzero(~self._open).tolist()
        names = [self._configuration.sensors[i].id for i in shut[:_NAMED]]
        return SeriesCount(self._room or 0, self.series, len(shut), self._lines_held, tuple(names))


def with_room(
    configuration: Configuration, room: int | None
) -> tuple[int, npt.NDArray[np.bool_] | None]:
    """How many sensors in force are written, and which sensors are (None: all).

    A removed sensor's old samples are written: its series is there already.
    """
    in_force = np.array([not sensor.retired for sensor in configuration.sensors], bool)
    n = int(in_force.sum())
    if room is None or n <= room:
        return n, None
    return room, ~in_force | (np.cumsum(in_force) <= room)


class AlertSeries:
    """The series of alerts that there were; one thread's.

    past    heads of what was written before, the oldest first; read only where it may decide
    most    how many there are at most
    """

    def __init__(self, room: int | None, past: Iterable[str] = (), most: int = 0) -> None:
        self._room = room
        self._past: Iterator[str] | None = iter(past)
        self._left = most
        self._known: set[str] = set()
        self._refused: set[str] = set()
        self._lines_held = 0

    def admit(self, head: str) -> bool:
        """Whether a line of this series goes; it does where the series is known or has room."""
        if head in self._known:
            return True
        if self._room is not None and len(self._known) + self._left >= self._room:
            self.recall(None)
            if head not in self._known and not self._has_room():
                return False
        self._known.add(head)
        return True

    def hold(self, head: str) -> bool:
        """Counts a line that does not go; True for the first of its series."""
        self._lines_held += 1
        new = head not in self._refused
        self._refused.add(head)
        return new

    def recall(self, most: int | None) -> bool:
        """Reads some of the past (None: all); True while there is more."""
        if self._past is None:
            return False
        for done, head in enumerate(self._past, 1):
            self._left = max(0, self._left - 1)
            if head in self._known or self._has_room():
                self._known.add(head)
            if done == most:
                return True
        self._past, self._left = None, 0
        return False

    def count(self) -> SeriesCount:
        """The series now; those of a past that is not read yet are not among them."""
        return SeriesCount(
            self._room or 0,
            len(self._known),
            len(self._refused),
            self._lines_held,
            tuple(sorted(self._refused)[:_NAMED]),
        )

    def _has_room(self) -> bool:
        return self._room is None or len(self._known) < self._room


class Expected(msgspec.Struct, frozen=True):
    """What a configuration can make: series of samples, of alerts (each alarm with its usual
    transitions), of limits."""

    samples: int
    alerts: int
    limits: int


def expected(configuration: Configuration) -> Expected:
    """Counted by the rules' selections; alarms of sources are few, and left out."""
    samples = sum(not sensor.retired for sensor in configuration.sensors)
    table = SensorTable(configuration)
    alerts = limits = 0
    for rule in configuration.rules:
        judged = table.judgement_of(rule, table.selected(rule))
        of_each = np.bincount(judged[judged >= 0], minlength=len(rule.judgements))
        alerts += int(of_each.sum()) * USUAL_TRANSITIONS
        limits += sum(
            int(n) * _limits_of(judgement)
            for n, judgement in zip(of_each, rule.judgements, strict=True)
        )
    return Expected(samples, alerts, limits)


def _limits_of(judgement: Judgement) -> int:
    return sum((x.high is not None) + (x.low is not None) for x in judgement.levels)


def doubts(configuration: Configuration, limit: int) -> list[str]:
    """What a person should know before: sentences, the gravest first; none where there is room."""
    samples = sum(not sensor.retired for sensor in configuration.sensors)
    if samples * (1 + len(configuration.rules) * (USUAL_TRANSITIONS + 8)) <= room_for_alerts(limit):
        return []  # not even every rule on every sensor would fill it
    wanted = expected(configuration)
    found = []
    if wanted.samples > room_for_samples(limit):
        found.append(
            f"{wanted.samples} sensors, and room for {room_for_samples(limit)} series of samples: "
            "the newest sensors are not written to InfluxDB"
        )
    if wanted.alerts > room_for_alerts(limit):
        found.append(
            f"up to {wanted.alerts} series of alerts, should every alarm come once, and room for "
            f"{room_for_alerts(limit)}: later ones are not written to InfluxDB"
        )
    total = wanted.samples + wanted.alerts + wanted.limits
    if not found and total > limit:
        found.append(
            f"up to {total} series (samples {wanted.samples}, alerts {wanted.alerts}, limits "
            f"{wanted.limits}), and a limit of {limit}"
        )
    return found
