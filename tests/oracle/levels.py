"""The four levels of one instance: docs/semantics.md §5."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lifeline.engine.rule import LevelLimits


@dataclass(frozen=True, slots=True)
class Measured:
    """A valid measure. `tolerance` is how far an inexact computation of it may lie."""

    x: float
    tolerance: float = 0.0


@dataclass(frozen=True, slots=True)
class Change:
    """The gravest active level changed; what the record says of it."""

    level: int
    time: int
    onset: int
    value: Measured
    limit: float | None
    uncertain: bool


@dataclass
class Pending:
    """A raise or a clear that waits for its deadline."""

    raises: bool
    deadline: int
    due: int


@dataclass
class Level:
    """One level, and the measure on which its pending timer stands."""

    active: bool = False
    pending: Pending | None = None
    held: Measured = Measured(0.0)
    held_suspect: bool = False

    def drop(self, raises: bool) -> None:
        """Forget what pends, if it is of this sort."""
        if self.pending is not None and self.pending.raises == raises:
            self.pending = None


def exceeds(limits: LevelLimits, x: float) -> bool:
    """Whether x reaches the level."""
    return (limits.high is not None and x >= limits.high) or (
        limits.low is not None and x <= limits.low
    )


def returns(limits: LevelLimits, x: float) -> bool:
    """Whether x has left the level, deadband included."""
    return (limits.high is None or x < limits.high - limits.deadband) and (
        limits.low is None or x > limits.low + limits.deadband
    )


@dataclass
class Levels:
    """All four, and the side on which the last rise was."""

    limits: tuple[LevelLimits, ...]
    level: list[Level] = field(default_factory=lambda: [Level() for _ in range(4)])
    high_side: bool = True

    def gravest(self) -> int:
        """The gravest active level, 0 for none."""
        return max((n for n, one in enumerate(self.level, 1) if one.active), default=0)

    def judge(self, x: Measured, t: int, good: bool, wait: int) -> Change | None:
        """One usable row; `wait` is lag + grace, by which a due lies beyond its deadline."""
        return self.judge_each([x] * 4, [x.x] * 4, t, good, not good, wait)

    def judge_each(
        self,
        xs: Sequence[Measured],
        most: Sequence[float],
        t: int,
        good: bool,
        doubt: bool,
        wait: int,
    ) -> Change | None:
        """The same with a measure for each level, and how much each might be.

        `good`: it may end what pends, and clear; `doubt`: what it raises is uncertain.
        """
        before = self.gravest()
        for limits, one, x, much in zip(self.limits, self.level, xs, most, strict=True):
            if one.active:
                self._judge_active(limits, one, x, much, t, good, wait)
            elif exceeds(limits, x.x):
                one.held, one.held_suspect = x, doubt
                if limits.on_delay == 0:
                    one.active, one.pending = True, None
                elif one.pending is None:
                    deadline = t + limits.on_delay
                    one.pending = Pending(True, deadline, deadline + wait)
            elif good:
                one.drop(raises=True)
        after = self.gravest()
        if after == before:
            return None
        x = xs[max(before, after) - 1]
        limit = self._limit(before, after, x.x)
        return Change(after, t, t, x, limit, doubt)

    def _judge_active(
        self,
        limits: LevelLimits,
        one: Level,
        x: Measured,
        most: float,
        t: int,
        good: bool,
        wait: int,
    ) -> None:
        if not (returns(limits, x.x) and returns(limits, most)):
            one.drop(raises=False)
        elif good:
            one.held, one.held_suspect = x, False
            if limits.off_delay == 0 or (one.pending is not None and one.pending.deadline <= t):
                one.active, one.pending = False, None
            elif one.pending is None:
                deadline = t + limits.off_delay
                one.pending = Pending(False, deadline, deadline + wait)

    def fire(self, numbers: Iterable[int], after_bad: bool) -> Change | None:
        """The timers of these levels (1 to 4) end together."""
        before = self.gravest()
        fired: dict[int, Pending] = {}
        for number in numbers:
            one = self.level[number - 1]
            assert one.pending is not None
            fired[number] = one.pending
            one.active, one.pending = one.pending.raises, None
        after = self.gravest()
        if after == before:
            return None
        decisive = max(before, after)
        timer, one = fired[decisive], self.level[decisive - 1]
        limit = self._limit(before, after, one.held.x)
        uncertain = after_bad or one.held_suspect
        onset = timer.deadline - self.limits[decisive - 1].on_delay
        return Change(after, timer.deadline, onset, one.held, limit, uncertain)

    def _limit(self, before: int, after: int, x: float) -> float | None:
        if after > before:
            limits = self.limits[after - 1]
            below = limits.high is None or x < limits.high
            self.high_side = limits.low is None or not below
        else:
            limits = self.limits[(after or before) - 1]
        first, second = (limits.high, limits.low) if self.high_side else (limits.low, limits.high)
        return second if first is None else first

    def drop_clears(self) -> None:
        """What waits to clear waits no more: nothing clears by silence or on bad data."""
        for one in self.level:
            one.drop(raises=False)

    def timers(self, by_timer_clears: bool) -> list[tuple[int, Pending]]:
        """(level, what pends) of all that time alone may end."""
        return [
            (number, one.pending)
            for number, one in enumerate(self.level, 1)
            if one.pending is not None and (one.pending.raises or by_timer_clears)
        ]
