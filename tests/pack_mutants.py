"""Packs with one limit a little higher or lower, each of which the pack's own tests must notice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lifeline.engine.config.packs.models import LIMITS

_NUMBER = re.compile(r"^-?[0-9.]+")
#: Numbers of alarms, of which one more is otherwise.
COUNTS = ("need", "counts")
#: A time that is left is told at samples only, and a level that a forecast meets likewise.
LOOSE = {"within": 0.15, "rises_to": 0.05, "falls_to": 0.05}


@dataclass(frozen=True)
class Mutant:
    """A pack of which one limit of one rule is otherwise."""

    pack: str
    rule: str
    path: str
    value: Any
    content: Any

    def __str__(self) -> str:
        return f"{self.pack}.{self.rule}-{self.path}-{self.value}"

    def write(self, directory: Path) -> Path:
        """The pack as a file."""
        path = directory / f"{self.pack}.yaml"
        path.write_text(yaml.safe_dump(self.content, allow_unicode=True), "utf-8")
        return path


def mutants(path: Path) -> Iterator[Mutant]:
    """Every limit of a pack, of each profile that says it, in turns higher and lower."""
    content = yaml.safe_load(path.read_text("utf-8"))
    count = 0
    for i, rule in enumerate(content["rules"]):
        places = [((), rule)]
        places += [(("profiles", p), one) for p, one in (rule.get("profiles") or {}).items() if one]
        for before, keys in places:
            for steps, value in _limits(keys):
                changed = _changed(value, steps[0], -1 if count % 2 else 1)
                count += 1
                if changed is None:
                    continue
                mutated = deepcopy(content)
                at = mutated["rules"][i]
                for step in (*before, *steps[:-1]):
                    at = at[step]
                at[steps[-1]] = changed
                yield Mutant(path.stem, rule["id"], ".".join((*before, *steps)), changed, mutated)


def _limits(keys: dict[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in keys.items():
        if key in LIMITS:
            if isinstance(value, dict):
                yield from (((key, name), part) for name, part in value.items())
            else:
                yield (key,), value


def _changed(value: Any, key: str, side: int) -> Any:
    """The amount, a little more or less; None for a state, which is there or not."""
    if key in COUNTS:
        return [one + 1 for one in value] if isinstance(value, list) else value + 1
    text = str(value)
    factor = 1.0 + side * LOOSE.get(key, 0.01)
    if text in ("0", "1"):
        return None
    if text.startswith("{"):
        return f"{factor:g} x {text}"
    match = _NUMBER.match(text)
    assert match is not None, text
    return f"{float(match[0]) * factor:.6g}{text[match.end() :]}"
