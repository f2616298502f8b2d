"""The city-gas site: valve manholes and governors, each sensor its own MQTT message.

Every manhole holds CH4 (%VOL, or ppm at every second station), a bead (%LEL) that pegs at 110,
O2, temperature, the tilt of its cover and the pressure in the main; every station a governor.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Final

from lifeline.engine.limits import SECOND_NS

from .cause import CauseKind, Happening, Label, Run
from .district import (
    BLOWER_M3_S,
    MANHOLES_PER_STATION,
    Cause,
    District,
    Overpressure,
    Release,
    Tilt,
    hole_for,
    manhole_name,
    reached_by,
    station_name,
)
from .incidents import Level
from .plant import Gateway, Point, Site, World
from .script import Chapter, storyteller
from .sensor import Instrument

CH4_VOL: Final = Instrument(0.0, 100.0, 0.01, noise=0.01, t90_s=8.0)
CH4_PPM: Final = Instrument(0.0, 1_000_000.0, 10.0, noise=80.0, t90_s=5.0)
BEAD: Final = Instrument(0.0, 100.0, 0.1, noise=0.25, t90_s=10.0, drift_per_day=0.02, peg=110.0)
OXYGEN: Final = Instrument(0.0, 25.0, 0.01, noise=0.03, t90_s=12.0)
THERMOMETER: Final = Instrument(-40.0, 80.0, 0.01, noise=0.03)
TILT: Final = Instrument(-90.0, 90.0, 1.0)
MAIN_GAUGE: Final = Instrument(0.0, 600.0, 0.1, noise=0.4)
OUTLET_GAUGE: Final = Instrument(0.0, 1000.0, 0.1, noise=0.5)
FLOW_METER: Final = Instrument(0.0, 5000.0, 0.1, noise=3.0)

# A broken fitting fills three cubic metres by some per cent a second; the catalogue's 5 %VOL/min
# is meant for seepage through soil.
CHAMBER_RATE: Final = 10.0
BEAD_RATE: Final = 100.0

CENTRE: Final = (31.8206, 117.2272)
CREW_LEAVES: Final = 0.985
# The share of its time over which a leak grows.
GROWING: Final = 0.3
# %VOL, gravest first: the beads' and the methane sensors' limits, whichever is lower.
REACHED: Final[dict[Level, float]] = {"red": 2.5, "orange": 1.25, "yellow": 1.0, "blue": 0.5}


def city_gas(site_id: str = "city-gas", *, manholes: int = 6, interval_s: float = 1.0) -> Site:
    """A district of `manholes` (three a station, at least three); gas is sampled every
    `interval_s`, a multiple of 0.1 s."""
    if manholes < MANHOLES_PER_STATION:
        raise ValueError(f"a district has at least 3 manholes, found {manholes}")
    stations = -(-manholes // MANHOLES_PER_STATION)
    points = [p for place in range(manholes) for p in _manhole_points(place)]
    points += [p for station in range(stations) for p in _governor_points(station)]
    step_ns = round(interval_s * 10) * SECOND_NS // 10
    return Site(
        name="city-gas",
        id=site_id,
        tenant="binhe-gas",
        area="binhe/north/wharf",
        title="滨河燃气北区",
        domain="gas",
        shape="single",
        lat=CENTRE[0],
        lon=CENTRE[1],
        step_ns=step_ns,
        resolution_ns=1_000_000,
        window_ns=step_ns,
        gateways=tuple(
            Gateway(station_name(s), (37 + 61 * s) % 97 * 1_000_000) for s in range(stations)
        ),
        points=tuple(points),
        write_script=storyteller(_tell),
        causes=CAUSES,
        make_world=partial(_world, manholes),
    )


def _manhole_points(place: int) -> list[Point]:
    name = manhole_name(place)
    station = place // MANHOLES_PER_STATION
    point = partial(
        Point,
        gateway=station,
        asset=name,
        lat=round(CENTRE[0] + 0.0012 * math.cos(place), 6),
        lon=round(CENTRE[1] + 0.0015 * math.sin(place), 6),
    )
    well = f"{place + 1}号阀井"
    in_ppm = station % 2 == 1
    return [
        point(
            id=f"{name}-ch4",
            quantity="gas.ch4.space",
            unit="ppm" if in_ppm else "%VOL",
            name=f"{well}甲烷",
            instrument=CH4_PPM if in_ppm else CH4_VOL,
            gain=1e4 if in_ppm else 1.0,
            gas="methane",
            max_rate=CHAMBER_RATE,
        ),
        point(
            id=f"{name}-lel",
            quantity="gas.combustible",
            unit="%LEL",
            name=f"{well}可燃气体",
            instrument=BEAD,
            gas="methane",
            max_rate=BEAD_RATE,
        ),
        point(
            id=f"{name}-o2", quantity="gas.o2", unit="%VOL", name=f"{well}氧气", instrument=OXYGEN
        ),
        point(
            id=f"{name}-temp",
            quantity="corridor.temp",
            unit="°C",
            name=f"{well}温度",
            instrument=THERMOMETER,
            every=5,
        ),
        point(
            id=f"{name}-cover",
            quantity="cover.tilt",
            unit="deg",
            name=f"{well}井盖倾角",
            instrument=TILT,
            reports="event",
        ),
        point(
            id=f"{name}-pressure",
            quantity="pipe.gas.pressure",
            unit="kPa",
            name=f"{well}管道压力",
            instrument=MAIN_GAUGE,
            every=2,
        ),
    ]


def _governor_points(station: int) -> list[Point]:
    name = station_name(station)
    point = partial(Point, gateway=station, asset=f"{name}-governor", lat=CENTRE[0], lon=CENTRE[1])
    governor = f"{station + 1}号调压站"
    return [
        point(
            id=f"{name}-inlet",
            quantity="pipe.gas.pressure",
            unit="kPa",
            name=f"{governor}进口压力",
            instrument=MAIN_GAUGE,
        ),
        point(
            id=f"{name}-outlet",
            quantity="pipe.gas.pressure",
            unit="mbar",
            name=f"{governor}出口压力",
            instrument=OUTLET_GAUGE,
            gain=10.0,
        ),
        point(
            id=f"{name}-flow",
            quantity="pipe.gas.flow",
            unit="m3/h",
            name=f"{governor}流量",
            instrument=FLOW_METER,
            every=5,
        ),
    ]


def _world(manholes: int, site: Site, run: Run, causes: tuple[Cause, ...]) -> World:
    return District(manholes, causes, run.seed, site.step_ns / SECOND_NS)


def _manholes(site: Site) -> tuple[str, ...]:
    return tuple(p.asset for p in site.points if p.quantity == "gas.o2")


def _governors(site: Site) -> tuple[str, ...]:
    return tuple(f"{g.name}-governor" for g in site.gateways)


def _place(manhole: str) -> int:
    return int(manhole.removeprefix("m")) - 1


def _leak(grows: bool, site: Site, it: Happening) -> tuple[tuple[Label, ...], Release]:
    """A hole of a diameter in mm; a leak grows to it over a third of its time, a seep does not.

    It is to be found at the level that its gas reaches in still air, with a fifth to spare; what stays below
    the first level is not.
    """
    area = math.pi / 4.0 * (it.size / 1000.0) ** 2
    growth_s = GROWING * it.duration_s if grows else 0.0
    reached = 100.0 / 1.2 * reached_by(area, it.duration_s - 0.5 * growth_s)
    sensors = tuple(f"{it.where}-{what}" for what in ("ch4", "lel", "o2"))
    labels = tuple(Label(sensors, level) for level, least in REACHED.items() if reached > least)
    return labels[:1], Release(_place(it.where), area, growth_s, it.onset_ns, it.end_ns)


def _cover(site: Site, it: Happening) -> tuple[tuple[Label, ...], Tilt]:
    label = Label((f"{it.where}-cover",), "yellow")
    return (label,), Tilt(_place(it.where), it.onset_ns, it.end_ns, angle=it.size)


def _airing(site: Site, it: Happening) -> tuple[tuple[Label, ...], Tilt]:
    label = Label((f"{it.where}-cover",), "yellow", kind="cover")
    return (label,), Tilt(_place(it.where), it.onset_ns, it.end_ns, blower_m3_s=it.size)


def _overpressure(site: Site, it: Happening) -> tuple[tuple[Label, ...], Overpressure]:
    station = _governors(site).index(it.where)
    label = Label((f"{station_name(station)}-outlet",), "orange")
    return (label,), Overpressure(station, it.size, it.onset_ns, it.end_ns)


CAUSES: Final = (
    CauseKind(
        kind="leak",
        measure="diameter of the hole in the main, mm",
        usual=2.0,
        least=0.3,
        most=25.0,
        what_en="a growing leak ({size} mm) fills manhole {where} with gas",
        what_zh="{where}阀井燃气泄漏并不断扩大（孔径{size} mm）",
        places=_manholes,
        make=partial(_leak, True),
    ),
    CauseKind(
        kind="seep",
        measure="diameter of the hole in the main, mm",
        usual=0.2,
        least=0.1,
        most=16.0,
        what_en="a small leak ({size} mm) seeps into manhole {where}",
        what_zh="{where}阀井燃气微量渗漏（孔径{size} mm）",
        places=_manholes,
        make=partial(_leak, False),
    ),
    CauseKind(
        kind="cover",
        measure="angle at which the cover stands, deg",
        usual=35.0,
        least=15.0,
        most=90.0,
        what_en="the cover of manhole {where} stands open",
        what_zh="{where}阀井井盖被打开",
        places=_manholes,
        make=_cover,
    ),
    CauseKind(
        kind="airing",
        measure="air that the crew's blower moves, m3/s",
        usual=BLOWER_M3_S,
        least=0.0,
        most=2.0,
        what_en="the crew lifts the cover of manhole {where} to air it",
        what_zh="抢修人员打开{where}阀井井盖通风",
        places=_manholes,
        make=_airing,
    ),
    CauseKind(
        kind="overpressure",
        measure="pressure let through beyond the set point, kPa",
        usual=2.2,
        least=1.8,
        most=20.0,
        what_en="{where} lets too much pressure through ({size} kPa)",
        what_zh="{where}调压器出口超压（{size} kPa）",
        places=_governors,
        make=_overpressure,
    ),
)


def _tell(chapter: Chapter) -> None:
    """One story: a leak, a seep, an open cover, an over-pressure, and five faults elsewhere."""
    manholes = _manholes(chapter.site)
    places = [manholes[p] for p in chapter.dice.permutation(len(manholes))]
    left = chapter.story.at(CREW_LEAVES)
    onset, end = chapter.at(0.14), chapter.at(0.55)
    size = _diameter(0.25, 0.6 * (end - onset) / SECOND_NS)
    chapter.happens("leak", places[0], (onset, end), max(0.3, size))
    chapter.happens("airing", places[0], (end, left))
    onset, end = chapter.at(0.18), chapter.at(0.78)
    size = _diameter(0.022, (end - onset) / SECOND_NS)
    chapter.happens("seep", places[1], (onset, end), max(0.1, size))
    chapter.happens("airing", places[1], (end, left))
    chapter.happens("cover", places[2], (chapter.at(0.40), chapter.at(0.62)))
    governors = _governors(chapter.site)
    governor = governors[int(chapter.dice.integers(len(governors)))]
    chapter.happens("overpressure", governor, (chapter.at(0.60), chapter.at(0.82)))
    a, b, c = (places[(3 + i) % len(places)] for i in range(3))
    chapter.breaks("stuck", [f"{a}-o2"], (0.10, 0.70), ("reading frozen", "读数冻结"))
    chapter.breaks("silent", [f"{b}-temp"], (0.30, 0.62), ("no data", "无数据"))
    chapter.breaks("declared", [f"{c}-lel"], (0.35, 0.55), ("declares a fault", "自报故障"))
    chapter.breaks("spike", [f"{a}-pressure"], (0.20, 0.90), ("spikes", "尖峰干扰"), 7.0)
    chapter.breaks("duplicate", [f"{b}-ch4"], (0.50, 0.80), ("sent twice", "重复发送"), 0.25)


def _diameter(fraction: float, after_s: float) -> float:
    """The hole (mm) that fills a closed manhole to `fraction` in `after_s`."""
    return 1000.0 * math.sqrt(4.0 / math.pi * hole_for(fraction, after_s))
