"""The written form of `composite`: which alarms must stand, which may, which must not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

from lifeline.engine.config.authored import (
    Authored,
    AuthoredError,
    AuthoredRule,
    AuthoredSelect,
    Duration,
    OneOrMany,
)
from lifeline.engine.config.rules_loading import compiled_select
from lifeline.engine.level import LEVELS
from lifeline.engine.quantities import Quantity
from lifeline.engine.rule import Judgement, LevelLimits, Member

from .common_spec import LevelName, single

_ANY, _NOT, _FIRST_OF_ALL = 0, 1, 2  # composite_kernels


def _by_rule(value: Any) -> Any:
    return {"of": value} if isinstance(value, str) else value


class Term(Authored):
    """Alarms of which one at least stands; a rule id alone means any level."""

    of: OneOrMany = Field(min_length=1, description="rules: ids or patterns")
    at_least: LevelName = Field("blue", description="the level from which it holds")
    select: AuthoredSelect = Field(AuthoredSelect(), description="on these sensors alone")


Written = Annotated[Term, BeforeValidator(_by_rule)]


class CompositeRule(AuthoredRule):
    """An alarm that stands while all of these, any of those and none of the others do."""

    kind: Literal["composite"]
    per: Literal["asset", "site"] = Field(description="one for each")
    all: list[Written] = Field([], description="every one of these terms holds")
    any: list[Written] = Field([], description="at least one of these does")
    none: list[Written] = Field([], alias="not", description="none of these does")
    level: LevelName = "yellow"
    on_delay: Duration = 0
    off_delay: Duration = 0

    def beside(self, base: Path) -> dict[str, Any]:
        """Terms as members; a group needs somebody for each term that must hold."""
        members = [_member(_ANY, one, needed=len(self.any) == 1) for one in self.any]
        members += [_member(_NOT, one, needed=False) for one in self.none]
        members += [_member(_FIRST_OF_ALL + i, one, needed=True) for i, one in enumerate(self.all)]
        return {"members": tuple(members), "per": self.per}


def _member(role: int, term: Term, *, needed: bool) -> Member:
    return Member(
        role=role,
        select=compiled_select(term.select),
        needed=needed,
        rule=tuple(term.of),
        level=LEVELS.index(term.at_least),
    )


def compile(rule: CompositeRule, quantity: Quantity, gas: str) -> Judgement:
    """One judgement for all groups; raises SpecError."""
    if not rule.all and not rule.any:
        raise AuthoredError(
            ("not",) if rule.none else (),
            "nothing has to stand: silence would raise it",
            expected="terms under all or any",
        )
    limits = LevelLimits(high=1.0, on_delay=rule.on_delay, off_delay=rule.off_delay)
    return Judgement("", "", "1", single(rule.level, limits))


MODEL: Final = CompositeRule
