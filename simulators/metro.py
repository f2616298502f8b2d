"""The metro site: sections of a running tunnel, a ring every 50 m, measured every ten minutes.

Each ring has settlement, convergence, joint opening, track bed, groundwater outside, seepage, methane
and the peak of vibration.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from lifeline.engine.limits import SECOND_NS

from .cause import CauseKind, Happening, Label, Run
from .incidents import Level
from .metro_ground import Cause, Tunnel, What, ring_name
from .plant import Gateway, Point, Site, World
from .script import Chapter, storyteller
from .sensor import Instrument

LEVELLING: Final = Instrument(-200.0, 200.0, 0.01, noise=0.08)
CONVERGENCE: Final = Instrument(-200.0, 200.0, 0.01, noise=0.1)
JOINT: Final = Instrument(-5.0, 20.0, 0.001, noise=0.01)
WELL: Final = Instrument(-40.0, 20.0, 0.001, noise=0.005)
WEIR: Final = Instrument(0.0, 1000.0, 0.01, noise=0.05)
BEAD: Final = Instrument(0.0, 100.0, 0.1, noise=0.2, t90_s=15.0, peg=110.0)
VIBRATION: Final = Instrument(0.0, 50.0, 0.001, noise=0.002)
CENTRE: Final = (31.8010, 117.2470)
DAY_S: Final = 86_400.0
Made = tuple[tuple[Label, ...], Cause]
_POINTS: Final = (
    ("settlement", "tunnel.settlement", "mm", "沉降", LEVELLING, None, ""),
    ("convergence", "tunnel.convergence", "mm", "收敛", CONVERGENCE, None, ""),
    ("joint", "tunnel.joint_opening", "mm", "接缝张开", JOINT, None, ""),
    ("bed", "tunnel.trackbed", "mm", "道床沉降", LEVELLING, None, ""),
    ("water", "tunnel.groundwater", "m", "地下水位", WELL, 0.01, ""),
    ("seepage", "tunnel.seepage", "L/min", "渗漏量", WEIR, None, ""),
    ("lel", "gas.combustible", "%LEL", "可燃气体", BEAD, 20.0, "methane"),
    ("ppv", "tunnel.ppv", "cm/s", "振动速度", VIBRATION, None, ""),
)


def metro(site_id: str = "metro", *, sections: int = 8, interval_s: float = 600.0) -> Site:
    """A tunnel of `sections` rings (1 to 99), each measured every `interval_s` (whole seconds)."""
    if not 1 <= sections <= 99:
        raise ValueError(f"a tunnel has 1 to 99 sections, found {sections}")
    if interval_s < 1.0 or interval_s != round(interval_s):
        raise ValueError(f"telemetry comes every whole number of seconds, found {interval_s}")
    step_ns = round(interval_s) * SECOND_NS
    return Site(
        name="metro",
        id=site_id,
        tenant="linjiang-metro",
        area="linjiang/centre/line-2",
        title="临江地铁二号线区间隧道",
        domain="tunnel",
        shape="points",
        lat=CENTRE[0],
        lon=CENTRE[1],
        step_ns=step_ns,
        resolution_ns=1_000_000,
        window_ns=step_ns,
        gateways=(Gateway("tunnel", 151_000_000),),
        points=tuple(_point(s, *row) for s in range(sections) for row in _POINTS),
        write_script=storyteller(_tell),
        causes=CAUSES,
        make_world=partial(_world, sections),
        packs=PACKS,
        rules=RULES,
    )


def _world(sections: int, site: Site, run: Run, causes: tuple[Cause, ...]) -> World:
    return Tunnel(sections, causes, run.seed, run.start_ns, site.step_ns / SECOND_NS)


def _point(
    section: int,
    what: str,
    quantity: str,
    unit: str,
    title: str,
    instrument: Instrument,
    rate: float | None,
    gas: str,
) -> Point:
    return Point(
        id=f"{ring_name(section)}-{what}",
        gateway=0,
        quantity=quantity,
        unit=unit,
        asset=ring_name(section),
        name=f"{section + 1}号断面{title}",
        instrument=instrument,
        gas=gas,
        max_rate=rate,
        lat=CENTRE[0],
        lon=round(CENTRE[1] + 0.0005 * section, 6),
    )


PACKS: Final = ({"pack": "tunnel.metro"}, {"pack": "gas.combustible"})
RULES: Final = (
    {
        "id": "track-bed",
        "kind": "limit",
        "select": {"quantity": "tunnel.trackbed"},
        "low": {"yellow": "-3 mm", "orange": "-5 mm"},
        "deadband": "0.4 mm",
        "basis": "engineering default: trains feel 3 mm over the length of a sleeper slab",
    },
    {
        "id": "groundwater",
        "kind": "limit",
        "select": {"quantity": "tunnel.groundwater"},
        "low": {"yellow": "-2 m", "orange": "-4 m"},
        "deadband": "0.2 m",
        "basis": "engineering default: two metres are 20 kPa more on the clay",
    },
    {
        "id": "seepage",
        "kind": "limit",
        "select": {"quantity": "tunnel.seepage"},
        "high": {"yellow": "5 L/min", "orange": "15 L/min"},
        "deadband": "0.5 L/min",
        "basis": "engineering default: twice what a dry ring lets in",
    },
)


def _rings(site: Site) -> tuple[str, ...]:
    return tuple(dict.fromkeys(p.asset for p in site.points))


def _line(site: Site) -> tuple[str, ...]:
    return ("line",)


def _cause(what: What, it: Happening) -> Cause:
    section = 0 if it.where == "line" else int(it.where.removeprefix("r")) - 1
    return Cause(what, section, it.size, it.onset_ns, it.end_ns)


def _make(what: What, seen: tuple[tuple[str, Level], ...], site: Site, it: Happening) -> Made:
    labels = tuple(Label((f"{it.where}-{point}",), level) for point, level in seen)
    return labels, _cause(what, it)


def _excavation(site: Site, it: Happening) -> Made:
    """Four fifths of the movement come while it is dug; a tenth is spared for noise."""
    reached = 0.72 * it.size
    level: Level = "red" if reached > 20.0 else "orange" if reached > 16.0 else "yellow"
    rings = _rings(site)
    at = rings.index(it.where)
    moved = ("settlement", "convergence", "joint", "bed")
    sensors = [f"{ring}-{what}" for ring in rings[max(0, at - 1) : at + 2] for what in moved]
    return (Label(tuple(sensors), level),), _cause("excavation", it)


def _dewatering(site: Site, it: Happening) -> Made:
    """A well is felt far along the line: the water falls, and what stands on it sinks."""
    sensors = tuple(f"{ring}-{what}" for ring in _rings(site) for what in ("water", "settlement"))
    return (Label(sensors, "yellow"),), _cause("dewatering", it)


def _seepage(site: Site, it: Happening) -> Made:
    return (Label((f"{it.where}-seepage", f"{it.where}-joint"), "yellow"),), _cause("seepage", it)


def _kind(
    what: What,
    measure: str,
    sizes: tuple[float, float, float],
    en: str,
    zh: str,
    *seen: tuple[str, Level],
) -> CauseKind[Cause]:
    usual, least, most = sizes
    return CauseKind(what, measure, usual, least, most, en, zh, _rings, partial(_make, what, seen))


CAUSES: Final[tuple[CauseKind[Any], ...]] = (
    CauseKind(
        "excavation",
        "settlement that it brings in the end, mm",
        25.0,
        14.0,
        60.0,
        "a pit is dug beside {where}: {size} mm of settlement",
        "{where}旁基坑开挖，最终沉降 {size} mm",
        _rings,
        _excavation,
    ),
    CauseKind(
        "dewatering",
        "water pumped, m3/h",
        5.0,
        4.0,
        20.0,
        "a pit beside {where} is dewatered, {size} m3/h",
        "{where}旁基坑降水 {size} m3/h",
        _rings,
        _dewatering,
    ),
    CauseKind(
        "seepage",
        "water beyond the usual, L/min",
        12.0,
        5.0,
        200.0,
        "the joint at {where} lets {size} L/min of water in",
        "{where}接缝渗漏水 {size} L/min",
        _rings,
        _seepage,
    ),
    _kind(
        "bed.void",
        "settlement of the track bed, mm",
        (6.0, 4.0, 30.0),
        "the track bed at {where} parts from the lining and sinks {size} mm",
        "{where}道床与管片脱空，沉降 {size} mm",
        ("bed", "yellow"),
    ),
    _kind(
        "gas.seep",
        "gas let in, m3/h",
        (100.0, 60.0, 600.0),
        "gas from the ground enters at {where}, {size} m3/h",
        "{where}有害气体渗入 {size} m3/h",
        ("lel", "orange"),
    ),
    _kind(
        "piling",
        "peak particle velocity, cm/s",
        (3.0, 2.2, 10.0),
        "piles are driven beside {where} ({size} cm/s)",
        "{where}旁打桩（{size} cm/s）",
        ("ppv", "yellow"),
    ),
    _kind(
        "grinding",
        "peak particle velocity, cm/s",
        (0.6, 0.2, 1.5),
        "rails are ground at {where} by night",
        "{where}夜间钢轨打磨",
    ),
    CauseKind(
        "fans.off",
        "share of the fans that stand still",
        1.0,
        0.5,
        1.0,
        "the tunnel's fans stand still",
        "隧道风机停运",
        _line,
        lambda site, it: ((), _cause("fans.off", it)),
    ),
)
# A kind, and between which shares of the story it acts.
STORY: Final = (
    ("excavation", 0.08, 0.55),
    ("dewatering", 0.10, 0.50),
    ("seepage", 0.20, 0.45),
    ("bed.void", 0.30, 0.70),
    ("gas.seep", 0.60, 0.66),
    ("piling", 0.74, 0.78),
    ("grinding", 0.80, 0.84),
    ("fans.off", 0.86, 0.90),
)


def _tell(chapter: Chapter) -> None:
    """One story: each kind once, somewhere, and faults of instruments elsewhere."""
    chapter.each_once(STORY, lambda kind: min(kind.most, 1.4 * kind.usual))
    chapter.breaks("stuck", ["r01-convergence"], (0.20, 0.50), ("reading frozen", "读数冻结"))
    chapter.breaks("silent", ["r01-bed"], (0.55, 0.70), ("no data", "无数据"))
    chapter.breaks("duplicate", ["r01-water"], (0.70, 0.80), ("sent twice", "重复发送"), 0.25)
