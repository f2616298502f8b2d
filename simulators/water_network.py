"""A district's water network as EPANET reads it: works, pumping station, tank, metered inlet, streets.

    works (clear well) ─ P1, P2 ─ S ─ trunk main ─ J ─ inlet meter ─ N00 … N77, a grid of 64 corners
                                                  └─ T, a tank that floats on the network

Flows are L/s, heads and levels m. Demands follow the pressure (EPANET's PDA): a tap gives nothing
without head and all that is asked for from 14 m. Chlorine decays in the water and at the wall;
turbidity neither settles nor is stirred up.
"""

from __future__ import annotations

from typing import Final, Literal

STREETS: Final = 8
CORNERS: Final = tuple(f"N{row}{column}" for row in range(STREETS) for column in range(STREETS))
PUMPS: Final = ("P1", "P2")
TANK: Final = "T"
WORKS: Final = "R"
OUTLET: Final = "S"
INLET: Final = "IN"
# Homes, shops and offices, workshops: a pattern each, of one period, set at every step.
CLASSES: Final = ("homes", "shops", "workshops")

TANK_FLOOR_M: Final = 54.0
TANK_HEIGHT_M: Final = 8.0
TANK_DIAMETER_M: Final = 20.0
TANK_FIRST_M: Final = 6.0
STREET_M: Final = 150.0
# A year of hours: longer than EPANET is ever run in one go here, and its clock still fits.
_FOREVER: Final = "400000:00"

Substance = Literal["chlorine", "turbidity"]

_REACTIONS: Final[dict[Substance, str]] = {
    # Per day in the water, m per day at the wall: engineering values for old iron.
    "chlorine": "[REACTIONS]\n Global Bulk -0.5\n Global Wall -0.05",
    "turbidity": "",
}


def elevation_m(corner: str) -> float:
    """The ground rises away from the inlet."""
    return 10.0 + 1.2 * int(corner[1]) + 1.0 * int(corner[2])


def demand_l_s(corner: str) -> float:
    """What a corner takes when its class's multiplier is 1."""
    return 1.0 + 0.1 * ((3 * int(corner[1]) + 5 * int(corner[2])) % 7)


def class_of(corner: str) -> str:
    """Every fourth corner has shops, one street in the last row workshops, the others homes."""
    row, column = int(corner[1]), int(corner[2])
    if row == STREETS - 1 and column < 4:
        return CLASSES[2]
    return CLASSES[1] if (row + column) % 4 == 0 else CLASSES[0]


def input_file(substance: Substance, at_works: float) -> str:
    """The network with one substance, which is `at_works` everywhere in the beginning (mg/L; a
    turbidity is carried as if its NTU were mg/L)."""
    junctions = [f" {OUTLET} 8 0", " J 14 0"] + [
        f" {c} {elevation_m(c):.2f} {demand_l_s(c):.2f} {class_of(c)}" for c in CORNERS
    ]
    nodes = [OUTLET, "J", TANK, *CORNERS]
    return "\n".join(
        [
            "[JUNCTIONS]",
            *junctions,
            f"[RESERVOIRS]\n {WORKS} 12",
            f"[TANKS]\n {TANK} {TANK_FLOOR_M} {TANK_FIRST_M} 0 {TANK_HEIGHT_M} {TANK_DIAMETER_M} 0",
            "[PIPES]",
            f" TR {OUTLET} J 3000 450 120 0 Open",
            f" TP J {TANK} 200 400 120 0 Open",
            f" {INLET} J N00 600 400 120 0 Open",
            *_streets(),
            "[PUMPS]",
            *(f" {pump} {WORKS} {OUTLET} HEAD curve" for pump in PUMPS),
            "[CURVES]\n curve 70 52",
            "[PATTERNS]",
            *(f" {name} 1" for name in CLASSES),
            "[QUALITY]",
            *(f" {node} {at_works}" for node in nodes),
            f"[SOURCES]\n {WORKS} CONCEN {at_works}",
            _REACTIONS[substance],
            "[OPTIONS]\n Units LPS\n Headloss H-W\n Demand Model PDA\n Minimum Pressure 0",
            " Required Pressure 14\n Pressure Exponent 0.5\n Quality Chemical mg/L",
            " Tolerance 0.005\n Trials 200\n Accuracy 0.00001\n Unbalanced Continue 10",
            f"[TIMES]\n Duration {_FOREVER}\n Hydraulic Timestep 0:15\n Quality Timestep 0:05",
            f" Pattern Timestep {_FOREVER}\n Report Timestep {_FOREVER}",
            "[REPORT]\n Messages No\n Status No\n[END]\n",
        ]
    )


def _streets() -> list[str]:
    """Mains of 300 mm along the first row and the first column, 150 mm elsewhere."""
    pipes = []
    for corner in CORNERS:
        row, column = int(corner[1]), int(corner[2])
        if column + 1 < STREETS:
            main = 300 if row == 0 else 150
            pipes.append(
                f" H{row}{column} {corner} N{row}{column + 1} {STREET_M} {main} 110 0 Open"
            )
        if row + 1 < STREETS:
            main = 300 if column == 0 else 150
            pipes.append(
                f" V{row}{column} {corner} N{row + 1}{column} {STREET_M} {main} 110 0 Open"
            )
    return pipes
