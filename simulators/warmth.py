"""Temperatures of a structure that follow air and sun with a lag, ready at any moment of a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64, Int64
from lifeline.engine.limits import MINUTE_NS, SECOND_NS

from .recurrence import relax
from .weather import Weather

NODE_NS: Final = 10 * MINUTE_NS
WARM_UP_NODES: Final = 4 * 144
SUN_WARMS_K: Final = 0.012  # of steel above the air, per W/m²
DECK_S: Final = 6 * 3600.0
CABLE_S: Final = 2400.0


@dataclass(slots=True)
class Warmth:
    """Temperatures of deck and cables at nodes of ten minutes, made as far as they are asked for."""

    weather: Weather
    start_ns: int
    _first: int = 0
    _deck: Float64 = field(default_factory=lambda: np.zeros(0))
    _cable: Float64 = field(default_factory=lambda: np.zeros(0))
    _sun: Float64 = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        self._first = self.start_ns // NODE_NS - WARM_UP_NODES

    def at(self, times_ns: Int64) -> tuple[Float64, Float64, Float64]:
        """Deck (Cel), cables (Cel) and what a pier has of the sun (W/m²), straight between nodes."""
        self._extend(int(times_ns.max()) // NODE_NS + 2 - self._first)
        at = times_ns // NODE_NS
        share = (times_ns - at * NODE_NS) / float(NODE_NS)
        i = at - self._first
        columns = (self._deck, self._cable, self._sun)
        return tuple(c[i] + share * (c[i + 1] - c[i]) for c in columns)  # type: ignore[return-value]

    def _extend(self, count: int) -> None:
        have = len(self._deck)
        if count <= have:
            return
        # A day at once, so that a long run does not come here at each block.
        nodes = self._first + np.arange(have, count + 144, dtype=np.int64)
        sky = self.weather.at(nodes * NODE_NS)
        warm = sky.temperature + SUN_WARMS_K * sky.sun
        for name, target, tau_s in (
            ("_deck", warm, DECK_S),
            ("_cable", warm, CABLE_S),
            ("_sun", sky.sun, DECK_S),
        ):
            held = getattr(self, name)
            last = float(held[-1]) if have else float(target[0])
            more = relax(last, target, tau_s, NODE_NS / SECOND_NS)
            setattr(self, name, np.concatenate([held, more]))
