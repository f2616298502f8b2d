"""Writes the drawn parts of docs/kinds.md: what each kind measures of a signal, and when it speaks.

python docs/kinds_page.py            writes them anew
python docs/kinds_page.py --check    exit code 1 if they are not what the core makes of the examples

Signals are made of plain arithmetic, rules are read as an author writes them, records come from the core.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from lifeline.engine import layout as at
from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header
from lifeline.engine.frame import Frame
from lifeline.engine.kinds import kind_named
from lifeline.engine.limits import DAY_NS
from lifeline.engine.planning import compile_plan
from lifeline.engine.quantities import quantity
from lifeline.engine.record import Record
from lifeline.engine.rule import Judgement, Rule, Select

PAGE = Path(__file__).resolve().parent / "kinds.md"
START = 19_675 * DAY_NS
WIDTH, HEIGHT = 90, 6
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
Told = list[tuple[float, float]]


@dataclass(frozen=True)
class Example:
    """One rule on one sensor; `told` are (second, value), `figure` names the measure."""

    rule: str
    told: Told
    figure: str
    low: float | None = None
    high: float | None = None


def _noise(n: int) -> float:
    """Something between −1 and 1 that looks like noise and is the same on every machine."""
    mixed = (n + 1) * 2_654_435_761 & 0xFFFF_FFFF
    mixed = (mixed ^ mixed >> 16) * 0x45D9_F3B & 0xFFFF_FFFF
    return (mixed ^ mixed >> 16) / 0x8000_0000 - 1.0


def _signal(seconds: float, every: float, value: Callable[[float], float]) -> Told:
    return [(n * every, value(n * every)) for n in range(round(seconds / every))]


def _night(t: float) -> float:
    hour = t / HOUR % 24
    flow = 20.0 if 2 <= hour < 5 else 70.0 if hour < 7 or hour > 22 else 110.0
    return flow + 5 * _noise(round(t / 300)) + (30.0 if t > 2.5 * DAY else 0.0)


EXAMPLES = {
    "accumulate": Example(
        "{id: h2s.stel, kind: accumulate, select: {quantity: gas.h2s}, of: twa, window: 15min,\n"
        ' high: {orange: 10 mg/m3}, deadband: 1 mg/m3, basis: "reference time of GBZ 2.1-2019"}',
        _signal(90 * MINUTE, 15, lambda t: 25.0 if 20 * MINUTE <= t < 30 * MINUTE else 3.0),
        "mg/m³, average of 15 min",
        0,
    ),
    "night": Example(
        "{id: night.flow, kind: accumulate, select: {quantity: pipe.water.flow}, of: quietest,\n"
        " window: 24h, high: {yellow: 40 m3/h}, deadband: 5 m3/h}",
        _signal(5 * DAY, 300, _night),
        "m³/h, quietest two hours of a day",
        0,
        120,
    ),
    "shift": Example(
        "{id: joint.shift, kind: shift, select: {quantity: bridge.crack}, target: 0.20 mm,\n"
        " sigma: 0.02 mm, slack: 0.5, direction: up, beyond: {yellow: 5, orange: 8}}",
        _signal(
            90 * HOUR,
            HOUR,
            lambda t: 0.2 + 0.03 * _noise(round(t / HOUR)) + 0.03 * (30 <= t / HOUR < 60),
        ),
        "evidence in σ",
        0,
    ),
    "spike": Example(
        "{id: line.noise, kind: spike, select: {quantity: pipe.water.pressure}, step: 50 kPa,\n"
        " window: 10min, count: 3}",
        _signal(
            45 * MINUTE,
            10,
            lambda t: (
                300.0
                + 5 * _noise(round(t / 10))
                + 120.0 * (round(t / 10) in (60, 75, 96, 130))
                + 60.0 * (t >= 1800)
            ),
        ),
        "spikes in 10 min",
        0,
    ),
    "range": Example(
        "{id: loop.fault, kind: range, select: {quantity: gas.combustible}, level: yellow,\n"
        " measuring: {low: 0 %LEL, high: 100 %LEL}, failure: orange, on_delay: 4s}",
        _signal(
            15 * MINUTE,
            10,
            lambda t: 104.0 if 150 <= t < 300 else -4.0 if 600 <= t < 750 else 4.0 + t / 100,
        ),
        "mA",
        2,
        22,
    ),
    "trend": Example(
        "{id: dam.creep, kind: trend, select: {quantity: dam.disp.horizontal}, rising: {yellow: 2 mm/d},\n"
        " window: 12d, robust: true, confidence: 99 %, deadband: 0.5 mm/d}",
        _signal(
            45 * DAY,
            DAY / 2,
            lambda t: (
                10
                + 4 * _noise(round(2 * t / DAY))
                + 3 * max(0.0, min(t / DAY - 20, 15.0))
                + 60 * (round(2 * t / DAY) in (15, 44))
            ),
        ),
        "mm/d, median slope of the panes",
    ),
}


def _rule(example: Example) -> tuple[Rule, Judgement]:
    """The rule as the core has it, read from the written one."""
    written = yaml.safe_load(example.rule)
    kind = kind_named(written["kind"])
    name = written["select"]["quantity"]
    model = kind.author_model.model_validate(written)
    judgement: Judgement = kind.compile(model, quantity(name), quantity(name).gas)
    select = Select(quantity=(name,))
    return Rule(written["id"], kind.name, select, (judgement,)), judgement


def run(example: Example) -> tuple[list[float], list[Record], Judgement]:
    """The measure after each sample in the author's unit, the records, and the judgement."""
    rule, judgement = _rule(example)
    about = quantity(rule.select.quantity[0])
    interval = round((example.told[1][0] - example.told[0][0]) * 1e9)
    ends = [None if math.isnan(end) else end for end in (about.low, about.high)]
    sensor = Sensor(
        "S", 0, 0, about.name, about.unit, gas=about.gas, interval=interval, stale=3 * interval,
        low=ends[0], high=ends[1],
    )  # fmt: skip
    site = Site("site", "acme", "city/east/one")
    configuration = Configuration((site,), (Link(0, "source"),), (sensor,), (rule,))
    times = [START + round(second * 1e9) for second, _ in example.told]
    frame = Frame.of([0] * len(times), times, [v for _, v in example.told])
    version = configuration.version()
    core = Core()
    core.step(1, Entry(Header(registry=version), configuration))
    entry = Entry(Header(registry=version, self_clocked=True), frame)
    records = [one for one in core.step(2, entry) if one.value is not None]
    return _figures(configuration, frame, judgement), records, judgement


def _figures(configuration: Configuration, frame: Frame, judgement: Judgement) -> list[float]:
    plan = compile_plan(configuration, configuration.version())
    (kind,) = plan.kinds
    rows = np.zeros(len(frame), at.ROW)
    rows["time"], rows["value"], rows["verdict"] = frame.time, frame.value, at.GOOD
    rings, out = np.zeros((1, kind.kind.width)), np.zeros(len(frame))
    kind.kind.measure(rows, kind.ptr, kind.first, plan.param, plan.options, rings, out)
    return [float(x) * judgement.scale for x in out]


def _columns(values: list[float]) -> list[float]:
    """The extreme of each column (the farthest from the mean), NaN where nothing is."""
    known = [v for v in values if not math.isnan(v)]
    middle = sum(known) / len(known) if known else 0.0
    columns = []
    for column in range(WIDTH):
        part = values[column * len(values) // WIDTH : (column + 1) * len(values) // WIDTH]
        part = [v for v in part or [values[column * len(values) // WIDTH]] if not math.isnan(v)]
        columns.append(max(part, key=lambda v: abs(v - middle)) if part else math.nan)
    return columns


def chart(
    values: list[float], low: float | None, high: float | None, limits: list[float]
) -> list[str]:
    """A curve of `HEIGHT` lines with limits drawn through it; the scale stands on the left."""
    columns = _columns(values)
    known = [v for v in [*columns, *limits] if not math.isnan(v)]
    low = min(known) if low is None else low
    high = max(known) if high is None else high
    step = (high - low) / (HEIGHT - 1) or 1.0

    def line(value: float) -> int:
        return min(HEIGHT - 1, max(0, math.floor((value - low) / step + 0.5)))

    drawn = []
    for number in range(HEIGHT - 1, -1, -1):
        ground = "-" if number in [line(limit) for limit in limits] else " "
        dots = "".join("*" if v == v and line(v) == number else ground for v in columns)
        drawn.append(f"{low + number * step:10.4g} |{dots.rstrip()}")
    return drawn


def _axis(example: Example, records: list[Record]) -> str:
    """Where the alarm changed: the first letter of its level, or a dot for normal."""
    end = example.told[-1][0]
    marks = [" "] * WIDTH
    for record in records:
        column = int((record.time - START) / 1e9 / end * (WIDTH - 1))
        marks[column] = "." if record.level_after == "normal" else record.level_after[0].upper()
    return f"{'alarm':>10} |{''.join(marks).rstrip()}"


def drawing(example: Example) -> str:
    """The written rule, the signal, the figure with its limits, and the alarm."""
    figures, records, judgement = run(example)
    limits = [
        limit * judgement.scale
        for level in judgement.levels
        for limit in (level.high, level.low)
        if limit is not None
    ]
    lines = ["```text", *example.rule.splitlines(), "", "the signal"]
    lines += chart([v for _, v in example.told], None, None, [])
    lines += [f"the figure: {example.figure}", *chart(figures, example.low, example.high, limits)]
    return "\n".join([*lines, _axis(example, records), "```"])


def drawn(page: str) -> str:
    """The page with every drawn part exchanged. Raises KeyError for a part of no example."""
    pattern = re.compile(
        r"(<!-- drawn by docs/kinds_page.py: (\w+) -->\n).*?(<!-- to here -->)", re.DOTALL
    )
    return pattern.sub(lambda m: f"{m[1]}\n{drawing(EXAMPLES[m[2]])}\n\n{m[3]}", page)


def main(arguments: list[str]) -> int:
    """Exit code 0; 1 with --check where the page differs."""
    page = PAGE.read_text("utf-8")
    wanted = drawn(page)
    if "--check" in arguments:
        return int(page != wanted)
    PAGE.write_text(wanted, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
