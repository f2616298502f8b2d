"""What an instance's state says beside its level: for kinds that can tell why they give no measure."""

from __future__ import annotations

import math

from .state import State


def said(state: State, site: str, alarm: str) -> dict[str, float | str]:
    """The numbers and the reason of `<rule>~<subject>` at its last good row; empty where it has none."""
    instance = state.plan.find(site, alarm)
    if instance is None:
        return {}
    for one in state.kinds:
        plan, kind = one.plan, one.plan.kind
        if not (plan.first <= instance < plan.last) or kind.reason_at < 0:
            continue
        mine = one.rings[instance - plan.first]
        numbers = {name: float(mine[place]) for name, place in kind.says}
        found: dict[str, float | str] = {n: x for n, x in numbers.items() if math.isfinite(x)}
        found["reason"] = kind.reasons[int(mine[kind.reason_at])]
        return found
    return {}
