"""The written form of `wave`: one section of a pipe, its two ends, and the drop that is an alarm."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from lifeline.engine.config.authored import (
    AmountText,
    Authored,
    AuthoredError,
    AuthoredRule,
    Duration,
    Name,
)
from lifeline.engine.errors import SpecError
from lifeline.engine.limits import DAY_NS, SECOND_NS
from lifeline.engine.quantities import Quantity
from lifeline.engine.rule import Judgement, LevelLimits, Member, Select, check_levels
from lifeline.engine.unit_measure import measure
from lifeline.engine.unit_spelling import canonical
from lifeline.engine.units import parse_amount

from .common_spec import (
    LEVEL_NAMES,
    LevelAmounts,
    Levels,
    Reader,
    Reading,
    difference_reading,
    gas_of,
    positive,
)

# A front is laid out in so many bins (wave_onset_kernels.BINS).
_BINS: Final = 16
_FRONT_NS: Final = 2 * SECOND_NS
# Sixteen parts of it hold three samples each at 500 Hz; no front is shorter behind a transmitter.
_SHORTEST_FRONT_NS: Final = SECOND_NS // 10
_HOLD_NS: Final = DAY_NS
_CLOCK_ERROR_NS: Final = 10_000_000
_SPEED_ERROR: Final = 0.02  # of the speed
_MARGIN: Final = 0.02  # of the length
_GATE: Final = 6.0
_RATIO: Final = 10.0
# Of the mildest limit: what an end must see, for friction takes more from one end's drop than from the other's.
_LEAST: Final = 0.25
# Beyond this share of the speed of sound a flow speed is a slip of the pen.
_FASTEST_FLOW: Final = 0.2
# Beyond it a unit was confused; records tell places up to a hundred times as far.
_FARTHEST_M: Final = 10_000_000.0
_ROLES: Final = ("upstream", "downstream", "upstream_outer", "downstream_outer")


class Chainage(Authored):
    """Where the ends of a section lie on the line, as its kilometre posts say."""

    upstream: AmountText
    downstream: AmountText


class WaveRule(AuthoredRule):
    """A drop of pressure that came from within the section, against its strength."""

    kind: Literal["wave"]
    upstream: Name = Field(description="sensor id at the upstream end")
    downstream: Name = Field(description="sensor id at the downstream end")
    upstream_outer: Name | None = Field(None, description="a second sensor, outside that end")
    downstream_outer: Name | None = Field(None, description="a second sensor, outside that end")
    upstream_spacing: AmountText | None = Field(None, description="pipe between the two upstream")
    downstream_spacing: AmountText | None = Field(
        None, description="pipe between the two downstream"
    )
    length: AmountText | None = Field(None, description="of pipe between the ends")
    chainage: Chainage | None = Field(None, description="where the ends lie, instead of length")
    wave_speed: AmountText = Field(description="speed of the pressure wave")
    wave_speed_error: AmountText | None = Field(
        None, description="two standard deviations: 2 % of it"
    )
    flow_speed: AmountText | None = Field(None, description="usual speed of the flow: 0")
    clock_error: Duration = Field(
        _CLOCK_ERROR_NS, description="of one end's clock, two standard deviations: 10ms"
    )
    drop: LevelAmounts
    front: Duration = Field(_FRONT_NS, description="a front is over within two of these: 2s")
    hold: Duration = Field(_HOLD_NS, description="how long an alarm stands after the wave: 1d")
    margin: AmountText | None = Field(None, description="of an end, seen as outside: length / 50")
    noise: AmountText | None = Field(None, description="σ between two fronts; else it is learned")
    gate: float = Field(_GATE, ge=3.0, description="how many σ a drop must be")
    least: AmountText | None = Field(
        None, description="least drop at an end: the mildest limit / 4"
    )
    ratio: float = Field(_RATIO, ge=1.0, description="greatest of the drops over the other")

    def beside(self, base: Path) -> dict[str, Any]:
        """The sensors at the ends."""
        members = []
        for role, key in enumerate(_ROLES):
            name = getattr(self, key)
            if name is not None:
                members.append(Member(role=role, select=Select(sensor=(name,))))
        return {"members": tuple(members)}


def compile(rule: WaveRule, quantity: Quantity, gas: str) -> Judgement:
    """The rule in m, s and the unit of the upstream sensor; raises SpecError."""
    _ends(rule)
    reader = Reader()
    levels, least = _levels(rule, quantity, gas, reader)
    if positive("front", rule.front) < _SHORTEST_FRONT_NS:
        raise AuthoredError(
            ("front",),
            "a front is laid out in sixteen parts, and each needs samples",
            found=f"{rule.front / SECOND_NS:g} s",
            expected=f"at least {_SHORTEST_FRONT_NS / SECOND_NS:g} s",
        )
    options = _section(rule, reader) | {
        "bin": float(rule.front // _BINS),
        "clock_error": rule.clock_error / SECOND_NS,
        "gate": rule.gate,
        "noise": _pressure(rule, "noise", 0.0, quantity, gas, reader),
        "least": _pressure(rule, "least", least, quantity, gas, reader),
        "hold": float(positive("hold", rule.hold)),
        "ratio": rule.ratio,
    }
    reader.done()
    return Judgement("", "", quantity.unit, levels, options=options)


def _ends(rule: WaveRule) -> None:
    given = [name for key in _ROLES if (name := getattr(rule, key)) is not None]
    for key in _ROLES:
        name = getattr(rule, key)
        if name is not None and any(sign in name for sign in "*?["):
            raise AuthoredError((key,), "an end is one sensor, not a pattern", found=repr(name))
    for name in given:
        if given.count(name) > 1:
            raise AuthoredError(("upstream",), "one sensor is at two places", found=repr(name))
    for end in ("upstream", "downstream"):
        outer, spacing = f"{end}_outer", f"{end}_spacing"
        if (getattr(rule, outer) is None) != (getattr(rule, spacing) is None):
            raise AuthoredError(
                (outer if getattr(rule, outer) is None else spacing,),
                "a second sensor tells the direction by the pipe that is between them",
                expected=f"{outer} with {spacing}, such as 200 m",
            )
    if (rule.length is None) == (rule.chainage is None):
        raise AuthoredError(
            ("length",), "a section has one length", expected="length, or chainage, and not both"
        )


def _section(rule: WaveRule, reader: Reader) -> dict[str, float]:
    """Where the section lies, and how waves run through it."""
    start, end = 0.0, 0.0
    if rule.chainage is not None:
        start = reader.amount(("chainage", "upstream"), _metres, rule.chainage.upstream)
        end = reader.amount(("chainage", "downstream"), _metres, rule.chainage.downstream)
    elif rule.length is not None:
        end = reader.amount(("length",), _metres, rule.length)
    length = abs(end - start)
    speed = reader.amount(("wave_speed",), _speed, rule.wave_speed)
    section = {
        "length": length,
        "speed": speed,
        "flow": _given(rule, "flow_speed", _speed, 0.0, reader),
        "speed_error": _given(rule, "wave_speed_error", _speed, _SPEED_ERROR * speed, reader),
        "margin": _given(rule, "margin", _metres, _MARGIN * length, reader),
        "up_spacing": _given(rule, "upstream_spacing", _metres, 0.0, reader),
        "down_spacing": _given(rule, "downstream_spacing", _metres, 0.0, reader),
        "start": start,
        "ascending": 1.0 if end >= start else -1.0,
    }
    reader.done()
    _possible(rule, section)
    return section


def _possible(rule: WaveRule, section: dict[str, float]) -> None:
    """Whether such a section can be; raises SpecError."""
    length, speed = section["length"], section["speed"]
    for key, what in (("length", length), ("wave_speed", speed)):
        if what <= 0.0:
            raise AuthoredError((key,), f"the {key.replace('_', ' ')} must be more than zero")
    far = max(abs(section["start"]), length)
    if far > _FARTHEST_M:
        raise AuthoredError(
            ("length",) if rule.chainage is None else ("chainage",),
            "no line is so long",
            found=f"{far / 1000.0:g} km",
            expected=f"at most {_FARTHEST_M / 1000.0:g} km",
        )
    for key in ("margin", "wave_speed_error", "upstream_spacing", "downstream_spacing"):
        name = {"wave_speed_error": "speed_error"}.get(key, key.replace("stream", ""))
        if section[name] < 0.0:
            raise AuthoredError((key,), f"{key} is negative", found=repr(getattr(rule, key)))
    if 2.0 * section["margin"] >= length:
        raise AuthoredError(
            ("margin",),
            "the margins of both ends leave nothing of the section",
            found=f"{section['margin']:g} m of {length:g} m",
            expected=f"less than {length / 2.0:g} m",
        )
    if abs(section["flow"]) > _FASTEST_FLOW * speed:
        raise AuthoredError(
            ("flow_speed",),
            "no liquid flows so fast",
            found=repr(rule.flow_speed),
            expected=f"at most {_FASTEST_FLOW:g} of the wave speed",
        )


def _levels(rule: WaveRule, quantity: Quantity, gas: str, reader: Reader) -> tuple[Levels, float]:
    """The levels, and what an end must see."""
    if measure(canonical(quantity.unit)).dimension != "pressure":
        raise SpecError(
            "a wave of pressure is seen by pressure sensors",
            found=f"{quantity.name}, {quantity.unit}",
        )
    limits = reader.limits("drop", rule.drop, difference_reading(quantity, gas_of(gas)))
    reader.done()
    if not limits:
        raise AuthoredError(("drop",), "the rule has no limit", expected="{orange: 5 kPa}")
    for name, limit in limits.items():
        if limit <= 0.0:
            raise AuthoredError(("drop", name), "a drop must be more than zero")
    blue, yellow, orange, red = (LevelLimits(high=limits.get(name)) for name in LEVEL_NAMES)
    fault = check_levels((blue, yellow, orange, red))
    if fault is not None:
        raise AuthoredError(("drop",), fault)
    return (blue, yellow, orange, red), _LEAST * min(limits.values())


def _given(rule: WaveRule, key: str, read: Reading, default: float, reader: Reader) -> float:
    text = getattr(rule, key)
    return default if text is None else reader.amount((key,), read, text)


def _pressure(
    rule: WaveRule, key: str, default: float, quantity: Quantity, gas: str, reader: Reader
) -> float:
    value = _given(rule, key, difference_reading(quantity, gas_of(gas)), default, reader)
    if value <= 0.0 and getattr(rule, key) is not None:
        raise AuthoredError((key,), f"{key} must be more than zero")
    return value


def _metres(text: str) -> float:
    return _amount(text, "length", "12.5 km")


def _speed(text: str) -> float:
    return _amount(text, "speed", "1050 m/s")


def _amount(text: str, dimension: str, such_as: str) -> float:
    """An amount in base units (m, m/s); raises SpecError for one of another dimension."""
    amount = parse_amount(text)
    unit = measure(canonical(amount.unit))
    if unit.dimension != dimension:
        raise SpecError(f"not a {dimension}", found=repr(text), expected=f"one such as {such_as}")
    return amount.value * float(unit.scale)


MODEL: Final = WaveRule
