"""The spans of the bridge, and what vehicles on them do: sums over influence lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64, Int64

from .beam import GRAVITY, SimpleSpan, StayedGirder
from .traffic import AXLE_SHARES, AXLES_M, Vehicles

APPROACH: Final = SimpleSpan(50.0, 2.96e8, 1.556e8)
MAIN: Final = StayedGirder(400.0, 5.0e8, 624.0, 12.0, 40.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """What stands there. Lengths in m; `cables` are the watched ones: name and metres from the
    middle of the main span; `carried` is what each carried when the bridge was accepted, kN."""

    approach: SimpleSpan = APPROACH
    main: StayedGirder = MAIN
    cables: tuple[tuple[str, float], ...] = (
        ("c01", -84.0),
        ("c02", -48.0),
        ("c03", -12.0),
        ("c04", 12.0),
        ("c05", 48.0),
        ("c06", 84.0),
    )
    carried: float = 4200.0
    cable_kg_m: float = 68.0
    cable_m: float = 150.0
    cable_sine: float = 0.6
    expands: float = 200.0
    sag_per_k: float = 1.4  # mm of the main span, cables warmer
    force_per_k: float = 0.0012  # share of the force, cables warmer than the deck
    strain_per_k: float = 1.1  # µm/m of restraint, air against deck
    tilt_per_w: float = 2.0e-5  # degrees of the pier, per W/m² of sun

    @property
    def length(self) -> float:
        """Both spans, m."""
        return self.approach.length + self.main.length


class Rolling:
    """What the vehicles do to the spans at each time: sums over those that are on the bridge."""

    def __init__(self, plan: Plan, vehicles: Vehicles, times_ns: Int64) -> None:
        self._plan = plan
        self._count = len(times_ns)
        row, time = _meetings(plan, vehicles, times_ns)
        speed, self._weight = vehicles.speed[row], vehicles.mass[row] * GRAVITY
        self._time = time
        nose = speed * ((times_ns[time] - vehicles.enters[row]) / 1e9)
        approach, length = plan.approach, plan.approach.length
        moment, sag = np.zeros(len(row)), np.zeros(len(row))
        for behind, share in zip(AXLES_M, AXLE_SHARES, strict=True):
            at = nose - behind
            moment = moment + share * approach.moment(at)
            sag = sag + share * approach.sag(at)
        centre = nose - float(AXLES_M @ AXLE_SHARES)
        self._from_middle = centre - length - plan.main.length / 2.0
        self._on_main = np.abs(self._from_middle) <= plan.main.length / 2.0
        self.moment = self._sum(moment)
        self.approach_sag = self._sum(sag)
        self.main_sag = self._sum(plan.main.sag(self._from_middle) * self._on_main)
        self.mass = self._sum(self._on_main / GRAVITY)

    def pair(self, at: float) -> Float64:
        """What the vehicles put on the pair at this place of the main span, kN."""
        return self._sum(self._plan.main.share(self._from_middle - at) * self._on_main)

    def _sum(self, of_one: Float64) -> Float64:
        total = np.bincount(self._time, of_one * self._weight, self._count)
        return np.asarray(total, np.float64)


def _meetings(plan: Plan, vehicles: Vehicles, times_ns: Int64) -> tuple[Int64, Int64]:
    """Pairs (vehicle, time) of those times at which a vehicle is on the bridge."""
    length = plan.length + float(AXLES_M[-1])
    leaves = vehicles.enters + np.ceil(length / vehicles.speed * 1e9).astype(np.int64)
    first = np.searchsorted(times_ns, vehicles.enters)
    count = np.maximum(np.searchsorted(times_ns, leaves) - first, 0)
    row = np.repeat(np.arange(len(vehicles), dtype=np.int64), count)
    begin = np.cumsum(count) - count
    time = np.arange(len(row), dtype=np.int64) - begin[row] + first[row]
    return row, time
