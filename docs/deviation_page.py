"""Draws the example of docs/deviation.md; a test compares the two.

    python docs/deviation_page.py

Four weeks of a simulated district's water flow are learned; the picture is a Tuesday of the fifth week
with a leak from 13:00 on, against what was learned.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.frame import Frame
from lifeline.engine.limits import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from lifeline.engine.replay.learning import Learning

PAGE = Path(__file__).parent / "deviation.md"
BEGIN, END = "<!-- drawing -->\n", "<!-- end of drawing -->\n"
MONDAY = 1_699_804_800 * SECOND_NS  # 2023-11-13 00:00 in Shanghai
ZONE, SEED, WEEKS, STEP_NS = "Asia/Shanghai", 3, 4, 15 * MINUTE_NS
ROWS, HIGH, LEAK = 13, 65.0, 18.0
SPREADS = 6.0


def flow(times: np.ndarray) -> np.ndarray:
    """m3/h: two peaks a day, calmer at weekends, with noise; nothing is wrong with it."""
    hours = (times - MONDAY) / HOUR_NS
    hour, day = hours % 24, hours // 24 % 7
    shape = 15 + 25 * np.exp(-((hour - 7.5) ** 2) / 4) + 20 * np.exp(-((hour - 19) ** 2) / 8)
    noise = np.random.default_rng(SEED).normal(0, 1.5, len(times))
    return np.where(day >= 5, 0.8, 1.0) * shape + noise


def tuesday() -> list[tuple[float, float, float]]:
    """(median, spread, value) of each hour of the day with the leak."""
    sensors = (Sensor("FT-1", 0, 0, "water.flow", "m3/h"),)
    plant = Configuration((Site("north", "acme", "a/b/c"),), (Link(0, "gw"),), sensors)
    times = np.arange(MONDAY, MONDAY + 5 * 7 * DAY_NS, STEP_NS)
    values = flow(times)
    learning, past = Learning(plant, [0]), times < MONDAY + WEEKS * 7 * DAY_NS
    learning.take(Frame.of([0] * int(past.sum()), times[past], values[past]))
    hours = learning.learned(ZONE).sensors["north/FT-1"].hours
    begins = MONDAY + (WEEKS * 7 + 1) * DAY_NS
    found = []
    for hour in range(24):
        value = values[times == begins + hour * HOUR_NS + 2 * STEP_NS][0]
        median, mad, _ = hours[24 + hour]
        found.append((median, 1.4826 * mad, value + (LEAK if hour >= 13 else 0.0)))
    return found


def drawing() -> str:
    """What was learned (: within the spreads that are allowed) and what was measured (o, ! beyond)."""
    grid = [[" "] * 72 for _ in range(ROWS)]

    def place(value: float) -> int:
        return max(0, min(ROWS - 1, ROWS - 1 - int(value / HIGH * ROWS)))

    for hour, (median, spread, value) in enumerate(tuesday()):
        column = hour * 3 + 1
        for row in range(place(median + SPREADS * spread), place(median - SPREADS * spread) + 1):
            grid[row][column - 1] = grid[row][column] = grid[row][column + 1] = ":"
        grid[place(value)][column] = "!" if abs(value - median) > SPREADS * spread else "o"
    lines = [
        f"{HIGH * (ROWS - row) / ROWS:4.0f} |" + "".join(grid[row]).rstrip() for row in range(ROWS)
    ]
    ticks = "".join(f"{hour:<9}" for hour in range(0, 24, 3))
    return (
        "\n".join(
            ["```text", "m3/h", *lines, "     +" + "-" * 72, "      " + ticks.rstrip(), "```"]
        )
        + "\n"
    )


def page(text: str) -> str:
    """The page with the picture drawn anew. Raises ValueError without the marks."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}{drawing()}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
