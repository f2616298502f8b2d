"""Closed forms of beams, cables and warmth, for bridges. SI with kN: kN, m, kN·m², K.

    simple span     influence lines of moment and deflection at mid-span
    stayed girder   a long beam on an elastic foundation of cables (Hetényi 1946): what a load at a
                    distance does to sag, moment and cables, and what a cable's loss does
    cable           the taut string: T = 4 m l² f²
    deck            expansion α L ΔT; first frequency of a beam on a foundation

A load's position is metres from the beginning of a simple span, or from the point that answers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64

GRAVITY: Final = 9.81
STEEL_PER_K: Final = 1.2e-5


@dataclass(frozen=True, slots=True)
class SimpleSpan:
    """A girder on two supports: `length` m, bending stiffness `ei` kN·m², `ew` kN·m of moment per
    unit strain of the soffit (E times the section modulus)."""

    length: float
    ei: float
    ew: float

    def moment(self, at: Float64) -> Float64:
        """Moment at mid-span of a load of 1 kN at `at`, kN·m; 0 beside the span."""
        inside = np.minimum(at, self.length - at)
        return np.asarray(0.5 * np.maximum(inside, 0.0), np.float64)

    def sag(self, at: Float64) -> Float64:
        """Deflection at mid-span of a load of 1 kN at `at`, m, down is positive."""
        near = np.maximum(np.minimum(at, self.length - at), 0.0)
        shape = near * (3.0 * self.length**2 - 4.0 * near**2)
        return np.asarray(shape / (48.0 * self.ei), np.float64)

    def strain(self, moment: Float64) -> Float64:
        """Strain of the soffit under a moment, µm/m."""
        return np.asarray(moment / self.ew * 1e6, np.float64)

    def moment_of_lane(self, q: Float64) -> Float64:
        """Moment at mid-span of q kN/m over the whole length: q L² / 8."""
        return np.asarray(q * self.length**2 / 8.0, np.float64)

    def sag_of_lane(self, q: Float64) -> Float64:
        """Deflection at mid-span of q kN/m over the whole length: 5 q L⁴ / 384 E I."""
        return np.asarray(5.0 * q * self.length**4 / (384.0 * self.ei), np.float64)


@dataclass(frozen=True, slots=True)
class StayedGirder:
    """A girder hung on cables every `spacing` m (pairs, one in each plane): `ei` kN·m²; `stiffness`
    of the cables, vertically, kN/m per m of girder; `mass` t/m; `length` m of the main span."""

    length: float
    ei: float
    stiffness: float
    spacing: float
    mass: float

    @property
    def decay(self) -> float:
        """λ = (k / 4 E I)^¼, 1/m: what lies π/λ away is hardly felt."""
        return float((self.stiffness / (4.0 * self.ei)) ** 0.25)

    @property
    def own_share(self) -> float:
        """The share of a load that the pair just above it takes."""
        return self.spacing * self.decay / 2.0

    def sag(self, distance: Float64) -> Float64:
        """Deflection in m, down, of a load of 1 kN at this distance."""
        x = self.decay * np.abs(distance)
        shape = np.exp(-x) * (np.cos(x) + np.sin(x))
        return np.asarray(self.decay / (2.0 * self.stiffness) * shape, np.float64)

    def moment(self, distance: Float64) -> Float64:
        """Moment in kN·m of a load of 1 kN at this distance."""
        x = self.decay * np.abs(distance)
        return np.asarray(np.exp(-x) * (np.cos(x) - np.sin(x)) / (4.0 * self.decay), np.float64)

    def share(self, distance: Float64) -> Float64:
        """What of a load's weight the pair at this distance takes: the foundation's pressure over
        its spacing, so all pairs together take the load."""
        return np.asarray(self.sag(distance) * self.stiffness * self.spacing, np.float64)

    def released(self, carried: float, lost: float) -> float:
        """The load that falls on the girder when a pair that carries `carried` kN loses this share.

        The pair gives up its share of what it carried and of what the new sag would bring it:
        P = s (V + η₀ P), hence P = s V / (1 − s η₀).
        """
        return lost * carried / (1.0 - lost * self.own_share)

    def frequency(self, stiffness: float | Float64 = 1.0, mass: float | Float64 = 0.0) -> Float64:
        """First vertical frequency, Hz, half a wave over the length; the cables' stiffness times
        `stiffness`, the mass more by `mass` t/m."""
        bending = self.ei * (math.pi / self.length) ** 4
        square = (bending + self.stiffness * np.asarray(stiffness)) / (self.mass + np.asarray(mass))
        return np.asarray(np.sqrt(square) / (2.0 * math.pi), np.float64)


def cable_frequency(force: Float64, mass: float, length: float) -> Float64:
    """First frequency of a taut string, Hz: force in kN, mass in kg/m, length in m."""
    return np.asarray(np.sqrt(force * 1000.0 / mass) / (2.0 * length), np.float64)


def cable_force(frequency: Float64, mass: float, length: float) -> Float64:
    """T = 4 m l² f², kN: how a force is measured on a cable in service."""
    return np.asarray(4.0 * mass * (length * frequency) ** 2 / 1000.0, np.float64)


def expansion(length: float, warmer: Float64) -> Float64:
    """α L ΔT of a steel deck, mm."""
    return np.asarray(STEEL_PER_K * length * warmer * 1000.0, np.float64)
