"""The written form of `shift`: limits in standard deviations, target and σ written or learned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from lifeline.engine.config.authored import AmountText, AuthoredError
from lifeline.engine.config.learned import LearnedSensor, read_learned
from lifeline.engine.config.learned_rules import amount
from lifeline.engine.errors import SpecError
from lifeline.engine.quantities import Quantity
from lifeline.engine.rule import Judgement

from .common_spec import (
    AmountByLevel,
    LadderRule,
    LevelAmounts,
    Reader,
    by_level,
    difference_reading,
    gas_of,
    ladder,
    value_reading,
)

#: The numbers of `shift_kernels`: CUSUM, PAGE_HINKLEY, EWMA.
METHODS: Final = ("cusum", "page_hinkley", "ewma")
_SIDES: Final = {"both": 0.0, "up": 1.0, "down": -1.0}
#: Half the shift that is to be found, in σ (Montgomery: k = ½ for a shift of one σ).
_SLACK: Final = 0.5
#: λ of the EWMA chart (Lucas and Saccucci, Technometrics 32 (1990): 0.05 to 0.25).
_WEIGHT: Final = 0.2


#: 5 % and 95 % of normal values lie so many standard deviations apart.
_NINE_TENTHS: Final = 2 * 1.6448536269514722
_AT: Final = ("learned",)


class ShiftRule(LadderRule):
    """A small lasting change of the mean."""

    kind: Literal["shift"]
    method: Literal["cusum", "page_hinkley", "ewma"] = "cusum"
    beyond: LevelAmounts = Field(description="limits in standard deviations: plain numbers")
    sigma: AmountText | None = Field(
        None, description="standard deviation of a single value in calm times"
    )
    target: AmountText | None = Field(None, description="the mean in calm times")
    learned: str | None = Field(
        None, description="a file of `lifeline fit`: each sensor's target and sigma, unless written"
    )
    direction: Literal["both", "up", "down"] = "both"
    slack: float | None = Field(
        None, ge=0.0, description="(cusum, page_hinkley) half the shift to be found, in sigma; 0.5"
    )
    weight: float | None = Field(
        None, gt=0.0, le=1.0, description="(ewma) weight of the present value; 0.2"
    )
    memory: int | None = Field(
        None, ge=30, description="(page_hinkley) values that the mean weighs at most; 1000"
    )

    def learned_of(self, base: Path) -> Mapping[str, LearnedSensor] | None:
        """The file's sensors. Raises SpecError."""
        return None if self.learned is None else read_learned(base / self.learned, _AT).sensors

    def told(self, learned: LearnedSensor) -> ShiftRule:
        """Median, and the standard deviation that the middle nine tenths have."""
        limits, unit = learned.limits, learned.unit
        sigma = (limits["95 %"] - limits["5 %"]) / _NINE_TENTHS
        change = {"sigma": self.sigma or amount(sigma, unit)}
        if self.method != "page_hinkley":
            change["target"] = self.target or amount(limits["50 %"], unit)
        return self.model_copy(update=change)


def compile(rule: ShiftRule, quantity: Quantity, gas: str) -> Judgement:
    """The rule for one quantity and gas tag; raises SpecError.

    Without a deadband a level returns at half its limit.
    """
    _only_of_method(rule)
    of = gas_of(gas)
    reader = Reader()
    if rule.sigma is None:
        raise AuthoredError(
            ("sigma",), "nothing says how large sigma is", expected="sigma, or learned: a file"
        )
    sigma = reader.amount(("sigma",), difference_reading(quantity, of), rule.sigma)
    target = 0.0
    if rule.target is not None:
        target = reader.amount(("target",), value_reading(quantity, of), rule.target)
    limits = reader.limits("beyond", rule.beyond, _sigmas)
    reader.done()
    if sigma <= 0.0:
        raise AuthoredError(
            ("sigma",), "sigma is not positive", found=repr(rule.sigma), expected="more than 0"
        )
    highs = {} if rule.direction == "down" else limits
    lows = {} if rule.direction == "up" else {name: -x for name, x in limits.items()}
    levels = ladder(_returning(rule, limits), highs, lows, _distance, reader)
    used = [level for level in levels if level.used]
    mild = min(limits.values())
    weight = rule.weight if rule.method == "ewma" else rule.slack
    options = {
        "method": float(METHODS.index(rule.method)),
        "target": target,
        "sigma": sigma,
        "weight": (_WEIGHT if rule.method == "ewma" else _SLACK) if weight is None else weight,
        "memory": float(rule.memory or (1000 if rule.method == "page_hinkley" else 0)),
        "mild": mild,
        "back": mild - used[0].deadband,
        "cap": max(limits.values()) + 1.0,
        "side": _SIDES[rule.direction],
    }
    return Judgement(quantity.name, gas, "1", levels, options=options)


def _only_of_method(rule: ShiftRule) -> None:
    """Raises AuthoredError where the method knows no such key, or lacks one."""
    foreign = {
        "target": rule.method == "page_hinkley" and rule.target is not None,
        "slack": rule.method == "ewma" and rule.slack is not None,
        "weight": rule.method != "ewma" and rule.weight is not None,
        "memory": rule.method != "page_hinkley" and rule.memory is not None,
    }
    why = {"target": "it compares with the mean of what it saw; with a target it is cusum"}
    for key, wrong in foreign.items():
        if wrong:
            reason = why.get(key, "another method's")
            raise AuthoredError((key,), f"{rule.method} has no {key}: {reason}")
    if rule.method != "page_hinkley" and rule.target is None:
        raise AuthoredError(
            ("target",), f"{rule.method} needs a target", expected="the mean in calm times"
        )


def _returning(rule: ShiftRule, limits: dict[str, float]) -> ShiftRule:
    """The rule with the deadband that holds where none is written."""
    if rule.deadband.default is not None or by_level(rule.deadband):
        return rule
    half: dict[str, Any] = {name: repr(limit / 2.0) for name, limit in limits.items()}
    return rule.model_copy(update={"deadband": AmountByLevel(**half)})


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise SpecError("not a number of sigmas", found=repr(text), expected="a number such as 5")
    return number


def _sigmas(text: str) -> float:
    number = _number(text)
    if number <= 0.0:
        raise SpecError("a limit in sigmas is positive", found=repr(text), expected="such as 5")
    return number


def _distance(text: str) -> float:
    return _number(text)


MODEL: Final = ShiftRule
