"""How fast an output catches up: points a second, and the time until nothing is left.

Times are arguments (monotonic, ns). What is behind grows while it is worked off, so the time left
follows from how the distance to the end shrank, not from the speed alone.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from ..limits import SECOND_NS

#: What a rate is taken over: long enough for a server's uneven answers, short enough to be of now.
WINDOW_NS: Final = 30 * SECOND_NS
#: Marks within the window; a batch that comes sooner replaces the last one.
_MARK_NS: Final = SECOND_NS // 4


@dataclass(frozen=True, slots=True)
class _Mark:
    time: int
    position: int
    points: int
    end: int


class Pace:
    """Marks of the last half minute. Not for two threads at once."""

    def __init__(self) -> None:
        self._marks: deque[_Mark] = deque(maxlen=WINDOW_NS // _MARK_NS)

    def note(self, time: int, position: int, points: int, end: int) -> None:
        """So far it has come: `points` in all since the start, `end` is what there is."""
        mark = _Mark(time, position, points, end)
        if len(self._marks) > 1 and time - self._marks[-2].time < _MARK_NS:
            self._marks[-1] = mark
        else:
            self._marks.append(mark)

    def points_per_s(self, time: int) -> float:
        """Points a second over the window; 0.0 where there is nothing to tell it from."""
        span = self._span(time)
        if span is None:
            return 0.0
        first, last = span
        return (last.points - first.points) / ((time - first.time) / SECOND_NS)

    def left_s(self, time: int) -> float | None:
        """Seconds until nothing is left; 0.0 when nothing is, None when it does not come nearer."""
        span = self._span(time)
        if span is None:
            return None
        first, last = span
        left = last.end - last.position
        if left <= 0:
            return 0.0
        nearer = (first.end - first.position) - left
        return None if nearer <= 0 else left * ((last.time - first.time) / SECOND_NS) / nearer

    def _span(self, time: int) -> tuple[_Mark, _Mark] | None:
        recent = [mark for mark in self._marks if time - mark.time <= WINDOW_NS]
        if len(recent) < 2 or recent[-1].time <= recent[0].time:
            return None
        return recent[0], recent[-1]
