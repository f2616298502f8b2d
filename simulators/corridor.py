"""The corridor site: a utility corridor of some sections, each with three compartments.

Every compartment has temperature, humidity, oxygen and the level of its sump; that for power carbon
monoxide, that for pipes hydrogen sulfide, that for gas a bead. A sample a minute.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from lifeline.engine.limits import SECOND_NS

from .cause import CauseKind, Happening, Label, Run
from .corridor_air import KINDS, PUMP_STARTS_M, Cause, Corridor, Kind, What, names_of
from .incidents import Level
from .plant import Gateway, Point, Site, World
from .script import Chapter, storyteller
from .sensor import Instrument

THERMOMETER: Final = Instrument(-40.0, 80.0, 0.1, noise=0.05, t90_s=60.0)
HYGROMETER: Final = Instrument(0.0, 100.0, 0.1, noise=0.3, t90_s=120.0)
OXYGEN: Final = Instrument(0.0, 25.0, 0.01, noise=0.03, t90_s=20.0)
CARBON_MONOXIDE: Final = Instrument(0.0, 1250.0, 0.1, noise=0.3, t90_s=40.0)
SULFIDE: Final = Instrument(0.0, 150.0, 0.1, noise=0.1, t90_s=40.0)
BEAD: Final = Instrument(0.0, 100.0, 0.1, noise=0.25, t90_s=15.0, peg=110.0)
GAUGE: Final = Instrument(0.0, 5.0, 0.001, noise=0.004)
CENTRE: Final = (31.7790, 117.3120)
HIGH_WATER_M: Final = 1.2
Made = tuple[tuple[Label, ...], Cause]

# (what, quantity, unit, Chinese name, instrument, greatest rate, gas)
_COMMON: Final = (
    ("temp", "corridor.temp", "Cel", "温度", THERMOMETER, 0.5, ""),
    ("humidity", "corridor.humidity", "%", "湿度", HYGROMETER, 0.5, ""),
    ("o2", "gas.o2", "%VOL", "氧气", OXYGEN, None, ""),
    ("water", "corridor.water_level", "m", "集水坑水位", GAUGE, 0.05, ""),
)
_OWN: Final[dict[Kind, tuple[Any, ...]]] = {
    "power": ("co", "gas.co", "mg/m3", "一氧化碳", CARBON_MONOXIDE, None, ""),
    "pipes": ("h2s", "gas.h2s", "mg/m3", "硫化氢", SULFIDE, None, ""),
    "gas": ("lel", "gas.combustible", "%LEL", "甲烷", BEAD, 20.0, "methane"),
}
_TITLE: Final[dict[Kind, str]] = {"power": "电力舱", "pipes": "综合舱", "gas": "燃气舱"}


def corridor(site_id: str = "corridor", *, sections: int = 3, interval_s: float = 60.0) -> Site:
    """A corridor of `sections` (1 to 99), sampled every `interval_s` (whole seconds)."""
    if not 1 <= sections <= 99:
        raise ValueError(f"a corridor has 1 to 99 sections, found {sections}")
    if interval_s < 1.0 or interval_s != round(interval_s):
        raise ValueError(f"telemetry comes every whole number of seconds, found {interval_s}")
    step_ns = round(interval_s) * SECOND_NS
    return Site(
        name="corridor",
        id=site_id,
        tenant="linjiang-corridor",
        area="linjiang/centre/avenue",
        title="临江大道综合管廊",
        domain="corridor",
        shape="points",
        lat=CENTRE[0],
        lon=CENTRE[1],
        step_ns=step_ns,
        resolution_ns=1_000_000,
        window_ns=step_ns,
        gateways=tuple(
            Gateway(f"section-{s + 1}", (71 + 113 * s) % 900 * 1_000_000) for s in range(sections)
        ),
        points=tuple(p for s in range(sections) for p in _section(s)),
        write_script=storyteller(_tell),
        causes=CAUSES,
        make_world=partial(_world, sections),
        packs=PACKS,
    )


def _world(sections: int, site: Site, run: Run, causes: tuple[Cause, ...]) -> World:
    return Corridor(sections, causes, run.seed, site.step_ns / SECOND_NS)


def _section(section: int) -> list[Point]:
    points: list[Point] = []
    for kind, name in zip(KINDS, names_of(section), strict=True):
        for what, quantity, unit, title, instrument, rate, gas in (*_COMMON, _OWN[kind]):
            points.append(
                Point(
                    id=f"{name}-{what}",
                    gateway=section,
                    quantity=quantity,
                    unit=unit,
                    asset=name,
                    name=f"{section + 1}区{_TITLE[kind]}{title}",
                    instrument=instrument,
                    gas=gas,
                    max_rate=rate,
                    lat=CENTRE[0],
                    lon=round(CENTRE[1] + 0.002 * section, 6),
                )
            )
    return points


PACKS: Final = (
    {
        "pack": "corridor",
        "given": {"pump_level": f"{PUMP_STARTS_M:g} m", "high_water": f"{HIGH_WATER_M:g} m"},
    },
    {"pack": "gas.toxic", "sensor": "*-co"},
)


def _places(kind: Kind | None, site: Site) -> tuple[str, ...]:
    assets = dict.fromkeys(p.asset for p in site.points)
    return tuple(a for a in assets if kind is None or a.endswith(kind))


def _make(what: What, seen: tuple[tuple[str, Level], ...], site: Site, it: Happening) -> Made:
    labels = tuple(Label((f"{it.where}-{point}",), level) for point, level in seen)
    return labels, Cause(what, it.where, it.size, it.onset_ns, it.end_ns)


def _gas(site: Site, it: Happening) -> Made:
    """From some 180 m3/h even accident ventilation leaves a quarter of the explosive limit."""
    level: Level = "red" if it.size > 200.0 else "orange"
    return _make("gas.leak", (("lel", level),), site, it)


def _kind(
    what: What,
    measure: str,
    sizes: tuple[float, float, float],
    en: str,
    zh: str,
    place: Kind | None,
    *seen: tuple[str, Level],
) -> CauseKind[Cause]:
    usual, least, most = sizes
    places = partial(_places, place)
    return CauseKind(what, measure, usual, least, most, en, zh, places, partial(_make, what, seen))


CAUSES: Final[tuple[CauseKind[Any], ...]] = (
    CauseKind(
        "gas.leak",
        "gas let out, m3/h",
        40.0,
        15.0,
        600.0,
        "the gas line in {where} leaks {size} m3/h",
        "{where}燃气管道泄漏 {size} m3/h",
        partial(_places, "gas"),
        _gas,
    ),
    _kind(
        "cable.fire",
        "heat of the fire, kW",
        (120.0, 90.0, 1000.0),
        "a cable burns in {where} ({size} kW)",
        "{where}电缆起火（{size} kW）",
        "power",
        ("temp", "orange"),
        ("co", "red"),
    ),
    _kind(
        "cable.overload",
        "heat beyond the usual, kW",
        (18.0, 15.0, 40.0),
        "overloaded cables warm {where} by {size} kW",
        "{where}电缆过载发热（{size} kW）",
        "power",
        ("temp", "yellow"),
    ),
    _kind(
        "inert.release",
        "nitrogen let out, m3/h",
        (250.0, 150.0, 2000.0),
        "nitrogen escapes into {where}, {size} m3/h",
        "{where}氮气泄漏 {size} m3/h",
        None,
        ("o2", "orange"),
    ),
    _kind(
        "sewer.gas",
        "hydrogen sulfide let out, mg/s",
        (5.0, 3.0, 40.0),
        "the sewage pipe in {where} lets out {size} mg/s of hydrogen sulfide",
        "{where}污水管逸出硫化氢 {size} mg/s",
        "pipes",
        ("h2s", "orange"),
    ),
    _kind(
        "pipe.burst",
        "water let out, m3/h",
        (60.0, 25.0, 500.0),
        "a water pipe bursts in {where}, {size} m3/h",
        "{where}给水管爆管 {size} m3/h",
        "pipes",
        ("water", "orange"),
    ),
    _kind(
        "pump.failure",
        "share of its flow that the pump lost, %",
        (100.0, 99.0, 100.0),
        "the sump pump of {where} fails",
        "{where}集水坑水泵故障",
        None,
        ("water", "blue"),
    ),
    _kind(
        "fan.failure",
        "share of the fans that stand still",
        (1.0, 0.5, 1.0),
        "the fans of {where} stand still",
        "{where}风机停运",
        None,
    ),
    _kind(
        "inspection",
        "how much more air the open doors let in, times",
        (1.0, 0.5, 3.0),
        "people walk through {where}",
        "{where}人员巡检",
        None,
    ),
)
# A kind, and between which shares of the story it acts.
STORY: Final = (
    ("gas.leak", 0.08, 0.14),
    ("inspection", 0.10, 0.12),
    ("cable.overload", 0.20, 0.30),
    ("sewer.gas", 0.34, 0.42),
    ("cable.fire", 0.46, 0.47),
    ("pump.failure", 0.50, 0.62),
    ("inert.release", 0.66, 0.72),
    ("pipe.burst", 0.78, 0.82),
    ("fan.failure", 0.84, 0.92),
    ("inspection", 0.90, 0.92),
)


def _tell(chapter: Chapter) -> None:
    """One story: each kind once, somewhere, and faults of instruments elsewhere."""
    chapter.each_once(STORY, lambda kind: min(kind.most, 1.5 * kind.usual))
    chapter.breaks("stuck", ["s1-power-humidity"], (0.10, 0.40), ("reading frozen", "读数冻结"))
    chapter.breaks("silent", ["s1-pipes-temp"], (0.40, 0.55), ("no data", "无数据"))
    chapter.breaks("declared", ["s1-gas-o2"], (0.55, 0.60), ("declares a fault", "自报故障"))
    chapter.breaks("duplicate", ["s1-gas-temp"], (0.70, 0.80), ("sent twice", "重复发送"), 0.25)
