"""One site's figures before they are figures: what can be added up to areas and positions.

Names add up because an alarm belongs to one site: the worst ten of many sites are among the worst
ten of each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from heapq import nsmallest

from .episodes import Episode
from .limits import NAMED_OLDEST, NAMED_WORST
from .tally import Heard, Tally
from .targets import STALE_NS


class Summary:
    """Sums over sites. `counts` are annunciated alarms by interval; `worst` holds (−times, site,
    alarm), `oldest` (since, site, alarm), each the first in order; `kept` counts what stands and
    is kept from the person."""

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.levels = [0, 0, 0, 0]
        self.worst: list[tuple[int, str, str]] = []
        self.chattering = self.chatters = self.fleeting = self.fleetings = 0
        self.answers: list[int] = []
        self.late = 0
        self.standing = self.stale = self.unacknowledged = 0
        self.oldest: list[tuple[int, str, str]] = []
        self.kept: Counter[str] = Counter()

    def add(self, other: Summary) -> None:
        """The same of further sites."""
        counts = self.counts
        for number, n in other.counts.items():
            counts[number] = counts.get(number, 0) + n
        if other.counts:
            self.levels = [a + b for a, b in zip(self.levels, other.levels, strict=True)]
        # Two short lists in order: sorting them again is faster than a heap.
        if other.worst:
            self.worst = sorted([*self.worst, *other.worst])[:NAMED_WORST]
        if other.oldest:
            self.oldest = sorted([*self.oldest, *other.oldest])[:NAMED_OLDEST]
        self.answers += other.answers
        for state, n in other.kept.items():
            self.kept[state] += n
        self.chattering += other.chattering
        self.chatters += other.chatters
        self.fleeting += other.fleeting
        self.fleetings += other.fleetings
        self.late += other.late
        self.standing += other.standing
        self.stale += other.stale
        self.unacknowledged += other.unacknowledged


def summary_of(
    site: str, tally: Tally | None, episodes: Iterable[Episode], period: range, time: int
) -> Summary:
    """What happened at a site in the intervals of `period`, and what stands at `time`."""
    found = Summary()
    if tally is not None:
        _happened(found, site, tally, period)
    standing: list[tuple[int, str, str]] = []
    for episode in episodes:
        found.unacknowledged += episode.unanswered
        if episode.kept:
            found.kept[episode.kept] += 1
        elif episode.since is not None:
            found.standing += 1
            found.stale += time - episode.since >= STALE_NS
            standing.append((episode.since, site, episode.alarm))
    found.oldest = nsmallest(NAMED_OLDEST, standing)
    return found


def _happened(found: Summary, site: str, tally: Tally, period: range) -> None:
    alarms: dict[str, Heard] = {}
    for number, interval in tally.intervals.items():
        if number not in period:
            continue
        n = sum(interval.levels)
        if n:
            found.counts[number] = n
        found.levels = [a + b for a, b in zip(found.levels, interval.levels, strict=True)]
        found.answers += interval.answers
        found.late += interval.late
        for name, heard in interval.alarms.items():
            total = alarms.setdefault(name, Heard())
            total.n += heard.n
            total.chatters += heard.chatters
            total.fleeting += heard.fleeting
    for heard in alarms.values():
        found.chattering += heard.chatters > 0
        found.chatters += heard.chatters
        found.fleeting += heard.fleeting > 0 and not heard.chatters
        found.fleetings += 0 if heard.chatters else heard.fleeting
    sounded = ((-heard.n, site, name) for name, heard in alarms.items() if heard.n)
    found.worst = nsmallest(NAMED_WORST, sounded)
