"""Alarm performance after EEMUA 191 over several trials: the figures of each added up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from ..performance import Figures
from ..performance.targets import ABOVE, AVERAGE, CHATTERING, FLEETING, FLOOD, PEAK, STANDING, Band


class Burden(msgspec.Struct, frozen=True):
    """What the alarms were for one position, area or site over all trials in which it was.

    `intervals` are ten minutes. `alarms` are annunciated; `average` per ten minutes, `peak` the most in one.
    `standing` is the most that stood at the end of a trial; nobody acknowledged. Shares are 0 to 1,
    `levels` blue to red. `bands` judges each figure by its target.
    """

    scope: str
    name: str
    trials: int
    intervals: int
    alarms: int
    average: float
    peak: int
    above_share: float
    flood_share: float
    levels: tuple[float, float, float, float]
    chattering: int
    fleeting: int
    standing: int
    bands: dict[str, Band]


def burdens(figures: Iterable[Figures]) -> list[Burden]:
    """One for each name, positions first, then areas, then sites."""
    groups: dict[tuple[str, str], list[Figures]] = {}
    for one in figures:
        groups.setdefault((one.scope, one.name), []).append(one)
    scopes = ("position", "area", "site")
    return [_burden(groups[key]) for key in sorted(groups, key=lambda k: (scopes.index(k[0]), k))]


def _burden(figures: Sequence[Figures]) -> Burden:
    intervals = sum(one.intervals for one in figures)
    alarms = sum(one.alarms for one in figures)
    average = alarms / intervals if intervals else 0.0
    above = sum(one.above for one in figures) / intervals if intervals else 0.0
    flood = sum(one.flood_intervals for one in figures) / intervals if intervals else 0.0
    by_level = [sum(column) for column in zip(*(one.levels for one in figures), strict=True)]
    shares = [count / alarms if alarms else 0.0 for count in by_level]
    peak = max(one.peak for one in figures)
    chattering = sum(one.chattering for one in figures)
    fleeting = sum(one.fleeting for one in figures)
    standing = max(one.standing for one in figures)
    judged = {
        AVERAGE: average,
        PEAK: peak,
        ABOVE: above,
        FLOOD: flood,
        CHATTERING: chattering,
        FLEETING: fleeting,
        STANDING: standing,
    }
    return Burden(
        scope=figures[0].scope,
        name=figures[0].name,
        trials=len(figures),
        intervals=intervals,
        alarms=alarms,
        average=average,
        peak=peak,
        above_share=above,
        flood_share=flood,
        levels=(shares[0], shares[1], shares[2], shares[3]),
        chattering=chattering,
        fleeting=fleeting,
        standing=standing,
        bands={target.name: target.band(value) for target, value in judged.items()},
    )
