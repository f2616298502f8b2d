"""Turns cells of a tag list into canonical numbers, each combination of cells once."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from ..configuration import ReportsKind
from ..errors import SpecError
from ..gases import Gas
from ..gases import gas as find_gas
from ..limits import SECOND_NS
from ..quantities import Quantity, quantity
from ..units import affine, canonical, parse_amount, parse_duration, rate
from .nearest import nearest

_RANGE: Final = re.compile(
    r"(?P<low>[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?) *(?:\.\.+|…|~|～|–|—|-|至|到|to) *"
    r"(?P<high>[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?) *(?P<unit>\D.*)?"
)
_WORDS: Final[dict[str, ReportsKind]] = {
    **dict.fromkeys(("periodic", "every", "cyclic", "周期", "定时", "每"), "periodic"),
    **dict.fromkeys(("onchange", "change", "变化", "变化上报", "变送"), "on_change"),
    **dict.fromkeys(("event", "events", "事件", "事件上报"), "event"),
}
_KINDS: Final = ("periodic", "on_change", "event")
_FULL: Final = "periodic 10s, on_change 60s or event"


@dataclass(frozen=True, slots=True)
class Measure:
    """What the cells quantity, unit, gas and lel_basis mean together.

    canonical = value * scale + offset for a value in `unit`, the plant's. `gas` is the tag that a
    sensor stores, "" where no gas matters.
    """

    quantity: Quantity
    unit: str
    gas: str
    of: Gas | None
    scale: float
    offset: float

    def canonical(self, value: float) -> float:
        """A value of the plant in the canonical unit."""
        return value * self.scale + self.offset

    def max_rate(self, cell: str, low: float | None, high: float | None) -> float | None:
        """Plausible change per second, canonical: the cell's, else the catalogue's; None: any."""
        if cell:
            return self._stated_rate(cell)
        found = self.quantity.plausible_rate(
            math.nan if low is None else low, math.nan if high is None else high
        )
        return None if math.isnan(found) else found

    def _stated_rate(self, cell: str) -> float:
        try:
            stated = number(cell) * self.scale
        except SpecError:
            amount = parse_amount(cell)
            stated = rate(amount.value, amount.unit, self.quantity, gas=self.of)
        if stated <= 0.0:
            raise SpecError("a greatest change must be more than zero", found=repr(cell))
        return stated

    def bounds(self, low: str, high: str, span: str) -> tuple[float | None, float | None]:
        """The valid range, canonical, of the cells low, high and range; None: not stated."""
        if span:
            if low or high:
                raise SpecError("a range stands twice", found=repr(span), expected="one of them")
            return self._span(span)
        lowest = self.canonical(number(low)) if low else None
        highest = self.canonical(number(high)) if high else None
        if lowest is not None and highest is not None and lowest >= highest:
            raise SpecError(
                "the range is empty", found=f"low {low}, high {high}", expected="low below high"
            )
        return lowest, highest

    def _span(self, text: str) -> tuple[float, float]:
        match = _RANGE.fullmatch(text)
        if match is None:
            raise SpecError("not a range", found=repr(text), expected="such as 0..100")
        measure = self if match["unit"] is None else measured(self.quantity, match["unit"], self.of)
        low, high = number(match["low"]), number(match["high"])
        if low >= high:
            raise SpecError("the range is empty", found=repr(text), expected="low below high")
        return measure.canonical(low), measure.canonical(high)


def measured(of: Quantity, unit: str, gas: Gas | None) -> Measure:
    """The Measure of a quantity in a unit; raises SpecError."""
    spelled = canonical(unit) if unit else of.unit
    scale, offset = affine(unit or of.unit, of, gas)
    return Measure(of, spelled, gas.tag if gas is not None else "", gas, scale, offset)


class Measures:
    """Remembers every combination of cells; a wrong one is found once and told for each row."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str, str], Measure | SpecError] = {}

    def of(self, name: str, unit: str, gas: str, lel_basis: str) -> Measure:
        """The Measure of four cells; raises SpecError."""
        key = (name, unit, gas, lel_basis)
        found = self._known.get(key)
        if found is None:
            try:
                found = self._new(name, unit, gas, lel_basis)
            except SpecError as error:
                found = error
            self._known[key] = found
        if isinstance(found, SpecError):
            raise found
        return found

    @staticmethod
    def _new(name: str, unit: str, gas: str, lel_basis: str) -> Measure:
        if not name:
            raise SpecError("the quantity is missing", expected="a name of the catalogue")
        measurand = quantity(name)
        if measurand.domain != "gas":
            return measured(measurand, unit, None)
        called = gas or measurand.gas
        if lel_basis and not called:
            raise SpecError(
                "a LEL basis without a gas",
                found=repr(lel_basis),
                expected="a gas in the column gas",
            )
        return measured(measurand, unit, find_gas(called, lel_basis or None) if called else None)


@dataclass(frozen=True, slots=True)
class Reporting:
    """How a sensor speaks, and its period or heartbeat in ns (0 for event)."""

    reports: ReportsKind
    interval: int


def reporting(cell: str) -> Reporting:
    """What a cell of the column reports says; raises SpecError.

    >>> reporting("periodic 10s"), reporting("event")
    (Reporting(reports='periodic', interval=10000000000), Reporting(reports='event', interval=0))
    """
    word = re.match(r"[^\W\d]+(?:[ _-][^\W\d]+)*", cell)
    if word is None:
        return Reporting("periodic", _interval(cell, cell))
    kind = _WORDS.get(re.sub(r"[ _-]", "", word[0]).casefold())
    if kind is None:
        raise SpecError(
            "unknown way of reporting",
            found=repr(cell),
            expected=_FULL,
            nearest=nearest(word[0], _KINDS),
        )
    rest = cell[word.end() :].strip(" :,()（）")
    if kind == "event":
        if rest:
            raise SpecError("event takes no interval", found=repr(cell), expected="event")
        return Reporting("event", 0)
    return Reporting(kind, _interval(rest, cell))


def _interval(text: str, cell: str) -> int:
    if not text:
        raise SpecError("an interval is missing", found=repr(cell), expected=_FULL)
    interval = parse_duration(text)
    if interval == 0:
        raise SpecError("an interval must not be zero", found=repr(cell), expected=_FULL)
    return interval


def usual_reporting(measurand: Quantity) -> Reporting | None:
    """How such a sensor usually speaks, by the catalogue's longest interval; None: it says nothing.

    Quantities that the catalogue calls event-driven are on_change with its heartbeat, or event.
    """
    longest = measurand.interval_high_s
    if measurand.interval_text.startswith("event"):
        if longest >= 1.0:
            return Reporting("on_change", round(longest * SECOND_NS))
        return Reporting("event", 0)
    if math.isnan(longest) or longest <= 0.0:
        return None
    return Reporting("periodic", round(longest * SECOND_NS))


def number(text: str) -> float:
    """A finite number with a decimal point; raises SpecError.

    >>> number("-0.5")
    -0.5
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or "_" in text:
        if re.fullmatch(r"[+-]?[0-9]+,[0-9]+", text):
            raise SpecError(
                "comma in a number", found=repr(text), expected=f"a decimal point, {_pointed(text)}"
            )
        raise SpecError("not a number", found=repr(text), expected="a number such as 12.5")
    return value


def _pointed(text: str) -> str:
    return text.replace(",", ".")
