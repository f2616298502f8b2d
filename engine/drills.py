"""Drills among sensors: which they are, and Frames of one world only.

A site is a drill or it is not (`Site.exercise`). Samples of a drill and actual samples never share an
entry; an entry says by its header of which it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from .configuration import Configuration
from .frame import Frame

Worlds: TypeAlias = npt.NDArray[np.int8]
EITHER = -1


def worlds_of(configuration: Configuration) -> Worlds:
    """For each sensor 1 where its site is a drill, else 0; EITHER for one that is retired."""
    sites = configuration.sites
    return np.array(
        [EITHER if s.retired else sites[s.site].exercise for s in configuration.sensors], np.int8
    )


def of_world(frame: Frame, worlds: Worlds, exercise: bool) -> Frame:
    """The rows of one world, in order; rows of sensors that nobody knows any more belong to either."""
    known = (frame.sensor >= 0) & (frame.sensor < len(worlds))
    other = np.zeros(len(frame), np.bool_)
    other[known] = worlds[frame.sensor[known]] == (not exercise)
    return frame.take(~other) if other.any() else frame


def by_world(frame: Frame, worlds: Worlds) -> Iterator[tuple[bool, Frame]]:
    """Actual rows, then those of drills, each with whether it is one; what is empty is left out.

    Sensors must have been known.
    """
    drill = worlds[frame.sensor] == 1
    for exercise in (False, True):
        mine = drill == exercise
        if mine.any():
            yield exercise, frame if mine.all() else frame.take(mine)
