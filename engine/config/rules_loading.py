"""Reads rules, in the file itself or in files of rules, and compiles them for the plant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..configuration import REPORTS, Site
from ..errors import SpecError
from ..keeping import MAINTENANCE_RULE
from ..quantities import load_catalogue, quantity
from ..rule import Judgement, Rule, Select
from .authored import AuthoredError, AuthoredErrors, AuthoredRule, AuthoredSelect
from .document import Document, Steps, read_document
from .doubtful import Doubtful
from .nearest import Names, listed, nearest
from .problems import Problems, quoted
from .rule_checks import check_judgements
from .selection import Selector, is_pattern
from .validation import validated, value_at


class AuthorKind(Protocol):
    """What loading needs of a rule kind; `kinds.Kind` is one."""

    @property
    def name(self) -> str:
        """The word in `kind:`."""
        ...

    @property
    def author_model(self) -> type[AuthoredRule]:
        """The model of the written form."""
        ...

    @property
    def compile(self) -> Callable[..., Judgement]:
        """`compile(rule, quantity, gas)` for one quantity and gas tag; raises SpecError."""
        ...


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


class RuleLoader:
    """Validates and compiles rules one after the other; mistakes go to `problems`."""

    def __init__(
        self,
        kinds: Mapping[str, AuthorKind],
        sites: Sequence[Site],
        selector: Selector,
        doubtful: Doubtful,
        problems: Problems,
    ) -> None:
        self._doubtful = doubtful
        self.rules: list[Rule] = []
        self._kinds = kinds
        valid: dict[str, Iterable[str]] = {
            "quantity": load_catalogue(),
            "site": {site.id for site in sites},
            "tenant": {site.tenant for site in sites},
            "reports": REPORTS,
            "sensor": selector.ids,
            "asset": selector.assets - {""},
        }
        self._names = {key: Names(key, names) for key, names in valid.items()}
        self._selector = selector
        self._problems = problems
        self._first: dict[str, str] = {}

    def read(self, written: Written) -> None:
        """Add one rule, unless it is not enabled or has a mistake."""
        model = self._model(written)
        if model is None:
            return
        first = self._first.setdefault(model.id, written.where)
        if first is not written.where and first != written.where:
            self._problems.error(
                written.where,
                "the rule id stands twice",
                found=quoted(model.id),
                expected=f"one only; the first is at {first}",
            )
            return
        before = self._problems.errors
        self._check_select(written, model.select)
        if self._problems.errors > before:
            return
        judgements = self._judgements(written, model)
        beside = self._beside(written, model)
        life = self._life_cycle(written, model)
        if judgements is None or beside is None or life is None:
            return
        if model.enabled:
            self.rules.append(
                Rule(
                    id=model.id,
                    kind=model.kind,
                    select=compiled_select(model.select),
                    judgements=judgements,
                    basis=model.basis,
                    message=model.message,
                    **beside,
                    **life,
                )
            )

    def _life_cycle(self, written: Written, model: AuthoredRule) -> dict[str, Any] | None:
        """How the rule's alarms live; None after a mistake."""
        if model.id == MAINTENANCE_RULE:
            self._problems.error(
                written.where,
                "this rule id is the engine's own: maintenance is recorded under it",
                found=quoted(model.id),
                expected="another id",
            )
            return None
        try:
            return model.life_cycle()
        except SpecError as error:
            self._refused(written, error, set())
            return None

    def _beside(self, written: Written, model: AuthoredRule) -> dict[str, Any] | None:
        """What the rule has beside its judgements; None after a mistake."""
        try:
            beside = model.beside(written.document.path.parent)
        except SpecError as error:
            self._refused(written, error, set())
            return None
        if not self._doubtful:
            select = compiled_select(model.select)
            for message, found in self._selector.unmatched(select, **beside):
                self._problems.warning(written.where, message, found=found)
        return beside

    def _model(self, written: Written) -> AuthoredRule | None:
        value = written.value
        if not isinstance(value, dict):
            self._problems.error(
                written.where,
                "a rule has the wrong type",
                found=quoted(value),
                expected="a mapping",
            )
            return None
        name = value.get("kind")
        kind = self._kinds.get(name) if isinstance(name, str) else None
        if kind is None:
            valid = sorted(self._kinds)
            self._problems.error(
                written.document.where((*written.at, "kind")),
                "unknown kind of rule" if "kind" in value else "the rule has no kind",
                found=quoted(name) if "kind" in value else "",
                expected=listed(valid),
                nearest=nearest(str(name), valid) if "kind" in value else (),
            )
            return None
        return validated(kind.author_model, written.document, written.at, self._problems)

    def _check_select(self, written: Written, select: AuthoredSelect) -> None:
        for key, valid in self._names.items():
            if self._doubtful.all_of(key):
                continue
            for i, name in enumerate(getattr(select, key)):
                known = name in valid or name in self._doubtful.of(key)
                if not known and not (is_pattern(name) and key != "reports"):
                    self._unknown(written, key, i, name)

    def _unknown(self, written: Written, key: str, i: int, name: str) -> None:
        where = written.document.where((*written.at, "select", key, i))
        if key == "quantity":
            try:
                quantity(name)
            except SpecError as error:
                self._problems.refused(where, error)
        else:
            self._problems.refused(where, self._names[key].unknown(name))

    def _judgements(self, written: Written, model: AuthoredRule) -> tuple[Judgement, ...] | None:
        """One Judgement per quantity and gas selected; None after a mistake."""
        kind = self._kinds[model.kind]
        groups = self._selector.groups(compiled_select(model.select))
        if not groups:
            self._selects_nothing(written, model)
        # A judgement without a gas fits every gas, and the first that fits counts: it comes last.
        of = sorted({(g.quantity, g.gas) for g in groups}, key=lambda x: (x[0], not x[1], x[1]))
        found: list[Judgement] = []
        told: set[str] = set()
        for name, gas in of or _examples(model.select):
            try:
                judgement = kind.compile(model, quantity(name), gas)
            except SpecError as error:
                self._refused(written, error, told)
                continue
            if judgement not in found:
                found.append(judgement)
        if told:
            return None
        judgements = tuple(found) if of else ()
        check_judgements(written.where, model, judgements, groups, self._problems)
        return judgements

    def _refused(self, written: Written, error: SpecError, told: set[str]) -> None:
        """Note every mistake of a compilation, unless told for another quantity or gas."""
        for part in error.errors if isinstance(error, AuthoredErrors) else (error,):
            at = part.at if isinstance(part, AuthoredError) else ()
            where = written.document.where((*written.at, *at))
            if where + part.text() not in told:
                told.add(where + part.text())
                self._problems.refused(where, part)

    def _selects_nothing(self, written: Written, model: AuthoredRule) -> None:
        if self._doubtful:
            return
        wanted = model.select.quantity
        close = nearest(wanted[0], self._selector.quantities) if wanted else ()
        self._problems.warning(
            written.where,
            "the rule selects no sensor",
            found=quoted(model.id),
            expected=f"quantities measured here: {listed(self._selector.quantities)}",
            nearest=tuple(name for name in close if name not in wanted),
        )


def compiled_select(select: AuthoredSelect) -> Select:
    """The selection as the core knows it."""
    return Select(
        quantity=tuple(select.quantity),
        site=tuple(select.site),
        sensor=tuple(select.sensor),
        asset=tuple(select.asset),
        tenant=tuple(select.tenant),
        area=select.area.rstrip("/"),
        reports=tuple(select.reports),
    )


def _examples(select: AuthoredSelect) -> list[tuple[str, str]]:
    """What a rule that selects nothing is compiled for: its amounts are checked all the same."""
    found = [quantity(name) for name in select.quantity if not is_pattern(name)]
    return [(of.name, of.gas or ("methane" if of.domain == "gas" else "")) for of in found]


def author_kinds() -> Mapping[str, AuthorKind]:
    """Every installed rule kind by name."""
    from ..kinds import load_kinds

    return load_kinds()
