"""Rules as they stand, in the file itself or in files of rules."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .document import Document, Steps, read_document
from .problems import Problems, quoted
from .validation import value_at


@dataclass(frozen=True, slots=True)
class Written:
    """One rule as it stands in a file."""

    document: Document
    at: Steps

    @property
    def where(self) -> str:
        """`lifeline.yaml:40`."""
        return self.document.where(self.at)

    @property
    def value(self) -> Any:
        """Its plain value."""
        return value_at(self.document.value, self.at)


def written_rules(document: Document, problems: Problems) -> list[Written]:
    """Every rule of the key `rules`, those in files of rules included."""
    found: list[Written] = []
    value = document.value.get("rules")
    at: Steps = ("rules",)
    if isinstance(value, str):
        return list(_in_file(document, at, value, problems))
    if not isinstance(value, list):
        if value is not None:
            problems.error(
                document.where(at),
                "rules has the wrong type",
                found=quoted(value),
                expected="a list",
            )
        return found
    for i, item in enumerate(value):
        if isinstance(item, str):
            found.extend(_in_file(document, (*at, i), item, problems))
        else:
            found.append(Written(document, (*at, i)))
    return found


def _in_file(document: Document, at: Steps, name: str, problems: Problems) -> Iterator[Written]:
    path = document.path.parent / name
    if not path.is_file():
        problems.error(document.where(at), "no such file of rules", found=quoted(name))
        return
    rules = read_document(path, problems)
    if rules is None:
        return
    inside: Steps = ("rules",) if isinstance(rules.value, dict) and "rules" in rules.value else ()
    items = value_at(rules.value, inside)
    if not isinstance(items, list) or (inside and len(rules.value) > 1):
        problems.error(
            rules.where(()),
            "not a file of rules",
            expected="a list of rules, or rules: and the list",
        )
        return
    for i in range(len(items)):
        yield Written(rules, (*inside, i))
