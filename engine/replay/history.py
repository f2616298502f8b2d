"""A log again: verbatim, or its samples and ticks under another configuration.

Verbatim is what the log says, entry by entry: the digest that comes out must be that of the live
run (claim a). Under another configuration the samples and the ticks stay and commands are left
out, since they spoke of other alarms: so timers, late data and wrong clocks are judged as they
would have been.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from ..areas.core import AreaCore
from ..calls.core import CallCore
from ..configuration import Configuration
from ..core import Core, Records
from ..entry import Entry, Header, Tick, decode
from ..errors import EntryError, LogError
from ..frame import Frame, Int32
from ..log import LogReader
from ..log.snapshots import SNAPSHOT_FILE, SnapshotFile, SnapshotInfo
from .recorded import PRODUCER

_ENTRIES_AT_ONCE: Final = 1_024
_Core = TypeVar("_Core", Core, AreaCore, CallCore)


def entries(
    reader: LogReader, after: int, until: int, read: Callable[[bytes], Any] = decode
) -> Iterator[tuple[int, Any]]:
    """The entries behind `after` up to `until`, in order; `read` decodes those of this log."""
    while after < until:
        rows = reader.read(after, _ENTRIES_AT_ONCE)
        if not rows:
            return
        for position, data in rows:
            if position > until:
                return
            yield position, read(data)
        after = rows[-1][0]


# --- verbatim ----------------------------------------------------------------------------------------


def beginning(directory: Path, reader: LogReader) -> Core:
    """See `beginning_of`: the core of the sites' log."""
    return beginning_of(Core, directory, reader)


def beginning_of(kind: type[_Core], directory: Path, reader: LogReader) -> _Core:
    """The core from which the log in `directory` can be stepped to its end.

    Empty where the log is whole; where its beginning was trimmed or a range was lost, that of the
    oldest snapshot from which everything is there. Raises LogError where there is none.
    """
    least = first_kept(reader)
    if least == 0:
        return kind()
    data = _snapshot(directory, reader, least)
    if data is None:
        raise LogError(
            f"the log in {directory} begins behind position {least} (older entries were trimmed or "
            "lost), and no snapshot is left from which it could be stepped again"
        )
    return kind.restore(data)


def first_kept(reader: LogReader) -> int:
    """The last position before or at which something is missing; 0: the log is whole."""
    trimmed, holes = reader.trimmed(), reader.meta().holes
    return max([trimmed.seq if trimmed else 0, *(last for _, last in holes)])


def _snapshot(directory: Path, reader: LogReader, least: int) -> bytes | None:
    path = directory / SNAPSHOT_FILE
    if not path.exists():
        return None
    try:
        file = SnapshotFile(path)
        try:
            for info in reversed(file.complete()):
                if info.position >= least and _agrees(info, reader):
                    data = file.load(info)
                    if data is not None:
                        return data
        finally:
            file.close()
    except sqlite3.Error as error:
        raise LogError(f"{path} cannot be read: {error}") from error
    return None


def _agrees(info: SnapshotInfo, reader: LogReader) -> bool:
    trimmed = reader.trimmed()
    if trimmed is not None and info.position == trimmed.seq:
        return info.entry_hash == trimmed.head
    try:
        return info.log_id == reader.meta().log_id and (
            reader.hash_at(info.position) == info.entry_hash
        )
    except LogError:
        return False


# --- under another configuration -----------------------------------------------------------------------


class ReviewedRun:
    """The samples and ticks of a log, judged by another configuration.

    Sensors are the same where site and id are; samples of others, and of sensors whose quantity
    changed, are left out and counted by name in `passed`. `find` gives a configuration by its
    version, where the log's own entry of it is gone.
    """

    def __init__(
        self, wanted: Configuration, find: Callable[[bytes], Configuration | None]
    ) -> None:
        self.core = Core()
        self.passed: Counter[str] = Counter()
        self._wanted = wanted
        self._find = find
        self._registry = wanted.version()
        self._maps: dict[bytes, tuple[Int32, tuple[str, ...]]] = {}

    def step(self, entry: Entry) -> Records | None:
        """Judges one entry of the log; None for those that are left out."""
        if self.core.position == 0:
            self.core.step(1, Entry(replace(entry.header, producer=PRODUCER), self._wanted))
        position = self.core.position + 1
        match entry.payload:
            case Configuration():
                self._learn(entry.payload)
                return None
            case Tick():
                return self.core.step(position, entry)
            case Frame():
                frame = self._moved(entry.header, entry.payload)
                header = replace(entry.header, registry=self._registry)
                return self.core.step(position, Entry(header, frame))
        return None

    def frame(self, entry: Entry) -> Frame | None:
        """The samples of an entry by our indices, not judged; None where it has none."""
        if isinstance(entry.payload, Configuration):
            self._learn(entry.payload)
        if isinstance(entry.payload, Frame):
            return self._moved(entry.header, entry.payload)
        return None

    def _learn(self, spoken: Configuration) -> None:
        """How the log's indices under one of its configurations become ours."""
        ours = {_key(self._wanted, i): i for i in range(len(self._wanted.sensors))}
        keys = [_key(spoken, i) for i in range(len(spoken.sensors))]
        moved = np.array([ours.get(key, -1) for key in keys], np.int32)
        names = tuple(f"{site}/{sensor}" for site, sensor, _ in keys)
        self._maps[spoken.version()] = (moved, names)

    def _moved(self, header: Header, frame: Frame) -> Frame:
        if header.registry not in self._maps:
            spoken = self._find(header.registry)
            if spoken is not None:
                self._learn(spoken)
        if header.registry not in self._maps:
            raise EntryError(
                f"samples name configuration {header.registry.hex()}, which is not in the log"
            )
        moved, names = self._maps[header.registry]
        sensor = moved[frame.sensor]
        mine = sensor >= 0
        if not mine.all():
            index, counts = np.unique(frame.sensor[~mine], return_counts=True)
            self.passed.update({names[i]: int(n) for i, n in zip(index, counts, strict=True)})
            frame, sensor = frame.take(mine), sensor[mine]
        return Frame(sensor, frame.time, frame.value, frame.quality)


def _key(configuration: Configuration, index: int) -> tuple[str, str, str]:
    sensor = configuration.sensors[index]
    return configuration.sites[sensor.site].id, sensor.id, sensor.quantity
