"""The written form of `limit`: high and low limits at up to four levels."""

from __future__ import annotations

from typing import Final, Literal

from lifeline.engine.quantities import Quantity
from lifeline.engine.rule import Judgement

from .common_spec import (
    LadderRule,
    LevelAmounts,
    Reader,
    difference_reading,
    gas_of,
    ladder,
    value_reading,
)


class LimitRule(LadderRule):
    """The value itself against limits."""

    kind: Literal["limit"]
    high: LevelAmounts | None = None
    low: LevelAmounts | None = None


def compile(rule: LimitRule, quantity: Quantity, gas: str) -> Judgement:
    """The rule for one quantity and gas tag, in canonical units; raises SpecError."""
    of = gas_of(gas)
    read = value_reading(quantity, of)
    reader = Reader()
    highs = reader.limits("high", rule.high, read)
    lows = reader.limits("low", rule.low, read)
    levels = ladder(rule, highs, lows, difference_reading(quantity, of), reader)
    return Judgement(quantity.name, gas, quantity.unit, levels)


MODEL: Final = LimitRule
