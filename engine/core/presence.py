"""What groups know of their sensors between entries: who is silent, who is in a backlog.

Kept by sensor (`State.presence`), since groups are told in the order of the log and sensors are sensed
ahead of them; by group it is counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import layout as at
from ..frame import Bool, Int64
from ..groups import Groups

if TYPE_CHECKING:
    from .state import State

SILENT, BACKLOG = 1, 2  # bits of `presence`


def apply_groups(state: State) -> None:
    """Site and grace of the subjects that are groups: the grace is the largest of its sensors'."""
    first, groups = state.plan.first_group, state.plan.groups
    for place, group in enumerate(groups):
        state.cold["site"][first + place] = group.site
        grace = max((int(state.cold["grace"][index]) for index in group.sensors), default=0)
        state.cold["grace"][first + place] = grace


def start_presence(state: State, sensors: Int64) -> None:
    """What groups are told of sensors that they have not watched before."""
    flag = state.flag[sensors]
    silent = ((flag & at.HEARD) == 0) | ((flag & at.STALE) != 0)
    backlog = (flag & at.HISTORIC) != 0
    state.presence[sensors] = silent * np.uint8(SILENT) | backlog * np.uint8(BACKLOG)
    recount(state)


def carry_groups(old: State, new: State, source: Int64, target: Int64, kept: Int64) -> None:
    """Presence of the sensors `kept`, and the time of each group that goes on."""
    if not new.plan.groups:
        return
    # Of sensors that no group looked after nothing was kept.
    watched = kept[np.diff(old.plan.watch.ptr)[kept] > 0] if len(old.presence) else kept[:0]
    new.presence[watched] = old.presence[watched]
    start_presence(new, np.setdiff1d(np.arange(len(new.presence)), watched))
    here = new.plan.subject[target] >= new.plan.first_group
    a, b = old.plan.subject[source[here]], new.plan.subject[target[here]]
    new.cold["judged"][b] = old.cold["judged"][a]
    recount(new)


def recount(state: State) -> None:
    """Everything that groups keep and that follows from the rest of the state."""
    plan = state.plan
    if not plan.groups:
        return
    watch = plan.watch
    sensor = np.repeat(np.arange(len(watch.ptr) - 1), np.diff(watch.ptr))
    silent = (state.presence[sensor] & SILENT) != 0
    behind = (state.presence[sensor] & BACKLOG) != 0
    n = len(plan.subject)
    state.absent = np.bincount(watch.watch[silent], minlength=n).astype(np.int64)
    state.backlog = np.bincount(watch.watch[behind], minlength=n).astype(np.int64)
    state.level = state.judge["level"].copy()
    state.silent = np.zeros(plan.subjects, np.uint8)
    state.silent[: len(state.presence)] = state.presence & SILENT
    of_groups = np.flatnonzero(plan.subject >= plan.first_group)
    unknown = (state.judge["flags"][of_groups] & at.J_UNKNOWN) != 0
    state.silent[plan.subject[of_groups]] = unknown


def same_members(old: Groups, a: Int64, new: Groups, b: Int64) -> Bool:
    """Whether groups a of before have the members and the table of groups b of now."""
    return np.array(
        [_content(old, i) == _content(new, k) for i, k in zip(a.tolist(), b.tolist(), strict=True)],
        np.bool_,
    )


def _content(groups: Groups, group: int) -> tuple[bytes, ...]:
    mine = slice(int(groups.member_ptr[group]), int(groups.member_ptr[group + 1]))
    columns = (groups.member, groups.role, groups.weight, groups.level)
    return (*(column[mine].tobytes() for column in columns), groups.table[group].tobytes())
