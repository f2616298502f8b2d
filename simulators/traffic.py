"""Traffic over a bridge: heavy vehicles one by one, light ones as a load, both functions of time.

Time is cut into cells with dice of their own: a cell of a lane brings a lorry or none, by the hour
of the day and the day of the week. So any moment's vehicles are found by looking back over the time
that the slowest needs to leave the bridge; there is no state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import DAY_NS, SECOND_NS

from .lattice import key_of, noise, uniform
from .rhythm import BEIJING_HOURS, hour_of_day

CELL_NS: Final = 10 * SECOND_NS
LANES: Final = 2
# Axles of a tractor with its trailer: metres behind the first, share of the weight.
AXLES_M: Final = np.array([0.0, 3.6, 8.6, 9.9, 11.2])
AXLE_SHARES: Final = np.array([0.13, 0.21, 0.22, 0.22, 0.22])
SLOWEST_M_S: Final = 15.0
FASTEST_M_S: Final = 24.0
EMPTY_T: Final = (13.0, 19.0)
LOADED_T: Final = (25.0, 49.0)
LOADED_SHARE: Final = 0.55
LIGHT_KNOT_NS: Final = 90 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Vehicles:
    """Vehicles as columns: when the first axle reaches the bridge (ns), m/s, t."""

    enters: Int64
    speed: Float64
    mass: Float64

    def __len__(self) -> int:
        return len(self.enters)


@dataclass(frozen=True, slots=True)
class Traffic:
    """`heavy_h` lorries an hour and direction at the day's height, `light` kN/m of light ones."""

    seed: int
    name: str
    heavy_h: float = 90.0
    light: float = 6.0

    def entering(self, from_ns: int, until_ns: int) -> Vehicles:
        """The lorries that reach the bridge between two times, lane by lane, in order of time."""
        cells = np.arange(from_ns // CELL_NS, until_ns // CELL_NS + 1, dtype=np.int64)
        chance = np.minimum(self.heavy_h * heavy_rhythm(cells * CELL_NS) * CELL_NS / 3.6e12, 0.9)
        found = [self._lane(lane, cells, chance) for lane in range(LANES)]
        enters = np.concatenate([v.enters for v in found])
        inside = (enters >= from_ns) & (enters < until_ns)
        speed = np.concatenate([v.speed for v in found])
        mass = np.concatenate([v.mass for v in found])
        return Vehicles(enters[inside], speed[inside], mass[inside])

    def light_load(self, times_ns: Int64) -> Float64:
        """kN/m of light traffic at these times."""
        busy = light_rhythm(times_ns)
        crowd = 1.0 + 0.25 * noise(key_of(self.seed, self.name, "light"), times_ns, LIGHT_KNOT_NS)
        return np.asarray(self.light * busy * np.maximum(crowd, 0.0), np.float64)

    def _lane(self, lane: int, cells: Int64, chance: Float64) -> Vehicles:
        key = key_of(self.seed, self.name, f"lane-{lane}")
        cells = cells[uniform(key, 4 * cells) < chance]
        when, fast, heavy = (uniform(key, 4 * cells + k) for k in (1, 2, 3))
        loaded = heavy < LOADED_SHARE
        share = np.where(loaded, heavy / LOADED_SHARE, (heavy - LOADED_SHARE) / (1 - LOADED_SHARE))
        low = np.where(loaded, LOADED_T[0], EMPTY_T[0])
        high = np.where(loaded, LOADED_T[1], EMPTY_T[1])
        # Whole milliseconds, so that a time is a time on every machine.
        enters = cells * CELL_NS + np.floor(when * (CELL_NS / 1e6)).astype(np.int64) * 1_000_000
        speed = SLOWEST_M_S + (FASTEST_M_S - SLOWEST_M_S) * fast
        return Vehicles(enters, speed, low + (high - low) * share)


def heavy_rhythm(times_ns: Int64) -> Float64:
    """Lorries as a share of the day's height: mornings and nights of working days."""
    hour = hour_of_day(times_ns)
    day = 0.6 + 0.4 * np.cos((hour - 10.5) * (2.0 * np.pi / 24.0))
    return np.asarray(day * np.where(_weekend(times_ns), 0.55, 1.0), np.float64)


def light_rhythm(times_ns: Int64) -> Float64:
    """Cars as a share of the usual load: two rush hours on working days, one broad day else."""
    hour = hour_of_day(times_ns)
    rush = np.exp(-(((hour - 7.8) / 1.3) ** 2)) + np.exp(-(((hour - 18.0) / 1.6) ** 2))
    broad = np.exp(-(((hour - 14.5) / 4.5) ** 2))
    weekend = _weekend(times_ns)
    return np.asarray(0.12 + np.where(weekend, 0.7, 0.45) * broad + ~weekend * 0.55 * rush)


def _weekend(times_ns: Int64) -> np.ndarray:
    """Saturdays and Sundays in Beijing; the first of January 1970 was a Thursday."""
    local = times_ns + round(BEIJING_HOURS * 3600) * SECOND_NS
    return np.asarray((local // DAY_NS + 3) % 7 >= 5)


def convoy(enters_ns: int, count: int, mass_t: float, speed: float, gap_m: float) -> Vehicles:
    """`count` equal vehicles behind each other, `gap_m` from nose to nose."""
    step_ns = round(gap_m / speed * 1000) * 1_000_000
    enters = enters_ns + np.arange(count, dtype=np.int64) * step_ns
    return Vehicles(enters, np.full(count, speed), np.full(count, mass_t))
