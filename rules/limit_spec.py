"""The written form of `limit`: high and low limits at up to four levels, written or learned."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from lifeline.engine.config.authored import AmountText, Authored, AuthoredError
from lifeline.engine.config.learned import LearnedSensor, read_learned
from lifeline.engine.config.learned_rules import amount
from lifeline.engine.quantities import Quantity
from lifeline.engine.rule import Judgement

from .common_spec import (
    LadderRule,
    LevelAmounts,
    Reader,
    by_level,
    difference_reading,
    gas_of,
    ladder,
    value_reading,
)

HighShare = Literal["95 %", "99 %", "99.9 %"]
LowShare = Literal["5 %", "1 %", "0.1 %"]


class HighShares(Authored):
    """A share of what was learned for each level that has one."""

    blue: HighShare | None = None
    yellow: HighShare | None = None
    orange: HighShare | None = None
    red: HighShare | None = None


class LowShares(Authored):
    """A share of what was learned for each level that has one."""

    blue: LowShare | None = None
    yellow: LowShare | None = None
    orange: LowShare | None = None
    red: LowShare | None = None


class LimitRule(LadderRule):
    """The value itself against limits."""

    kind: Literal["limit"]
    high: LevelAmounts | None = None
    low: LevelAmounts | None = None
    learned: str | None = Field(None, description="a file of `lifeline fit`: each sensor's limits")
    above: HighShares | None = Field(
        None, description="learned: above what this share of the recording lay below"
    )
    below: LowShares | None = Field(
        None, description="learned: below what this share of the recording lay below"
    )
    margin: AmountText | None = Field(None, description="learned: how far beyond that; 0")

    def learned_of(self, base: Path) -> Mapping[str, LearnedSensor] | None:
        """The file's sensors. Raises SpecError."""
        if self.learned is None:
            return None
        if self.above is None and self.below is None:
            raise AuthoredError(
                ("learned",), "nothing asks the learned file", expected="above, below or both"
            )
        return read_learned(base / self.learned, ("learned",)).sensors

    def told(self, learned: LearnedSensor) -> LimitRule:
        """Levels that ask for a share have what was learned for their limit."""
        change = {}
        for key, shares in (("high", self.above), ("low", self.below)):
            given = by_level(getattr(self, key))
            asked = by_level(shares)
            both = sorted(given.keys() & asked.keys())
            if both:
                raise AuthoredError(
                    (key, both[0]), "a level has one limit", expected=f"{key}, or a learned share"
                )
            limits = {n: amount(learned.limits[x], learned.unit) for n, x in asked.items()}
            change[key] = LevelAmounts(**given, **limits)
        return self.model_copy(update=change)


def compile(rule: LimitRule, quantity: Quantity, gas: str) -> Judgement:
    """The rule for one quantity and gas tag, in canonical units; raises SpecError."""
    of = gas_of(gas)
    read, step = value_reading(quantity, of), difference_reading(quantity, of)
    reader = Reader()
    margin = 0.0
    for key in ("above", "below", "margin"):
        if rule.learned is None and getattr(rule, key) is not None:
            raise AuthoredError((key,), f"{key} asks a learned file", expected="learned: a file")
    if rule.margin is not None:
        margin = reader.amount(("margin",), step, rule.margin)
    highs = reader.limits("high", rule.high, read)
    lows = reader.limits("low", rule.low, read)
    highs |= {name: highs[name] + margin for name in by_level(rule.above)}
    lows |= {name: lows[name] - margin for name in by_level(rule.below)}
    levels = ladder(rule, highs, lows, step, reader)
    return Judgement(quantity.name, gas, quantity.unit, levels)


MODEL: Final = LimitRule
