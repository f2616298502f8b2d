"""What can be replayed, in one form: steps with their place and time, then a core to ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from ..configuration import Configuration
from ..core import Core, Records
from ..embedded import DataDirectory
from ..entry import Tick, decode
from ..frame import Frame
from ..log import ConfigurationFiles, LogReader
from .history import ReviewedRun, beginning, entries, first_kept
from .recorded import RecordedRun, cut
from .series import SeriesSource, slices
from .tables import Samples


class Step(NamedTuple):
    """`done` of the run's `total` is behind; `time` is the latest moment judged so far (ns, 0: none
    yet), by the data in files and by ticks in a log."""

    done: int
    time: int
    records: Records


class Run(Protocol):
    """A replay. `passed` counts by name what is not of the plant; complete after the last step.
    `begins` is the time (ns) of what it begins with, 0 where there is nothing."""

    total: int
    core: Core
    passed: Counter[str]
    begins: int

    def steps(self) -> Iterator[Step]:
        """Judges one part after the other; may be called once."""
        ...


class FileRun:
    """Recorded samples by a configuration; parts of at most `span_ns` of event time (0: large)."""

    def __init__(self, samples: Samples, configuration: Configuration, span_ns: int = 0) -> None:
        self._frame, self._span_ns = samples.frame, span_ns
        self._run = RecordedRun(configuration)
        self.core = self._run.core
        self.passed = samples.passed
        self.total = len(samples.frame)
        self.begins = int(samples.frame.time[0]) if self.total else 0

    def steps(self) -> Iterator[Step]:
        """See `Run`."""
        done = 0
        for frame in cut(self._frame, self._span_ns):
            done += len(frame)
            yield Step(done, int(frame.time[-1]), self._run.step(frame))


class SeriesRun:
    """Samples of a database with a time in [start, stop), slice by slice; parts as `FileRun`'s.

    `total` counts ns of time. Raises SinkError or LogError where the database does not answer.
    """

    def __init__(
        self,
        source: SeriesSource,
        configuration: Configuration,
        start: int,
        stop: int,
        span_ns: int = 0,
    ) -> None:
        self._source, self._span_ns = source, span_ns
        self._run = RecordedRun(configuration)
        self.core = self._run.core
        self.passed = source.passed
        first, last = source.bounds() or (0, -1)
        self._start, self._stop = max(start, first), min(stop, last + 1)
        self.total = max(0, self._stop - self._start)
        self.begins = self._start if self.total else 0

    def steps(self) -> Iterator[Step]:
        """See `Run`."""
        for end, samples in slices(self._source, self._start, self._stop):
            for frame in cut(samples, self._span_ns):
                time = int(frame.time[-1])
                yield Step(time - self._start, time, self._run.step(frame))
            yield Step(end - self._start, 0, Records())


class VerbatimRun:
    """A log as it stands, up to where it ends now."""

    def __init__(self, directory: Path, reader: LogReader) -> None:
        self.core = beginning(directory, reader)
        self.passed: Counter[str] = Counter()
        self._reader, self._first, self._until = reader, self.core.position, reader.end()
        self.total = self._until - self._first
        self.begins = _appended(reader, self._first)

    def steps(self) -> Iterator[Step]:
        """See `Run`."""
        for position, entry in entries(self._reader, self._first, self._until):
            records = self.core.step(position, entry)
            yield Step(position - self._first, max(self.core.wall, 0), records)


class LogRun:
    """The samples and ticks of a log by another configuration, up to where it ends now."""

    def __init__(self, directory: Path, reader: LogReader, wanted: Configuration) -> None:
        start = beginning(directory, reader)
        kept = ConfigurationFiles(DataDirectory(directory).configurations)
        self._run = ReviewedRun(wanted, kept.find)
        self.core = self._run.core
        self.passed = self._run.passed
        self._reader, self._first, self._until = reader, start.position, reader.end()
        self.total = self._until - self._first
        self.begins = _appended(reader, self._first)

    def steps(self) -> Iterator[Step]:
        """See `Run`."""
        time = 0
        for position, entry in entries(self._reader, self._first, self._until):
            if isinstance(entry.payload, Tick):
                time = max(time, entry.payload.time)
            records = self._run.step(entry)
            if records is not None:
                yield Step(position - self._first, time, records)


def _appended(reader: LogReader, after: int) -> int:
    """When the first entry behind a position came."""
    headers = [decode(data).header for _, data in reader.read(after, 1)]
    return next((max(header.appended, header.received) for header in headers), 0)


def log_frames(directory: Path, reader: LogReader, wanted: Configuration) -> Iterator[Frame]:
    """The samples that a log still has, by the indices of `wanted`; nothing is judged."""
    kept = ConfigurationFiles(DataDirectory(directory).configurations)
    run = ReviewedRun(wanted, kept.find)
    for _, entry in entries(reader, first_kept(reader), reader.end()):
        frame = run.frame(entry)
        if frame is not None and len(frame):
            yield frame
