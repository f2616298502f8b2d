"""The world of a liquid pipeline: pumped water mains with a suction tank and a turbidity meter.

Pressures and flows come from `liquid_line` (method of characteristics, a node every 100 m);
temperature, turbidity and the tank's level are scripted curves. Each line is a main of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import SECOND_NS

from .liquid import WATER, Customers, Design, Leak, Pipe, Pumps
from .rhythm import air_temperature, water_demand

if TYPE_CHECKING:
    from .liquid_line import LiquidLine

MEAN_DEMAND_M3_S: Final = 0.30
M3_H: Final = 3600.0
CLEAR_NTU: Final = 0.35
# DN500 of old cast iron, 2.5 km; customers need 20 m of head.
MAIN: Final = Design(
    Pipe(length=2500.0, diameter=0.5, wave=1000.0, roughness=4.7e-4, vapour=-96e3),
    Pumps(suction=0.0, shutoff=62.0, fall=60.0),
    Customers(required=196.2e3),
    (WATER,),
    (0.0, 1250.0, 2500.0),
)
# Every interval of a site is a multiple of it.
GRID_NS: Final = SECOND_NS // 10
DISCHARGE: Final = 0.62
BURST_S: Final = 1.0
# A tripped pump's speed halves in RUN_DOWN_S; back to full takes RUN_UP_S.
RUN_DOWN_S: Final = 2.0
RUN_UP_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Upset:
    """Something wrong on one line between two times; `size` is what `kind` needs:

    burst     area of the hole, m2, at the fraction `at` of the length
    trip      relative speed of the pumps that is left
    turbid    NTU on top
    overheat  Cel on top of the bearing's temperature
    """

    line: int
    kind: Literal["burst", "trip", "turbid", "overheat"]
    size: float
    onset_ns: int
    end_ns: int
    at: float = 0.5

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
        self._step_ns = round(step_s * SECOND_NS)
        self._mains: list[LiquidLine | None] = [None] * lines
        # Compiled or loaded now, before samples are due.
        _main(1.0, MEAN_DEMAND_M3_S, ()).advance(*np.ones((3, 1)))

    def advance(self, times_ns: Int64) -> Mapping[str, Float64]:
        """See `plant.World`."""
        truth: dict[str, Float64] = {}
        for line in range(len(self._mains)):
            truth |= self._water(line, times_ns) | self._beside(line, times_ns)
        return truth

    def _of(self, line: int) -> list[Upset]:
        return [u for u in self._upsets if u.line == line]

    def _water(self, line: int, times_ns: Int64) -> dict[str, Float64]:
        """Pressures and flows, from the grid's steps up to each of these times."""
        within = np.arange(GRID_NS - self._step_ns, 1, GRID_NS)
        fine = (times_ns[:, None] + within).ravel()
        speed = np.ones(len(fine))
        for upset in (u for u in self._of(line) if u.kind == "trip"):
            speed = np.minimum(speed, _tripped(upset, fine))
        wanted = MEAN_DEMAND_M3_S * water_demand(fine)
        main = self._mains[line]
        if main is None:
            main = self._begin(line, int(fine[0]), float(speed[0]), float(wanted[0]))
            self._mains[line] = main
        told = main.advance(speed, np.ones(len(fine)), wanted, every=len(within))
        k, kpa = line + 1, told.pressure / 1000.0
        return {
            f"PT-{k}01": kpa[:, 0],
            f"PT-{k}02": kpa[:, 2],
            f"PT-{k}03": kpa[:, 1],
            f"FT-{k}01": told.inflow * M3_H,
            f"FT-{k}02": told.outflow * M3_H,
            f"XV-{k}01": (speed[len(within) - 1 :: len(within)] > 0.9).astype(np.float64),
        }

    def _begin(self, line: int, first_ns: int, speed: float, wanted: float) -> LiquidLine:
        """The main of a line, in the steady state before its first step."""
        leaks = [
            Leak(
                at=upset.at * MAIN.pipe.length,
                onset=(upset.onset_ns - first_ns) / SECOND_NS,
                end=(upset.end_ns - first_ns) / SECOND_NS,
                area=DISCHARGE * upset.size,
                opening=BURST_S,
            )
            for upset in self._of(line)
            if upset.kind == "burst"
        ]
        return _main(speed, wanted, leaks)

    def _beside(self, line: int, times_ns: Int64) -> dict[str, Float64]:
        """What is a curve and no water."""
        turbidity = np.full(len(times_ns), CLEAR_NTU)
        # The bearing runs a little above the pump hall's air.
        bearing = air_temperature(times_ns, 24.0, 3.0)
        for upset in self._of(line):
            if upset.kind == "turbid":
                turbidity = turbidity + upset.size * upset.swell(times_ns)
            elif upset.kind == "overheat":
                bearing = bearing + upset.size * upset.swell(times_ns)
        k = line + 1
        return {
            f"TT-{k}01": bearing,
            f"AT-{k}01": turbidity,
            f"LT-{k}01": 62.0 - 8.0 * (water_demand(times_ns) - 1.0),
        }


def _main(speed: float, wanted: float, leaks: Sequence[Leak]) -> LiquidLine:
    from .liquid_line import LiquidLine  # numba takes a second, which other sites need not wait

    return LiquidLine(MAIN, GRID_NS / SECOND_NS, speed, wanted, leaks)


def _tripped(upset: Upset, times_ns: Int64) -> Float64:
    """The relative speed under a trip: 1 / (1 + t/T) of a rotor that only its load brakes, down to
    what is left; a straight line back after the end."""
    since = np.maximum(times_ns - upset.onset_ns, 0) / SECOND_NS
    down = np.maximum(upset.size, 1.0 / (1.0 + since / RUN_DOWN_S))
    back = np.maximum(times_ns - upset.end_ns, 0) / SECOND_NS / RUN_UP_S
    return np.asarray(np.minimum(1.0, down + (1.0 - upset.size) * back), np.float64)
