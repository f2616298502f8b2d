"""Packs and rules as lines for people: what is in a pack, and what is otherwise in another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ...configuration import Configuration
from ...level import LEVELS
from ...limits import SECOND_NS
from ...rule import Judgement, Rule
from .models import LIMITS, PackRule
from .plain import Pack, keys_of, limits_of, mark_of, marks_of

Language = Literal["en", "zh"]
_HEAD = ("id", "kind", "select", "basis")


def flat(value: Any, before: str = "") -> Iterator[tuple[str, str]]:
    """Paths and texts of a plain value: (`high.orange`, `25 %LEL`)."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from flat(part, f"{before}.{key}" if before else str(key))
    elif isinstance(value, list):
        yield before, ", ".join(map(str, value))
    else:
        yield before, str(value)


def facts_of_pack(pack: Pack) -> dict[str, dict[str, str]]:
    """Everything that a pack says, by `<profile>/<rule>` and path; texts and marks too."""
    found: dict[str, dict[str, str]] = {"pack": {"version": str(pack.model.version)}}
    for name, parameter in pack.model.parameters.items():
        found[f"parameter {name}"] = dict(flat(parameter.model_dump(exclude_unset=True)))
    for profile in pack.model.profiles or ("",):
        for _, rule in pack.rules(profile):
            facts = {
                **keys_of(rule, profile),
                "marks": marks_of(rule, profile),
                "title": rule.title.model_dump(),
                "explanation": rule.explanation.model_dump(),
                "advice": rule.advice.model_dump(),
            }
            found[f"{profile}/{rule.id}" if profile else rule.id] = dict(flat(facts))
    return found


def facts_of_plant(configuration: Configuration) -> dict[str, dict[str, str]]:
    """What the rules in force say, by id and the sites that they are for."""
    return {_called(rule): dict(_facts(rule)) for rule in configuration.rules}


def _called(rule: Rule) -> str:
    chosen = [
        f"{name} {', '.join(getattr(rule.select, name))}"
        for name in ("site", "asset", "sensor")
        if getattr(rule.select, name)
    ]
    return f"{rule.id} ({'; '.join(chosen)})" if chosen else rule.id


def _facts(rule: Rule) -> Iterator[tuple[str, str]]:
    yield "kind", rule.kind
    if rule.basis:
        yield "basis", rule.basis
    if rule.message:
        yield "message", rule.message
    for judgement in rule.judgements:
        of = " ".join(x for x in (judgement.quantity, judgement.gas) if x)
        for path, text in _limits(judgement):
            yield (f"{of} {path}" if of else path), text


def _limits(judgement: Judgement) -> Iterator[tuple[str, str]]:
    scale, unit = judgement.scale, judgement.unit
    for name, level in zip(LEVELS[1:], judgement.levels, strict=True):
        if not level.used:
            continue
        for key in ("high", "low", "deadband"):
            value = getattr(level, key)
            if value is not None and (key != "deadband" or value):
                yield f"{key}.{name}", f"{value * scale:.9g} {unit}"
        for key in ("on_delay", "off_delay"):
            if getattr(level, key):
                yield f"{key}.{name}", f"{getattr(level, key) / SECOND_NS:g} s"
    for option, number in judgement.options.items():
        yield option, f"{number:.9g}"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is otherwise; None where it is not there."""

    what: str
    path: str
    before: str | None
    after: str | None


def differences(
    before: Mapping[str, Mapping[str, str]], after: Mapping[str, Mapping[str, str]]
) -> list[Difference]:
    """What is otherwise in `after`, in the order of `before` and then what is new."""
    found = []
    for what in dict.fromkeys([*before, *after]):
        old, new = before.get(what, {}), after.get(what, {})
        for path in dict.fromkeys([*old, *new]):
            if old.get(path) != new.get(path):
                found.append(Difference(what, path, old.get(path), new.get(path)))
    return found


def described(pack: Pack, profile: str, language: Language) -> list[str]:
    """A pack for people: its rules with limits, marks and texts."""
    model = pack.model
    lines = [f"{pack.name}  {model.version}  {getattr(model.title, language)}"]
    lines += [getattr(model.about, language), ""]
    for name, one in model.profiles.items():
        lines.append(f"  {'*' if name == profile else ' '} {name}: {getattr(one.title, language)}")
    for name, parameter in model.parameters.items():
        known = parameter.profiles.get(profile)
        amount = f" = {known}" if known else ""
        lines.append(f"    {{{name}}}: {getattr(parameter.title, language)}{amount}")
        if known:
            lines.append(f"      {parameter.mark}")
    for _, rule in pack.rules(profile):
        lines += ["", *_described(pack, rule, profile, language)]
    return lines


def _described(pack: Pack, rule: PackRule, profile: str, language: Language) -> list[str]:
    keys, marks = keys_of(rule, profile), marks_of(rule, profile)
    lines = [f"{pack.name}.{rule.id}  {rule.kind}  {getattr(rule.title, language)}"]
    lines.append(f"  {', '.join(rule.select.quantity)}; {keys['basis']}")
    for path, value in limits_of(keys):
        lines.append(f"  {path}: {value}   {mark_of(marks, path)}")
    others = {k: v for k, v in keys.items() if k not in LIMITS and k not in _HEAD}
    lines += [f"  {path}: {text}" for path, text in flat(others)]
    if "default" in marks and others:
        lines.append(f"  ({marks['default']})")
    lines.append(f"  {getattr(rule.explanation, language)}")
    lines.append(f"  → {getattr(rule.advice, language)}")
    return lines
