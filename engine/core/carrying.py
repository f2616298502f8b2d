"""State that goes over to a new configuration: what is unchanged keeps it."""

from __future__ import annotations

import numpy as np

from ..frame import Int64
from ..plan import Plan
from .presence import carry_groups, same_members
from .state import KindState, State, apply_static, fresh, number_instances, pends, start_flags


def carried(old: State, plan: Plan) -> tuple[State, Int64]:
    """The state for a new plan, and the old instances that are gone.

    What is unchanged keeps its state; a changed window geometry empties the window; a retired
    sensor forgets everything.
    """
    state = fresh(plan)
    before, now = old.plan.configuration, plan.configuration
    n_old, n_new = len(before.sensors), len(now.sensors)
    kept = np.array(
        [not before.sensors[i].retired and not now.sensors[i].retired for i in range(n_old)],
        np.bool_,
    )
    rows = np.flatnonzero(kept)
    for name in ("hot", "cold"):
        getattr(state, name)[rows] = getattr(old, name)[rows]
    state.flag[rows] = old.flag[rows]
    state.link[: len(before.links)] = old.link
    state.site[: len(before.sites)] = old.site
    state.seq[: len(before.sites)], state.seq[-1] = old.seq[:-1], old.seq[-1]
    state.heads[: len(before.sites)], state.heads[-1] = old.heads[:-1], old.heads[-1]
    apply_static(state)
    source, target, gone = _matches(old.plan, plan, n_old, n_new)
    state.judge[target] = old.judge[source]
    level, place = np.nonzero(pends(old.judge[source]))
    state.pending[level, target[place]] = old.pending[level, source[place]]
    for old_kind, new_kind in _same_kinds(old, state):
        _carry_rings(old, old_kind, state, new_kind, source, target)
    carry_groups(old, state, source, target, rows)
    number_instances(state)
    new = np.setdiff1d(np.arange(len(plan.subject)), target)
    start_flags(state, new)
    _widen_params(state)
    state.forget_bounds()
    return state, gone


def _keys(plan: Plan, slots: dict[str, int], n_sensors: int) -> Int64:
    rules = plan.configuration.rules
    slot = np.array([slots.setdefault(f"{r.kind}\0{r.id}", len(slots)) for r in rules], np.int64)
    subject = plan.subject.astype(np.int64)
    again, link = np.divmod(subject - n_sensors, max(1, len(plan.configuration.links)))
    place = np.where(subject < n_sensors, subject, -1 - link - (again << 38))
    for group in np.flatnonzero(subject >= plan.first_group).tolist():
        one = plan.groups[int(subject[group]) - plan.first_group]
        name = f"{one.site}\0{one.name}"
        place[group] = (1 << 38) + slots.setdefault(name, len(slots))
    if not len(rules):
        return np.zeros(0, np.int64)
    keys: Int64 = slot[plan.rule] * (1 << 40) + (place + (1 << 39))
    return keys


def _matches(old: Plan, new: Plan, n_old: int, n_new: int) -> tuple[Int64, Int64, Int64]:
    """(old instance, new instance) of the same (rule, kind, subject); and what is gone."""
    slots: dict[str, int] = {}
    old_keys, new_keys = _keys(old, slots, n_old), _keys(new, slots, n_new)
    _, source, target = np.intersect1d(old_keys, new_keys, return_indices=True)
    gone = np.setdiff1d(np.arange(len(old_keys)), source)
    return source, target, gone


def _same_kinds(old: State, new: State) -> list[tuple[KindState, KindState]]:
    by_name = {k.plan.kind.name: k for k in old.every_kind()}
    return [(by_name[k.plan.kind.name], k) for k in new.every_kind() if k.plan.kind.name in by_name]


def _carry_rings(
    old: State, old_kind: KindState, new: State, new_kind: KindState, source: Int64, target: Int64
) -> None:
    kind = new_kind.plan.kind
    if not kind.width:
        return
    here = (target >= new_kind.plan.first) & (target < new_kind.plan.last)
    a, b = source[here], target[here]
    places = [kind.options.index(name) for name in kind.geometry]
    same = (
        old.plan.options[old.plan.param[a]][:, places]
        == new.plan.options[new.plan.param[b]][:, places]
    ).all(axis=1)
    if old_kind.plan.beside is not None and new_kind.plan.beside is not None:
        others = old_kind.plan.beside.reference, new_kind.plan.beside.reference
        same &= others[0][a - old_kind.plan.first] == others[1][b - new_kind.plan.first]
    if new_kind.plan.groups is not None and old_kind.plan.groups is not None:
        same &= same_members(
            old_kind.plan.groups,
            a - old_kind.plan.first,
            new_kind.plan.groups,
            b - new_kind.plan.first,
        )
    new_kind.rings[b[same] - new_kind.plan.first] = old_kind.rings[a[same] - old_kind.plan.first]
    options = old.plan.options[old.plan.param[a]], new.plan.options[new.plan.param[b]]
    moved = b[(options[0] != options[1]).any(axis=1)] - new_kind.plan.first
    new_kind.rings[np.ix_(moved, kind.cached)] = 0.0


def _widen_params(state: State) -> None:
    """A level that a rule no longer has may still be active: judge it until it returned."""
    used = state.plan.params["used"][state.judge["param"]]
    busy = state.judge["active"] | state.judge["raising"] | state.judge["clearing"]
    over = (busy.astype(np.int64) >> used) != 0
    state.plan.params["used"][np.unique(state.judge["param"][over])] = 4
