"""What can happen to a town's gas, as its world understands it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import SECOND_NS


@dataclass(frozen=True, slots=True)
class Leak:
    """A hole in the main at `node` whose area grows to `area_m2` over `growth_s` (0: at once).

    `share` of the gas finds its way to the space (a chamber or basement, by ordinal) with the soil's
    time constant. At `end_ns` the valves are shut; the crew airs the space until `aired_ns`.
    """

    node: int
    area_m2: float
    growth_s: float
    share: float
    soil_s: float
    space: int
    onset_ns: int
    end_ns: int
    aired_ns: int

    def area(self, times_ns: Int64) -> Float64:
        """The open area at each time, m2."""
        opened = within(times_ns, self.onset_ns, self.end_ns) * self.area_m2
        if self.growth_s <= 0.0:
            return opened
        since_s = (times_ns - self.onset_ns) / SECOND_NS
        return np.asarray(opened * np.clip(since_s / self.growth_s, 0.0, 1.0), np.float64)


@dataclass(frozen=True, slots=True)
class HouseLeak:
    """A flange in a governor's house lets gas out."""

    district: int
    m3_s: float
    onset_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Governor:
    """A district governor whose outlet wanders off by `kpa` (negative: freezes up) over `ramp_s`."""

    district: int
    kpa: float
    ramp_s: float
    onset_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate whose governor opens too far (`kpa` above its set point) or freezes up (`lost`: the
    share of its flow)."""

    gate: int
    kpa: float
    lost: float
    ramp_s: float
    onset_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A cover that stands open at an angle, deg."""

    space: int
    angle: float
    onset_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Odoriser:
    """The odorisers inject less: `less` is the share that is missing."""

    less: float
    onset_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class SewerGas:
    """A sewer breathes more than usual: `more` times its biogas comes on top. No leak."""

    space: int
    more: float
    onset_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class Demand:
    """A holiday: homes draw more by the share `more`. No danger."""

    more: float
    onset_ns: int
    end_ns: int


Cause = Leak | HouseLeak | Governor | Gate | Opened | Odoriser | SewerGas | Demand


def within(times_ns: Int64, onset_ns: int, end_ns: int) -> Float64:
    """1 between the two times, 0 elsewhere."""
    return ((times_ns >= onset_ns) & (times_ns < end_ns)).astype(np.float64)


def ramp(times_ns: Int64, onset_ns: int, end_ns: int, ramp_s: float = 3600.0) -> Float64:
    """Rises from 0 to 1 over `ramp_s` after the onset, and falls as fast after the end."""
    up = np.clip((times_ns - onset_ns) / (ramp_s * SECOND_NS), 0.0, 1.0)
    down = np.clip((times_ns - end_ns) / (ramp_s * SECOND_NS), 0.0, 1.0)
    return np.asarray(up - down, np.float64)
