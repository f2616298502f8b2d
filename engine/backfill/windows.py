"""What is to be written again, portion by portion, each with the place behind it.

All of a time means: by the samples' and the records' own times, whenever they arrived. So a log is
read to its end, since what was late lies behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Protocol, TypeAlias

import numpy as np

from ..config import Plant
from ..configuration import Configuration
from ..frame import Frame
from ..limits import INFLUX_BATCH_POINTS
from ..log import LogReader
from ..record import Record, decode_record
from ..replay.logged import Find, first_position, parts
from ..replay.tables import Reading, read_samples

_RECORDS: Final = 500


@dataclass(frozen=True, slots=True)
class Samples:
    """Rows whose sensors are those of a configuration."""

    configuration: Configuration
    frame: Frame

    def __len__(self) -> int:
        return len(self.frame)


Content: TypeAlias = Samples | list[Record]


class Portion(NamedTuple):
    """What lies behind the last place up to `place`; perhaps nothing."""

    content: Content
    place: int


class Window(Protocol):
    """One stream of what is to be written.

    name    a short stable word for its place
    first   the place before everything
    last    the place behind everything, as it was at the begin
    unnamed samples that were passed by, since nobody has their configuration
    passed  rows of a file that are not of the plant, by name
    """

    name: str
    first: int
    last: int
    unnamed: int
    passed: Counter[str]

    def portions(self, after: int) -> Iterator[Portion]:
        """Everything behind a place. Raises LogError, EntryError."""
        ...


class LogWindow:
    """Samples of a log with a time in [start, stop)."""

    name = "samples"

    def __init__(self, reader: LogReader, find: Find, start: int, stop: int) -> None:
        self._reader, self._find = reader, find
        self._start, self._stop = start, stop
        self.first = first_position(reader, start)
        self.last = reader.end()
        self.unnamed = 0
        self.passed: Counter[str] = Counter()

    def portions(self, after: int) -> Iterator[Portion]:
        """See `Window`."""
        found = parts(self._reader, self._find, after, self.last, self._start, self._stop)
        for part in found:
            if part.configuration is None:
                self.unnamed += len(part.frame)
                yield Portion([], part.position)
            else:
                yield Portion(Samples(part.configuration, part.frame), part.position)


class RecordWindow:
    """Alert records of an outbox with a time in [start, stop)."""

    def __init__(self, name: str, reader: LogReader, start: int, stop: int) -> None:
        self.name = name
        self._reader = reader
        self._start, self._stop = start, stop
        self.first = 0
        self.last = reader.outbox_end()
        self.unnamed = 0
        self.passed: Counter[str] = Counter()

    def portions(self, after: int) -> Iterator[Portion]:
        """See `Window`."""
        while after < self.last:
            rows = [r for r in self._reader.records(after, _RECORDS) if r.number <= self.last]
            if not rows:
                return
            records = [decode_record(row.data) for row in rows]
            after = rows[-1].number
            yield Portion([r for r in records if self._start <= r.time < self._stop], after)


class FileWindow:
    """Samples of recorded files, read as `lifeline replay` reads them; places are rows."""

    name = "samples"

    def __init__(
        self, paths: list[Path], plant: Plant, reading: Reading, start: int, stop: int
    ) -> None:
        samples = read_samples(paths, plant, reading)
        low, high = np.searchsorted(samples.frame.time, (start, stop))
        self._frame = samples.frame.take(slice(int(low), int(high)))
        self._configuration = plant.configuration
        self.first, self.last = 0, len(self._frame)
        self.unnamed = 0
        self.passed = samples.passed

    def portions(self, after: int) -> Iterator[Portion]:
        """See `Window`."""
        for start in range(after, self.last, INFLUX_BATCH_POINTS):
            part = self._frame.take(slice(start, start + INFLUX_BATCH_POINTS))
            yield Portion(Samples(self._configuration, part), start + len(part))


def gone(reader: LogReader, start: int, first_time: Callable[[], int]) -> str:
    """For a person: what of the time is not in the log any more; "" where all is."""
    trimmed = reader.trimmed()
    if trimmed is None:
        return ""
    from ..outputs.times import rfc3339

    began = first_time()
    if began <= start:
        return ""
    return f"the log begins at {rfc3339(began)}: what arrived before is not in it any more"
