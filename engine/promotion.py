"""Promotion by counts: many alarms of one level make one of the next (GB 39496-2020, 5.5).

Shared by the ladders of areas and those within a site; also compiled into a kernel (`rules/ladder_kernels`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .level import LEVEL_COUNT

#: How many of a level make the next graver one: blue, yellow, orange.
STATUTORY: Final = (4, 3, 2)
#: Kinds of rule that speak of data, not of danger: no ladder counts them unless it names them.
QUALITY_KINDS: Final = ("stale", "clock", "flatline", "range", "spike")


def promoted(histogram: Sequence[int], counts: tuple[int, int, int]) -> int:
    """The gravest level that the counts make; 0 where they make none. `histogram`: members by level.

    >>> promoted([0, 3, 1, 0, 0], (4, 3, 2)), promoted([0, 0, 0, 2, 0], (4, 3, 2))
    (2, 4)
    """
    at_least = 0
    for level in range(LEVEL_COUNT, 0, -1):
        at_least += histogram[level]
        if level < LEVEL_COUNT and at_least >= counts[level - 1]:
            return level + 1
    return 0
