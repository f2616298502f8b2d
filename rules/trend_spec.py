"""The written form of `trend`: slope over a sliding window, by least squares or robust."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from lifeline.engine.config.authored import AuthoredError, Duration
from lifeline.engine.quantities import Quantity
from lifeline.engine.rule import Judgement

from .common_spec import positive, within
from .rate_spec import ChangeRule, change_judgement

#: As written, and as `trend_tables_kernels` knows them.
CONFIDENCES: Final = {"90 %": 0.9, "95 %": 0.95, "99 %": 0.99, "99.9 %": 0.999}


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
    confidence: Literal["90 %", "95 %", "99 %", "99.9 %"] | None = Field(
        None, description="two-sided, by Student's t; with robust by Mann-Kendall; none: not asked"
    )
    robust: bool = Field(False, description="Theil-Sen: the median slope between the panes' means")


def compile(rule: TrendRule, quantity: Quantity, gas: str) -> Judgement:
    """The rule for one quantity and gas tag, per second of the canonical unit; raises SpecError."""
    window = positive("window", rule.window)
    if rule.significance and (rule.confidence or rule.robust):
        raise AuthoredError(
            ("significance",),
            "standard errors have no meaning beside " + ("confidence", "robust")[rule.robust],
            found=f"{rule.significance:g}",
            expected="confidence alone, such as 95 %",
        )
    options: dict[str, float] = {
        "window": window,
        "min_points": rule.min_points,
        "min_span": within("min_span", rule.min_span, window, window // 2),
        "significance": rule.significance,
    }
    # Only where asked: the hash of a rule that is written as before stays what it was.
    if rule.confidence is not None:
        options["confidence"] = CONFIDENCES[rule.confidence]
    if rule.robust:
        options["robust"] = 1.0
    return change_judgement(rule, quantity, gas, options)


MODEL: Final = TrendRule
