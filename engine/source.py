"""A source: how the messages of one broker become samples, as plain data.

The configuration compiles the operator's YAML and tag list into `SourceSpec`; the agent connects,
subscribes and decodes by it. Nothing here holds state, opens anything or knows a library.

Paths into a payload are dotted (`data.v`), relative to the *point*; a dot inside a key is written
`\\.`; a path that begins with `$.` starts at the message instead, which differs only where
the message holds an array of points. `$` alone is the whole message.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from .errors import SpecError
from .quality import Quality

MqttVersion = Literal["5", "3.1.1"]
TimeUnit = Literal["s", "ms", "us", "ns", "iso"]
Fold = Literal["earlier", "later", "refuse"]
Shape = Literal["point", "wide"]

UNIT_NS: dict[str, int] = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}


class TlsSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """TLS to a broker: PEM files. Without `ca_file` the system's authorities are trusted."""

    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


class BrokerSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """One MQTT broker and how to log in.

    The password is never here: it is read from `password_file` (one line) or from the environment
    variable `password_env` when the client connects. `client_id` "" is replaced by one made of
    node and source, stable over restarts, because the broker keeps the session under it.
    `keepalive` and `session_expiry` are in s.
    """

    host: str = "127.0.0.1"
    port: int = 1883
    username: str = ""
    password_file: str = ""
    password_env: str = ""
    tls: TlsSpec | None = None
    client_id: str = ""
    keepalive: int = 30
    version: MqttVersion = "5"
    session_expiry: int = 7 * 24 * 3600


class TimeSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the event time stands and how it is written.

    path        dotted path; "" : the payload has no time, the time of receipt is taken
    unit        s, ms, us, ns since 1970 UTC (whole numbers are exact, fractions as written);
                iso: ISO 8601 text with `Z`, an offset, or none (then `zone` says which)
    zone        IANA name for text without an offset; "": such text is refused
    fold        which of the two instants an ambiguous local hour means; `refuse`: a dead letter.
                A local time that does not exist (clocks went forward) is read by the offset
                before the change, and refused under `refuse`
    resolution  ns; stamps of one sensor that are equal within one payload are spread evenly over
                it by position. 0: taken as they are
    missing     what to do where the path is absent or null
    """

    path: str = ""
    unit: TimeUnit = "ms"
    zone: str = ""
    resolution: int = 0
    fold: Fold = "earlier"
    missing: Literal["receipt", "refuse"] = "refuse"


class QualitySpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the sender's own quality stands and what its codes mean.

    `codes` maps the code as text to a quality: strings as they are, numbers in decimal (`0`,
    `192`), booleans as `true` and `false`. Codes that are not listed mean `other`, an absent
    or null field means `missing`; both are doubtful by default: judged for raising, not for clearing.
    """

    path: str
    codes: dict[str, Quality] = {}
    other: Quality = Quality.UNCERTAIN
    missing: Quality = Quality.UNCERTAIN


class PayloadSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """The form of one message.

    points         "" : the message is one point; `$`: it is an array of points; otherwise the
                   dotted path (from the message) of such an array
    shape          point: one value per point; wide: many fields in one point, a sensor each
    value          (point) dotted path of the number; `$`: the message is nothing but the number
    fields         (wide) dotted path of the object that holds the fields; "": the point itself.
                   Which fields are sensors, the routes say
    text_numbers   numbers written as text (`"12.5"`) are read; otherwise refused
    """

    points: str = ""
    shape: Shape = "point"
    value: str = "value"
    fields: str = ""
    time: TimeSpec = TimeSpec()
    quality: QualitySpec | None = None
    text_numbers: bool = False
    format: Literal["json"] = "json"


class Route(msgspec.Struct, frozen=True, omit_defaults=True):
    """To which sensor a value goes, and its conversion: canonical = raw * scale + offset.

    `key` is what `SourceSpec.key` renders to for this sensor; `field` its dotted path below
    `PayloadSpec.fields` (wide only). Sites and sensors are named by id, since indices are known
    only after `configuration.continued`. `boolean`: true and false are read as 1 and 0.
    """

    key: str
    site: str
    sensor: str
    field: str = ""
    scale: float = 1.0
    offset: float = 0.0
    boolean: bool = False


class SourceSpec(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything the agent needs to know about one source.

    topics   patterns: `{name}` stands for one topic level or a part of one and is named for the
             templates; `+` and `#` as in MQTT
    key      template for `Route.key`: `{name}` a named topic part, `{topic}` the whole topic,
             `{payload.tag}` a path in the point, `{$.device}` a path from the message
    exercise a drill's: what it says may move the alarms of drills only
    """

    id: str
    tenant: str
    broker: BrokerSpec
    topics: tuple[str, ...]
    payload: PayloadSpec
    routes: tuple[Route, ...]
    key: str = "{topic}"
    qos: Literal[0, 1] = 1
    exercise: bool = False


def split_path(path: str) -> tuple[str, ...]:
    r"""The keys of a dotted path. Raises SpecError for an empty key.

    >>> split_path(r"data.a\.b.v")
    ('data', 'a.b', 'v')
    """
    keys = tuple(k.replace("\\.", ".") for k in re.split(r"(?<!\\)\.", path))
    if not all(keys):
        raise SpecError("a payload path has an empty part", found=repr(path), expected="a.b.c")
    return keys


class TopicPattern:
    """A compiled topic pattern. Raises SpecError where the text is not one.

    >>> pattern = TopicPattern("city-gas/{station}/dev-{device}/#")
    >>> pattern.filter
    'city-gas/+/+/#'
    >>> pattern.match("city-gas/east/dev-7/telemetry")
    {'station': 'east', 'device': '7'}
    """

    def __init__(self, text: str) -> None:
        self.text = text
        levels = text.split("/")
        self.filter = "/".join(_level_filter(text, level) for level in levels)
        if not text or "#" in self.filter[:-1]:
            raise SpecError("# may only be the last level of a topic", found=repr(text))
        names = _NAME.findall(text)
        if len(set(names)) != len(names) or "topic" in names:
            raise SpecError(
                "a named topic part must be unique and not be called topic", found=repr(text)
            )
        self.names: tuple[str, ...] = tuple(names)
        self._regex = re.compile(_topic_regex(levels), re.DOTALL)

    def match(self, topic: str) -> dict[str, str] | None:
        """The named parts of a topic that fits, else None."""
        found = self._regex.fullmatch(topic)
        return None if found is None else found.groupdict()


_NAME = re.compile(r"\{([A-Za-z_]\w*)\}")


def _level_filter(text: str, level: str) -> str:
    if level in ("+", "#"):
        return level
    plain = _NAME.sub("", level)
    if set(plain) & set("+#{}\0"):
        raise SpecError(
            "this is not a topic pattern",
            found=repr(text),
            expected="levels that are plain text, {name}, + or (last) #",
        )
    return "+" if plain != level else level


def _level_regex(level: str) -> str:
    if level == "+":
        return "[^/]*"
    parts = _NAME.split(level)  # text, name, text, name, text …
    return "".join(
        f"(?P<{part}>[^/]+)" if i % 2 else re.escape(part) for i, part in enumerate(parts)
    )


def _topic_regex(levels: list[str]) -> str:
    tail = levels[-1] == "#"
    body = "/".join(_level_regex(level) for level in (levels[:-1] if tail else levels))
    # MQTT 4.7.2: a wildcard in the first level does not match topics that begin with $.
    guard = r"(?!\$)" if levels[0][:1] in ("+", "#", "{") else ""
    if not tail:
        return guard + body
    return guard + (f"{body}(?:/.*)?" if body else ".*")


class Template:
    """A compiled key template: literal text and `{…}` parts. Raises SpecError for a wrong one.

    >>> Template("{station}.{payload.tag}").parts
    (('topic', 'station'), ('text', '.'), ('point', 'tag'))
    """

    def __init__(self, text: str) -> None:
        self.text = text
        parts: list[tuple[Literal["text", "topic", "point", "message"], str]] = []
        for i, part in enumerate(re.split(r"\{([^{}]*)\}", text)):
            if i % 2 == 0:
                if "{" in part or "}" in part:
                    raise SpecError("a template has an unpaired brace", found=repr(text))
                if part:
                    parts.append(("text", part))
            elif part.startswith("payload.$."):
                parts.append(("message", part.removeprefix("payload.$.")))
            elif part.startswith("payload."):
                parts.append(("point", part.removeprefix("payload.")))
            elif part.startswith("$."):
                parts.append(("message", part.removeprefix("$.")))
            elif part.isidentifier():
                parts.append(("topic", part))
            else:
                raise SpecError(
                    "this is not a template part",
                    found=f"{{{part}}}",
                    expected="{name of a topic part}, {topic}, {payload.path} or {$.path}",
                )
        for kind, path in parts:
            if kind in ("point", "message"):
                split_path(path)
        self.parts = tuple(parts)

    @property
    def topic_names(self) -> frozenset[str]:
        """The named topic parts that it needs (`topic` itself excluded)."""
        return frozenset(p for kind, p in self.parts if kind == "topic" and p != "topic")

    @property
    def needs_payload(self) -> bool:
        """Whether the key depends on what the payload says."""
        return any(kind in ("point", "message") for kind, _ in self.parts)
