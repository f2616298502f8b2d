"""The written form of `vote`: whose alarms, over what, and how many of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from lifeline.engine.config.authored import Authored, AuthoredError, AuthoredRule, OneOrMany
from lifeline.engine.quantities import Quantity
from lifeline.engine.rule import Judgement, LevelLimits, Member

from .common_spec import LEVEL_NAMES, Delay, DelayByLevel, Levels, Reader, by_level


class Needs(Authored):
    """How many members, for each level that the vote may have."""

    blue: int | None = Field(None, ge=1)
    yellow: int | None = Field(None, ge=1)
    orange: int | None = Field(None, ge=1)
    red: int | None = Field(None, ge=1)


class VoteRule(AuthoredRule):
    """k of n: an alarm at a level when so many members stand at it or graver."""

    kind: Literal["vote"]
    of: OneOrMany = Field(min_length=1, description="rules whose alarms vote: ids or patterns")
    per: Literal["asset", "site"] = Field(description="one vote for each")
    need: int | Needs = Field(description="how many members; of every level, or by level")
    on_delay: Delay = DelayByLevel()
    off_delay: Delay = DelayByLevel()

    def beside(self, base: Path) -> dict[str, Any]:
        """Members and scope."""
        return {"members": (Member(rule=tuple(self.of)),), "per": self.per}


def compile(rule: VoteRule, quantity: Quantity, gas: str) -> Judgement:
    """One judgement for all groups; raises SpecError."""
    need = rule.need
    if isinstance(need, int):
        if need < 1:
            raise AuthoredError(
                ("need",), "nobody is needed", found=str(need), expected="1 or more"
            )
        counts = dict.fromkeys(LEVEL_NAMES, need)
    else:
        counts = by_level(need)
        if not counts:
            raise AuthoredError(("need",), "no level is named", expected="such as {orange: 2}")
    reader = Reader()
    for key in ("on_delay", "off_delay"):
        reader.only_used(key, getattr(rule, key), counts)
    reader.done()
    return Judgement("", "", "1", _levels(rule, counts))


def _levels(rule: VoteRule, counts: dict[str, int]) -> Levels:
    def level(name: str) -> LevelLimits:
        if name not in counts:
            return LevelLimits()
        on, off = getattr(rule.on_delay, name), getattr(rule.off_delay, name)
        return LevelLimits(
            high=float(counts[name]),
            on_delay=rule.on_delay.default if on is None else on,
            off_delay=rule.off_delay.default if off is None else off,
        )

    blue, yellow, orange, red = (level(name) for name in LEVEL_NAMES)
    return blue, yellow, orange, red


MODEL: Final = VoteRule
