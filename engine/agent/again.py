"""Payloads that could not be read, decoded once more by the sources as they are now.

Pure: what a dead letter becomes depends on it, the sources and the configuration. The time of
receipt is the letter's, so that a payload without a time of its own says what it said then, and
its samples are as late as they are.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from ..configuration import Configuration
from ..limits import DEAD_LETTER_BYTES
from ..payload import Decoder, compile_decoder
from ..payload.layout import Layout, layout_of
from ..source import SourceSpec, TopicPattern
from .batch import PART, kept_form
from .entries import EntryWriter

PRODUCER: Final = "deadletter"
UNKNOWN_TOPIC: Final = "unknown_topic"
UNKNOWN_SENSOR: Final = "unknown_sensor"
#: Only the beginning of it is kept.
CUT: Final = "cut"
#: A point of a message whose time, name or quality stood beside the points.
PART_ALONE: Final = "part"


class Letter(Protocol):
    """A dead letter as the log keeps it."""

    @property
    def id(self) -> int: ...
    @property
    def time(self) -> int: ...
    @property
    def topic(self) -> str: ...
    @property
    def payload(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Read:
    """What one letter has become.

    entries   encoded `samples` entries, received when the letter was; none: nothing was read
    samples   rows in them
    parts     what of a message was refused again, as new letters, where the rest was read
    reason    why nothing was read, in the code of dead letters; "" where something was
    words     the same for a person
    unknown   points of sensors that nobody knows, as live: counted, not kept
    """

    entries: list[bytes] = field(default_factory=list)
    samples: int = 0
    parts: list[tuple[str, bytes, str, int]] = field(default_factory=list)
    reason: str = ""
    words: str = ""
    unknown: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Source:
    patterns: list[TopicPattern]
    layout: Layout
    decoder: Decoder
    exercise: bool

    def hears(self, topic: str) -> bool:
        return any(pattern.match(topic) is not None for pattern in self.patterns)


class AgainDecoder:
    """Decodes by these sources; raises SpecError where one is wrong. Not for two threads.

    Where several sources hear a topic, the first that reads the payload counts: the letter does not
    say which of them had received it.
    """

    def __init__(self, sources: Iterable[SourceSpec], configuration: Configuration) -> None:
        self._writer = EntryWriter(PRODUCER, configuration)
        self._sources = [
            _Source(
                [TopicPattern(text) for text in source.topics],
                layout_of(source),
                compile_decoder(source, configuration),
                source.exercise,
            )
            for source in sources
        ]

    def read(self, letter: Letter) -> Read:
        """What the letter becomes. Never raises, whatever it holds."""
        found = Read(reason=UNKNOWN_TOPIC, words=f"no source hears {letter.topic}")
        for source in self._sources:
            if source.hears(letter.topic):
                found = self._by(source, letter)
                if not found.reason:
                    break
        if found.reason and len(letter.payload) >= DEAD_LETTER_BYTES:
            words = f"only its first {DEAD_LETTER_BYTES:,} bytes were kept"
            return Read(reason=CUT, words=words)
        return found

    def _by(self, source: _Source, letter: Letter) -> Read:
        payload = letter.payload
        at = payload.rfind(PART)
        if at >= 0:
            whole = _message_around(payload[:at], source.layout)
            if whole is None:
                words = "it is a part of a message, and what stood beside it is gone"
                return Read(reason=PART_ALONE, words=words)
            payload = whole
        decoded = source.decoder.decode([(letter.topic, payload, letter.time)])
        if len(decoded.frame):
            entries = self._writer.encode(decoded.frame, letter.time, letter.id, source.exercise)
            parts = [kept_form(dead) for dead in decoded.dead]
            return Read(entries, len(decoded.frame), parts, unknown=decoded.unknown_sensors)
        if decoded.dead:
            return Read(reason=decoded.dead[0].reason, words=decoded.dead[0].detail)
        if decoded.unknown_sensors:
            key = next(iter(decoded.unknown_sensors))
            return Read(reason=UNKNOWN_SENSOR, words=f"no sensor has the key {key}")
        return Read()  # read, and it says nothing: an empty array of points


def _message_around(part: bytes, layout: Layout) -> bytes | None:
    """A message with nothing but this part; None where a message would say more than that."""
    places = [layout.time, layout.quality, *layout.key_places]
    if layout.points is None:
        # A field of a wide message: whatever else it says stood beside it.
        if any(place is not None for place in places):
            return None
        return _nested(part, (*layout.fields,))
    places.append(layout.value)
    if any(place is not None and place.level == "message" for place in places):
        return None
    if layout.spec.shape == "wide":
        return None
    return _nested(part, layout.points.keys, many=True)


def _nested(part: bytes, keys: Sequence[str], *, many: bool = False) -> bytes | None:
    try:
        thing: Any = json.loads(part)
    except (ValueError, RecursionError):
        return None
    thing = [thing] if many else thing
    for key in reversed(keys):
        thing = {key: thing}
    return json.dumps(thing, ensure_ascii=False).encode("utf-8", "replace")
