"""First-out: which alarm of a group's burst came first (docs/semantics.md §6).

A group's alarms are *open* while one of them is unacknowledged, acknowledged, returned or latched. The
one that sounds while none is open is the first; its records say so until all of them are closed.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from .. import layout as at
from ..record import FIRST_OUT, AlarmState
from .state import State, Struct

_OPEN: Final = np.array(
    [
        s
        in (
            AlarmState.UNACKNOWLEDGED,
            AlarmState.ACKNOWLEDGED,
            AlarmState.RETURNED_UNACKNOWLEDGED,
            AlarmState.LATCHED,
        )
        for s in AlarmState
    ],
    np.int64,
)
_UNMARKED: Final = np.uint8(255 - at.J_FIRST)


def mark(out: Struct, numbers: Struct, state: State) -> None:
    """Marks the records of ordered emissions in `numbers`, whose alarms have moved already."""
    group_of = state.plan.first_out
    if not len(group_of):
        return
    which = np.flatnonzero(group_of[out["instance"]] >= 0)
    if not len(which):
        return
    judge = state.judge
    members = np.flatnonzero(group_of >= 0)
    still_open: Any = np.bincount(group_of[members], weights=_OPEN[judge["state"][members]])
    groups = group_of[out["instance"][which]]
    change = _OPEN[out["state_after"][which]] - _OPEN[out["state_before"][which]]
    np.subtract.at(still_open, groups, change)
    moved = zip(which.tolist(), groups.tolist(), change.tolist(), strict=True)
    for i, g, more in moved:
        k = int(out["instance"][i])
        sounds = out["state_after"][i] == AlarmState.UNACKNOWLEDGED and more > 0
        if sounds and still_open[g] == 0:
            _forget(judge, members[group_of[members] == g])
            judge["flags"][k] |= at.J_FIRST
        if judge["flags"][k] & at.J_FIRST:
            numbers["flags"][i] |= FIRST_OUT
        still_open[g] += more
        if still_open[g] == 0:
            _forget(judge, members[group_of[members] == g])


def settle(state: State) -> None:
    """After a new configuration: who is in no group, or in one that is not open, is not its first."""
    group_of, judge = state.plan.first_out, state.judge
    stays = np.zeros(len(judge), np.bool_)
    if len(group_of):
        is_open = (group_of >= 0) & (_OPEN[judge["state"]] > 0)
        stays = (group_of >= 0) & np.isin(group_of, group_of[is_open])
    judge["flags"][~stays] &= _UNMARKED


def _forget(judge: Struct, members: Any) -> None:
    judge["flags"][members] &= _UNMARKED


__all__ = ["mark", "settle"]
