"""The written form of `clock`: a sensor whose own clock is wrong.

Time stamps of a system come from clocks that agree, and one that does not is told: IEC 62443-3-3, SR 2.11
with its enhancement 1 (from knowledge, not read there). How a clock that was set is told from late data:
docs/semantics.md §2.
"""

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
