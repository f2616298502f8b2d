"""Settlement of a loaded layer: Terzaghi's consolidation, the load placed at once or over a time.

    ∂u/∂t = cv ∂²u/∂z²      settlement = mv · q · H · U(Tv),  Tv = cv t / d²
    U(T) = 1 − Σ 2/M² exp(−M² T),  M = π (2 m + 1) / 2

A load that grows steadily until Tc has Olson's solution (J. Geotech. Eng. Div. ASCE 103, 1977).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64

# Terms fall as 1/M⁴ (and faster): thirty leave some 10⁻⁷.
_TERMS: Final = 30
_SQUARES: Final = (np.pi * (2.0 * np.arange(_TERMS) + 1.0) / 2.0) ** 2


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer drained above and below: metres, m²/s, 1/kPa."""

    thickness: float = 20.0
    cv: float = 5e-7
    mv: float = 2e-4

    def time_factor(self, seconds: Float64) -> Float64:
        """Tv after `seconds`; the way to drain is half the layer."""
        return np.asarray(self.cv * seconds / (0.5 * self.thickness) ** 2, np.float64)

    def final(self, load_kpa: float) -> float:
        """Settlement after all time, m."""
        return self.mv * load_kpa * self.thickness


def degree(time_factor: Float64, ramp: float) -> Float64:
    """U of a load that grows from 0 to whole while the time factor grows from 0 to `ramp` > 0.

    0 before the beginning; related to the whole load.
    """
    t = np.maximum(time_factor, 0.0)[..., None]
    placed = np.minimum(t, ramp)
    left = (np.exp(-_SQUARES * (t - placed)) - np.exp(-_SQUARES * t)) / _SQUARES**2
    return np.asarray((placed[..., 0] - 2.0 * left.sum(axis=-1)) / ramp, np.float64)


def settlement(layer: Layer, load_kpa: float, since_s: Float64, placed_s: float) -> Float64:
    """Metres after `since_s` seconds under a load that was placed within `placed_s`."""
    ramp = float(layer.time_factor(np.array(placed_s)))
    return layer.final(load_kpa) * degree(layer.time_factor(since_s), ramp)
