"""Windows as literal lists of rows, and the measures over them: docs/semantics.md §4.

Sums are exact: times are integers and a float is an integer over a power of two.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction

from lifeline.engine.limits import PANES
from lifeline.engine.rule import Judgement

from .levels import Measured

RELATIVE = 1e-9  # how far the engine's floating-point arithmetic may lie from the exact result
NOISE = 1e-12  # the same for a result near zero, relative to what it was subtracted from
LAST_PLACE = 1e-15  # of one float64 operation, generously

Row = tuple[int, float]


def sec(ns: int) -> float:
    """An integer difference in seconds, as the page defines it."""
    return float(ns) * 1e-9


@dataclass
class Window:
    """Every good forward row that the window may still need."""

    length: int
    rows: list[Row] = field(default_factory=list)

    def content(self, t: int, v: float, good: bool) -> list[Row]:
        """The rows of the last 12 panes at t, this one included; only a good one is kept."""
        pane = self.length // PANES
        last = t // pane
        self.rows = [row for row in self.rows if last - (PANES - 1) <= row[0] // pane <= last]
        rows = [*self.rows, (t, v)]
        if good:
            self.rows = rows
        return rows


def rate(rows: list[Row], min_span: int) -> Measured | None:
    """Change per second from the earliest row to the last."""
    (first_t, first_v), (t, v) = rows[0], rows[-1]
    if len(rows) < 2 or t - first_t < min_span or t == first_t:
        return None
    x = (v - first_v) / sec(t - first_t)
    return Measured(x, RELATIVE * abs(x))


def flatline(rows: list[Row], min_points: int, min_span: int) -> Measured | None:
    """The largest value minus the smallest."""
    if len(rows) < min_points or rows[-1][0] - rows[0][0] < min_span:
        return None
    values = [v for _, v in rows]
    x = max(values) - min(values)
    return Measured(x, RELATIVE * abs(x))


@dataclass(frozen=True, slots=True)
class Fit:
    """A least-squares line through rows: exact, times in ns."""

    n: int
    slope: Fraction
    spread: Fraction  # Σ(t − t̄)²
    residual: Fraction  # Σ(v − line)²

    def statistic_squared(self) -> Fraction | None:
        """(slope / its standard error)²; None where there is no residual."""
        if self.residual == 0:
            return None
        return self.slope**2 * self.spread * (self.n - 2) / self.residual


def fit(rows: list[Row]) -> Fit | None:
    """The line, or None where all times are equal."""
    ratios = [v.as_integer_ratio() for _, v in rows]
    scale = max(denominator for _, denominator in ratios)
    values = [numerator * (scale // denominator) for numerator, denominator in ratios]
    times = [t - rows[0][0] for t, _ in rows]
    n, sum_t, sum_v = len(rows), sum(times), sum(values)
    tt = n * sum(t * t for t in times) - sum_t * sum_t
    tv = n * sum(t * v for t, v in zip(times, values, strict=True)) - sum_t * sum_v
    vv = n * sum(v * v for v in values) - sum_v * sum_v
    if tt == 0:
        return None
    residual = Fraction(vv * tt - tv * tv, n * tt * scale * scale)
    return Fit(n, Fraction(tv, tt * scale), Fraction(tt, n), residual)


def trend(
    rows: list[Row], length: int, min_points: int, min_span: int, options: dict[str, float]
) -> tuple[Measured, bool] | None:
    """The slope per second, and whether it lies too near its test of significance to tell."""
    if len(rows) < min_points or rows[-1][0] - rows[0][0] < min_span:
        return None
    line = fit(rows)
    if line is None:
        return None
    x = float(line.slope * 1_000_000_000)
    noise = NOISE * max(abs(v) for _, v in rows) / math.sqrt(float(line.spread) * 1e-18)
    # Sums of squares over a whole window lose rows that lie only ns apart (judged on receipt).
    lost = LAST_PLACE * line.n * float(length) ** 2 / float(line.spread)
    noise = min(math.inf, noise * (1 + lost / NOISE))
    measured = Measured(x, (RELATIVE + lost) * abs(x) + noise)
    wanted = Fraction(options.get("significance", 0.0))
    if options.get("confidence") and line.n >= 3:
        from .robust import critical_t

        wanted = critical_t(options["confidence"], line.n - 2)
    if wanted <= 0 and not options.get("confidence"):
        return measured, False
    squared = line.statistic_squared() if line.n >= 3 else Fraction(0)
    if line.n < 3:
        wanted = Fraction(1)
    if squared is None:
        return measured, False  # on the line: significant where it has a slope, else x is 0 anyway
    wanted **= 2
    close = abs(squared - wanted) <= wanted * Fraction(4 * RELATIVE) and line.n >= 3
    return (measured if squared >= wanted else Measured(0.0, noise)), close


def measure(
    kind: str, judgement: Judgement, rows: list[Row], v: float
) -> tuple[Measured, bool] | None:
    """x of one usable row, or None where it is not valid; True where a float could not tell."""
    options = judgement.options
    min_span, min_points = int(options.get("min_span", 0)), int(options.get("min_points", 2))
    found: Measured | None
    match kind:
        case "limit":
            found = Measured(v)
        case "rate":
            found = rate(rows, min_span)
        case "flatline":
            found = flatline(rows, min_points, min_span)
        case "trend":
            length = int(options["window"])
            if not options.get("robust"):
                return trend(rows, length, min_points, min_span, options)
            from .robust import robust

            found = robust(rows, length, min_points, min_span, options.get("confidence", 0.0))
        case _:
            raise AssertionError(f"the oracle knows no kind {kind}")
    return None if found is None else (found, False)


def unclear(found: Measured, judgement: Judgement) -> bool:
    """Whether a float computation of a slope could fall on the other side of a threshold."""
    for limits in judgement.levels:
        edges = [
            edge
            for limit, back in ((limits.high, -limits.deadband), (limits.low, limits.deadband))
            if limit is not None
            for edge in (limit, limit + back)
        ]
        if any(abs(found.x - edge) <= found.tolerance + RELATIVE * abs(edge) for edge in edges):
            return True
    return False
