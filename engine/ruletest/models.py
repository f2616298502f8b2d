"""The written form of rule tests."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from ..config.authored import AmountText, Authored, Duration, OneOrMany
from ..config.models import QualityName
from ..config.packs.models import PacksAnywhere
from ..errors import SpecError
from ..limits import SECOND_NS
from ..record import Transition

TRANSITIONS: Final = tuple(t.name.lower() for t in Transition)
_SEGMENT: Final = re.compile(
    r"(?:(?P<gap>gap)|(?P<first>\S.*?)(?: to (?P<last>\S.*?))?) for (?P<span>[0-9].*)"
)
_EXPECTED: Final = re.compile(
    r"(?P<at>[0-9]\S*)\s+(?P<is>[a-z]+)(?:\s+(?P<level>blue|yellow|orange|red|normal))?"
    r"(?:\s+(?P<alarm>\S.*))?"
)


class Segment(Authored):
    """A part of what a sensor says: exactly one of its forms, for a time."""

    constant: AmountText | None = None
    ramp: list[AmountText] | None = Field(None, description="from, to", min_length=2, max_length=2)
    step: list[AmountText] | None = Field(None, description="each for its time", min_length=2)
    noise: AmountText | None = Field(None, description="mean; with sigma and seed")
    wave: AmountText | None = Field(None, description="mean of a sine; with amplitude and period")
    values: list[AmountText] | None = Field(None, description="one value an interval", min_length=1)
    gap: Duration | None = Field(None, description="nothing is said")
    span: Duration | None = Field(None, alias="for", description="how long")
    sigma: AmountText | None = None
    seed: int = 1
    amplitude: AmountText | None = None
    period: Duration | None = None
    every: Duration | None = Field(None, description="interval; the sensor's own unless given")
    quality: QualityName = "good"

    @model_validator(mode="after")
    def _one_form(self) -> Segment:
        given = [name for name in _FORMS if getattr(self, name) is not None]
        if len(given) != 1:
            raise SpecError(
                "a part of a series has one form",
                found=", ".join(given) or "none",
                expected=", ".join(_FORMS),
            )
        timed = given[0] not in ("values", "gap")
        if timed != (self.span is not None):
            raise SpecError(
                f"{given[0]} has {'no' if timed else 'its own'} time",
                expected="for: 5min" if timed else "no 'for'",
            )
        if self.noise is not None and self.sigma is None:
            raise SpecError("noise has no sigma", expected="sigma: its standard deviation")
        if self.wave is not None and (self.amplitude is None or not self.period):
            raise SpecError("a wave has amplitude and period", expected="amplitude and period")
        return self


_FORMS: Final = ("constant", "ramp", "step", "noise", "wave", "values", "gap")


def _segment(value: Any) -> Any:
    """`10 %LEL for 5min`, `10 %LEL to 30 %LEL for 5min`, `gap for 5min`."""
    if not isinstance(value, str):
        return value
    match = _SEGMENT.fullmatch(value.strip())
    if match is None:
        raise SpecError(
            "not a part of a series",
            found=repr(value),
            expected="such as '10 %LEL for 5min', '10 %LEL to 30 %LEL for 5min' or 'gap for 5min'",
        )
    if match["gap"]:
        return {"gap": match["span"]}
    if match["last"] is not None:
        return {"ramp": [match["first"], match["last"]], "for": match["span"]}
    return {"constant": match["first"], "for": match["span"]}


def _parts(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


class Act(Authored):
    """What a person does."""

    at: Duration
    acknowledge: str | None = Field(None, description="<rule>~<sensor>")
    shelve: str | None = None
    unshelve: str | None = None
    span: Duration | None = Field(None, alias="for", description="(shelve) how long")
    by: str = "tester"
    reason: str = ""

    @model_validator(mode="after")
    def _one(self) -> Act:
        if sum(x is not None for x in (self.acknowledge, self.shelve, self.unshelve)) != 1:
            raise SpecError("a person does one thing", expected="acknowledge, shelve or unshelve")
        if (self.shelve is not None) != (self.span is not None):
            raise SpecError("shelving has an end, and nothing else has", expected="for: 1h")
        return self


class Expected(Authored):
    """One record that must come."""

    at: Duration = Field(description="event time after the beginning")
    is_: Literal[TRANSITIONS] = Field(alias="is", description="raised, level, returned …")  # type: ignore[valid-type]
    level: Literal["normal", "blue", "yellow", "orange", "red"] | None = None
    alarm: str = Field("", description="<rule>~<sensor>; the case's unless given")
    within: Duration = Field(0, description="how far its time may be off")
    value: AmountText | None = None
    tolerance: AmountText | None = Field(None, description="of the value; a millionth of it")
    uncertain: bool | None = None
    historic: bool | None = None
    unknown: bool | None = None


def _expected(value: Any) -> Any:
    """`3min raised orange gas.combustible.point~GD-1`."""
    if not isinstance(value, str):
        return value
    match = _EXPECTED.fullmatch(value.strip())
    if match is None:
        raise SpecError(
            "not an expected record",
            found=repr(value),
            expected="such as '3min raised orange', with <rule>~<sensor> behind it",
        )
    found = {"at": match["at"], "is": match["is"]}
    found |= {key: match[key] for key in ("level", "alarm") if match[key]}
    return found


class Silence(Authored):
    """A time in which no record may come."""

    start: Duration = Field(0, alias="from")
    end: Duration | None = Field(None, alias="to", description="the end unless given")
    alarm: str = Field("*", description="<rule>~<sensor> or a pattern")


class Case(Authored):
    """One test."""

    name: str = Field(min_length=1)
    packs: PacksAnywhere | None = Field(None, description="instead of the file's")
    series: dict[
        str,
        Annotated[
            list[Annotated[Segment, BeforeValidator(_segment)]],
            BeforeValidator(_parts),
            Field(min_length=1),
        ],
    ] = Field(description="what each sensor says, from the beginning")
    commands: list[Act] = Field([], description="what people do")
    about: str = Field("", description="the alarm of expected records that name none")
    only: OneOrMany = Field([], description="alarms that count, as patterns; all without it")
    expect: list[Annotated[Expected, BeforeValidator(_expected)]] = Field(
        [], description="every record, in any order"
    )
    silent: list[Silence] = Field([], description="beside what is expected")
    others: Literal["fail", "ignore"] = Field("fail", description="records that nobody expected")
    until: Duration | None = Field(None, description="run on at least so long")


class TestDocument(Authored):
    """A file of rule tests: rules with sensors of its own, or those of a plant."""

    __test__ = False  # pytest: this is no class of tests

    config: str = Field("", description="a lifeline.yaml, whose rules and sensors are tested")
    rules: Annotated[Any, WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array"}]})] = (
        Field([], description="rules, or files of rules")
    )
    packs: PacksAnywhere = Field([], description="packs that the site takes")
    sensors: dict[str, dict[str, AmountText]] = Field(
        {}, description="columns of the tag list by id of the sensor"
    )
    begins: str = Field("", description="UTC time of the beginning, 2024-01-01T00:00:00")
    grace: Duration = 2 * SECOND_NS
    heartbeat: Duration = 0
    cases: list[Case] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_plant(self) -> TestDocument:
        if self.config and (self.rules or self.packs or self.sensors):
            raise SpecError(
                "config has rules, packs and sensors of its own", expected="config alone"
            )
        if not self.config and not self.sensors:
            raise SpecError("nobody says anything", expected="sensors, or config: lifeline.yaml")
        return self
