"""The written form of `stale`: a sensor that is silent beyond its own expectation.

The gap test of IOOS QARTOD (Manual for Real-Time Quality Control of In-situ Temperature and Salinity Data,
test 1; from knowledge, not read there), as an alarm with one for a whole source.
"""

from __future__ import annotations

from typing import Final, Literal

from lifeline.engine.config.authored import AuthoredRule
from lifeline.engine.quantities import Quantity
from lifeline.engine.rule import Judgement, LevelLimits

from .common_spec import LevelName, single


class StaleRule(AuthoredRule):
    """Silence of a sensor or of its whole source; how long, its own expectation says."""

    kind: Literal["stale"]
    level: LevelName = "yellow"


def compile(rule: StaleRule, quantity: Quantity, gas: str) -> Judgement:
    """The rule, which is the same for every quantity and gas."""
    return Judgement("", "", "1", single(rule.level, LevelLimits(high=1.0)))


MODEL: Final = StaleRule
