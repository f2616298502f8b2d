"""The written form of `flatline`: a signal that does not move is a dead sensor.

The flat line test of IOOS QARTOD (Manual for Real-Time Quality Control of In-situ Temperature and
Salinity Data, test 8), the least variability of WMO-No. 488, appendix VI.2
(both from knowledge, not read there).
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from lifeline.engine.config.authored import AmountText, AuthoredError, AuthoredRule, Duration
from lifeline.engine.limits import PANES
from lifeline.engine.quantities import Quantity
from lifeline.engine.rule import Judgement, LevelLimits

from .common_spec import LevelName, Reader, difference_reading, gas_of, positive, single


class FlatlineRule(AuthoredRule):
    """Greatest less smallest value of the window, against a tolerance."""

    kind: Literal["flatline"]
    window: Duration
    tolerance: AmountText
    level: LevelName = "blue"
    min_points: int = Field(4, ge=2)


def compile(rule: FlatlineRule, quantity: Quantity, gas: str) -> Judgement:
    """The rule for one quantity and gas tag; raises SpecError.

    The least span is the window without one pane: a full window always has it.
    """
    window = positive("window", rule.window)
    read = difference_reading(quantity, gas_of(gas))
    reader = Reader()
    tolerance = reader.amount(("tolerance",), read, rule.tolerance)
    reader.done()
    if tolerance < 0.0:
        raise AuthoredError(
            ("tolerance",),
            "the tolerance is negative",
            found=repr(rule.tolerance),
            expected="zero or more",
        )
    options = {
        "window": float(window),
        "min_points": float(rule.min_points),
        "min_span": float(window * (PANES - 1) // PANES),
    }
    levels = single(rule.level, LevelLimits(low=tolerance))
    return Judgement(quantity.name, gas, quantity.unit, levels, options=options)


MODEL: Final = FlatlineRule
