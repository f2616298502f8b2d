"""Amounts and durations as people write them: "25 %LEL", "0.5 mm/d", "1m30s"."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from .limits import LONGEST_DURATION_NS
from .quantities import Quantity
from .unit_spelling import UnitError, canonical

_NUMBER: Final = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)"
_AMOUNT: Final = re.compile(rf"(?P<number>{_NUMBER}(?:[eE][+-]?[0-9]{{1,3}})?)(?P<unit>[^0-9].*)?")
_STEP: Final = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?P<unit>[^\W\d_]+)")
#: Longer texts are no amount a person wrote; the bound keeps exact arithmetic small.
_LONGEST_TEXT: Final = 64

_NS: Final[dict[str, int]] = {
    **dict.fromkeys(("ns",), 1),
    **dict.fromkeys(("us", "μs"), 1_000),
    **dict.fromkeys(("ms", "毫秒"), 1_000_000),
    **dict.fromkeys(("s", "sec", "second", "seconds", "秒"), 1_000_000_000),
    **dict.fromkeys(("m", "min", "minute", "minutes", "分", "分钟"), 60 * 1_000_000_000),
    **dict.fromkeys(("h", "hr", "hour", "hours", "小时"), 3_600 * 1_000_000_000),
    **dict.fromkeys(("d", "day", "days", "天", "日"), 86_400 * 1_000_000_000),
    **dict.fromkeys(("w", "wk", "周"), 604_800 * 1_000_000_000),
}


@dataclass(frozen=True, slots=True)
class Amount:
    """A finite number and the canonical spelling of the unit it was given in; nothing converted."""

    value: float
    unit: str

    def __str__(self) -> str:
        return f"{self.value:g}" if self.unit == "1" else f"{self.value:g} {self.unit}"


def parse_amount(text: str | float, quantity: Quantity | None = None) -> Amount:
    """Read "25 %LEL", "-0.5 m", "2 mm/d", "２５％LEL".

    A number alone is refused, as are NaN and infinity, unless `quantity` is a state ("1" for a
    valve): then its unit is "1". Raises `UnitError`; whether the unit fits is `convert`'s.

    >>> parse_amount("25 %LEL")
    Amount(value=25.0, unit='%LEL')
    """
    cleaned = unicodedata.normalize("NFKC", str(text)).strip().replace("−", "-")
    match = _AMOUNT.fullmatch(cleaned) if len(cleaned) <= _LONGEST_TEXT else None
    if match is None:
        raise UnitError("not an amount", found=repr(text), expected="a number and a unit, 25 %LEL")
    value = float(match["number"])
    if not math.isfinite(value):
        raise UnitError("number too large", found=repr(text), expected="a finite number and a unit")
    unit = (match["unit"] or "").strip()
    if unit:
        if unit.startswith(","):
            raise UnitError(
                "comma in a number", found=repr(text), expected="a decimal point, 1.5 m"
            )
        return Amount(value, canonical(unit))
    if quantity is None or quantity.unit not in ("bool", "1"):
        unit = quantity.unit if quantity is not None else "%LEL"
        raise UnitError("a unit is missing", found=repr(text), expected=f"such as {value:g} {unit}")
    return Amount(value, "1")


def parse_duration(text: str) -> int:
    """Nanoseconds of "3s", "30 min", "8h", "1d", "250ms", "1.5 h" or "1m30s", exactly.

    "m" is minutes here, never metres. Raises `UnitError` for a negative, unitless or empty text,
    for a fraction of a nanosecond, a unit twice or out of order, and beyond
    `LONGEST_DURATION_NS`. "0s" is a duration.

    >>> parse_duration("1m30s")
    90000000000
    """
    cleaned = "".join(unicodedata.normalize("NFKC", str(text)).split())
    total = Fraction(0)
    position, last = 0, 0
    while position < len(cleaned) <= _LONGEST_TEXT:
        match = _STEP.match(cleaned, position)
        size = _NS.get(match["unit"]) if match is not None else None
        if match is None or size is None or (last and size >= last):
            raise _no_duration(text)
        total += Fraction(match["number"]) * size
        position, last = match.end(), size
    if not last:
        raise _no_duration(text)
    if total.denominator != 1:
        raise UnitError("finer than a nanosecond", found=repr(text), expected="whole nanoseconds")
    if total > LONGEST_DURATION_NS:
        days = LONGEST_DURATION_NS // _NS["d"]
        raise UnitError("duration too long", found=repr(text), expected=f"at most {days} d")
    return int(total)


def _no_duration(text: object) -> UnitError:
    expected = "a duration such as 3s, 30 min, 8h, 1d, 250ms or 1m30s"
    return UnitError("not a duration", found=repr(text), expected=expected)
