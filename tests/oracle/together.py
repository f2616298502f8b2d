"""Hotelling's T² and Q of a group by definition: docs/semantics.md §4, `multivariate`. Exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from lifeline.engine.rule import NormalGroup

from .levels import Measured
from .windows import RELATIVE

T2, Q, BOTH = 0.0, 1.0, 2.0


def statistics(group: NormalGroup, values: Sequence[float]) -> tuple[Fraction, Fraction]:
    """(T², Q) of values in the order of the group's sensors."""
    z = [
        (Fraction(v) - Fraction(mean)) / Fraction(scale)
        for v, mean, scale in zip(values, group.mean, group.scale, strict=True)
    ]
    kept = range(len(group.variance))
    loading = [[Fraction(x) for x in row] for row in group.loadings]
    scores = [sum(loading[j][i] * z[j] for j in range(len(z))) for i in kept]
    hotelling = sum((scores[i] ** 2 / Fraction(group.variance[i]) for i in kept), start=Fraction(0))
    residual = [z[j] - sum(loading[j][i] * scores[i] for i in kept) for j in range(len(z))]
    return hotelling, sum((e**2 for e in residual), start=Fraction(0))


@dataclass
class Together:
    """The last value of each member: (time, value, quality), and who was heard since the last x."""

    group: NormalGroup | None
    slots: Sequence[str]  # the sensor of each slot
    last: dict[int, tuple[int, float, str]] = field(default_factory=dict)
    fresh: set[int] = field(default_factory=set)
    now: int = 0

    def take(
        self, slot: int, t: int, v: float, quality: str, forward: bool, options: Mapping[str, float]
    ) -> tuple[int, str, Measured | None]:
        """(the group's time, verdict of the vector, x or None) of a member's row; verdict "" for nothing."""
        now = max(self.now, t)
        if not forward:
            return now, "", None
        if quality == "bad":
            self.last.pop(slot, None)
            return now, "bad", None
        self.now = now
        self.last[slot] = (t, v, quality)
        self.fresh.add(slot)
        everyone = range(len(self.slots))
        whole = all(
            one in self.last and now - self.last[one][0] <= options["max_age"] for one in everyone
        )
        if self.group is None or not whole or len(self.fresh) < len(self.slots):
            return now, "", None
        self.fresh.clear()
        by_name = {name: self.last[one][1] for one, name in enumerate(self.slots)}
        hotelling, squares = statistics(self.group, [by_name[x] for x in self.group.sensors])
        parts = []
        if options["of"] != Q:
            parts.append(float(hotelling) / self.group.limit_t2)
        if options["of"] != T2:
            parts.append(float(squares) / self.group.limit_q)
        doubtful = any(kept[2] != "good" for kept in self.last.values())
        x = max(parts)
        size = max(abs(value) for value in by_name.values()) / min(self.group.scale)
        tolerance = RELATIVE * (abs(x) + (1.0 + size) ** 2 / max(1e-3, min(map(abs, parts))))
        return now, "suspect" if doubtful else "good", Measured(x, tolerance)
