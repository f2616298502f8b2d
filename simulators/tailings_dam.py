"""A tailings dam at its own pace: a sample a minute for months, weather, the packs' rules.

The dam of `tailings` with what GB 39496 asks for beside: freeboard and beach. Of class 3, crest
153.5 m, design flood level 152 m. With people right below (头顶库) the limits of the class above hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, Final

import numpy as np

from lifeline.engine.limits import SECOND_NS

from .cause import CauseKind, Happening, Label, Run, kind_of
from .climate import HEFEI
from .dam import (
    CALM_EVAPORATION_M_S,
    DAY_S,
    STEP_S,
    Blocked,
    Cause,
    Clogged,
    Dam,
    Lift,
    Storm,
    answer,
)
from .incidents import Level
from .plant import Point, Site, World
from .pond import Pond, PondShape
from .script import Chapter, storyteller
from .sensor import Instrument
from .tailings import ANSWER_S, CAUSES, SPARE_M, reached, tailings, whole_dam
from .weather import Weather

FREEBOARD: Final = Instrument(-1.0, 10.0, 0.001, noise=0.004)
BEACH: Final = Instrument(0.0, 500.0, 0.1, noise=0.5)
CREST_M: Final = 153.5
BEACH_SLOPE: Final = 0.02
FLOOD_M: Final = 152.0
CONTROL_DEPTH_M: Final = 4.0
# Least freeboard (m) and beach (m) by class, as the pack has them.
LEAST: Final[dict[str, tuple[float, float]]] = {"class-2": (1.0, 100.0), "class-3": (0.7, 70.0)}
STEPS: Final[dict[Level, float]] = {"blue": 1.3, "yellow": 1.2, "orange": 1.1, "red": 1.0}
DAILY_RAIN_MM: Final[dict[Level, float]] = {"yellow": 50.0, "orange": 100.0}
RAIN_RED_MM: Final = 200.0
TOWER_TOLD: Final = ("too little is left between water and crest", "安全超高与干滩不足")


def tailings_dam(
    site_id: str = "tailings-dam",
    *,
    sections: int = 2,
    interval_s: float = 60.0,
    people_below: bool = False,
) -> Site:
    """A dam with `sections` sections, sampled every `interval_s` (whole seconds)."""
    site = tailings(site_id, sections=sections, interval_s=interval_s)
    pond = partial(Point, gateway=sections, asset="pond", unit="m", lat=site.lat, lon=site.lon)
    more = (
        pond(
            id="freeboard",
            quantity="dam.freeboard",
            name="安全超高",
            instrument=FREEBOARD,
            max_rate=0.5 / 3600.0,
        ),
        pond(
            id="beach",
            quantity="dam.beach.length",
            name="干滩长度",
            instrument=BEACH,
            max_rate=50.0 / 3600.0,
        ),
    )
    name = "class-2" if people_below else "class-3"
    return replace(
        site,
        name="tailings-dam",
        title="滨河尾矿库（头顶库）" if people_below else "滨河尾矿库",
        points=site.points + more,
        write_script=storyteller(_tell),
        causes=_causes(name),
        make_world=partial(_world, sections),
        packs=_packs(name),
        rules=RULES,
    )


def _packs(name: str) -> tuple[Mapping[str, Any], ...]:
    take: dict[str, Any] = {
        "pack": "dam.tailings",
        "profile": name,
        "given": {
            "min_phreatic_depth": f"{CONTROL_DEPTH_M:g} m",
            "design_flood_level": f"{FLOOD_M:g} m",
            "max_displacement": "300 mm",
            "max_settlement": "400 mm",
            "usual_seepage": "9 L/s",
            "usual_turbidity": "5 NTU",
        },
    }
    if name == "class-2":
        reason = "people live right below; they are moved out before the pond is full"
        take["change"] = {"rain.high.red": {"to": f"{RAIN_RED_MM:g} mm", "reason": reason}}
    return (take,)


# What the pack leaves to the site: the time until a section fails, and the ladder.
RULES: Final[tuple[Mapping[str, Any], ...]] = (
    {
        "id": "failure",
        "kind": "forecast",
        "method": "inverse_velocity",
        "select": {"quantity": "dam.disp.horizontal"},
        "window": "2d",
        "horizon": "20d",
        "within": {"yellow": "7d", "orange": "3d", "red": "1d"},
        "noise": "0.5 mm",
        "basis": "engineering default: inverse velocity (Fukuzono 1985, Voight 1988)",
    },
    {
        "id": "ladder",
        "kind": "ladder",
        "select": {"quantity": "dam.*"},
        "count": "items",
        "basis": "GB 39496-2020 5.5",
    },
)


def _world(sections: int, site: Site, run: Run, causes: tuple[Cause, ...]) -> World:
    return Dam(sections, causes, run, Weather(HEFEI, run.seed))


def _storm(
    least: tuple[float, float], site: Site, it: Happening
) -> tuple[tuple[Label, ...], Storm]:
    """Rain in mm, fallen within its time, heaviest in the middle; what pond, beach and phreatic
    line reach from calm. Rain that the weather brings besides only makes it graver."""
    peak = 2.0 * it.size / (it.duration_s / 3600.0)
    pond, depth = answer(peak, it.process_s)
    late = it.after(ANSWER_S)
    day = it.size * min(1.0, DAY_S / it.duration_s)
    labels = [
        Label(("rain",), level, "", None, it.after(0.25 * DAY_S))
        for level in reached(day, DAILY_RAIN_MM)
    ]
    wells = [p.id for p in site.points if p.quantity == "dam.phreatic.depth"]
    near = tuple(w for i, w in enumerate(wells) if i % 4 > 1)
    limits: dict[Level, float] = {level: -step * CONTROL_DEPTH_M for level, step in STEPS.items()}
    labels += [
        Label(near, level, "phreatic", None, late) for level in reached(-depth - SPARE_M, limits)
    ]
    flood: dict[Level, float] = {"blue": FLOOD_M - 0.5, "red": FLOOD_M}
    labels += [
        Label(("pond_level",), level, "pond", None, late)
        for level in reached(pond - SPARE_M, flood)
    ]
    return tuple(labels + _left(CREST_M - pond, least, late)), Storm(peak, it.onset_ns, it.end_ns)


def _left(freeboard: float, least: tuple[float, float], end_ns: int) -> list[Label]:
    """Labels of what is left between water and crest, and before it."""
    found = []
    for sensor, value, limit in (
        ("freeboard", freeboard, least[0]),
        ("beach", freeboard / BEACH_SLOPE, least[1]),
    ):
        limits: dict[Level, float] = {level: -step * limit for level, step in STEPS.items()}
        found += [
            Label((sensor,), level, sensor, None, end_ns, *TOWER_TOLD)
            for level in reached(-1.02 * value, limits)
        ]
    return found


def _blocked(site: Site, it: Happening) -> tuple[tuple[Label, ...], Blocked]:
    """A share of the tower, in %; to be found where it raises a dry pond to its first level."""
    cause = Blocked(it.size / 100.0, it.onset_ns, it.end_ns)
    if _highest_pond(cause.share, it.process_s) < FLOOD_M - 0.5 + SPARE_M:
        return (), cause
    return (Label(("pond_level", "freeboard", "beach"), "blue"),), cause


@lru_cache(maxsize=64)
def _highest_pond(share: float, process_s: float) -> float:
    pond = Pond(PondShape())
    for _ in range(int(process_s / STEP_S)):
        pond.step(STEP_S, 0.0, CALM_EVAPORATION_M_S, blocked=share)
    return pond.level


def _clogged(site: Site, it: Happening) -> tuple[tuple[Label, ...], Clogged]:
    """A share of the toe drain, in %; to be found where the phreatic line reaches its first level."""
    cause = Clogged(it.size / 100.0, it.onset_ns, it.end_ns)
    if _least_depth(cause.share, it.process_s) > STEPS["blue"] * CONTROL_DEPTH_M - SPARE_M:
        return (), cause
    wells = [p.id for p in site.points if p.quantity == "dam.phreatic.depth"]
    return (Label(tuple(w for i, w in enumerate(wells) if i % 4 == 3), "blue"),), cause


@lru_cache(maxsize=64)
def _least_depth(share: float, process_s: float) -> float:
    end = round(process_s * SECOND_NS)
    dam = Dam(1, (Clogged(share, 0, end),), Run(0, process_s, 0))
    return float(dam.advance(np.array([end], np.int64))["piezo_04"][0])


def _lift(site: Site, it: Happening) -> tuple[tuple[Label, ...], Lift]:
    return (), Lift(it.size, it.onset_ns, it.end_ns)


def _causes(name: str) -> tuple[CauseKind[Any], ...]:
    ours: tuple[CauseKind[Any], ...] = (
        CauseKind(
            kind="storm",
            measure="rain, mm in all",
            usual=360.0,
            least=20.0,
            most=1000.0,
            what_en="{size} mm of rain fall",
            what_zh="库区累计降雨{size}毫米",
            places=whole_dam,
            make=partial(_storm, LEAST[name]),
        ),
        CauseKind(
            kind="decant.blocked",
            measure="share of the decant tower's openings that is stopped up, %",
            usual=100.0,
            least=50.0,
            most=100.0,
            what_en="the decant tower is stopped up by {size} %",
            what_zh="排洪井堵塞{size}%",
            places=whole_dam,
            make=_blocked,
        ),
        CauseKind(
            kind="drain.clogged",
            measure="share of the toe drain that is clogged, %",
            usual=100.0,
            least=20.0,
            most=100.0,
            what_en="the toe drain clogs by {size} %",
            what_zh="坝趾排渗体淤堵{size}%",
            places=whole_dam,
            make=_clogged,
        ),
        CauseKind(
            kind="lift",
            measure="height by which the dam is raised, m",
            usual=1.0,
            least=0.2,
            most=3.0,
            what_en="the dam is raised by {size} m",
            what_zh="子坝加高{size}米",
            places=whole_dam,
            make=_lift,
        ),
    )
    return ours + tuple(kind for kind in CAUSES if kind.kind != "storm")


def _tell(chapter: Chapter) -> None:
    """One story: a storm and the answer to it, a section that creeps, fines, a lift; three faults."""
    sections = kind_of(chapter.site, "creep").places(chapter.site)
    chapter.happens("lift", "dam", (chapter.at(0.05), chapter.at(0.35)))
    chapter.happens("storm", "dam", (chapter.at(0.15), chapter.at(0.20)))
    chapter.happens("drains", "dam", (chapter.at(0.35), chapter.at(0.60)))
    section = sections[int(chapter.dice.integers(len(sections)))]
    chapter.happens("creep", section, (chapter.at(0.50), chapter.at(0.90)))
    chapter.happens("piping", "dam", (chapter.at(0.65), chapter.at(0.80)))
    chapter.breaks("stuck", ["piezo_01"], (0.10, 0.60), ("reading frozen", "读数冻结"))
    chapter.breaks(
        "silent", ["rain", "baro", "air_temp"], (0.70, 0.75), ("logger down", "采集仪掉线")
    )
    chapter.breaks("spike", ["air_temp"], (0.10, 0.40), ("spikes", "尖峰干扰"), 97.0)
