"""What the written forms of the rule kinds share: levels, amounts by level, delays by level."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import BeforeValidator, WithJsonSchema

from lifeline.engine.config.authored import (
    AmountText,
    Authored,
    AuthoredError,
    AuthoredErrors,
    AuthoredRule,
    Duration,
)
from lifeline.engine.errors import SpecError
from lifeline.engine.gases import Gas
from lifeline.engine.gases import gas as find_gas
from lifeline.engine.level import LEVELS
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.quantities import Quantity
from lifeline.engine.rule import LevelLimits, check_levels
from lifeline.engine.units import convert, difference, parse_amount, rate

LEVEL_NAMES: Final = LEVELS[1:]
LevelName = Literal["blue", "yellow", "orange", "red"]
Levels: TypeAlias = tuple[LevelLimits, LevelLimits, LevelLimits, LevelLimits]
#: Turns a written amount into canonical units of whatever a kind judges.
Reading: TypeAlias = Callable[[str], float]


class LevelAmounts(Authored):
    """An amount for each level that has one."""

    blue: AmountText | None = None
    yellow: AmountText | None = None
    orange: AmountText | None = None
    red: AmountText | None = None


class AmountByLevel(LevelAmounts):
    """An amount by level; `default` holds for levels that are not named."""

    default: AmountText | None = None


class DelayByLevel(Authored):
    """A delay by level; `default` holds for levels that are not named."""

    default: Duration = 0
    blue: Duration | None = None
    yellow: Duration | None = None
    orange: Duration | None = None
    red: Duration | None = None


def _for_all(value: Any) -> Any:
    return value if isinstance(value, dict | Authored) else {"default": value}


def _by_level_schema(item: dict[str, Any]) -> WithJsonSchema:
    levels = dict.fromkeys(("default", *LEVEL_NAMES), item)
    mapping = {"type": "object", "properties": levels, "additionalProperties": False}
    return WithJsonSchema({"anyOf": [item, mapping]})


Deadband = Annotated[
    AmountByLevel, BeforeValidator(_for_all), _by_level_schema({"type": ["string", "number"]})
]
Delay = Annotated[DelayByLevel, BeforeValidator(_for_all), _by_level_schema({"type": "string"})]


class LadderRule(AuthoredRule):
    """A rule of several levels, each with its own deadband and delays."""

    deadband: Deadband = AmountByLevel()
    on_delay: Delay = DelayByLevel()
    off_delay: Delay = DelayByLevel()


def by_level(given: Authored | None) -> dict[str, Any]:
    """What is named for a level, by its name; without `default`."""
    values = {} if given is None else {name: getattr(given, name) for name in LEVEL_NAMES}
    return {name: value for name, value in values.items() if value is not None}


class Reader:
    """Reads the amounts of one rule and gathers every mistake, so that all are told at once."""

    def __init__(self) -> None:
        self.errors: list[SpecError] = []

    def amount(self, at: tuple[str, ...], read: Reading, text: str) -> float:
        """`read(text)`; NaN after a mistake, which is noted with its key."""
        try:
            return read(text)
        except SpecError as error:
            self.errors.append(AuthoredError.of(at, error))
            return math.nan

    def limits(self, key: str, given: LevelAmounts | None, read: Reading) -> dict[str, float]:
        """The amounts of one key (`high`, `falling`) in canonical units by level name."""
        return {
            name: self.amount((key, name), read, text) for name, text in by_level(given).items()
        }

    def only_used(self, key: str, given: Authored, used: Iterable[str]) -> None:
        """Note what is said about levels that have no limit."""
        for name in by_level(given):
            if name not in used:
                expected = " or ".join(level for level in LEVEL_NAMES if level in used)
                message = f"{key} names a level without a limit"
                self.errors.append(
                    AuthoredError((key, name), message, found=repr(name), expected=expected)
                )

    def done(self) -> None:
        """Raise what was gathered, if anything was."""
        if self.errors:
            raise AuthoredErrors(self.errors)


def ladder(
    rule: LadderRule,
    high: Mapping[str, float],
    low: Mapping[str, float],
    deadband_reading: Reading,
    reader: Reader,
) -> Levels:
    """The four levels of a rule. Raises SpecError where they are not a ladder.

    `high` and `low` are canonical by level name, as `reader` gave them; `deadband_reading` reads
    the deadband's amounts.
    """
    used = {*high, *low}
    if not used:
        raise SpecError("the rule has no limit", expected="at least one level with a limit")
    for key in ("deadband", "on_delay", "off_delay"):
        reader.only_used(key, getattr(rule, key), used)
    levels = tuple(_level(rule, name, high, low, deadband_reading, reader) for name in LEVEL_NAMES)
    reader.done()
    fault = check_levels(levels)
    if fault is not None:
        raise SpecError(fault, found=_shown(high, low))
    for name, level in zip(LEVEL_NAMES, levels, strict=True):
        _can_return(name, level)
    blue, yellow, orange, red = levels
    return blue, yellow, orange, red


def single(level: LevelName, limits: LevelLimits) -> Levels:
    """Four levels of which one alone is used."""
    blue, yellow, orange, red = (limits if name == level else LevelLimits() for name in LEVEL_NAMES)
    return blue, yellow, orange, red


def value_reading(quantity: Quantity, gas: Gas | None) -> Reading:
    """Reads an amount of the quantity itself: 25 %LEL, 0.4 MPa."""

    def read(text: str) -> float:
        amount = parse_amount(text, quantity)
        return convert(amount.value, amount.unit, quantity, gas=gas)

    return read


def difference_reading(quantity: Quantity, gas: Gas | None) -> Reading:
    """Reads a difference of the quantity: a deadband of 2 Cel is 2, wherever zero lies."""

    def read(text: str) -> float:
        amount = parse_amount(text, quantity)
        return difference(amount.value, amount.unit, quantity, gas=gas)

    return read


def rate_reading(quantity: Quantity, gas: Gas | None) -> Reading:
    """Reads a change per time of the quantity, in canonical units per second: 5 mm/d."""

    def read(text: str) -> float:
        amount = parse_amount(text)
        return rate(amount.value, amount.unit, quantity, gas=gas)

    return read


def spoken_rate(rates: Mapping[str, str], quantity: Quantity, gas: Gas | None) -> tuple[str, float]:
    """The unit in which people speak of these rates, and its worth: spoken = canonical * worth.

    It is the unit of the mildest level as written.
    """
    unit = parse_amount(next(iter(rates.values()))).unit
    return unit, 1.0 / rate(1.0, unit, quantity, gas=gas)


def gas_of(tag: str) -> Gas | None:
    """The gas of a sensor's tag ("methane@NFPA"), None for ""."""
    return find_gas(tag) if tag else None


def positive(key: str, duration: int) -> int:
    """A duration that may not be zero; raises SpecError."""
    if duration <= 0:
        raise AuthoredError((key,), f"{key} must not be zero", expected="a duration such as 5m")
    return duration


def within(key: str, duration: int | None, window: int, default: int) -> int:
    """`duration`, or the default where none is given; raises SpecError beyond the window."""
    span = default if duration is None else duration
    if span > window:
        raise AuthoredError(
            (key,),
            f"{key} is longer than the window",
            found=f"{span / SECOND_NS:g} s",
            expected=f"at most {window / SECOND_NS:g} s",
        )
    return span


def _level(
    rule: LadderRule,
    name: str,
    high: Mapping[str, float],
    low: Mapping[str, float],
    deadband_reading: Reading,
    reader: Reader,
) -> LevelLimits:
    if name not in high and name not in low:
        return LevelLimits()
    own = getattr(rule.deadband, name)
    at = ("deadband", "default" if own is None else name)
    deadband = rule.deadband.default if own is None else own
    on_delay, off_delay = getattr(rule.on_delay, name), getattr(rule.off_delay, name)
    return LevelLimits(
        high=high.get(name),
        low=low.get(name),
        deadband=0.0 if deadband is None else reader.amount(at, deadband_reading, deadband),
        on_delay=rule.on_delay.default if on_delay is None else on_delay,
        off_delay=rule.off_delay.default if off_delay is None else off_delay,
    )


def _can_return(name: str, level: LevelLimits) -> None:
    """A level with both limits must leave room in which it returns."""
    if level.high is None or level.low is None:
        return
    if level.low >= level.high:
        raise AuthoredError(
            ("low", name),
            f"the low limit of {name} is not below its high limit",
            found=f"low {level.low:g}, high {level.high:g}",
        )
    if level.high - level.deadband <= level.low + level.deadband:
        raise AuthoredError(
            ("deadband",),
            f"the deadband leaves no value at which {name} returns",
            found=f"{level.deadband:g}",
            expected=f"less than {(level.high - level.low) / 2:g}",
        )


def _shown(high: Mapping[str, float], low: Mapping[str, float]) -> str:
    parts = [f"high {name} {value:g}" for name, value in high.items()]
    return ", ".join(parts + [f"low {name} {value:g}" for name, value in low.items()])
