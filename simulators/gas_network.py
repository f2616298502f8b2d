"""The gas-network site: a town's medium-pressure loop with its governors and the spaces beside it.

Two gates with pressure, flow and odorant; twelve district governors with inlet, outlet, flow and a bead
in the house; seven gauges on the loop; twelve chambers with methane and the tilt of the cover; four
basements with a bead. A sample a minute, the chambers every five.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from lifeline.engine.limits import SECOND_NS

from .cause import Run
from .gas_causes import Cause
from .gas_happenings import CAUSES, tell
from .gas_plan import (
    BASEMENTS,
    CENTRE,
    CHAMBERS,
    DISTRICTS,
    GATES,
    METERED,
    ODOUR_NODES,
    SET_KPA,
    location,
)
from .plant import Gateway, Point, Site, World
from .script import storyteller
from .sensor import Instrument

PRESSURE: Final = Instrument(0.0, 600.0, 0.1, noise=0.3)
OUTLET: Final = Instrument(0.0, 10.0, 0.001, noise=0.008)
GATE_METER: Final = Instrument(0.0, 20_000.0, 1.0, noise=15.0)
DISTRICT_METER: Final = Instrument(0.0, 5000.0, 0.1, noise=3.0)
METHANE: Final = Instrument(0.0, 100.0, 0.01, noise=0.01, t90_s=30.0)
BEAD: Final = Instrument(0.0, 100.0, 0.1, noise=0.25, t90_s=10.0, peg=110.0)
TILT: Final = Instrument(-90.0, 90.0, 1.0)
ODORANT: Final = Instrument(0.0, 100.0, 0.1, noise=0.2, t90_s=300.0)

CHAMBERS_EVERY: Final = 5
ODORANT_EVERY: Final = 10
# A valve shut or a main torn moves the loop by some hundred kPa within a minute.
PRESSURE_RATE: Final = 10.0
GATES_PER_GATEWAY: Final = 8


def gas_network(site_id: str = "gas-network", *, interval_s: float = 60.0) -> Site:
    """The town, sampled every `interval_s` (whole seconds)."""
    if interval_s < 1.0 or interval_s != round(interval_s):
        raise ValueError(f"telemetry comes every whole number of seconds, found {interval_s}")
    step_ns = round(interval_s) * SECOND_NS
    names = ("gates", "districts", "loop", "spaces")
    return Site(
        name="gas-network",
        id=site_id,
        tenant="linjiang-gas",
        area="linjiang/centre/bridge",
        title="临江中压燃气管网",
        domain="gas",
        shape="points",
        lat=CENTRE[0],
        lon=CENTRE[1],
        step_ns=step_ns,
        resolution_ns=1_000_000,
        window_ns=step_ns,
        gateways=tuple(Gateway(n, (53 + 131 * i) % 900 * 1_000_000) for i, n in enumerate(names)),
        points=(*_gates(), *_districts(), *_loop(), *_spaces()),
        write_script=storyteller(tell),
        causes=CAUSES,
        make_world=_world,
        packs=PACKS,
        rules=RULES,
    )


def _world(site: Site, run: Run, causes: tuple[Cause, ...]) -> World:
    from .gas_town import GasTown

    return GasTown(causes, run.seed, site.step_ns / SECOND_NS)


def _gates() -> list[Point]:
    points: list[Point] = []
    for number, gate in enumerate(GATES, 1):
        lat, lon = location(gate.node)
        point = partial(Point, gateway=0, asset=gate.name, lat=lat, lon=lon)
        points += [
            point(
                id=f"{gate.name}-pressure",
                quantity="pipe.gas.pressure",
                unit="kPa",
                name=f"{number}号门站出站压力",
                instrument=PRESSURE,
                max_rate=PRESSURE_RATE,
            ),
            point(
                id=f"{gate.name}-flow",
                quantity="pipe.gas.flow",
                unit="m3/h",
                name=f"{number}号门站流量",
                instrument=GATE_METER,
            ),
        ]
    return points


def _districts() -> list[Point]:
    points: list[Point] = []
    for number, district in enumerate(DISTRICTS, 1):
        lat, lon = location(district.node)
        point = partial(Point, gateway=1, asset=district.name, lat=lat, lon=lon)
        points += [
            point(
                id=f"{district.name}-inlet",
                quantity="pipe.gas.pressure",
                unit="kPa",
                name=f"{number}号调压箱进口压力",
                instrument=PRESSURE,
                max_rate=PRESSURE_RATE,
            ),
            point(
                id=f"{district.name}-outlet",
                quantity="pipe.gas.pressure",
                unit="kPa",
                name=f"{number}号调压箱出口压力",
                instrument=OUTLET,
                max_rate=PRESSURE_RATE,
            ),
            point(
                id=f"{district.name}-flow",
                quantity="pipe.gas.flow",
                unit="m3/h",
                name=f"{number}号调压箱流量",
                instrument=DISTRICT_METER,
            ),
            point(
                id=f"{district.name}-lel",
                quantity="gas.combustible",
                unit="%LEL",
                name=f"{number}号调压箱可燃气体",
                instrument=BEAD,
                gas="methane",
                max_rate=20.0,
            ),
        ]
    for place in ODOUR_NODES:
        lat, lon = location(place.node)
        points.append(
            Point(
                id=f"{place.name}-odorant",
                gateway=1,
                quantity="gas.odorant",
                unit="mg/m3",
                asset=place.name,
                name=f"{place.name}末端加臭剂浓度",
                instrument=ODORANT,
                every=ODORANT_EVERY,
                lat=lat,
                lon=lon,
            )
        )
    return points


def _loop() -> list[Point]:
    return [
        Point(
            id=f"{place.name}-pressure",
            gateway=2,
            quantity="pipe.gas.pressure",
            unit="kPa",
            asset=place.name,
            name=f"{place.name}节点压力",
            instrument=PRESSURE,
            max_rate=PRESSURE_RATE,
            lat=location(place.node)[0],
            lon=location(place.node)[1],
        )
        for place in METERED
    ]


def _spaces() -> list[Point]:
    points: list[Point] = []
    for number, space in enumerate(CHAMBERS, 1):
        lat, lon = location(space.node)
        point = partial(Point, gateway=3, asset=space.name, lat=lat, lon=lon)
        points += [
            point(
                id=f"{space.name}-ch4",
                quantity="gas.ch4.space",
                unit="%VOL",
                name=f"{number}号窨井甲烷",
                instrument=METHANE,
                every=CHAMBERS_EVERY,
                gas="methane",
            ),
            point(
                id=f"{space.name}-cover",
                quantity="cover.tilt",
                unit="deg",
                name=f"{number}号窨井井盖倾角",
                instrument=TILT,
                reports="event",
            ),
        ]
    for number, space in enumerate(BASEMENTS, 1):
        lat, lon = location(space.node)
        points.append(
            Point(
                id=f"{space.name}-lel",
                gateway=3,
                quantity="gas.combustible",
                unit="%LEL",
                asset=space.name,
                name=f"{number}号地下室可燃气体",
                instrument=BEAD,
                gas="methane",
                max_rate=20.0,
                lat=lat,
                lon=lon,
            )
        )
    return points


PACKS: Final = (
    {"pack": "city.gas", "given": {"operating_pressure": f"{SET_KPA:g} kPa"}},
    {"pack": "gas.combustible"},
)
RULES: Final = (
    {
        "id": "governor-outlet",
        "kind": "limit",
        "select": {"quantity": "pipe.gas.pressure", "sensor": "d*-outlet"},
        "high": {"yellow": "3.3 kPa", "orange": "4 kPa"},
        "low": {"yellow": "1.6 kPa", "orange": "1 kPa"},
        "deadband": "0.1 kPa",
        "basis": "engineering default: set point 2.5 kPa, appliances work from 1 to 3 kPa",
    },
    {
        "id": "gate-pressure",
        "kind": "limit",
        "select": {"quantity": "pipe.gas.pressure", "sensor": "gate-*-pressure"},
        "high": {"yellow": "370 kPa", "orange": "400 kPa"},
        "low": {"yellow": "344 kPa", "orange": "320 kPa"},
        "deadband": "1 kPa",
        "basis": "engineering default: set point 350 kPa; 400 kPa is the most of this class of main",
    },
    {
        "id": "loop-pressure",
        "kind": "limit",
        "select": {
            "quantity": "pipe.gas.pressure",
            "sensor": [*(f"{d.name}-inlet" for d in DISTRICTS), "n*-pressure"],
        },
        "low": {"yellow": "200 kPa", "orange": "150 kPa"},
        "deadband": "5 kPa",
        "basis": "engineering default: governors regulate from 150 kPa upwards",
    },
    {
        "id": "odorant",
        "kind": "limit",
        "select": {"quantity": "gas.odorant"},
        "low": {"yellow": "18 mg/m3", "orange": "12 mg/m3"},
        "deadband": "1 mg/m3",
        "basis": "engineering default: smelt at a fifth of the lower explosive limit",
    },
)
