"""The written form of `rate`: change per time over a short span."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from lifeline.engine.config.authored import Duration
from lifeline.engine.errors import SpecError
from lifeline.engine.quantities import Quantity
from lifeline.engine.rule import Judgement

from .common_spec import (
    LadderRule,
    LevelAmounts,
    Reader,
    Reading,
    by_level,
    gas_of,
    ladder,
    positive,
    rate_reading,
    spoken_rate,
    within,
)

# Two points are the least between which there is a change.
_MIN_POINTS: Final = 2


class ChangeRule(LadderRule):
    """What rate and trend share: limits on the change per time, upward and downward."""

    rising: LevelAmounts | None = Field(None, description="change per time, such as 5 mm/d")
    falling: LevelAmounts | None = Field(None, description="fall per time, as positive numbers")


class RateRule(ChangeRule):
    """The change per time between the ends of a short span."""

    kind: Literal["rate"]
    span: Duration
    min_span: Duration | None = None


def compile(rule: RateRule, quantity: Quantity, gas: str) -> Judgement:
    """The rule for one quantity and gas tag, per second of the canonical unit; raises SpecError."""
    window = positive("span", rule.span)
    min_span = within("min_span", rule.min_span, window, window // 2)
    options: dict[str, float] = {
        "window": window,
        "min_span": min_span,
        "min_points": _MIN_POINTS,
    }
    return change_judgement(rule, quantity, gas, options)


def change_judgement(
    rule: ChangeRule, quantity: Quantity, gas: str, options: dict[str, float]
) -> Judgement:
    """Judgement of a change per time: `falling` becomes a low limit below zero."""
    of = gas_of(gas)
    read = rate_reading(quantity, of)
    reader = Reader()
    highs = reader.limits("rising", rule.rising, _upward(read))
    falls = reader.limits("falling", rule.falling, _upward(read))
    lows = {name: -fall for name, fall in falls.items()}
    levels = ladder(rule, highs, lows, read, reader)
    written = {**by_level(rule.falling), **by_level(rule.rising)}
    unit, scale = spoken_rate(written, quantity, of)
    return Judgement(
        quantity.name,
        gas,
        unit,
        levels,
        options={name: float(value) for name, value in options.items()},
        scale=scale,
    )


def _upward(read: Reading) -> Reading:
    """Refuses what does not rise: the direction stands in the key."""

    def upward(text: str) -> float:
        rate = read(text)
        if rate <= 0.0:
            raise SpecError(
                "a change per time must be more than zero",
                found=repr(text),
                expected="a positive number; the key falling says that it is a fall",
            )
        return rate

    return upward


MODEL: Final = RateRule
