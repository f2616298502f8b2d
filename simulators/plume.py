"""What evaporates from a pool in a bund, and where the wind carries it.

Pool: k = 0.0048 u^(7/9) d^(−1/9) Sc^(−2/3), mass flux k p_v M / R T (Mackay and Matsugu 1973).
Plume: Gaussian with reflection at the ground, Briggs' widths over open country in neutral air, the
pool's own width by a virtual distance upwind. Good from a few metres beyond the pool; no heavy-gas
slumping, no buildings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64

GAS_CONSTANT: Final = 8.314
SCHMIDT: Final = 1.5
CALM_M_S: Final = 0.5  # air that stands still moves all the same
DETECTOR_M: Final = 0.5  # above the ground


@dataclass(frozen=True, slots=True)
class Vapour:
    """Molar mass kg/mol, vapour pressure kPa at 20 °C, its warmth (K) of a tenfold rise, kg/m³ of
    the liquid, and the lower explosive limit as volume fraction (0: none that matters)."""

    molar_mass: float
    pressure_kpa: float
    decade_k: float
    density: float
    lel: float

    def pressure_at(self, celsius: float) -> float:
        """kPa: an exponential through 20 °C, at most an atmosphere."""
        return min(101.0, self.pressure_kpa * math.pow(10.0, (celsius - 20.0) / self.decade_k))


def evaporation(vapour: Vapour, celsius: float, wind: float, diameter: float) -> float:
    """kg/m²s from a pool of this diameter."""
    wind = max(wind, CALM_M_S)
    k = 0.0048 * wind ** (7.0 / 9.0) * max(diameter, 0.1) ** (-1.0 / 9.0) * SCHMIDT ** (-2.0 / 3.0)
    pressure = 1000.0 * vapour.pressure_at(celsius)
    return float(k * pressure * vapour.molar_mass / (GAS_CONSTANT * (celsius + 273.15)))


def widths(x: Float64) -> tuple[Float64, Float64]:
    """σ across and upward, m, at `x` > 0 metres downwind (Briggs, open country, class D)."""
    across = 0.08 * x / np.sqrt(1.0 + 0.0001 * x)
    upward = 0.06 * x / np.sqrt(1.0 + 0.0015 * x)
    return np.asarray(across, np.float64), np.asarray(upward, np.float64)


def concentration(
    source_kg_s: Float64,
    radius: Float64 | float,
    wind: Float64,
    downwind: Float64,
    crosswind: Float64,
    height: Float64 | float = DETECTOR_M,
) -> Float64:
    """kg/m³ at places `downwind` and `crosswind` of the pool's middle; 0 upwind of the pool."""
    virtual = np.maximum(radius, 0.5) / (2.15 * 0.08)
    x = downwind + virtual
    across, upward = widths(np.maximum(x, 0.1 * virtual))
    spread = np.exp(-0.5 * (crosswind / across) ** 2 - 0.5 * (height / upward) ** 2)
    speed = np.maximum(wind, CALM_M_S)
    found = source_kg_s / (math.pi * speed * across * upward) * spread
    return np.asarray(np.where(downwind > -radius, found, 0.0), np.float64)


def carried(east: float, north: float, whence_deg: Float64) -> tuple[Float64, Float64]:
    """(downwind, crosswind) of a place so far east and north of a source."""
    angle = np.radians(whence_deg)
    # Wind from `whence` blows towards (−sin, −cos).
    along = -(east * np.sin(angle) + north * np.cos(angle))
    beside = east * np.cos(angle) - north * np.sin(angle)
    return np.asarray(along, np.float64), np.asarray(beside, np.float64)


class Pool:
    """Liquid in a bund: spreads to a centimetre's depth, as far as the bund goes, and evaporates."""

    def __init__(self, vapour: Vapour, bund_m2: float, boils: float = 0.0) -> None:
        self._vapour, self._bund_m2, self._boils = vapour, bund_m2, boils
        self.kg = 0.0

    @property
    def area(self) -> float:
        """Wet floor, m²."""
        return min(self._bund_m2, self.kg / self._vapour.density / 0.01)

    @property
    def radius(self) -> float:
        """Of a round pool of that area, m."""
        return math.sqrt(self.area / math.pi)

    def step(self, step_s: float, spilt_kg: float, celsius: float, wind: float) -> float:
        """kg/s that evaporate meanwhile; a liquid that boils loses `boils` kg/m²s to the floor."""
        self.kg += spilt_kg
        area = self.area
        if area <= 0.0:
            return 0.0
        flux = self._boils or evaporation(self._vapour, celsius, wind, 2.0 * self.radius)
        # What evaporates is exponential in time, so that a thin pool dries and never turns negative.
        left = self.kg * math.exp(-flux * area * step_s / self.kg)
        gone = self.kg - left
        self.kg = left if left > 1e-6 else 0.0
        return gone / step_s
