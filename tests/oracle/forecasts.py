"""Forecasts over literal rows, exactly, in fractions: docs/semantics.md §4, `forecast`.

Every gate is a comparison of two fractions. Where a float could decide it otherwise, and nothing
else decides, the answer is unclear.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby, pairwise

from lifeline.engine.limits import PANES

from .levels import Measured
from .windows import LAST_PLACE, Row, fit

SECOND = Fraction(1, 1_000_000_000)
CLOSE = Fraction(1, 10**8)  # relative; far beyond what rounding does to these sums
Found = tuple[Measured, bool] | None


@dataclass
class Gates:
    """Whether everything holds that a forecast asks for, and whether a float could tell."""

    open: bool = True
    shut: bool = False
    close: bool = False

    def ask(self, left: Fraction, right: Fraction, scale: Fraction = Fraction(0)) -> None:
        """left >= right; `scale` is the size of what they are computed from."""
        near = abs(left - right) <= CLOSE * max(abs(left), abs(right), abs(scale))
        self.close = self.close or near
        self.open = self.open and left >= right
        self.shut = self.shut or (left < right and not near)

    def answer(self, left: float, tolerance: float, horizon: float) -> Found:
        """The time that is left where all gates are open, else the horizon."""
        if self.shut:
            return Measured(horizon), False
        return (Measured(left, tolerance) if self.open else Measured(horizon)), self.close


def forecast(rows: list[Row], t: int, options: Mapping[str, float]) -> Found:
    """Seconds that are left at t, or None where there is nothing to judge."""
    if options.get("method", 0.0) == 1.0:
        return _failure(rows, t, options)
    return _to_limit(rows, t, options)


def _to_limit(rows: list[Row], t: int, options: Mapping[str, float]) -> Found:
    first = rows[0][0]
    if len(rows) < options["min_points"] or rows[-1][0] - first < options["min_span"]:
        return None
    line = fit(rows)
    if line is None:
        return None
    n, side = line.n, Fraction(options["side"])
    horizon = Fraction(options["horizon"])
    mean_t = Fraction(sum(one - first for one, _ in rows), n) * SECOND
    mean_v = sum(Fraction(v) for _, v in rows) / n
    slope, spread = line.slope / SECOND, line.spread * SECOND**2
    now = (t - first) * SECOND - mean_t
    size = max(abs(Fraction(v)) for _, v in rows) + abs(Fraction(options["limit"]))
    missing = side * (Fraction(options["limit"]) - mean_v - slope * now)
    # Rows that lie only ns apart are lost in the sums of a window (judged on receipt).
    unclear = LAST_PLACE * n * options["window"] ** 2 * 1e-18 / float(spread) > float(CLOSE)
    if missing <= 0:
        return Measured(0.0), unclear or -missing <= CLOSE * size
    if missing <= CLOSE * size:
        return Measured(0.0), True
    gates = Gates(close=unclear)
    towards = side * slope
    if towards <= 0:  # a float that is next to 0 on the other side leads beyond any horizon
        return Measured(float(horizon)), False
    wanted = Fraction(options["significance"]) ** 2
    total = line.residual + slope**2 * spread
    if wanted > 0 and n < 3:
        gates.open, gates.shut = False, True
    elif wanted > 0:
        gates.ask(slope**2 * spread * (n - 2), wanted * line.residual, n * total * CLOSE)
    gates.ask(total - line.residual, Fraction(options["min_r2"]) * total)
    left = missing / towards
    gates.ask(horizon, left)
    off = float(CLOSE * left * (1 + size / missing + size / (towards * max(now, SECOND))))
    return gates.answer(float(left), off, float(horizon))


@dataclass(frozen=True)
class Speed:
    """Between two panes: middle time and speed, and its squared error for a noise of 1."""

    at: Fraction
    v: Fraction
    error2: Fraction


def _speeds(rows: list[Row], t: int, pane: int) -> list[Speed]:
    """Between the means of neighbouring panes before the one of t, the latest first."""
    start = t // pane * pane
    means = []
    for _, mine in groupby((row for row in rows if row[0] < start), lambda row: row[0] // pane):
        some = list(mine)
        time = Fraction(sum(at - start for at, _ in some), len(some)) * SECOND
        means.append((time, sum(Fraction(v) for _, v in some) / len(some), len(some)))
    found = []
    for (t0, v0, n0), (t1, v1, n1) in pairwise(means):
        step = t1 - t0
        error2 = (Fraction(1, n0) + Fraction(1, n1)) / step**2
        found.append(Speed((t0 + t1) / 2, (v1 - v0) / step, error2))
    return found[::-1]


def _failure(rows: list[Row], t: int, options: Mapping[str, float]) -> Found:
    pane = int(options["window"]) // PANES
    speeds, least = _speeds(rows, t, pane), options["min_points"]
    if len(speeds) < least:
        return None
    gates, run = Gates(), []
    floor2 = (Fraction(options["noise_gate"]) * Fraction(options["noise"])) ** 2
    for one in speeds:
        gate2 = floor2 * one.error2
        gates.close = gates.close or abs(one.v**2 - gate2) <= CLOSE * gate2
        if one.v**2 <= gate2 or (run and (one.v > 0) != (run[0].v > 0)):
            break
        run.append(one)
    horizon = options["horizon"]
    if len(run) < least:
        return Measured(horizon), gates.close
    return _fitted(run, t % pane * SECOND, pane * SECOND, options, gates)


def _fitted(
    run: list[Speed], into: Fraction, pane: Fraction, options: Mapping[str, float], gates: Gates
) -> Found:
    noise2, horizon = Fraction(options["noise"]) ** 2, Fraction(options["horizon"])
    times, ys = [one.at for one in run], [1 / abs(one.v) for one in run]
    weights = [one.v**4 / (one.error2 * noise2) for one in run]
    all_w = sum(weights)
    mean_t = sum(w * x for w, x in zip(weights, times, strict=True)) / all_w
    mean_y = sum(w * y for w, y in zip(weights, ys, strict=True)) / all_w
    tt = sum(w * (x - mean_t) ** 2 for w, x in zip(weights, times, strict=True))
    yy = sum(w * (y - mean_y) ** 2 for w, y in zip(weights, ys, strict=True))
    ty = sum(w * (x - mean_t) * (y - mean_y) for w, x, y in zip(weights, times, ys, strict=True))
    fall = -ty / tt
    length = times[0] - times[-1]
    if fall <= 0:
        return Measured(float(horizon)), gates.close
    residual = yy - fall**2 * tt
    wider = max(Fraction(1), residual / (len(run) - 2))
    fails = mean_t + mean_y / fall
    sigma2 = wider * (1 / all_w + (fails - mean_t) ** 2 / tt) / fall**2
    gates.ask(fall**2 * tt, Fraction(options["significance"]) ** 2 * wider)
    gates.ask(yy - residual, Fraction(options["min_r2"]) * yy)
    allowed = Fraction(options["max_error"]) * max(fails - times[0], pane)
    gates.ask(allowed**2, sigma2)
    left = fails - into
    gates.ask(horizon, left)
    off = CLOSE * (abs(fails) + mean_y / fall * (1 + mean_y / (fall * length)))
    return gates.answer(float(max(left, Fraction(0))), float(off), float(horizon))
