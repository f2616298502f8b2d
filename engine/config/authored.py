"""What the written forms have in common: strict models, durations, sizes, names, rule heads.

Rule kinds derive the model of their YAML form from `AuthoredRule`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from ..errors import SpecError
from ..keeping import MAX_FLAPPING_NS, MAX_FLAPPING_RAISES, MIN_REALARM_NS
from ..limits import HOUR_NS, MAX_AREA_PARTS, MAX_NAME_BYTES, SECOND_NS
from ..rule import Flapping

if TYPE_CHECKING:
    from .learned import LearnedSensor

#: What MQTT topics, alarm ids and line protocol give a meaning to.
FORBIDDEN: Final = '+#/~$\\"'
#: Site ids that the engine and area alarms use themselves.
RESERVED_SITES: Final = ("-", "_engine")
#: In the cluster each partition has its own, `_engine.3`; areas and their exercises have theirs.
RESERVED_PREFIXES: Final = ("_engine.", "area:", "exercise:", "call:")

_SIZE: Final = re.compile(r"(?P<count>[0-9]+(\.[0-9]+)?) *(?P<unit>[kKMGT]i?B|B)")
_SIZES: Final = {"B": 0, "k": 1, "M": 2, "G": 3, "T": 4}
_NAME_SCHEMA: Final = {"type": "string", "minLength": 1, "maxLength": MAX_NAME_BYTES}
_NAME_PATTERN: Final = r'^[^\s+#/~$\\"]([^+#/~$\\"]*[^\s+#/~$\\"])?$'


class AuthoredError(SpecError):
    """A mistake in a written form; `at` is the path of the key below the form."""

    def __init__(
        self,
        at: tuple[str, ...],
        message: str,
        *,
        found: str = "",
        expected: str = "",
        nearest: tuple[str, ...] = (),
    ) -> None:
        self.at = at
        super().__init__(message, found=found, expected=expected, nearest=nearest)

    @classmethod
    def of(cls, at: tuple[str, ...], error: SpecError) -> AuthoredError:
        """What a lower room raised, with the key that it is about."""
        return cls(
            at, error.message, found=error.found, expected=error.expected, nearest=error.nearest
        )


class AuthoredErrors(SpecError):
    """Several mistakes of one written form."""

    def __init__(self, errors: Sequence[SpecError]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(error.text() for error in errors))


class Authored(BaseModel):
    """Something a person writes: unknown keys are refused and nothing is coerced."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


def checked_name(text: Any) -> str:
    """`text` if it can be an id or tenant everywhere it will stand; raises SpecError.

    Names become levels of MQTT topics, tags of series and parts of alarm ids.
    """
    if not isinstance(text, str):
        raise SpecError("a name must be text", found=_shown(text), expected="a name in quotes")
    wrong = name_fault(text)
    if wrong:
        raise SpecError(wrong, found=repr(text), expected=f"a name without {' '.join(FORBIDDEN)}")
    return text


def name_fault(text: str) -> str:
    """Why `text` cannot be a name, or ""."""
    if not text:
        return "a name is empty"
    if text.isascii() and text.isprintable() and len(text) <= MAX_NAME_BYTES:
        if text[0] == " " or text[-1] == " ":
            return "a name begins or ends with a space"
    elif len(text.encode("utf-8", "replace")) > MAX_NAME_BYTES:
        return f"a name is longer than {MAX_NAME_BYTES} bytes"
    elif text != text.strip():
        return "a name begins or ends with a space"
    elif any(_invisible(char) for char in text):
        return "a name contains a character that cannot be seen"
    bad = next((char for char in text if char in FORBIDDEN), "")
    return f"a name contains '{bad}', which topics and ids give a meaning to" if bad else ""


def _invisible(char: str) -> bool:
    return char != " " and unicodedata.category(char) in {"Cc", "Cf", "Zs", "Zl", "Zp", "Cs", "Cn"}


def checked_area(text: Any) -> str:
    """`city/district/street`, each part a name; raises SpecError."""
    parts = text.split("/") if isinstance(text, str) else []
    if len(parts) != MAX_AREA_PARTS:
        raise SpecError(
            "an area has exactly three parts", found=_shown(text), expected="city/district/street"
        )
    for part in parts:
        checked_name(part)
    return str(text)


def checked_duration(text: Any) -> int:
    """ns of a duration such as `90s`, `5 min` or `30d`; raises SpecError."""
    from ..units import parse_duration

    if not isinstance(text, str):
        raise SpecError(
            "a duration needs its unit", found=_shown(text), expected="a duration such as 30s"
        )
    return parse_duration(text)


def checked_size(text: Any) -> int:
    """Bytes of a size such as `20 GB` (powers of 1,000) or `512MiB` (of 1,024)."""
    match = _SIZE.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        raise SpecError("not a size", found=_shown(text), expected="a size such as 20 GB")
    unit = match["unit"]
    base = 1024 if "i" in unit else 1000
    return int(float(match["count"]) * base ** _SIZES[unit[0].replace("K", "k")])


def _shown(value: Any) -> str:
    return "nothing" if value is None else repr(value)


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _amount_text(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _seen_by_whom(description: str, **schema: Any) -> WithJsonSchema:
    return WithJsonSchema({"description": description, **schema})


Name = Annotated[
    str,
    BeforeValidator(checked_name),
    WithJsonSchema({**_NAME_SCHEMA, "pattern": _NAME_PATTERN}),
]
Area = Annotated[
    str,
    BeforeValidator(checked_area),
    _seen_by_whom("city/district/street", type="string", pattern=r"^[^/]+/[^/]+/[^/]+$"),
]
#: ns in the model, text with a unit in the file.
Duration = Annotated[
    int,
    BeforeValidator(checked_duration),
    _seen_by_whom("a duration with its unit, such as 90s, 5 min or 30d", type="string"),
]
#: Bytes in the model, text with a unit in the file.
Size = Annotated[
    int,
    BeforeValidator(checked_size),
    _seen_by_whom("a size with its unit, such as 20 GB", type="string"),
]
#: A number with a unit, kept as written: what it is worth depends on quantity and gas.
AmountText = Annotated[
    str,
    BeforeValidator(_amount_text),
    _seen_by_whom("a number with its unit, such as 25 %LEL", type=["string", "number"]),
]
OneOrMany = Annotated[
    list[str],
    BeforeValidator(_one_or_many),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


def absolute(base: Path, path: str) -> str:
    """A path of the configuration, which is relative to its directory; "" stays ""."""
    return str((base / path).resolve()) if path else ""


class Tls(Authored):
    """PEM files; without `ca_file` the system's authorities are trusted."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


class AuthoredSelect(Authored):
    """Which sensors a rule judges: all that match every key given; nothing given: all sensors."""

    quantity: OneOrMany = Field([], description="names from the catalogue, or patterns (gas.*)")
    site: OneOrMany = Field([], description="site ids or patterns")
    sensor: OneOrMany = Field([], description="sensor ids or patterns (PT-*)")
    asset: OneOrMany = Field([], description="assets or patterns")
    tenant: OneOrMany = Field([], description="tenants or patterns")
    area: str = Field("", description="city/district/street, or its beginning")
    reports: OneOrMany = Field([], description="periodic, on_change, event")


class AuthoredFlapping(Authored):
    """What comes and goes too often: its annunciation is held, red never."""

    raises: Annotated[int, Field(ge=1, le=MAX_FLAPPING_RAISES)] = Field(
        description="as many are announced within that time"
    )
    within: Duration = Field(description="how long a raise counts")


class AuthoredRule(Authored):
    """What every kind of rule has."""

    id: Name
    kind: str
    select: AuthoredSelect = AuthoredSelect()
    basis: str = Field("", description="the clause that asks for this rule")
    message: str = Field("", description="what to do; shown with the alarm")
    enabled: bool = True
    latching: bool = Field(
        False, description="back to normal and acknowledged, it stays until a person resets it"
    )
    realarm: Duration = Field(
        0, description="an acknowledged alarm that is still active after this sounds again"
    )
    flapping: AuthoredFlapping | None = None
    first_out: str = Field(
        "",
        description="a group of alarms of a site of which the first is marked; asset: by asset",
    )

    def life_cycle(self) -> dict[str, Any]:
        """How its alarms live, as fields of `Rule`. Raises SpecError."""
        if self.realarm and self.realarm < MIN_REALARM_NS:
            raise AuthoredError(
                ("realarm",),
                "an alarm would sound again before anybody could have done anything",
                found=f"{self.realarm / SECOND_NS:g} s",
                expected=f"at least {MIN_REALARM_NS // SECOND_NS} s",
            )
        flapping = self.flapping
        if flapping is not None and not 0 < flapping.within <= MAX_FLAPPING_NS:
            raise AuthoredError(
                ("flapping", "within"),
                "alarms would be held for too long, or not at all",
                found=f"{flapping.within / SECOND_NS:g} s",
                expected=f"at most {MAX_FLAPPING_NS // HOUR_NS} h",
            )
        return {
            "latching": self.latching,
            "realarm": self.realarm,
            "flapping": flapping and Flapping(flapping.raises, flapping.within),
            "first_out": self.first_out,
        }

    def beside(self, base: Path) -> dict[str, Any]:
        """What a rule of this kind has beside its judgements, as fields of `Rule`.

        Files that it names are relative to `base`. Raises SpecError.
        """
        return {}

    def learned_of(self, base: Path) -> Mapping[str, LearnedSensor] | None:
        """What a file that the rule names says of each sensor, by `<site>/<sensor>`; None: it names none.

        Such a rule is compiled for each sensor, as `told` makes it. Raises SpecError.
        """
        return None

    def told(self, learned: LearnedSensor) -> AuthoredRule:
        """The rule with what was learned of one sensor in place of what is not written."""
        return self
