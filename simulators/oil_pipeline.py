"""The oil line as a site: 50 km of diesel and gasoline, under the pack `pipe.oil`.

Two fast gauges at its ends speak ten times a second, which the pressure wave needs; flow meters,
gauges along the line and the station's machines every ten seconds, posts of cathodic protection every
minute.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from lifeline.engine.limits import HOUR_NS, MINUTE_NS, SECOND_NS

from .ahead import Ahead
from .cause import Happening, Run
from .oil_causes import CAUSES, KILOMETRES, MAX_BEARING_C, MIN_SUCTION_KPA
from .oil_line import OIL_LINE
from .oil_world import GAUGES, PUMPS, OilLine
from .plant import Gateway, Point, Site, World
from .script import Chapter, storyteller
from .sensor import Instrument

CENTRE: Final = (31.82, 117.10)
# The line runs east.
DEGREES_PER_KM: Final = 0.0106
SCAN_S: Final = 10.0
FASTEST_S: Final = 0.02
SLOWEST_S: Final = 0.1

FLOW: Final = Instrument(0.0, 1500.0, 0.01, noise=1.3)
FAST: Final = Instrument(-100.0, 10_000.0, 0.01, noise=0.4)
PRESSURE: Final = Instrument(-100.0, 10_000.0, 0.1, noise=2.0)
SUCTION: Final = Instrument(-100.0, 1000.0, 0.1, noise=2.0)
BEARING: Final = Instrument(-20.0, 200.0, 0.1, noise=0.2)
VIBRATION: Final = Instrument(0.0, 50.0, 0.01, noise=0.1)
POTENTIAL: Final = Instrument(-3000.0, 500.0, 1.0, noise=3.0)

STOPS: Final = (
    "each stop of this line, and each tripped unit, takes more than a tenth off, some a day; "
    "the site's own rule rupture weighs what is packed instead"
)
QUIET: Final = (
    "pumps with regulated speed and gauges of 0.4 kPa: both ends are quiet within 0.5 kPa"
)
WALKED: Final = "after two hours the section is shut or was walked, and a second wave must be heard"
DEFAULT: Final = "engineering default"
# The windows of the balances of ten minutes and of an hour; that of a day hears no meter's drift of hours.
REMEMBERED_S: Final = HOUR_NS / SECOND_NS
# A L / (rho a2) of ten kilometres, between diesel's 0.142 and gasoline's 0.160.
LINE_PACK: Final = "0.15 m3/bar"
METERED: Final = {"quantity": "pipe.oil.flow", "systematic": "0.1 %", "random": "0.25 %"}
RULES: Final = (
    {
        "id": "rupture",
        "kind": "balance",
        "select": {
            "quantity": ["pipe.oil.flow", "pipe.oil.pressure"],
            "asset": "line",
        },
        "inflow": {"sensor": "FT-IN", **METERED},
        "outflow": {"sensor": "FT-OUT", **METERED},
        "stored": {
            "quantity": "pipe.oil.pressure",
            "stores": LINE_PACK,
            "systematic": "10 %",
            "absolute": "5 kPa",
        },
        "window": "10min",
        "min_flow": "250 m3/h",
        "loss": {"red": "10 %"},
        "deadband": "1 %",
        "on_delay": "1min",
        "basis": f"{DEFAULT}: a tenth of the flow within ten minutes, line pack counted",
    },
)


def oil_pipeline(site_id: str = "oil-line", *, interval_s: float = SLOWEST_S) -> Site:
    """The line with fast gauges every `interval_s` (0.02 to 0.1 s, dividing a second); the others
    keep their pace. The grid of the physics is that interval, so 0.02 s costs 25 times as much."""
    per_second = round(1.0 / interval_s)
    if not FASTEST_S <= interval_s <= SLOWEST_S or abs(per_second * interval_s - 1.0) > 1e-9:
        raise ValueError(
            f"a fast gauge's interval divides a second, 0.02 to 0.1 s, found {interval_s}"
        )
    step_ns = SECOND_NS // per_second
    return Site(
        name="oil-line",
        id=site_id,
        tenant="binhe-oil",
        area="binhe/west/line",
        title="滨河成品油管道",
        domain="pipeline",
        shape="points",
        lat=CENTRE[0],
        lon=CENTRE[1],
        step_ns=step_ns,
        resolution_ns=1_000_000,
        window_ns=SECOND_NS,
        gateways=(Gateway("station", 0), Gateway("delivery", 0), Gateway("along", 0)),
        points=_points(round(SCAN_S * per_second)),
        write_script=storyteller(_tell),
        causes=CAUSES,
        make_world=_world,
        packs=_takes(),
        rules=RULES,
    )


def _takes() -> tuple[dict[str, object], ...]:
    """The pack for the line and its station, and once more for the delivery, whose pipes are weaker."""
    given: dict[str, str] = {
        "max_pressure": "4 MPa",
        "operating_pressure": "2 MPa",
        "min_suction": f"{MIN_SUCTION_KPA:g} kPa",
        "max_discharge": "3.2 MPa",
        "max_bearing": f"{MAX_BEARING_C:g} Cel",
        "min_flow": "100 m3/h",
        "inflow": "FT-IN",
        "outflow": "FT-OUT",
        "line_pack": LINE_PACK,
        "upstream": "PT-U",
        "downstream": "PT-D",
        "length": f"{OIL_LINE.pipe.length / 1000.0:g} km",
        "wave_speed": f"{OIL_LINE.pipe.wave:g} m/s",
    }
    change = {
        "wave.drop.orange": {"to": "1 kPa", "reason": QUIET},
        "wave.drop.red": {"to": "5 kPa", "reason": QUIET},
        "wave.hold": {"to": "2h", "reason": WALKED},
    }
    line: dict[str, object] = {
        "pack": "pipe.oil",
        "asset": ["line", "station", *PUMPS, "posts"],
        "given": given,
        "change": change,
        "without": {"rupture": STOPS},
    }
    delivery: dict[str, object] = {
        "pack": "pipe.oil",
        "asset": ["delivery"],
        "given": {"max_pressure": "1.6 MPa"},
        "without": {"rupture": STOPS},
    }
    return line, delivery


def _points(scan: int) -> tuple[Point, ...]:
    station = partial(Point, gateway=0, lat=CENTRE[0], lon=CENTRE[1])
    delivery = partial(Point, gateway=1, lat=CENTRE[0], lon=_east(50))
    points = [
        *_end(station, "FT-IN", "PT-U", "首站出站", scan),
        station(
            id="PD-101",
            quantity="pump.discharge.pressure",
            unit="kPa",
            asset="station",
            name="泵出口汇管压力",
            instrument=PRESSURE,
            every=scan,
        ),
        station(
            id="PS-101",
            quantity="pump.suction.pressure",
            unit="kPa",
            asset="station",
            name="泵进口汇管压力",
            instrument=SUCTION,
            every=scan,
        ),
        *(it for k, pump in enumerate(PUMPS, 1) for it in _machine(station, k, pump, scan)),
        *_end(delivery, "FT-OUT", "PT-D", "末站进站", scan),
        delivery(
            id="PT-50",
            quantity="pipe.oil.pressure",
            unit="kPa",
            asset="delivery",
            name="末站进站压力",
            instrument=PRESSURE,
            every=scan,
        ),
    ]
    return (*points, *(it for km in GAUGES for it in _along(km, scan)))


def _east(km: float) -> float:
    """Longitude of a kilometre."""
    return round(CENTRE[1] + km * DEGREES_PER_KM, 6)


def _end(
    point: Callable[..., Point], meter: str, gauge: str, name: str, scan: int
) -> tuple[Point, ...]:
    """Flow meter and fast gauge at one end."""
    return (
        point(
            id=meter,
            quantity="pipe.oil.flow",
            unit="m3/h",
            asset="line",
            name=f"{name}流量",
            instrument=FLOW,
            every=scan,
            remembered_s=REMEMBERED_S,
        ),
        point(
            id=gauge,
            quantity="pipe.oil.pressure.fast",
            unit="kPa",
            asset="line",
            name=f"{name}高频压力",
            instrument=FAST,
            stale_s=SCAN_S,
        ),
    )


def _machine(station: Callable[..., Point], k: int, pump: str, scan: int) -> tuple[Point, ...]:
    return (
        station(
            id=f"TB-{k}",
            quantity="machine.temperature",
            unit="Cel",
            asset=pump,
            name=f"{k}号泵轴承温度",
            instrument=BEARING,
            every=scan,
        ),
        station(
            id=f"VB-{k}",
            quantity="machine.vibration.velocity",
            unit="mm/s",
            asset=pump,
            name=f"{k}号泵振动速度",
            instrument=VIBRATION,
            every=scan,
        ),
    )


def _along(km: int, scan: int) -> tuple[Point, ...]:
    point = partial(Point, gateway=2, lat=CENTRE[0], lon=_east(km))
    return (
        point(
            id=f"PT-{km:02d}",
            quantity="pipe.oil.pressure",
            unit="kPa",
            asset="line",
            name=f"{km}公里阀室压力",
            instrument=PRESSURE,
            every=scan,
        ),
        point(
            id=f"CP-{km:02d}",
            quantity="pipe.cp.potential",
            unit="mV",
            asset="posts",
            name=f"{km}公里测试桩保护电位",
            instrument=POTENTIAL,
            every=6 * scan,
        ),
    )


def _world(site: Site, run: Run, causes: tuple[Happening, ...]) -> World:
    return Ahead(OilLine(run, site.step_ns, causes).told, site.step_ns)


def _tell(chapter: Chapter) -> None:
    """One story, each thing in its place: what is no danger first, then beside it what is."""
    dice = chapter.dice

    def somewhere() -> str:
        return KILOMETRES[int(dice.integers(len(KILOMETRES)))]

    def lasting(kind: str, where: str, fraction: float, ns: int, size: float | None = None) -> None:
        onset = chapter.at(fraction)
        chapter.happens(kind, where, (onset, onset + ns), size)

    pump = PUMPS[int(dice.integers(len(PUMPS)))]
    other = PUMPS[1 - PUMPS.index(pump)]
    lasting("pump.trip", "station", 0.06, round(float(dice.uniform(0.3, 1.0)) * HOUR_NS))
    chapter.happens("batch", "line", (chapter.at(0.1), chapter.at(0.58)))
    chapter.happens("leak", somewhere(), (chapter.at(0.16), chapter.at(0.30)))
    lasting("throttle", "delivery", 0.36, round(float(dice.uniform(0.2, 0.6)) * HOUR_NS))
    lasting("line.stop", "line", 0.44, round(float(dice.uniform(0.5, 2.0)) * HOUR_NS))
    lasting("rupture", somewhere(), 0.62, 30 * MINUTE_NS)
    chapter.happens("bearing", pump, (chapter.at(0.70), chapter.at(0.78)))
    chapter.happens("vibration", other, (chapter.at(0.74), chapter.at(0.80)))
    lasting("strainer", "station", 0.84, HOUR_NS)
    lasting("valve.closed", "delivery", 0.93, 20 * MINUTE_NS)
    chapter.happens("rectifier", "posts", (chapter.at(0.66), chapter.at(0.90)))
    chapter.breaks("stuck", ["PT-25"], (0.02, 0.12), ("reading frozen", "读数冻结"))
    chapter.breaks("spike", ["PT-U"], (0.32, 0.42), ("spikes", "尖峰干扰"), 997.0)
    chapter.breaks("silent", ["FT-OUT"], (0.55, 0.58), ("says nothing", "无数据"))
    chapter.breaks("late", ["CP-15", "CP-25"], (0.2, 0.4), ("is late", "延迟到达"), 40.0)
    chapter.breaks("drift", ["FT-IN"], (0.82, 0.9), ("drifts", "漂移"), 16.0)
