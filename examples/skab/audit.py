"""The log against the recordings: every published value is there, converted, once.

The factors are written down here once more, on purpose: that the engine converts by its own
catalogue is what is checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from calibrate import TAGS
from plant import site_of
from recordings import Recording

from lifeline.engine.configuration import Configuration
from lifeline.engine.entry import decode
from lifeline.engine.frame import Float64, Frame, Int64
from lifeline.engine.log import LogReader

CANONICAL: Final = {
    "g": 9.80665,  # m/s2
    "bar": 100.0,  # kPa
    "L/min": 0.06,  # m3/h
    "A": 1.0,
    "V": 1.0,
    "Cel": 1.0,
}
_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Audit:
    """Samples: `sent`, of them `lost`, of the logged ones `altered`, and `foreign` ones that nobody
    sent. `redelivered` are rows of the log beyond the first of a sample."""

    sent: int
    lost: int
    altered: int
    foreign: int
    redelivered: int

    @property
    def holds(self) -> bool:
        """Everything sent is in the log, converted, and nothing else is."""
        return self.lost == self.altered == self.foreign == 0


@dataclass(slots=True)
class Logged:
    """What the log holds by now; `more` reads on."""

    reader: LogReader
    position: int = 0
    configuration: Configuration | None = None
    frames: list[Frame] = field(default_factory=list)
    samples: int = 0

    def more(self) -> int:
        """Reads what came since; returns how many samples there are in all. Raises LogError."""
        while entries := self.reader.read(self.position, _AT_ONCE):
            for self.position, data in entries:
                payload = decode(data).payload
                if isinstance(payload, Configuration):
                    self.configuration = payload
                elif isinstance(payload, Frame):
                    self.frames.append(payload)
                    self.samples += len(payload)
        return self.samples


def audit(directory: Path, recordings: Sequence[Recording], shifts: Mapping[str, int]) -> Audit:
    """Compares a data directory with what was published. Raises LogError."""
    reader = LogReader.open(directory)
    try:
        logged = Logged(reader)
        logged.more()
    finally:
        reader.close()
    found = _by_sensor(logged)
    sent = lost = altered = foreign = redelivered = 0
    for recording in recordings:
        times = recording.time + shifts[recording.name]
        for tag in TAGS:
            wanted = recording.column(tag.field) * CANONICAL[tag.unit]
            at, value, again = found.pop((site_of(recording.name), tag.sensor), _NOTHING)
            known = np.isin(times, at)
            places = np.searchsorted(at, times[known])
            sent += len(times)
            lost += int((~known).sum())
            altered += int((~np.isclose(value[places], wanted[known], rtol=1e-12, atol=0.0)).sum())
            redelivered += again
            foreign += len(at) - int(known.sum())
    foreign += sum(len(at) for at, _, _ in found.values())
    return Audit(sent, lost, altered, foreign, redelivered)


_Column = tuple[Int64, Float64, int]
_NOTHING: Final[_Column] = (np.empty(0, np.int64), np.empty(0), 0)


def _by_sensor(logged: Logged) -> dict[tuple[str, str], _Column]:
    """Times and values of each sensor, by time, each sample once; and how many rows were more."""
    if logged.configuration is None:
        return {}
    everything = Frame.concat(logged.frames)
    sites = logged.configuration.sites
    found: dict[tuple[str, str], _Column] = {}
    for index, sensor in enumerate(logged.configuration.sensors):
        mine = everything.sensor == index
        at, first = np.unique(everything.time[mine], return_index=True)
        values = everything.value[mine][first]
        if len(at):
            found[sites[sensor.site].id, sensor.id] = at, values, int(mine.sum()) - len(at)
    return found
