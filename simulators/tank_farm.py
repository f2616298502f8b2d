"""The tank-farm site: gasoline, methanol, styrene and cold ammonia, with detectors around each tank.

Gauges speak every `interval_s`; leak sensors when something changes. The site takes the packs
`tank.hazard` (four profiles), `gas.combustible`, `gas.toxic` and `ammonia`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from lifeline.engine.limits import SECOND_NS

from .cause import CauseKind, Happening, Label, Run, kind_of
from .climate import HEFEI
from .farm import FILLS_WITHIN_S, SIDE_NAMES, TANKS, Cause, Farm, Trouble
from .incidents import Level
from .plant import Gateway, Point, Site, World
from .script import Chapter, storyteller
from .sensor import Instrument
from .tank import TankSpec
from .weather import Weather

LEVEL: Final = Instrument(0.0, 105.0, 0.01, noise=0.02)
THERMOMETER: Final = Instrument(-50.0, 200.0, 0.01, noise=0.03, t90_s=60.0)
GAUGE: Final = Instrument(-5.0, 20.0, 0.001, noise=0.01)
FLOW: Final = Instrument(0.0, 500.0, 0.1, noise=0.4)
CONTACT: Final = Instrument(0.0, 1.0, 1.0)
BEAD: Final = Instrument(0.0, 100.0, 0.1, noise=0.25, t90_s=20.0, drift_per_day=0.005, peg=110.0)
# Infra-red in the roof's space: warmer, dirtier air.
ROOF_BEAD: Final = Instrument(0.0, 100.0, 0.1, noise=0.3, t90_s=30.0, peg=110.0)
STYRENE_PID: Final = Instrument(0.0, 1000.0, 0.1, noise=0.5, t90_s=20.0)
AMMONIA_CELL: Final = Instrument(0.0, 700.0, 0.1, noise=0.3, t90_s=40.0)
ANEMOMETER: Final = Instrument(0.0, 60.0, 0.1, noise=0.05)
AIR: Final = Instrument(-40.0, 60.0, 0.1, noise=0.05, t90_s=60.0)

CENTRE: Final = (31.7711, 117.3305)
NAMES: Final = {"gasoline": "汽油", "methanol": "甲醇", "styrene": "苯乙烯", "ammonia": "液氨"}
TOXIC: Final = {"styrene": ("gas.styrene", STYRENE_PID), "ammonia": ("gas.nh3", AMMONIA_CELL)}
SET_KPA: Final = 2.0
COLD_SET_KPA: Final = 10.0


def tank_farm(site_id: str = "tank-farm", *, interval_s: float = 60.0) -> Site:
    """The farm, sampled every `interval_s` (a multiple of 0.1 s)."""
    step_ns = round(interval_s * 10) * SECOND_NS // 10
    points = [p for i, spec in enumerate(TANKS) for p in _tank_points(i, spec)]
    gateways = [spec.name.lower() for spec in TANKS] + ["weather"]
    return Site(
        name="tank-farm",
        id=site_id,
        tenant="binhe-chemical",
        area="binhe/east/harbour",
        title="滨河化工罐区",
        domain="tank",
        shape="points",
        lat=CENTRE[0],
        lon=CENTRE[1],
        step_ns=step_ns,
        resolution_ns=1_000_000,
        window_ns=step_ns,
        gateways=tuple(Gateway(n, (53 + 71 * i) % 97 * 1_000_000) for i, n in enumerate(gateways)),
        points=(*points, *_weather_points(len(TANKS))),
        write_script=storyteller(_tell),
        causes=CAUSES,
        make_world=_world,
        packs=PACKS,
    )


def _tank_points(index: int, spec: TankSpec) -> list[Point]:
    name, title = spec.name, f"{spec.name}{NAMES[spec.product]}罐"
    point = partial(Point, gateway=index, asset=name, lat=CENTRE[0], lon=CENTRE[1] + 4e-4 * index)
    points = [
        point(
            id=f"{name}-level",
            quantity="tank.level",
            unit="%",
            name=f"{title}液位",
            instrument=LEVEL,
        ),
        point(
            id=f"{name}-temp",
            quantity="tank.temperature",
            unit="°C",
            name=f"{title}温度",
            instrument=THERMOMETER,
        ),
        point(
            id=f"{name}-in",
            quantity="tank.flow",
            unit="m3/h",
            name=f"{title}进料流量",
            instrument=FLOW,
        ),
        point(
            id=f"{name}-out",
            quantity="tank.flow",
            unit="m3/h",
            name=f"{title}出料流量",
            instrument=FLOW,
        ),
        point(
            id=f"{name}-leak",
            quantity="tank.leak",
            unit="bool",
            name=f"{title}防火堤泄漏",
            instrument=CONTACT,
            reports="event",
        ),
    ]
    if spec.roof == "floating":
        points.append(
            point(
                id=f"{name}-roof",
                quantity="gas.combustible",
                unit="%LEL",
                name=f"{title}浮盘上方可燃气体",
                instrument=ROOF_BEAD,
            )
        )
    else:
        points.append(
            point(
                id=f"{name}-pressure",
                quantity="tank.pressure",
                unit="kPa",
                name=f"{title}气相压力",
                instrument=GAUGE,
            )
        )
    return points + _detectors(point, spec, title)


def _detectors(point: Any, spec: TankSpec, title: str) -> list[Point]:
    toxic = TOXIC.get(spec.product)
    if toxic is None:
        return [
            point(
                id=f"{spec.name}-lel-{side}",
                quantity="gas.combustible",
                unit="%LEL",
                name=f"{title}{side}侧可燃气体",
                instrument=BEAD,
            )
            for side in SIDE_NAMES
        ]
    quantity, instrument = toxic
    return [
        point(
            id=f"{spec.name}-gas-{side}",
            quantity=quantity,
            unit="mg/m3",
            name=f"{title}{side}侧有毒气体",
            instrument=instrument,
        )
        for side in SIDE_NAMES
    ]


def _weather_points(gateway: int) -> tuple[Point, ...]:
    point = partial(Point, gateway=gateway, asset="weather", lat=CENTRE[0], lon=CENTRE[1])
    return (
        point(id="wind", quantity="weather.wind", unit="m/s", name="风速", instrument=ANEMOMETER),
        point(id="air-temp", quantity="weather.temp", unit="°C", name="气温", instrument=AIR),
    )


def _take(profile: str, asset: str, **given: str) -> dict[str, Any]:
    take: dict[str, Any] = {"pack": "tank.hazard", "profile": profile, "asset": asset}
    return take | ({"given": given} if given else {})


PACKS: Final[tuple[Mapping[str, Any], ...]] = (
    _take("general", "T-101"),
    _take("pressure", "T-102", set_pressure=f"{SET_KPA:g} kPa", max_temperature="40 Cel"),
    _take("styrene", "T-201"),
    _take("pressure", "T-301", set_pressure=f"{COLD_SET_KPA:g} kPa", max_temperature="-30 Cel"),
    {"pack": "gas.combustible"},
    {"pack": "gas.toxic", "without": {"nh3": "the pack ammonia judges it, one level more"}},
    {
        "pack": "ammonia",
        "asset": "T-301",
        "without": {"receiver": "a refrigerated tank: its level is judged by tank.hazard"},
    },
)


def _world(site: Site, run: Run, causes: tuple[Cause, ...]) -> World:
    return Farm(causes, run, Weather(HEFEI, run.seed))


def _places(*names: str) -> Any:
    """`CauseKind.places` for some tanks."""

    def places(site: Site) -> tuple[str, ...]:
        return names

    return places


def _cause(kind: Trouble, it: Happening) -> Cause:
    tank = [spec.name for spec in TANKS].index(it.where)
    return Cause(kind, tank, it.size, it.onset_ns, it.end_ns)


def _made(
    kind: Trouble, seen: tuple[str, ...], level: Level | None, site: Site, it: Happening
) -> tuple[tuple[Label, ...], Cause]:
    """Labels those of `seen` (endings of point ids) that the tank has; none where no level is to
    be reached."""
    known = [p.id for p in site.points]
    found = tuple(f"{it.where}-{x}" for x in seen if f"{it.where}-{x}" in known)
    labels = (Label(found, level),) if level and found else ()
    return labels, _cause(kind, it)


def _overfill(site: Site, it: Happening) -> tuple[tuple[Label, ...], Cause]:
    """85 % is orange, 90 % red: to be found where the pump has time to get there from the lowest."""
    spec = next(s for s in TANKS if s.name == it.where)
    filled = spec.between[0] + 100.0 * spec.pump * it.duration_s / 3600.0 / spec.volume
    reached = min(it.size, filled)
    level: Level | None = "red" if reached > 90.5 else "orange" if reached > 85.5 else None
    return _made("overfill", ("level",), level, site, it)


def _leak(site: Site, it: Happening) -> tuple[tuple[Label, ...], Cause]:
    around = [f"{gas}-{side}" for gas in ("lel", "gas") for side in SIDE_NAMES]
    return _made("leak", ("leak", *around), "orange", site, it)


def _runaway(site: Site, it: Happening) -> tuple[tuple[Label, ...], Cause]:
    """Three hours must pass before a slope is told; a graver level is reached later."""
    level: Level | None = "yellow" if it.duration_s >= 6.0 * 3600.0 else None
    return _made("runaway", ("temp",), level, site, it)


def _vent(site: Site, it: Happening) -> tuple[tuple[Label, ...], Cause]:
    """A warm forenoon often presses; a filling surely does, and they begin at most so far apart."""
    level: Level | None = "orange" if it.duration_s >= FILLS_WITHIN_S else None
    return _made("vent.blocked", ("pressure",), level, site, it)


def _trip(site: Site, it: Happening) -> tuple[tuple[Label, ...], Cause]:
    """From where the compressor stops, 9 kPa are some five hours of summer away, ten of winter."""
    level: Level | None = "orange" if it.duration_s >= 18.0 * 3600.0 else None
    return _made("compressor.trip", ("pressure",), level, site, it)


def _kind(
    kind: str,
    measure: str,
    sizes: tuple[float, float, float],
    said: tuple[str, str],
    places: tuple[str, ...],
    make: Any,
) -> CauseKind[Cause]:
    usual, least, most = sizes
    return CauseKind(kind, measure, usual, least, most, *said, _places(*places), make)


EVERY: Final = tuple(spec.name for spec in TANKS)
CAUSES: Final = (
    _kind(
        "leak",
        "diameter of a hole at the bottom, mm",
        (20.0, 10.0, 80.0),
        ("{where} leaks through a hole of {size} mm", "{where}罐底泄漏，孔径{size}毫米"),
        ("T-101", "T-102", "T-301"),
        _leak,
    ),
    _kind(
        "overfill",
        "level at which the pump is stopped at last, %",
        (96.0, 87.0, 105.0),
        ("{where} is filled to {size} %", "{where}超装至{size}%"),
        ("T-101", "T-102", "T-201"),
        _overfill,
    ),
    _kind(
        "vent.blocked",
        "share of the breathing valve that is stuck, %",
        (100.0, 98.0, 100.0),
        ("the breathing valve of {where} is stuck", "{where}呼吸阀卡堵"),
        ("T-102",),
        _vent,
    ),
    _kind(
        "roof.sunk",
        "share of the liquid that lies open, %",
        (20.0, 2.0, 100.0),
        (
            "the floating roof of {where} sinks, {size} % lie open",
            "{where}浮盘倾覆，{size}%液面敞开",
        ),
        ("T-101",),
        partial(_made, "roof.sunk", ("roof",), "red"),
    ),
    _kind(
        "runaway",
        "how fast it heats itself at the onset, K/d",
        (5.0, 3.0, 24.0),
        ("the styrene in {where} begins to set, {size} K/d", "{where}苯乙烯自聚升温，{size} K/d"),
        ("T-201",),
        _runaway,
    ),
    _kind(
        "compressor.trip",
        "share of the boil-off compressors that is lost, %",
        (100.0, 75.0, 100.0),
        ("the boil-off compressors of {where} trip", "{where}BOG压缩机跳车"),
        ("T-301",),
        _trip,
    ),
    _kind(
        "hatch",
        "vapour while a sample is taken, g/s",
        (2.0, 0.1, 5.0),
        ("somebody takes a sample at {where}", "{where}开盖取样"),
        ("T-101", "T-102"),
        partial(_made, "hatch", (), None),
    ),
)


def _tell(chapter: Chapter) -> None:
    """One story: a leak, a tank too full, a stuck valve, styrene that sets, a trip; three faults."""
    places = [str(p) for p in chapter.dice.permutation(["T-101", "T-102", "T-301"])]
    chapter.happens("hatch", "T-101", (chapter.at(0.05), chapter.at(0.09)))
    _befalls(chapter, "leak", places[0], 0.15, 0.30)
    _befalls(chapter, "overfill", "T-102", 0.35, 0.55)
    _befalls(chapter, "runaway", "T-201", 0.40, 0.80)
    _befalls(chapter, "vent.blocked", "T-102", 0.575, 0.945)
    _befalls(chapter, "compressor.trip", "T-301", 0.65, 0.85)
    chapter.breaks("stuck", ["T-301-level"], (0.10, 0.50), ("reading frozen", "读数冻结"))
    chapter.breaks("silent", ["wind", "air-temp"], (0.70, 0.75), ("no data", "无数据"))
    chapter.breaks("declared", ["T-201-gas-N"], (0.20, 0.30), ("declares a fault", "自报故障"))


def _befalls(chapter: Chapter, kind: str, where: str, begins: float, ends: float) -> None:
    """A danger between two fractions of the story. A story too short for its label leaves it out:
    it may alarm all the same, and without a label that would be counted as false."""
    between, known = (chapter.at(begins), chapter.at(ends)), kind_of(chapter.site, kind)
    if known.make(chapter.site, Happening(kind, where, *between, known.usual))[0]:
        chapter.happens(kind, where, between)
