"""The written form of `blind`: how long nobody may watch.

A watch-dog with a time base of its own, IEC 61508-7, A.9.1 (from knowledge, not read there): ticks are the
signal, and the first one after a gap says how long there was none.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field

from lifeline.engine.config.authored import Authored, AuthoredError, AuthoredRule, Duration
from lifeline.engine.limits import BLIND_NS, SECOND_NS
from lifeline.engine.quantities import Quantity
from lifeline.engine.rule import Judgement, LevelLimits, Member

from .common_spec import LEVEL_NAMES, Delay, DelayByLevel, Reader, by_level


class Beyond(Authored):
    """How long, for each level that the alarm may have."""

    blue: Duration | None = None
    yellow: Duration | None = None
    orange: Duration | None = None
    red: Duration | None = None


class BlindRule(AuthoredRule):
    """Nobody stepped the log of a site for so long: one alarm for the site, whatever its sensors."""

    kind: Literal["blind"]
    beyond: Beyond = Field(description="how long without a tick, by level")
    off_delay: Delay = DelayByLevel()

    def beside(self, base: Path) -> dict[str, Any]:
        """Every selected sensor makes its site one that is watched."""
        return {"members": (Member(),), "per": "site"}


def compile(rule: BlindRule, quantity: Quantity, gas: str) -> Judgement:
    """One judgement for all sites; raises SpecError."""
    found = by_level(rule.beyond)
    if not found:
        raise AuthoredError(
            ("beyond",), "no level is named", expected="such as {yellow: 1 min, red: 1 h}"
        )
    reader = Reader()
    for name, ns in found.items():
        if ns <= BLIND_NS:
            reader.errors.append(
                AuthoredError(
                    ("beyond", name),
                    "ticks may lie so far apart while all is well",
                    found=f"{ns / SECOND_NS:g} s",
                    expected=f"more than {BLIND_NS // SECOND_NS} s",
                )
            )
    reader.only_used("off_delay", rule.off_delay, found)
    reader.done()

    def level(name: str) -> LevelLimits:
        if name not in found:
            return LevelLimits()
        off = getattr(rule.off_delay, name)
        return LevelLimits(
            high=found[name] / SECOND_NS, off_delay=rule.off_delay.default if off is None else off
        )

    blue, yellow, orange, red = (level(name) for name in LEVEL_NAMES)
    return Judgement("", "", "s", (blue, yellow, orange, red))


MODEL: Final = BlindRule
