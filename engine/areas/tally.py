"""Counting for a ladder: points → items → sites → area, kept as alarms come and go.

A *point* is one subject of a site, at the level of its gravest alarm. An *item* is one quantity of
a site, a *site* all its items: each is at the level of its gravest member, or at the level that the
count of its members makes, whichever is graver. A change costs the same however many alarms stand.
"""

from __future__ import annotations

from typing import Final, TypeVar

from ..level import LEVEL_COUNT
from ..promotion import promoted
from .configuration import SITE, Count

Histogram = list[int]
_CALM: Final = 0
_Key = TypeVar("_Key", str, tuple[str, str])


def at_or_above(histogram: Histogram, level: int) -> int:
    """How many members are at `level` or graver."""
    return sum(histogram[level:])


class _Group:
    """Members by level, of an item or a site."""

    __slots__ = ("histogram",)

    def __init__(self) -> None:
        self.histogram: Histogram = [0] * (LEVEL_COUNT + 1)

    def level(self, counts: tuple[int, int, int]) -> int:
        gravest = max((i for i, n in enumerate(self.histogram) if i and n), default=0)
        return max(gravest, promoted(self.histogram, counts))


def _move(histogram: Histogram, before: int, after: int) -> None:
    if before:
        histogram[before] -= 1
    if after:
        histogram[after] += 1


class Tally:
    """What one ladder counts in one area. `members` are counted by level."""

    def __init__(self, count: Count, counts: tuple[int, int, int]) -> None:
        self._count = count
        self._counts = counts
        self._points: dict[tuple[str, str, str], dict[str, int]] = {}
        self._items: dict[tuple[str, str], _Group] = {}
        self._sites: dict[str, _Group] = {}
        self._alarms: dict[str, int] = {}
        self.members: Histogram = [0] * (LEVEL_COUNT + 1)

    @property
    def level(self) -> int:
        """The level that the members make."""
        return promoted(self.members, self._counts)

    def standing_at(self, site: str) -> bool:
        """Whether an alarm of the site is counted."""
        return site in self._alarms

    def take(self, site: str, quantity: str, subject: str, alarm: str, level: int) -> None:
        """The alarm now counts at `level`; 0: not any more."""
        below = site.startswith(SITE)
        if below != (self._count == "areas"):
            return
        key = ("" if below else quantity, site, "" if below else subject)
        alarms = self._points.setdefault(key, {})
        before, old = max(alarms.values(), default=0), alarms.get(alarm, 0)
        if level:
            alarms[alarm] = level
        else:
            alarms.pop(alarm, None)
        if not alarms:
            del self._points[key]
        self._note(site, bool(level) - bool(old))
        after = max(alarms.values(), default=0)
        if before != after:
            self._point(site, key[0], before, after)

    def _note(self, site: str, more: int) -> None:
        n = self._alarms.get(site, 0) + more
        if n:
            self._alarms[site] = n
        else:
            self._alarms.pop(site, None)

    def _point(self, site: str, quantity: str, before: int, after: int) -> None:
        if self._count in ("points", "areas"):
            _move(self.members, before, after)
            return
        before, after = self._grouped(self._items, (quantity, site), before, after)
        if self._count == "sites":
            before, after = self._grouped(self._sites, site, before, after)
        _move(self.members, before, after)

    def _grouped(
        self, groups: dict[_Key, _Group], key: _Key, before: int, after: int
    ) -> tuple[int, int]:
        """A member of the group moved; the group's own level before and after."""
        group = groups.setdefault(key, _Group())
        level = group.level(self._counts)
        _move(group.histogram, before, after)
        if not any(group.histogram):
            del groups[key]
            return level, _CALM
        return level, group.level(self._counts)
