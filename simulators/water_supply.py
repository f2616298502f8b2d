"""The water-supply site: a metered district with its tank, pumping station and works, under the packs
`water.supply` and `water.quality`.

Pressure loggers at eight street corners, the inlet meter, the tank, the pumps' meter, chlorine and
turbidity at the works and at two corners.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

import numpy as np

from lifeline.engine.limits import HOUR_NS, SECOND_NS

from .cause import CauseKind, Happening, Label, Run
from .plant import Gateway, Point, Site, World
from .script import Chapter, storyteller
from .sensor import Instrument
from .water_demand import taken_m3
from .water_district import (
    CHLORINE_MG_L,
    SWITCHED,
    TURBIDITY_NTU,
    Cause,
    Dose,
    Draw,
    Gauges,
    Hole,
    Outage,
    WaterDistrict,
    after_clear_well,
)
from .water_network import CORNERS, PUMPS, TANK_DIAMETER_M, TANK_HEIGHT_M

LOGGER: Final = Instrument(0.0, 1000.0, 0.1, noise=0.8)
INLET_METER: Final = Instrument(0.0, 1000.0, 0.1, noise=1.0)
PUMP_METER: Final = Instrument(0.0, 1000.0, 0.1, noise=1.5)
TANK_GAUGE: Final = Instrument(0.0, 100.0, 0.01, noise=0.05)
CHLORINE: Final = Instrument(0.0, 5.0, 0.001, noise=0.005, t90_s=120.0)
TURBIDITY: Final = Instrument(0.0, 100.0, 0.001, noise=0.01, t90_s=60.0)

LOGGED: Final = ("N04", "N07", "N22", "N25", "N40", "N47", "N63", "N77")
ANALYSED: Final = ("N25", "N77")
CENTRE: Final = (31.8420, 117.2310)
WORKS_LON: Final = 117.2010
# The largest healthy night flow of a year (July), m3/h: what the pack asks for.
NIGHT_FLOW_M3_H: Final = 160.0
# Slow incidents are found after they began to be mended: a night's window, water still in pipes.
NIGHT_NS: Final = 24 * HOUR_NS


def water_supply(site_id: str = "water-supply", *, interval_s: float = 60.0) -> Site:
    """A district of 64 street corners that speaks every `interval_s` (a whole number of seconds,
    at most 300); flows, level and quality every fifth time."""
    if not 1.0 <= interval_s <= 300.0 or interval_s != round(interval_s):
        raise ValueError(f"a logger speaks every whole number of seconds, found {interval_s}")
    step_ns = round(interval_s) * SECOND_NS
    names = ("works", "pumps", "tank", "streets")
    return Site(
        name="water-supply",
        id=site_id,
        tenant="binhe-water",
        area="binhe/west/orchard",
        title="滨河供水分区",
        domain="water",
        shape="points",
        lat=CENTRE[0],
        lon=CENTRE[1],
        step_ns=step_ns,
        resolution_ns=1_000_000,
        window_ns=step_ns,
        gateways=tuple(Gateway(n, (113 + 157 * i) * 1_000_000) for i, n in enumerate(names)),
        points=tuple(_points()),
        write_script=storyteller(_tell),
        causes=KINDS,
        make_world=_world,
        packs=_packs(),
        rules=RULES,
    )


def _points() -> list[Point]:
    slow = partial(Point, every=5)
    chlorine = partial(slow, quantity="water.cl_residual", unit="mg/L", instrument=CHLORINE)
    turbidity = partial(slow, quantity="water.turbidity", unit="NTU", instrument=TURBIDITY)
    works: dict[str, Any] = {"gateway": 0, "asset": "works", "lat": CENTRE[0], "lon": WORKS_LON}
    points = [
        chlorine(id="CL-W", name="出厂余氯", **works),
        turbidity(id="TU-W", name="出厂浊度", **works),
        slow(
            id="FT-P",
            gateway=1,
            quantity="pipe.water.flow",
            unit="m3/h",
            asset="pumps",
            name="泵站出水流量",
            instrument=PUMP_METER,
        ),
        slow(
            id="LT-T",
            gateway=2,
            quantity="tank.level",
            unit="%",
            asset="tank",
            name="高位水池液位",
            instrument=TANK_GAUGE,
        ),
        slow(
            id="FT-IN",
            gateway=3,
            quantity="pipe.water.flow",
            unit="m3/h",
            asset="district",
            name="分区入口流量",
            instrument=INLET_METER,
        ),
    ]
    for corner in LOGGED:
        at: dict[str, Any] = {"gateway": 3, "asset": corner, **_where(corner)}
        points.append(
            Point(
                id=f"PT-{corner}",
                quantity="pipe.water.pressure",
                unit="kPa",
                name=f"{corner}管网压力",
                instrument=LOGGER,
                **at,
            )
        )
        if corner in ANALYSED:
            points.append(chlorine(id=f"CL-{corner}", name=f"{corner}余氯", **at))
            points.append(turbidity(id=f"TU-{corner}", name=f"{corner}浊度", **at))
    return points


def _where(corner: str) -> dict[str, Any]:
    row, column = int(corner[1]), int(corner[2])
    lat, lon = CENTRE[0] + 0.00135 * row, CENTRE[1] + 0.00158 * column
    return {"lat": round(lat, 6), "lon": round(lon, 6)}


def _packs() -> tuple[Mapping[str, Any], ...]:
    """The pumps' meter is left to no rule: the station stops whenever the tank is full."""
    pressures = [f"PT-{corner}" for corner in LOGGED]
    network = [f"{kind}-{corner}" for kind in ("CL", "TU") for corner in ANALYSED]
    return (
        {
            "pack": "water.supply",
            "sensor": ["FT-IN", *pressures],
            "given": {"night_flow": f"{NIGHT_FLOW_M3_H:g} m3/h"},
        },
        {"pack": "water.quality", "profile": "network", "sensor": network},
        {"pack": "water.quality", "profile": "plant", "sensor": ["CL-W", "TU-W"]},
    )


TANK_LOW_PERCENT: Final = 30.0
RULES: Final[tuple[Mapping[str, Any], ...]] = (
    {
        "id": "inflow-high",
        "kind": "limit",
        "select": {"quantity": "pipe.water.flow", "sensor": "FT-IN"},
        "high": {"orange": "480 m3/h"},
        "deadband": "20 m3/h",
        "on_delay": "5min",
        "off_delay": "10min",
        "basis": "engineering default: a quarter above the district's greatest hour of a year",
    },
    {
        "id": "tank-low",
        "kind": "limit",
        "select": {"quantity": "tank.level"},
        "low": {"yellow": f"{TANK_LOW_PERCENT:g} %", "orange": "15 %"},
        "deadband": "2 %",
        "on_delay": "5min",
        "off_delay": "10min",
        "basis": "engineering default: the pumps refill it at 56 %; 30 % are two hours of a peak",
    },
)


def _world(site: Site, run: Run, causes: tuple[Cause, ...]) -> World:
    gauges = Gauges(
        pressure={f"PT-{c}": c for c in LOGGED},
        chlorine={f"CL-{c}": c for c in ANALYSED},
        turbidity={f"TU-{c}": c for c in ANALYSED},
        level="LT-T",
        inflow="FT-IN",
        pumped="FT-P",
        works_chlorine="CL-W",
        works_turbidity="TU-W",
    )
    return WaterDistrict(site.id, run.start_ns, run.seed, causes, gauges)


Made = tuple[tuple[Label, ...], Cause]
PRESSURES: Final = tuple(f"PT-{corner}" for corner in LOGGED)
NETWORK_CHLORINE: Final = tuple(f"CL-{corner}" for corner in ANALYSED)
# Water between the level at which the pumps stop and what `tank-low` says first, m3.
SPARE_M3: Final = (
    math.pi / 4.0 * TANK_DIAMETER_M**2 * (SWITCHED[0][1] - TANK_LOW_PERCENT / 100.0 * TANK_HEIGHT_M)
)
# The pack's limits at the works; ten minutes of its delay, five until the next value, five of the analyser.
LEAST_CHLORINE_MG_L: Final = 0.3
MOST_TURBIDITY_NTU: Final = 1.0
SEEN_S: Final = 1200.0


def _leak(site: Site, it: Happening) -> Made:
    label = Label(("FT-IN",), "blue", end_ns=it.end_ns + NIGHT_NS)
    # Shorter than a night's two quiet hours: no night flow can tell it.
    labels = (label,) if it.end_ns - it.onset_ns >= NIGHT_NS else ()
    return labels, Hole(it.where, it.size, it.onset_ns, it.end_ns)


def _burst(site: Site, it: Happening) -> Made:
    label = Label((*PRESSURES, "FT-IN"), "orange")
    return (label,), Hole(it.where, it.size, it.onset_ns, it.end_ns)


def _trip(site: Site, it: Happening) -> Made:
    """With both pumps out the tank gives what is asked for: labelled where that brings one that was full
    down to what `tank-low` says, with a twentieth to spare. One pump alone holds the mean."""
    found = it.size >= len(PUMPS) and taken_m3(it.onset_ns, it.end_ns) >= 1.05 * SPARE_M3
    labels = (Label(("LT-T", *PRESSURES, *NETWORK_CHLORINE), "yellow"),) if found else ()
    return labels, Outage(round(it.size), it.onset_ns, it.end_ns)


def _dosing(site: Site, it: Happening) -> Made:
    """Labelled where what leaves the clear well is below the pack's limit for as long as that waits."""
    missing = it.size * CHLORINE_MG_L * _mixed(it)
    found = CHLORINE_MG_L - missing <= LEAST_CHLORINE_MG_L - 3.0 * CHLORINE.noise
    end = it.end_ns + 2 * HOUR_NS
    labels = (Label(("CL-W", *NETWORK_CHLORINE), "orange", end_ns=end),) if found else ()
    return labels, Dose(-it.size * CHLORINE_MG_L, 0.0, it.onset_ns, it.end_ns)


def _turbid(site: Site, it: Happening) -> Made:
    """Labelled as what is dosed is: above the pack's limit for as long as that waits."""
    found = TURBIDITY_NTU + it.size * _mixed(it) >= MOST_TURBIDITY_NTU + 3.0 * TURBIDITY.noise
    sensors = ("TU-W", *(f"TU-{corner}" for corner in ANALYSED))
    labels = (Label(sensors, "yellow", end_ns=it.end_ns + 4 * HOUR_NS),) if found else ()
    return labels, Dose(0.0, it.size, it.onset_ns, it.end_ns)


def _mixed(it: Happening) -> float:
    """What the clear well has taken over of a change while the analyser's rule still has time for it."""
    seconds = (it.end_ns - it.onset_ns) / SECOND_NS
    return float(after_clear_well(np.array([max(seconds - SEEN_S, 0.0)]), 0.0, seconds)[0])


def _flushing(site: Site, it: Happening) -> Made:
    return (), Hole(it.where, it.size, it.onset_ns, it.end_ns)


def _festival(site: Site, it: Happening) -> Made:
    return (), Draw(it.size, it.onset_ns, it.end_ns)


def _kind(
    kind: str,
    measure: str,
    sizes: tuple[float, float, float],
    words: tuple[str, str],
    places: tuple[str, ...],
    make: Callable[[Site, Happening], Made],
) -> CauseKind[Cause]:
    usual, least, most = sizes
    return CauseKind(
        kind, measure, usual, least, most, words[0], words[1], lambda site: places, make
    )


HOLE: Final = "diameter of the hole, mm"
KINDS: Final = (
    _kind(
        "leak",
        HOLE,
        (30.0, 18.0, 60.0),
        ("a main leaks at {where}: a hole of {size} mm", "{where}处管道漏水，孔径{size}毫米"),
        CORNERS,
        _leak,
    ),
    _kind(
        "burst",
        HOLE,
        (100.0, 70.0, 150.0),
        ("a main bursts at {where}: {size} mm", "{where}处爆管，口径{size}毫米"),
        CORNERS,
        _burst,
    ),
    _kind(
        "pump.trip",
        "pumps that are out",
        (2.0, 1.0, 2.0),
        ("{size} pumps are out", "{size}台水泵停运"),
        ("pumps",),
        _trip,
    ),
    _kind(
        "chlorine.failure",
        "share of the dose that is missing",
        (1.0, 0.1, 1.0),
        ("chlorine dosing fails (share {size})", "加氯故障（缺失比例{size}）"),
        ("works",),
        _dosing,
    ),
    _kind(
        "turbidity",
        "turbidity of the filtered water above its usual, NTU",
        (4.0, 1.5, 50.0),
        ("a filter breaks through: {size} NTU more", "滤池穿透，浊度升高{size} NTU"),
        ("works",),
        _turbid,
    ),
    _kind(
        "flushing",
        HOLE,
        (40.0, 20.0, 50.0),
        ("a hydrant is flushed at {where}", "{where}处消火栓冲洗排放"),
        CORNERS,
        _flushing,
    ),
    _kind(
        "festival",
        "demand as a multiple of the usual",
        (1.15, 0.6, 1.3),
        ("a festival: demand times {size}", "节假日用水，为平时的{size}倍"),
        ("district",),
        _festival,
    ),
)


def _tell(chapter: Chapter) -> None:
    """One story: flushing, a leak, a burst, a breakthrough, both pumps out; three faults."""
    dice = chapter.dice

    def corner() -> str:
        return CORNERS[int(dice.integers(len(CORNERS)))]

    chapter.happens("flushing", corner(), (chapter.at(0.06), chapter.at(0.10)))
    leak = float(dice.uniform(26.0, 40.0))
    chapter.happens("leak", corner(), (chapter.at(0.14), chapter.at(0.44)), leak)
    chapter.happens("burst", corner(), (chapter.at(0.52), chapter.at(0.56)))
    chapter.happens("turbidity", "works", (chapter.at(0.62), chapter.at(0.68)))
    chapter.happens("pump.trip", "pumps", (chapter.at(0.74), chapter.at(0.86)))
    chapter.happens("chlorine.failure", "works", (chapter.at(0.90), chapter.at(0.96)))
    stuck = f"PT-{LOGGED[int(dice.integers(len(LOGGED)))]}"
    chapter.breaks("stuck", [stuck], (0.05, 0.30), ("reading frozen", "读数冻结"))
    chapter.breaks("spike", ["TU-N77"], (0.10, 0.50), ("bubbles", "气泡干扰"), 37.0)
    of_streets = [p.id for p in chapter.site.points if p.gateway == 3]
    chapter.breaks("backlog", of_streets, (0.46, 0.49), ("network down, sent later", "断网补传"))
