"""Draws the examples of docs/groups.md; a test compares the two.

    python docs/groups_page.py

Rules are read as an author writes them; every strip is what the core says of an alarm, minute by minute.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header, Tick
from lifeline.engine.frame import Frame
from lifeline.engine.kinds import kind_named
from lifeline.engine.limits import MINUTE_NS
from lifeline.engine.quantities import quantity
from lifeline.engine.rule import Rule, Select

PAGE = Path(__file__).resolve().parent / "groups.md"
START = 19_675 * 24 * 60 * MINUTE_NS
WIDTH = 76
Signal = Callable[[int], float | None]


@dataclass(frozen=True)
class Point:
    """One sensor; `says` is its value at a minute, None where it is mute."""

    id: str
    quantity: str
    says: Signal


@dataclass(frozen=True)
class Example:
    """Rules on the sensors of one tank; the alarms that are drawn, in order."""

    rules: str
    points: tuple[Point, ...]
    alarms: tuple[str, ...]


def _between(first: int, last: int, value: float, calm: float) -> Signal:
    return lambda minute: value if first <= minute < last else calm


def _rising(first: int, second: int, last: int) -> Signal:
    return lambda n: 40.0 if not first <= n < last else 85.0 if second <= n < 48 else 65.0


def _mute(signal: Signal, first: int, last: int) -> Signal:
    return lambda minute: None if first <= minute < last else signal(minute)


EXAMPLES = {
    "vote": Example(
        """\
- {id: gas.high, kind: limit, select: {quantity: gas.combustible},
   high: {orange: 25 %LEL, red: 50 %LEL}, deadband: 2 %LEL}
- {id: gas.2oo3, kind: vote, of: gas.high, per: asset, need: 2, off_delay: 3min}
""",
        (
            Point("GD-1", "gas.combustible", _between(6, 40, 60.0, 3.0)),
            Point("GD-2", "gas.combustible", _between(14, 30, 30.0, 2.0)),
            Point("GD-3", "gas.combustible", _mute(_between(20, 26, 70.0, 1.0), 44, 60)),
        ),
        ("gas.high~GD-1", "gas.high~GD-2", "gas.high~GD-3", "gas.2oo3~T-101"),
    ),
    "composite": Example(
        """\
- {id: methane, kind: limit, select: {quantity: gas.combustible}, high: {orange: 25 %LEL}}
- {id: ammonia, kind: limit, select: {quantity: gas.nh3}, high: {blue: 5 mg/m3}}
- {id: pipe.leak, kind: composite, per: asset, all: [methane], not: [ammonia],
   level: red, on_delay: 3min}
""",
        (
            Point(
                "GD-1", "gas.combustible", lambda n: 30.0 if 5 <= n < 20 or 30 <= n < 55 else 4.0
            ),
            Point("NH-1", "gas.nh3", _between(4, 40, 9.0, 0.5)),
        ),
        ("methane~GD-1", "ammonia~NH-1", "pipe.leak~T-101"),
    ),
    "ladder": Example(
        """\
- {id: level, kind: limit, select: {quantity: tank.level}, high: {blue: 60 %, yellow: 80 %}}
- {id: warning, kind: ladder, count: points, off_delay: 3min}
""",
        tuple(
            Point(f"L-{n + 1}", "tank.level", _rising(5 + 6 * n, 30 + 3 * n, 62 - 2 * n))
            for n in range(4)
        ),
        ("level~L-1", "level~L-2", "level~L-3", "level~L-4", "warning~site"),
    ),
}


def _gas(name: str) -> str:
    about = quantity(name)
    return about.gas or ("methane" if about.domain == "gas" else "")


def _rules(text: str) -> tuple[Rule, ...]:
    """The rules as the core has them."""
    found = []
    for written in yaml.safe_load(text):
        kind = kind_named(written["kind"])
        model = kind.author_model.model_validate(written)
        name = written.get("select", {}).get("quantity", "gas.combustible")
        judgement = kind.compile(model, quantity(name), _gas(name))
        select = Select(quantity=tuple(model.select.quantity))
        found.append(Rule(model.id, kind.name, select, (judgement,), **model.beside(PAGE.parent)))
    return tuple(found)


def strips(example: Example) -> dict[str, str]:
    """What each alarm stands at, a character a minute: B, Y, O, R, `.` for normal; in small letters (and `?` for
    normal) while it is unknown."""
    sensors = tuple(
        Sensor(p.id, 0, 0, p.quantity, quantity(p.quantity).unit, asset="T-101",
               gas=_gas(p.quantity),
               interval=MINUTE_NS, stale=3 * MINUTE_NS)
        for p in example.points
    )  # fmt: skip
    configuration = Configuration(
        (Site("site", "acme", "city/east/one"),), (Link(0, "gw"),), sensors, _rules(example.rules)
    )
    version, core, entries = configuration.version(), Core(), 1
    core.step(1, Entry(Header(registry=version, received=START, appended=START), configuration))
    drawn = dict.fromkeys(example.alarms, "")
    for minute in range(WIDTH):
        now = START + minute * MINUTE_NS
        said = [(i, v) for i, p in enumerate(example.points) if (v := p.says(minute)) is not None]
        header = Header(registry=version, received=now, appended=now)
        frame = Frame.of([i for i, _ in said], [now] * len(said), [v for _, v in said])
        later = Header(received=now + MINUTE_NS // 2, appended=now + MINUTE_NS // 2)
        for entry in (Entry(header, frame), Entry(later, Tick(now + MINUTE_NS // 2))):
            entries += 1
            core.step(entries, entry)
        standing = {one.alarm: (one.level, one.unknown) for one in core.standing()}
        for alarm in drawn:
            level, unknown = standing.get(alarm, ("normal", False))
            mark = "." if level == "normal" else level[0].upper()
            drawn[alarm] += {".": "?"}.get(mark, mark.lower()) if unknown else mark
    return drawn


def drawing(example: Example) -> str:
    """The written rules, and a strip for each alarm."""
    width = max(map(len, example.alarms))
    lines = [f"{alarm:<{width}}  {strip}" for alarm, strip in strips(example).items()]
    return "\n".join(["```text", *example.rules.splitlines(), "", *lines, "```"])


def page(text: str) -> str:
    """The page with every drawn part exchanged. Raises KeyError for a part of no example."""
    pattern = re.compile(
        r"(<!-- drawn by docs/groups_page.py: (\w+) -->\n).*?(<!-- to here -->)", re.DOTALL
    )
    return pattern.sub(lambda m: f"{m[1]}\n{drawing(EXAMPLES[m[2]])}\n\n{m[3]}", text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
