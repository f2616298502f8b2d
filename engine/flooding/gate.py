"""Which alarm is told by itself and which as one of many: flood control sheds messages, never state.

A flood of an operator position begins with the alarm that makes more than ten annunciated ones within
ten minutes and ends with the minute after which the last ten had fewer than five (EEMUA 191; ISA-18.2
/ IEC 62682, clause 16). While it lasts, alarms below red are put into groups. Red is always told by itself. Drills have floods of
their own. What comes from a backlog calls nobody and is neither.

Time is when the alarm is to be told, in minutes, and never goes back: it is the person who is flooded, also where
an output was away and catches up. Pure: the same calls give the same answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from ..level import LEVELS
from ..performance.hearing import sounds, world_of
from ..performance.targets import FLOOD_ABOVE, FLOOD_BELOW
from ..record import Record
from .groups import Groups, Summary
from .limits import GROUP_NS, MAX_DESKS, WINDOW_MINUTES

Decision = Literal["silent", "told", "grouped"]
_RED: Final = LEVELS[-1]


class FloodChange(msgspec.Struct, frozen=True):
    """A position's flood began, or is over: at the beginning of a minute (ns). `alarms` sounded in the
    ten minutes until then."""

    position: str
    exercise: bool
    begun: bool
    time: int
    alarms: int


class _Desk:
    """One position in one world: what sounded minute by minute, and whether it is in a flood."""

    __slots__ = ("counts", "flooded")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.flooded = False

    def within(self, minute: int) -> int:
        """Alarms of the ten minutes up to and with this one."""
        return sum(n for m, n in self.counts.items() if minute - WINDOW_MINUTES < m <= minute)

    def forget(self, minute: int) -> None:
        for old in [m for m in self.counts if m <= minute - WINDOW_MINUTES]:
            del self.counts[old]


class FloodGate:
    """Decides for one stream of records. Not for two threads.

    positions   who answers a record's alarm, each position by name
    """

    def __init__(self, positions: Callable[[Record], tuple[str, ...]]) -> None:
        self._positions = positions
        self._desks: dict[tuple[str, bool], _Desk] = {}
        self._groups = Groups()
        self._minute = 0
        self._summaries: list[Summary] = []
        self._changes: list[FloodChange] = []
        self.counters: Counter[str] = Counter(
            dict.fromkeys(("told", "grouped", "summaries", "floods", "flood_minutes"), 0)
        )

    def take(self, record: Record, now: int) -> Decision:
        """`silent`: it does not sound; `told`: by itself; `grouped`: in one of the next summaries.

        An alarm of several positions is told where one of them is not in a flood.
        """
        self._advance(now)
        if not sounds(record) or world_of(record) == "historic":
            return "silent"
        flooded = [self._count(position, record.exercise) for position in self._named(record)]
        if all(flooded) and record.level_after != _RED:
            self._groups.take(record, self._minute)
            self.counters["grouped"] += 1
            return "grouped"
        self.counters["told"] += 1
        return "told"

    def _named(self, record: Record) -> tuple[str, ...]:
        return self._positions(record) or (record.area,)

    def _count(self, position: str, exercise: bool) -> bool:
        """One more alarm; whether the position is in a flood with it."""
        key = position, exercise
        if key not in self._desks and len(self._desks) >= MAX_DESKS:
            key = "", exercise
        desk = self._desks.setdefault(key, _Desk())
        desk.counts[self._minute] = desk.counts.get(self._minute, 0) + 1
        if not desk.flooded and (n := desk.within(self._minute)) > FLOOD_ABOVE:
            desk.flooded = True
            self.counters["floods"] += 1
            self._tell(key, True, n)
        return desk.flooded

    def _tell(self, key: tuple[str, bool], begun: bool, alarms: int) -> None:
        time = self._minute * GROUP_NS
        self._changes.append(FloodChange(key[0], key[1], begun, time, alarms))

    def _advance(self, now: int) -> None:
        """Minutes are over: their groups are complete, and floods may be."""
        minute = now // GROUP_NS
        if minute <= self._minute:
            return
        over, self._minute = self._minute, minute
        self._summaries += self._groups.out()
        for key, desk in list(self._desks.items()):
            self._minutes_over(key, desk, over)
            desk.forget(minute)
            if not desk.counts and not desk.flooded:
                del self._desks[key]

    def _minutes_over(self, key: tuple[str, bool], desk: _Desk, over: int) -> None:
        """Each minute from `over` until now by itself: a flood ends with the first that is calm."""
        for number in range(over, min(self._minute, over + WINDOW_MINUTES + 1)):
            if not desk.flooded:
                return
            self.counters["flood_minutes"] += 1
            n = desk.within(number)
            if n < FLOOD_BELOW:
                desk.flooded = False
                self._changes.append(FloodChange(key[0], key[1], False, (number + 1) * GROUP_NS, n))

    def due(self, now: int) -> tuple[list[FloodChange], list[Summary]]:
        """What is to be told beside the alarms themselves, in order; then it was told."""
        self._advance(now)
        changes, self._changes = self._changes, []
        summaries, self._summaries = self._summaries, []
        self.counters["summaries"] += len(summaries)
        return changes, summaries

    @property
    def open(self) -> bool:
        """Whether an alarm was grouped and its summary is not due yet."""
        return bool(len(self._groups) or self._summaries)

    def flooded(self) -> list[str]:
        """The positions that are in a flood now, of drills not."""
        return sorted(
            name for (name, drill), desk in self._desks.items() if desk.flooded and not drill
        )
