"""The breaker that halts the work of every site of an area (docs/semantics.md §8)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import msgspec

from ..alarm import Alarm
from ..command import Command
from ..layout import NEVER
from ..level import LEVELS
from .configuration import Breaker


class Order(NamedTuple):
    """A command for the log of a site, and whether it is an exercise."""

    command: Command
    exercise: bool


class BreakerState(msgspec.Struct):
    """What a snapshot keeps.

    order    (episode, seq) of the record by which work was last halted or the order changed
    manual   the level at which a person halted work; 0: nobody did
    calm     the weather is over and the breaker waits for a person
    clear    when the weather has been over for long enough; NEVER: it is not over
    renew    when the orders are renewed; `renewals` how often they were
    halted   the sites that have an order
    """

    alarm: Alarm
    order: tuple[int, int] = (0, 0)
    manual: int = 0
    calm: bool = False
    clear: int = NEVER
    renew: int = NEVER
    renewals: int = 0
    halted: list[str] = []
    why: str = ""

    def next_due(self) -> int:
        """The first deadline; NEVER where nothing pends."""
        return min(self.clear, self.renew)


@dataclass(slots=True)
class RunningBreaker:
    """One breaker in one world of one area.

    `weather` holds the level of each alarm that it listens to, by (site, alarm).
    """

    policy: Breaker
    path: str
    exercise: bool
    state: BreakerState
    weather: dict[tuple[str, str], int] = field(default_factory=dict)

    def hear(self, site: str, alarm: str, level: int) -> None:
        """An alarm that it listens to counts at `level` now."""
        if level:
            self.weather[site, alarm] = level
        else:
            self.weather.pop((site, alarm), None)

    @property
    def storm(self) -> int:
        """The level of the weather where it trips the breaker, else 0."""
        level = max(self.weather.values(), default=0)
        return level if level >= self.policy.level else 0

    def judge(self, now: int) -> int:
        """The weather may have changed; the level at which work is to be halted, 0: not."""
        state, storm = self.state, self.storm
        held = state.alarm.level
        if storm:
            state.clear, state.calm = NEVER, False
            return max(storm, state.manual)
        if held and not state.manual and not state.calm and state.clear == NEVER:
            state.clear = now + self.policy.release_after
        return held

    def fire(self, due: int) -> bool:
        """Whether the delay of the release ends by `due` and work resumes by itself."""
        if self.state.clear > due:
            return False
        self.state.clear = NEVER
        self.state.calm = self.policy.release == "person"
        return not self.state.calm

    def shift(self, gap: int) -> None:
        """The log was blind: nobody saw whether the weather was over. Expiries do not wait."""
        if self.state.clear != NEVER:
            self.state.clear += gap

    def refusal(self, action: Literal["halt_work", "resume_work"]) -> str:
        """Why a person may not do this now, or ""."""
        if action == "halt_work":
            return "work is halted already" if self.state.alarm.level else ""
        if not self.state.alarm.level:
            return "work is not halted"
        return "the weather alarm stands" if self.storm else ""

    def release(self) -> None:
        """Work resumes."""
        state = self.state
        state.manual, state.calm, state.clear, state.renew = 0, False, NEVER, NEVER

    # --- orders ----------------------------------------------------------------------------------
    def halt(self, sites: Iterable[str], now: int) -> list[Order]:
        """Orders that halt, or go on halting, these sites at the breaker's level."""
        expires = now + self.policy.expires
        level = LEVELS[self.state.alarm.level]
        return [self._order("halt_work", site, now, expires, level) for site in sites]

    def resume(self, sites: Iterable[str], now: int, seq: int) -> list[Order]:
        """Orders that let work resume; `seq` is the record that says so."""
        order = self.state.order
        self.state.order = (order[0], max(seq, order[1]))
        return [self._order("resume_work", site, now, 0, "") for site in sites]

    def _order(
        self,
        action: Literal["halt_work", "resume_work"],
        site: str,
        now: int,
        expires: int,
        level: str,
    ) -> Order:
        episode, seq = self.state.order
        subject = f"{'exercise' if self.exercise else 'area'}:{self.path}"
        alarm = f"{self.policy.id}~{subject}"
        named = (alarm, episode, seq, action, self.state.renewals, site)
        command = Command(
            id=f"area-{hashlib.blake2b(msgspec.json.encode(named), digest_size=16).hexdigest()}",
            action=action,
            site=site,
            alarm=alarm,
            principal=f"area:{self.path}",
            role="area",
            reason=self.state.why,
            episode=episode,
            seq=seq,
            expires=expires,
            issued=now,
            level=level,
        )
        return Order(command, self.exercise)
