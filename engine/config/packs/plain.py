"""A pack as read, and a rule of it as plain keys in a profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..document import Document
from .models import LIMITS, TEXTS, PackFile, PackRule


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack as read: its model, and where everything stands."""

    model: PackFile
    document: Document

    @property
    def name(self) -> str:
        """Its name."""
        return self.model.pack

    @property
    def profile(self) -> str:
        """The profile that holds unless one is named; "" where there are none."""
        return next(iter(self.model.profiles), "")

    def rules(self, profile: str) -> list[tuple[int, PackRule]]:
        """The rules of a profile and their places in the file."""
        return [
            (i, rule)
            for i, rule in enumerate(self.model.rules)
            if rule.profiles.get(profile, {}) is not None
        ]


def keys_of(rule: PackRule, profile: str) -> dict[str, Any]:
    """The rule's own keys in a profile as plain values, with what a rule in force has too."""
    plain = rule.model_dump(exclude=set(TEXTS), exclude_unset=True)
    other = rule.profiles.get(profile) or {}
    return {**plain, **{key: value for key, value in other.items() if key not in TEXTS}}


def marks_of(rule: PackRule, profile: str) -> dict[str, str]:
    """The marks of a profile by key."""
    other = rule.profiles.get(profile) or {}
    return {**rule.marks, **other.get("marks", {})}


def mark_of(marks: dict[str, str], key: str) -> str:
    """The mark of a key such as `high.red`: its own, that of `high`, or `default`; "" if none.

    A limit is not covered by `default`.
    """
    first = key.partition(".")[0]
    own = marks.get(key) or marks.get(first)
    return own or ("" if first in LIMITS else marks.get("default", ""))


def limits_of(keys: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The limits among a rule's keys: (`high.red`, what it is)."""
    found: list[tuple[str, Any]] = []
    for key, value in keys.items():
        if key not in LIMITS:
            continue
        if isinstance(value, dict):
            found += [(f"{key}.{name}", part) for name, part in value.items()]
        else:
            found.append((key, value))
    return found
