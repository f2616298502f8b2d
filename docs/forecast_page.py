"""Draws the example of docs/forecast.md; a test compares the two.

    python docs/forecast_page.py

The series is made with a fixed seed and judged by the rule that stands in the page, so that the picture is
what the engine says of it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lifeline.engine import layout as at
from lifeline.engine.quantities import quantity
from lifeline.rules.forecast_kernels import WIDTH, measure
from lifeline.rules.forecast_spec import ForecastRule, compile

PAGE = Path(__file__).parent / "forecast.md"
BEGIN, END = "<!-- drawing -->\n", "<!-- end of drawing -->\n"
DAY_NS, HALF_HOUR_NS = 86_400 * 10**9, 1_800 * 10**9
LIFE_D, NOISE_MM, MOVED_MM, SEED = 20, 1.5, 300.0, 4
START = 1_700_000_000 * 10**9
COLUMNS, ROWS = 72, 14


def series() -> tuple[np.ndarray, np.ndarray]:
    """Times (ns) and readings (mm) of twenty days of creep until half an hour before failure."""
    times = np.arange(0, LIFE_D * DAY_NS - HALF_HOUR_NS, HALF_HOUR_NS)
    moved = -MOVED_MM / np.log(5.0) * np.log1p(-times / (LIFE_D * DAY_NS))
    return START + times, moved + np.random.default_rng(SEED).normal(0, NOISE_MM, len(times))


def forecasts() -> tuple[np.ndarray, np.ndarray]:
    """Days since the beginning, and the days that are left by the rule; NaN where it names none."""
    rule = ForecastRule.model_validate(
        {"id": "creep", "kind": "forecast", "method": "inverse_velocity", "window": "10d",
         "noise": "1.5 mm", "horizon": "20d", "within": {"yellow": "7d", "red": "1d"}}
    )  # fmt: skip
    judgement = compile(rule, quantity("slope.disp"), "")
    from lifeline.rules.forecast import KIND

    options = np.array([[judgement.options.get(name, 0.0) for name in KIND.options]])
    times, values = series()
    rows = np.zeros(len(times), at.ROW)
    rows["time"], rows["value"], rows["verdict"] = times, values, at.GOOD
    out = np.empty(len(times) + 1)
    one = np.array([0, 1], np.int64)
    measure(rows, one, 0, np.zeros(1, np.int32), options, np.zeros((1, WIDTH)), out)
    left = out[: len(times)] / 86_400
    left[left >= judgement.options["horizon"] / 86_400] = np.nan
    return (times - START) / DAY_NS, left


def drawing() -> str:
    """Days left by the rule (*) and in truth (.), over the days since creep began."""
    days, left = forecasts()
    grid = [[" "] * COLUMNS for _ in range(ROWS)]
    for column in range(COLUMNS):
        day = (column + 0.5) * LIFE_D / COLUMNS
        true = LIFE_D - day
        here = np.abs(days - day) < LIFE_D / COLUMNS / 2
        said = left[here & np.isfinite(left)]
        for value, sign in ((true, "."), *((x, "*") for x in said[-1:])):
            row = ROWS - 1 - int(value / 14 * ROWS)
            if 0 <= row < ROWS:
                grid[row][column] = sign
    lines = [f"{14 * (ROWS - row) / ROWS:4.0f} d |" + "".join(grid[row]) for row in range(ROWS)]
    foot = "       +" + "-" * COLUMNS
    ticks = "        0 d" + "failure, day 20".rjust(COLUMNS - 3)
    return "\n".join(["```text", *(line.rstrip() for line in lines), foot, ticks, "```"]) + "\n"


def page(text: str) -> str:
    """The page with the picture drawn anew. Raises ValueError without the marks."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}{drawing()}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
