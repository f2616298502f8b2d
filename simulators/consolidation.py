"""Consolidation of clay by Terzaghi, the load put on at once or evenly over a time.

U(Tv)      = 1 − Σ 2/M² e^(−M² Tv),  M = π (2m + 1)/2,  Tv = cv t / H²      load put on at once
U(Tv, Tc)  Olson (J. Geotech. Eng. Div. ASCE 103, 1977): load put on evenly until Tc, as a share of
           the whole load
settlement = mv q · thickness · U
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from lifeline.engine.frame import Float64

# A ramp's terms fall as 1/M⁴: sixty leave 3 × 10⁻⁸ over Tc.
TERMS: Final = 60


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer drained above and below: metres, m²/s, 1/kPa."""

    thickness: float = 20.0
    cv: float = 5e-7
    mv: float = 2e-4

    def time_factor(self, seconds: npt.ArrayLike) -> Float64:
        """Tv after `seconds`; the way to drain is half the layer."""
        late = np.asarray(seconds, np.float64)
        return np.asarray(self.cv * late / (0.5 * self.thickness) ** 2, np.float64)

    def final(self, load_kpa: float) -> float:
        """Settlement after all time, m."""
        return self.mv * load_kpa * self.thickness


def degree(factor: npt.ArrayLike) -> Float64:
    """U at a time factor; 0 before the load. Early, where the series is slow: 2 √(Tv / π)."""
    late = np.maximum(np.asarray(factor, np.float64), 0.0)
    left = np.zeros_like(late)
    for m in range(TERMS):
        root = math.pi * (2 * m + 1) / 2.0
        left = left + 2.0 / root**2 * np.exp(-(root**2) * late)
    early = 2.0 * np.sqrt(late / math.pi)
    return np.asarray(np.where(late < 0.01, early, 1.0 - left), np.float64)


def degree_of_ramp(factor: npt.ArrayLike, built: float) -> Float64:
    """U where the load grows evenly until the time factor `built`, of the settlement of all of it."""
    if built <= 0.0:
        return degree(factor)
    now = np.maximum(np.asarray(factor, np.float64), 0.0)
    loading = np.minimum(now, built)
    since = now - loading
    lag = np.zeros_like(now)
    for m in range(TERMS):
        root2 = (math.pi * (2 * m + 1) / 2.0) ** 2
        lag = lag + 2.0 / root2**2 * (np.exp(-root2 * since) - np.exp(-root2 * now))
    return np.asarray((loading - lag) / built, np.float64)


def settlement(layer: Layer, load_kpa: float, since_s: npt.ArrayLike, placed_s: float) -> Float64:
    """Metres after `since_s` seconds under a load that was placed within `placed_s`."""
    built = float(layer.time_factor(placed_s))
    return layer.final(load_kpa) * degree_of_ramp(layer.time_factor(since_s), built)
