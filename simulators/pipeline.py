"""The liquid-pipeline site: pumped water mains, whose gateways send arrays of points.

Line k holds PT-k01/02/03 (pressure at inlet, outlet and half-way; MPa, MPa, kPa), FT-k01 (m3/h in),
FT-k02 (L/s out), TT-k01 (bearing, °F), AT-k01 (turbidity, NTU), LT-k01 (suction tank, %) and
XV-k01 (check valve, on change).
"""

from __future__ import annotations

import math
from functools import partial
from typing import Final, Literal

from lifeline.engine.limits import SECOND_NS

from .cause import CauseKind, Happening, Label, Run
from .plant import Gateway, Point, Site, World
from .script import Chapter, storyteller
from .sensor import Instrument
from .trunk import MAIN, Trunk, Upset

PRESSURE_MPA: Final = Instrument(0.0, 1.0, 0.0001, noise=0.0008)
PRESSURE_KPA: Final = Instrument(0.0, 1000.0, 0.1, noise=0.8)
INFLOW: Final = Instrument(0.0, 5000.0, 0.1, noise=4.0)
OUTFLOW: Final = Instrument(0.0, 1500.0, 0.01, noise=1.0)
BEARING_F: Final = Instrument(-20.0, 300.0, 0.1, noise=0.15, t90_s=4.0)
TURBIDITY: Final = Instrument(0.0, 100.0, 0.001, noise=0.01)
LEVEL: Final = Instrument(0.0, 100.0, 0.01, noise=0.05)
VALVE: Final = Instrument(0.0, 1.0, 1.0)

# A story told in a minute heats a bearing faster than the catalogue's 5 Cel/s.
BEARING_RATE: Final = 20.0

CENTRE: Final = (31.8610, 117.2850)
HEARTBEAT_S: Final = 60.0
# Where a main can burst, km from its inlet.
KILOMETRES: Final = tuple(0.25 * k for k in range(1, 10))


def pipeline(site_id: str = "pipeline", *, lines: int = 2, interval_s: float = 1.0) -> Site:
    """A station with `lines` mains (1 to 9), sampled every `interval_s`, a multiple of 0.1 s."""
    if not 1 <= lines <= 9:
        raise ValueError(f"a station has 1 to 9 lines, found {lines}")
    step_ns = round(interval_s * 10) * SECOND_NS // 10
    return Site(
        name="pipeline",
        id=site_id,
        tenant="binhe-water",
        area="binhe/east/canal",
        title="滨河输水干线",
        domain="pipeline",
        shape="points",
        lat=CENTRE[0],
        lon=CENTRE[1],
        step_ns=step_ns,
        resolution_ns=1_000_000,
        window_ns=2 * step_ns,
        gateways=tuple(
            Gateway(f"line-{k + 1}", (123 + 71 * k) * 1_000_000 % step_ns) for k in range(lines)
        ),
        points=tuple(p for line in range(lines) for p in _points(line)),
        write_script=storyteller(_tell),
        causes=CAUSES,
        make_world=partial(_world, lines),
    )


def _points(line: int) -> list[Point]:
    k = line + 1
    point = partial(
        Point,
        gateway=line,
        asset=f"line-{k}",
        lat=round(CENTRE[0] + 0.004 * line, 6),
        lon=CENTRE[1],
    )
    pressure = partial(point, quantity="pipe.water.pressure")
    flow = partial(point, quantity="pipe.water.flow")
    return [
        pressure(id=f"PT-{k}01", unit="MPa", name="出站压力", instrument=PRESSURE_MPA, gain=0.001),
        pressure(id=f"PT-{k}02", unit="MPa", name="末站压力", instrument=PRESSURE_MPA, gain=0.001),
        pressure(id=f"PT-{k}03", unit="kPa", name="中点压力", instrument=PRESSURE_KPA),
        flow(id=f"FT-{k}01", unit="m3/h", name="出站流量", instrument=INFLOW),
        flow(id=f"FT-{k}02", unit="L/s", name="末站流量", instrument=OUTFLOW, gain=1.0 / 3.6),
        point(
            id=f"TT-{k}01",
            quantity="machine.temperature",
            max_rate=BEARING_RATE,
            unit="°F",
            name="泵轴承温度",
            instrument=BEARING_F,
            gain=1.8,
            zero=32.0,
            every=2,
        ),
        point(
            id=f"AT-{k}01",
            quantity="water.turbidity",
            unit="NTU",
            name="浊度",
            instrument=TURBIDITY,
            every=2,
        ),
        point(
            id=f"LT-{k}01",
            quantity="tank.level",
            unit="%",
            name="吸水池液位",
            instrument=LEVEL,
            every=2,
        ),
        point(
            id=f"XV-{k}01",
            quantity="valve.state",
            unit="bool",
            name="止回阀状态",
            instrument=VALVE,
            reports="on_change",
            heartbeat_s=HEARTBEAT_S,
        ),
    ]


def _world(lines: int, site: Site, run: Run, upsets: tuple[Upset, ...]) -> World:
    return Trunk(lines, upsets, site.step_ns / SECOND_NS)


def _lines(site: Site) -> tuple[str, ...]:
    return tuple(dict.fromkeys(p.asset for p in site.points))


def _kilometres(site: Site) -> tuple[str, ...]:
    return tuple(f"{line}/km-{km:.2f}" for line in _lines(site) for km in KILOMETRES)


def _burst(site: Site, it: Happening) -> tuple[tuple[Label, ...], Upset]:
    """A hole of a diameter in mm, at a kilometre."""
    line, _, km = it.where.partition("/km-")
    index = _lines(site).index(line)
    names = [f"PT-{index + 1}0{n}" for n in (1, 2, 3)] + [f"FT-{index + 1}0{n}" for n in (1, 2)]
    area = math.pi / 4.0 * (it.size / 1000.0) ** 2
    at = 1000.0 * float(km) / MAIN.pipe.length
    return (Label(tuple(names), "orange"),), Upset(
        index, "burst", area, it.onset_ns, it.end_ns, at=at
    )


def _trip(site: Site, it: Happening) -> tuple[tuple[Label, ...], Upset]:
    line = _lines(site).index(it.where)
    label = Label(tuple(f"PT-{line + 1}0{n}" for n in (1, 2, 3)), "orange")
    return (label,), Upset(line, "trip", it.size / 100.0, it.onset_ns, it.end_ns)


def _curve(
    kind: Literal["turbid", "overheat"], tag: str, site: Site, it: Happening
) -> tuple[tuple[Label, ...], Upset]:
    line = _lines(site).index(it.where)
    label = Label((f"{tag}-{line + 1}01",), "yellow")
    return (label,), Upset(line, kind, it.size, it.onset_ns, it.end_ns)


CAUSES: Final = (
    CauseKind(
        kind="burst",
        measure="diameter of the hole, mm",
        usual=300.0,
        least=200.0,
        most=500.0,
        what_en="the main bursts at {where} (hole of {size} mm)",
        what_zh="{where}干线爆管（孔径{size} mm）",
        places=_kilometres,
        make=_burst,
    ),
    CauseKind(
        kind="trip",
        measure="speed of the pumps that is left, %",
        usual=45.0,
        least=0.0,
        most=50.0,
        what_en="a pump of {where} trips",
        what_zh="{where}水泵跳闸",
        places=_lines,
        make=_trip,
    ),
    CauseKind(
        kind="turbid",
        measure="turbidity on top of the ordinary, NTU",
        usual=3.0,
        least=1.0,
        most=50.0,
        what_en="the bed of {where} is stirred up: turbid water",
        what_zh="{where}管壁沉积物扰动，浊度超标",
        places=_lines,
        make=partial(_curve, "turbid", "AT"),
    ),
    CauseKind(
        kind="overheat",
        measure="temperature of the bearing above the ordinary, Cel",
        usual=32.0,
        least=22.0,
        most=80.0,
        what_en="a pump bearing of {where} runs hot",
        what_zh="{where}水泵轴承过热",
        places=_lines,
        make=partial(_curve, "overheat", "TT"),
    ),
)


def _tell(chapter: Chapter) -> None:
    """One story: a burst, a pump trip, turbid water, a hot bearing; six faults beside them."""
    lines = _lines(chapter.site)
    first = int(chapter.dice.integers(len(lines)))
    second = (first + 1) % len(lines)
    a, b = first + 1, second + 1
    km = float(chapter.dice.choice([k for k in KILOMETRES if 0.7 <= k <= 1.8]))
    between = (chapter.at(0.16), chapter.at(0.42))
    chapter.happens("burst", f"{lines[first]}/km-{km:.2f}", between, 320.0)
    chapter.happens("overheat", lines[second], (chapter.at(0.24), chapter.at(0.48)))
    chapter.happens("turbid", lines[first], (chapter.at(0.46), chapter.at(0.66)))
    chapter.happens("trip", lines[second], (chapter.at(0.56), chapter.at(0.74)))
    chapter.breaks("stuck", [f"PT-{b}03"], (0.08, 0.48), ("reading frozen", "读数冻结"))
    chapter.breaks("spike", [f"FT-{a}01"], (0.10, 0.70), ("spikes", "尖峰干扰"), 9.0)
    # An odd shift: no stamp may meet an older one of the same sensor.
    chapter.breaks("clock", [f"LT-{a}01"], (0.25, 0.72), ("clock set back", "时钟回拨"), -127.031)
    chapter.breaks("drift", [f"FT-{b}02"], (0.50, 0.95), ("drifts", "漂移"), 15.0)
    of_first = [p.id for p in chapter.site.points if p.gateway == first]
    chapter.breaks("backlog", of_first, (0.76, 0.88), ("network down, sent later", "断网补传"))
    chapter.breaks("duplicate", [f"FT-{b}01"], (0.60, 0.90), ("sent twice", "重复发送"), 0.4)
