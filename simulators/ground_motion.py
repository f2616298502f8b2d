"""Ground motion of an earthquake at a station, and the intensity that an instrument makes of it.

A point source after Brune (1970) with Boore's stochastic method (1983), SI units:

    |A(f)| = C M₀ (2πf)² / (1 + (f/fc)²) · e^(−πfR/Qβ) · e^(−πκf) / R
    C      = 0.55 · 2 · 0.707 / 4πρβ³;   fc = 0.49 β (Δσ/M₀)^⅓;   lg M₀ = 1.5 M + 9.1

Noise under an envelope is given that spectrum; velocity is its integral. Intensity by the formulas of
GB/T 17742-2020, Appendix A (from memory, not the official text), bounded to 1 … 12, of the peaks of
what a band of 0.1 to 10 Hz leaves (its A.5): what shakes faster is a lorry or a blast, not a building.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64

DENSITY: Final = 2800.0
SHEAR_M_S: Final = 3500.0
STRESS_PA: Final = 1e7
QUALITY: Final = 300.0
KAPPA_S: Final = 0.035
RATE_HZ: Final = 100.0
LOW_HZ: Final = 0.1  # below, an accelerograph's velocity is drift: left out
#: The upper end of the band of which intensity is made, and the order of the filter (engineering).
HIGH_HZ: Final = 10.0
ORDER: Final = 4


def moment(magnitude: float) -> float:
    """M₀ in N·m (Hanks and Kanamori 1979)."""
    return float(10.0 ** (1.5 * magnitude + 9.1))


def corner(magnitude: float) -> float:
    """The corner frequency, Hz."""
    return float(0.49 * SHEAR_M_S * (STRESS_PA / moment(magnitude)) ** (1.0 / 3.0))


def spectrum(magnitude: float, distance_m: float, frequency: Float64) -> Float64:
    """Fourier amplitude of acceleration at a station, m/s."""
    constant = 0.55 * 2.0 * 0.707 / (4.0 * math.pi * DENSITY * SHEAR_M_S**3)
    source = (2.0 * np.pi * frequency) ** 2 / (1.0 + (frequency / corner(magnitude)) ** 2)
    path = np.exp(-np.pi * frequency * distance_m / (QUALITY * SHEAR_M_S)) / distance_m
    near = np.exp(-np.pi * KAPPA_S * frequency)
    return np.asarray(constant * moment(magnitude) * source * path * near, np.float64)


@dataclass(frozen=True, slots=True)
class Motion:
    """Acceleration and velocity at a station, m/s² and m/s, every 1/RATE_HZ s from the S wave on; and
    both as the band of the intensity leaves them."""

    acceleration: Float64
    velocity: Float64
    banded_acceleration: Float64
    banded_velocity: Float64

    @property
    def pga(self) -> float:
        """Peak acceleration, m/s²."""
        return float(np.abs(self.acceleration).max())

    @property
    def pgv(self) -> float:
        """Peak velocity, m/s."""
        return float(np.abs(self.velocity).max())


def motion(magnitude: float, distance_m: float, dice: np.random.Generator) -> Motion:
    """One realisation: it shakes for 1/fc + 0.05 s a kilometre, envelope after Saragoni and Hart."""
    lasts = 1.0 / corner(magnitude) + 5e-5 * distance_m
    count = 1 << math.ceil(math.log2(max(8.0, 2.5 * lasts) * RATE_HZ))
    time = np.arange(count) / RATE_HZ
    noise = dice.standard_normal(count) * _envelope(time, lasts)
    frequency = np.asarray(np.fft.rfftfreq(count, 1.0 / RATE_HZ), np.float64)
    drawn = np.fft.rfft(noise) / RATE_HZ
    # Mean power 1, so that the record has the spectrum's energy and keeps its own shape.
    drawn = drawn / math.sqrt(float(np.mean(np.abs(drawn) ** 2)))
    drawn = drawn * spectrum(magnitude, distance_m, frequency) * (frequency >= LOW_HZ)
    moved = integrated(drawn, frequency)
    left = passed(frequency)
    return Motion(*(_back(of, count) for of in (drawn, moved, drawn * left, moved * left)))


def passed(frequency: Float64 | float) -> Float64:
    """The share of an amplitude that is left above the band's upper end (Butterworth, zero phase)."""
    faster = (np.asarray(frequency, np.float64) / HIGH_HZ) ** (2 * ORDER)
    return np.asarray(1.0 / np.sqrt(1.0 + faster), np.float64)


def integrated(transform: np.ndarray, frequency: Float64) -> np.ndarray:
    """The transform of the integral; nothing at rest."""
    turning = 2j * np.pi * np.where(frequency > 0.0, frequency, 1.0)
    return np.asarray(np.where(frequency > 0.0, transform / turning, 0.0))


def _back(transform: np.ndarray, count: int) -> Float64:
    return np.asarray(np.fft.irfft(transform * RATE_HZ, count), np.float64)


def _envelope(time: Float64, lasts: float) -> Float64:
    """t^b e^(−ct): top at a fifth of the duration, a twentieth of it at the end (Boore 1983)."""
    b = -0.2 * math.log(0.05) / (1.0 + 0.2 * (math.log(0.2) - 1.0))
    x = time / (0.2 * lasts)
    return np.asarray((x * np.exp(1.0 - x)) ** b, np.float64)


def intensity(pga: Float64 | float, pgv: Float64 | float) -> Float64:
    """Instrumental intensity of peak acceleration (m/s²) and velocity (m/s) of the band.

    I_A = 3.17 lg a + 6.59, I_V = 3.00 lg v + 9.77; where both are 6 or more it is I_V, else their
    mean; 1 to 12, to a tenth.
    """
    by_a = 3.17 * np.log10(np.maximum(pga, 1e-9)) + 6.59
    by_v = 3.00 * np.log10(np.maximum(pgv, 1e-9)) + 9.77
    both = np.where((by_a >= 6.0) & (by_v >= 6.0), by_v, (by_a + by_v) / 2.0)
    return np.asarray(np.round(np.clip(both, 1.0, 12.0), 1), np.float64)
