"""The figures of one site, area or operator position over one period, as plain values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from .floods import Flood, floods
from .hearing import World
from .limits import INTERVAL_NS, NAMED_FLOODS
from .summary import Summary
from .targets import (
    ABOVE,
    AVERAGE,
    CHATTERING,
    FLEETING,
    FLOOD,
    FLOOD_ABOVE,
    LATE,
    PEAK,
    STALE,
    STANDING,
    WORST,
    Band,
)

#: Whether (scope, name) is wanted.
Tells: TypeAlias = Callable[[str, str], bool]


class Worst(msgspec.Struct, frozen=True):
    """One of the most frequent alarms: how often it sounded, and its share of all."""

    site: str
    alarm: str
    alarms: int
    share: float


class Standing(msgspec.Struct, frozen=True):
    """One of those that stand longest, since when (ns UTC)."""

    site: str
    alarm: str
    since: int


class Answers(msgspec.Struct, frozen=True):
    """Times to acknowledge, s: how many, mean, median, 95 % and longest; `late` beyond the roster's
    time. Percentiles are by nearest rank. None where nobody acknowledged."""

    count: int = 0
    mean: float | None = None
    median: float | None = None
    p95: float | None = None
    longest: float | None = None
    late: int = 0


class Figures(msgspec.Struct, frozen=True):
    """Figures of `name`, which is a site, an area or a position (`scope`), in one world.

    `begin` to `end` (ns UTC) are `intervals` whole ten minutes. `alarms` are annunciated ones: in
    all, in the last interval, on average, at the peak (which began at `peak_at`) and by level, blue
    to red. `above` intervals had more than ten; `floods` are the last of `flood_count`, in
    which `flood_intervals` lay; `flooding`: one lasts. `chattering` and `fleeting` count alarms, `chatters`
    and `fleetings` how often. `standing`, `stale`, `unacknowledged`, `shelved`, `suppressed` and
    `out_of_service` are of now. Shares are 0 to 1, 0 where there is nothing to share.
    """

    scope: str
    name: str
    world: World
    begin: int
    end: int
    intervals: int
    alarms: int
    last: int
    average: float
    peak: int
    peak_at: int
    above: int
    above_share: float
    flood_count: int
    flood_intervals: int
    flood_share: float
    flooding: bool
    floods: tuple[Flood, ...]
    levels: tuple[int, int, int, int]
    level_shares: tuple[float, float, float, float]
    worst: tuple[Worst, ...]
    worst_share: float
    chattering: int
    chatters: int
    fleeting: int
    fleetings: int
    standing: int
    stale: int
    oldest: tuple[Standing, ...]
    unacknowledged: int
    shelved: int
    suppressed: int
    out_of_service: int
    answers: Answers

    def bands(self) -> dict[str, Band]:
        """How each judged figure is, by the name of its target."""
        judged = {
            AVERAGE: self.average,
            PEAK: self.peak,
            ABOVE: self.above_share,
            FLOOD: self.flood_share,
            WORST: self.worst_share,
            CHATTERING: self.chattering,
            FLEETING: self.fleeting,
            STANDING: self.standing,
            STALE: self.stale,
            LATE: self.answers.late,
        }
        return {target.name: target.band(value) for target, value in judged.items()}


def figures_of(scope: str, name: str, world: World, period: range, total: Summary) -> Figures:
    """The figures of a period of intervals from what was summed up over it."""
    alarms, n = sum(total.levels), len(period)
    peak = max(total.counts.values(), default=0)
    peak_at = min((k for k, count in total.counts.items() if count == peak), default=0)
    above = sum(count > FLOOD_ABOVE for count in total.counts.values())
    flooded = floods(total.counts, period)
    flood_intervals = sum((flood.end - flood.begin) // INTERVAL_NS for flood in flooded)
    blue, yellow, orange, red = total.levels
    worst = tuple(
        Worst(site, alarm, -times, _share(-times, alarms)) for times, site, alarm in total.worst
    )
    return Figures(
        scope=scope,
        name=name,
        world=world,
        begin=period.start * INTERVAL_NS,
        end=period.stop * INTERVAL_NS,
        intervals=n,
        alarms=alarms,
        last=total.counts.get(period.stop - 1, 0),
        average=_share(alarms, n),
        peak=peak,
        peak_at=peak_at * INTERVAL_NS,
        above=above,
        above_share=_share(above, n),
        flood_count=len(flooded),
        flood_intervals=flood_intervals,
        flood_share=_share(flood_intervals, n),
        flooding=bool(flooded) and flooded[-1].lasts,
        floods=tuple(flooded[-NAMED_FLOODS:]),
        levels=(blue, yellow, orange, red),
        level_shares=(
            *(_share(blue, alarms), _share(yellow, alarms)),
            *(_share(orange, alarms), _share(red, alarms)),
        ),
        worst=worst,
        worst_share=_share(sum(each.alarms for each in worst), alarms),
        chattering=total.chattering,
        chatters=total.chatters,
        fleeting=total.fleeting,
        fleetings=total.fleetings,
        standing=total.standing,
        stale=total.stale,
        oldest=tuple(Standing(site, alarm, since) for since, site, alarm in total.oldest),
        unacknowledged=total.unacknowledged,
        shelved=total.kept["shelved"],
        suppressed=total.kept["suppressed"],
        out_of_service=total.kept["out_of_service"],
        answers=_answers(total),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _answers(total: Summary) -> Answers:
    """Integers are summed, so that the order of sites changes nothing."""
    took = sorted(total.answers)
    n = len(took)
    if not n:
        return Answers(late=total.late)

    def rank(percent: int) -> float:
        return took[-(-percent * n // 100) - 1] / 1e9

    return Answers(n, sum(took) / n / 1e9, rank(50), rank(95), took[-1] / 1e9, total.late)
