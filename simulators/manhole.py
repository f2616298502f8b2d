"""Gas released into a ventilated manhole: a hole in a pipe, a well-mixed box, a lid and the wind.

The box (well-mixed, constant pressure; methane volume fraction C):

    V dC/dt = Q_leak (1 − C) − Q_vent C

has, for constant flows, the exact solution C(t) = C∞ + (C0 − C∞) exp(−(Q_leak + Q_vent) t / V)
with C∞ = Q_leak / (Q_leak + Q_vent); flows are held within a step, so no step size can make it
unstable. Units: m3/s, m3, m2, kPa gauge, volume fraction.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from lifeline.engine.frame import Float64

from .recurrence import decay, linear_recurrence

# Methane: molar mass kg/mol and ratio of specific heats at 20 °C (NIST WebBook).
MOLAR_MASS: Final = 0.01604
GAMMA: Final = 1.31
GAS_CONSTANT: Final = 8.314
TEMPERATURE_K: Final = 288.15
ATMOSPHERE_PA: Final = 101_325.0
# Sharp-edged hole in a thin wall, textbook value.
DISCHARGE: Final = 0.62
LEL_PERCENT_VOL: Final = 5.0  # methane, the basis of city-gas practice
OXYGEN_PERCENT_VOL: Final = 20.9


def orifice_flow(area_m2: npt.ArrayLike, gauge_kpa: npt.ArrayLike) -> Float64:
    """Methane through a hole to the atmosphere, m3/s at ambient conditions.

    Isentropic nozzle flow times a discharge coefficient: choked above a pressure ratio of
    ((γ+1)/2)^(γ/(γ−1)) ≈ 1.84, subsonic below; 0 at or below ambient pressure.
    """
    upstream = ATMOSPHERE_PA + 1000.0 * np.maximum(np.asarray(gauge_kpa, np.float64), 0.0)
    critical = (2.0 / (GAMMA + 1.0)) ** (GAMMA / (GAMMA - 1.0))
    ratio = np.maximum(ATMOSPHERE_PA / upstream, critical)
    density_up = upstream * MOLAR_MASS / (GAS_CONSTANT * TEMPERATURE_K)
    expansion = ratio ** (2.0 / GAMMA) - ratio ** ((GAMMA + 1.0) / GAMMA)
    flux = np.sqrt(2.0 * GAMMA / (GAMMA - 1.0) * upstream * density_up * np.maximum(expansion, 0.0))
    density_out = ATMOSPHERE_PA * MOLAR_MASS / (GAS_CONSTANT * TEMPERATURE_K)
    return np.asarray(DISCHARGE * np.asarray(area_m2, np.float64) * flux / density_out, np.float64)


def ventilation_flow(
    wind_m_s: npt.ArrayLike, lid_open: npt.ArrayLike, blower_m3_s: npt.ArrayLike
) -> Float64:
    """Air exchanged with the street, m3/s.

    The pick holes of a closed lid pass about one cubic metre an hour in still air and more with
    wind; an open lid some hundred times that; a crew's blower adds its own. The coefficients are
    engineering defaults, chosen for a brick valve chamber.
    """
    wind = np.asarray(wind_m_s, np.float64)
    opened = np.asarray(lid_open, np.float64)
    closed_lid = 0.0003 + 0.0002 * wind
    return np.asarray(closed_lid + opened * 0.03 + np.asarray(blower_m3_s), np.float64)


def steady_fraction(leak_m3_s: float, vent_m3_s: float) -> float:
    """C∞ = Q_leak / (Q_leak + Q_vent); 0 where nothing flows."""
    total = leak_m3_s + vent_m3_s
    return leak_m3_s / total if total > 0.0 else 0.0


class Manhole:
    """The box: its volume and the methane fraction in it now."""

    def __init__(self, volume_m3: float, fraction: float = 0.0) -> None:
        self.volume_m3 = volume_m3
        self.fraction = fraction

    def advance(self, leak_m3_s: Float64, vent_m3_s: Float64, step_s: float) -> Float64:
        """The methane fraction after each of these steps; the last one is kept."""
        total = leak_m3_s + vent_m3_s
        steady = np.divide(leak_m3_s, total, out=np.zeros_like(total), where=total > 0.0)
        keep = decay(total / self.volume_m3, step_s)
        fractions = linear_recurrence(self.fraction, keep, (1.0 - keep) * steady)
        if len(fractions):
            self.fraction = float(fractions[-1])
        return fractions


def leak_for(fraction: float, after_s: float, volume_m3: float, vent_m3_s: float) -> float:
    """The constant leak (m3/s) that brings a clean box to `fraction` in `after_s` seconds.

    Bisection on the exact solution; 0 < fraction < 1.
    """
    low, high = 0.0, 1.0
    for _ in range(60):
        leak = 0.5 * (low + high)
        total = leak + vent_m3_s
        reached = leak / total * (1.0 - float(np.exp(-total * after_s / volume_m3)))
        low, high = (leak, high) if reached < fraction else (low, leak)
    return 0.5 * (low + high)
