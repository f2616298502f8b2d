"""What can happen at the gas-network site, with sizes, places and labels, and the story of a run."""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Final

from .cause import CauseKind, Happening, Label
from .gas_causes import Demand, Gate, Governor, HouseLeak, Leak, Odoriser, Opened, SewerGas
from .gas_plan import BASEMENTS, CHAMBERS, DISTRICTS, GATES, METERED, ODOUR_NODES
from .plant import Site
from .script import Chapter

HOUR_S: Final = 3600.0
SPACES: Final = (*CHAMBERS, *BASEMENTS)
CREW_AIRS_S: Final = 1800.0
# What goes into the soil spreads; a main 2 m beside a chamber gives it some per cent.
CORROSION_SHARE: Final = 0.02
SERVICE_SHARE: Final = 0.01
CORROSION_GROWS_S: Final = 3.0 * HOUR_S
SOIL_S: Final = 0.5 * HOUR_S
Made = tuple[tuple[Label, ...], Any]


def _named(places: tuple[Any, ...]) -> Any:
    names = tuple(p.name for p in places)
    return lambda site: names


def _ordinal(places: tuple[Any, ...], name: str) -> int:
    return [p.name for p in places].index(name)


def _hole(diameter_mm: float) -> float:
    return math.pi / 4.0 * (diameter_mm / 1000.0) ** 2


def _corrosion(site: Site, it: Happening) -> Made:
    """A pinhole that grows; its gas comes through the soil into the chamber beside it."""
    place = _ordinal(CHAMBERS, it.where)
    aired = it.after(CREW_AIRS_S)
    cause = Leak(
        node=CHAMBERS[place].node,
        area_m2=_hole(it.size),
        growth_s=min(CORROSION_GROWS_S, 0.5 * it.duration_s),
        share=CORROSION_SHARE,
        soil_s=SOIL_S,
        space=place,
        onset_ns=it.onset_ns,
        end_ns=it.end_ns,
        aired_ns=aired,
    )
    return (
        Label((f"{it.where}-ch4",), "orange" if it.size >= 2.0 else "yellow"),
        Label(
            (f"{it.where}-cover",),
            "yellow",
            kind="cover",
            onset_ns=it.end_ns,
            end_ns=aired,
            what_en=f"the crew lifts the cover of {it.where} to air it",
            what_zh=f"抢修人员打开{it.where}井盖通风",
        ),
    ), cause


def _damage(site: Site, it: Happening) -> Made:
    """A digger tears the main: at once, to the open air; the whole loop feels it."""
    gauges = tuple(p.id for p in site.points if p.id.endswith(("-inlet", "-pressure")))
    nodes = {p.name: p.node for p in METERED} | {p.name: p.node for p in DISTRICTS}
    node = nodes[it.where]
    cause = Leak(node, _hole(it.size), 0.0, 0.0, SOIL_S, -1, it.onset_ns, it.end_ns, it.end_ns)
    return (Label(gauges, "red"),), cause


def _service(site: Site, it: Happening) -> Made:
    """A service pipe breaks at the wall; its gas creeps into the basement."""
    place = _ordinal(BASEMENTS, it.where)
    cause = Leak(
        node=BASEMENTS[place].node,
        area_m2=_hole(it.size),
        growth_s=0.0,
        share=SERVICE_SHARE,
        soil_s=0.5 * SOIL_S,
        space=len(CHAMBERS) + place,
        onset_ns=it.onset_ns,
        end_ns=it.end_ns,
        aired_ns=it.after(CREW_AIRS_S),
    )
    return (Label((f"{it.where}-lel",), "red"),), cause


def _house(site: Site, it: Happening) -> Made:
    place = _ordinal(DISTRICTS, it.where)
    cause = HouseLeak(place, it.size / HOUR_S, it.onset_ns, it.end_ns)
    return (Label((f"{it.where}-lel",), "red" if it.size >= 2.0 else "orange"),), cause


def _governor(sign: float, site: Site, it: Happening) -> Made:
    place = _ordinal(DISTRICTS, it.where)
    cause = Governor(place, sign * it.size, 900.0, it.onset_ns, it.end_ns)
    return (Label((f"{it.where}-outlet",), "yellow"),), cause


def _gate_high(site: Site, it: Happening) -> Made:
    cause = Gate(_ordinal(GATES, it.where), it.size, 0.0, 1800.0, it.onset_ns, it.end_ns)
    # The other gate locks up, and its outlet rises with the loop.
    return (Label(tuple(f"{g.name}-pressure" for g in GATES), "yellow"),), cause


def _gate_frozen(site: Site, it: Happening) -> Made:
    gate = _ordinal(GATES, it.where)
    cause = Gate(gate, 0.0, it.size / 100.0, HOUR_S, it.onset_ns, it.end_ns)
    return (Label((f"{it.where}-pressure",), "yellow"),), cause


def _odoriser(site: Site, it: Happening) -> Made:
    names = tuple(f"{p.name}-odorant" for p in ODOUR_NODES)
    return (Label(names, "yellow"),), Odoriser(it.size / 100.0, it.onset_ns, it.end_ns)


def _cover(site: Site, it: Happening) -> Made:
    cause = Opened(_ordinal(SPACES, it.where), it.size, it.onset_ns, it.end_ns)
    return (Label((f"{it.where}-cover",), "yellow"),), cause


def _sewer(site: Site, it: Happening) -> Made:
    return (), SewerGas(_ordinal(SPACES, it.where), it.size / 100.0, it.onset_ns, it.end_ns)


def _holiday(site: Site, it: Happening) -> Made:
    return (), Demand(it.size / 100.0, it.onset_ns, it.end_ns)


def _town(site: Site) -> tuple[str, ...]:
    return ("town",)


CAUSES: Final[tuple[CauseKind[Any], ...]] = (
    CauseKind(
        "leak.corrosion",
        "diameter of the hole, mm",
        3.0,
        1.0,
        10.0,
        "the main beside {where} is corroded through ({size} mm)",
        "{where}旁管道腐蚀穿孔泄漏（{size} mm）",
        _named(CHAMBERS),
        _corrosion,
    ),
    CauseKind(
        "damage.third_party",
        "diameter of the hole, mm",
        60.0,
        50.0,
        70.0,
        "a digger tears the main at {where} ({size} mm)",
        "{where}处管道被第三方施工挖断（{size} mm）",
        _named((*METERED, *DISTRICTS)),
        _damage,
    ),
    CauseKind(
        "service.break",
        "diameter of the hole, mm",
        20.0,
        10.0,
        30.0,
        "a service pipe breaks beside basement {where} ({size} mm)",
        "{where}地下室旁引入管断裂（{size} mm）",
        _named(BASEMENTS),
        _service,
    ),
    CauseKind(
        "leak.governor",
        "gas let out, m3/h",
        3.0,
        1.2,
        30.0,
        "a flange in the governor's house {where} leaks {size} m3/h",
        "{where}调压箱法兰泄漏（{size} m3/h）",
        _named(DISTRICTS),
        _house,
    ),
    CauseKind(
        "governor.overpressure",
        "pressure beyond the set point, kPa",
        2.0,
        1.5,
        7.0,
        "governor {where} lets {size} kPa too much through",
        "{where}调压器出口超压 {size} kPa",
        _named(DISTRICTS),
        partial(_governor, 1.0),
    ),
    CauseKind(
        "governor.freeze",
        "pressure lost, kPa",
        1.5,
        1.1,
        2.3,
        "governor {where} freezes up: {size} kPa are missing",
        "{where}调压器冰堵，出口压力下降 {size} kPa",
        _named(DISTRICTS),
        partial(_governor, -1.0),
    ),
    CauseKind(
        "gate.overpressure",
        "pressure beyond the set point, kPa",
        50.0,
        30.0,
        100.0,
        "{where} feeds {size} kPa too much",
        "{where}出站超压 {size} kPa",
        _named(GATES),
        _gate_high,
    ),
    CauseKind(
        "gate.freeze",
        "share of its flow that is lost, %",
        70.0,
        50.0,
        80.0,
        "{where} freezes up and loses {size} % of its flow",
        "{where}冰堵，供气能力下降 {size} %",
        _named(GATES),
        _gate_frozen,
    ),
    CauseKind(
        "odoriser.fault",
        "share of the odorant that is missing, %",
        60.0,
        40.0,
        100.0,
        "the odorisers inject {size} % too little",
        "加臭装置故障，加臭量不足 {size} %",
        _town,
        _odoriser,
    ),
    CauseKind(
        "cover.open",
        "angle at which the cover stands, deg",
        35.0,
        15.0,
        90.0,
        "the cover of {where} stands open",
        "{where}井盖被打开",
        _named(CHAMBERS),
        _cover,
    ),
    CauseKind(
        "sewer.gas",
        "biogas beyond the usual, %",
        60.0,
        10.0,
        100.0,
        "the sewer beside {where} breathes {size} % more gas",
        "{where}旁污水管沼气增加 {size} %",
        lambda site: tuple(s.name for s in CHAMBERS if s.biogas_m3_s),
        _sewer,
    ),
    CauseKind(
        "holiday",
        "demand of homes beyond the usual, %",
        25.0,
        5.0,
        40.0,
        "a holiday: homes draw {size} % more",
        "节日居民用气增加 {size} %",
        _town,
        _holiday,
    ),
)
# A kind, and between which shares of the story it acts.
STORY: Final = (
    ("leak.corrosion", 0.06, 0.22),
    ("governor.overpressure", 0.10, 0.20),
    ("damage.third_party", 0.27, 0.30),
    ("odoriser.fault", 0.34, 0.52),
    ("service.break", 0.40, 0.46),
    ("gate.freeze", 0.56, 0.66),
    ("leak.governor", 0.58, 0.64),
    ("governor.freeze", 0.70, 0.78),
    ("cover.open", 0.72, 0.74),
    ("gate.overpressure", 0.82, 0.88),
    ("sewer.gas", 0.30, 0.60),
    ("holiday", 0.66, 0.82),
)


def tell(chapter: Chapter) -> None:
    """One story: each kind once, somewhere, and faults of instruments elsewhere."""
    chapter.each_once(STORY, lambda kind: 0.5 * (kind.usual + kind.most))
    spared = int(chapter.dice.integers(len(METERED)))
    chapter.breaks(
        "stuck", [f"{METERED[spared].name}-pressure"], (0.05, 0.25), ("frozen", "读数冻结")
    )
    chapter.breaks("poisoned", ["b04-lel"], (0.20, 0.95), ("poisoned", "催化中毒"), 0.6)
    chapter.breaks("silent", ["gate-1-flow"], (0.45, 0.55), ("no data", "无数据"))
    chapter.breaks("spike", ["gate-2-flow"], (0.30, 0.50), ("spikes", "尖峰干扰"), 37.0)
    chapter.breaks("duplicate", ["gate-2-pressure"], (0.70, 0.80), ("sent twice", "重复发送"), 0.25)
