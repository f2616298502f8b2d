"""The plan of a simulated town's gas: a loop of streets, its gates, governors, chambers and gauges.

Thirty-six crossings, six by six, 500 m apart. The outer ring is DN150, the streets inside DN125 and
DN100; some streets have no main. Two gates feed it at 350 kPa from opposite corners; twelve district
governors and two works draw from it. Figures are those of no town.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64

from .gas_main import Network, Pipe

SIDE: Final = 6
STREET_M: Final = 500.0
SET_KPA: Final = 350.0
#: pandapipes' hgas at 20 Cel and 101.325 kPa, kg/m3: what a standard cubic metre weighs.
STANDARD_DENSITY: Final = 0.68255
CENTRE: Final = (31.8460, 117.2650)
DEGREES_PER_STREET: Final = (0.0045, 0.0053)
# Streets inside the ring without a main, by their two crossings.
_BARE: Final = frozenset(
    {
        (7, 8),
        (9, 15),
        (13, 19),
        (14, 15),
        (16, 22),
        (20, 21),
        (20, 26),
        (25, 26),
        (27, 28),
        (28, 34),
    }
)


@dataclass(frozen=True, slots=True)
class Place:
    """A named place at a crossing."""

    name: str
    node: int
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class District:
    """A governor and what is drawn behind it on an average day, Sm3/h: homes and trade."""

    name: str
    node: int
    homes: float
    trade: float


@dataclass(frozen=True, slots=True)
class Space:
    """A closed space beside the mains at a crossing: a chamber with a cover, or a basement.

    `tightness` is its exchange of air as a multiple of a valve chamber's, `biogas_m3_s` what a
    sewer next door brings on average.
    """

    name: str
    node: int
    volume_m3: float
    tightness: float
    biogas_m3_s: float = 0.0


GATES: Final = (Place("gate-1", 0), Place("gate-2", 35))
_GOVERNED: Final = (2, 5, 8, 10, 13, 17, 19, 22, 25, 27, 30, 33)
DISTRICTS: Final = tuple(
    District(f"d{i + 1:02d}", node, 240.0 + 35.0 * (i % 4), 110.0 + 25.0 * (i % 3))
    for i, node in enumerate(_GOVERNED)
)
WORKS: Final = {16: 600.0, 24: 450.0}
METERED: Final = tuple(Place(f"n{node:02d}", node) for node in (3, 11, 14, 18, 21, 29, 32))
CHAMBERS: Final = tuple(
    Space(f"m{i + 1:02d}", node, 3.0, 1.0, 1.2e-6 if i % 3 == 1 else 0.0)
    for i, node in enumerate((1, 4, 7, 9, 12, 15, 20, 23, 26, 28, 31, 34))
)
BASEMENTS: Final = tuple(
    Space(f"b{i + 1:02d}", node, 60.0, 8.0) for i, node in enumerate((6, 11, 24, 29))
)
ODOUR_NODES: Final = (
    Place("d02", 5, 1.0),
    Place("d05", 13, 0.6),
    Place("d08", 22, 0.7),
    Place("d11", 30, 1.2),
)


def _bore(a: int, b: int) -> float:
    edge = {k for n in (a, b) for k in _edges(n)}
    if any({e} <= _edges(a) and {e} <= _edges(b) for e in edge):
        return 0.15
    return 0.125 if (a + b) % 3 else 0.10


def _edges(node: int) -> set[str]:
    row, column = divmod(node, SIDE)
    sides = {"south": row == 0, "north": row == SIDE - 1, "west": column == 0}
    sides["east"] = column == SIDE - 1
    return {side for side, lies in sides.items() if lies}


def _streets() -> list[tuple[int, int]]:
    right = [(n, n + 1) for n in range(SIDE * SIDE) if n % SIDE < SIDE - 1]
    up = [(n, n + SIDE) for n in range(SIDE * (SIDE - 1))]
    return [s for s in sorted(right + up) if s not in _BARE]


NETWORK: Final = Network(
    SIDE * SIDE,
    tuple(Pipe(a, b, STREET_M, _bore(a, b)) for a, b in _streets()),
    tuple(gate.node for gate in GATES),
)


def drawn(homes: float, trade: float) -> Float64:
    """What is drawn at each crossing, kg/s, for multiples of the usual homes and trade."""
    taken = np.zeros(NETWORK.nodes)
    for district in DISTRICTS:
        taken[district.node] += district.homes * homes + district.trade * trade
    for node, flow in WORKS.items():
        taken[node] += flow * trade
    return taken * STANDARD_DENSITY / 3600.0


def location(node: int) -> tuple[float, float]:
    """Latitude and longitude of a crossing."""
    row, column = divmod(node, SIDE)
    north, east = DEGREES_PER_STREET
    return round(CENTRE[0] + north * (row - 2.5), 6), round(CENTRE[1] + east * (column - 2.5), 6)
