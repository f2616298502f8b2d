"""The written form of `spike`: how far a value leaps, how soon it is back, how many are too many."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from lifeline.engine.config.authored import AmountText, AuthoredError, AuthoredRule, Duration
from lifeline.engine.quantities import Quantity
from lifeline.engine.rule import Judgement, LevelLimits

from .common_spec import LevelName, Reader, difference_reading, gas_of, positive, single

#: Panes since 1970 must be numbers that a float64 holds.
_SHORTEST_NS: Final = 1_000_000


class SpikeRule(AuthoredRule):
    """Values that leap away and come back, counted over a window."""

    kind: Literal["spike"]
    step: AmountText = Field(description="a distance that no true value leaps")
    sigmas: float = Field(
        0.0, ge=0.0, description="Hampel: odd only beyond so many robust deviations; 0: step alone"
    )
    points: int = Field(5, ge=1, le=11, description="accepted values that a value is compared with")
    longest: int = Field(3, ge=1, description="samples of the longest spike; more is a step")
    window: Duration
    count: int = Field(1, ge=1, description="spikes within the window that raise")
    level: LevelName = "blue"


def compile(rule: SpikeRule, quantity: Quantity, gas: str) -> Judgement:
    """The rule for one quantity and gas tag; raises SpecError."""
    window = positive("window", rule.window)
    if window < _SHORTEST_NS:
        raise AuthoredError(("window",), "the window is too short", expected="at least 1 ms")
    reader = Reader()
    step = reader.amount(("step",), difference_reading(quantity, gas_of(gas)), rule.step)
    reader.done()
    if step <= 0.0:
        raise AuthoredError(
            ("step",), "the step is not positive", found=repr(rule.step), expected="more than 0"
        )
    if rule.sigmas > 0.0 and rule.points < 3:
        raise AuthoredError(
            ("points",),
            "a deviation needs three values",
            found=str(rule.points),
            expected="3 to 11",
        )
    options = {
        "window": float(window),
        "step": step,
        "sigmas": rule.sigmas,
        "points": float(rule.points),
        "longest": float(rule.longest),
    }
    levels = single(rule.level, LevelLimits(high=float(rule.count)))
    return Judgement(quantity.name, gas, "1", levels, options=options)


MODEL: Final = SpikeRule
