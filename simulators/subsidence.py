"""How ground sinks beside a pit and about a well; under a load: `consolidation`.

s(t)       = t / (a + b t): a = 1 / first speed, b = 1 / final settlement    the hyperbola
drawdown   = Q / (4 π T) W(u),  u = r² S / (4 T t)                           Theis (1935)
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from lifeline.engine.frame import Float64


def hyperbola(days: npt.ArrayLike, final: float, first_per_day: float) -> Float64:
    """t / (a + b t), which strives for `final` from a first speed; 0 before its begin."""
    late = np.maximum(np.asarray(days, np.float64), 0.0)
    return np.asarray(late / (1.0 / first_per_day + late / final), np.float64)


def well_function(u: npt.ArrayLike) -> Float64:
    """W(u) = ∫ e^(−x)/x dx from u, by Abramowitz and Stegun 5.1.53 and 5.1.56 (5 × 10⁻⁵ relative)."""
    at = np.maximum(np.asarray(u, np.float64), 1e-300)
    small = np.minimum(at, 1.0)
    near = np.polynomial.polynomial.polyval(
        small, [-0.57721566, 0.99999193, -0.24991055, 0.05519968, -0.00976004, 0.00107857]
    ) - np.log(small)
    large = np.minimum(np.maximum(at, 1.0), 700.0)
    over = np.polynomial.polynomial.polyval(
        large, [0.2677737343, 8.6347608925, 18.0590169730, 8.5733287401, 1.0]
    )
    under = np.polynomial.polynomial.polyval(
        large, [3.9584969228, 21.0996530827, 25.6329561486, 9.5733223454, 1.0]
    )
    far = np.exp(-large) / large * over / under
    return np.asarray(np.where(at <= 1.0, near, far), np.float64)


def drawdown(
    seconds: npt.ArrayLike, m3_s: float, away_m: float, transmissivity: float, storage: float
) -> Float64:
    """How far a well lowers the water `away_m` from it, m; `seconds` after it begins to pump."""
    late = np.asarray(seconds, np.float64)
    u = away_m**2 * storage / (4.0 * transmissivity * np.maximum(late, 1e-3))
    fallen = m3_s / (4.0 * math.pi * transmissivity) * well_function(u)
    return np.where(late > 0.0, fallen, 0.0)
