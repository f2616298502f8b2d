"""The written form of `ladder`: which alarms count, as points or items, and how many are needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from lifeline.engine.config.authored import AuthoredError, AuthoredRule, Duration, OneOrMany
from lifeline.engine.promotion import STATUTORY
from lifeline.engine.quantities import Quantity
from lifeline.engine.rule import Judgement, LevelLimits, Member


class LadderRule(AuthoredRule):
    """Many alarms of one level make one of the next."""

    kind: Literal["ladder"]
    per: Literal["site", "asset"] = "site"
    of: OneOrMany = Field([], description="rules; without it all of sensors that speak of danger")
    count: Literal["points", "items"] = Field("items", description="what is counted")
    item: Literal["quantity", "asset"] = Field("quantity", description="what makes points an item")
    counts: list[int] = Field(
        list(STATUTORY), min_length=3, max_length=3, description="blue, yellow, orange needed"
    )
    on_delay: Duration = 0
    off_delay: Duration = 0

    def beside(self, base: Path) -> dict[str, Any]:
        """Members and scope."""
        return {"members": (Member(rule=tuple(self.of) or ("*",)),), "per": self.per}


def compile(rule: LadderRule, quantity: Quantity, gas: str) -> Judgement:
    """One judgement for all groups; raises SpecError."""
    if any(count < 1 for count in rule.counts):
        raise AuthoredError(
            ("counts",), "counts must be at least 1", found=str(rule.counts), expected="[4, 3, 2]"
        )
    blue, yellow, orange = (float(count) for count in rule.counts)
    options = {
        "by_asset": float(rule.item == "asset"),
        "items": float(rule.count == "items"),
        "first_hand": float(not rule.of),
        "blue": blue,
        "yellow": yellow,
        "orange": orange,
    }
    made = [
        LevelLimits(high=count, on_delay=rule.on_delay, off_delay=rule.off_delay)
        for count in (blue, yellow, orange)
    ]
    return Judgement("", "", "1", (LevelLimits(), *made), options)


MODEL: Final = LadderRule
