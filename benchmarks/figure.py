"""A figure of the table, and how medians are taken."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `target` is what the project claims, "" where it claims nothing."""

    name: str
    value: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a benchmark is given.

    bare      folder of the frozen reference `bare.py`, None where it is not there
    work      an empty folder on a real disk, deleted afterwards
    profile   folder for a profile of each thread of the engine, None: no profile
    outage_s  how long a server is away where that is measured
    """

    bare: Path | None
    work: Path
    profile: Path | None = None
    outage_s: float = 60.0


class NotMeasured(Exception):
    """A figure could not be taken; the message is the reason, for the table."""


def unmeasured(name: str, reason: object, target: str = "") -> Figure:
    """The line of a figure that could not be taken."""
    return Figure(name, f"not measured: {reason}", target)


def seconds(run: Callable[[], object]) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def median_rate(run: Callable[[], object], amount: float, passes: int) -> float:
    """`amount` per second: the median of `passes` calls, after one that is not counted."""
    run()
    return amount / statistics.median(seconds(run) for _ in range(passes))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of the values do not exceed. Needs one value."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(values: Sequence[float]) -> str:
    """Median, and the least and greatest, of rates per second."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{grouped(middle)} ({grouped(low)} to {grouped(high)} in {len(values)} runs)"


def grouped(value: float) -> str:
    """Three significant digits, thousands grouped: 18,300.

    >>> grouped(18_342.0), grouped(7.256), grouped(0.0)
    ('18,300', '7.26', '0')
    """
    if value <= 0:
        return "0"
    text = f"{float(f'{value:.3g}'):,.3f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def table(figures: Sequence[Figure]) -> str:
    """Markdown."""
    rows = [("figure", "measured", "target"), ("---", "---", "---")]
    rows += [(f.name, f.value, f.target or "–") for f in figures]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows)
