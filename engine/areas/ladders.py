"""A ladder's alarm: the level that the counts make, with its delays (docs/semantics.md §8)."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from ..alarm import Alarm
from ..layout import NEVER
from ..level import LEVEL_COUNT, LEVELS
from .configuration import Ladder
from .tally import Tally, at_or_above


def _nothing() -> list[int]:
    return [NEVER] * (LEVEL_COUNT + 1)


class LadderState(msgspec.Struct):
    """What a snapshot keeps: the alarm, which levels are active, and the deadlines of those that
    rise or fall with a delay, by level (NEVER: none)."""

    alarm: Alarm
    active: list[int] = []
    raising: list[int] = msgspec.field(default_factory=_nothing)
    clearing: list[int] = msgspec.field(default_factory=_nothing)

    def next_due(self) -> int:
        """The first deadline; NEVER where nothing pends."""
        return min(*self.raising, *self.clearing)


@dataclass(slots=True)
class RunningLadder:
    """One ladder in one world of one area. `judge` and `fire` say whether the level may differ."""

    policy: Ladder
    state: LadderState
    tally: Tally = field(init=False)
    _made: int | None = None

    def __post_init__(self) -> None:
        self.tally = Tally(self.policy.count, self.policy.counts)

    @property
    def level(self) -> int:
        """The gravest active level."""
        return max(self.state.active, default=0)

    def judge(self, now: int) -> None:
        """The counts may have changed: what they say now begins, ends or goes on."""
        state, made = self.state, self.tally.level
        if made == self._made:
            return  # judged so before
        self._made = made
        for level in range(1, LEVEL_COUNT + 1):
            exceeds = made >= level
            if level in state.active:
                self._falls(level, exceeds, now)
            else:
                self._rises(level, exceeds, now)

    def _rises(self, level: int, exceeds: bool, now: int) -> None:
        state = self.state
        if not exceeds:
            state.raising[level] = NEVER
        elif not self.policy.on_delay:
            state.active.append(level)
        elif state.raising[level] == NEVER:
            state.raising[level] = now + self.policy.on_delay

    def _falls(self, level: int, exceeds: bool, now: int) -> None:
        state = self.state
        if exceeds:
            state.clearing[level] = NEVER
        elif not self.policy.off_delay:
            state.active.remove(level)
        elif state.clearing[level] == NEVER:
            state.clearing[level] = now + self.policy.off_delay

    def fire(self, due: int) -> None:
        """Everything with this deadline or an earlier one happens."""
        state = self.state
        for level in range(1, LEVEL_COUNT + 1):
            if state.raising[level] <= due:
                state.raising[level] = NEVER
                state.active.append(level)
            if state.clearing[level] <= due:
                state.clearing[level] = NEVER
                state.active.remove(level)

    def shift(self, gap: int) -> None:
        """The log was blind for so long: what pends waits longer by it."""
        for pending in (self.state.raising, self.state.clearing):
            pending[:] = [x if x == NEVER else x + gap for x in pending]

    def counted(self, level: int) -> tuple[str, int, int]:
        """What made (or no longer makes) the alarm's `level`: the level that is counted, how many
        are there, how many are needed."""
        step = max(level - 1, 1)
        needed = self.policy.counts[step - 1]
        return LEVELS[step], at_or_above(self.tally.members, step), needed
