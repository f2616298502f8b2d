"""Messages of one source to samples: many at a time, nothing good lost, nothing raised.

`decode` is a pure function of its messages: nothing is remembered from one call to the next
but which topic belongs to which sensor, which the source alone decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..configuration import Configuration
from ..errors import PayloadError, SpecError
from ..limits import MAX_CACHED_TOPICS, MAX_PAYLOAD_BYTES, MAX_TYPED_FORMS
from ..source import Route, SourceSpec, TopicPattern, split_path
from .batch import Batch, Decoded, PointRefusals, RouteColumns
from .layout import Layout, layout_of
from .plain import Fields, PlainReader, excerpt
from .typed import FALLBACK, Paths, Read, Routes, RoutesOfKeys, typed_reader

Message = tuple[str, bytes, int]  # topic, payload, wall time of receipt in ns


@dataclass(frozen=True, slots=True)
class _Target:
    """What a topic's messages are. `key` is rendered as far as the topic goes (`_key`)."""

    known: bool  # a pattern of the source matches the topic
    parts: dict[str, str]
    key: str  # where the topic alone names the sensor
    fields: Fields | None  # None: unknown sensor, or named by the payload
    read: Read | None
    routes: Routes


class Decoder:
    """The decoder of one source; made by `compile_decoder`. Not thread-safe."""

    def __init__(self, source: SourceSpec, configuration: Configuration) -> None:
        self._layout = layout_of(source)
        self._patterns = [TopicPattern(text) for text in source.topics]
        _check_names(self._layout, self._patterns)
        self._routes = _columns(source, configuration)
        self._fields = _fields_by_key(source, self._layout)
        self._plain = PlainReader(self._layout, self._routes)
        self._booleans: list[bool] = self._routes.boolean.tolist()
        self._targets: dict[str, _Target] = {}
        self._readers: dict[Paths, Read | None] = {}

    def decode(self, messages: Sequence[Message]) -> Decoded:
        """Every good sample of `messages` in their order, and an account of the rest.

        Raises nothing, whatever the messages are.
        """
        batch = Batch()
        targets = self._targets
        for topic, payload, received in messages:
            target = targets.get(topic)
            if target is None:
                target = self._resolve(topic)
            if target.read is not None and len(payload) <= MAX_PAYLOAD_BYTES:
                try:
                    target.read(payload, received, batch, target.routes)
                    continue
                except FALLBACK:
                    pass  # the plain reader says what is wrong, and keeps what is good
            self._read_plainly(topic, payload, received, target, batch)
        frame = batch.frame(self._routes, self._layout.factor, self._layout.spec.time.resolution)
        return Decoded(
            frame, batch.dead, batch.refused, batch.unknown_topics, batch.unknown_sensors
        )

    def _read_plainly(
        self, topic: str, payload: bytes, received: int, target: _Target, batch: Batch
    ) -> None:
        if not target.known:
            batch.unknown_topics[topic] += 1
        elif target.fields is None and not self._layout.key_places:
            batch.unknown_sensors[target.key] += 1
        else:
            start = len(batch.rows)
            try:
                self._read_points(topic, payload, received, target, batch)
            except PayloadError as error:
                batch.refuse(topic, payload, error, received)
            if len(batch.rows) - start > 1:
                batch.several.append((start, len(batch.rows)))

    def _read_points(
        self, topic: str, payload: bytes, received: int, target: _Target, batch: Batch
    ) -> None:
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise PayloadError("too_large", f"{len(payload)} bytes")
        message, points, many = self._plain.points(payload)
        refusals = PointRefusals(batch, topic, received)
        for index, point in enumerate(points):
            place = index if many else None
            try:
                fields = target.fields
                if fields is None:
                    key = self._key(topic, target.parts, self._plain.key_parts(message, point))
                    fields = self._fields.get(key)
                    if fields is None:
                        batch.unknown_sensors[key] += 1
                        continue
                self._plain.read(message, point, fields, place, received, batch, refusals)
            except PayloadError as error:
                if not many:
                    raise
                refusals.add(index, excerpt(point), error)

    def _resolve(self, topic: str) -> _Target:
        parts = next((p for x in self._patterns if (p := x.match(topic)) is not None), None)
        if parts is None:
            target = _Target(False, {}, "", None, None, ())
        elif self._layout.key_places:
            target = _Target(
                True, parts, "", None, self._reader_by_payload(), self._named(topic, parts)
            )
        else:
            key = self._key(topic, parts, ())
            fields = self._fields.get(key)
            if fields is None:
                target = _Target(True, parts, key, None, None, ())
            else:
                routes = tuple(route for _, route in fields)
                target = _Target(True, parts, key, fields, self._reader(fields), routes)
        if len(self._targets) < MAX_CACHED_TOPICS:
            self._targets[topic] = target
        return target

    def _reader(self, fields: Fields) -> Read | None:
        """One reader for all topics with the same fields: a struct type is dear."""
        paths = tuple((path, self._booleans[route]) for path, route in fields)
        if paths not in self._readers:
            if len(self._readers) >= MAX_TYPED_FORMS:
                return None
            self._readers[paths] = typed_reader(self._layout, paths, named_by_payload=False)
        return self._readers[paths]

    def _reader_by_payload(self) -> Read | None:
        booleans = set(self._booleans)
        if len(booleans) != 1:
            return None  # whether `true` is a value is known only after the sensor
        paths: Paths = ((self._layout.value.keys, booleans.pop()),)
        if paths not in self._readers:
            self._readers[paths] = typed_reader(self._layout, paths, named_by_payload=True)
        return self._readers[paths]

    def _named(self, topic: str, parts: dict[str, str]) -> RoutesOfKeys:
        def key(named: tuple[str | int, ...]) -> str:
            return self._key(topic, parts, tuple(str(part) for part in named))

        def find(named: tuple[str | int, ...]) -> int | None:
            fields = self._fields.get(key(named))
            return None if fields is None else fields[0][1]

        return RoutesOfKeys(find, key)

    def _key(self, topic: str, parts: dict[str, str], named: tuple[str, ...]) -> str:
        """The template rendered; `named` are its parts from the payload, in order."""
        from_payload = iter(named)
        text = ""
        for kind, name in self._layout.key.parts:
            if kind == "text":
                text += name
            elif kind == "topic":
                text += topic if name == "topic" else parts[name]
            else:
                text += next(from_payload)
        # JSON can spell half a surrogate pair, which nothing can store.
        return text.encode("utf-8", "replace").decode()


def compile_decoder(source: SourceSpec, configuration: Configuration) -> Decoder:
    """The decoder of `source`, its sensor indices those of `configuration`.

    Raises SpecError for a wrong pattern, path, template or zone, and where a route names a sensor
    that the configuration does not have.
    """
    return Decoder(source, configuration)


def _check_names(layout: Layout, patterns: list[TopicPattern]) -> None:
    for pattern in patterns:
        missing = layout.key.topic_names - set(pattern.names)
        if missing:
            raise SpecError(
                "the sensor template names a part that the topic does not have",
                found=f"{{{min(missing)}}} and {pattern.text}",
                expected=", ".join(f"{{{name}}}" for name in pattern.names) or "no named part",
            )


def _columns(source: SourceSpec, configuration: Configuration) -> RouteColumns:
    index = {(configuration.sites[s.site].id, s.id): i for i, s in enumerate(configuration.sensors)}
    for route in source.routes:
        if (route.site, route.sensor) not in index:
            raise SpecError(
                f"source {source.id} leads to a sensor that is not configured",
                found=f"{route.site}/{route.sensor}",
            )
    routes = source.routes
    return RouteColumns(
        sensor=np.array([index[r.site, r.sensor] for r in routes], np.int32),
        scale=np.array([r.scale for r in routes], np.float64),
        offset=np.array([r.offset for r in routes], np.float64),
        boolean=np.array([r.boolean for r in routes], np.bool_),
    )


def _fields_by_key(source: SourceSpec, layout: Layout) -> dict[str, Fields]:
    """The routes of each key, in their order."""
    gathered: dict[str, list[tuple[tuple[str, ...], int]]] = {}
    for number, route in enumerate(source.routes):
        fields = gathered.setdefault(route.key, [])
        if fields and layout.spec.shape == "point":
            raise SpecError(
                f"two sensors of source {source.id} have the same key",
                found=f"{route.key} for {source.routes[fields[0][1]].sensor} and {route.sensor}",
            )
        fields.append((_field_path(route, layout), number))
    return {key: tuple(fields) for key, fields in gathered.items()}


def _field_path(route: Route, layout: Layout) -> tuple[str, ...]:
    if layout.spec.shape == "point":
        return layout.value.keys
    return (*layout.fields, *split_path(route.field))
