"""The tailings-dam site: loggers that send wide objects with whole-second local time.

Each section has four piezometers (depth of the phreatic surface, m) and a displacement station (mm);
the pond logger the pond's level (m), seepage (L/s) and its turbidity (NTU); the weather logger rain
(mm/h), air pressure (mbar) and temperature (°F).
"""

from __future__ import annotations

from functools import partial
from typing import Final

from lifeline.engine.limits import SECOND_NS

from .cause import CauseKind, Happening, Label, Run
from .dam import (
    CREEP_START_MM_D,
    DAY_S,
    DRY_DEPTH_M,
    PIEZOMETERS_PER_SECTION,
    PIPING_NTU,
    Cause,
    Creep,
    Dam,
    Drains,
    Piping,
    Storm,
    answer,
    compression_of,
    told_share,
)
from .incidents import Level
from .plant import Gateway, Point, Site, World
from .script import Chapter, storyteller
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
# What its rules take for a danger: rain in mm/h, rises of pond and phreatic surface in m.
RAINS: Final[dict[Level, float]] = {"yellow": 16.0, "orange": 50.0}
POND_RISES: Final[dict[Level, float]] = {"blue": 1.5, "yellow": 1.7, "orange": 1.85, "red": 2.0}
PHREATIC_RISES: Final[dict[Level, float]] = {
    "blue": DRY_DEPTH_M[1] - 5.2,
    "yellow": DRY_DEPTH_M[1] - 4.8,
    "orange": DRY_DEPTH_M[1] - 4.4,
    "red": DRY_DEPTH_M[1] - 4.0,
}
# How long pond and phreatic surface answer to rain that has ended, of their own time.
ANSWER_S: Final = 3.5 * DAY_S
POND_TOLD: Final = ("the pond rises towards its design flood level", "库水位逼近设计洪水位")
PHREATIC_TOLD: Final = ("the phreatic surface rises towards the slope", "浸润线抬升，埋深变浅")


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
        write_script=storyteller(_tell, compression_of),
        causes=CAUSES,
        make_world=partial(_world, sections),
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


def _world(sections: int, site: Site, run: Run, causes: tuple[Cause, ...]) -> World:
    return Dam(sections, causes, site.step_ns / SECOND_NS, run.compression)


def _dam(site: Site) -> tuple[str, ...]:
    return ("dam",)


def _sections(site: Site) -> tuple[str, ...]:
    return tuple(dict.fromkeys(p.asset for p in site.points if p.quantity == "dam.disp.vertical"))


def _storm(site: Site, it: Happening) -> tuple[tuple[Label, ...], Storm]:
    """Rain of a peak in mm/h. Pond and phreatic surface answer for days: they are to be found at
    the level that they reach, with a twentieth of the way to spare."""
    pond_m, rise_m = answer(it.size, it.process_s)
    # In every section it is the second well that comes nearest to the slope.
    wells = [p.id for p in site.points if p.quantity == "dam.phreatic.depth"]
    wells = wells[1::PIEZOMETERS_PER_SECTION]
    labels = [Label(("rain",), level) for level in _reached(it.size, RAINS)]
    labels += [
        Label(("pond_level",), level, "pond", None, it.after(ANSWER_S), *POND_TOLD)
        for level in _reached(0.95 * pond_m, POND_RISES)
    ]
    labels += [
        Label(tuple(wells), level, "phreatic", None, it.after(ANSWER_S), *PHREATIC_TOLD)
        for level in _reached(0.95 * rise_m, PHREATIC_RISES)
    ]
    return tuple(labels), Storm(it.size, it.onset_ns, it.end_ns)


def _reached(value: float, limits: dict[Level, float]) -> list[Level]:
    """The gravest level whose limit is reached, or none."""
    return [level for level, limit in limits.items() if value >= limit][-1:]


def _drains(site: Site, it: Happening) -> tuple[tuple[Label, ...], Drains]:
    return (), Drains(it.onset_ns, it.end_ns)


def _creep(site: Site, it: Happening) -> tuple[tuple[Label, ...], Creep]:
    section = _sections(site).index(it.where)
    label = Label((f"disp_h_{section + 1:02d}", f"disp_v_{section + 1:02d}"), "orange")
    return (label,), Creep(section, it.onset_ns, it.end_ns, it.size)


def _piping(site: Site, it: Happening) -> tuple[tuple[Label, ...], Piping]:
    return (Label(("seep_flow", "seep_turb"), "yellow"),), Piping(it.onset_ns, it.end_ns, it.size)


CAUSES: Final = (
    CauseKind(
        kind="storm",
        measure="rain at its height, mm/h",
        usual=30.0,
        least=0.5,
        most=150.0,
        what_en="rain falls, up to {size} mm/h",
        what_zh="库区降雨，雨强最大{size} mm/h",
        places=_dam,
        make=_storm,
    ),
    CauseKind(
        kind="drains",
        measure="share of the drains that is opened (all of them)",
        usual=1.0,
        least=1.0,
        most=1.0,
        what_en="the drains are opened",
        what_zh="开启排渗设施",
        places=_dam,
        make=_drains,
    ),
    CauseKind(
        kind="creep",
        measure="speed at the onset, mm/d; it grows to 33 times of it",
        usual=CREEP_START_MM_D,
        least=2.0,
        most=20.0,
        what_en="{where} creeps ever faster",
        what_zh="{where}断面位移加速发展",
        places=_sections,
        make=_creep,
    ),
    CauseKind(
        kind="piping",
        measure="turbidity on top of the ordinary at its height, NTU",
        usual=PIPING_NTU,
        least=8.0,
        most=200.0,
        what_en="the seepage turns turbid ({size} NTU): fines are washed out",
        what_zh="渗水浑浊（{size} NTU），坝体细颗粒流失",
        places=_dam,
        make=_piping,
    ),
)


def _tell(chapter: Chapter) -> None:
    """One story: a storm fills pond and dam, a section creeps, fines wash out; five faults."""
    sections = _sections(chapter.site)
    share = told_share(chapter.story.length_s)
    section = int(chapter.dice.integers(len(sections)))
    other = (section + 1) % len(sections)

    def at(fraction: float) -> int:
        return chapter.at(fraction * share, 0.01 * share)

    chapter.happens("storm", "dam", (at(0.08), at(0.20)))
    chapter.happens("drains", "dam", (at(0.55), at(0.98)))
    chapter.happens("creep", sections[section], (at(0.34), at(0.86)))
    chapter.happens("piping", "dam", (at(0.46), at(0.70)))

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
