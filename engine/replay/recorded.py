"""Samples alone, stepped self-clocked (claim c): any cut of them gives the same records."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..configuration import Configuration
from ..core import Core, Records
from ..drills import by_world, worlds_of
from ..entry import Entry, Header
from ..frame import Frame
from ..limits import REPLAY_FRAME_ROWS

PRODUCER = "replay"


def cut(frame: Frame, span_ns: int = 0) -> Iterator[Frame]:
    """Parts of at most `REPLAY_FRAME_ROWS` rows and, where it is given, `span_ns` of event time.

    The frame is sorted by time.
    """
    start = 0
    while start < len(frame):
        end = min(start + REPLAY_FRAME_ROWS, len(frame))
        if span_ns:
            until = frame.time[start] // span_ns * span_ns + span_ns
            end = min(end, int(np.searchsorted(frame.time, until)))
        yield frame.take(slice(start, end))
        start = end


class RecordedRun:
    """A core that judges recorded samples by one configuration.

    >>> RecordedRun(Configuration()).core.position
    1
    """

    def __init__(self, configuration: Configuration, core: Core | None = None) -> None:
        self.core = core or Core()
        self._registry = configuration.version()
        self._worlds = worlds_of(configuration)
        self.core.step(self.core.position + 1, Entry(Header(producer=PRODUCER), configuration))

    def step(self, frame: Frame) -> Records:
        """Judges the next samples; before each row its site's time moves to that row's. What belongs
        to drills is an entry of its own, which changes nothing: no row waits for another site's."""
        made = Records()
        for exercise, part in by_world(frame, self._worlds):
            header = Header(
                producer=PRODUCER, registry=self._registry, exercise=exercise, self_clocked=True
            )
            made.parts += self.core.step(self.core.position + 1, Entry(header, part)).parts
        return made
