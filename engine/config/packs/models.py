"""The written form of a pack, and how `lifeline.yaml` takes one."""

from __future__ import annotations

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from ...errors import SpecError
from ..authored import AmountText, Authored, AuthoredSelect, OneOrMany

#: What a mark begins with: found in a source, computed by us, an engineering default.
MARKS: Final = ("F", "M", "K")
#: Keys of a rule in a pack that the rule in force does not have.
TEXTS: Final = ("title", "explanation", "advice", "marks", "profiles", "needs")
#: Keys whose amounts raise or clear something: each has a mark of its own.
LIMITS: Final = (
    "high", "low", "rising", "falling", "above", "below", "beyond", "within", "tolerance", "step",
    "rises_to", "falls_to", "set_point", "target", "loss", "gain", "drop", "need", "counts",
)  # fmt: skip
#: Keys of a rule that a site cannot change: it leaves the rule out and writes its own.
HEAD: Final = ("id", "kind", "select", "basis", "message", "enabled", *TEXTS)
_WORD: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")
_PACK: Final = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_WORD_SCHEMA: Final = {"type": "string", "pattern": f"^{_WORD.pattern}$"}


def _checked_word(text: Any) -> Any:
    if not isinstance(text, str) or not _WORD.fullmatch(text):
        raise SpecError("not a plain word", found=repr(text), expected="letters, digits, - and _")
    return text


def _checked_pack(text: Any) -> Any:
    if not isinstance(text, str) or not _PACK.fullmatch(text) or len(text) > 64:
        raise SpecError("not a pack's name", found=repr(text), expected="such as gas.combustible")
    return text


def _checked_mark(text: Any) -> Any:
    if not isinstance(text, str) or text[:3] not in {f"{m}: " for m in MARKS} or not text[3:]:
        raise SpecError(
            "a mark says where a figure comes from",
            found=repr(text),
            expected="F: source, M: how it was computed, or K: why (an engineering default)",
        )
    return text


def _checked_reason(text: Any) -> Any:
    if not isinstance(text, str) or len(text.strip()) < 3:
        raise SpecError(
            "a reason is missing",
            found=repr(text),
            expected="why this site differs, in words that a regulator will read",
        )
    return text.strip()


Word = Annotated[str, BeforeValidator(_checked_word), WithJsonSchema(_WORD_SCHEMA)]
PackName = Annotated[
    str,
    BeforeValidator(_checked_pack),
    WithJsonSchema({"type": "string", "pattern": f"^{_PACK.pattern}$"}),
]
Mark = Annotated[
    str,
    BeforeValidator(_checked_mark),
    WithJsonSchema({"type": "string", "pattern": "^[FMK]: .+"}),
]
Reason = Annotated[
    str, BeforeValidator(_checked_reason), WithJsonSchema({"type": "string", "minLength": 3})
]


class Text(Authored):
    """A text in both languages."""

    en: str = Field(min_length=1)
    zh: str = Field(min_length=1)


class Profile(Authored):
    """One reading of the domain: a standard, a class of dam, an agency."""

    title: Text


class Parameter(Authored):
    """An amount of the site's own design that limits are written with, or a word such as a sensor."""

    title: Text
    quantity: str = Field("", description="a name of the catalogue: what kind of amount")
    such_as: str = Field("", description="in place of a quantity: an example; used as it is given")
    profiles: dict[str, AmountText] = Field({}, description="its amount in profiles that know it")
    mark: Mark | None = Field(None, description="of the amounts in profiles")

    @model_validator(mode="after")
    def _of_one_kind(self) -> Parameter:
        if bool(self.quantity) == bool(self.such_as):
            raise SpecError(
                "a parameter is an amount of a quantity, or something else with an example",
                expected="one of quantity and such_as",
            )
        return self

    @model_validator(mode="after")
    def _marked(self) -> Parameter:
        if self.profiles and self.mark is None:
            raise SpecError("amounts of a parameter have a mark", expected="'mark'")
        return self


class PackRule(Authored):
    """A rule of a pack: a rule of `lifeline.yaml` with texts and marks, and by profile."""

    model_config = ConfigDict(extra="allow", frozen=True, strict=True)

    id: Word
    kind: str
    select: AuthoredSelect
    needs: OneOrMany = Field(
        [], description="quantities without any of which a site does not have the rule"
    )
    title: Text
    explanation: Text = Field(description="what it means when this alarm stands")
    advice: Text = Field(description="what to do first; the message of the rule")
    basis: str = Field(min_length=1, description="the clause; begins with engineering default")
    marks: dict[str, Mark] = Field(
        description="by key (high, high.red) where its figures come from; default: of the others"
    )
    profiles: dict[str, dict[str, Any] | None] = Field(
        {}, description="keys that differ in a profile; null: the profile has no such rule"
    )


class PackFile(Authored):
    """The file of a pack."""

    pack: PackName
    version: int = Field(ge=1, description="one more with each change of what a rule says")
    title: Text
    about: Text
    profiles: dict[Word, Profile] = Field({}, description="the first holds unless one is named")
    parameters: dict[Word, Parameter] = Field({}, description="amounts of the site's own design")
    rules: list[PackRule] = Field(min_length=1)


class PackChange(Authored):
    """One thing that a site has otherwise."""

    to: Annotated[
        Any,
        WithJsonSchema(
            {"type": ["string", "number", "boolean", "null"], "description": "null: removed"}
        ),
    ]
    reason: Reason

    @model_validator(mode="after")
    def _plain(self) -> PackChange:
        if isinstance(self.to, list | dict):
            raise SpecError("a change is of one key", expected="such as level.high.red: {to: …}")
        return self


class PackTake(Authored):
    """A pack that is taken."""

    pack: str = Field(description="its name, or a file that ends in .yaml")
    version: int | None = Field(None, description="refuse another one than this")
    profile: str = Field("", description="the pack's first unless given")
    asset: OneOrMany = Field([], description="only sensors on these assets")
    sensor: OneOrMany = Field([], description="only these sensors")
    given: dict[str, AmountText] = Field({}, description="the site's own amounts, by parameter")
    change: dict[str, PackChange] = Field(
        {}, description="<rule>.<key>[.<level>] or a parameter: what is otherwise, and why"
    )
    without: dict[str, Reason] = Field({}, description="rules that are left out, and why")


class PackTakeAnywhere(PackTake):
    """A pack that is taken for many sites."""

    site: OneOrMany = Field([], description="ids or patterns; all sites without it")


def _by_name(value: Any) -> Any:
    items = [value] if isinstance(value, str | dict) else value
    if not isinstance(items, list):
        return items
    return [{"pack": item} if isinstance(item, str) else item for item in items]


Packs = Annotated[list[PackTake], BeforeValidator(_by_name)]
PacksAnywhere = Annotated[list[PackTakeAnywhere], BeforeValidator(_by_name)]
