"""What the readers append to, row by row, and how it becomes a Frame, by column."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import PayloadError
from ..frame import Bool, Float64, Frame, Int32, Int64, UInt8
from ..limits import DEAD_LETTER_BYTES, MAX_DEAD_POINTS
from ..quality import BAD_CLASS, Quality
from .times import spread, times_ns


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What could not be read.

    `payload` is the message, or the bad point as JSON, at most DEAD_LETTER_BYTES of it. `reason` is
    a stable code, `detail` for a person. `time` is the wall time of receipt, ns. `index` is the
    point's place in the message, None where the whole message is meant. `count` is how many bad
    points it stands for: the last one kept of a message stands for all that follow.
    """

    topic: str
    payload: bytes
    reason: str
    detail: str
    time: int
    index: int | None = None
    count: int = 1
    part: bool = False


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a list of messages came to.

    frame            all good samples, in the order of messages and of points within them
    dead             dead letters, bounded per message
    refused          every bad message or point, by reason; also those beyond the bound
    unknown_topics   messages on topics that no pattern of the source matches
    unknown_sensors  points whose key no sensor has
    """

    frame: Frame
    dead: list[DeadLetter]
    refused: Counter[str]
    unknown_topics: Counter[str]
    unknown_sensors: Counter[str]


@dataclass(slots=True)
class RouteColumns:
    """Routes as columns: what a row number means. `converts`: whether any changes a value."""

    sensor: Int32
    scale: Float64
    offset: Float64
    boolean: Bool
    converts: bool = field(init=False)

    def __post_init__(self) -> None:
        self.converts = bool((self.scale != 1.0).any() or (self.offset != 0.0).any())


@dataclass(slots=True)
class Batch:
    """Rows being collected. `rows` are route numbers, `times` raw numbers in the source's unit,
    except at the places in `settled`, which are ns already. A value of None is a declared "none".
    """

    rows: list[int] = field(default_factory=list)
    times: list[Any] = field(default_factory=list)
    values: list[float | None] = field(default_factory=list)
    qualities: list[int] = field(default_factory=list)  # one for each row, or none at all
    settled: dict[int, int] = field(default_factory=dict)
    several: list[tuple[int, int]] = field(default_factory=list)  # rows of messages with many
    dead: list[DeadLetter] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    unknown_topics: Counter[str] = field(default_factory=Counter)
    unknown_sensors: Counter[str] = field(default_factory=Counter)

    def settle(self, time: int) -> None:
        """The next row's time is `time` (ns); called instead of appending to `times`."""
        self.settled[len(self.times)] = time
        self.times.append(0)

    def refuse(self, topic: str, payload: bytes, error: PayloadError, received: int) -> None:
        """The whole message is bad."""
        self.refused[error.reason] += 1
        kept = payload[:DEAD_LETTER_BYTES]
        self.dead.append(DeadLetter(topic, kept, error.reason, error.detail, received))

    def frame(self, routes: RouteColumns, factor: int, resolution: int) -> Frame:
        """The rows as a Frame, converted to canonical units."""
        rows = np.array(self.rows, np.int64)
        times = times_ns(self.times, factor)
        if self.settled:
            times[list(self.settled)] = list(self.settled.values())
        if resolution and self.several:
            times = spread(times, rows, self._messages(len(rows)), resolution)
        values = np.array(self.values, np.float64)  # None becomes NaN
        if routes.converts:
            with np.errstate(over="ignore", invalid="ignore"):
                values = values * routes.scale[rows] + routes.offset[rows]
        quality = np.array(self.qualities or np.zeros(len(rows)), np.uint8)
        return Frame(routes.sensor[rows], times, *_without_nan_as_good(values, quality))

    def _messages(self, count: int) -> Int64:
        """A number for each row: equal within one message that has many, else its own."""
        numbers = np.arange(count, dtype=np.int64)
        for start, end in self.several:
            numbers[start:end] = start
        return numbers


class PointRefusals:
    """The bad points of one message: kept up to a bound, counted beyond it."""

    def __init__(self, batch: Batch, topic: str, received: int) -> None:
        self._batch = batch
        self._topic = topic
        self._received = received
        self._kept = 0

    def add(self, index: int | None, excerpt: bytes, error: PayloadError) -> None:
        """The point at `index` is bad; `excerpt` is it as JSON."""
        self._batch.refused[error.reason] += 1
        dead = self._batch.dead
        if self._kept < MAX_DEAD_POINTS:
            self._kept += 1
            kept = excerpt[:DEAD_LETTER_BYTES]
            dead.append(
                DeadLetter(
                    self._topic, kept, error.reason, error.detail, self._received, index, part=True
                )
            )
            return
        dead[-1] = replace(dead[-1], count=dead[-1].count + 1)


def _without_nan_as_good(values: Float64, quality: UInt8) -> tuple[Float64, UInt8]:
    """Where there is no finite value the quality is bad: what the sender said, or NOT_A_NUMBER."""
    missing = ~np.isfinite(values)
    if missing.any():
        values = np.where(missing, np.nan, values)
        silent = missing & ((quality & BAD_CLASS) == 0)
        quality = np.where(silent, np.uint8(Quality.NOT_A_NUMBER), quality)
    return values, quality
