"""The phreatic line in a dam: Boussinesq's equation in one dimension, in strips side by side.

    Sy ∂h/∂t = ∂/∂x (K h ∂h/∂x) + N − drained

from the edge of the pond, over the beach, to a drain at the toe. Finite volumes: between two cells
flows K (h₁ + h₂)/2 · (h₁ − h₂)/Δx = K (h₁² − h₂²) / 2Δx, so what stands still is Dupuit's parabola
to rounding. Steps are implicit with the mean head of the step before, stable at any length.
The beach between the pond's edge and the first cell stores nothing: it is a resistance that grows
and shrinks with the pond. Sources: Dupuit 1863, Boussinesq 1904; Bear, Dynamics of Fluids in
Porous Media, 1972, chapter 8.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64

CELLS: Final = 20


@dataclass(frozen=True, slots=True)
class Strip:
    """A dam from crest to toe drain, and the head of its drain, m above the impervious base.

    `conductivity` is K in m/s, `specific_yield` Sy, `beach_factor` how much less the beach
    conducts than the dam: a metre of beach resists as so many metres of dam.
    """

    length: float = 200.0
    conductivity: float = 2e-5
    specific_yield: float = 0.08
    beach_factor: float = 2.5
    toe_head: float = 1.5


def dupuit_flow(conductivity: float, upstream: float, downstream: float, length: float) -> float:
    """Dupuit's seepage per metre of dam, K (H₁² − H₂²) / 2L, m²/s."""
    return conductivity * (upstream**2 - downstream**2) / (2.0 * length)


def dupuit_head(
    x: Float64, conductivity: float, upstream: float, downstream: float, length: float, rain: float
) -> Float64:
    """Dupuit's parabola with a constant recharge `rain` (m/s): the head at `x` from upstream."""
    square = upstream**2 - (upstream**2 - downstream**2) * x / length
    return np.asarray(np.sqrt(square + rain / conductivity * x * (length - x)), np.float64)


class Phreatic:
    """The heads of `strips` equal dams side by side, whose conductivities differ by `spread`."""

    def __init__(self, strip: Strip, strips: int, spread: float = 0.0) -> None:
        from scipy.linalg.lapack import dgtsv  # type: ignore[import-untyped]

        self._dgtsv = dgtsv
        self.strip = strip
        self.dx = strip.length / CELLS
        # Metres from the crest of the cells' middles.
        self.x: Float64 = np.asarray((np.arange(CELLS) + 0.5) * self.dx, np.float64)
        side = np.linspace(-spread, spread, strips) if strips > 1 else np.zeros(1)
        self.conductivity = np.repeat(strip.conductivity * (1.0 + side), CELLS)
        self.head = np.full(strips * CELLS, strip.toe_head)
        self._link = np.ones(strips * CELLS - 1)
        self._link[CELLS - 1 :: CELLS] = 0.0
        self._first = slice(0, None, CELLS)
        self._last = slice(CELLS - 1, None, CELLS)

    def settle(self, pond: float, beach: float) -> None:
        """Sets the heads to Dupuit's parabola for this pond (m above base) and beach (m)."""
        before = beach * self.strip.beach_factor
        length = before + self.strip.length
        line = dupuit_head(before + self.x, 1.0, pond, self.strip.toe_head, length, 0.0)
        self.head = np.tile(line, len(self.head) // CELLS)

    def step(
        self,
        step_s: float,
        pond: float,
        beach: float,
        recharge: Float64,
        drain: tuple[float, Float64] | None = None,
        clogged: float = 0.0,
    ) -> tuple[Float64, Float64]:
        """One step; returns what leaves each strip, m²/s: at the toe, and through `drain`.

        `recharge` is m/s by cell; `drain` (rate 1/s, heads) lowers what stands above its heads;
        `clogged` is how many metres of dam the toe drain resists besides.
        """
        h, k, dx = self.head, self.conductivity, self.dx
        flow = np.zeros(len(h) + 1)
        flow[1:-1] = k[1:] * 0.5 * (h[1:] + h[:-1]) / dx * self._link
        inlet = k[self._first] * 0.5 * (pond + h[self._first])
        inlet = inlet / (beach * self.strip.beach_factor + 0.5 * dx)
        toe = self.strip.toe_head
        outlet = k[self._last] * 0.5 * (toe + h[self._last]) / (0.5 * dx + clogged)
        store = self.strip.specific_yield * dx / step_s
        diagonal = store + flow[1:] + flow[:-1]
        known = store * h + recharge * dx
        diagonal[self._first] += inlet
        known[self._first] += inlet * pond
        diagonal[self._last] += outlet
        known[self._last] += outlet * toe
        pull = None
        if drain is not None:
            pull = self.strip.specific_yield * dx * drain[0] * (h > drain[1])
            diagonal += pull
            known += pull * drain[1]
        off = -flow[1:-1]
        self.head = self._dgtsv(off, diagonal, off, known)[3]
        left = outlet * (self.head[self._last] - toe)
        if drain is None or pull is None:
            return left, np.zeros(len(left))
        return left, (pull * (self.head - drain[1])).reshape(-1, CELLS).sum(axis=1)

    def stored(self) -> Float64:
        """Water above the base that would drain, m² (m³ per metre) of each strip."""
        volume = self.strip.specific_yield * self.dx * self.head
        return np.asarray(volume.reshape(-1, CELLS).sum(axis=1), np.float64)


def reading(x: Float64, at: Float64) -> Float64:
    """Weights (points x cells) that read heads between the middles of cells by straight lines."""
    weights = np.zeros((len(at), len(x)))
    for row, place in enumerate(at.tolist()):
        right = int(np.clip(np.searchsorted(x, place), 1, len(x) - 1))
        share = (place - x[right - 1]) / (x[right] - x[right - 1])
        weights[row, right - 1 : right + 1] = 1.0 - share, share
    return weights
