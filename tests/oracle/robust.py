"""The robust trend and both significance tests, by definition: docs/semantics.md §4."""

from __future__ import annotations

import math
import statistics
from fractions import Fraction
from functools import cache
from itertools import combinations

from scipy import stats

from lifeline.engine.limits import PANES

from .levels import Measured
from .windows import NOISE, RELATIVE, Row

TABULATED = (*range(1, 31), 40, 60, 120)


@cache
def critical_t(confidence: float, freedom: int) -> Fraction:
    """Two-sided, of the next smaller tabulated degrees of freedom, rounded up at 0.001."""
    p = 1 - (1 - confidence) / 2
    if freedom >= 1000:
        exact = stats.norm.ppf(p)
    else:
        exact = stats.t.ppf(p, max(one for one in TABULATED if one <= freedom))
    return Fraction(math.ceil(exact * 1000 - 1e-9), 1000)


@cache
def critical_s(confidence: float, n: int) -> int:
    """The least S of n points whose two-sided probability without a trend is 1 − confidence."""
    counts = [1]
    for size in range(2, n + 1):
        counts = [sum(counts[max(0, i - size + 1) : i + 1]) for i in range(len(counts) + size - 1)]
    most, tail, least = n * (n - 1) // 2, 0, n * (n - 1) // 2 + 1
    for inversions, count in enumerate(counts):
        tail += count
        if most <= 2 * inversions or 2 * tail > (1 - confidence + 1e-12) * math.factorial(n):
            break
        least = most - 2 * inversions
    return least


def robust(
    rows: list[Row], length: int, min_points: int, min_span: int, confidence: float
) -> Measured | None:
    """Theil-Sen over the means of the panes."""
    pane = length // PANES
    panes: dict[int, list[Row]] = {}
    for row in rows:
        panes.setdefault(row[0] // pane, []).append(row)
    if len(rows) < min_points or rows[-1][0] - rows[0][0] < min_span or len(panes) < 2:
        return None
    points = [
        (
            Fraction(sum(t for t, _ in some), len(some)),
            sum(Fraction(v) for _, v in some) / len(some),
        )
        for some in panes.values()
    ]
    pairs = list(combinations(points, 2))
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) * 10**9 for a, b in pairs]
    noise = NOISE * max(abs(v) for _, v in rows) / min(float(b[0] - a[0]) * 1e-9 for a, b in pairs)
    s = sum((x > 0) - (x < 0) for x in slopes)
    if confidence and abs(s) < critical_s(confidence, len(points)):
        return Measured(0.0, noise)
    x = float(statistics.median(slopes))
    return Measured(x, RELATIVE * abs(x) + noise)
