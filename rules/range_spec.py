"""The written form of `range`: the registry's valid range, or the currents of NAMUR NE 43.

NAMUR NE 43, Standardization of the Signal Level for the Failure Information of Digital Transmitters
(2003): 3.8 to 20.5 mA is measurement, at most 3.6 or at least 21 mA is failure information.
"""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from lifeline.engine.config.authored import (
    AmountText,
    Authored,
    AuthoredError,
    AuthoredRule,
    Duration,
)
from lifeline.engine.level import LEVELS
from lifeline.engine.quantities import Quantity
from lifeline.engine.rule import Judgement, LevelLimits

from .common_spec import LEVEL_NAMES, LevelName, Levels, Reader, gas_of, single, value_reading

#: (lowest, highest) current in mA that is still measurement, and that is failure information.
MEASURED_MA: Final = (3.8, 20.5)
FAILED_MA: Final = (3.6, 21.0)


class MeasuringRange(Authored):
    """What a transmitter says at 4 mA and at 20 mA."""

    low: AmountText = Field(description="the value at 4 mA")
    high: AmountText = Field(description="the value at 20 mA")


class RangeRule(AuthoredRule):
    """A value beyond its sensor's valid range, or a 4-20 mA signal beyond NAMUR NE 43."""

    kind: Literal["range"]
    level: LevelName = Field("yellow", description="beyond the range; with measuring: beyond NE 43")
    measuring: MeasuringRange | None = Field(
        None, description="values at 4 and 20 mA; without it the valid range of the registry"
    )
    failure: LevelName | None = Field(
        None, description="(measuring) at most 3.6 or at least 21 mA; graver than level"
    )
    on_delay: Duration = 0
    off_delay: Duration = 0


def compile(rule: RangeRule, quantity: Quantity, gas: str) -> Judgement:
    """The rule for one quantity and gas tag; raises SpecError."""
    delays = {"on_delay": rule.on_delay, "off_delay": rule.off_delay}
    if rule.measuring is None:
        if rule.failure is not None:
            raise AuthoredError(
                ("failure",),
                "failure currents need the values at 4 and 20 mA",
                expected="measuring",
            )
        limits = LevelLimits(high=1.0, low=-1.0, **delays)
        options = {"loop": 0.0, "low": 0.0, "span": 0.0}
        return Judgement(quantity.name, gas, "1", single(rule.level, limits), options=options)
    reader, read = Reader(), value_reading(quantity, gas_of(gas))
    low = reader.amount(("measuring", "low"), read, rule.measuring.low)
    high = reader.amount(("measuring", "high"), read, rule.measuring.high)
    reader.done()
    if low == high:
        raise AuthoredError(("measuring",), "4 and 20 mA stand for the same value")
    options = {"loop": 1.0, "low": low, "span": high - low}
    return Judgement(quantity.name, gas, "mA", _currents(rule), options=options)


def _currents(rule: RangeRule) -> Levels:
    """Level `level` where a current is no measurement, level `failure` where it tells of failure."""
    delays = {"on_delay": rule.on_delay, "off_delay": rule.off_delay}
    named = {rule.level: LevelLimits(low=MEASURED_MA[0], high=MEASURED_MA[1], **delays)}
    if rule.failure is not None:
        if LEVELS.index(rule.failure) <= LEVELS.index(rule.level):
            raise AuthoredError(
                ("failure",),
                "failure is not graver than level",
                found=rule.failure,
                expected=f"a level above {rule.level}",
            )
        named[rule.failure] = LevelLimits(low=FAILED_MA[0], high=FAILED_MA[1], **delays)
    blue, yellow, orange, red = (named.get(name, LevelLimits()) for name in LEVEL_NAMES)
    return blue, yellow, orange, red


MODEL: Final = RangeRule
