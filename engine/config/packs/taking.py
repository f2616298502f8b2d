"""Turns the packs that sites take into rules as `lifeline.yaml` would have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ...errors import SpecError
from ...rule import Select
from ..document import Document, Steps
from ..problems import Problems, quoted
from ..selection import Selector
from .amounts import filled, named
from .fitting import Fitting
from .hearing import heard
from .library import Library
from .models import PackChange, PackRule
from .plain import Pack, keys_of, marks_of
from .takes import Take
from .wording import basis_of, message_of

_BY_LEVEL: Final = ("deadband", "on_delay", "off_delay")


@dataclass(frozen=True, slots=True)
class TakenDocument(Document):
    """The rules of one take as a list; a mistake is told where the take is written.

    `places` has the steps of what the site changed, `base` the place of the take.
    """

    base: str = ""
    names: tuple[str, ...] = ()
    places: dict[Steps, str] = field(default_factory=dict)

    def where(self, steps: Steps, *, key: bool = False) -> str:
        """`lifeline.yaml:12`, with the rule where the site wrote nothing of its own."""
        for length in range(len(steps), 0, -1):
            if steps[:length] in self.places:
                return self.places[steps[:length]]
        if steps and isinstance(steps[0], int):
            return f"{self.base} ({self.names[steps[0]]})"
        return self.base


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A rule that a site leaves out of a pack, and why."""

    id: str
    kind: str
    select: Select
    basis: str


@dataclass(frozen=True, slots=True)
class Taken:
    """What a take comes to: rules in `document.value`, and those that are left out."""

    document: TakenDocument
    left_out: tuple[LeftOut, ...]


class Taking:
    """Takes packs; every mistake goes to `problems` with its place in `lifeline.yaml`."""

    def __init__(
        self, document: Document, library: Library, selector: Selector, problems: Problems
    ) -> None:
        self._document, self._library = document, library
        self._selector, self._problems = selector, problems
        self._fitting = Fitting(document, problems)

    def rules(self, takes: Iterable[Take]) -> Iterator[Taken]:
        """The rules of each take."""
        for take in takes:
            where = self._document.where(take.at)
            pack = self._library.find(take.model.pack, where)
            if pack is not None and self._fitting.fits(pack, take):
                yield self._taken(pack, take)

    def _taken(self, pack: Pack, take: Take) -> Taken:
        profile = take.model.profile or pack.profile
        values: list[dict[str, Any]] = []
        places: dict[Steps, str] = {}
        left_out: list[LeftOut] = []
        found = 0
        absent = self._absent(pack, take, profile)
        for _, rule in pack.rules(profile):
            select = _selected(rule, take)
            name = f"{pack.name}.{rule.id}"
            reason = take.model.without.get(rule.id)
            if reason is not None:
                left_out.append(
                    LeftOut(name, rule.kind, select, f"left out of pack {pack.name}: {reason}")
                )
                found += 1
                continue
            keys = heard(keys_of(rule, profile), absent)
            if name in absent or keys is None:
                self._idle_changes(pack, take, rule)
                continue
            found += 1
            value = self._value(pack, take, rule, keys, profile, places, len(values))
            if value is not None:
                values.append({**value, "id": name, "select": _plain(select)})
        where = self._document.where(take.at)
        if not found:
            self._problems.warning(
                where,
                "the pack finds no sensor to judge",
                found=quoted(pack.name),
                expected="sensors of "
                + ", ".join(sorted({q for r in pack.model.rules for q in r.select.quantity})),
            )
        names = tuple(str(value["id"]) for value in values)
        return Taken(
            TakenDocument(self._document.path, values, base=where, names=names, places=places),
            tuple(left_out),
        )

    def _absent(self, pack: Pack, take: Take, profile: str) -> set[str]:
        """Ids of the rules that the site does not have, and of those that would hear nobody."""
        rules = {
            f"{pack.name}.{rule.id}": rule
            for _, rule in pack.rules(profile)
            if rule.id not in take.model.without
        }
        absent = {
            name for name, rule in rules.items() if not self._measured(rule, _selected(rule, take))
        }
        while more := {
            name
            for name, rule in rules.items()
            if name not in absent and heard(keys_of(rule, profile), absent) is None
        }:
            absent |= more
        return absent

    def _measured(self, rule: PackRule, select: Select) -> bool:
        """Whether there are sensors for the rule, and of each quantity that it needs."""
        chosen = {group.quantity for group in self._selector.groups(select)}
        return bool(chosen) and chosen.issuperset(rule.needs)

    def _value(
        self,
        pack: Pack,
        take: Take,
        rule: PackRule,
        keys: dict[str, Any],
        profile: str,
        places: dict[Steps, str],
        at: int,
    ) -> dict[str, Any] | None:
        """The rule's keys in force; None after a mistake."""
        changes = _changes_of(rule.id, take.model.change)
        told: list[tuple[str, Any, PackChange]] = []
        for steps, change in changes.items():
            old = _set(keys, steps, change.to)
            told.append((" ".join(steps), old, change))
            path = ".".join((rule.id, *steps))
            places[(at, *steps)] = self._where(take, "change", path, "to")
        given = self._given(pack, take, profile, told, set(named(keys)))
        lacking = sorted(set(named(keys)) - set(given))
        for name in lacking:
            parameter = pack.model.parameters[name]
            self._problems.error(
                self._document.where(take.at),
                f"{pack.name}.{rule.id} needs {name}: {parameter.title.en}",
                expected=f"given: {{{name}: …}}, or without: {{{rule.id}: reason}}",
            )
        if lacking:
            return None
        try:
            value: dict[str, Any] = filled(keys, given, pack.model.parameters)
        except SpecError as error:
            self._problems.refused(self._document.where(take.at), error, prefix=f"{rule.id}: ")
            return None
        basis = basis_of(pack, rule, profile, marks_of(rule, profile), told, keys)
        return {**value, "basis": basis, "message": message_of(rule, profile)}

    def _given(
        self,
        pack: Pack,
        take: Take,
        profile: str,
        told: list[tuple[str, Any, PackChange]],
        used: set[str],
    ) -> dict[str, str]:
        """The parameters that have an amount; changes of those that are used are told."""
        found: dict[str, str] = dict(take.model.given)
        for name, parameter in pack.model.parameters.items():
            if profile in parameter.profiles:
                found[name] = parameter.profiles[profile]
            change = take.model.change.get(name)
            if change is not None:
                if name in used:
                    told.append((name, found.get(name), change))
                found[name] = str(change.to)
        return found

    def _idle_changes(self, pack: Pack, take: Take, rule: PackRule) -> None:
        for steps in _changes_of(rule.id, take.model.change):
            path = ".".join((rule.id, *steps))
            self._problems.warning(
                self._where(take, "change", path, key=True),
                f"{pack.name}.{rule.id} judges no sensor here: the change changes nothing",
                found=quoted(path),
            )

    def _where(self, take: Take, *steps: str, key: bool = False) -> str:
        return self._document.where((*take.at, *steps), key=key)


def _changes_of(rule: str, changes: Mapping[str, PackChange]) -> dict[tuple[str, ...], PackChange]:
    found = {}
    for path, change in changes.items():
        name, *steps = path.split(".")
        if name == rule and steps:
            found[tuple(steps)] = change
    return found


def _set(keys: dict[str, Any], steps: tuple[str, ...], to: Any) -> Any:
    """Sets one thing of a rule's plain keys (None: removes it); what stood there before."""
    first, *rest = steps
    if not rest:
        old = keys.get(first)
        if to is None:
            keys.pop(first, None)
        else:
            keys[first] = to
        return old
    inside = keys.get(first)
    if not isinstance(inside, dict):
        inside = {} if inside is None else {"default": inside}
    old = inside.get(rest[0], inside.get("default") if first in _BY_LEVEL else None)
    keys[first] = {name: value for name, value in inside.items() if name != rest[0]}
    if to is not None:
        keys[first][rest[0]] = to
    return old


def _selected(rule: PackRule, take: Take) -> Select:
    own = rule.select
    return Select(
        quantity=tuple(own.quantity),
        site=() if take.all_sites else take.sites,
        sensor=tuple(take.model.sensor or own.sensor),
        asset=tuple(take.model.asset or own.asset),
        reports=tuple(own.reports),
    )


def _plain(select: Select) -> dict[str, Any]:
    found = {
        name: list(getattr(select, name)) for name in select.__struct_fields__ if name != "area"
    }
    return {name: value for name, value in found.items() if value}
