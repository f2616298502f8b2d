"""The samples of a log by their own times: part by part as they lie, or all in order of time.

Which sensor a row means, the configuration says that its entry names; it is taken from the log where
its own entry passes by, else from the copies beside it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from ..configuration import Configuration
from ..drills import Worlds, of_world, worlds_of
from ..embedded import DataDirectory
from ..entry import decode
from ..errors import SpecError
from ..frame import Frame, Int32
from ..limits import DAY_NS, LATEST_TIME_NS, REPLAY_ROWS
from ..log import ConfigurationFiles, LogReader
from .tables import Samples

Find = Callable[[bytes], Configuration | None]
_ENTRIES: Final = 256
#: A clock that runs further ahead than this is not looked for among the entries before its time.
AHEAD_NS: Final = DAY_NS


class Part(NamedTuple):
    """Rows of one configuration, up to `position`; `configuration` None: nobody has it any more.

    A part without rows tells how far the log was read.
    """

    position: int
    configuration: Configuration | None
    frame: Frame


def first_position(reader: LogReader, start: int) -> int:
    """Behind which position samples of `start` (ns, event time) and later may lie."""
    return reader.before(start - AHEAD_NS) if start > AHEAD_NS else 0


def parts(
    reader: LogReader, find: Find, after: int, until: int, start: int, stop: int
) -> Iterator[Part]:
    """Samples whose time is in [start, stop), of the entries behind `after` up to `until`, as they
    lie in the log: at most one read's worth at once. Raises LogError, EntryError.
    """
    known: dict[bytes, Configuration | None] = {}
    worlds: dict[bytes, Worlds] = {}

    def own(frame: Frame, configuration: Configuration | None, exercise: bool) -> Frame:
        """Rows whose site is of the world that they came from."""
        if configuration is None:
            return frame
        if registry not in worlds:
            worlds[registry] = worlds_of(configuration)
        return of_world(frame, worlds[registry], exercise)

    while after < until:
        rows = [row for row in reader.read(after, _ENTRIES) if row[0] <= until]
        if not rows:
            return
        pending: list[Frame] = []
        registry = b""  # the configuration that `pending` names
        for position, data in rows:
            entry = decode(data)
            payload = entry.payload
            if isinstance(payload, Configuration):
                known[payload.version()] = payload
            elif isinstance(payload, Frame):
                mine = payload.take((payload.time >= start) & (payload.time < stop))
                if not len(mine):
                    continue
                if entry.header.registry != registry and pending:
                    # The position before: what is in `mine` is not given yet.
                    yield Part(position - 1, known[registry], Frame.concat(pending))
                    pending = []
                registry = entry.header.registry
                if registry not in known:
                    known[registry] = find(registry)
                pending.append(own(mine, known[registry], entry.header.exercise))
        after = rows[-1][0]
        yield Part(after, known.get(registry), Frame.concat(pending))


def samples_by_time(
    directory: Path,
    reader: LogReader,
    wanted: Configuration,
    start: int = 0,
    stop: int = LATEST_TIME_NS,
) -> Samples:
    """The log's samples with a time in [start, stop) as a database keeps them: one for each sensor
    and time, the last that was logged, by time and then sensor. Their reception is forgotten.

    Sensors are the same where site, id and quantity are; the others are counted by name in
    `passed`, those of a configuration that nobody has under "". Raises SpecError for more than fit
    into memory, LogError, EntryError.
    """
    find = ConfigurationFiles(DataDirectory(directory).configurations).find
    ours = {_key(wanted, i): i for i in range(len(wanted.sensors))}
    maps: dict[bytes, tuple[Int32, list[str]]] = {}
    passed: Counter[str] = Counter()
    found: list[Frame] = []
    rows = 0
    after = first_position(reader, start)
    for part in parts(reader, find, after, reader.end(), start, stop):
        if not len(part.frame):
            continue
        if part.configuration is None:
            passed[""] += len(part.frame)
            continue
        version = part.configuration.version()
        if version not in maps:
            keys = [_key(part.configuration, i) for i in range(len(part.configuration.sensors))]
            moved = np.array([ours.get(key, -1) for key in keys], np.int32)
            maps[version] = moved, [f"{site}/{sensor}" for site, sensor, _ in keys]
        frame = _moved(part.frame, *maps[version], passed)
        rows += len(frame)
        if rows > REPLAY_ROWS:
            raise SpecError(
                "too many samples for one replay",
                found=f"more than {REPLAY_ROWS:,}",
                expected="a shorter time between --from and --to",
            )
        found.append(frame)
    return Samples(ordered(Frame.concat(found)), passed)


def ordered(frame: Frame) -> Frame:
    """By time, then sensor; of several with both equal the last one."""
    order = np.lexsort((frame.sensor, frame.time))
    frame = frame.take(order)
    if len(frame) < 2:
        return frame
    last = (frame.time[1:] != frame.time[:-1]) | (frame.sensor[1:] != frame.sensor[:-1])
    return frame if last.all() else frame.take(np.append(last, True))


def _moved(frame: Frame, moved: Int32, names: list[str], passed: Counter[str]) -> Frame:
    sensor = moved[frame.sensor]
    mine = sensor >= 0
    if not mine.all():
        index, counts = np.unique(frame.sensor[~mine], return_counts=True)
        passed.update({names[i]: int(n) for i, n in zip(index, counts, strict=True)})
        frame, sensor = frame.take(mine), sensor[mine]
    return Frame(sensor, frame.time, frame.value, frame.quality)


def _key(configuration: Configuration, index: int) -> tuple[str, str, str]:
    sensor = configuration.sensors[index]
    return configuration.sites[sensor.site].id, sensor.id, sensor.quantity
