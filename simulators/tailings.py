"""The tailings-dam site: loggers that send wide objects with whole-second local time.

Each section has four piezometers (depth of the phreatic surface, m) and a displacement station (mm);
the pond logger the pond's level (m), seepage (L/s) and its turbidity (NTU); the weather logger rain
(mm/h), air pressure (mbar) and temperature (°F).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

from lifeline.engine.limits import SECOND_NS

from .dam import (
    PIEZOMETERS_PER_SECTION,
    Cause,
    Creep,
    Dam,
    Piping,
    Storm,
    compression_of,
    told_share,
)
from .plant import Gateway, Point, Script, Site
from .script import Chapter, write_script
from .sensor import Instrument

PIEZOMETER: Final = Instrument(-2.0, 50.0, 0.001, noise=0.01)
DISPLACEMENT: Final = Instrument(-2000.0, 2000.0, 0.01, noise=0.15)
POND: Final = Instrument(140.0, 160.0, 0.001, noise=0.004)
SEEPAGE: Final = Instrument(0.0, 100.0, 0.01, noise=0.08)
TURBIDITY: Final = Instrument(0.0, 1000.0, 0.01, noise=0.08)
RAIN_GAUGE: Final = Instrument(0.0, 300.0, 0.1)
BAROMETER: Final = Instrument(800.0, 1100.0, 0.1, noise=0.1, peg=1150.0)
THERMOMETER_F: Final = Instrument(-40.0, 140.0, 0.1, noise=0.1)

CENTRE: Final = (31.7402, 117.0981)
HOUR_S: Final = 3600.0
DAY_S: Final = 86_400.0


def tailings(site_id: str = "tailings", *, sections: int = 2, interval_s: float = 1.0) -> Site:
    """A dam with `sections` instrumented sections (1 to 9), sampled every `interval_s`, a whole
    number of seconds (its loggers print no fractions)."""
    if not 1 <= sections <= 9:
        raise ValueError(f"a dam has 1 to 9 sections, found {sections}")
    if interval_s < 1.0 or interval_s != round(interval_s):
        raise ValueError(f"a logger samples every whole number of seconds, found {interval_s}")
    names = [f"section-{s + 1}" for s in range(sections)] + ["pond", "weather"]
    points = [p for s in range(sections) for p in _section_points(s)]
    step_ns = round(interval_s) * SECOND_NS
    return Site(
        name="tailings",
        id=site_id,
        tenant="binhe-mining",
        area="binhe/west/ridge",
        title="滨河尾矿库",
        domain="tailings",
        shape="wide",
        lat=CENTRE[0],
        lon=CENTRE[1],
        step_ns=step_ns,
        resolution_ns=SECOND_NS,
        window_ns=step_ns,
        gateways=tuple(Gateway(n, (211 + 97 * i) % 900 * 1_000_000) for i, n in enumerate(names)),
        points=tuple(points + _pond_points(sections) + _weather_points(sections + 1)),
        write_script=partial(_write_script, sections),
    )


def _section_points(section: int) -> list[Point]:
    point = partial(
        Point,
        gateway=section,
        asset=f"section-{section + 1}",
        lat=CENTRE[0],
        lon=round(CENTRE[1] + 0.002 * section, 6),
    )
    wells = [
        point(
            id=f"piezo_{section * PIEZOMETERS_PER_SECTION + i + 1:02d}",
            quantity="dam.phreatic.depth",
            unit="m",
            name=f"{section + 1}号断面{i + 1}号浸润线埋深",
            instrument=PIEZOMETER,
            max_rate=1.0 / HOUR_S,
        )
        for i in range(PIEZOMETERS_PER_SECTION)
    ]
    moving = partial(point, unit="mm", instrument=DISPLACEMENT, max_rate=400.0 / DAY_S)
    return [
        *wells,
        moving(
            id=f"disp_h_{section + 1:02d}",
            quantity="dam.disp.horizontal",
            name=f"{section + 1}号断面水平位移",
        ),
        moving(
            id=f"disp_v_{section + 1:02d}",
            quantity="dam.disp.vertical",
            name=f"{section + 1}号断面沉降",
        ),
    ]


def _pond_points(gateway: int) -> list[Point]:
    point = partial(Point, gateway=gateway, asset="pond", lat=CENTRE[0], lon=CENTRE[1])
    return [
        point(
            id="pond_level",
            quantity="dam.pond.level",
            unit="m",
            name="库水位",
            instrument=POND,
            max_rate=0.5 / HOUR_S,
        ),
        point(
            id="seep_flow",
            quantity="dam.seepage.flow",
            unit="L/s",
            name="渗流量",
            instrument=SEEPAGE,
            max_rate=8.0 / HOUR_S,
        ),
        point(
            id="seep_turb",
            quantity="dam.seepage.turbidity",
            unit="NTU",
            name="渗水浊度",
            instrument=TURBIDITY,
            max_rate=500.0 / HOUR_S,
        ),
    ]


def _weather_points(gateway: int) -> list[Point]:
    point = partial(Point, gateway=gateway, asset="weather", lat=CENTRE[0], lon=CENTRE[1])
    return [
        point(
            id="rain", quantity="weather.rain", unit="mm/h", name="降雨强度", instrument=RAIN_GAUGE
        ),
        point(
            id="baro",
            quantity="weather.pressure",
            unit="mbar",
            name="气压",
            instrument=BAROMETER,
            gain=10.0,
            max_rate=1.0 / HOUR_S,
        ),
        point(
            id="air_temp",
            quantity="weather.temp",
            unit="°F",
            name="气温",
            instrument=THERMOMETER_F,
            gain=1.8,
            zero=32.0,
            max_rate=5.0 / 600.0,
        ),
    ]


def _write_script(
    sections: int, site: Site, start_ns: int, duration_s: float, seed: int, intensity: int
) -> Script:
    story_s = duration_s / max(1, intensity)
    compression = compression_of(story_s)
    step_s = site.step_ns / SECOND_NS
    script = write_script(
        site,
        start_ns,
        duration_s,
        seed,
        intensity,
        tell=partial(_tell, sections, told_share(story_s)),
        world=lambda causes: Dam(sections, causes, step_s, compression),
    )
    return replace(script, compression=compression)


def _tell(sections: int, share: float, chapter: Chapter) -> list[Cause]:
    """One story: a storm fills pond and dam, a section creeps, fines wash out; five faults."""
    section = int(chapter.dice.integers(sections))
    other = (section + 1) % sections

    def at(fraction: float) -> int:
        return chapter.at(fraction * share, 0.01 * share)

    causes: list[Cause] = [_storm(chapter, at), _creep(chapter, at, section), _piping(chapter, at)]

    def within(onset: float, end: float) -> tuple[float, float]:
        return onset * share, end * share

    well = f"piezo_{other * PIEZOMETERS_PER_SECTION + 4:02d}"
    chapter.breaks("stuck", [well], within(0.05, 0.85), ("reading frozen", "读数冻结"))
    chapter.breaks("over_range", ["baro"], within(0.35, 0.45), ("over range", "超量程"))
    chapter.breaks(
        "silent",
        ["rain", "baro", "air_temp"],
        within(0.62, 0.90),
        ("logger down", "采集仪掉线"),
    )
    chapter.breaks("declared", ["seep_turb"], within(0.84, 0.92), ("declares a fault", "自报故障"))
    chapter.breaks("spike", ["air_temp"], within(0.10, 0.55), ("spikes", "尖峰干扰"), 11.0)
    return causes


def _storm(chapter: Chapter, at: Callable[[float], int]) -> Storm:
    onset, end, drained, closed = at(0.08), at(0.20), at(0.55), at(0.98)
    chapter.happens(
        "storm", ["rain"], (onset, end), "yellow", ("heavy rain falls", "库区遭遇强降雨")
    )
    chapter.happens(
        "pond",
        ["pond_level"],
        (onset, drained),
        "orange",
        ("the pond rises towards its design flood level", "库水位逼近设计洪水位"),
    )
    wells = [p.id for p in chapter.site.points if p.quantity == "dam.phreatic.depth"]
    # In every section it is the second well that comes nearest to the slope.
    wells = wells[1::PIEZOMETERS_PER_SECTION]
    chapter.happens(
        "phreatic",
        wells,
        (onset, drained),
        "red",
        ("the phreatic surface rises beyond control depth", "浸润线埋深低于控制值"),
    )
    return Storm(30.0, onset, end, drained, closed)


def _creep(chapter: Chapter, at: Callable[[float], int], section: int) -> Creep:
    onset, end = at(0.34), at(0.86)
    chapter.happens(
        "creep",
        [f"disp_h_{section + 1:02d}", f"disp_v_{section + 1:02d}"],
        (onset, end),
        "orange",
        (f"section {section + 1} creeps ever faster", f"{section + 1}号断面位移加速发展"),
    )
    return Creep(section, onset, end)


def _piping(chapter: Chapter, at: Callable[[float], int]) -> Piping:
    onset, end = at(0.46), at(0.70)
    chapter.happens(
        "piping",
        ["seep_flow", "seep_turb"],
        (onset, end),
        "yellow",
        ("the seepage turns turbid: fines are washed out", "渗水浑浊，坝体细颗粒流失"),
    )
    return Piping(onset, end)
