"""Validates rules and compiles them for the plant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from ..configuration import REPORTS, Site
from ..errors import SpecError
from ..frame import Bool
from ..keeping import MAINTENANCE_RULE
from ..quantities import load_catalogue, quantity
from ..rule import Judgement, Rule, Select
from ..selection import is_pattern
from .authored import AuthoredError, AuthoredErrors, AuthoredRule, AuthoredSelect
from .doubtful import Doubtful
from .learned import LearnedSensor
from .learned_rules import of_each_sensor, shown
from .nearest import Names, listed, nearest
from .problems import Problems, quoted
from .rule_checks import check_judgements
from .selection import Selector
from .validation import validated
from .written_rules import Written


class AuthorKind(Protocol):
    """What loading needs of a rule kind; `kinds.Kind` is one."""

    @property
    def name(self) -> str:
        """The word in `kind:`."""
        ...

    @property
    def stage(self) -> int:
        """What feeds it: 0 its own sensor; a later stage hears alarms of earlier ones."""
        ...

    @property
    def author_model(self) -> type[AuthoredRule]:
        """The model of the written form."""
        ...

    @property
    def compile(self) -> Callable[..., Judgement]:
        """`compile(rule, quantity, gas)` for one quantity and gas tag; raises SpecError."""
        ...


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
        self.selector = self._selector = selector
        self._problems = problems
        self._first: dict[str, Written] = {}  # by rule id
        self._judged: dict[str, Bool] = {}

    @property
    def where(self) -> dict[str, str]:
        """Where each rule stands, by its id."""
        return {name: written.where for name, written in self._first.items()}

    def read(self, written: Written) -> None:
        """Add one rule, unless it is not enabled or has a mistake."""
        model = self._model(written)
        if model is None:
            return
        if self._stands_twice(written, model):
            return
        before = self._problems.errors
        self._check_select(written, model.select)
        if self._problems.errors > before:
            return
        beside = self._beside(written, model)
        if beside is not None and beside.get("members"):
            judgements = self._of_groups(written, model, beside)
        else:
            judgements = self._judgements(written, model)
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

    def _stands_twice(self, written: Written, model: AuthoredRule) -> bool:
        """Whether the id is another rule's, which is told. One pack's rule may be in force in several
        forms, each for sensors of its own."""
        first = self._first.setdefault(model.id, written)
        if first is written:
            self._judged[model.id] = self._selector.chosen(compiled_select(model.select))
            return False
        if not (written.pack and first.pack == written.pack):
            self._problems.error(
                written.where,
                "the rule id stands twice",
                found=quoted(model.id),
                expected=f"one only; the first is at {first.where}",
            )
            return True
        mine = self._selector.chosen(compiled_select(model.select))
        if (mine & self._judged[model.id]).any():
            self._problems.error(
                written.where,
                f"two takes of {written.pack} judge the same sensors",
                found=quoted(model.id),
                expected=f"site, asset or sensor that keep them apart; the first is at {first.where}",
            )
            return True
        self._judged[model.id] |= mine
        return False

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
        try:
            learned = model.learned_of(written.document.path.parent)
        except SpecError as error:
            self._refused(written, error, set())
            return None
        if learned is not None:
            return self._of_each_sensor(written, model, learned)
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

    def _of_groups(
        self, written: Written, model: AuthoredRule, beside: dict[str, Any]
    ) -> tuple[Judgement, ...] | None:
        """One Judgement for all groups; none where nothing says of which quantity they are."""
        select, grouping = compiled_select(model.select), self._selector.grouping
        about = grouping.first(select, beside["members"])
        judgements: tuple[Judgement, ...] = ()
        if about is not None:
            try:
                judgements = (self._kinds[model.kind].compile(model, quantity(about[0]), about[1]),)
            except SpecError as error:
                self._refused(written, error, set())
                return None
        rule = Rule(model.id, model.kind, select, judgements, **beside)
        if not self._doubtful:
            for wrong, message, found, expected in grouping.troubles(rule):
                tell = self._problems.error if wrong else self._problems.warning
                tell(written.where, message, found=found, expected=expected)
        check_judgements(written.where, model, judgements, (), self._problems)
        return judgements

    def _of_each_sensor(
        self, written: Written, model: AuthoredRule, learned: Mapping[str, LearnedSensor]
    ) -> tuple[Judgement, ...] | None:
        """One Judgement per sensor that is selected and was learned; None after a mistake."""
        select = compiled_select(model.select)
        selected = self._selector.named(select)
        try:
            found, unknown = of_each_sensor(
                model, self._kinds[model.kind].compile, learned, selected
            )
        except SpecError as error:
            self._refused(written, error, set())
            return None
        if unknown and not self._doubtful:
            message = "the learned file does not know sensors that the rule selects"
            self._problems.warning(written.where, message, found=shown(unknown))
        if not selected:
            self._selects_nothing(written, model)
        groups = self._selector.groups(select)
        check_judgements(written.where, model, found, groups, self._problems)
        return found

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
