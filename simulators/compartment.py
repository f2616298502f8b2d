"""The air and the water of a compartment underground: a well-mixed box, warm walls, a sump with a pump.

Concentrations, temperature and moisture are first-order processes whose flows are held within a step, so
each step is exact and no step size makes it unstable:

    gas       V dC/dt = s − (q + s) C                 volume fraction, s m3/s of it, q m3/s of air
    vapour    dw/dt = q/V (w_out − w) + (w_wall − w)/τ_e                                   g/m3
    heat      dT/dt = q/V (T_out − T) + (T_wall − T)/τ_w + P / (ρ c V)                       Cel
    ground    T(z, t) = mean + A e^(−z/d) cos(ω (t − warmest) − z/d),  d = √(2 a / ω)        Cel
    sump      A dh/dt = inflow − pump; the pump starts and stops at its two levels, between steps
"""

from __future__ import annotations

import math
from itertools import accumulate
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import SECOND_NS

from .recurrence import decay, linear_recurrence

YEAR_S: Final = 365.25 * 86_400.0
#: 25 July, when the ground's surface is warmest; seconds after 1 January 1970.
WARMEST_S: Final = 205.0 * 86_400.0
SOIL_DIFFUSIVITY: Final = 6e-7  # m2/s, moist clay
AIR_HEAT: Final = 1.2 * 1005.0  # J/(m3 K)
PIT_M: Final = 1.5


def first_order(held: float, rate_per_s: Float64, gained_per_s: Float64, step_s: float) -> Float64:
    """dx/dt = gained − rate · x after each step, exact for what is held within it; rate > 0."""
    keep = decay(rate_per_s, step_s)
    return linear_recurrence(held, keep, (1.0 - keep) * gained_per_s / rate_per_s)


def ground_temperature(times_ns: Int64, depth_m: float, mean: float, swing: float) -> Float64:
    """The soil's temperature at a depth, far from any corridor."""
    omega = 2.0 * math.pi / YEAR_S
    reach = math.sqrt(2.0 * SOIL_DIFFUSIVITY / omega)
    phase = omega * (times_ns / SECOND_NS - WARMEST_S) - depth_m / reach
    return np.asarray(mean + swing * math.exp(-depth_m / reach) * np.cos(phase), np.float64)


def saturation(temperature: Float64) -> Float64:
    """Water vapour that air can hold, g/m3 (Magnus)."""
    pressure = 611.2 * np.exp(17.62 * temperature / (243.12 + temperature))
    return np.asarray(1000.0 * pressure / (461.5 * (temperature + 273.15)), np.float64)


class Fan:
    """Accident ventilation: starts where the gas reaches one limit and stops below the other."""

    def __init__(self, volume_m3: float, start: float, stop: float, flow_m3_s: float) -> None:
        self._volume_m3 = volume_m3
        self._start, self._stop, self._flow = start, stop, flow_m3_s
        self._now = (0.0, False)

    def advance(
        self, leak_m3_s: Float64, air_m3_s: Float64, works: Float64, step_s: float
    ) -> tuple[Float64, Float64]:
        """The gas's fraction after each step, and the air that the fan moved within it (m3/s).

        `works` is 1 where the fan can run. It decides by the fraction at the step's begin.
        """
        start, stop, flow = self._start, self._stop, self._flow
        scale = step_s / self._volume_m3

        def step(now: tuple[float, bool], held: tuple[float, float, float]) -> tuple[float, bool]:
            fraction, runs = now
            runs = held[2] > 0.0 and (fraction >= start or (runs and fraction > stop))
            leak = held[0]
            total = leak + held[1] + (flow if runs else 0.0)
            steady = leak / total
            return steady + (fraction - steady) * math.exp(-total * scale), runs

        steps = zip(leak_m3_s.tolist(), air_m3_s.tolist(), works.tolist(), strict=True)
        told = list(accumulate(steps, step, initial=self._now))[1:]
        self._now = told[-1]
        return np.array([f for f, _ in told]), np.array([flow if r else 0.0 for _, r in told])


class Sump:
    """A pit with a pump; beyond the pit's depth the water stands on the floor."""

    def __init__(
        self, pit_m2: float, floor_m2: float, start_m: float, stop_m: float, pump_m3_s: float
    ) -> None:
        self._pit_m2, self._floor_m2 = pit_m2, floor_m2
        self._start, self._stop = start_m * pit_m2, stop_m * pit_m2
        self._pump = pump_m3_s
        self._now = (0.5 * (self._start + self._stop), False)

    def advance(self, inflow_m3_s: Float64, works: Float64, step_s: float) -> Float64:
        """The level after each step, m. `works` is the share of its flow that the pump can give."""
        start, stop, pump = self._start, self._stop, self._pump * step_s

        def step(now: tuple[float, bool], held: tuple[float, float]) -> tuple[float, bool]:
            volume, runs = now
            runs = volume >= start or (runs and volume > stop)
            left = volume + held[0] - (pump * held[1] if runs else 0.0)
            return (left if left > 0.0 else 0.0), runs

        steps = zip((inflow_m3_s * step_s).tolist(), works.tolist(), strict=True)
        told = list(accumulate(steps, step, initial=self._now))[1:]
        self._now = told[-1]
        volume = np.array([v for v, _ in told])
        pit = PIT_M * self._pit_m2
        flooded = PIT_M + (volume - pit) / self._floor_m2
        return np.where(volume <= pit, volume / self._pit_m2, flooded)
