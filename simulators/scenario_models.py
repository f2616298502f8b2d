"""The written form of scenarios."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, NamedTuple

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema

from lifeline.engine.config.authored import Authored, Duration, Name, OneOrMany, checked_duration
from lifeline.engine.errors import SpecError
from lifeline.engine.limits import SECOND_NS

from .faults import FaultKind


class Moment(NamedTuple):
    """ns after the beginning, or, where `absolute`, since 1970 UTC."""

    ns: int
    absolute: bool


def _moment(value: Any) -> Moment:
    """`10 min`, or `2026-11-01T08:00:00+08:00`."""
    if isinstance(value, str):
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            return Moment(checked_duration(value), absolute=False)
        if at.tzinfo is not None:
            return Moment(round(at.timestamp() * 1000) * SECOND_NS // 1000, absolute=True)
    raise SpecError(
        "not a moment",
        found=repr(value),
        expected="a duration after the beginning (10 min) or a time (2026-11-01T08:00:00+08:00)",
    )


def _absolute(value: Any) -> Moment:
    found = _moment(value)
    if not found.absolute:
        raise SpecError("not a time", found=repr(value), expected="2026-11-01T08:00:00+08:00")
    return found


_TEXT = {"type": "string"}
When = Annotated[
    Moment,
    BeforeValidator(_moment),
    WithJsonSchema(
        {**_TEXT, "description": "10 min after the beginning, or 2026-11-01T08:00:00+08:00"}
    ),
]
Time = Annotated[
    Moment,
    BeforeValidator(_absolute),
    WithJsonSchema({**_TEXT, "description": "2026-11-01T08:00:00+08:00"}),
]


class SiteModel(Authored):
    """A site that takes part."""

    site: str = Field(description="a simulated site, as `lifeline simulate` names it")
    id: Name | None = Field(None, description="its id; the site's own unless given")
    options: dict[str, int | float] = Field(
        {}, description="how large it is and how often it measures, such as manholes: 30"
    )


def _site(value: Any) -> Any:
    return {"site": value} if isinstance(value, str) else value


class _OrName:
    """In the schema: the name of the site alone may stand for the whole."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [_TEXT, handler(schema)]}


class _Timed(Authored):
    site: str = Field("", description="id of the site; needed where there is more than one")
    at: When
    lasts: Duration = Field(alias="for", description="how long")
    every: Duration | None = Field(None, description="again and again at this distance")
    size: float | None = Field(None, description="in the kind's unit; the usual one unless given")


class HappeningModel(_Timed):
    """Something that happens to the site."""

    what: str = Field(description="a kind of happening of the site")
    where: str = Field(description="a place of the site")


class FaultModel(_Timed):
    """Something that instruments, clocks or networks do wrong."""

    what: FaultKind
    where: OneOrMany = Field(description="sensors, assets or gateways")


class ScenarioFile(Authored):
    """A run of simulated sites, with all that happens in it."""

    title: str = ""
    start: Time | None = Field(None, description="first time; that of the start unless given")
    duration: Duration
    seed: int = Field(1, ge=0, description="equal seeds give equal runs")
    sites: list[Annotated[SiteModel, BeforeValidator(_site), _OrName()]] = Field(min_length=1)
    happenings: list[HappeningModel] = Field([])
    faults: list[FaultModel] = Field([])
