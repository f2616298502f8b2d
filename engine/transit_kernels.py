"""Transitions: an event and the state that an alarm is in are looked up in the alarm table (docs/semantics.md §6)."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from . import layout as at
from .alarm_table import NOTHING, REFUSED, Event
from .kernel import kernel
from .layout import NEVER
from .record import HISTORIC as R_HISTORIC
from .record import UNKNOWN as R_UNKNOWN
from .record import AlarmState, Transition

_NORMAL, _ACKNOWLEDGED = int(AlarmState.NORMAL), int(AlarmState.ACKNOWLEDGED)
_UNACKNOWLEDGED, _RETURNED = (
    int(AlarmState.UNACKNOWLEDGED), int(AlarmState.RETURNED_UNACKNOWLEDGED),
)  # fmt: skip
_SHELVED, _LATCHED, _SUPPRESSED, _OUT = (
    int(AlarmState.SHELVED), int(AlarmState.LATCHED), int(AlarmState.SUPPRESSED_BY_DESIGN),
    int(AlarmState.OUT_OF_SERVICE),
)  # fmt: skip
_T_RAISED, _T_LEVEL = int(Transition.RAISED), int(Transition.LEVEL)
_RISE, _RISE_COVERED, _FALL, _RETURN, _RETURN_LATCHING = (
    int(Event.RISE), int(Event.RISE_COVERED), int(Event.FALL), int(Event.RETURN),
    int(Event.RETURN_LATCHING),
)  # fmt: skip
_ACK, _ACK_LATCHING = int(Event.ACKNOWLEDGE), int(Event.ACKNOWLEDGE_LATCHING)
_SHELVE, _SUPPRESS = int(Event.SHELVE), int(Event.SUPPRESS)
_REALARM, _FLAP = int(Event.REALARM), int(Event.FLAP)
_END_ACTIVE, _END_NORMAL, _END_UNANSWERED, _END_LATCHED, _END_KEPT = (
    int(Event.END_ACTIVE), int(Event.END_NORMAL), int(Event.END_UNANSWERED),
    int(Event.END_LATCHED), int(Event.END_KEPT),
)  # fmt: skip
_RED = 4
_HELD_COVER = 3  # annunciation is held for all but red


@kernel
def transit(
    judge, k, event, level, table, out, n, row, phase, key, order, sensor, site, time, value,
    limit, flags, onset,
):  # fmt: skip
    """Apply `event` with the new condition `level` to instance k; returns the emissions so far."""
    j = judge[k]
    state, before = j.state, j.level
    after = table[state, event, 0]
    transition = table[state, event, 1]
    j.level = level
    if transition == NOTHING or transition == REFUSED:
        return n
    marks = 0
    if event == _RISE or event == _RISE_COVERED or event == _FLAP:
        marks |= at.E_ROSE
        if before > 0 and transition == _T_RAISED:
            transition = _T_LEVEL
    elif event == _REALARM:
        marks |= at.E_ROSE  # whoever answers must have seen this one
    if state == _NORMAL and after != _NORMAL:
        marks |= at.E_OPENS
        j.onset = onset
    _remember(j, state, after, event, before, level)
    j.state = after
    if level == 0:
        j.flags &= ~at.J_MARK
    elif flags & R_HISTORIC:
        j.flags |= at.J_MARK
    elif event == _RISE or event == _RISE_COVERED or event == _FALL or event == _FLAP:
        j.flags &= ~at.J_MARK
    if j.flags & at.J_UNKNOWN:
        flags |= R_UNKNOWN
    e = out[n]
    e.row, e.phase, e.key, e.order, e.sensor, e.site = row, phase, key, order, sensor, site
    e.instance, e.transition, e.marks, e.flags = k, transition, marks, flags
    e.level_before, e.level_after, e.state_before, e.state_after = before, level, state, after
    e.time, e.value, e.limit, e.onset = time, value, limit, j.onset
    e.until = kept_until(judge, k)
    return n + 1


@kernel
def _remember(j, state, after, event, before, level):
    """What instance j keeps of a transition beside its state: cover, timer, and what is owed."""
    if after == _SHELVED or after == _SUPPRESSED or after == _OUT:
        if event == _SHELVE:
            j.owes &= ~at.OWES_ANSWER  # a person has looked at this very alarm
        elif state == _UNACKNOWLEDGED or state == _RETURNED:
            j.owes |= at.OWES_ANSWER
        stood = before > 0 or level > 0 or state == _RETURNED or state == _LATCHED
        if (stood and j.flags & at.J_LATCHING) or state == _LATCHED:
            j.owes |= at.OWES_RESET
    else:
        j.owes = 0
    if event == _SUPPRESS:
        j.shelf = NEVER
    if after == _ACKNOWLEDGED:
        if event == _ACK or event == _ACK_LATCHING:
            j.cover = level
        elif j.cover > level:
            j.cover = level
    elif after == _SUPPRESSED:
        j.cover = max(j.keep, _HELD_COVER if j.shelf != NEVER else 0)
    elif after == _NORMAL:
        j.cover = j.keep
    elif after != _SHELVED and after != _OUT:
        j.cover = 0
    if after == _NORMAL or after == _UNACKNOWLEDGED or after == _RETURNED or after == _LATCHED:
        j.shelf = NEVER


@kernel
def kept_until(judge, k):
    """When what keeps instance k away ends; 0: nothing does."""
    j = judge[k]
    if j.state == _SHELVED or j.state == _OUT:
        return j.shelf
    if j.state == _SUPPRESSED:
        return max(j.kept, j.shelf if j.shelf != NEVER else 0)
    return 0


@kernel
def ended(judge, k):
    """Which event it is that shelf, outage of service, hold or maintenance of instance k ends."""
    j = judge[k]
    if j.level > 0:
        return _END_KEPT if j.keep >= j.level else _END_ACTIVE
    if j.keep > 0 and j.owes != 0:
        return _END_KEPT
    if j.owes & at.OWES_ANSWER:
        return _END_UNANSWERED
    return _END_LATCHED if j.owes & at.OWES_RESET else _END_NORMAL


@kernel
def _flaps(j, p, time):
    """A raise of instance j at `time`: whether there have been too many. Each fills a bucket that
    runs out by itself; while it holds more than `brim`, annunciation is held."""
    j.bucket = min(max(j.bucket, time) + p.drip, time + 2 * p.brim)
    return j.bucket > time + p.brim


@kernel
def _rising(j, p, level, time):
    """Which event a rise of instance j to `level` at `time` is."""
    if j.level == 0 and level < _RED and p.drip > 0 and _flaps(j, p, time):
        if j.state != _SHELVED and j.state != _OUT:
            j.shelf = j.bucket
            return _FLAP
    return _RISE if level > j.cover else _RISE_COVERED


@kernel
def gravest(mask):
    level = 0
    while mask:
        level += 1
        mask >>= 1
    return level


@kernel
def _limit_of(p, level, side):
    if level == 0:
        return np.nan
    high, low = p.high[level - 1], p.low[level - 1]
    if side == 0:
        limit = high if high != np.inf else low
    else:
        limit = low if low != -np.inf else high
    return limit if np.isfinite(limit) else np.nan  # a changed rule may have none any more


@kernel
def set_active(
    judge, k, p, active, x, time, onset, flags, table, out, n, row, phase, key, order, sensor, site
):
    """The set of active levels is now `active`; emits where the gravest one changes."""
    j = judge[k]
    before = j.level
    level = gravest(active)
    j.active = active
    if level == before:
        return n
    if level > before:
        event = _rising(j, p, level, time)
        j.side = 1 if x < p.high[level - 1] and p.low[level - 1] != -np.inf else 0
        limit = _limit_of(p, level, j.side)
    elif level > 0:
        event = _FALL
        limit = _limit_of(p, level, j.side)
    else:
        event = _RETURN_LATCHING if j.flags & at.J_LATCHING else _RETURN
        limit = _limit_of(p, before, j.side)
    return transit(
        judge, k, event, level, table, out, n, row, phase, key, order, sensor, site, time, x,
        limit, flags, onset,
    )  # fmt: skip
