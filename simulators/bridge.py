"""The bridge site: an approach on bearings and a main span on cables, under the pack `bridge`.

Fast loggers speak every second (strain, sag, vibration, wind), slow ones every minute (tilt, joint,
air) and every ten (cable forces, frequency); a scale in the road tells each lorry's heaviest axle.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from lifeline.engine.limits import HOUR_NS, SECOND_NS

from .ahead import Ahead
from .bridge_causes import (
    ACCEL_LIMITS,
    AXLE_LIMIT_T,
    CAUSES,
    DESIGN_SAG,
    DESIGN_STRAIN,
    PIERS,
    PLAN,
    SLIP_MM_H,
)
from .bridge_world import Bridge
from .cause import Happening, Run
from .climate import RIVER_BRIDGE, Climate, Event
from .plant import Gateway, Point, Site, World
from .script import Chapter, storyteller
from .sensor import Instrument
from .weather import Weather

CENTRE: Final = (RIVER_BRIDGE.lat, RIVER_BRIDGE.lon)
MINUTE_S: Final = 60.0

STRAIN: Final = Instrument(-1500.0, 1500.0, 0.1, noise=0.6)
SAG: Final = Instrument(-500.0, 500.0, 0.1, noise=0.3)
ACCEL_RMS: Final = Instrument(0.0, 20.0, 0.001, noise=0.001)
FORCE: Final = Instrument(0.0, 10_000.0, 1.0)
TILT: Final = Instrument(-10.0, 10.0, 0.001, noise=0.003)
JOINT: Final = Instrument(-400.0, 400.0, 0.1, noise=0.2)
FREQUENCY: Final = Instrument(0.1, 5.0, 0.0001)
AXLE: Final = Instrument(0.0, 60.0, 0.1)
ANEMOMETER: Final = Instrument(0.0, 60.0, 0.1, noise=0.1)
THERMOMETER: Final = Instrument(-45.0, 60.0, 0.1, noise=0.05, t90_s=60.0)

DEFAULT: Final = "engineering default"
RULES: Final = (
    {
        "id": "vibration",
        "kind": "limit",
        "select": {"quantity": "bridge.accel"},
        "high": {level: f"{x:g} m/s2" for level, x in ACCEL_LIMITS.items()},
        "deadband": "0.03 m/s2",
        "off_delay": "1min",
        "basis": f"{DEFAULT}: comfort of people in vehicles, RMS of a second",
    },
    {
        "id": "joint-slip",
        "kind": "rate",
        "select": {"quantity": "bridge.displacement"},
        "rising": {"orange": f"{SLIP_MM_H:g} mm/h"},
        "falling": {"orange": f"{SLIP_MM_H:g} mm/h"},
        "span": "1h",
        "min_span": "20min",
        "deadband": "2 mm/h",
        "basis": f"{DEFAULT}: four times what the sun moves a deck",
    },
    {
        "id": "frequency",
        "kind": "limit",
        "select": {"quantity": "bridge.frequency"},
        "low": {"orange": f"{0.95 * float(PLAN.main.frequency()):.4f} Hz"},
        "deadband": "0.002 Hz",
        "on_delay": "30min",
        "basis": f"{DEFAULT}: 5 % below the frequency as accepted",
    },
)


def bridge(
    site_id: str = "bridge", *, interval_s: float = 1.0, climate: Climate = RIVER_BRIDGE
) -> Site:
    """A bridge whose fast loggers speak every `interval_s`, a whole number of seconds that divides
    a minute; the slow ones keep their pace."""
    if interval_s < 1.0 or MINUTE_S % interval_s:
        raise ValueError(f"a fast logger's seconds divide a minute, found {interval_s}")
    step_ns = round(interval_s) * SECOND_NS
    return Site(
        name="bridge",
        id=site_id,
        tenant="binhe-roads",
        area="binhe/north/river",
        title="滨河长江大桥",
        domain="bridge",
        shape="points",
        lat=CENTRE[0],
        lon=CENTRE[1],
        step_ns=step_ns,
        resolution_ns=1_000_000,
        window_ns=step_ns,
        gateways=(Gateway("deck", 113_000_000), Gateway("slow", 347_000_000)),
        points=_points(round(MINUTE_S / interval_s)),
        write_script=storyteller(_tell),
        causes=CAUSES,
        make_world=partial(_world, climate),
        packs=_takes(),
        rules=RULES,
    )


def _takes() -> tuple[dict[str, object], ...]:
    """The pack once for each part, since each has design values of its own."""
    given: dict[str, dict[str, str]] = {
        part: {"design_deflection": f"{sag:g} mm"} for part, sag in DESIGN_SAG.items()
    }
    given["approach"]["design_strain"] = f"{DESIGN_STRAIN:g} um/m"
    given["cables"] = {"cable_force": f"{PLAN.carried:g} kN"}
    given["road"] = {"axle_limit": f"{AXLE_LIMIT_T:g} t"}
    takes: list[dict[str, object]] = [
        {"pack": "bridge", "asset": [part], "given": it} for part, it in given.items()
    ]
    takes += [{"pack": "bridge", "asset": [part]} for part in (*PIERS, "mast")]
    return tuple(takes)


def _points(minute: int) -> tuple[Point, ...]:
    point = partial(Point, lat=CENTRE[0], lon=CENTRE[1])
    strain = partial(point, quantity="bridge.strain", unit="um/m", instrument=STRAIN)
    sag = partial(point, quantity="bridge.deflection", unit="mm", instrument=SAG, gateway=0)
    points = [
        strain(id="strain_1", gateway=0, asset="approach", name="引桥跨中1号应变"),
        strain(id="strain_2", gateway=0, asset="approach", name="引桥跨中2号应变"),
        sag(id="sag_approach", asset="approach", name="引桥跨中挠度"),
        sag(id="sag_main", asset="main", name="主跨跨中挠度"),
        point(
            id="accel",
            gateway=0,
            quantity="bridge.accel",
            unit="m/s2",
            asset="main",
            name="主跨振动加速度(1秒有效值)",
            instrument=ACCEL_RMS,
        ),
        point(
            id="axle",
            gateway=0,
            quantity="bridge.axle_load",
            unit="t",
            asset="road",
            name="动态称重最大轴重",
            instrument=AXLE,
            reports="event",
        ),
        point(
            id="wind",
            gateway=0,
            quantity="weather.wind",
            unit="m/s",
            asset="mast",
            name="桥面风速",
            instrument=ANEMOMETER,
        ),
    ]
    slow = partial(point, gateway=1)
    points += [
        slow(
            id=f"tilt_{pier}",
            quantity="bridge.tilt",
            unit="deg",
            asset=pier,
            name=f"{pier[1]}号墩倾角",
            instrument=TILT,
            every=minute,
        )
        for pier in PIERS
    ]
    points += [
        slow(
            id=name,
            quantity="bridge.cable_force",
            unit="kN",
            asset="cables",
            name=f"{name[1:]}号拉索索力(频率法)",
            instrument=FORCE,
            every=10 * minute,
        )
        for name, _ in PLAN.cables
    ]
    return (*points, *_slow_points(slow, minute))


def _slow_points(slow: Callable[..., Point], minute: int) -> tuple[Point, ...]:
    return (
        slow(
            id="joint",
            quantity="bridge.displacement",
            unit="mm",
            asset="joint",
            name="伸缩缝位移",
            instrument=JOINT,
            every=minute,
        ),
        slow(
            id="freq",
            quantity="bridge.frequency",
            unit="Hz",
            asset="main",
            name="主跨一阶竖弯频率",
            instrument=FREQUENCY,
            every=10 * minute,
        ),
        slow(
            id="air_temp",
            quantity="weather.temp",
            unit="Cel",
            asset="mast",
            name="桥面气温",
            instrument=THERMOMETER,
            every=minute,
        ),
    )


def _world(climate: Climate, site: Site, run: Run, causes: tuple[Happening | Event, ...]) -> World:
    ordered = tuple(c for c in causes if isinstance(c, Event))
    others = tuple(c for c in causes if isinstance(c, Happening))
    weather = Weather(climate, run.seed, ordered)
    world = Bridge(run.seed, run.start_ns, others, weather, PLAN)
    return Ahead(world.told, site.step_ns)


def _tell(chapter: Chapter) -> None:
    """One story, each thing in its place; a hot day and a jam between that are no danger."""
    names = [name for name, _ in PLAN.cables]
    cable = names[int(chapter.dice.integers(len(names)))]
    pier = PIERS[int(chapter.dice.integers(2))]
    onset = chapter.at(0.1)
    chapter.happens("overload", "approach", (onset, onset + 180 * SECOND_NS))
    chapter.happens("gale", "mast", (chapter.at(0.18), chapter.at(0.3)), 22.0)
    chapter.happens("congestion", "road", (chapter.at(0.34), chapter.at(0.38)))
    chapter.happens("cable.loss", cable, (chapter.at(0.42), chapter.at(0.6)))
    onset = chapter.at(0.65)
    chapter.happens("ship", pier, (onset, onset + 60 * SECOND_NS))
    onset = chapter.at(0.7)
    chapter.happens("bearing", "joint", (onset, onset + HOUR_NS))
    chapter.happens("scour", pier, (chapter.at(0.75), chapter.at(0.9)))
    chapter.breaks("stuck", ["strain_2"], (0.05, 0.3), ("reading frozen", "读数冻结"))
    chapter.breaks("silent", ["tilt_p1", "tilt_p2"], (0.5, 0.55), ("says nothing", "无数据"))
    chapter.breaks("spike", ["sag_main"], (0.2, 0.4), ("spikes", "尖峰干扰"), 997.0)
