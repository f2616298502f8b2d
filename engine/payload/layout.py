"""A source's payload form, compiled once: paths split, templates parsed, quality codes laid out.

Both readers work by it: the plain one, which defines what a payload means, and the typed one,
which is fast and must agree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..errors import SpecError
from ..quality import Quality
from ..source import UNIT_NS, PayloadSpec, SourceSpec, Template, split_path
from .times import TimeReader

Level = Literal["point", "message"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands: a path in the point or in the message; no keys: the thing itself."""

    level: Level
    keys: tuple[str, ...]

    @property
    def text(self) -> str:
        """As the configuration writes it."""
        path = ".".join(self.keys) or "$"
        return f"$.{path}" if self.level == "message" and self.keys else path


@dataclass(frozen=True, slots=True)
class Layout:
    """See the fields of `PayloadSpec`; places instead of paths.

    `points` is None where the message is the point. `bare`: the message is nothing but the value.
    `time` is None where the time of receipt is taken. `codes` maps what JSON can say, text or
    whole number, to a quality.
    """

    spec: PayloadSpec
    points: Place | None
    bare: bool
    value: Place
    fields: tuple[str, ...]
    time: Place | None
    time_reader: TimeReader
    factor: int
    quality: Place | None
    codes: dict[str | int | None, int]
    other: int
    key: Template
    key_places: tuple[Place, ...]

    def quality_of(self, raw: object) -> int:
        """The quality that a code from the payload stands for."""
        match raw:
            case bool():
                return self.codes.get("true" if raw else "false", self.other)
            case float() if raw.is_integer() and abs(raw) < 1e15:
                return self.codes.get(int(raw), self.other)
            case None | str() | int():
                return self.codes.get(raw, self.other)
            case _:
                return self.other


def layout_of(source: SourceSpec) -> Layout:
    """The layout. Raises SpecError for a path, template or zone that is none."""
    spec = source.payload
    one = spec.points == ""
    key = Template(source.key)
    quality = spec.quality
    if spec.points == "$" and any(kind == "message" for kind, _ in key.parts):
        raise SpecError("the message is an array; $.path has nothing to stand in", found=source.key)
    time = spec.time.path
    bare = spec.shape == "point" and spec.value == "$"
    return Layout(
        spec=spec,
        points=None if one else _place("$" if spec.points == "$" else f"$.{spec.points}", one),
        bare=bare,
        value=Place("point", ()) if bare else _place(spec.value, one),
        fields=split_path(spec.fields) if spec.fields else (),
        time=_place(time, one) if time else None,
        time_reader=TimeReader(spec.time, text_numbers=spec.text_numbers),
        factor=UNIT_NS.get(spec.time.unit, 1) if time else 1,
        quality=_place(quality.path, one) if quality else None,
        codes=_codes(quality.codes, quality.missing) if quality else {},
        other=quality.other if quality else Quality.UNCERTAIN,
        key=key,
        key_places=tuple(
            _place(path if kind == "point" else f"$.{path}", one)
            for kind, path in key.parts
            if kind in ("point", "message")
        ),
    )


def _place(path: str, one: bool) -> Place:
    """`one`: the message is the point, so that both levels are the same."""
    if path == "$":
        return Place("point" if one else "message", ())
    if path.startswith("$."):
        return Place("point" if one else "message", split_path(path[2:]))
    return Place("point", split_path(path))


def _codes(codes: dict[str, Quality], missing: Quality) -> dict[str | int | None, int]:
    laid: dict[str | int | None, int] = {None: int(missing)}
    for text, quality in codes.items():
        laid[text] = int(quality)
        if text.lstrip("-").isdecimal() and len(text) < 18:
            laid[int(text)] = int(quality)
    return laid
