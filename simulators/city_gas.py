"""The city-gas site: valve manholes and governors, each sensor its own MQTT message.

Every manhole holds CH4 (%VOL, or ppm at every second station), a bead (%LEL) that pegs at 110,
O2, temperature, the tilt of its cover and the pressure in the main; every station a governor.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Final

from lifeline.engine.limits import SECOND_NS

from .district import (
    MANHOLES_PER_STATION,
    Cause,
    District,
    Overpressure,
    Release,
    Tilt,
    hole_for,
    manhole_name,
    station_name,
)
from .plant import Gateway, Point, Script, Site
from .script import Chapter, write_script
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
        write_script=partial(_write_script, manholes),
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


def _write_script(
    manholes: int, site: Site, start_ns: int, duration_s: float, seed: int, intensity: int
) -> Script:
    step_s = site.step_ns / SECOND_NS
    return write_script(
        site,
        start_ns,
        duration_s,
        seed,
        intensity,
        tell=partial(_tell, manholes),
        world=lambda causes: District(manholes, causes, seed, step_s),
    )


def _tell(manholes: int, chapter: Chapter) -> list[Cause]:
    """One story: a leak, a seep, an open cover, an over-pressure, and five faults elsewhere."""
    places = [int(p) for p in chapter.dice.permutation(manholes)]
    causes: list[Cause] = [
        _leak(chapter, places[0]),
        _seep(chapter, places[1]),
        _opened(chapter, places[2]),
        _overpressure(chapter),
    ]
    a, b, c = (manhole_name(places[(3 + i) % manholes]) for i in range(3))
    chapter.breaks("stuck", [f"{a}-o2"], (0.10, 0.70), ("reading frozen", "读数冻结"))
    chapter.breaks("silent", [f"{b}-temp"], (0.30, 0.62), ("no data", "无数据"))
    chapter.breaks("declared", [f"{c}-lel"], (0.35, 0.55), ("declares a fault", "自报故障"))
    chapter.breaks("spike", [f"{a}-pressure"], (0.20, 0.90), ("spikes", "尖峰干扰"), 7.0)
    chapter.breaks("duplicate", [f"{b}-ch4"], (0.50, 0.80), ("sent twice", "重复发送"), 0.25)
    return causes


def _gas_sensors(place: int) -> list[str]:
    return [f"{manhole_name(place)}-{what}" for what in ("ch4", "lel", "o2")]


def _leak(chapter: Chapter, place: int) -> Release:
    onset, end = chapter.at(0.14), chapter.at(0.55)
    period_s = (end - onset) / SECOND_NS
    chapter.happens(
        "leak",
        _gas_sensors(place),
        (onset, end),
        "red",
        (
            f"a growing leak fills manhole {place + 1} with gas",
            f"{place + 1}号阀井燃气泄漏并不断扩大",
        ),
    )
    aired = _aired(chapter, place, end)
    return Release(place, hole_for(0.25, 0.6 * period_s), 0.3 * period_s, onset, end, aired)


def _seep(chapter: Chapter, place: int) -> Release:
    onset, end = chapter.at(0.18), chapter.at(0.78)
    chapter.happens(
        "seep",
        _gas_sensors(place),
        (onset, end),
        "orange",
        (f"a small leak seeps into manhole {place + 1}", f"{place + 1}号阀井燃气微量渗漏"),
    )
    aired = _aired(chapter, place, end)
    return Release(place, hole_for(0.022, (end - onset) / SECOND_NS), 0.0, onset, end, aired)


def _aired(chapter: Chapter, place: int, onset: int) -> int:
    """The crew opens the cover; the time at which it leaves."""
    end = chapter.story.at(CREW_LEAVES)
    chapter.happens(
        "cover",
        [f"{manhole_name(place)}-cover"],
        (onset, end),
        "yellow",
        (
            f"the crew lifts the cover of manhole {place + 1} to air it",
            f"抢修人员打开{place + 1}号阀井井盖通风",
        ),
    )
    return end


def _opened(chapter: Chapter, place: int) -> Tilt:
    onset, end = chapter.at(0.40), chapter.at(0.62)
    chapter.happens(
        "cover",
        [f"{manhole_name(place)}-cover"],
        (onset, end),
        "yellow",
        (f"the cover of manhole {place + 1} stands open", f"{place + 1}号阀井井盖被打开"),
    )
    return Tilt(place, onset, end)


def _overpressure(chapter: Chapter) -> Overpressure:
    station = int(chapter.dice.integers(len(chapter.site.gateways)))
    onset, end = chapter.at(0.60), chapter.at(0.82)
    chapter.happens(
        "overpressure",
        [f"{station_name(station)}-outlet"],
        (onset, end),
        "orange",
        (
            f"governor {station + 1} lets too much pressure through",
            f"{station + 1}号调压站出口超压",
        ),
    )
    return Overpressure(station, 2.2, onset, end)
