"""The world of a metro tunnel: rings that settle and widen, water outside, trains and what is dug beside.

Every cause is a closed function of time, so any grid gives the same bits. Zero of all settlements is
the beginning of the run, when somebody levelled.

    excavation   its share of the final movement grows with the digging, then creeps on a hyperbola;
                 along the line a Gaussian of 30 m (Peck's trough)
    dewatering   a well lowers the water (Theis); each metre takes 10 kPa of uplift: the clay settles
                 by m_v H γw s, in Terzaghi's time
    year         rings breathe with the air's temperature; the groundwater with the season
    trains       from six to eleven: piston effect, vibration
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import DAY_NS, SECOND_NS

from .compartment import YEAR_S, first_order, ground_temperature
from .consolidation import degree, degree_of_ramp
from .manhole import LEL_PERCENT_VOL
from .rhythm import hour_of_day
from .stream import generator_of
from .subsidence import drawdown, hyperbola

RING_APART_M: Final = 50.0
TROUGH_M: Final = 30.0
# Silty clay of 8 m drained at both sides.
DRAIN_M: Final = 4.0
CV_M2_S: Final = 1e-6
MV_PER_KPA: Final = 5e-5
CLAY_M: Final = 8.0
WATER_KN_M3: Final = 9.81
TRANSMISSIVITY: Final = 2e-4
STORAGE: Final = 1e-3
WELL_AWAY_M: Final = 40.0
WIDENS: Final = 0.6  # convergence for each mm of settlement by digging
OPENS: Final = 0.05  # joint opening for each mm of convergence
BED_FOLLOWS: Final = 0.1
BREATHES_MM_PER_CEL: Final = 0.05
RESIDUAL_MM: Final = 2.0  # what is left of the consolidation of the tunnel's own building
RESIDUAL_FROM_S: Final = 3.0 * YEAR_S
SEEPS_L_MIN: Final = 2.0
SEEPS_PER_M: Final = 0.15
CELL_M3: Final = 1500.0  # the air of one section
GAS_M3_S: Final = 2e-5
AIR_STILL_M3_S: Final = 0.8
AIR_TRAINS_M3_S: Final = 8.0
TRAIN_CM_S: Final = 0.06

What = Literal[
    "excavation", "dewatering", "seepage", "bed.void", "gas.seep", "piling", "grinding", "fans.off"
]


@dataclass(frozen=True, slots=True)
class Cause:
    """What happens at a section (its ordinal) between two times; `size` in the unit of its kind."""

    what: What
    section: int
    size: float
    onset_ns: int
    end_ns: int


class Tunnel:
    """The true state of all sections."""

    def __init__(
        self, sections: int, causes: tuple[Cause, ...], seed: int, start_ns: int, step_s: float
    ) -> None:
        self._sections, self._causes, self._step_s = sections, causes, step_s
        self._start_ns = start_ns
        own = generator_of(seed, "metro")
        self._residual = RESIDUAL_MM * own.uniform(0.5, 1.5, sections)
        self._gas: list[float] = [GAS_M3_S / AIR_TRAINS_M3_S] * sections

    def advance(self, times_ns: Int64) -> Mapping[str, Float64]:
        """See `plant.World`."""
        truth: dict[str, Float64] = {}
        trains = trains_run(times_ns)
        for section in range(self._sections):
            truth |= self._ground(section, times_ns)
            truth |= self._inside(section, times_ns, trains)
        return truth

    def _ground(self, section: int, times_ns: Int64) -> dict[str, Float64]:
        dug, lowered, opened = (self._zeros(times_ns) for _ in range(3))
        sunk = self._rest(section, times_ns)
        void, water_in = self._zeros(times_ns), self._zeros(times_ns)
        for cause in self._causes:
            away = RING_APART_M * abs(cause.section - section)
            if cause.what == "excavation":
                dug = dug + cause.size * excavated(cause, times_ns) * trough(away)
            elif cause.what == "dewatering":
                fallen, settled = dewatered(cause, times_ns, float(np.hypot(away, WELL_AWAY_M)))
                lowered, sunk = lowered + fallen, sunk + settled
            elif cause.section == section and cause.what == "seepage":
                water_in = water_in + cause.size * _grown(cause, times_ns, 0.25)
                opened = opened + 0.02 * cause.size * _grown(cause, times_ns, 0.25)
            elif cause.section == section and cause.what == "bed.void":
                void = void + cause.size * _grown(cause, times_ns, 1.0)
        season = 0.6 * np.cos(2.0 * np.pi * (times_ns / SECOND_NS / YEAR_S - 0.55))
        water = season - lowered
        warmth = ground_temperature(times_ns, 0.0, 18.0, 9.0)
        first = ground_temperature(np.array([self._start_ns]), 0.0, 18.0, 9.0)[0]
        widened = WIDENS * dug + BREATHES_MM_PER_CEL * (warmth - first)
        name = ring_name(section)
        leaks = SEEPS_L_MIN * (1.0 + SEEPS_PER_M * np.maximum(water, -6.0)) + water_in
        return {
            f"{name}-settlement": -(dug + sunk),
            f"{name}-convergence": widened,
            f"{name}-joint": np.maximum(OPENS * WIDENS * dug + opened, 0.0),
            f"{name}-bed": -(BED_FOLLOWS * dug + void),
            f"{name}-water": water,
            f"{name}-seepage": leaks,
        }

    def _inside(self, section: int, times_ns: Int64, trains: Float64) -> dict[str, Float64]:
        seeping = np.full(len(times_ns), GAS_M3_S)
        air = AIR_STILL_M3_S + AIR_TRAINS_M3_S * trains
        shaken = TRAIN_CM_S * trains
        for cause in self._causes:
            acts = (times_ns >= cause.onset_ns) & (times_ns < cause.end_ns)
            if cause.what == "fans.off":
                air = air - 0.75 * AIR_STILL_M3_S * acts
            if cause.section != section:
                continue
            if cause.what == "gas.seep":
                seeping = seeping + cause.size / 3600.0 * acts
            elif cause.what == "piling":
                shaken = np.maximum(shaken, cause.size * acts)
            elif cause.what == "grinding":
                shaken = np.maximum(shaken, cause.size * acts * (1.0 - trains))
        rate = (air + seeping) / CELL_M3
        fraction = first_order(self._gas[section], rate, seeping / CELL_M3, self._step_s)
        self._gas[section] = float(fraction[-1])
        name = ring_name(section)
        return {f"{name}-lel": 10_000.0 * fraction / LEL_PERCENT_VOL, f"{name}-ppv": shaken}

    def _rest(self, section: int, times_ns: Int64) -> Float64:
        """What the tunnel's own building still brings, mm since the run began."""
        factor = CV_M2_S / 40.0 / DRAIN_M**2
        since = (times_ns - self._start_ns) / SECOND_NS
        done = degree(factor * (since + RESIDUAL_FROM_S)) - degree(factor * RESIDUAL_FROM_S)
        return np.asarray(self._residual[section] * done, np.float64)

    def _zeros(self, times_ns: Int64) -> Float64:
        return np.zeros(len(times_ns))


def excavated(cause: Cause, times_ns: Int64) -> Float64:
    """The share of its final movement: four fifths with the digging, the rest creeps after it."""
    while_dug = np.clip((times_ns - cause.onset_ns) / (cause.end_ns - cause.onset_ns), 0.0, 1.0)
    days = (times_ns - cause.end_ns) / DAY_NS
    return 0.8 * while_dug * while_dug * (3.0 - 2.0 * while_dug) + hyperbola(days, 0.2, 0.02)


def trough(away_m: float) -> float:
    """How much of the movement a ring takes part in that lies beside the pit."""
    return float(np.exp(-0.5 * (away_m / TROUGH_M) ** 2))


def dewatered(cause: Cause, times_ns: Int64, away_m: float) -> tuple[Float64, Float64]:
    """Fall of the water (m) and settlement (mm) by a well of `size` m3/h that stops at the end.

    The clay feels the fall as a load that grows over the first half of the pumping.
    """
    since, after = ((times_ns - t) / SECOND_NS for t in (cause.onset_ns, cause.end_ns))
    flow = cause.size / 3600.0
    ground = (away_m, TRANSMISSIVITY, STORAGE)
    fallen = drawdown(since, flow, *ground) - drawdown(after, flow, *ground)
    length = (cause.end_ns - cause.onset_ns) / SECOND_NS
    whole = float(drawdown(np.array([length]), flow, *ground)[0])
    final = 1000.0 * MV_PER_KPA * CLAY_M * WATER_KN_M3 * whole
    factor = CV_M2_S / DRAIN_M**2
    loaded = degree_of_ramp(factor * since, factor * 0.5 * length)
    # What was squeezed out swells back by a fifth only when the water returns.
    swells = 0.2 * degree(factor * after)
    return fallen, np.asarray(final * (loaded - swells), np.float64)


def _grown(cause: Cause, times_ns: Int64, share: float) -> Float64:
    """0 to 1 over a share of its time, then as it is until somebody mends it at the end."""
    length = max(1.0, share * (cause.end_ns - cause.onset_ns))
    grown = np.clip((times_ns - cause.onset_ns) / length, 0.0, 1.0)
    return np.asarray(grown * (times_ns < cause.end_ns), np.float64)


def trains_run(times_ns: Int64) -> Float64:
    """1 from six to eleven in the evening."""
    hour = hour_of_day(times_ns)
    return ((hour >= 6.0) & (hour < 23.0)).astype(np.float64)


def ring_name(section: int) -> str:
    """`r01` for section 0."""
    return f"r{section + 1:02d}"
