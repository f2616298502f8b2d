"""Draws the example of docs/multivariate.md; a test compares the two.

    python docs/multivariate_page.py

A pump through four days: flow, pressures, current and vibration follow its speed. Two days are learned; on
the fourth its current rises by less than it rises every day, at a flow that does not ask for it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import yaml

from lifeline.engine.config.normals import LearnedNormal, normal_of
from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header
from lifeline.engine.frame import Frame
from lifeline.engine.kinds import kind_named
from lifeline.engine.limits import DAY_NS, MINUTE_NS
from lifeline.engine.quantities import quantity
from lifeline.engine.record import Record
from lifeline.engine.replay.together import LearningTogether
from lifeline.engine.rule import Member, Rule, Select

PAGE = Path(__file__).parent / "multivariate.md"
BEGIN, END = "<!-- drawing -->\n", "<!-- end of drawing -->\n"
START, SEED, EVERY_MIN = 19_675 * DAY_NS, 2, 5
DAYS, COLUMNS, ROWS = 4, 80, 7
FAULT_FROM = 3.5  # days
NAMES = ("FT", "PT-IN", "PT-OUT", "IT", "VT")
RULE = """\
id: pump.normal
kind: multivariate
normal: normals/pump.toml
beyond: {yellow: 1.5, orange: 3}
on_delay: 15 min
off_delay: 15 min
"""


def plant(*rules: Rule) -> Configuration:
    """One pump."""
    sensors = tuple(
        Sensor(name, 0, 0, "pipe.water.flow", "1", "P-1", interval=EVERY_MIN * MINUTE_NS)
        for name in NAMES
    )
    return Configuration(
        (Site("site", "acme", "city/east/one"),), (Link(0, "plc"),), sensors, rules
    )


def pump() -> np.ndarray:
    """(samples, 5): all follow the speed, which has a day; the current is 3 A too high at the end."""
    n = DAYS * 24 * 60 // EVERY_MIN
    days = np.arange(n) * EVERY_MIN / (24 * 60)
    noise = np.random.default_rng(SEED).normal(size=(6, n))
    speed = 1.0 + 0.2 * np.sin(2 * np.pi * days) + 0.01 * noise[5]
    values = np.array(
        [
            400 * speed + 3 * noise[0],
            300 - 40 * speed**2 + 0.8 * noise[1],
            300 + 500 * speed**2 + 4 * noise[2],
            20 + 15 * speed**3 + 0.3 * noise[3] + np.where(days >= FAULT_FROM, 3.0, 0.0),
            1.0 + speed + 0.01 * noise[4],
        ]
    )
    return values.T


def frame(values: np.ndarray, first: int) -> Frame:
    """Samples from the `first` on, all sensors at one time."""
    n = len(values)
    times = START + (first + np.arange(n)) * EVERY_MIN * MINUTE_NS
    return Frame.of(np.tile(np.arange(5), n), np.repeat(times, 5), values.reshape(-1))


def learned() -> LearnedNormal:
    """What `lifeline fit --together` makes of the first two days."""
    values = pump()
    learning = LearningTogether(plant(), range(5), "asset")
    learning.take(frame(values[: len(values) // 2], 0))
    return learning.learned(0.9)


def rule() -> Rule:
    """The rule as the core has it."""
    kind = kind_named("multivariate")
    model = kind.author_model.model_validate(yaml.safe_load(RULE))
    judgement = kind.compile(model, quantity("pipe.water.flow"), "")
    members = (Member(select=Select(sensor=NAMES)),)
    normal = normal_of(learned(), model.share, by_theory=False)
    return Rule(
        model.id, model.kind, Select(), (judgement,), members=members, per="asset", normal=normal
    )


def judged() -> tuple[list[float], list[float], list[Record], list[str]]:
    """By column the current and the greater of T² and Q, each over its limit; records; who was to blame."""
    core, values, one = Core(), pump(), rule()
    configuration = plant(one)
    version = configuration.version()
    core.step(1, Entry(Header(registry=version), configuration))
    assert one.normal is not None
    limits = one.normal.groups["site/P-1"]
    found, records, currents, blamed = [], [], [], []
    for column, rows in enumerate(np.array_split(np.arange(len(values)), COLUMNS)):
        part = frame(values[rows], int(rows[0]))
        records += core.step(column + 2, Entry(Header(registry=version, self_clocked=True), part))
        said = core.said("site", "pump.normal~P-1")
        found.append(max(float(said["t2"]) / limits.limit_t2, float(said["q"]) / limits.limit_q))
        currents.append(float(values[rows[-1], 3]))
        blamed.append(str(said["worst"]))
    return currents, found, [one for one in records if one.value is not None], blamed


def chart(values: list[float], low: float, high: float, limit: float | None) -> list[str]:
    """A curve of `ROWS` lines; what lies above is drawn at the top."""
    grid = [[" "] * len(values) for _ in range(ROWS)]

    def place(value: float) -> int:
        return max(0, min(ROWS - 1, round((high - value) / (high - low) * (ROWS - 1))))

    for column, value in enumerate(values):
        if limit is not None:
            grid[place(limit)][column] = "-"
        grid[place(value)][column] = "*"
    return [
        f"{high - (high - low) * row / (ROWS - 1):6.1f} |" + "".join(grid[row]).rstrip()
        for row in range(ROWS)
    ]


def drawing() -> str:
    """The current, which is never unusual, and what it is together with the others."""
    currents, found, records, blamed = judged()
    marks = [" "] * COLUMNS
    for one in records:
        column = (one.time - START) * COLUMNS // (DAYS * DAY_NS)
        marks[int(column)] = one.level_after[0].upper() if one.level_after != "normal" else "."
    days = "".join(f"{day:<20}" for day in range(DAYS))
    shown = [
        "```text", "current of the motor, A", *chart(currents, 25.0, 49.0, None), "",
        "T² or Q, in limits", *chart(found, 0.0, 6.0, 1.5), " " * 7 + "+" + "-" * COLUMNS,
        "alarm   " + "".join(marks).rstrip(), "day     " + days.rstrip(), "",
        f"At the end most of it is due to {blamed[-1]}.", "```",
    ]  # fmt: skip
    return "\n".join(shown) + "\n"


def page(text: str) -> str:
    """The page with the picture drawn anew. Raises ValueError without the marks."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}{drawing()}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
