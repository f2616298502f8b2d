"""The written form of `trend`: least-squares slope over a sliding window."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from lifeline.engine.config.authored import Duration
from lifeline.engine.quantities import Quantity
from lifeline.engine.rule import Judgement

from .common_spec import positive, within
from .rate_spec import ChangeRule, change_judgement


class TrendRule(ChangeRule):
    """The slope of a straight line through the window."""

    kind: Literal["trend"]
    window: Duration
    # A slope has an error only from three points on.
    min_points: int = Field(4, ge=3)
    min_span: Duration | None = None
    significance: float = Field(
        0.0, ge=0.0, description="|slope| / standard error that is needed to raise; 0: not asked"
    )


def compile(rule: TrendRule, quantity: Quantity, gas: str) -> Judgement:
    """The rule for one quantity and gas tag, per second of the canonical unit; raises SpecError."""
    window = positive("window", rule.window)
    options: dict[str, float] = {
        "window": window,
        "min_points": rule.min_points,
        "min_span": within("min_span", rule.min_span, window, window // 2),
        "significance": rule.significance,
    }
    return change_judgement(rule, quantity, gas, options)


MODEL: Final = TrendRule
