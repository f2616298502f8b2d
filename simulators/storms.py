"""Rain as seeded storms: when they come, how much falls, and how it is spread over their time.

Every day of the calendar is a cell with its own dice, so the storms of any time are found by looking
at that day and the one before. A front brings hours of steady rain, a shower of the warm half-year a
burst in the afternoon. A storm is a handful of overlapping pulses

    r(t) = 2 d / w · sin²(π (t − b) / w)          for b ≤ t < b + w, which brings exactly d mm,

so intensity and amount are both closed forms, and every time in the world sees the same storms.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import DAY_NS, HOUR_NS

from .lattice import key_of, noise, uniform

# No storm begins later than the end of its day, none lasts longer than this.
LONGEST_NS: Final = DAY_NS
# Depths are c · q^power with q exponential and cut off here: rare ones are large, none is absurd.
CUT: Final = 6.0


@dataclass(frozen=True, slots=True)
class StormKind:
    """One kind of storm: its share of the year's rain, how often it comes and what it is like.

    `days` is its mean chance a day, `season` how much that chance swings over the year (0 to 1) about
    day `peak_day`; `hours` its shortest and longest time; `at_hour` and `within_h` where in the
    solar day it begins; `pulses` are (place, width, share), fractions of its time.
    """

    name: str
    share: float
    days: float
    season: float
    peak_day: float
    hours: tuple[float, float]
    at_hour: float
    within_h: float
    power: float
    pulses: tuple[tuple[float, float, float], ...]
    under_low: bool


FRONT: Final = StormKind(
    name="front",
    share=0.7,
    days=0.25,
    season=0.5,
    peak_day=178.0,
    hours=(4.0, 20.0),
    at_hour=12.0,
    within_h=12.0,
    power=1.4,
    pulses=((0.0, 0.4, 0.15), (0.15, 0.4, 0.25), (0.3, 0.4, 0.3), (0.5, 0.3, 0.2), (0.6, 0.4, 0.1)),
    under_low=True,
)
SHOWER: Final = StormKind(
    name="shower",
    share=0.3,
    days=0.1,
    season=1.0,
    peak_day=205.0,
    hours=(0.5, 2.0),
    at_hour=16.0,
    within_h=3.0,
    power=1.0,
    pulses=((0.0, 0.6, 0.7), (0.2, 0.8, 0.3)),
    under_low=False,
)
# The profile of a storm that somebody ordered: one top after two fifths of its time.
ORDERED: Final = (
    (0.0, 0.3, 0.08),
    (0.13, 0.3, 0.14),
    (0.25, 0.3, 0.36),
    (0.4, 0.3, 0.22),
    (0.55, 0.3, 0.13),
    (0.7, 0.3, 0.07),
)
KINDS: Final = (FRONT, SHOWER)


@dataclass(frozen=True, slots=True)
class Storm:
    """One storm: between which times it rains and how much falls in all, mm."""

    kind: str
    begin_ns: int
    end_ns: int
    depth_mm: float


@dataclass(frozen=True, slots=True)
class Pulses:
    """Pulses of rain as columns: begin and end (ns), depth (mm)."""

    begin: Int64
    end: Int64
    depth: Float64

    def intensity(self, times_ns: Int64) -> Float64:
        """mm/h at these times, in any order."""
        times = np.ascontiguousarray(times_ns, np.int64)
        order = None if bool(np.all(times[1:] >= times[:-1])) else np.argsort(times, kind="stable")
        sorted_times = times if order is None else times[order]
        rain = np.zeros(len(times))
        first = np.searchsorted(sorted_times, self.begin)
        last = np.searchsorted(sorted_times, self.end)
        for i in np.flatnonzero(last > first).tolist():
            part = slice(int(first[i]), int(last[i]))
            width = int(self.end[i] - self.begin[i])
            x = (sorted_times[part] - self.begin[i]) / float(width)
            rain[part] += 2.0 * self.depth[i] / (width / HOUR_NS) * np.sin(np.pi * x) ** 2
        if order is None:
            return rain
        back = np.empty_like(rain)
        back[order] = rain
        return back

    def fallen(self, times_ns: Int64) -> Float64:
        """mm that these pulses have brought by each time: the integral, exact."""
        fallen = np.zeros(len(times_ns))
        for begin, end, depth in zip(self.begin, self.end, self.depth, strict=True):
            x = np.clip((times_ns - begin) / float(end - begin), 0.0, 1.0)
            fallen += depth * (x - np.sin(2.0 * np.pi * x) / (2.0 * np.pi))
        return fallen


@dataclass(frozen=True, slots=True)
class Rains:
    """What decides the storms of a place: seed, name, mm a year, longitude's hours, the low."""

    seed: int
    place: str
    mm_year: float
    solar_h: float
    low_key: int
    low_knot_ns: int

    def storms(self, from_ns: int, until_ns: int) -> tuple[Storm, ...]:
        """All storms that rain between two times, in order of their beginning."""
        days = range((from_ns - LONGEST_NS) // DAY_NS - 1, until_ns // DAY_NS + 2)
        found = [s for day in days for s in _storms_of(self, day)]
        inside = [s for s in found if s.begin_ns < until_ns and s.end_ns > from_ns]
        return tuple(sorted(inside, key=lambda s: (s.begin_ns, s.kind)))

    def pulses(self, from_ns: int, until_ns: int) -> Pulses:
        """Their pulses; the order of those at one time is the same whatever is asked."""
        kinds = {kind.name: kind for kind in KINDS}
        storms = self.storms(from_ns, until_ns)
        return columns([(s, kinds[s.kind].pulses) for s in storms])


def columns(storms: list[tuple[Storm, tuple[tuple[float, float, float], ...]]]) -> Pulses:
    """Storms with their profiles as pulses."""
    rows = [
        (s.begin_ns + round(at * (s.end_ns - s.begin_ns)), width, share * s.depth_mm, s)
        for s, profile in storms
        for at, width, share in profile
    ]
    begin = np.array([r[0] for r in rows], np.int64)
    width = np.array([max(1, round(r[1] * (r[3].end_ns - r[3].begin_ns))) for r in rows], np.int64)
    return Pulses(begin, begin + width, np.array([r[2] for r in rows], np.float64))


@lru_cache(maxsize=16_384)
def _storms_of(rains: Rains, day: int) -> tuple[Storm, ...]:
    return tuple(s for kind in KINDS if (s := _storm_of(rains, kind, day)) is not None)


def _storm_of(rains: Rains, kind: StormKind, day: int) -> Storm | None:
    key = key_of(rains.seed, rains.place, kind.name)
    comes, when, lasts, deep = (float(x) for x in uniform(key, 4 * np.int64(day) + np.arange(4)))
    middle = np.array([day * DAY_NS + DAY_NS // 2], np.int64)
    chance = kind.days * (1.0 + kind.season * math.cos(math.tau * (day - kind.peak_day) / 365.2425))
    if kind.under_low:
        # Rain comes with low pressure: on half of the days, and there twice as often.
        chance *= 2.0 if float(noise(rains.low_key, middle, rains.low_knot_ns)[0]) < 0.0 else 0.0
    if comes >= chance or rains.mm_year <= 0.0:
        return None
    shortest, longest = kind.hours
    hours = shortest * (longest / shortest) ** lasts
    hour = (kind.at_hour + kind.within_h * (2.0 * when - 1.0) - rains.solar_h) % 24.0
    begin = day * DAY_NS + round(hour * HOUR_NS / 1e9) * 1_000_000_000
    q = -math.log1p(-deep * (1.0 - math.exp(-CUT)))
    mean = kind.share * rains.mm_year / (365.2425 * kind.days)
    depth = mean * q**kind.power / _mean_of(kind.power)
    return Storm(kind.name, begin, begin + round(hours * 3600.0) * 1_000_000_000, depth)


@lru_cache(maxsize=8)
def _mean_of(power: float) -> float:
    """The mean of q^power, q exponential and cut off at CUT: midpoints of even chances, 10⁻⁵ off."""
    chance = (np.arange(100_000) + 0.5) / 100_000 * (1.0 - math.exp(-CUT))
    return float(((-np.log1p(-chance)) ** power).mean())
