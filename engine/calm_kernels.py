"""Calm rows: they are passed in loops of their own, whose few arrays stay in registers.

Each looks for the next row that has to be judged. A sensor's first row is calm too where nothing stands: its
instances are known from then on, and their bands are looked at as ever.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from . import layout as at
from .alarm_table import NOTHING, Event
from .band_kernels import guard_of, refresh
from .kernel import inlined, kernel
from .layout import NEVER
from .outline import outlined
from .prefetch import AHEAD, prefetch
from .record import AlarmState

_NORMAL, _KNOWN = int(AlarmState.NORMAL), int(Event.KNOWN)


@kernel
def _woken(s, ptr, judge, params, pending, band, next_due, table):
    """A sensor is heard for the first time: its instances, of which nothing stands, are known from now on.

    False, and nothing done, where one is not like that, and has to be told by `become_known`.
    """
    if table[_NORMAL, _KNOWN, 1] != NOTHING:
        return False
    for k in range(ptr[s], ptr[s + 1]):
        j = judge[k]
        if j.flags & ~at.J_LATCHING != at.J_UNKNOWN or j.state != _NORMAL or j.level:
            return False
        if j.raising or j.clearing or j.shelf != NEVER:
            return False
    for k in range(ptr[s], ptr[s + 1]):
        j = judge[k]
        j.flags &= ~at.J_UNKNOWN
        refresh(judge, pending, band, next_due, k, params[j.param])
    return True


@inlined
def _fetch_waking(k, judge, band, next_due):
    """Hints for a row that is the first of its sensor."""
    if np.uintp(k) < np.uintp(judge.size):
        prefetch(judge, k, 0)
        prefetch(judge, k, 1)
        prefetch(band, k, 0)
        prefetch(next_due, k, 0)


@inlined
def _fetch_judging(k, s, judge, pending, cold):
    """Hints for a row that will be judged by instance k of sensor s: what that needs lies all over memory."""
    if np.uintp(k) < np.uintp(judge.size):
        prefetch(judge, k, 0)
        prefetch(judge, k, 1)
        for level in range(4):
            prefetch(pending[level], k, 0)
        prefetch(cold, s, 1)


@kernel
def calm_by_guard(
    i, stop, rows, ptr, guard, judge, params, pending, band, next_due, cold, table
):  # fmt: skip
    """The first row from i on, before `stop`, that is not a good one within its sensor's guard. First rows
    are woken."""
    outlined()
    while i < stop:
        if i + AHEAD < rows.size:
            prefetch(guard, np.uintp(rows[np.uintp(i + AHEAD)].sensor), 0)
            r = rows[np.uintp(i + AHEAD // 2)]
            s = np.uintp(r.sensor)
            if not (guard[s, 0] < r.value and r.value < guard[s, 1]):
                if r.flags & at.ROW_FIRST:
                    _fetch_waking(ptr[s], judge, band, next_due)
                else:
                    _fetch_judging(ptr[s], s, judge, pending, cold)
        r = rows[np.uintp(i)]
        if r.verdict != at.SKIP:
            if r.verdict != at.GOOD or r.flags & at.TOLD_TO_MEASURED:
                return i
            s = np.uintp(r.sensor)
            if not (guard[s, 0] < r.value and r.value < guard[s, 1]):
                if not r.flags & at.ROW_FIRST or not _woken(
                    r.sensor, ptr, judge, params, pending, band, next_due, table
                ):
                    return i
                guard_of(r.sensor, ptr, band, guard, next_due, judge)
                continue  # and look again
        i += 1
    return i


@kernel
def calm_by_band(
    i, stop, rows, ptr, measure, m, judge, params, pending, band, next_due, table
):  # fmt: skip
    """The first row from i on, before `stop`, that is not a good one whose measures (from m on) all lie in the
    bands of instances with nothing pending; and where its measures begin.

    A measure that is not valid (NaN) moves nothing either where the band is not empty.
    """
    outlined()
    while i < stop:
        if i + AHEAD < rows.size:
            r = rows[np.uintp(i + AHEAD)]
            q = np.uintp(ptr[np.uintp(r.sensor)])
            if r.flags & at.ROW_FIRST:
                _fetch_waking(q, judge, band, next_due)
            elif q < np.uintp(band.shape[0]):
                prefetch(band, q, 0)
                prefetch(next_due, q, 0)
        r = rows[np.uintp(i)]
        if r.verdict != at.SKIP:
            if r.verdict != at.GOOD or r.flags & at.TOLD_TO_MEASURED:
                return i, m
            s = np.uintp(r.sensor)
            first = ptr[s]
            count = ptr[s + np.uintp(1)] - first
            calm = True
            for number in range(count):
                x, k = measure[np.uintp(m + number)], np.uintp(first + number)
                low, high = band[k, 0], band[k, 1]
                if x <= low or x >= high or low >= high or next_due[k] != NEVER:
                    calm = False
                    break
            if not calm:
                if not r.flags & at.ROW_FIRST or not _woken(
                    r.sensor, ptr, judge, params, pending, band, next_due, table
                ):
                    return i, m
                continue  # and look again
            m += count
        i += 1
    return i, m


@inlined
def _first_heard(s, ptr, at_link, tally, judge):
    """A sensor is heard for the first time: taken off what its link has never heard, where no alarm hears of that."""
    s = np.uintp(s)
    for k in range(ptr[s], ptr[s + np.uintp(1)]):
        if judge[k].active or tally[at_link[k, 0]].stirred:
            return False
    for k in range(ptr[s], ptr[s + np.uintp(1)]):
        tally[at_link[k, 0]].sensors -= 1
    return True


@inlined
def _fetch_first(i, rows, ptr, at_link, tally, judge):
    """Hints for `_first_heard` of rows to come: an instance, and nearer the tally of its link."""
    k = np.uintp(ptr[np.uintp(rows[np.uintp(i + 2 * AHEAD)].sensor)])
    if k < np.uintp(judge.size):
        prefetch(at_link, k, 0)
        prefetch(judge, k, 1)
    k = np.uintp(ptr[np.uintp(rows[np.uintp(i + AHEAD)].sensor)])
    if k < np.uintp(judge.size):
        unheard = np.uintp(at_link[k, 0])
        if unheard < np.uintp(tally.size):
            prefetch(tally, unheard, 0)


@kernel
def unmarked(i, stop, rows, style, ptr, at_link, tally, judge):
    """The first row from i on, before `stop`, that has a flag for this style (stale or clock).

    First rows that no alarm hears of are passed, and taken off the `tally` of their link.
    """
    outlined()
    while i < stop:
        if i + 2 * AHEAD < rows.size and rows[np.uintp(i + 2 * AHEAD)].flags & at.ROW_FIRST:
            _fetch_first(i, rows, ptr, at_link, tally, judge)
        r = rows[np.uintp(i)]
        if r.verdict != at.SKIP and r.flags:
            if style == at.CLOCK:
                if r.flags & at.TOLD_TO_CLOCKS:
                    return i
            elif r.flags != at.ROW_FRESH | at.ROW_FIRST:
                return i
            elif not _first_heard(r.sensor, ptr, at_link, tally, judge):
                return i
        i += 1
    return i
