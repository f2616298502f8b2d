"""The world of a liquid pipeline: pumped water mains with a suction tank and a turbidity meter.

Pressures and flows come from `hydraulics`; temperature, turbidity and the tank's level are
scripted curves. Each line is a main of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from lifeline.engine.frame import Float64, Int64

from .hydraulics import KPA_PER_METRE, Main, PumpedMain
from .rhythm import air_temperature, water_demand

MEAN_DEMAND_M3_S: Final = 0.30
M3_H: Final = 3600.0
CLEAR_NTU: Final = 0.35


@dataclass(frozen=True, slots=True)
class Upset:
    """Something wrong on one line between two times; `size` is what `kind` needs:

    burst     area of the hole, m2, at the fraction `at` of the length
    trip      relative pumping that is left
    turbid    NTU on top
    overheat  Cel on top of the bearing's temperature
    """

    line: int
    kind: Literal["burst", "trip", "turbid", "overheat"]
    size: float
    onset_ns: int
    end_ns: int
    at: float = 0.5

    def acts(self, times_ns: Int64) -> Float64:
        """1 while it acts, else 0."""
        return ((times_ns >= self.onset_ns) & (times_ns < self.end_ns)).astype(np.float64)

    def swell(self, times_ns: Int64) -> Float64:
        """0 to 1 and back: rises over a third of the period, falls over the next after its end."""
        third = max(1, (self.end_ns - self.onset_ns) // 3)
        rise = np.clip((times_ns - self.onset_ns) / third, 0.0, 1.0)
        fall = np.clip((times_ns - self.end_ns) / third, 0.0, 1.0)
        return np.asarray(rise - fall, np.float64)


class Trunk:
    """The true state of all lines; points are named as in `pipeline`."""

    def __init__(self, lines: int, upsets: tuple[Upset, ...], step_s: float) -> None:
        self._upsets = upsets
        self._step_s = step_s
        self._mains = [PumpedMain(Main(wave_s=2.5)) for _ in range(lines)]

    def advance(self, times_ns: Int64) -> Mapping[str, Float64]:
        """See `plant.World`."""
        truth: dict[str, Float64] = {}
        for line in range(len(self._mains)):
            truth |= self._line(line, times_ns)
        return truth

    def _line(self, line: int, times_ns: Int64) -> dict[str, Float64]:
        units, hole = np.ones(len(times_ns)), np.zeros(len(times_ns))
        turbidity = np.full(len(times_ns), CLEAR_NTU)
        # The bearing runs a little above the pump hall's air.
        bearing = air_temperature(times_ns, 24.0, 3.0)
        hole_at = 0.5
        for upset in (u for u in self._upsets if u.line == line):
            if upset.kind == "burst":
                hole, hole_at = hole + upset.size * upset.acts(times_ns), upset.at
            elif upset.kind == "trip":
                units = np.where(upset.acts(times_ns) > 0.0, upset.size, units)
            elif upset.kind == "turbid":
                turbidity = turbidity + upset.size * upset.swell(times_ns)
            else:
                bearing = bearing + upset.size * upset.swell(times_ns)
        demand = water_demand(times_ns)
        heads = self._mains[line].advance(
            units, MEAN_DEMAND_M3_S * demand, hole, hole_at, self._step_s
        )
        k = line + 1
        return {
            f"PT-{k}01": heads.inlet_m * KPA_PER_METRE,
            f"PT-{k}02": heads.outlet_m * KPA_PER_METRE,
            f"PT-{k}03": heads.middle_m * KPA_PER_METRE,
            f"FT-{k}01": heads.inflow_m3_s * M3_H,
            f"FT-{k}02": heads.outflow_m3_s * M3_H,
            f"TT-{k}01": bearing,
            f"AT-{k}01": turbidity,
            f"LT-{k}01": 62.0 - 8.0 * (demand - 1.0),
            f"XV-{k}01": (units > 0.9).astype(np.float64),
        }
