"""The written form of the section `areas:`."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from ..errors import SpecError
from ..limits import AREA_OFF_DELAY_NS, HALT_EXPIRES_NS, MAX_AREA_PARTS, MINUTE_NS
from .authored import Authored, Duration, OneOrMany, checked_name

LevelName = Literal["blue", "yellow", "orange", "red"]
LevelOrOff = Literal["blue", "yellow", "orange", "red", "off"]
#: The kinds of alarm that every area has; no ladder or breaker may be called so.
RESERVED: Final = ("area.silence", "area.gateway", "area.engine", "area.gap")
# An order that ends sooner than an area that is down can be brought back would end by accident.
_SHORTEST_ORDER: Final = 10 * MINUTE_NS


def checked_path(text: Any) -> str:
    """`city`, `city/district` or `city/district/street`, each part a name; raises SpecError."""
    parts = text.split("/") if isinstance(text, str) else []
    if not 1 <= len(parts) <= MAX_AREA_PARTS:
        raise SpecError(
            "not an area's path",
            found="nothing" if text is None else repr(text),
            expected="city, city/district or city/district/street",
        )
    for part in parts:
        checked_name(part)
    return str(text)


def checked_id(text: Any) -> str:
    """A name that areas do not use themselves; raises SpecError."""
    name = checked_name(text)
    if name in RESERVED:
        raise SpecError(
            "every area has an alarm of this name", found=repr(name), expected="another"
        )
    return name


AreaPath = Annotated[
    str,
    BeforeValidator(checked_path),
    WithJsonSchema({"type": "string", "pattern": r"^[^/]+(/[^/]+){0,2}$"}),
]
PolicyId = Annotated[
    str,
    BeforeValidator(checked_id),
    WithJsonSchema({"type": "string", "not": {"enum": [*RESERVED]}}),
]


class AlarmSelect(Authored):
    """Which alarms of the sites are meant: all that match every key given."""

    rule: OneOrMany = Field([], description="ids of rules (or ladders), or patterns")
    quantity: OneOrMany = Field([], description="names from the catalogue, or patterns (gas.*)")
    site: OneOrMany = Field([], description="site ids or patterns")


class Counts(Authored):
    """How many of the level below make this level."""

    yellow: int = Field(4, ge=1, le=1_000_000)
    orange: int = Field(3, ge=1, le=1_000_000)
    red: int = Field(2, ge=1, le=1_000_000)


class LadderModel(Authored):
    """Promotion by counts: many milder alarms together are a graver one of the area."""

    id: PolicyId
    select: AlarmSelect = AlarmSelect()
    count: Literal["points", "items", "sites", "areas"] = Field(
        "items",
        description="sensors; quantities of a site; sites; areas one level below",
    )
    counts: Counts = Counts()
    on_delay: Duration = 0
    off_delay: Duration = AREA_OFF_DELAY_NS
    basis: str = Field("", description="the clause that asks for this ladder")
    message: str = Field("", description="what to do; shown with the alarm")


class BreakerModel(Authored):
    """Halts the work of every site of the area while a weather alarm stands."""

    id: PolicyId
    when: AlarmSelect
    level: LevelName = Field("orange", description="this level or a graver one halts work")
    release_after: Duration = AREA_OFF_DELAY_NS
    release: Literal["auto", "person"] = "auto"
    expires: Duration = HALT_EXPIRES_NS
    basis: str = Field("", description="the clause that asks for this halt")
    message: str = Field("", description="what to do; shown with the alarm")

    @model_validator(mode="after")
    def _says_when(self) -> BreakerModel:
        if not self.when.rule and not self.when.quantity:
            raise SpecError("when names no rule and no quantity", expected="when: {quantity: …}")
        if self.expires < _SHORTEST_ORDER:
            raise SpecError("expires is too short", expected="at least 10 min")
        return self


class SilenceModel(Authored):
    """The level of the alarm when nothing is heard; `off`: no alarm."""

    site: LevelOrOff = "orange"
    gateway: LevelOrOff = "yellow"
    engine: LevelOrOff = "orange"


class AreaModel(Authored):
    """One area: what its sites' alarms together mean, and what it orders them to do."""

    path: AreaPath
    name: str = ""
    ladders: list[LadderModel] | None = Field(None, description="without: one over all alarms")
    halt_work: list[BreakerModel] = Field([], description="weather that stops work")
    silence: SilenceModel = SilenceModel()
