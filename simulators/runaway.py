"""A product that heats itself: Arrhenius, Semenov, and the time until it runs away.

    dx/dt = a exp(−θ/T) (1 − x)        share of the monomer that has reacted
    dT/dt = (H/c) dx/dt − (T − T_a)/τ  for a well-mixed tank that cools towards T_a

Without cooling the time to the maximum rate is about T₀²/θ ÷ (dT/dt)₀ (Semenov 1928; Townsend and
Tou, Thermochim. Acta 37, 1980), an error of some 2 T₀/θ; with it the tank finds a rest where
(dT/dt)₀ τ θ/T_a² < 1/e, and none above. Temperatures in K.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

# The warmest that a step may let the tank become before it looks at the rate again.
_STEP_K: Final = 0.25
ZERO_C: Final = 273.15
# What is left then is locked in the polymer.
SET_SHARE: Final = 0.99


@dataclass(frozen=True, slots=True)
class Reaction:
    """`rate` per second at `at_k`, `theta` = E/R in K, `heat` J/kg and `heat_capacity` J/kgK."""

    rate: float
    at_k: float
    theta: float
    heat: float
    heat_capacity: float

    def conversion_rate(self, kelvin: float, faster: float = 1.0) -> float:
        """Share of the monomer per second, before any has reacted."""
        return faster * self.rate * math.exp(self.theta * (1.0 / self.at_k - 1.0 / kelvin))

    def self_heating(self, kelvin: float, faster: float = 1.0) -> float:
        """K/s without heat exchange."""
        return self.heat / self.heat_capacity * self.conversion_rate(kelvin, faster)

    def time_to_maximum_rate(self, kelvin: float, faster: float = 1.0) -> float:
        """Seconds, by Semenov's expression for a tank that exchanges no heat."""
        return kelvin**2 / self.theta / self.self_heating(kelvin, faster)

    def time_between(self, from_k: float, to_k: float, faster: float = 1.0) -> float:
        """Seconds from one temperature to another without heat exchange and with monomer enough,
        exact: ∫ exp(θ/T) dT = T exp(θ/T) − θ Ei(θ/T)."""
        from scipy.special import expi  # type: ignore[import-untyped]

        def primitive(kelvin: float) -> float:
            x = self.theta / kelvin
            return kelvin * math.exp(x) - self.theta * float(expi(x))

        scale = self.self_heating(from_k, faster) * math.exp(self.theta / from_k)
        return (primitive(to_k) - primitive(from_k)) / scale


# Thermal polymerisation of styrene: some 0.1 % an hour at 60 °C and 2 % at 100 °C (Boundy and Boyer,
# Styrene, 1952, as quoted by makers' handling guides), 682 kJ/kg; all engineering defaults.
STYRENE: Final = Reaction(0.001 / 3600.0, 333.15, 9540.0, 6.82e5, 1750.0)


@dataclass(frozen=True, slots=True)
class Heated:
    """A tank's temperature and what share of it has reacted."""

    kelvin: float
    reacted: float = 0.0


def heat_up(
    reaction: Reaction,
    state: Heated,
    step_s: float,
    faster: float,
    pull: float = 0.0,
    towards_k: float = 0.0,
    drive: float = 0.0,
) -> Heated:
    """`step_s` seconds on; `pull` is 1/τ of the heat exchange towards `towards_k`, `drive` K/s
    beside. The step is divided so that no part warms by more than a quarter of a degree."""
    kelvin, reacted, left = state.kelvin, state.reacted, step_s
    while left > 0.0:
        quick = reaction.conversion_rate(kelvin, faster) if reacted < SET_SHARE else 0.0
        rate = quick * (1.0 - reacted)
        hot = reaction.heat / reaction.heat_capacity * rate
        slope = hot + pull * (towards_k - kelvin) + drive
        part = min(left, _STEP_K / max(abs(slope), 1e-12), 0.1 / max(quick, 1e-12))
        # Midpoint: the rate of half a part later.
        middle = kelvin + 0.5 * part * slope
        if quick > 0.0:
            rate = reaction.conversion_rate(middle, faster) * (1.0 - reacted - 0.5 * part * rate)
        hot = reaction.heat / reaction.heat_capacity * rate
        kelvin += part * (hot + pull * (towards_k - middle) + drive)
        reacted = min(1.0, reacted + part * rate)
        left -= part
    return Heated(kelvin, reacted)
