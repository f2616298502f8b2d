"""YAML files with the line of every key and value.

Scalars follow the core schema of YAML 1.2, since that of 1.1 surprises people: `off`, `no` and
`on` are words, `12:30:00` is not a number and `2024-05-01` is not an object. A key that stands
twice is refused, since the second silently wins elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from ..errors import SpecError
from ..limits import MAX_CONFIG_BYTES, MAX_CONFIG_DEPTH, MAX_CONFIG_VALUES
from .encoding import decoded
from .problems import Problems, quoted

Steps: TypeAlias = tuple[str | int, ...]

# Only the parser's events are used: PyYAML's composer recurses in C and dies of deep nesting.
_PARSER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL: Final = re.compile(r"~|null|Null|NULL|")
_BOOL: Final = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT: Final = re.compile(r"[-+]?[0-9]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_CORE: Final = "tag:yaml.org,2002:"
_TEXT: Final = ("!", _CORE + "str")
_PLAIN_TAGS: Final = (*_TEXT, _CORE + "map", _CORE + "seq")


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file: plain values, and the lines where its keys and values stand.

    `value` consists of dict (str keys), list, str, int, float, bool and None. `keys` and `values`
    give the 1-based line by path, e.g. `("sites", 0, "area")`.
    """

    path: Path
    value: Any
    keys: dict[Steps, int] = field(default_factory=dict)
    values: dict[Steps, int] = field(default_factory=dict)

    def where(self, steps: Steps, *, key: bool = False) -> str:
        """`lifeline.yaml:12` for the value (or key) at `steps`, or its nearest parent."""
        if key and steps in self.keys:
            return f"{self.path.name}:{self.keys[steps]}"
        while steps and steps not in self.values:
            steps = steps[:-1]
        return f"{self.path.name}:{self.values.get(steps, 1)}"


def read_document(path: Path, problems: Problems) -> Document | None:
    """The file as a Document, or None where it cannot be read; every mistake goes to `problems`."""
    text = read_text(path, problems)
    if text is None:
        return None
    parser = None
    try:
        parser = _PARSER(text)
        builder = _Builder(path, parser, problems)
        value = builder.document()
    except yaml.MarkedYAMLError as error:
        _syntax(path, error, problems)
    except yaml.YAMLError as error:
        problems.error(f"{path.name}:1", "not readable as YAML", found=str(error).splitlines()[0])
    except SpecError as error:
        problems.refused(str(path), error)
    else:
        return Document(path, value, builder.keys, builder.values)
    finally:
        if parser is not None:
            parser.dispose()
    return None


def read_text(path: Path, problems: Problems) -> str | None:
    """The text of a configuration file in any encoding that spreadsheets and editors write."""
    try:
        size = path.stat().st_size
        if size > MAX_CONFIG_BYTES:
            problems.error(
                str(path), "the file is too large", expected=f"at most {MAX_CONFIG_BYTES:,} bytes"
            )
            return None
        data = path.read_bytes()
    except OSError as error:
        problems.error(str(path), "the file cannot be read", found=error.strerror or str(error))
        return None
    return decoded(data, path.name, problems)


def _syntax(path: Path, error: yaml.MarkedYAMLError, problems: Problems) -> None:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark is not None else 1
    problems.error(
        f"{path.name}:{line}",
        "not valid YAML",
        found=" ".join(x for x in (error.context, error.problem) if x),
    )


@dataclass(frozen=True, slots=True)
class _Anchored:
    """A value that aliases repeat, how many values it holds, and how deep they lie."""

    value: Any
    size: int
    depth: int


class _Builder:
    """Turns the parser's events into plain values and notes their lines.

    A structure that is too deep or too large raises SpecError; other mistakes go to `problems` and
    leave None. Aliases repeat a value without copying; their inside has no lines of its own.
    """

    def __init__(self, path: Path, parser: Any, problems: Problems) -> None:
        self.keys: dict[Steps, int] = {}
        self.values: dict[Steps, int] = {}
        self._path = path
        self._parser = parser
        self._problems = problems
        self._anchors: dict[str, _Anchored] = {}
        self._size = 0
        self._deepest = 0

    def document(self) -> Any:
        """The value of the only document; None where there is none."""
        parser = self._parser
        parser.get_event()
        if parser.check_event(yaml.StreamEndEvent):
            return None
        parser.get_event()
        value = self._value(())
        parser.get_event()
        if not parser.check_event(yaml.StreamEndEvent):
            self._error(_line(parser.peek_event()), "a second document begins", expected="one")
        return value

    def _value(self, steps: Steps) -> Any:
        event = self._parser.get_event()
        line = _line(event)
        self.values[steps] = line
        if isinstance(event, yaml.AliasEvent):
            return self._repeated(event, len(steps), line)
        size, deepest = self._size, self._deepest
        self._deepest = 0
        self._grow(1, len(steps), line)
        if event.tag is not None and event.tag not in _PLAIN_TAGS:
            self._error(line, "tags are not allowed", found=quoted(event.tag))
        if isinstance(event, yaml.MappingStartEvent):
            value: Any = self._mapping(steps)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(steps)
        else:
            as_text = event.style or event.tag in _TEXT
            value = str(event.value) if as_text else plain(event.value)
        if event.anchor is not None:
            depth = self._deepest - len(steps)
            self._anchors[event.anchor] = _Anchored(value, self._size - size, depth)
        self._deepest = max(self._deepest, deepest)
        return value

    def _mapping(self, steps: Steps) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not self._parser.check_event(yaml.MappingEndEvent):
            event = self._parser.peek_event()
            line = _line(event)
            if not isinstance(event, yaml.ScalarEvent):
                self._error(line, "a key must be a plain word")
                self._skip(steps)
                continue
            self._parser.get_event()
            key = str(event.value)
            if key in found:
                first = f"one only; the first is on line {self.keys[(*steps, key)]}"
                self._error(line, "the key stands twice", found=quoted(key), expected=first)
                self._value((*steps, ""))
                continue
            self.keys[(*steps, key)] = line
            found[key] = self._value((*steps, key))
        self._parser.get_event()
        return found

    def _sequence(self, steps: Steps) -> list[Any]:
        found: list[Any] = []
        while not self._parser.check_event(yaml.SequenceEndEvent):
            found.append(self._value((*steps, len(found))))
        self._parser.get_event()
        return found

    def _skip(self, steps: Steps) -> None:
        """Read over a key that cannot be one, and its value."""
        self._value((*steps, ""))
        self._value((*steps, ""))

    def _repeated(self, event: yaml.AliasEvent, depth: int, line: int) -> Any:
        anchored = self._anchors.get(event.anchor or "")
        if anchored is None:
            self._error(line, "the alias repeats nothing before it", found=quoted(event.anchor))
            return None
        self._grow(anchored.size, depth + anchored.depth, line)
        return anchored.value

    def _grow(self, size: int, depth: int, line: int) -> None:
        self._size += size
        self._deepest = max(self._deepest, depth)
        where = f"{self._path.name}:{line}"
        if self._size > MAX_CONFIG_VALUES:
            raise SpecError(
                "the file holds too many values",
                where=where,
                expected=f"at most {MAX_CONFIG_VALUES:,}, aliases counted as often as they stand",
            )
        if depth > MAX_CONFIG_DEPTH:
            raise SpecError(
                "the file is nested too deeply",
                where=where,
                expected=f"at most {MAX_CONFIG_DEPTH} levels",
            )

    def _error(self, line: int, message: str, *, found: str = "", expected: str = "") -> None:
        where = f"{self._path.name}:{line}"
        self._problems.error(where, message, found=found, expected=expected)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def plain(text: str) -> str | int | float | bool | None:
    """What an unquoted scalar means in YAML 1.2's core schema.

    >>> plain("off"), plain("12"), plain("1e3"), plain("true"), plain("12:30"), plain("~")
    ('off', 12, 1000.0, True, '12:30', None)
    """
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text[0] in "tT"
    if _INT.fullmatch(text) and len(text) < 20:
        return int(text)
    if _FLOAT.fullmatch(text) and len(text) < 40:
        return float(text)
    return text
