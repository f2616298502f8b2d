"""What can happen to the bridge, and what its pack and its own rules must say to it at least."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np

from lifeline.engine.limits import HOUR_NS, SECOND_NS

from .bridge_spans import Plan, Rolling
from .bridge_world import CONVOY, CONVOY_AXLES, CONVOY_GAP_M, CONVOY_M_S, released
from .cause import CauseKind, Happening, Label
from .climate import SIZES, Event, EventKind
from .incidents import Level
from .plant import Site
from .traffic import convoy
from .weather_station import WIND_SURE, WORDS

PLAN: Final = Plan()
PIERS: Final = ("p1", "p2")
# What the bridge was designed for, as its packs are given it.
DESIGN_STRAIN: Final = 150.0
DESIGN_SAG: Final = {"approach": 18.0, "main": 110.0}
AXLE_LIMIT_T: Final = 10.0
# The pack's limits as shares of what the bridge was designed for, and the site's own.
STRAIN_SHARES: Final[dict[Level, float]] = {"yellow": 0.8, "orange": 1.0, "red": 1.2}
FORCE_SHARES: Final[dict[Level, float]] = {"orange": 0.10, "red": 0.15}
WIND_LIMITS: Final[dict[Level, float]] = {"orange": 17.2, "red": 25.0}
TILT_LIMITS: Final[dict[Level, float]] = {"orange": 0.3}
ACCEL_LIMITS: Final[dict[Level, float]] = {"yellow": 0.315, "orange": 0.5}
SLIP_MM_H: Final = 20.0
# The convoy drives over both spans.
SHAKEN: Final = ("strain_1", "strain_2", "sag_approach", "sag_main", "accel")
AXLE_LIMITS: Final[dict[Level, float]] = {"yellow": 1.5 * AXLE_LIMIT_T}


def _reached(value: float, limits: dict[Level, float]) -> list[Level]:
    """The gravest level whose limit is reached, or none."""
    return [level for level, limit in limits.items() if value >= limit][-1:]


def convoy_strain(mass_t: float) -> float:
    """The greatest strain of the convoy by itself over the approach, µm/m, to a tenth of a second."""
    times = np.arange(0, 60 * SECOND_NS, SECOND_NS // 10, dtype=np.int64)
    vehicles = convoy(0, CONVOY, mass_t, CONVOY_M_S, CONVOY_GAP_M)
    return float(PLAN.approach.strain(Rolling(PLAN, vehicles, times).moment).max())


def _overload(site: Site, it: Happening) -> tuple[tuple[Label, ...], Happening]:
    """A tenth to spare: it is sampled once a second, and warmth shifts the strain a little."""
    reached = _reached(0.93 * convoy_strain(it.size) / DESIGN_STRAIN, STRAIN_SHARES)
    end = it.onset_ns + 3 * 60 * SECOND_NS
    labels = [Label(SHAKEN, level, "", None, end) for level in reached]
    axles = _reached(0.97 * it.size * 1.1 / CONVOY_AXLES, AXLE_LIMITS)
    labels += [Label(("axle",), level, "axle", None, end) for level in axles]
    return tuple(labels), it


def cable_drop(lost: float) -> float:
    """The share by which a cable's force falls when it loses this share of itself."""
    dead = PLAN.carried * PLAN.cable_sine
    freed = float(released(PLAN.main, 2.0 * dead, np.array([0.5 * lost]))[0])
    return 1.0 - (1.0 - lost) * (1.0 + 0.5 * PLAN.main.own_share * freed / dead)


def _cable(site: Site, it: Happening) -> tuple[tuple[Label, ...], Happening]:
    """Noise of the frequency, warmth and traffic may hide a fiftieth of the force."""
    reached = _reached(cable_drop(it.size / 100.0) - 0.02, FORCE_SHARES)
    lasts = it.end_ns - it.onset_ns >= HOUR_NS
    return tuple(Label((it.where,), level) for level in reached if lasts), it


def _scour(site: Site, it: Happening) -> tuple[tuple[Label, ...], Happening]:
    # What leans stays so: the pier is found leaning some time after the river has dug.
    reached = _reached(it.size - 0.03, TILT_LIMITS)
    end = it.end_ns + HOUR_NS
    return tuple(Label((f"tilt_{it.where}",), level, "", None, end) for level in reached), it


def _ship(site: Site, it: Happening) -> tuple[tuple[Label, ...], Happening]:
    return tuple(Label(("accel",), v) for v in _reached(0.85 * it.size, ACCEL_LIMITS)), it


def _bearing(site: Site, it: Happening) -> tuple[tuple[Label, ...], Happening]:
    end = it.onset_ns + 2 * HOUR_NS
    found = abs(it.size) >= 1.4 * SLIP_MM_H
    return ((Label(("joint",), "orange", "", None, end),) if found else ()), it


def _drives(site: Site, it: Happening) -> tuple[tuple[Label, ...], Happening]:
    return (), it


def _weather(kind: EventKind, site: Site, it: Happening) -> tuple[tuple[Label, ...], Event]:
    windy = kind in ("gale", "typhoon") and it.end_ns - it.onset_ns >= 2 * HOUR_NS
    reached = _reached(WIND_SURE * it.size, WIND_LIMITS) if windy else []
    event = Event(kind, it.onset_ns, it.end_ns, it.size)
    return tuple(Label(("wind",), level) for level in reached), event


def _at(*places: str) -> Callable[[Site], tuple[str, ...]]:
    return lambda site: places


CAUSES: Final[tuple[CauseKind[Any], ...]] = (
    CauseKind(
        kind="overload",
        measure="weight of each of six lorries close together, t",
        usual=170.0,
        least=60.0,
        most=300.0,
        what_en="a convoy of lorries of {size} t each crosses",
        what_zh="单车{size}吨超限车队通过",
        places=_at("approach"),
        make=_overload,
    ),
    CauseKind(
        kind="cable.loss",
        measure="share of the cable's wires, %",
        usual=25.0,
        least=2.0,
        most=90.0,
        what_en="cable {where} loses {size} % of its wires",
        what_zh="{where}号拉索断丝{size}%",
        places=lambda site: tuple(name for name, _ in PLAN.cables),
        make=_cable,
    ),
    CauseKind(
        kind="scour",
        measure="tilt of the pier in the end, degrees",
        usual=0.5,
        least=0.05,
        most=3.0,
        what_en="the river digs at pier {where}, it leans {size} degrees",
        what_zh="{where}墩受冲刷倾斜{size}度",
        places=_at(*PIERS),
        make=_scour,
    ),
    CauseKind(
        kind="ship",
        measure="vibration of the deck after the blow, RMS, m/s2",
        usual=1.2,
        least=0.1,
        most=8.0,
        what_en="a ship hits pier {where}",
        what_zh="船舶撞击{where}墩",
        places=_at(*PIERS),
        make=_ship,
    ),
    CauseKind(
        kind="bearing",
        measure="way that the bearing slips, mm",
        usual=60.0,
        least=5.0,
        most=250.0,
        what_en="a bearing slips by {size} mm",
        what_zh="支座滑移{size}毫米",
        places=_at("joint"),
        make=_bearing,
    ),
    CauseKind(
        kind="congestion",
        measure="load of standing traffic, kN/m",
        usual=14.0,
        least=5.0,
        most=20.0,
        what_en="traffic stands on the bridge",
        what_zh="桥上交通拥堵",
        places=_at("road"),
        make=_drives,
    ),
    CauseKind(
        kind="closure",
        measure="share of the light traffic that stays away",
        usual=0.5,
        least=0.1,
        most=1.0,
        what_en="lanes are closed for works",
        what_zh="占道养护施工",
        places=_at("road"),
        make=_drives,
    ),
    *(
        CauseKind(
            kind=kind,
            measure=", ".join(SIZES[kind]),
            usual=words.usual,
            least=words.least,
            most=words.most,
            what_en=words.en,
            what_zh=words.zh,
            places=_at("mast"),
            make=partial(_weather, kind),
        )
        for kind, words in WORDS.items()
    ),
)
