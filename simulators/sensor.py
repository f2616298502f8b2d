"""What an instrument makes of the truth: lag, noise, drift, saturation, range, resolution.

A transmitter sees the true value through a first-order lag (T90 = τ ln 10), adds noise and a slow
drift, and prints a number of finite resolution within its range. A catalytic bead above its range
is pegged: it prints one fixed number until the gas is back in range. All in the plant's unit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lifeline.engine.frame import Float64

from .recurrence import relax

LN_10 = math.log(10.0)


@dataclass(frozen=True, slots=True)
class Instrument:
    """The data sheet. `noise` is one σ; `peg` is printed beyond `high` (None: clips at `high`)."""

    low: float
    high: float
    resolution: float
    noise: float = 0.0
    t90_s: float = 0.0
    drift_per_day: float = 0.0
    peg: float | None = None

    @property
    def decimals(self) -> int:
        """Digits after the point that the resolution needs."""
        return max(0, math.ceil(-math.log10(self.resolution) - 1e-9))


class Transmitter:
    """One instrument in service: the data sheet, its own noise and the state of its lag."""

    def __init__(self, instrument: Instrument, generator: np.random.Generator) -> None:
        self.instrument = instrument
        self._generator = generator
        self._held: float | None = None
        self._steps = 0

    def read(self, truth: Float64, step_s: float) -> Float64:
        """What it prints at each step; lag, noise and drift go on from the last call."""
        seen = self._lagged(truth, step_s)
        age = step_s * np.arange(self._steps + 1, self._steps + len(truth) + 1)
        self._steps += len(truth)
        noise = self._generator.standard_normal(len(truth)) * self.instrument.noise
        return self._printed(seen + noise + self.instrument.drift_per_day * (age / 86_400.0))

    def _lagged(self, truth: Float64, step_s: float) -> Float64:
        if self.instrument.t90_s <= 0.0 or not len(truth):
            return truth
        held = float(truth[0]) if self._held is None else self._held
        lagged = relax(held, truth, self.instrument.t90_s / LN_10, step_s)
        self._held = float(lagged[-1])
        return lagged

    def _printed(self, value: Float64) -> Float64:
        sheet = self.instrument
        top = sheet.high if sheet.peg is None else sheet.peg
        limited = np.where(value > sheet.high, top, np.maximum(value, sheet.low))
        steps = np.round(limited / sheet.resolution) * sheet.resolution
        return np.asarray(np.round(steps, sheet.decimals), np.float64)
