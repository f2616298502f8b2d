"""The written form of `deviation`: from a reference sensor, a set point, or a learned profile."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

from lifeline.engine.config.authored import AmountText, Authored, AuthoredError, Duration, OneOrMany
from lifeline.engine.config.learned import read_profile
from lifeline.engine.limits import MINUTE_NS
from lifeline.engine.quantities import Quantity
from lifeline.engine.rule import Judgement, Reference

from .common_spec import (
    LadderRule,
    LevelAmounts,
    Reader,
    Reading,
    difference_reading,
    gas_of,
    ladder,
    positive,
    value_reading,
)

_REFERENCE, _CONSTANT, _PROFILE, _SPREADS = 0.0, 1.0, 2.0, 3.0
# A reference that is older than this, or newer, is not compared with.
_MAX_AGE_NS: Final = 5 * MINUTE_NS
_MIN_COUNT: Final = 8


def _by_id(value: Any) -> Any:
    return {"sensor": value} if isinstance(value, str | list) else value


class OtherSensor(Authored):
    """The other sensor of the subject's site; it must be one."""

    sensor: OneOrMany = Field([], description="ids or patterns")
    quantity: OneOrMany = Field([], description="names or patterns")
    same_asset: bool = Field(False, description="of the subject's asset")


class DeviationRule(LadderRule):
    """Value less what is expected: exactly one of reference, set_point and profile."""

    kind: Literal["deviation"]
    reference: Annotated[OtherSensor, BeforeValidator(_by_id)] | None = Field(
        None, description="a sensor id of the same site, or what selects it"
    )
    set_point: AmountText | None = None
    profile: str | None = Field(None, description="a file of `lifeline fit`")
    above: LevelAmounts | None = None
    below: LevelAmounts | None = Field(None, description="as positive numbers")
    beyond: LevelAmounts | None = Field(None, description="above or below")
    in_spreads: bool = Field(False, description="profile: amounts count in its spreads, not units")
    floor: AmountText | None = Field(None, description="in_spreads: the least spread")
    max_age: Duration | None = Field(None, description="reference: 5min")
    min_count: int | None = Field(None, ge=1, description="profile: samples of an hour, 8")

    def beside(self, base: Path) -> dict[str, Any]:
        """The reference or the profile. Raises SpecError."""
        if self.reference is not None:
            one = self.reference
            return {"reference": Reference(tuple(one.sensor), tuple(one.quantity), one.same_asset)}
        if self.profile is not None:
            return {"profile": read_profile(base / self.profile, ("profile",))}
        return {}


_ONLY: Final = {
    "reference": ("max_age",),
    "profile": ("min_count", "floor"),
}


def compile(rule: DeviationRule, quantity: Quantity, gas: str) -> Judgement:
    """The rule for one quantity and gas tag, in canonical units or spreads; raises SpecError."""
    _one_source(rule)
    of = gas_of(gas)
    distance = _spreads if rule.in_spreads else difference_reading(quantity, of)
    reader = Reader()
    options = _options(rule, reader, value_reading(quantity, of), difference_reading(quantity, of))
    both = reader.limits("beyond", rule.beyond, distance)
    if rule.beyond is not None and (rule.above is not None or rule.below is not None):
        raise AuthoredError(
            ("beyond",), "beyond stands for above and below", expected="one of them"
        )
    above = both or reader.limits("above", rule.above, distance)
    below = both or reader.limits("below", rule.below, distance)
    reader.done()
    for key, limits in (("beyond", both), ("above", above), ("below", below)):
        for name, limit in limits.items():
            if limit <= 0.0:
                raise AuthoredError((key, name), "a distance must be more than zero")
    lows = {name: -limit for name, limit in below.items()}
    levels = ladder(rule, above, lows, distance, reader)
    unit = "1" if rule.in_spreads else quantity.unit
    return Judgement(quantity.name, gas, unit, levels, options=options)


def _one_source(rule: DeviationRule) -> None:
    sources = [
        key for key in ("reference", "set_point", "profile") if getattr(rule, key) is not None
    ]
    if len(sources) != 1:
        raise AuthoredError(
            (sources[0] if sources else "reference",),
            "a deviation is from one thing",
            found=", ".join(sources),
            expected="one of reference, set_point and profile",
        )
    if rule.in_spreads and rule.profile is None:
        raise AuthoredError(("in_spreads",), "only a profile has spreads")
    if rule.in_spreads and rule.floor is None:
        raise AuthoredError(
            ("floor",),
            "an hour in which nothing moved has no spread",
            expected="floor: the least spread to count by, such as the sensor's noise",
        )
    for source, keys in _ONLY.items():
        for key in keys:
            if getattr(rule, key) is not None and source != sources[0]:
                raise AuthoredError((key,), f"{key} belongs to a {source}")
    if rule.reference is not None and not by_selection(rule.reference):
        raise AuthoredError(("reference",), "the reference selects every sensor")


def by_selection(reference: OtherSensor) -> bool:
    """Whether a reference says anything about the sensor."""
    return bool(reference.sensor or reference.quantity)


def _options(
    rule: DeviationRule, reader: Reader, value: Reading, difference: Reading
) -> dict[str, float]:
    if rule.reference is not None:
        age = _MAX_AGE_NS if rule.max_age is None else positive("max_age", rule.max_age)
        return {"from": _REFERENCE, "max_age": float(age)}
    if rule.set_point is not None:
        return {
            "from": _CONSTANT,
            "set_point": reader.amount(("set_point",), value, rule.set_point),
        }
    floor = 0.0 if rule.floor is None else reader.amount(("floor",), difference, rule.floor)
    return {
        "from": _SPREADS if rule.in_spreads else _PROFILE,
        "min_count": float(_MIN_COUNT if rule.min_count is None else rule.min_count),
        "floor": floor,
    }


def _spreads(text: str) -> float:
    """Reads a plain number of spreads."""
    try:
        return float(text)
    except ValueError:
        raise AuthoredError(
            (), "spreads are a plain number", found=repr(text), expected="a number such as 5"
        ) from None


MODEL: Final = DeviationRule
