"""Alarm floods by the definition of ISA-18.2 / IEC 62682 (clause 16).

A flood begins with the first regular ten minutes of more than ten annunciated alarms and ends with
the first of fewer than five; those in between belong to it, that one does not.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from .limits import INTERVAL_NS
from .targets import FLOOD_ABOVE, FLOOD_BELOW


class Flood(msgspec.Struct, frozen=True):
    """One flood: from the beginning of its first interval to the end of its last (ns UTC); `alarms`
    in all and `peak` in ten minutes. `lasts`: the period ends before it did."""

    begin: int
    end: int
    alarms: int
    peak: int
    lasts: bool = False


def floods(counts: Mapping[int, int], period: range) -> list[Flood]:
    """The floods in intervals of a period, in order; an interval that `counts` lacks is empty.

    >>> [(f.begin // INTERVAL_NS, f.end // INTERVAL_NS, f.alarms, f.lasts)
    ...  for f in floods({3: 11, 4: 5, 5: 4, 9: 12}, range(0, 10))]
    [(3, 5, 16, False), (9, 10, 12, True)]
    """
    found: list[Flood] = []
    member: list[int] = []  # the intervals of a flood that lasts
    for number in sorted(n for n in counts if n in period):
        if member and (number > member[-1] + 1 or counts[number] < FLOOD_BELOW):
            found.append(_flood(counts, member, lasts=False))
            member = []
        if member or counts[number] > FLOOD_ABOVE:
            member.append(number)
    if member:
        found.append(_flood(counts, member, lasts=member[-1] == period[-1]))
    return found


def _flood(counts: Mapping[int, int], member: list[int], *, lasts: bool) -> Flood:
    each = [counts[number] for number in member]
    begin, end = member[0] * INTERVAL_NS, (member[-1] + 1) * INTERVAL_NS
    return Flood(begin, end, sum(each), max(each), lasts)
