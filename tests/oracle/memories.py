"""What a kind remembers beside a window of rows: docs/semantics.md §4, by definition and slowly."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import Protocol

from lifeline.engine.limits import PANES
from lifeline.engine.rule import Judgement

from .levels import Measured
from .sensing import Seen
from .windows import RELATIVE, Row

FIGURES = ("total", "integral", "mean", "twa", "twa_covered", "minimum", "quietest")
CUSUM, PAGE_HINKLEY, EWMA = range(3)
WARM_UP = 30
NOISE = 1e-12  # of a recursion near zero, relative to what went into it

Found = tuple[Measured, bool] | None  # True where a float computation could not tell


class Memory(Protocol):
    """One instance's. It is kept while the options that `geometry_of` names stay as they are."""

    def take(self, seen: Seen, judgement: Judgement) -> Found:
        """The measure at a usable row."""
        ...


@dataclass
class Accumulated:
    """Every good row that still holds within the window, and the last figure of a sum."""

    rows: list[Row] = field(default_factory=list)
    last: Fraction | None = None

    def take(self, seen: Seen, judgement: Judgement) -> Found:
        """What the window amounts to, exactly."""
        options, t = judgement.options, seen.jt
        pane, gap = int(options["window"]) // PANES, int(options["max_gap"])
        start = (t // pane - (PANES - 1)) * pane
        known = [row for row in self.rows if row[0] >= start - gap]
        rows = [*known, (t, seen.v)]
        figure = FIGURES[int(options["of"])]
        held = [(a, min(b, a + gap), v) for (a, v), (b, _) in pairwise(rows)]
        held = [(max(a, start), b, v) for a, b, v in held if b > start]
        inside = [row for row in rows if row[0] >= start]
        covered, enough = sum(b - a for a, b, _ in held), options["coverage"]
        x = _figure(figure, inside, held, start, t, pane, enough)
        whole = float(covered) >= enough * float(t - start)
        last = self.last
        if not options["bound"]:
            x = x if whole else None
        elif not whole and last is not None and x is not None:
            x = max(x, last)
        if seen.quality == "good":
            self.rows = rows
            if options["bound"] and x is not None:
                self.last = x
        if x is None:
            return None
        size = max(abs(v) for _, v in rows)
        if figure == "total":
            size *= len(rows)
        elif figure == "integral":
            size *= float(t - start) * 1e-9
        return Measured(float(x), RELATIVE * abs(float(x)) + NOISE * size), False


def _figure(
    figure: str,
    rows: list[Row],
    held: list[tuple[int, int, float]],
    start: int,
    t: int,
    pane: int,
    enough: float,
) -> Fraction | None:
    area = sum((Fraction(v) * (b - a) for a, b, v in held), Fraction(0))
    covered = sum(b - a for a, b, _ in held)
    values = [Fraction(v) for _, v in rows]
    match figure:
        case "total":
            return sum(values, Fraction(0))
        case "integral":
            return area / 10**9
        case "mean":
            return sum(values, Fraction(0)) / len(values)
        case "twa":
            return area / (t - start)
        case "twa_covered":
            return area / covered if covered else None
        case "minimum":
            return min(values)
    means = []
    for k in range(start // pane, t // pane):
        mine = [Fraction(v) for at, v in rows if at // pane == k]
        ends = [(max(a, k * pane), min(b, (k + 1) * pane)) for a, b, _ in held]
        if mine and float(sum(max(0, b - a) for a, b in ends)) >= enough * float(pane):
            means.append(sum(mine) / len(mine))
    return min(means) if means else None


@dataclass
class Shifted:
    """The values since the test began (chart), or its sums."""

    up: float = 0.0
    down: float = 0.0
    seen: float = 0.0
    mean: float = 0.0
    values: list[float] = field(default_factory=list)
    reached: bool = False

    def take(self, seen: Seen, judgement: Judgement) -> Found:
        """The figure, by the definitions of the papers."""
        of = judgement.options
        new = Shifted(self.up, self.down, self.seen, self.mean, list(self.values), self.reached)
        x = new.figure(seen.v, of)
        close = False
        if x is not None:
            size = abs(x)
            edges = (of["mild"], of["back"])
            close = any(abs(size - edge) <= RELATIVE * (1 + abs(edge)) for edge in edges)
            if size >= of["mild"]:
                new.reached = True
            elif new.reached and size < of["back"]:
                mean, count = new.mean, new.seen
                new = Shifted()
                if of["method"] == PAGE_HINKLEY:
                    new.mean, new.seen = mean, count
                x = 0.0
        if seen.quality == "good":
            vars(self).update(vars(new))
        if x is None:
            return None
        return Measured(x, RELATIVE * abs(x) + NOISE * (1 + abs(seen.v / of["sigma"]))), close

    def figure(self, v: float, of: dict[str, float]) -> float | None:
        """Take a value and tell where the test stands."""
        if of["method"] == EWMA:
            self.values.append((v - of["target"]) / of["sigma"])
            weight, n = of["weight"], len(self.values)
            kept = [weight * (1 - weight) ** (n - 1 - i) * z for i, z in enumerate(self.values)]
            spread = weight / (2 - weight) * (1 - (1 - weight) ** (2 * n))
            return _side(math.fsum(kept) / math.sqrt(spread), of["side"])
        z = (v - of["target"]) / of["sigma"]
        if of["method"] == PAGE_HINKLEY:
            self.seen = min(self.seen + 1, max(of["memory"], WARM_UP))
            self.mean += (v - self.mean) / self.seen
            if self.seen < WARM_UP:
                return None
            z = (v - self.mean) / of["sigma"]
        self.up = min(of["cap"], max(0.0, self.up + z - of["weight"]))
        self.down = min(of["cap"], max(0.0, self.down - z - of["weight"]))
        if of["side"]:
            return self.up if of["side"] > 0 else -self.down
        return self.up if self.up >= self.down else -self.down


def _side(x: float, side: float) -> float:
    if side > 0:
        return max(x, 0.0)
    return min(x, 0.0) if side < 0 else x


@dataclass
class Spikes:
    """The values accepted last, what is odd in a row, and the panes of all spikes."""

    accepted: list[float] = field(default_factory=list)
    odd: int = 0
    found: list[int] = field(default_factory=list)

    def take(self, seen: Seen, judgement: Judgement) -> Found:
        """How many spikes the window holds."""
        of = judgement.options
        k = seen.jt // (int(of["window"]) // PANES)
        if seen.forward:
            self._forward(seen, of, k)
        return Measured(float(sum(k - PANES < one <= k for one in self.found))), False

    def _forward(self, seen: Seen, of: dict[str, float], k: int) -> None:
        if self._is_odd(seen.v, of):
            self.odd += 1
            if self.odd <= of["longest"]:
                return
            self.accepted = []
        elif self.odd:
            self.found.append(k)
        self.odd = 0
        if seen.quality == "good":
            self.accepted = [*self.accepted, seen.v][-int(of["points"]) :]

    def _is_odd(self, v: float, of: dict[str, float]) -> bool:
        if len(self.accepted) < of["points"]:
            return False
        middle = statistics.median(self.accepted)
        spread = statistics.median(abs(one - middle) for one in self.accepted)
        return abs(v - middle) > max(of["step"], of["sigmas"] * 1.4826 * spread)


class Ranged:
    """Nothing is remembered: where the value lies."""

    def take(self, seen: Seen, judgement: Judgement) -> Found:
        """1, 0 or −1, or a current in mA."""
        of = judgement.options
        if not of["loop"]:
            return Measured(float(seen.beyond)), False
        x = 4.0 + 16.0 * (seen.v - of["low"]) / of["span"]
        if seen.beyond > 0:
            x = max(x, 20.5)
        elif seen.beyond < 0:
            x = min(x, 3.8)
        return Measured(x), False


def memory_of(kind: str) -> Memory | None:
    """A new one, None for kinds that have none."""
    match kind:
        case "accumulate":
            return Accumulated()
        case "shift":
            return Shifted()
        case "spike":
            return Spikes()
        case "range":
            return Ranged()
    return None


_GEOMETRY = {
    "accumulate": ("window", "max_gap", "coverage", "of", "bound"),
    "shift": ("method", "target", "sigma", "weight", "memory", "side"),
    "spike": ("window", "points"),
    "balance": ("window",),
}


def geometry_of(kind: str, judgement: Judgement) -> list[float]:
    """The options whose change empties the memory."""
    return [judgement.options[name] for name in _GEOMETRY.get(kind, ())]
