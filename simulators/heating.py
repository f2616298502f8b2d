"""The heating site: a plant, four substations, under the pack `heating` and the north's weather.

Supply and return temperature at the plant and at each substation, circulation, make-up water, both
pressures, and the air outside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Literal

import numpy as np

from lifeline.engine.limits import HOUR_NS, SECOND_NS

from .cause import CauseKind, Happening, Label, Run
from .climate import NORTH
from .heat_network import (
    FLOW_M3_H,
    NUMBERS,
    PUMP_KPA,
    RETURN_KPA,
    SEEPAGE_M3_H,
    HeatCause,
    HeatNetwork,
    cooled_by,
    hole_m3_h,
    hotter_by,
)
from .incidents import Level
from .plant import Gateway, Point, Site, World
from .script import Chapter, storyteller
from .sensor import Instrument
from .weather import Weather

THERMOMETER: Final = Instrument(0.0, 150.0, 0.1, noise=0.1, t90_s=60.0)
OUTSIDE: Final = Instrument(-45.0, 60.0, 0.1, noise=0.05, t90_s=60.0)
CIRCULATION: Final = Instrument(0.0, 2000.0, 0.1, noise=3.0)
MAKEUP: Final = Instrument(0.0, 100.0, 0.01, noise=0.1)
PRESSURE: Final = Instrument(0.0, 1600.0, 0.1, noise=1.0)
CENTRE: Final = (45.7510, 126.6420)
SUBSTATIONS: Final = tuple(f"substation-{n}" for n in NUMBERS)
FACTS: Final = {"max_supply": "125 Cel", "min_return": "32 Cel", "circulation": "1200 m3/h"}
LEFT_OUT: Final = {
    "pressure": "pressure-low is nearer to the pressure that is held",
    "circulation_loss": "the return has no flow meter",
}


def heating(site_id: str = "heating", *, interval_s: float = 60.0) -> Site:
    """A network that speaks every `interval_s` (a whole number of seconds, at most 300)."""
    if not 1.0 <= interval_s <= 300.0 or interval_s != round(interval_s):
        raise ValueError(f"a plant speaks every whole number of seconds, found {interval_s}")
    step_ns = round(interval_s) * SECOND_NS
    names = ("plant", *SUBSTATIONS)
    return Site(
        name="heating",
        id=site_id,
        tenant="songbei-heat",
        area="songbei/north/plant",
        title="松北集中供热",
        domain="heating",
        shape="points",
        lat=CENTRE[0],
        lon=CENTRE[1],
        step_ns=step_ns,
        resolution_ns=1_000_000,
        window_ns=step_ns,
        gateways=tuple(Gateway(n, (91 + 173 * i) * 1_000_000) for i, n in enumerate(names)),
        points=tuple(_points()),
        write_script=storyteller(_tell),
        causes=KINDS,
        make_world=_world,
        packs=({"pack": "heating", "given": FACTS, "without": LEFT_OUT},),
        rules=RULES,
    )


def _points() -> list[Point]:
    plant = partial(Point, gateway=0, asset="plant", lat=CENTRE[0], lon=CENTRE[1])
    supply: dict[str, Any] = {
        "quantity": "heat.supply.temp",
        "unit": "Cel",
        "instrument": THERMOMETER,
    }
    back: dict[str, Any] = supply | {"quantity": "heat.return.temp"}
    pressure: dict[str, Any] = {"quantity": "heat.pressure", "unit": "kPa", "instrument": PRESSURE}
    flow: dict[str, Any] = {"quantity": "heat.flow", "unit": "m3/h", "instrument": CIRCULATION}
    lost: dict[str, Any] = {"quantity": "heat.makeup.flow", "unit": "m3/h", "instrument": MAKEUP}
    air: dict[str, Any] = {"quantity": "weather.temp", "unit": "Cel", "instrument": OUTSIDE}
    points = [
        plant(id="ST-PLANT", name="热源供水温度", **supply),
        plant(id="RT-PLANT", name="热源回水温度", **back),
        plant(id="FT-PLANT", name="循环流量", **flow),
        plant(id="MF-PLANT", name="补水流量", **lost),
        plant(id="PS-PLANT", name="供水压力", **pressure),
        plant(id="PR-PLANT", name="回水压力", **pressure),
        plant(id="TA", name="室外气温", **air),
    ]
    for k, n in enumerate(NUMBERS):
        station = partial(
            Point, gateway=k + 1, asset=SUBSTATIONS[k], lat=CENTRE[0], lon=126.66 + 0.01 * k
        )
        points.append(station(id=f"ST-S{n}", name=f"{n}号换热站供水温度", **supply))
        points.append(station(id=f"RT-S{n}", name=f"{n}号换热站回水温度", **back))
    return points


# An exchanger's return above the plant's; what pipes, weather and two thermometers make of it.
EXCHANGER_K: Final = 8.0
SCATTER_K: Final = 1.0
# The pack's `supply_drop`: the fall of an hour.
DROP_K: Final = 10.0

RULES: Final[tuple[Mapping[str, Any], ...]] = (
    {
        "id": "pressure-low",
        "kind": "limit",
        "select": {"quantity": "heat.pressure", "sensor": "PR-PLANT"},
        "low": {"yellow": "240 kPa", "orange": "150 kPa"},
        "deadband": "10 kPa",
        "on_delay": "3min",
        "off_delay": "10min",
        "basis": "engineering default: held at 300 kPa; 150 kPa keep water of 125 °C from boiling",
    },
    {
        "id": "circulation-low",
        "kind": "limit",
        "select": {"quantity": "heat.flow"},
        "low": {"orange": "800 m3/h"},
        "deadband": "30 m3/h",
        "on_delay": "3min",
        "off_delay": "10min",
        "basis": "engineering default: two thirds of the design's 1200 m3/h",
    },
    {
        "id": "exchanger",
        "kind": "deviation",
        "select": {"quantity": "heat.return.temp", "sensor": "RT-S*"},
        "reference": "RT-PLANT",
        "beyond": {"yellow": f"{EXCHANGER_K:g} K"},
        "deadband": "1 K",
        "on_delay": "2h",
        "off_delay": "1h",
        "basis": "engineering default: hotter than the others' return by what a third less UA leaves",
    },
)


def _world(site: Site, run: Run, causes: tuple[HeatCause, ...]) -> World:
    weather = Weather(NORTH, run.seed)
    return HeatNetwork(run.start_ns, site.step_ns / SECOND_NS, weather, causes)


Made = tuple[tuple[Label, ...], HeatCause]
RETURNS: Final = ("RT-PLANT", *(f"RT-S{n}" for n in NUMBERS))
SUPPLIES: Final = ("ST-PLANT", *(f"ST-S{n}" for n in NUMBERS))
HeatKind = Literal["leak", "pump.trip", "boiler.trip", "overheat", "fouling"]


def _make(
    kind: HeatKind,
    sensors: tuple[str, ...],
    level: Level,
    sure: tuple[float, float],
    site: Site,
    it: Happening,
) -> Made:
    """A label where size and hours are so that the rules must say it (`sure`: least of each)."""
    found = it.size >= sure[0] and _hours(it) >= sure[1]
    labels = (_label(sensors, level, it),) if found else ()
    return labels, HeatCause(kind, -1, it.size, it.onset_ns, it.end_ns)


def _hours(it: Happening) -> float:
    return (it.end_ns - it.onset_ns) / HOUR_NS


def _label(sensors: tuple[str, ...], level: Level, it: Happening) -> Label:
    """Pipes answer for some hours more."""
    return Label(sensors, level, end_ns=it.end_ns + 2 * HOUR_NS)


def _mildest_c(it: Happening) -> float:
    """What the season has on a day that is two swings warmer, at onset or end."""
    ends = np.array([it.onset_ns, it.end_ns], np.int64)
    return float((NORTH.season_c(ends) + 2.0 * NORTH.swings_c(ends)).max())


def _boiler(site: Site, it: Happening) -> Made:
    """Labelled where the supply must fall by the rule's ten degrees within an hour, however mild it is:
    at full share a quarter of an hour without fire does that in winter."""
    fall = cooled_by(it.size, min(_hours(it), 1.0), _mildest_c(it))
    found = fall >= DROP_K + SCATTER_K
    labels = (_label((*SUPPLIES, *RETURNS), "orange", it),) if found else ()
    return labels, HeatCause("boiler.trip", -1, it.size, it.onset_ns, it.end_ns)


def _leak(site: Site, it: Happening) -> Made:
    """Labelled where it brings the make-up a tenth above the rule's hundredth of the circulation, for the
    rule's hour and a quarter of one more."""
    makeup = SEEPAGE_M3_H + hole_m3_h(it.size, RETURN_KPA + 0.5 * PUMP_KPA)
    found = makeup >= 1.1 * 0.01 * FLOW_M3_H and _hours(it) >= 1.25
    labels = (_label(("MF-PLANT", "PR-PLANT"), "yellow", it),) if found else ()
    return labels, HeatCause("leak", -1, it.size, it.onset_ns, it.end_ns)


def _fouling(site: Site, it: Happening) -> Made:
    """Labelled where it must show on a day that is two swings warmer than its season: what an exchanger
    leaves in its return grows with the supply, and in mild weather stays below the rule's limit."""
    branch = SUBSTATIONS.index(it.where)
    found = hotter_by(branch, it.size, _mildest_c(it)) >= EXCHANGER_K + SCATTER_K
    found = found and _hours(it) >= 12.0
    labels = (_label((f"RT-S{NUMBERS[branch]}",), "yellow", it),) if found else ()
    return labels, HeatCause("fouling", branch, it.size, it.onset_ns, it.end_ns)


def _kind(
    kind: HeatKind,
    measure: str,
    sizes: tuple[float, float, float],
    words: tuple[str, str],
    places: tuple[str, ...],
    make: Callable[[Site, Happening], Made],
) -> CauseKind[HeatCause]:
    return CauseKind(kind, measure, *sizes, *words, lambda site: places, make)


KINDS: Final = (
    _kind(
        "leak",
        "diameter of the hole, mm",
        (20.0, 5.0, 60.0),
        ("the network leaks: a hole of {size} mm", "供热管网泄漏，孔径{size}毫米"),
        ("plant",),
        _leak,
    ),
    _kind(
        "pump.trip",
        "share of the circulation that is lost",
        (1.0, 0.1, 1.0),
        ("circulation pumps trip (share {size})", "循环泵跳闸（损失比例{size}）"),
        ("plant",),
        # Two minutes of coast-down to 800 m3/h, three of the rule's delay, a sample: a fifth of an hour.
        partial(_make, "pump.trip", ("FT-PLANT", *RETURNS), "orange", (0.4, 0.2)),
    ),
    _kind(
        "boiler.trip",
        "share of the heat that is lost",
        (1.0, 0.1, 1.0),
        ("the boiler trips (share {size})", "锅炉跳闸（损失比例{size}）"),
        ("plant",),
        _boiler,
    ),
    _kind(
        "overheat",
        "supply temperature above its curve, K",
        (60.0, 5.0, 70.0),
        ("the supply is {size} K above its curve", "供水温度高于曲线{size}度"),
        ("plant",),
        partial(_make, "overheat", SUPPLIES, "orange", (60.0, 3.0)),
    ),
    _kind(
        "fouling",
        "share of the exchanger's UA that is lost",
        (0.6, 0.1, 0.9),
        ("the exchanger of {where} is fouled (share {size})", "{where}换热器结垢（比例{size}）"),
        SUBSTATIONS,
        _fouling,
    ),
)


def _tell(chapter: Chapter) -> None:
    """One story: a leak, an exchanger that fouls, pumps and boiler that trip; two faults."""
    dice = chapter.dice
    station = SUBSTATIONS[int(dice.integers(len(SUBSTATIONS)))]
    hole = float(dice.uniform(17.0, 28.0))
    chapter.happens("leak", "plant", (chapter.at(0.12), chapter.at(0.26)), hole)
    chapter.happens("fouling", station, (chapter.at(0.32), chapter.at(0.62)))
    chapter.happens("pump.trip", "plant", (chapter.at(0.70), chapter.at(0.73)))
    chapter.happens("boiler.trip", "plant", (chapter.at(0.84), chapter.at(0.88)))
    chapter.breaks("stuck", ["TA"], (0.10, 0.40), ("reading frozen", "读数冻结"))
    chapter.breaks("drift", ["PS-PLANT"], (0.30, 0.95), ("drifts", "漂移"), 15.0)
