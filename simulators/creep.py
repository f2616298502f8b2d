"""Creep to failure after Voight: dv/dt = A v^α.

    v(t) = v₀ (1 − t/T)^(−1/(α−1)),   T = v₀^(1−α) / (A (α−1))

With α = 2 the inverse of the speed falls along a straight line to zero at the time of failure T
(Fukuzono 1985; Voight, Nature 332, 1988). Any one unit of time and length.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from lifeline.engine.frame import Float64


@dataclass(frozen=True, slots=True)
class Voight:
    """Creep that begins with `speed` and fails after `failure`; `alpha` > 1."""

    speed: float
    failure: float
    alpha: float = 2.0

    @property
    def a(self) -> float:
        """The A of the law."""
        return math.pow(self.speed, 1.0 - self.alpha) / ((self.alpha - 1.0) * self.failure)

    def velocity(self, t: Float64) -> Float64:
        """Speed at `t` < `failure`."""
        left = 1.0 - t / self.failure
        return np.asarray(self.speed * left ** (-1.0 / (self.alpha - 1.0)), np.float64)

    def moved(self, t: Float64) -> Float64:
        """What it has moved between 0 and `t` < `failure`."""
        left, beta = 1.0 - t / self.failure, 1.0 / (self.alpha - 1.0)
        if beta == 1.0:
            return np.asarray(-self.speed * self.failure * np.log(left), np.float64)
        grown = (1.0 - left ** (1.0 - beta)) / (1.0 - beta)
        return np.asarray(self.speed * self.failure * grown, np.float64)
