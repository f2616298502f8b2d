"""The written form of `balance`.

Propagation of uncertainty by root sum of squares of systematic and random parts: API TR 1149
(Pipeline Variable Uncertainties and Their Effects on Leak Detectability), JCGM 100:2008 (GUM) 5.1.2; the
coverage factor: GUM 6.2.1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

from lifeline.engine.config.authored import AmountText, Authored, AuthoredError, Duration, OneOrMany
from lifeline.engine.errors import SpecError
from lifeline.engine.limits import PANES
from lifeline.engine.quantities import Quantity
from lifeline.engine.quantities import quantity as find_quantity
from lifeline.engine.rule import Judgement, Member, Select
from lifeline.engine.units import difference, parse_amount

from .accumulate_spec import over_time_reading, spoken_over_time
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
    within,
)

IN, OUT, STORED = 0, 1, 2  # roles of balance_kernels
#: The places of `balance_kernels`: OF_FLOW, OF_VOLUME, OF_UNCERTAINTY.
MEASURES: Final = ("flow", "volume", "uncertainty")
#: Volumes are read as these flows times an hour: m3 and standard m3.
_VOLUMES: Final = ("pipe.water.flow", "pipe.gas.flow")
_SHORTEST_NS: Final = 1_000_000


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, dict | Authored) else value


class Metered(Authored):
    """Flow meters of one make, each with this uncertainty."""

    sensor: OneOrMany = Field([], description="ids or patterns")
    quantity: OneOrMany = Field([], description="names or patterns")
    systematic: AmountText | None = Field(None, description="of the reading: 0.1 %")
    random: AmountText | None = Field(None, description="of one reading: 0.5 %")
    absolute: AmountText | None = Field(None, description="random, of one reading: 0.5 m3/h")


class Storing(Authored):
    """Pressures or levels by which the group stores: line pack, a tank."""

    sensor: OneOrMany = Field([], description="ids or patterns")
    quantity: str = Field(description="its name, such as pipe.water.pressure")
    stores: AmountText = Field(description="volume by each sensor's unit: 4.8 m3/bar, 78 m3/m")
    systematic: AmountText | None = Field(None, description="of what is stored: 10 %")
    absolute: AmountText | None = Field(None, description="random, of one reading: 2 kPa")


class BalanceRule(LadderRule):
    """Inflow less outflow less what is stored, over a window."""

    kind: Literal["balance"]
    per: Literal["site", "asset"] = Field("asset", description="what is balanced")
    inflow: Annotated[list[Metered], BeforeValidator(_listed)]
    outflow: Annotated[list[Metered], BeforeValidator(_listed)]
    stored: Annotated[list[Storing], BeforeValidator(_listed)] = Field([])
    window: Duration
    of: Literal["flow", "volume", "uncertainty"] = Field(
        "flow", description="limits in % of the flow, in volume, or in standard uncertainties"
    )
    loss: LevelAmounts | None = Field(None, description="more comes in than goes out and is stored")
    gain: LevelAmounts | None = Field(None, description="less; as positive numbers")
    coverage: float = Field(
        2.0, ge=0.0, description="an imbalance below so many standard uncertainties is none"
    )
    min_flow: AmountText | None = Field(None, description="of: flow is not judged below it")
    min_span: Duration | None = Field(None, description="half the window")
    max_gap: Duration | None = Field(
        None, description="how long a value holds; a twelfth of window"
    )

    def beside(self, base: Path) -> dict[str, Any]:
        """The members by role. Raises SpecError."""
        members = [
            *(self._metered("inflow", i, one, IN) for i, one in enumerate(self.inflow)),
            *(self._metered("outflow", i, one, OUT) for i, one in enumerate(self.outflow)),
            *(self._storing(i, one) for i, one in enumerate(self.stored)),
        ]
        for key in ("inflow", "outflow"):
            if not getattr(self, key):
                raise AuthoredError((key,), f"nothing is said of the {key}")
        return {"members": tuple(members), "per": self.per}

    def _metered(self, key: str, place: int, one: Metered, role: int) -> Member:
        at = (key, str(place)) if len(getattr(self, key)) > 1 else (key,)
        systematic, random = _share(one.systematic, at), _share(one.random, at)
        absolute = 0.0
        if one.absolute is not None:
            absolute = _amount(one.absolute, (*at, "absolute"), self._flow_of(one, at))
        if self.coverage > 0.0 and not systematic and not random and not absolute:
            raise AuthoredError(
                at,
                "nothing says how well these meters measure",
                expected="systematic, random or absolute; or coverage: 0",
            )
        return Member(role, _select(one.sensor, one.quantity), (1.0, systematic, random, absolute))

    def _flow_of(self, one: Metered, at: tuple[str, ...]) -> Quantity:
        names = one.quantity or self.select.quantity
        if len(names) != 1:
            raise AuthoredError(
                (*at, "absolute"), "of which quantity is not said", expected="quantity: one name"
            )
        return _known(names[0], at)

    def _storing(self, place: int, one: Storing) -> Member:
        at = ("stored", str(place)) if len(self.stored) > 1 else ("stored",)
        quantity = _known(one.quantity, (*at, "quantity"))
        try:
            stores = stored_volume(one.stores, quantity)
        except SpecError as error:
            raise AuthoredError.of((*at, "stores"), error) from error
        absolute = (
            0.0 if one.absolute is None else _amount(one.absolute, (*at, "absolute"), quantity)
        )
        weight = (stores, _share(one.systematic, at), 0.0, absolute)
        return Member(STORED, _select(one.sensor, [one.quantity]), weight)


def compile(rule: BalanceRule, quantity: Quantity, gas: str) -> Judgement:
    """The rule by the quantity of its flows, in canonical units; raises SpecError."""
    window = positive("window", rule.window)
    if window < _SHORTEST_NS:
        raise AuthoredError(("window",), "the window is too short", expected="at least 1 ms")
    most = window * (PANES - 1) // PANES
    gap = positive("max_gap", within("max_gap", rule.max_gap, window // 2, window // PANES))
    span = positive("min_span", within("min_span", rule.min_span, most, window // 2))
    read, unit, scale = _reading(rule, quantity, gas)
    reader = Reader()
    least = 0.0
    if rule.min_flow is not None:
        if rule.of != "flow":
            raise AuthoredError(("min_flow",), f"{rule.of} is judged whatever flows")
        least = reader.amount(
            ("min_flow",), difference_reading(quantity, gas_of(gas)), rule.min_flow
        )
    if rule.of == "uncertainty" and rule.coverage == 0.0:
        raise AuthoredError(("coverage",), "limits in uncertainties need uncertainties")
    losses = reader.limits("loss", rule.loss, read)
    gains = reader.limits("gain", rule.gain, read)
    for key, limits in (("loss", losses), ("gain", gains)):
        for name, limit in limits.items():
            if limit <= 0.0:
                raise AuthoredError((key, name), f"a {key} must be more than zero")
    levels = ladder(rule, losses, {name: -x for name, x in gains.items()}, read, reader)
    options = {
        "window": float(window),
        "max_gap": float(gap),
        "min_span": float(span),
        "of": float(MEASURES.index(rule.of)),
        "coverage": rule.coverage,
        "min_flow": least,
    }
    return Judgement("", "", unit, levels, options=options, scale=scale)


def _reading(rule: BalanceRule, quantity: Quantity, gas: str) -> tuple[Reading, str, float]:
    """How limits are read, the unit in which they are told, and its worth."""
    cubic_metre(quantity)
    if rule.of == "flow":
        return _percent, "%", 1.0
    if rule.of == "uncertainty":
        return _plain, "1", 1.0
    of = gas_of(gas)
    written = {**by_level(rule.gain), **by_level(rule.loss)}
    unit, scale = quantity.unit, 1.0
    if written:
        unit, scale = spoken_over_time(next(iter(written.values())), quantity, of)
    return over_time_reading(quantity, of), unit, scale


def cubic_metre(flow: Quantity) -> float:
    """What 1 m3 in an hour is in the flow's unit (1 Sm3 for gas at standard conditions).

    Raises SpecError for a quantity that is no flow of volume.
    """
    for unit in ("m3/h", "Sm3/h"):
        try:
            return difference(1.0, unit, flow)
        except SpecError:
            continue
    raise SpecError(
        f"{flow.name} is not a flow of volume", found=flow.unit, expected="m3/h, L/s, Sm3/h"
    )


def stored_volume(text: str, quantity: Quantity) -> float:
    """m3 (or standard m3) for each canonical unit of a pressure or level: 4.8 m3/bar; SpecError."""
    written, _, per = text.rpartition("/")
    if not written or not per:
        raise SpecError(
            "not a volume by a unit", found=repr(text), expected="such as 4.8 m3/bar or 78 m3/m"
        )
    volume, each = parse_amount(written), difference(1.0, per.strip(), quantity)
    for name in _VOLUMES:
        try:
            return volume.value * difference(1.0, f"{volume.unit}/h", find_quantity(name)) / each
        except SpecError:
            continue
    raise SpecError("not a volume", found=repr(written), expected="m3, L or Sm3")


def _known(name: str, at: tuple[str, ...]) -> Quantity:
    try:
        return find_quantity(name)
    except SpecError as error:
        raise AuthoredError.of(at, error) from error


def _select(sensor: Sequence[str], quantity: Sequence[str]) -> Select:
    return Select(sensor=tuple(sensor), quantity=tuple(quantity))


def _amount(text: str, at: tuple[str, ...], quantity: Quantity) -> float:
    try:
        found = difference_reading(quantity, None)(text)
    except SpecError as error:
        raise AuthoredError.of(at, error) from error
    return _not_negative(found, text, at)


def _share(text: str | None, at: tuple[str, ...]) -> float:
    if text is None:
        return 0.0
    try:
        return _not_negative(_percent(text) / 100.0, text, at)
    except SpecError as error:
        raise AuthoredError.of(at, error) from error


def _not_negative(found: float, text: str, at: tuple[str, ...]) -> float:
    if not (math.isfinite(found) and found >= 0.0):
        raise AuthoredError(at, "an uncertainty is not negative", found=repr(text))
    return found


def _percent(text: str) -> float:
    amount = parse_amount(text)
    if amount.unit != "%":
        raise SpecError("not a share", found=repr(text), expected="a number in %, such as 0.5 %")
    return amount.value


def _plain(text: str) -> float:
    """Reads a plain number of standard uncertainties."""
    try:
        return float(text)
    except ValueError:
        raise SpecError(
            "uncertainties are a plain number", found=repr(text), expected="a number such as 3"
        ) from None


MODEL: Final = BalanceRule
