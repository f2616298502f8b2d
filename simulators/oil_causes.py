"""What can happen to the oil line, and what its pack and its own rules must say to it at least.

What a dispatcher does every day (a tripped unit, a throttled delivery, a stop of the line, a batch) is no
danger: an alarm on it is false.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import numpy as np

from lifeline.engine.limits import DAY_NS, HOUR_NS, MINUTE_NS

from .cause import CauseKind, Happening, Label
from .incidents import Level
from .liquid import GRAVITY, friction_loss
from .oil_line import DELIVERY_PA
from .oil_world import DISCHARGE, GAUGES, PUMPS, UNPROTECTED_MV, WATCHED, kilometre
from .plant import Site

KILOMETRES: Final = tuple(f"km-{km:02d}" for km in range(2, 49))
USUAL_FLOW: Final = 0.15
METERS: Final = ("FT-IN", "FT-OUT")
LINE: Final = tuple(f"PT-{km:02d}" for km in GAUGES)
ENDS: Final = ("PT-U", "PT-D")
POSTS: Final = tuple(f"CP-{km:02d}" for km in GAUGES)
# What the pack is given, or says: limits that labels follow.
MAX_BEARING_C: Final = 80.0
MIN_SUCTION_KPA: Final = 150.0
HOT: Final[dict[Level, float]] = {"yellow": MAX_BEARING_C - 10.0, "orange": MAX_BEARING_C}
SHAKEN: Final[dict[Level, float]] = {"yellow": 4.5, "orange": 7.1}
MISSING: Final[dict[Level, float]] = {"yellow": 0.01, "orange": 0.02}
DAY_MISSING: Final = 0.005


@lru_cache(maxsize=256)
def share_of(where: str, size_mm: float) -> float:
    """The share of the usual flow of diesel that a hole loses, at the tight line's pressure there."""
    pipe, fluid = WATCHED.pipe, WATCHED.fluids[0]
    at = 1000.0 * kilometre(where)
    here, end = pipe.height(np.array([at, pipe.length]))
    pressure = DELIVERY_PA + fluid.density * GRAVITY * float(end - here)
    pressure += friction_loss(pipe, fluid, USUAL_FLOW, pipe.length - at)
    area = math.pi / 4.0 * (size_mm / 1000.0) ** 2
    return DISCHARGE * area * math.sqrt(2.0 * pressure / fluid.density) / USUAL_FLOW


def _reached(value: float, limits: dict[Level, float]) -> list[Level]:
    """The gravest level whose limit is reached, or none."""
    return [level for level, limit in limits.items() if value >= limit][-1:]


def _seen_until(it: Happening) -> int:
    """The balance of an hour hears a leak for an hour more, that of a day for a day, if it was enough."""
    lost = share_of(it.where, it.size) * (it.end_ns - it.onset_ns) / DAY_NS
    return it.end_ns + (DAY_NS if lost >= 0.8 * DAY_MISSING else HOUR_NS)


def _leak(site: Site, it: Happening) -> tuple[tuple[Label, ...], Happening]:
    """A leak is labelled however small: what no rule can find is missed."""
    level = (_reached(0.8 * share_of(it.where, it.size), MISSING) or ["yellow"])[0]
    return (Label((*METERS, *LINE), level, "", None, _seen_until(it)),), it


def _rupture(site: Site, it: Happening) -> tuple[tuple[Label, ...], Happening]:
    return (Label((*METERS, *LINE, *ENDS), "red", "", None, _seen_until(it)),), it


def _closed(site: Site, it: Happening) -> tuple[tuple[Label, ...], Happening]:
    """The line packs up to what the pumps give: within minutes at the delivery."""
    lasts = it.end_ns - it.onset_ns >= 10 * MINUTE_NS
    return ((Label(("PT-50", "PD-101"), "red"),) if lasts else ()), it


def _bearing(site: Site, it: Happening) -> tuple[tuple[Label, ...], Happening]:
    """On the coldest hour of the coldest hall; its lag is a quarter of an hour."""
    reached = _reached(44.0 + 0.95 * it.size, HOT)
    lasts = it.end_ns - it.onset_ns >= HOUR_NS
    label = (f"TB-{1 + PUMPS.index(it.where)}",)
    return tuple(Label(label, level) for level in reached if lasts), it


def _vibration(site: Site, it: Happening) -> tuple[tuple[Label, ...], Happening]:
    reached = _reached(1.5 + 0.9 * it.size, SHAKEN)
    lasts = it.end_ns - it.onset_ns >= 10 * MINUTE_NS
    label = (f"VB-{1 + PUMPS.index(it.where)}",)
    return tuple(Label(label, level) for level in reached if lasts), it


def _strainer(site: Site, it: Happening) -> tuple[tuple[Label, ...], Happening]:
    """The tank farm's pressure wanders by some kPa, and less flows through a clogged strainer."""
    left = 300.0 + 20.0 - 0.9 * it.size
    reached: list[Level] = ["orange"] if left <= MIN_SUCTION_KPA else []
    if not reached and left <= 1.2 * MIN_SUCTION_KPA:
        reached = ["yellow"]
    lasts = it.end_ns - it.onset_ns >= 20 * MINUTE_NS
    return tuple(Label(("PS-101",), level) for level in reached if lasts), it


def _rectifier(site: Site, it: Happening) -> tuple[tuple[Label, ...], Happening]:
    """At the post that was protected least, a quarter of an hour's polarisation to spare."""
    lost = UNPROTECTED_MV * it.size / 100.0
    hours = (it.end_ns - it.onset_ns) / HOUR_NS
    found = lost * (1.0 - math.exp(-max(0.0, hours - 0.5))) >= 270.0
    return ((Label(POSTS, "yellow", "", None, it.end_ns + HOUR_NS),) if found else ()), it


def _harmless(site: Site, it: Happening) -> tuple[tuple[Label, ...], Happening]:
    return (), it


def _at(*places: str) -> Callable[[Site], tuple[str, ...]]:
    return lambda site: places


CAUSES: Final[tuple[CauseKind[Any], ...]] = (
    CauseKind(
        kind="leak",
        measure="diameter of the hole, mm",
        usual=14.0,
        least=2.0,
        most=40.0,
        what_en="a hole of {size} mm grows at {where}",
        what_zh="{where}处管道渗漏（孔径{size} mm）",
        places=_at(*KILOMETRES),
        make=_leak,
    ),
    CauseKind(
        kind="rupture",
        measure="diameter of the hole, mm",
        usual=50.0,
        least=25.0,
        most=200.0,
        what_en="the line ruptures at {where} (hole of {size} mm)",
        what_zh="{where}处管道破裂（孔径{size} mm）",
        places=_at(*KILOMETRES),
        make=_rupture,
    ),
    CauseKind(
        kind="valve.closed",
        measure="opening that is left, %",
        usual=0.0,
        least=0.0,
        most=10.0,
        what_en="the valve before the delivery closes against running pumps",
        what_zh="末站进站阀误关，管线憋压",
        places=_at("delivery"),
        make=_closed,
    ),
    CauseKind(
        kind="bearing",
        measure="temperature above the ordinary, Cel",
        usual=42.0,
        least=5.0,
        most=90.0,
        what_en="a bearing of {where} runs hot",
        what_zh="{where}轴承过热",
        places=_at(*PUMPS),
        make=_bearing,
    ),
    CauseKind(
        kind="vibration",
        measure="velocity above the ordinary, RMS, mm/s",
        usual=8.0,
        least=0.5,
        most=30.0,
        what_en="{where} shakes",
        what_zh="{where}振动超标",
        places=_at(*PUMPS),
        make=_vibration,
    ),
    CauseKind(
        kind="strainer",
        measure="pressure lost at the usual flow, kPa",
        usual=200.0,
        least=10.0,
        most=250.0,
        what_en="the strainer before the pumps clogs ({size} kPa)",
        what_zh="泵前过滤器堵塞（压损{size} kPa）",
        places=_at("station"),
        make=_strainer,
    ),
    CauseKind(
        kind="rectifier",
        measure="share of the protection that is lost, %",
        usual=90.0,
        least=10.0,
        most=100.0,
        what_en="the rectifier fails",
        what_zh="恒电位仪故障",
        places=_at("posts"),
        make=_rectifier,
    ),
    CauseKind(
        kind="pump.trip",
        measure="speed that is left, %",
        usual=85.0,
        least=60.0,
        most=95.0,
        what_en="a unit trips, another takes over at the end",
        what_zh="单机跳闸，备用机组随后接替",
        places=_at("station"),
        make=_harmless,
    ),
    CauseKind(
        kind="throttle",
        measure="opening that is left, %",
        usual=50.0,
        least=35.0,
        most=90.0,
        what_en="the delivery is throttled while it changes its tank",
        what_zh="末站换罐，阀门节流",
        places=_at("delivery"),
        make=_harmless,
    ),
    CauseKind(
        kind="line.stop",
        measure="over how long pumps run down and valves close, s",
        usual=60.0,
        least=30.0,
        most=300.0,
        what_en="the line is stopped and started again",
        what_zh="计划停输后再启动",
        places=_at("line"),
        make=_harmless,
    ),
    CauseKind(
        kind="batch",
        measure="1: gasoline follows diesel, and diesel gasoline",
        usual=1.0,
        least=1.0,
        most=1.0,
        what_en="a batch of gasoline is pumped",
        what_zh="汽油批次输送",
        places=_at("line"),
        make=_harmless,
    ),
)
