"""The plain reader: what a payload means, point by point, with a reason for whatever is wrong.

It parses leniently, so that one bad point (a NaN, a bad byte, an endless number) costs no other:
what is wrong is found where it stands. The typed reader takes the common case off its hands.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any, Final

from ..errors import PayloadError
from ..limits import MAX_PAYLOAD_POINTS, MAX_RAW_VALUE
from ..quality import BAD_CLASS
from .batch import Batch, PointRefusals, RouteColumns
from .layout import Layout, Place

_ABSENT: Final = object()
_NUMBER = re.compile(
    r"\s*[+-]?(?:\d{1,40}(?:\.\d{0,40})?|\.\d{1,40})(?:[eE][+-]?\d{1,4})?\s*", re.A
)
_LONGEST_INT = 40  # digits; int() of longer ones takes quadratic time, and none is a measurement

Fields = Sequence[tuple[tuple[str, ...], int]]  # (path below the point, route number)


class PlainReader:
    """Reads one message of one source into a batch."""

    def __init__(self, layout: Layout, routes: RouteColumns) -> None:
        self._layout = layout
        self._boolean = routes.boolean

    def points(self, payload: bytes) -> tuple[Any, list[Any], bool]:
        """The message, its points, and whether they are places of an array.

        Raises PayloadError where there is no such thing.
        """
        message = parse(payload)
        if self._layout.points is None:
            return message, [message], False
        points = _at(message, self._layout.points.keys)
        if not isinstance(points, list):
            raise PayloadError("points_missing", f"no array at {self._layout.points.text}")
        if len(points) > MAX_PAYLOAD_POINTS:
            raise PayloadError("too_many_points", f"{len(points)} in one message")
        return message, points, True

    def key_parts(self, message: Any, point: Any) -> tuple[str, ...]:
        """The parts of the key that the payload gives. Raises PayloadError."""
        return tuple(_key_part(place, message, point) for place in self._layout.key_places)

    def read(
        self,
        message: Any,
        point: Any,
        fields: Fields,
        index: int | None,
        received: int,
        batch: Batch,
        refusals: PointRefusals,
    ) -> None:
        """Appends the point's rows for `fields`; what is bad goes to `refusals`.

        Raises PayloadError where the whole point is bad.
        """
        layout = self._layout
        if not layout.bare and not isinstance(point, dict):
            raise PayloadError("not_an_object", f"a point is {_kind(point)}")
        time = self._time(message, point, received)
        quality = self._quality(message, point)
        read = 0
        for path, route in fields:
            where = message if layout.spec.shape == "point" and _outside(layout.value) else point
            raw = _at(where, path)
            if raw is _ABSENT and layout.spec.shape == "wide":
                continue
            read += 1
            try:
                value = self._value(raw, bool(self._boolean[route]), quality)
            except PayloadError as error:
                if layout.spec.shape == "point":
                    raise
                named = PayloadError(error.reason, f"{'.'.join(path)}: {error.detail}")
                refusals.add(index, excerpt({path[-1]: raw}), named)
                continue
            batch.rows.append(route)
            batch.settle(time)
            batch.values.append(value)
            if layout.quality is not None:
                batch.qualities.append(quality)
        if read == 0:
            known = ", ".join(".".join(path) for path, _ in fields[:3])
            raise PayloadError("no_known_field", f"none of {known} …")

    def _time(self, message: Any, point: Any, received: int) -> int:
        place = self._layout.time
        if place is None:
            return received
        raw = _at(message if _outside(place) else point, place.keys)
        if raw is _ABSENT or raw is None:
            if self._layout.spec.time.missing == "receipt":
                return received
            raise PayloadError("time_missing", f"nothing at {place.text}")
        return self._layout.time_reader.ns(raw)

    def _quality(self, message: Any, point: Any) -> int:
        place = self._layout.quality
        if place is None:
            return 0
        raw = _at(message if _outside(place) else point, place.keys)
        return self._layout.quality_of(None if raw is _ABSENT else raw)

    def _value(self, raw: Any, boolean: bool, quality: int) -> float | None:
        """The number; None where the sender has none to give.

        A declared null says "no value"; so does anything unreadable beside a quality that the
        sender itself declares bad ("---" beside "fault"). Raises PayloadError for the rest.
        """
        try:
            return self._number(raw, boolean)
        except PayloadError:
            if quality & BAD_CLASS:
                return None
            raise

    def _number(self, raw: Any, boolean: bool) -> float | None:
        if raw is None:
            return None
        if raw is _ABSENT:
            raise PayloadError("value_missing", f"nothing at {self._layout.value.text}")
        if isinstance(raw, bool):
            if not boolean:
                raise PayloadError("value_not_a_number", "true or false for a measured quantity")
            return float(raw)
        if isinstance(raw, str) and self._layout.spec.text_numbers and _NUMBER.fullmatch(raw):
            raw = float(raw)
        if not isinstance(raw, int | float) or math.isnan(raw):
            raise PayloadError("value_not_a_number", f"{raw!r:.80}")
        if not abs(raw) <= MAX_RAW_VALUE:
            raise PayloadError("value_out_of_bounds", f"{raw!r:.40} is beyond {MAX_RAW_VALUE:g}")
        return float(raw)


def parse(payload: bytes) -> Any:
    """JSON, leniently: NaN and numbers without end become floats that no value may be, bad UTF-8
    becomes U+FFFD, a byte order mark is skipped, of equal keys the last counts.

    Raises PayloadError where it is no JSON.
    """
    if not payload.strip():
        raise PayloadError("empty")
    try:
        return _JSON.decode(payload.decode("utf-8", "replace").removeprefix("\ufeff"))
    except RecursionError as error:
        raise PayloadError("too_deep", "nested beyond any telemetry") from error
    except ValueError as error:
        raise PayloadError("not_json", str(error)) from error


def _integer(text: str) -> int | float:
    if len(text) <= _LONGEST_INT:
        return int(text)
    return -math.inf if text[0] == "-" else math.inf


_JSON: Final = json.JSONDecoder(parse_int=_integer)


def excerpt(point: Any) -> bytes:
    """A point as JSON, for a dead letter."""
    try:
        return json.dumps(point, ensure_ascii=False).encode("utf-8", "replace")
    except (RecursionError, ValueError, TypeError):
        return b""


def _at(thing: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        if not isinstance(thing, dict) or key not in thing:
            return _ABSENT
        thing = thing[key]
    return thing


def _outside(place: Place) -> bool:
    return place.level == "message"


def _key_part(place: Place, message: Any, point: Any) -> str:
    raw = _at(message if _outside(place) else point, place.keys)
    if isinstance(raw, str):
        return raw
    if isinstance(raw, int) and not isinstance(raw, bool):
        return str(raw)
    found = "nothing" if raw is _ABSENT else _kind(raw)
    raise PayloadError("key_missing", f"{found} at {place.text}, where the sensor is named")


def _kind(raw: Any) -> str:
    names = {dict: "an object", list: "an array", str: "text", bool: "true or false"}
    return "null" if raw is None else names.get(type(raw), "a number")
