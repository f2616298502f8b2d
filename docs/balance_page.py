"""Draws the example of docs/balance.md; a test compares the two.

    python docs/balance_page.py

A line of 50 km through a day: pumping is stepped up and down again, which packs and unpacks the line, and from
15:00 on one percent of the flow leaks. The rule is judged by the core.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header
from lifeline.engine.frame import Frame
from lifeline.engine.kinds import kind_named
from lifeline.engine.limits import DAY_NS, SECOND_NS
from lifeline.engine.quantities import quantity
from lifeline.engine.record import Record
from lifeline.engine.rule import Rule, Select

PAGE = Path(__file__).parent / "balance.md"
BEGIN, END = "<!-- drawing -->\n", "<!-- end of drawing -->\n"
START, EVERY_S, SEED = 19_675 * DAY_NS, 10, 1
COLUMNS, ROWS, TOP = 72, 13, 1.5
STORES, LEAK_FROM_H = 9.6, 15.0  # m3/bar of the line; hour at which the leak begins
RULE = """\
id: line.balance
kind: balance
inflow: {sensor: FT-1, systematic: 0.1 %, random: 0.25 %}
outflow: {sensor: FT-2, systematic: 0.1 %, random: 0.25 %}
stored: {sensor: "PT-*", quantity: pipe.water.pressure, stores: 4.8 m3/bar, systematic: 10 %, absolute: 5 kPa}
window: 1h
loss: {orange: 0.5 %}
deadband: 0.1 %
on_delay: 10 min
"""
SENSORS = (
    Sensor("FT-1", 0, 0, "pipe.water.flow", "m3/h", "line-1", interval=10 * SECOND_NS),
    Sensor("FT-2", 0, 0, "pipe.water.flow", "m3/h", "line-1", interval=10 * SECOND_NS),
    Sensor("PT-1", 0, 0, "pipe.water.pressure", "kPa", "line-1", interval=10 * SECOND_NS),
    Sensor("PT-2", 0, 0, "pipe.water.pressure", "kPa", "line-1", interval=10 * SECOND_NS),
)


def rule() -> Rule:
    """The rule as the core has it, read from the written one."""
    written = yaml.safe_load(RULE)
    kind = kind_named("balance")
    model = kind.author_model.model_validate(written)
    judgement = kind.compile(model, quantity("pipe.water.flow"), "")
    return Rule(model.id, model.kind, Select(), (judgement,), **model.beside(PAGE.parent))


def day() -> Frame:
    """Flow and mean pressure of a line that packs with a time constant of ten minutes."""
    seconds = np.arange(0, 24 * 3600, EVERY_S)
    hours = seconds / 3600.0
    wanted = np.where((hours >= 5) & (hours < 11), 1_300.0, 1_000.0)
    inflow, pressure = wanted.copy(), np.zeros(len(seconds))
    leak = np.where(hours >= LEAK_FROM_H, 0.01 * inflow, 0.0)
    outflow, packed = inflow.copy(), 20.0
    for i in range(len(seconds)):
        # Pressure follows the flow: what has not been packed yet does not come out.
        rise = (wanted[i] / 50.0 - packed) * EVERY_S / 600.0
        outflow[i] = inflow[i] - leak[i] - rise * STORES * 3600.0 / EVERY_S
        packed += rise
        pressure[i] = packed
    noise = np.random.default_rng(SEED).normal(size=(4, len(seconds)))
    values = np.array(
        [
            inflow * (1 + 0.0025 * noise[0]) * 1.0005,
            outflow * (1 + 0.0025 * noise[1]) * 0.9995,
            (pressure + 5.0) * 100.0 + 5.0 * noise[2],
            (pressure - 5.0) * 100.0 + 5.0 * noise[3],
        ]
    )
    times = np.repeat(START + seconds * SECOND_NS, 4)
    return Frame.of(np.tile(np.arange(4), len(seconds)), times, values.T.reshape(-1))


def judged() -> tuple[list[tuple[float, float]], list[Record]]:
    """(imbalance, two uncertainties) in % of the flow at the end of each column, and the records."""
    plant = Configuration(
        (Site("site", "acme", "city/east/one"),), (Link(0, "scada"),), SENSORS, (rule(),)
    )
    core, frame = Core(), day()
    version = plant.version()
    core.step(1, Entry(Header(registry=version), plant))
    found, records = [], []
    for column, rows in enumerate(np.array_split(np.arange(len(frame)), COLUMNS)):
        part = Frame(frame.sensor[rows], frame.time[rows], frame.value[rows], frame.quality[rows])
        records += core.step(column + 2, Entry(Header(registry=version, self_clocked=True), part))
        said = core.said("site", "line.balance~line-1")
        imbalance, unsure, through = (
            float(said.get(name, 0.0)) for name in ("imbalance", "uncertainty", "throughput")
        )
        share = 100.0 / through if through else 0.0
        found.append((imbalance * share, 2.0 * unsure * share))
    return found, [one for one in records if one.value is not None]


def drawing() -> str:
    """The imbalance (o) and what the meters cannot tell (:), with the limit."""
    found, records = judged()
    grid = [[" "] * COLUMNS for _ in range(ROWS)]

    def place(share: float) -> int:
        return max(0, min(ROWS - 1, round((TOP - share) / (2 * TOP) * (ROWS - 1))))

    for column, (imbalance, unsure) in enumerate(found):
        grid[place(0.5)][column] = "-"
        for row in range(place(unsure), place(-unsure) + 1):
            grid[row][column] = ":"
        grid[place(imbalance)][column] = "o"
    lines = [
        f"{TOP - 2 * TOP * row / (ROWS - 1):5.2f} |" + "".join(grid[row]).rstrip()
        for row in range(ROWS)
    ]
    marks = [" "] * COLUMNS
    for one in records:
        column = (one.time - START) * COLUMNS // DAY_NS
        marks[int(column)] = "O" if one.level_after == "orange" else "."
    ticks = "".join(f"{hour:<9}" for hour in range(0, 24, 3))
    shown = [
        "```text", "% of the flow, window of 1 h", *lines, "      +" + "-" * COLUMNS,
        "alarm  " + "".join(marks).rstrip(), "hour   " + ticks.rstrip(), "```",
    ]  # fmt: skip
    return "\n".join(shown) + "\n"


def page(text: str) -> str:
    """The page with the picture drawn anew. Raises ValueError without the marks."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}{drawing()}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
