"""The written form of `multivariate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from lifeline.engine.config.authored import AuthoredError, Duration
from lifeline.engine.config.normals import normal_of, read_learned_normal
from lifeline.engine.errors import SpecError
from lifeline.engine.limits import MINUTE_NS
from lifeline.engine.quantities import Quantity
from lifeline.engine.rule import Judgement, Member, Normal, Select

from .common_spec import LadderRule, LevelAmounts, Reader, ladder, positive

#: The places of `multivariate_kernels`: OF_T2, OF_Q, OF_BOTH.
STATISTICS: Final = ("t2", "q", "both")
_MAX_AGE_NS: Final = 5 * MINUTE_NS


class MultivariateRule(LadderRule):
    """How far several sensors together are from what was learned of them."""

    kind: Literal["multivariate"]
    normal: str = Field(description="a file of `lifeline fit --together`")
    of: Literal["t2", "q", "both"] = Field(
        "both", description="t2: unusual values; q: values that do not belong together"
    )
    share: Literal["95 %", "99 %", "99.9 %"] = Field(
        "99 %", description="of normal that lies below the limit"
    )
    limits: Literal["quantile", "theory"] = Field(
        "quantile", description="as the recording had it, or as theory has normal values"
    )
    beyond: LevelAmounts = Field(description="multiples of the limit")
    max_age: Duration | None = Field(None, description="how old a member's value may be; 5min")

    def beside(self, base: Path) -> dict[str, Any]:
        """The learned normal, and its sensors as members. Raises SpecError."""
        learned = read_learned_normal(base / self.normal, ("normal",))
        normal = normal_of(learned, self.share, self.limits == "theory")
        self._has_limits(normal)
        sensors = sorted({one for group in normal.groups.values() for one in group.sensors})
        members = (Member(select=Select(sensor=tuple(sensors))),)
        return {"members": members, "per": normal.per, "normal": normal}

    def _has_limits(self, normal: Normal) -> None:
        for name, group in normal.groups.items():
            if self.of != "t2" and group.limit_q <= 0.0:
                raise AuthoredError(
                    ("of",),
                    "every component was kept, so nothing is left for q",
                    found=name,
                    expected="of: t2, or a file that was fitted with a lower --explained",
                )


def compile(rule: MultivariateRule, quantity: Quantity, gas: str) -> Judgement:
    """The rule in multiples of the learned limit; raises SpecError."""
    age = _MAX_AGE_NS if rule.max_age is None else positive("max_age", rule.max_age)
    reader = Reader()
    limits = reader.limits("beyond", rule.beyond, _multiple)
    levels = ladder(rule, limits, {}, _multiple, reader)
    options = {"max_age": float(age), "of": float(STATISTICS.index(rule.of))}
    return Judgement("", "", "1", levels, options=options)


def _multiple(text: str) -> float:
    """Reads a plain number of limits."""
    try:
        return float(text)
    except ValueError:
        raise SpecError(
            "multiples of the limit are a plain number",
            found=repr(text),
            expected="a number such as 1.5",
        ) from None


MODEL: Final = MultivariateRule
