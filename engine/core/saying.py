"""What the state says of its alarms: which stand, and of kinds that can tell why they give no measure."""

from __future__ import annotations

import math

import numpy as np

from .. import layout as at
from ..level import LEVELS
from ..plan import KindPlan, Plan
from ..record import AlarmState
from ..transit_kernels import kept_until
from .records import Standing
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


def standing(state: State) -> list[Standing]:
    """The alarms of rules that are not normal, by instance."""
    plan, judge = state.plan, state.judge
    found = []
    for k in np.flatnonzero(judge["state"]).tolist():
        who, j = plan.describe(k), judge[k]
        found.append(
            Standing(
                who.site,
                f"{who.rule}~{who.subject}",
                LEVELS[int(j["level"])],
                AlarmState(int(j["state"])).name.lower(),
                int(j["episode"]),
                int(j["onset"]),
                int(kept_until(judge, k)),
                bool(j["flags"] & at.J_UNKNOWN),
            )
        )
    return found


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
