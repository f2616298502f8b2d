"""The written form of `clock`: a sensor whose own clock is wrong."""

from __future__ import annotations

from typing import Final, Literal

from lifeline.engine.config.authored import AuthoredRule
from lifeline.engine.quantities import Quantity
from lifeline.engine.rule import Judgement, LevelLimits

from .common_spec import LevelName, single


class ClockRule(AuthoredRule):
    """A sensor's clock that was set wrong or runs away."""

    kind: Literal["clock"]
    level: LevelName = "blue"


def compile(rule: ClockRule, quantity: Quantity, gas: str) -> Judgement:
    """The rule, which is the same for every quantity and gas."""
    return Judgement("", "", "1", single(rule.level, LevelLimits(high=1.0)))


MODEL: Final = ClockRule
