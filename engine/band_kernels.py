"""Bands: within which values an instance stays as it is, and when it speaks by itself (docs/decisions/0009).

A band is empty (low > high) whenever a value may change more than what pending raises hold. A guard is the
intersection of the bands of a sensor's instances, for the kind whose measure is the value itself.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from . import layout as at
from .kernel import kernel
from .layout import NEVER


@kernel
def next_timer(j, pending, k, by_due):
    """The earliest due (or deadline of a timer that ticks may fire) of instance k."""
    first = NEVER
    levels = j.raising | j.clearing
    level = 0
    while levels:
        if levels & 1 and pending[level, k].due != NEVER:
            first = min(first, pending[level, k].due if by_due else pending[level, k].deadline)
        levels >>= 1
        level += 1
    return first


@kernel
def refresh(judge, pending, band, next_due, k, p):
    """Recompute the calm band and the earliest due of instance k after it was touched.

    While nothing but raises by high limits pends, the band is where all of them go on pending: a
    value in it before their deadlines only becomes the held value (`goes_on`).
    """
    j = judge[k]
    next_due[k] = min(next_timer(j, pending, k, True), j.shelf)
    band[k, 0], band[k, 1] = np.inf, -np.inf
    if j.clearing or j.flags & (at.J_UNKNOWN | at.J_AFTER_BAD | at.J_HIST):
        return
    low, high = -np.inf, np.inf
    for level in range(p.used):
        bit = 1 << level
        if j.raising & bit:
            if p.low[level] != -np.inf:
                return
            low = max(low, p.high[level])
        elif not j.active & bit:
            low, high = max(low, p.low[level]), min(high, p.high[level])
        elif j.side == 0 and p.clear_high[level] != np.inf:
            low = max(low, p.clear_high[level])
        elif p.clear_low[level] != -np.inf:
            high = min(high, p.clear_low[level])
        else:
            return
    for level in range(p.used, 4):
        if j.active & (1 << level):
            return
    band[k, 0], band[k, 1] = low, high


@kernel
def goes_on(judge, pending, k, x, t):
    """Whether a good value within the band changes nothing but what pending raises hold."""
    j = judge[k]
    levels, level = j.raising, 0
    while levels:
        if levels & 1:
            if pending[level, k].deadline <= t:
                return False
            pending[level, k].held = x
        levels >>= 1
        level += 1
    j.doubt &= ~j.raising
    return True


@kernel
def guard_of(s, ptr, band, guard, next_due, judge):
    """The guard of a sensor: the intersection of its instances' bands."""
    low, high = -np.inf, np.inf
    for k in range(ptr[s], ptr[s + 1]):
        if next_due[k] != NEVER and judge[k].raising:
            low, high = np.inf, -np.inf  # what pends must see every value
            break
        low, high = max(low, band[k, 0]), min(high, band[k, 1])
    guard[s, 0], guard[s, 1] = low, high


@kernel
def shift_instances(gap, judge, params, pending, band, next_due):
    """The engine was blind: timers move by `gap`, pending clears are cancelled, shelves stay."""
    for k in range(judge.size):
        j = judge[k]
        if not (j.raising or j.clearing):
            continue
        j.clearing = 0
        for level in range(4):
            if j.raising & (1 << level):
                pending[level, k].due += gap
        refresh(judge, pending, band, next_due, k, params[j.param])


@kernel
def refresh_all(judge, params, pending, band, next_due):
    """Bands and dues of every instance, after a change of configuration."""
    for k in range(judge.size):
        refresh(judge, pending, band, next_due, k, params[judge[k].param])
