"""What an instance's state says beside its level: for kinds that can tell why they give no measure."""

from __future__ import annotations

import math

import numpy as np

from ..plan import KindPlan, Plan
from .state import State


def said(state: State, site: str, alarm: str) -> dict[str, float | str]:
    """The numbers and the reason of `<rule>~<subject>` at its last good row; empty where it has none."""
    instance = state.plan.find(site, alarm)
    if instance is None:
        return {}
    for one in state.every_kind():
        plan, kind = one.plan, one.plan.kind
        if not (plan.first <= instance < plan.last) or kind.reason_at < 0:
            continue
        mine = one.rings[instance - plan.first]
        numbers = {name: float(mine[place]) for name, place in kind.says}
        found: dict[str, float | str] = {n: x for n, x in numbers.items() if math.isfinite(x)}
        found |= _members(state.plan, plan, instance - plan.first, found)
        found["reason"] = kind.reasons[int(mine[kind.reason_at])]
        return found
    return {}


def _members(
    plan: Plan, kind: KindPlan, group: int, found: dict[str, float | str]
) -> dict[str, float | str]:
    """The sensors that numbers mean."""
    if kind.groups is None:
        return {}
    sensors, members = plan.configuration.sensors, kind.groups.members_of(group)
    return {
        name: sensors[members[int(found[name])][0]].id
        for name in kind.kind.says_member
        if name in found
    }


def reasons(state: State | None) -> dict[str, dict[str, int]]:
    """By kind: how many instances gave no measure at their last good row, by reason.

    "judged" counts those that did. Kinds that say nothing are left out.
    """
    found: dict[str, dict[str, int]] = {}
    for one in () if state is None else state.every_kind():
        kind = one.plan.kind
        if kind.reason_at < 0 or not len(one.rings):
            continue
        codes, counts = np.unique(one.rings[:, kind.reason_at].astype(np.int64), return_counts=True)
        found[kind.name] = {
            kind.reasons[code] or "judged": count
            for code, count in zip(codes.tolist(), counts.tolist(), strict=True)
        }
    return found
