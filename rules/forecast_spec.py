"""The written form of `forecast`: how long until a limit is reached, or until creep ends in failure."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final, Literal

from pydantic import Field

from lifeline.engine.config.authored import AmountText, Authored, AuthoredError, Duration
from lifeline.engine.config.learned import LearnedSensor, read_learned
from lifeline.engine.config.learned_rules import amount
from lifeline.engine.limits import DAY_NS, HOUR_NS, MINUTE_NS, PANES, SECOND_NS
from lifeline.engine.quantities import Quantity
from lifeline.engine.rule import Judgement
from lifeline.engine.units import parse_duration

from .common_spec import (
    LEVEL_NAMES,
    LadderRule,
    Levels,
    Reader,
    by_level,
    difference_reading,
    gas_of,
    ladder,
    positive,
    value_reading,
    within,
)

# Of twelve panes eleven are closed, and between these lie ten speeds.
_MOST_SPEEDS: Final = PANES - 2
_POINTS_OF_TREND: Final = 4
_POINTS_OF_CREEP: Final = 6
_SIGNIFICANCE_OF_CREEP: Final = 4.0
_R2_OF_CREEP: Final = 0.8
_NOISE_GATE: Final = 3.0
_MAX_ERROR: Final = 0.25
# Beyond twice the window a line is believed too far.
_HORIZON_WINDOWS: Final = 2
_SPOKEN: Final = (("d", DAY_NS), ("h", HOUR_NS), ("min", MINUTE_NS), ("s", SECOND_NS))


class DurationByLevel(Authored):
    """A duration for each level that has one."""

    blue: Duration | None = None
    yellow: Duration | None = None
    orange: Duration | None = None
    red: Duration | None = None


class ForecastRule(LadderRule):
    """Time that is left, against durations by level."""

    kind: Literal["forecast"]
    method: Literal["trend", "inverse_velocity"] = "trend"
    within: DurationByLevel = Field(description="raised when no more than this is left")
    window: Duration
    horizon: Duration | None = Field(None, description="later than this is no forecast: 2 windows")
    min_points: int | None = Field(None, ge=3)
    min_r2: float | None = Field(None, ge=0.0, lt=1.0)
    significance: float | None = Field(None, ge=0.0)
    rises_to: AmountText | None = Field(None, description="trend: a limit above")
    falls_to: AmountText | None = Field(None, description="trend: a limit below")
    min_span: Duration | None = Field(None, description="trend: half the window")
    noise: AmountText | None = Field(None, description="inverse_velocity: σ of one reading")
    learned: str | None = Field(
        None, description="inverse_velocity: a file of `lifeline fit` with each sensor's noise"
    )
    noise_gate: float | None = Field(None, gt=0.0, description="speeds in σ that count: 3")
    max_error: float | None = Field(None, gt=0.0, description="σ of failure time / time ahead")

    def learned_of(self, base: Path) -> Mapping[str, LearnedSensor] | None:
        """The file's sensors. Raises SpecError."""
        if self.learned is None:
            return None
        return read_learned(base / self.learned, ("learned",)).sensors

    def told(self, learned: LearnedSensor) -> ForecastRule:
        """Its noise floor for the noise, unless that is written."""
        return self.model_copy(update={"noise": self.noise or amount(learned.noise, learned.unit)})


_ONLY: Final = {
    "trend": ("rises_to", "falls_to", "min_span"),
    "inverse_velocity": ("learned", "noise", "noise_gate", "max_error"),
}


def compile(rule: ForecastRule, quantity: Quantity, gas: str) -> Judgement:
    """The rule for one quantity and gas tag; what is judged is seconds. Raises SpecError."""
    window = positive("window", rule.window)
    horizon = _horizon(rule, window)
    for method, keys in _ONLY.items():
        for key in keys:
            if method != rule.method and getattr(rule, key) is not None:
                raise AuthoredError((key,), f"{key} belongs to method: {method}")
    options = {"window": float(window), "horizon": horizon / SECOND_NS}
    if rule.method == "trend":
        options |= _trend(rule, window, quantity, gas)
    else:
        options |= _creep(rule, quantity, gas)
    shortest = min(by_level(rule.within).values(), default=SECOND_NS)
    unit, size = next((one for one in _SPOKEN if shortest >= one[1]), _SPOKEN[-1])
    levels = _levels(rule, horizon)
    return Judgement(quantity.name, gas, unit, levels, options=options, scale=SECOND_NS / size)


def _horizon(rule: ForecastRule, window: int) -> int:
    if rule.horizon is None:
        return _HORIZON_WINDOWS * window
    return positive("horizon", rule.horizon)


def _trend(rule: ForecastRule, window: int, quantity: Quantity, gas: str) -> dict[str, float]:
    if (rule.rises_to is None) == (rule.falls_to is None):
        raise AuthoredError(
            ("rises_to",),
            "a forecast by trend has one limit",
            expected="rises_to or falls_to, and not both",
        )
    key, side = ("rises_to", 1.0) if rule.falls_to is None else ("falls_to", -1.0)
    reader = Reader()
    limit = reader.amount((key,), value_reading(quantity, gas_of(gas)), getattr(rule, key))
    reader.done()
    points = _POINTS_OF_TREND if rule.min_points is None else rule.min_points
    if not (rule.min_r2 or rule.significance):
        raise AuthoredError(
            ("min_r2",),
            "without a gate noise is forecast",
            expected="min_r2: 0.8, or significance: 3, or both",
        )
    return {
        "method": 0.0,
        "limit": limit,
        "side": side,
        "min_points": float(points),
        "min_span": float(within("min_span", rule.min_span, window, window // 2)),
        "min_r2": rule.min_r2 or 0.0,
        "significance": rule.significance or 0.0,
    }


def _creep(rule: ForecastRule, quantity: Quantity, gas: str) -> dict[str, float]:
    if rule.noise is None:
        raise AuthoredError(
            ("noise",),
            "an inverse velocity needs the sensor's noise",
            expected="noise: the standard deviation of one reading, such as 0.5 mm, or learned: a file",
        )
    reader = Reader()
    noise = reader.amount(("noise",), difference_reading(quantity, gas_of(gas)), rule.noise)
    reader.done()
    if noise <= 0.0:
        raise AuthoredError(("noise",), "the noise must be more than zero", found=repr(rule.noise))
    points = _POINTS_OF_CREEP if rule.min_points is None else rule.min_points
    if points > _MOST_SPEEDS:
        raise AuthoredError(
            ("min_points",),
            "a window never has so many speeds",
            found=str(points),
            expected=f"at most {_MOST_SPEEDS}",
        )
    return {
        "method": 1.0,
        "noise": noise,
        "noise_gate": _NOISE_GATE if rule.noise_gate is None else rule.noise_gate,
        "max_error": _MAX_ERROR if rule.max_error is None else rule.max_error,
        "min_points": float(points),
        "min_r2": _R2_OF_CREEP if rule.min_r2 is None else rule.min_r2,
        "significance": _SIGNIFICANCE_OF_CREEP if rule.significance is None else rule.significance,
    }


def _levels(rule: ForecastRule, horizon: int) -> Levels:
    """The levels as low limits on what is left, in seconds."""
    given: dict[str, int] = by_level(rule.within)
    used = [name for name in LEVEL_NAMES if name in given]
    for milder, graver in pairwise(used):
        if given[graver] > given[milder]:
            raise AuthoredError(
                ("within", graver),
                "a graver level must not have more time left",
                found=f"{graver} {given[graver] / SECOND_NS:g} s",
                expected=f"at most {milder}'s {given[milder] / SECOND_NS:g} s",
            )
    lows = {name: duration / SECOND_NS for name, duration in given.items()}
    levels = ladder(rule, {}, lows, _seconds, Reader())
    for name, level in zip(LEVEL_NAMES, levels, strict=True):
        if level.low is not None and level.low + level.deadband >= horizon / SECOND_NS:
            raise AuthoredError(
                ("within", name),
                f"{name} never returns: no forecast counts as the horizon",
                found=f"{level.low + level.deadband:g} s with its deadband",
                expected=f"less than the horizon, {horizon / SECOND_NS:g} s",
            )
    return levels


def _seconds(text: str) -> float:
    """Reads a duration, in seconds."""
    return parse_duration(text) / SECOND_NS


MODEL: Final = ForecastRule
