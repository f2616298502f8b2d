"""The written form of the section `calls:` and of the roster file that it names."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Final, Literal
from zoneinfo import available_timezones

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from ..calls.limits import (
    LEAST_WITHIN_NS,
    LINK_NS,
    MOST_PERSONS,
    MOST_ROUNDS,
    MOST_STEPS,
    MOST_WITHIN_NS,
    ROUNDS,
)
from ..errors import SpecError
from .area_models import AreaPath, LevelName
from .authored import Authored, Duration, OneOrMany, checked_name
from .hours import read_hours

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_URL: Final = re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)


def checked_person(text: Any) -> str:
    """A name without blanks and commas, which lists of persons are separated by; raises SpecError."""
    name = checked_name(text)
    if any(c.isspace() or c in ",，;；:" for c in name):
        raise SpecError(
            "a person's id has no blanks, commas or colons", found=repr(name), expected="zhang.wei"
        )
    return name


def checked_day(text: Any) -> str:
    """A date; raises SpecError."""
    try:
        if isinstance(text, str) and _DAY.fullmatch(text):
            date.fromisoformat(text)
            return text
    except ValueError:
        pass
    raise SpecError("not a date", found=repr(text), expected="a date such as 2026-11-22")


def checked_within(ns: int) -> int:
    """A time to answer that somebody can keep; raises SpecError."""
    if not LEAST_WITHIN_NS <= ns <= MOST_WITHIN_NS:
        raise SpecError("a time to answer is between 10 s and a day", expected="5 min")
    return ns


def _checked_hours(value: Any) -> Any:
    spans = [value] if isinstance(value, str) else value
    if isinstance(spans, list) and all(isinstance(span, str) for span in spans):
        read_hours(spans)
    return spans


def _checked_zone(text: Any) -> str:
    if not isinstance(text, str) or text not in available_timezones():
        raise SpecError(
            "unknown time zone", found=repr(text), expected="an IANA name such as Asia/Shanghai"
        )
    return text


def _channels(value: Any) -> Any:
    items = [value] if isinstance(value, str | dict) else value
    return [_channel(item) for item in items] if isinstance(items, list) else items


def _channel(item: Any) -> Any:
    """`file:…` and `env:…` in one word, as a table has them."""
    if not isinstance(item, str):
        return item
    kind, _, rest = item.partition(":")
    if kind in ("file", "env") and rest and not rest.startswith("//"):
        return {f"url_{kind}": rest.strip()}
    return {"url": item}


def _persons(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _steps(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [{"persons": item} if isinstance(item, str | list) else item for item in value]


PersonId = Annotated[str, BeforeValidator(checked_person), WithJsonSchema({"type": "string"})]
Day = Annotated[
    str, BeforeValidator(checked_day), WithJsonSchema({"type": "string", "format": "date"})
]
Hours = Annotated[
    list[str],
    BeforeValidator(_checked_hours),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Persons = Annotated[
    list[PersonId],
    BeforeValidator(_persons),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
ZoneName = Annotated[
    str, BeforeValidator(_checked_zone), WithJsonSchema({"type": "string", "examples": ["UTC"]})
]


class Within(Authored):
    """How long an answer may take, by level."""

    red: Duration | None = None
    orange: Duration | None = None
    yellow: Duration | None = None
    blue: Duration | None = None

    @model_validator(mode="after")
    def _kept(self) -> Within:
        for ns in (self.blue, self.yellow, self.orange, self.red):
            if ns is not None:
                checked_within(ns)
        return self

    def by_level(self) -> tuple[int, int, int, int]:
        """ns for blue, yellow, orange, red; 0 where nothing is said."""
        return (self.blue or 0, self.yellow or 0, self.orange or 0, self.red or 0)


class ChannelModel(Authored):
    """One way to reach a person: an apprise URL, in the file or, since it holds a secret, elsewhere."""

    name: str = Field("", max_length=32, description="what records call it: mail, sms")
    url: str = Field("", description="an apprise URL without a secret")
    url_file: str = Field("", description="file whose first line is the URL")
    url_env: str = Field("", description="environment variable that holds the URL")

    @model_validator(mode="after")
    def _one_place(self) -> ChannelModel:
        if sum(map(bool, (self.url, self.url_file, self.url_env))) != 1:
            raise SpecError("a channel has one of url, url_file and url_env")
        if self.url and not _URL.fullmatch(self.url):
            raise SpecError(
                "not an apprise URL",
                found=repr(self.url),
                expected="mailto://…, json://…, wxwork://…",
            )
        return self


class PersonModel(Authored):
    """One person who can be called."""

    id: PersonId
    name: str = ""
    roles: OneOrMany = Field([], description="what they are: 值班长, duty engineer")
    channels: Annotated[list[ChannelModel], BeforeValidator(_channels)] = Field(
        [], description="tried in this order"
    )
    hours: Hours = Field([], description="mon-fri 08:00-18:00; without: always")
    zone: ZoneName | None = None
    stand_in: PersonId | None = Field(None, description="is called out of these hours")
    verified: Day | None = Field(None, description="when somebody last tried to reach them")


class StepModel(Authored):
    """Who is called together."""

    persons: Persons = Field(min_length=1)
    levels: list[LevelName] = Field([], description="only at these; without: all that call")


class ChainModel(Authored):
    """Who is called for one site, or for everything in an area, in which order."""

    site: str = Field("", description="id of a site")
    area: AreaPath | None = Field(None, description="city, city/district or city/district/street")
    call: Annotated[list[StepModel], BeforeValidator(_steps)] = Field(
        min_length=1, max_length=MOST_STEPS
    )
    answer_within: Within = Within()
    last: bool = Field(False, description="nobody of an area above is called after them")

    @model_validator(mode="after")
    def _one_place(self) -> ChainModel:
        if bool(self.site) == (self.area is not None):
            raise SpecError("a chain is of a site or of an area", expected="'site' or 'area'")
        return self


class RosterFile(Authored):
    """A roster, as `roster.yaml` or made of the rows of `roster.csv`."""

    version: Literal[1] = 1
    zone: ZoneName = Field("UTC", description="of the persons that name none")
    persons: list[PersonModel] = Field(min_length=1, max_length=MOST_PERSONS)
    chains: list[ChainModel] = Field(min_length=1)


class LinksModel(Authored):
    """Where links in messages are answered; without this section messages have none."""

    host: str = Field("127.0.0.1", description="an address of this machine")
    port: int = Field(9480, ge=0, le=65_535, description="0: any that is free")
    url: str = Field(
        "", pattern=r"^(https?://[^/\s]+(/\S*)?)?$", description="what persons reach it by"
    )
    key_file: str = Field("", description="made where it is missing; calls/link.key unless given")
    expires: Duration = LINK_NS

    @model_validator(mode="after")
    def _one_address(self) -> LinksModel:
        if not self.host or any(c.isspace() or c in "/[]" for c in self.host):
            raise SpecError("host is no address", found=repr(self.host), expected="127.0.0.1")
        return self


class CallsModel(Authored):
    """Call and respond (叫应): whom an alarm calls until somebody answers."""

    roster: str = Field(description="roster.yaml or roster.csv, beside this file")
    levels: list[LevelName] = Field(["orange", "red"], description="that call at all")
    answer_within: Within = Within()
    rounds: int = Field(ROUNDS, ge=1, le=MOST_ROUNDS, description="how often the chain is called")
    links: LinksModel | None = None

    @model_validator(mode="after")
    def _red_calls(self) -> CallsModel:
        if "red" not in self.levels:
            raise SpecError("red always calls", expected="levels: [orange, red]")
        return self
