"""An oil line in operation: what its dispatcher does, what its meters say, and what is the matter.

A month of a line is a list of acts (pumps stop, start and trip, the delivery is throttled and shut,
batches change) over a daily rhythm of throughput; leaks are labels. The same acts drive a
coarse grid through the calm and, from any moment of it, a fine grid through the minutes that matter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np

from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import SECOND_NS

from .incidents import Incident
from .liquid import DIESEL, GASOLINE, ControlValve, Design, Leak, Pipe, Pumps, speed_for
from .liquid_line import LiquidLine, Told
from .recurrence import linear_recurrence
from .rhythm import hour_of_day
from .stream import generator_of

KM: Final = (0.0, 10.0, 20.0, 30.0, 40.0, 50.0)
DELIVERY_PA: Final = 0.5e6
OIL_LINE: Final = Design(
    Pipe(elevation=((0.0, 20.0), (18_000.0, 45.0), (50_000.0, 30.0))),
    Pumps(),
    ControlValve(),
    (DIESEL, GASOLINE),
    tuple(1000.0 * km for km in KM),
)
#: The pumps' speed trembles by this (one σ, relative) with the time constant TREMBLE_S.
TREMBLE: Final = 2e-4
TREMBLE_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Act:
    """What the dispatcher or fate does `at` s after the run's start:

    pumps   the speed, as a share of what the throughput needs, goes to `size` within `over` s
    trip    it falls to `size` as 1 / (1 + t / `over`)
    valve   the block valve before the delivery goes to `size` within `over` s
    batch   from now on fluid number `size` of the design is pumped
    """

    kind: Literal["pumps", "trip", "valve", "batch"]
    at: float
    size: float
    over: float = 1.0

    def path(self, before: float, since: Float64) -> Float64:
        """The value `since` s after the act, from what it was before."""
        if self.kind == "trip":
            return np.asarray(
                np.maximum(min(self.size, before), before / (1.0 + since / self.over))
            )
        if self.kind == "batch":
            return np.full_like(since, self.size)
        return before + (self.size - before) * np.minimum(1.0, since / self.over)


def course(acts: Sequence[Act], kinds: tuple[str, ...], first: float, times_s: Float64) -> Float64:
    """The value that the acts of these kinds (in order of time) give at ascending times."""
    mine = [act for act in acts if act.kind in kinds]
    value, before = np.full(len(times_s), first), first
    for number, act in enumerate(mine, 1):
        end = mine[number].at if number < len(mine) else math.inf
        a, b = np.searchsorted(times_s, (act.at, end))
        value[a:b] = act.path(before, times_s[a:b] - act.at)
        before = float(act.path(before, np.array([end - act.at]))[0])
    return value


@dataclass(frozen=True, slots=True)
class Operation:
    """What happens on a line from `start_ns` on: throughput `flow` m3/s with a daily `swing` (most at
    02:00, when current is cheap), acts in order of time, leaks in s after the start."""

    flow: float = 0.15
    swing: float = 0.05
    acts: tuple[Act, ...] = ()
    leaks: tuple[Leak, ...] = ()
    seed: int = 0
    start_ns: int = 1_800_000_000 * SECOND_NS
    design: Design = OIL_LINE

    def speed(self, times_s: Float64) -> Float64:
        """Relative speed of the pumps, without their trembling."""
        throughput, needed = _speeds(self.design, self.flow, self.swing)
        hour = hour_of_day(self.start_ns + np.rint(times_s * SECOND_NS).astype(np.int64))
        wanted = self.flow * (1.0 + self.swing * np.cos((hour - 2.0) * (2.0 * np.pi / 24.0)))
        share = course(self.acts, ("pumps", "trip"), 1.0, times_s)
        return np.asarray(np.interp(wanted, throughput, needed) * share, np.float64)

    def opening(self, times_s: Float64) -> Float64:
        """Opening of the block valve before the delivery."""
        return course(self.acts, ("valve",), 1.0, times_s)

    def fluid(self, times_s: Float64) -> Int64:
        """Index of the fluid that is pumped."""
        return course(self.acts, ("batch",), 0.0, times_s).astype(np.int64)

    def incidents(self, site: str, sensors: tuple[str, ...]) -> tuple[Incident, ...]:
        """The leaks as labels on `sensors`; a leak without end lasts a day."""
        return tuple(
            Incident(
                id=f"{site}/{n}-leak",
                site=site,
                domain="pipeline",
                kind="leak",
                sensors=sensors,
                onset_ns=self.start_ns + round(leak.onset * SECOND_NS),
                end_ns=self.start_ns + round(min(leak.end, leak.onset + 86_400.0) * SECOND_NS),
                level="orange",
                what_en=f"the line leaks at km {leak.at / 1000.0:g}",
                what_zh=f"管道在 {leak.at / 1000.0:g} km 处泄漏",
            )
            for n, leak in enumerate(self.leaks, 1)
        )


@lru_cache(maxsize=64)
def _speeds(design: Design, flow: float, swing: float) -> tuple[Float64, Float64]:
    """Throughputs of a day, and the relative speeds that they need."""
    throughput = flow * np.linspace(1.0 - swing, 1.0 + swing, 21)
    needed = [
        speed_for(design.pipe, design.pumps, design.fluids[0], float(q), DELIVERY_PA)
        for q in throughput
    ]
    return throughput, np.array(needed)


class OilRun:
    """An operation under way on a grid of `step_s`; begins steady and tight."""

    def __init__(self, operation: Operation, step_s: float = 1.0) -> None:
        self.operation = operation
        speed = float(operation.speed(np.zeros(1))[0])
        self.line = LiquidLine(operation.design, step_s, speed, DELIVERY_PA, operation.leaks)
        self._trembling = Trembling(operation.seed, "coarse", step_s)

    @property
    def now_s(self) -> float:
        """Seconds since the start."""
        return self.line.time_s

    def advance(self, seconds: float, every_s: float) -> tuple[Float64, Told]:
        """(seconds since the start, what is told then) at each multiple of `every_s`; goes on."""
        steps, every = (round(x / self.line.step_s) for x in (seconds, every_s))
        done = round(self.now_s / self.line.step_s)
        number = done + 1 + np.arange(steps)
        times = np.asarray(number * self.line.step_s, np.float64)
        told = _driven(self.line, self.operation, times, self._trembling, every)
        return times[number % every == 0], told

    def close_up(self, seconds: float, step_s: float) -> tuple[Float64, Told]:
        """The next seconds on a grid of `step_s`, told at every step; the run stays where it is.
        Leaks that began before are not known there."""
        now = self.now_s
        later = [
            Leak(k.at, k.onset - now, k.end - now, k.share, k.area, k.opening)
            for k in self.operation.leaks
            if k.onset >= now
        ]
        number = np.arange(1, round(seconds / step_s) + 1)
        times = np.asarray(now + number * step_s, np.float64)
        trembling = Trembling(self.operation.seed, f"fine at {now:g}", step_s)
        line = self.line.on_grid(step_s, later)
        return times, _driven(line, self.operation, times, trembling, 1)


def _driven(
    line: LiquidLine, operation: Operation, times_s: Float64, trembling: Trembling, every: int
) -> Told:
    speed = operation.speed(times_s) * (1.0 + trembling.next(len(times_s)))
    wanted = np.full(len(times_s), DELIVERY_PA)
    return line.advance(speed, operation.opening(times_s), wanted, operation.fluid(times_s), every)


class Trembling:
    """A first-order random process: what makes the waves of a running pump."""

    def __init__(self, seed: int, name: str, step_s: float) -> None:
        self._dice = generator_of(seed, "trembling", name)
        self._keep = math.exp(-step_s / TREMBLE_S)
        self._held = 0.0

    def next(self, steps: int) -> Float64:
        thrown = TREMBLE * math.sqrt(1.0 - self._keep**2) * self._dice.standard_normal(steps)
        path = linear_recurrence(self._held, np.full(steps, self._keep), thrown)
        self._held = float(path[-1]) if steps else self._held
        return path


def transients(seed: int, days: int) -> tuple[Act, ...]:
    """What a month has: each day one of a stop and start of the line, a tripped unit, a throttled
    delivery, nothing; and a batch change every 30 to 42 hours. In order of time."""
    dice = generator_of(seed, "transients")
    acts: list[Act] = []
    kinds = (_stop, _unit, _throttle, _calm)
    turn = dice.permutation(days)
    for day in range(days):
        at = 86_400.0 * day + float(dice.uniform(4.0, 18.0)) * 3600.0
        acts += kinds[int(turn[day]) % len(kinds)](dice, round(at, 1))
    at, fluid = float(dice.uniform(2.0, 20.0)) * 3600.0, 1
    while at < 86_400.0 * days:
        acts.append(Act("batch", round(at, 1), float(fluid)))
        at, fluid = at + float(dice.uniform(30.0, 42.0)) * 3600.0, 1 - fluid
    return tuple(sorted(acts, key=lambda act: act.at))


def _stop(dice: np.random.Generator, at: float) -> list[Act]:
    """Pumps down, delivery shut behind them; some hours later the other way round."""
    again = at + round(float(dice.uniform(0.5, 3.0)) * 3600.0, 1)
    return [
        Act("pumps", at, 0.0, 60.0),
        Act("valve", at + 30.0, 0.0, 60.0),
        Act("valve", again, 1.0, 60.0),
        Act("pumps", again + 30.0, 1.0, 120.0),
    ]


def _unit(dice: np.random.Generator, at: float) -> list[Act]:
    """One pump of several trips; another takes over."""
    again = at + round(float(dice.uniform(0.3, 1.0)) * 3600.0, 1)
    return [Act("trip", at, 0.85, 3.0), Act("pumps", again, 1.0, 30.0)]


def _throttle(dice: np.random.Generator, at: float) -> list[Act]:
    """The delivery changes its tank: throttled, and open again."""
    again = at + round(float(dice.uniform(0.2, 0.6)) * 3600.0, 1)
    return [Act("valve", at, 0.5, 20.0), Act("valve", again, 1.0, 20.0)]


def _calm(dice: np.random.Generator, at: float) -> list[Act]:
    return []


@dataclass(frozen=True, slots=True)
class Meters:
    """What meters make of the truth, from one seed. Relative: a constant error of each flow meter
    (uniform within ± `systematic`) and white noise `random`; pressures: a constant error within
    ± `offset` kPa and white noise of `noise` kPa."""

    seed: int
    systematic: float = 0.001
    random: float = 0.0025
    offset: float = 5.0
    noise: float = 2.0

    def flow(self, name: str, truth: Float64) -> Float64:
        """m3/s as m3/h, to 0.01."""
        dice = generator_of(self.seed, "meter", name)
        error = 1.0 + float(dice.uniform(-self.systematic, self.systematic))
        seen = 3600.0 * truth * error * (1.0 + self.random * dice.standard_normal(len(truth)))
        return np.asarray(np.round(seen, 2), np.float64)

    def pressure(self, name: str, truth: Float64) -> Float64:
        """Pa as kPa, to 0.01."""
        dice = generator_of(self.seed, "gauge", name)
        error = float(dice.uniform(-self.offset, self.offset))
        seen = truth / 1000.0 + error + self.noise * dice.standard_normal(len(truth))
        return np.asarray(np.round(seen, 2), np.float64)
