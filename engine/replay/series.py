"""Samples of a database, slice by slice of time: however many there are, few are in memory.

A database keeps one value for each sensor and time and forgets when it was received, so they are
judged as a recording is: self-clocked, in the order of time and then of the configuration's sensors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final, Protocol

from ..configuration import Configuration
from ..frame import Frame
from ..limits import MINUTE_NS

#: Rows of one slice: some 10 MB as an answer in JSON, fetched in well under a second.
SLICE_ROWS: Final = 50_000
# The first slice; those behind it follow what was found.
_FIRST_NS: Final = 10 * MINUTE_NS
# A slice grows no faster: a quiet night must not make the morning's first one endless.
_GROWS: Final = 4


class SeriesSource(Protocol):
    """Where samples are asked for. Raises SinkError or LogError where it does not answer.

    `passed` counts by name the samples of sensors that the plant does not have.
    """

    passed: Counter[str]

    def bounds(self) -> tuple[int, int] | None:
        """Times of the first and the last sample, ns; None where there is none."""
        ...

    def count(self, start: int, stop: int) -> int:
        """About how many samples have a time in [start, stop)."""
        ...

    def read(self, start: int, stop: int) -> Frame:
        """Those of the plant's sensors, by time and then sensor."""
        ...


class SensorKeys:
    """Finds the configuration's sensor of a series by its tags."""

    def __init__(self, configuration: Configuration) -> None:
        sites = configuration.sites
        self._index = {
            (sites[s.site].id, s.id, s.quantity): i for i, s in enumerate(configuration.sensors)
        }
        self.domains = sorted({s.quantity.partition(".")[0] for s in configuration.sensors})

    def find(self, tags: Mapping[str, str]) -> int | None:
        """The sensor's index; None for one of another plant, or that measures something else."""
        return self._index.get((tags["site"], tags["sensor"], tags["quantity"]))


def slices(source: SeriesSource, start: int, stop: int) -> Iterator[tuple[int, Frame]]:
    """All samples with a time in [start, stop): the end of each slice, and its samples.

    A slice holds at most about SLICE_ROWS of them, unless one instant has more.
    """
    width = _FIRST_NS
    while start < stop:
        end = min(start + width, stop)
        n = source.count(start, end)
        if n > SLICE_ROWS and end - start > 1:
            width = max(1, (end - start) // 2)
            continue
        frame = source.read(start, end) if n else Frame.empty()
        yield end, frame
        start = end
        if n < SLICE_ROWS // _GROWS:
            width = min(width * _GROWS, max(1, stop - start))
