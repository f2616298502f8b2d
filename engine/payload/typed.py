"""The typed reader: the common case at the speed of msgspec.

For each form of message a struct type is made that has just the fields that are wanted, nested as
the paths say. What does not fit it exactly raises, before anything was appended, and is
read again by the plain reader: so this one needs no reasons and no special cases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Annotated, Any, Final, TypeAlias, cast

import msgspec
from msgspec import UNSET, Meta

from ..errors import PayloadError
from ..limits import LATEST_TIME_NS, MAX_PAYLOAD_POINTS, MAX_RAW_VALUE
from .batch import Batch
from .layout import Layout, Level, Place

# The parts of a key that the payload names, and the routes of a message's fields, in order; or, where
# the payload names the sensor, how to find them.
Named = tuple[str | int, ...]
Routes: TypeAlias = "tuple[int, ...] | RoutesOfKeys"


class RoutesOfKeys(dict[Named, int | None]):
    """For one topic: from a key's parts in the payload to its route; None where no sensor has it.

    What is known is found without a call of Python's. `find` is asked for the rest, and `key` for
    the text of a key, which only those without a sensor need.
    """

    def __init__(self, find: Callable[[Named], int | None], key: Callable[[Named], str]) -> None:
        super().__init__()
        self._find = find
        self.key = key

    def __missing__(self, named: Named) -> int | None:
        route = self._find(named)
        if route is not None:
            self[named] = route  # as many as there are sensors, whatever is sent
        return route


# (payload, time of receipt, where to append, routes); appends all of the message or nothing.
Read = Callable[[bytes, int, Batch, Routes], None]
Paths = tuple[tuple[tuple[str, ...], bool], ...]  # path of each field, and whether it is a boolean


class Unfit(Exception):
    """The message does not fit the typed form, or the form cannot be typed."""


# What a typed reader may raise on a message that is not as expected. UnicodeDecodeError is not
# msgspec's own; AttributeError comes from a group of fields that is not there.
FALLBACK: Final = (
    msgspec.MsgspecError,
    UnicodeDecodeError,
    RecursionError,
    AttributeError,
    PayloadError,
    Unfit,
)

_NUMBER: Final = Annotated[float, Meta(ge=-MAX_RAW_VALUE, le=MAX_RAW_VALUE)]


class Form:
    """A struct type in the making: leaves by path.

    >>> form = Form()
    >>> form.leaf(("data", "v"), float)
    'n0.f1'
    >>> msgspec.json.decode(b'{"data": {"v": 2}}', type=form.struct()).n0.f1
    2.0
    """

    def __init__(self) -> None:
        self._tree: dict[str, Any] = {}
        self._names = 0

    def leaf(self, keys: Sequence[str], kind: Any, default: Any = msgspec.NODEFAULT) -> str:
        """Adds a leaf and returns its dotted attribute. Raises Unfit where paths overlap."""
        if not keys:
            raise Unfit("no path")
        node, names = self._tree, []
        for key in keys[:-1]:
            name, child = node.setdefault(key, (self._name("n"), {}))
            if not isinstance(child, dict):
                raise Unfit("one path leads through another's end")
            names.append(name)
            node = child
        if keys[-1] in node:
            raise Unfit("two paths end in one place")
        name = self._name("f")
        node[keys[-1]] = (name, (kind, default))
        return ".".join([*names, name])

    def struct(self) -> type[msgspec.Struct]:
        """The type."""
        return self._struct(self._tree)

    def _name(self, letter: str) -> str:
        self._names += 1
        return f"{letter}{self._names - 1}"

    def _struct(self, node: dict[str, Any]) -> type[msgspec.Struct]:
        required, optional, rename = [], [], {}
        for key, (name, child) in node.items():
            rename[name] = key
            if isinstance(child, dict):
                nested = self._struct(child)
                if len(nested.__struct_defaults__) < len(nested.__struct_fields__):
                    required.append((name, nested))
                else:
                    optional.append((name, nested, msgspec.field(default_factory=nested)))
            elif child[1] is msgspec.NODEFAULT:
                required.append((name, child[0]))
            else:
                optional.append((name, *child))
        fields: list[Any] = [*required, *optional]
        # gc=False: a struct lives for one message and holds no cycles.
        return msgspec.defstruct("Point", fields, rename=rename, gc=False)


def typed_reader(layout: Layout, paths: Paths, *, named_by_payload: bool) -> Read | None:
    """A reader for messages with these fields. None where the form cannot be typed."""
    try:
        if layout.points is None and len(paths) == 1 and not named_by_payload:
            if layout.bare:
                return _bare(layout, paths[0][1])
            if layout.spec.shape == "point" and layout.quality is None:
                return _single(layout, *paths[0])
        if layout.spec.shape == "wide":
            return _Wide(layout, paths, named_by_payload).read
        return _Points(layout, paths[0], named_by_payload).read
    except Unfit:
        return None


def _bare(layout: Layout, boolean: bool) -> Read:
    if layout.time is not None or layout.quality is not None:
        raise Unfit("a bare number has no other fields")
    decode = msgspec.json.Decoder(_value_type(boolean)).decode

    def read(payload: bytes, received: int, batch: Batch, routes: Routes) -> None:
        batch.values.append(decode(payload))
        batch.rows += cast(tuple[int, ...], routes)
        batch.times.append(received)

    return read


def _single(layout: Layout, path: tuple[str, ...], boolean: bool) -> Read:
    """One value and perhaps a time in one object: what most devices send."""
    form = Form()
    value_at = form.leaf(path, _value_type(boolean))
    time_at = None if layout.time is None else form.leaf(layout.time.keys, *_time_type(layout))
    decode = msgspec.json.Decoder(form.struct()).decode
    if time_at is None:
        get_value = attrgetter(value_at)

        def read_now(payload: bytes, received: int, batch: Batch, routes: Routes) -> None:
            batch.values.append(get_value(decode(payload)))
            batch.rows += cast(tuple[int, ...], routes)
            batch.times.append(received)

        return read_now

    get = attrgetter(value_at, time_at)
    text = _text_time(layout)

    def read(payload: bytes, received: int, batch: Batch, routes: Routes) -> None:
        value, time = get(decode(payload))
        if time is None:
            batch.settle(received)
        else:
            batch.times.append(time if text is None else text(time))  # the last that may raise
        batch.values.append(value)
        batch.rows += cast(tuple[int, ...], routes)

    return read


class _Table:
    """What all forms with many values share: a struct for the message, columns out of it."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._point, self._message = Form(), Form()
        self._time = self._getter(layout.time, *_time_type(layout)) if layout.time else None
        self._text = _text_time(layout)
        quality = layout.quality
        self._quality = self._getter(quality, int | str | None, None) if quality else None

    def _getter(
        self, place: Place, kind: Any, default: Any = msgspec.NODEFAULT
    ) -> tuple[Level, Callable[[Any], Any]]:
        form = self._message if place.level == "message" else self._point
        return place.level, attrgetter(form.leaf(place.keys, kind, default))

    def _decoder(self) -> tuple[Callable[[bytes], Any], Callable[[Any], Sequence[Any]]]:
        """How to decode a message, and how to get its points. Call it when all leaves are known."""
        points = self._layout.points
        point: Any = self._point.struct()
        if points is None:
            return msgspec.json.Decoder(point).decode, lambda message: (message,)
        many: Any = list[point]
        if not points.keys:
            return msgspec.json.Decoder(many).decode, lambda message: cast(Sequence[Any], message)
        at = self._message.leaf(points.keys, many)
        return msgspec.json.Decoder(self._message.struct()).decode, attrgetter(at)

    def _column(
        self, getter: tuple[Level, Callable[[Any], Any]], message: Any, points: Sequence[Any]
    ) -> list[Any]:
        level, get = getter
        return [get(message)] * len(points) if level == "message" else list(map(get, points))

    def _times(self, message: Any, points: Sequence[Any]) -> list[Any]:
        """A raw time for each point; None: the time of receipt."""
        if self._time is None:
            return [None] * len(points)
        times = self._column(self._time, message, points)
        if self._text is None:
            return times
        return [None if time is None else self._text(time) for time in times]

    def _qualities(self, message: Any, points: Sequence[Any]) -> list[int]:
        if self._quality is None:
            return []
        codes, other = self._layout.codes, self._layout.other
        return [codes.get(raw, other) for raw in self._column(self._quality, message, points)]


class _Points(_Table):
    """One value per point, the sensor known by the topic or named in the payload."""

    def __init__(
        self, layout: Layout, only: tuple[tuple[str, ...], bool], named_by_payload: bool
    ) -> None:
        super().__init__(layout)
        if layout.bare or layout.value.level == "message":
            raise Unfit("the value is no field of the point")
        path, boolean = only
        self._value = attrgetter(self._point.leaf(path, _value_type(boolean)))
        places = layout.key_places if named_by_payload else ()
        self._keys = [self._getter(place, str | int) for place in places]
        self._decode, self._points = self._decoder()

    def read(self, payload: bytes, received: int, batch: Batch, routes: Routes) -> None:
        """Appends the message's rows, all or none."""
        message = self._decode(payload)
        points = self._points(message)
        if len(points) > MAX_PAYLOAD_POINTS:
            raise Unfit("too many points")
        rows, points, unknown = self._rows(message, points, routes)
        values = list(map(self._value, points))
        times = self._times(message, points)
        qualities = self._qualities(message, points)
        _append(batch, rows, values, times, qualities, received)
        if unknown:
            batch.unknown_sensors.update(unknown)

    def _rows(
        self, message: Any, points: Sequence[Any], routes: Routes
    ) -> tuple[Sequence[int], Sequence[Any], Sequence[str]]:
        """The routes, the points that have one, and the keys of those that have none."""
        if isinstance(routes, tuple):
            return routes * len(points), points, ()
        columns = [self._column(getter, message, points) for getter in self._keys]
        found = list(map(routes.__getitem__, zip(*columns, strict=True)))
        if None not in found:
            return cast(list[int], found), points, ()
        rows = [route for route in found if route is not None]
        kept = [p for p, route in zip(points, found, strict=True) if route is not None]
        named = zip(*columns, strict=True)
        return rows, kept, [routes.key(n) for n, r in zip(named, found, strict=True) if r is None]


class _Wide(_Table):
    """Many fields per point, a sensor each; a field that is not there gives no sample."""

    def __init__(self, layout: Layout, paths: Paths, named_by_payload: bool) -> None:
        super().__init__(layout)
        if named_by_payload:
            raise Unfit("which fields there are depends on the point")
        self._fields = [
            attrgetter(self._point.leaf(path, _value_type(boolean) | msgspec.UnsetType, UNSET))
            for path, boolean in paths
        ]
        self._decode, self._points = self._decoder()

    def read(self, payload: bytes, received: int, batch: Batch, routes: Routes) -> None:
        """Appends the message's rows, all or none."""
        message = self._decode(payload)
        points = self._points(message)
        if len(points) > MAX_PAYLOAD_POINTS:
            raise Unfit("too many points")
        known = cast(tuple[int, ...], routes)
        rows: list[int] = []
        values: list[Any] = []
        counts: list[int] = []
        for point in points:
            found = [get(point) for get in self._fields]
            if UNSET in found:
                present = [(r, v) for r, v in zip(known, found, strict=True) if v is not UNSET]
                if not present:
                    raise Unfit("no known field")
                rows += [route for route, _ in present]
                values += [value for _, value in present]
                counts.append(len(present))
            else:
                rows += known
                values += found
                counts.append(len(found))
        times = _repeated(self._times(message, points), counts)
        qualities = _repeated(self._qualities(message, points), counts)
        _append(batch, rows, values, times, qualities, received)


def _repeated(column: list[Any], counts: list[int]) -> list[Any]:
    """Each element as often as its count; an empty column stays empty."""
    return [x for x, n in zip(column, counts, strict=False) for _ in range(n)]


def _append(
    batch: Batch,
    rows: Sequence[int],
    values: list[Any],
    times: list[Any],
    qualities: list[int],
    received: int,
) -> None:
    start = len(batch.rows)
    batch.rows += rows
    batch.values += values
    batch.qualities += qualities
    if None in times:
        for time in times:
            if time is None:
                batch.settle(received)
            else:
                batch.times.append(time)
    else:
        batch.times += times
    if len(rows) > 1:
        batch.several.append((start, start + len(rows)))


def _value_type(boolean: bool) -> Any:
    return bool | _NUMBER | None if boolean else _NUMBER | None


def _time_type(layout: Layout) -> tuple[Any, Any]:
    """Type and default of the time field."""
    if layout.spec.time.unit == "iso":
        kind: Any = str
    else:
        last = LATEST_TIME_NS // layout.factor
        kind = Annotated[int, Meta(ge=0, lt=last)] | Annotated[float, Meta(ge=0.0, lt=float(last))]
    if layout.spec.time.missing == "receipt":
        return kind | None, None
    return kind, msgspec.NODEFAULT


def _text_time(layout: Layout) -> Callable[[Any], int] | None:
    """Reads ISO text. Raises PayloadError, upon which the plain reader gives the reason."""
    if layout.time is None or layout.spec.time.unit != "iso":
        return None
    return layout.time_reader.text
