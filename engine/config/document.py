"""YAML files with the line of every key and value.

Scalars follow the core schema of YAML 1.2, since that of 1.1 surprises people: `off`, `no` and
`on` are words, `12:30:00` is not a number and `2024-05-01` is not an object. A key that stands twice
is refused, since the second silently wins elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from ..limits import MAX_CONFIG_BYTES, MAX_CONFIG_DEPTH, MAX_CONFIG_VALUES
from .encoding import decoded
from .problems import Problems, quoted

Steps: TypeAlias = tuple[str | int, ...]

_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL: Final = re.compile(r"~|null|Null|NULL|")
_BOOL: Final = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT: Final = re.compile(r"[-+]?[0-9]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_PLAIN: Final = "tag:yaml.org,2002:str"


class _Loader(_BASE):  # type: ignore[misc]
    """Composes nodes only; no tag ever constructs an object."""

    yaml_implicit_resolvers: Final[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}


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
    loader = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        _syntax(path, error, problems)
        return None
    except (yaml.YAMLError, RecursionError) as error:
        problems.error(f"{path.name}:1", "not readable as YAML", found=str(error).splitlines()[0])
        return None
    finally:
        if loader is not None:
            loader.dispose()
    builder = _Builder(path, problems)
    value = builder.build(node, ()) if node is not None else None
    return Document(path, value, builder.keys, builder.values)


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


class _Builder:
    """Turns composed nodes into plain values and notes their lines."""

    def __init__(self, path: Path, problems: Problems) -> None:
        self.path = path
        self.problems = problems
        self.keys: dict[Steps, int] = {}
        self.values: dict[Steps, int] = {}

    def build(self, node: yaml.Node, steps: Steps) -> Any:
        """The plain value of a node. What is refused becomes None, with a problem."""
        line = node.start_mark.line + 1
        self.values[steps] = line
        if len(steps) > MAX_CONFIG_DEPTH or len(self.values) > MAX_CONFIG_VALUES:
            return self._too_much(steps, line)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, steps)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*steps, i)) for i, child in enumerate(node.value)]
        return self._scalar(node, line)

    def _mapping(self, node: yaml.MappingNode, steps: Steps) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._error(line, "a key must be a plain word")
                continue
            key = str(key_node.value)
            if key in found:
                first = self.keys[(*steps, key)]
                self._error(line, "the key stands twice", found=quoted(key), first=first)
                continue
            self.keys[(*steps, key)] = line
            found[key] = self.build(value_node, (*steps, key))
        return found

    def _scalar(self, node: yaml.Node, line: int) -> Any:
        text = str(node.value)
        if node.tag not in (_PLAIN, "!") and not node.tag.startswith("tag:yaml.org,2002:"):
            self._error(line, "tags are not allowed", found=quoted(node.tag))
            return None
        return text if getattr(node, "style", None) else plain(text)

    def _too_much(self, steps: Steps, line: int) -> None:
        # Told once: an alias that contains itself would otherwise fill the list.
        if not any(p.message.startswith("the file holds too") for p in self.problems.all()):
            what = "deep" if len(steps) > MAX_CONFIG_DEPTH else "much"
            self._error(line, f"the file holds too {what} a structure")

    def _error(self, line: int, message: str, *, found: str = "", first: int = 0) -> None:
        expected = f"one only; the first is on line {first}" if first else ""
        self.problems.error(f"{self.path.name}:{line}", message, found=found, expected=expected)


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
