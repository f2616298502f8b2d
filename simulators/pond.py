"""The pond of a tailings dam: what runs in, what the decant tower lets out, what that does to the beach.

    dV/dt = runoff + rain on the water + water of the slurry − decant − evaporation − seepage
    runoff: a linear store of the catchment; decant: a weir, C b h^1.5 (SL 265, sharp crested)
    A(z) = A₀ + W/s (z − sill) for a shore of W metres and a beach of slope s

Levels are metres above datum.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PondShape:
    """The form of a pond and what flows. Areas m², lengths m, flows m³/s."""

    sill: float = 149.74
    crest: float = 153.5
    beach_slope: float = 0.02
    shore: float = 300.0
    area_at_sill: float = 45_000.0
    catchment: float = 640_000.0
    runoff: float = 0.7
    concentration_s: float = 5400.0
    slurry: float = 0.05
    weir: float = 1.7 * 0.22
    emergency: float = 1.7 * 0.6

    @property
    def widening(self) -> float:
        """Square metres of water for each metre that the pond rises."""
        return self.shore / self.beach_slope

    def area(self, head: float) -> float:
        """Surface, m², at `head` metres above the sill."""
        return self.area_at_sill + self.widening * head

    def volume(self, head: float) -> float:
        """Water above the sill, m³."""
        return self.area_at_sill * head + 0.5 * self.widening * head * head

    def head(self, volume: float) -> float:
        """The head that has this volume: the inverse of `volume`."""
        a, w = self.area_at_sill, self.widening
        return 2.0 * volume / (math.sqrt(a * a + 2.0 * w * volume) + a)

    def beach(self, level: float) -> float:
        """Metres of dry beach before the crest."""
        return max(0.0, (self.crest - level) / self.beach_slope)


def weir_head(flow: float, weir: float) -> float:
    """The head at which a weir C b = `weir` lets `flow` through: (q / C b)^(2/3)."""
    return float((flow / weir) ** (2.0 / 3.0))


class Pond:
    """A pond and its catchment; begins where the slurry's water runs through the tower."""

    def __init__(self, shape: PondShape) -> None:
        self.shape = shape
        self.volume = shape.volume(weir_head(shape.slurry, shape.weir))
        self._wet = 0.0  # m³ on the way from the slopes

    @property
    def level(self) -> float:
        """Metres above datum."""
        return self.shape.sill + self.shape.head(self.volume)

    @property
    def held(self) -> float:
        """Water in the pond and on its way to it, m³."""
        return self.volume + self._wet

    def step(
        self,
        step_s: float,
        rain_m_s: float,
        evaporation_m_s: float = 0.0,
        seepage: float = 0.0,
        blocked: float = 0.0,
        emergency: bool = False,
    ) -> float:
        """One step with constant rain; returns what left through tower and spillway, m³.

        `blocked` is the share of the tower's openings that is stopped up. Above the crest the pond
        runs over it, all that comes.
        """
        shape = self.shape
        keep = math.exp(-step_s / shape.concentration_s)
        gained = rain_m_s * shape.catchment * shape.runoff * step_s
        before = self._wet
        arrives = rain_m_s * shape.catchment * shape.runoff * shape.concentration_s
        self._wet = before * keep + arrives * (1.0 - keep)
        runoff = (before + gained - self._wet) / step_s
        weir = shape.weir * (1.0 - blocked) + (shape.emergency if emergency else 0.0)

        def into(head: float) -> float:
            return runoff + shape.slurry - seepage + (rain_m_s - evaporation_m_s) * shape.area(head)

        # Heun's rule without negative volumes: two looks at the weir.
        head = shape.head(self.volume)
        out = weir * head**1.5
        guess = max(0.0, self.volume + (into(head) - out) * step_s)
        later = shape.head(guess)
        out = 0.5 * (out + weir * later**1.5)
        volume = self.volume + (0.5 * (into(head) + into(later)) - out) * step_s
        most = shape.volume(shape.crest - shape.sill)
        over = max(0.0, volume - most)
        self.volume = max(0.0, volume - over)
        return float(out * step_s + over)
