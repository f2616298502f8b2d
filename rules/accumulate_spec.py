"""The written form of `accumulate`: what a window amounts to.

Sources of the conventions: GBZ 2.1-2019 (PC-TWA over 8 h, PC-STEL over 15 min); 29 CFR 1910.1000(d)(1)
(E = Σ CᵢTᵢ / 8); ACGIH, TLVs and BEIs (TLV-TWA, TLV-STEL). Three quarters of a period as the least
that stands for it: GB 3095-2012 table 4 (45 min of an hour, 6 h of eight).
"""

from __future__ import annotations

import math
from typing import Final, Literal

from pydantic import Field

from lifeline.engine.config.authored import AuthoredError, Duration
from lifeline.engine.errors import SpecError
from lifeline.engine.gases import Gas
from lifeline.engine.limits import PANES
from lifeline.engine.quantities import Quantity
from lifeline.engine.rule import Judgement
from lifeline.engine.units import difference, parse_amount

from .common_spec import (
    LadderRule,
    LevelAmounts,
    Reader,
    Reading,
    by_level,
    difference_reading,
    gas_of,
    ladder,
    positive,
    value_reading,
    within,
)

#: The places of `accumulate_kernels`: TOTAL, INTEGRAL, MEAN, TWA, TWA_COVERED, MINIMUM, QUIETEST.
FIGURES: Final = ("total", "integral", "mean", "twa", "twa_covered", "minimum", "quietest")
#: What gaps can only make smaller, so that a part of it is a lower bound.
_SUMS: Final = ("total", "integral", "twa")
#: The window of these holds at least what is written (a night, 24 h of rain), not at most.
_AT_LEAST: Final = ("total", "integral", "minimum", "quietest")
_HOUR_S: Final = 3600.0
#: Panes since 1970 must be numbers that a float64 holds.
_SHORTEST_NS: Final = 1_000_000


class AccumulateRule(LadderRule):
    """A rolling total, mean, time-weighted average or least value of a window."""

    kind: Literal["accumulate"]
    of: Literal["total", "integral", "mean", "twa", "minimum", "quietest"] = Field(
        description="total: sum of values; integral: over time; twa: time-weighted average; "
        "quietest: least mean of a twelfth of the window"
    )
    window: Duration
    high: LevelAmounts | None = None
    low: LevelAmounts | None = None
    over: Literal["window", "covered"] = Field(
        "window", description="what twa divides by: the whole window, or the time with data"
    )
    max_gap: Duration | None = Field(
        None, description="how long a value holds without another; a twelfth of the window"
    )
    coverage: float = Field(
        0.75, ge=0.0, le=1.0, description="share of the window that must have data"
    )


def compile(rule: AccumulateRule, quantity: Quantity, gas: str) -> Judgement:
    """The rule for one quantity and gas tag, in canonical units; raises SpecError."""
    window = positive("window", rule.window)
    if window < _SHORTEST_NS:
        raise AuthoredError(("window",), "the window is too short", expected="at least 1 ms")
    if rule.over == "covered" and rule.of != "twa":
        raise AuthoredError(("over",), f"{rule.of} divides by nothing", expected="of: twa")
    if rule.of in ("minimum", "quietest") and rule.coverage == 0.0:
        raise AuthoredError(
            ("coverage",), f"the {rule.of} of nothing is no value", expected="more than 0"
        )
    gap = positive("max_gap", within("max_gap", rule.max_gap, window, max(1, window // PANES)))
    figure = "twa_covered" if rule.over == "covered" else rule.of
    held = -(-window * PANES // (PANES - 1)) if rule.of in _AT_LEAST else window
    options = {
        "window": float(held),
        "max_gap": float(gap),
        "coverage": rule.coverage,
        "of": float(FIGURES.index(figure)),
        "bound": float(figure in _SUMS and not by_level(rule.low)),
    }
    return _judgement(rule, quantity, gas, options)


def _judgement(
    rule: AccumulateRule, quantity: Quantity, gas: str, options: dict[str, float]
) -> Judgement:
    of = gas_of(gas)
    read, step = value_reading(quantity, of), difference_reading(quantity, of)
    unit, scale = quantity.unit, 1.0
    written = {**by_level(rule.low), **by_level(rule.high)}
    if rule.of == "integral":
        read = step = over_time_reading(quantity, of)
        if written:
            unit, scale = spoken_over_time(next(iter(written.values())), quantity, of)
    elif rule.of == "total":
        read = step
    reader = Reader()
    highs = reader.limits("high", rule.high, read)
    lows = reader.limits("low", rule.low, read)
    levels = ladder(rule, highs, lows, step, reader)
    return Judgement(quantity.name, gas, unit, levels, options=options, scale=scale)


def over_time_reading(quantity: Quantity, gas: Gas | None) -> Reading:
    """Reads an amount of the quantity times time, in canonical units times seconds: 50 mm of mm/h."""

    def read(text: str) -> float:
        amount = parse_amount(text)
        return amount.value * _over_time(amount.unit, quantity, gas)

    return read


def spoken_over_time(text: str, quantity: Quantity, gas: Gas | None) -> tuple[str, float]:
    """The unit of a written integral, and its worth: spoken = canonical * worth."""
    unit = parse_amount(text).unit
    try:
        return unit, 1.0 / _over_time(unit, quantity, gas)
    except SpecError:
        return unit, math.nan  # told by the reader of the limits


def _over_time(unit: str, quantity: Quantity, gas: Gas | None) -> float:
    """What 1 of `unit` is in canonical units times seconds."""
    per_hour = f"{unit}/h"
    try:
        return difference(1.0, per_hour, quantity, gas=gas) * _HOUR_S
    except SpecError as error:
        raise SpecError(
            f"{unit} is not {quantity.name} over time",
            found=repr(unit),
            expected=f"a unit that is one of {quantity.unit} when divided by time",
        ) from error


MODEL: Final = AccumulateRule
