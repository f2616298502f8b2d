"""Draws the example of docs/wave.md; a test compares the two.

    python docs/wave_page.py

The rule is the one that stands in the page; the pressures are made of plain arithmetic and judged by the core, so
that the picture and the sentence are what the engine says of them.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header
from lifeline.engine.frame import Frame
from lifeline.engine.kinds import kind_named
from lifeline.engine.limits import DAY_NS
from lifeline.engine.outputs.text import render
from lifeline.engine.quantities import quantity
from lifeline.engine.record import Record
from lifeline.engine.rule import Rule, Select

PAGE = Path(__file__).parent / "wave.md"
BEGIN, END = "<!-- drawing -->\n", "<!-- end of drawing -->\n"
START = 19_675 * DAY_NS
SECONDS, RATE = 300, 50
COLUMNS, LINES = 90, 7
LENGTH_KM, SPEED_KM_S = 50.0, 1.1
STOP_S, LEAK_S, LEAK_KM = 40.0, 190.0, 18.2
KEPT_KM = 60.0  # a wave is weaker by a third after this way


def _noise(n: int) -> float:
    """Something between −1 and 1 that looks like noise and is the same on every machine."""
    mixed = (n + 1) * 2_654_435_761 & 0xFFFF_FFFF
    mixed = (mixed ^ mixed >> 16) * 0x45D9_F3B & 0xFFFF_FFFF
    return (mixed ^ mixed >> 16) / 0x8000_0000 - 1.0


def _fallen(second: float, came: float, width: float) -> float:
    """How much of a front has run by, 0 to 1."""
    return min(1.0, max(0.0, (second - came) / width))


def pressures(end_km: float) -> list[float]:
    """What the sensor at one end shows: a pump stop upstream of the section, then a leak within it."""
    told = []
    for n in range(SECONDS * RATE):
        second = n / RATE
        stop = 24.0 / (1.0 + end_km / (2 * KEPT_KM))
        leak = 16.0 / (1.0 + abs(end_km - LEAK_KM) / (2 * KEPT_KM))
        value = 300.0 - stop * _fallen(second, STOP_S + end_km / SPEED_KM_S, 3.0)
        came = LEAK_S + abs(end_km - LEAK_KM) / SPEED_KM_S
        value -= leak * _fallen(second, came, 0.4)
        told.append(value + _noise(2 * n + (end_km > 0)))
    return told


def rule(text: str) -> Rule:
    """The first rule of the page, as the core has it."""
    found = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert found is not None, "the page has no rule"
    written = yaml.safe_load(found[1])
    kind = kind_named(written["kind"])
    model = kind.author_model.model_validate(written)
    about = quantity(written["select"]["quantity"])
    judgement = kind.compile(model, about, "")
    select = Select(quantity=(about.name,))
    return Rule(model.id, kind.name, select, (judgement,), **model.beside(PAGE.parent))


def records(text: str, signals: list[list[float]]) -> list[Record]:
    """What the core says of the two pressures."""
    one = rule(text)
    (name,) = one.select.quantity
    ends = [member.select.sensor[0] for member in one.members]
    sensors = tuple(
        Sensor(end, 0, 0, name, quantity(name).unit, interval=10**9 // RATE, stale=10**10)
        for end in ends
    )
    site = Site("north-line", "acme", "city/east/one")
    configuration = Configuration((site,), (Link(0, "source"),), sensors, (one,))
    times = [START + n * 10**9 // RATE for n in range(len(signals[0])) for _ in signals]
    values = [value for pair in zip(*signals, strict=True) for value in pair]
    frame = Frame.of([0, 1] * len(signals[0]), times, values)
    version = configuration.version()
    core = Core()
    core.step(1, Entry(Header(registry=version), configuration))
    clocked = Header(registry=version, self_clocked=True)
    return [one for one in core.step(2, Entry(clocked, frame)) if one.value is not None]


def chart(values: list[float]) -> list[str]:
    """A curve of `LINES` lines, the scale on the left."""
    size = len(values) // COLUMNS
    columns = [sum(values[c * size : (c + 1) * size]) / size for c in range(COLUMNS)]
    low, high = min(columns), max(columns)
    step = (high - low) / (LINES - 1) or 1.0
    places = [round((value - low) / step) for value in columns]
    return [
        f"{low + line * step:10.4g} |" + "".join("*" if p == line else " " for p in places).rstrip()
        for line in range(LINES - 1, -1, -1)
    ]


def drawing(text: str) -> str:
    """Both pressures, the alarm below them, and what it says."""
    signals = [pressures(0.0), pressures(LENGTH_KM)]
    found = records(text, signals)
    marks = [" "] * COLUMNS
    for one in found:
        second = (one.time - START) / 1e9
        marks[int(second / SECONDS * (COLUMNS - 1))] = one.level_after[0].upper()
    lines = [
        "```text",
        "kPa, km 0",
        *chart(signals[0]),
        f"kPa, km {LENGTH_KM:g}",
        *chart(signals[1]),
    ]
    lines += [f"{'alarm':>10} |{''.join(marks).rstrip()}", ""]
    lines += [render(one, language) for one in found for language in ("en", "zh")]
    return "\n".join([*lines, "```"]) + "\n"


def page(text: str) -> str:
    """The page with the picture drawn anew. Raises ValueError without the marks."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}{drawing(text)}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
