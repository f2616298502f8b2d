"""The balance of a group by definition: docs/semantics.md §4, `balance`. Exact, from lists of rows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from math import sqrt

from lifeline.engine.limits import PANES

from .levels import Measured
from .windows import RELATIVE, Row

IN, OUT, STORED = 0, 1, 2
FLOW, VOLUME, UNCERTAINTY = 0.0, 1.0, 2.0
SECOND = 1_000_000_000
Found = tuple[Measured | None, bool]


@dataclass
class Member:
    """One member: its good rows by time; `void` after a bad one until the next good one."""

    role: int
    weight: Sequence[float]
    rows: list[Row] = field(default_factory=list)
    void: bool = True

    def holds(self, now: int, gap: int) -> bool:
        """Whether its last value still counts at `now`."""
        return not self.void and now - self.rows[-1][0] <= gap

    def at(self, time: int) -> Fraction:
        """The value that it held at a time; its first one before it was heard."""
        place = bisect_right(self.rows, time, key=lambda row: row[0])
        return Fraction(self.rows[max(0, place - 1)][1])

    def over(self, start: int, now: int) -> Fraction:
        """∫ of what it held from start to now, in value × s."""
        steps = sorted({start, now, *(t for t, _ in self.rows if start < t < now)})
        return sum((self.at(a) * Fraction(b - a, SECOND) for a, b in pairwise(steps)), Fraction(0))


@dataclass
class Balance:
    """One group. `volume`: what 1 m3 is in the flows' unit × s."""

    members: list[Member]
    volume: float
    now: int = 0
    since: int | None = None

    def take(
        self, slot: int, t: int, v: float, quality: str, options: Mapping[str, float]
    ) -> tuple[int, Found]:
        """(the group's time, x or None where nothing is judged) of a member's row."""
        one, gap = self.members[slot], int(options["max_gap"])
        now = max(self.now, t)
        if quality == "bad":
            one.void, self.since = True, None
            return now, (None, False)
        held = all(member.holds(now, gap) for member in self.members)
        if quality == "good":
            if not held:
                self.since = None
            self.now = now
            one.rows.append((t, v))
            one.void = False
            held = all(member.holds(now, gap) for member in self.members)
            if self.since is None and held:
                self.since = now
        if self.since is None or not held:
            return now, (None, False)
        tried = slot if quality != "good" else -1
        return now, self._measure(now, tried, v, options)

    def _measure(self, now: int, tried: int, v: float, options: Mapping[str, float]) -> Found:
        assert self.since is not None
        pane = int(options["window"]) // PANES
        begins = (now // pane - (PANES - 1)) * pane
        start = max(begins, self.since)
        if now - start < options["min_span"] or now == start:
            return None, False
        span, stored = Fraction(now - start, SECOND), Fraction(0)
        flows, square, size = [Fraction(0), Fraction(0)], Fraction(0), Fraction(0)
        for slot, one in enumerate(self.members):
            share, systematic, random, absolute = map(Fraction, one.weight)
            if one.role == STORED:
                share *= Fraction(self.volume)
                last = Fraction(v) if slot == tried else Fraction(one.rows[-1][1])
                kept = share * (last - one.at(start))
                stored += kept
                size += abs(share * last)
                square += (systematic * kept) ** 2 + 2 * (share * absolute) ** 2
                continue
            flow = one.over(start, now)
            size += abs(flow)
            readings = max(1, sum(t > self.since and t >= begins for t, _ in one.rows))
            flows[one.role] += flow
            square += (systematic * flow) ** 2
            square += ((random * flow) ** 2 + (absolute * span) ** 2) / readings
        imbalance = flows[IN] - flows[OUT] - stored
        through = max(map(abs, flows))
        return _told(imbalance, square, through, span, float(size), options)


def _told(
    imbalance: Fraction,
    square: Fraction,
    through: Fraction,
    span: Fraction,
    size: float,
    options: Mapping[str, float],
) -> Found:
    """x by what the rule asks for; `size` is what rounding is relative to."""
    of, noise = options["of"], RELATIVE * size
    if of == UNCERTAINTY:
        if square == 0:
            return None, False
        unsure = sqrt(square)
        x = float(imbalance) / unsure
        return Measured(x, RELATIVE * abs(x) + noise / unsure), False
    least = Fraction(options.get("min_flow", 0.0)) * span
    close = abs(float(through - least)) <= noise and least > 0
    if of == FLOW and (through <= 0 or through < least):
        return None, close
    gate = options["coverage"] * sqrt(square)
    close = close or abs(abs(float(imbalance)) - gate) <= noise + RELATIVE * gate
    if abs(imbalance) < gate:
        return Measured(0.0, 0.0), close
    x, scale = (100 * imbalance / through, 100 / float(through)) if of == FLOW else (imbalance, 1)
    return Measured(float(x), RELATIVE * abs(float(x)) + noise * scale), close
