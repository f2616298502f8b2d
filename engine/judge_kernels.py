"""Judging: levels with deadbands and delays, timers, and the alarm table (docs/semantics.md §5–§6).

One pass per kind over the rows of a Frame. What decides that nothing happens is a band per
instance (and a guard per sensor for the identity measure): a good value strictly inside it changes
nothing, so calm rules cost a comparison. A band is empty (low > high) whenever anything pends.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from . import layout as at
from .alarm_table import Event
from .band_kernels import goes_on, guard_of, next_timer, refresh
from .calm_kernels import calm_by_band, calm_by_guard, unmarked
from .kernel import kernel
from .layout import MEASURED, NEVER, NO_TIME, STALENESS
from .record import HISTORIC as R_HISTORIC
from .record import UNCERTAIN as R_UNCERTAIN
from .record import AlarmState
from .transit_kernels import ended, set_active, transit

PHASE_TICK, PHASE_TIMER, PHASE_SAMPLE = 0, 1, 2
_STALE_FIRST, _CAUGHT_UP_NEXT, _TIMERS = 0, 1 << 32, 2 << 32
EMISSIONS_PER_INSTANCE = 16  # levels × (raise, clear) timers, shelf, stale, known, judged, actual

_ACKNOWLEDGED, _SUPPRESSED = (
    int(AlarmState.ACKNOWLEDGED), int(AlarmState.SUPPRESSED_BY_DESIGN),
)  # fmt: skip
_UNKNOWN, _KNOWN, _ACTUAL = int(Event.UNKNOWN), int(Event.KNOWN), int(Event.ACTUAL)
_REALARM = int(Event.REALARM)


@kernel
def judge_value(
    judge, pending, k, p, x, good, t, wait, by_timer, flags, table, out, n, row, phase, key,
    order, sensor, site,
):  # fmt: skip
    """Judge one measure of a usable row against every level of instance k.

    `wait` is lag + grace; `by_timer`: pending clears may be fired by a tick.
    """
    j = judge[k]
    active = j.active
    for level in range(p.used):
        bit = 1 << level
        if not active & bit:
            if x >= p.high[level] or x <= p.low[level]:
                if p.on[level] == 0:
                    active |= bit
                    j.raising &= ~bit
                else:
                    pending[level, k].held = x
                    j.doubt = j.doubt & ~bit if good else j.doubt | bit
                    if not j.raising & bit:
                        j.raising |= bit
                        pending[level, k].deadline = t + p.on[level]
                        pending[level, k].due = t + p.on[level] + wait
            elif good:
                j.raising &= ~bit
        elif x < p.clear_high[level] and x > p.clear_low[level]:
            if good:
                j.doubt &= ~bit
                if p.off[level] == 0 or (j.clearing & bit and pending[level, k].deadline <= t):
                    active &= ~bit
                    j.clearing &= ~bit
                else:
                    pending[level, k].held = x
                    if not j.clearing & bit:
                        j.clearing |= bit
                        pending[level, k].deadline = t + p.off[level]
                        pending[level, k].due = t + p.off[level] + wait if by_timer else NEVER
        else:
            j.clearing &= ~bit
    if active == j.active:
        return n
    return set_active(
        judge, k, p, active, x, t, t, flags, table, out, n, row, phase, key, order, sensor, site
    )


@kernel
def fire_until(
    judge, pending, k, p, until, by_due, hist, table, out, n, row, phase, sensor, site,
    after=0,
):  # fmt: skip
    """Fire every timer of instance k whose due (or deadline) is at most `until`, in its order.

    `after`: the due at which the instance last spoke. What that set may end before it was set.
    """
    j = judge[k]
    while True:
        first = next_timer(j, pending, k, by_due)
        if by_due and j.shelf < first:
            if j.shelf > until:
                return n
            over = j.shelf
            j.shelf = NEVER
            event = _REALARM if j.state == _ACKNOWLEDGED else ended(judge, k)
            n = transit(
                judge, k, event, j.level, table, out, n, row, phase, max(over, after),
                _TIMERS | j.ordinal, sensor, site, over, np.nan, np.nan, R_HISTORIC if hist else 0, j.onset,
            )  # fmt: skip
            if j.state == _SUPPRESSED:
                j.cover = j.keep
            continue
        if first > until or first == NEVER:
            return n
        after = first
        active, time, onset = j.active, np.int64(0), np.int64(0)
        value, doubt = np.nan, False  # of the gravest level that fires
        for level in range(4):
            bit = 1 << level
            if not (j.raising | j.clearing) & bit:
                continue
            one = pending[level, k]
            if one.due == NEVER or (one.due if by_due else one.deadline) != first:
                continue
            if j.raising & bit:
                active |= bit
                j.raising &= ~bit
                onset = one.deadline - p.on[level]
            else:
                active &= ~bit
                j.clearing &= ~bit
            time, value, doubt = one.deadline, one.held, (j.doubt & bit) != 0
        flags = R_HISTORIC if hist else 0
        if j.flags & at.J_AFTER_BAD or doubt:
            flags |= R_UNCERTAIN
        n = set_active(
            judge, k, p, active, value, time, onset, flags, table, out, n, row, phase, first,
            _TIMERS | j.ordinal, sensor, site,
        )  # fmt: skip


@kernel
def go_stale(judge, k, hist, table, out, n, row, phase, key, sensor, site, time):
    """The subject of instance k is silent: nothing clears by that, and the alarm is unknown."""
    j = judge[k]
    j.clearing = 0
    if j.flags & at.J_UNKNOWN:
        return n
    j.flags |= at.J_UNKNOWN
    return transit(
        judge, k, _UNKNOWN, j.level, table, out, n, row, phase, key, _STALE_FIRST | j.ordinal,
        sensor, site, time, np.nan, np.nan, R_HISTORIC if hist else 0, j.onset,
    )  # fmt: skip


@kernel
def become_known(judge, k, flags, table, out, n, row, key, sensor, site, time):
    """The subject of instance k is heard again."""
    j = judge[k]
    j.flags &= ~at.J_UNKNOWN
    return transit(
        judge, k, _KNOWN, j.level, table, out, n, row, PHASE_SAMPLE, key, _TIMERS | j.ordinal,
        sensor, site, time, np.nan, np.nan, flags, j.onset,
    )  # fmt: skip


@kernel
def catch_up(judge, k, table, out, n, row, phase, key, order, sensor, site, time):
    """The backlog of instance k's subject is over: what stands from it is annunciated as actual."""
    j = judge[k]
    j.flags &= ~at.J_HIST
    if not j.flags & at.J_MARK:
        return n
    j.flags &= ~at.J_MARK
    if j.level == 0:
        return n
    return transit(
        judge, k, _ACTUAL, j.level, table, out, n, row, phase, key, order | j.ordinal, sensor,
        site, time, np.nan, np.nan, 0, j.onset,
    )  # fmt: skip


@kernel
def _row_instance(
    i, r, k, x, style, judge, params, pending, band, next_due, by_timer, grace, table, out,
    n, site,
):  # fmt: skip
    """Phases 1 and 2 of one row for one instance of a measured kind."""
    j = judge[k]
    p = params[j.param]
    s = r.sensor
    hist = (j.flags & at.J_HIST) != 0 or (r.flags & at.ROW_HISTORIC) != 0
    if r.flags & at.ROW_STALE:
        n = fire_until(
            judge, pending, k, p, r.stale_deadline - 1, False, hist, table, out, n, i,
            PHASE_TIMER, s, site,
        )  # fmt: skip
        n = go_stale(
            judge, k, hist, table, out, n, i, PHASE_TIMER, r.stale_deadline, s, site,
            r.stale_deadline,
        )  # fmt: skip
    if j.raising or j.clearing:
        n = fire_until(
            judge,
            pending,
            k,
            p,
            r.time,
            False,
            hist,
            table,
            out,
            n,
            i,
            PHASE_TIMER,
            s,
            site,
        )
    if r.flags & at.ROW_HISTORIC:
        j.flags |= at.J_HIST
    if r.verdict == at.BAD:
        j.clearing = 0
        j.flags |= at.J_AFTER_BAD
        refresh(judge, pending, band, next_due, k, p)
        return n
    flags = R_HISTORIC if r.flags & at.ROW_HISTORIC else 0
    j.flags &= ~at.J_AFTER_BAD
    if j.flags & at.J_UNKNOWN and r.verdict != at.TWIN:
        n = become_known(judge, k, flags, table, out, n, i, 0, s, site, r.time)
    if r.verdict != at.GOOD:
        flags |= R_UNCERTAIN
    if x == x:
        n = judge_value(
            judge, pending, k, p, x, r.verdict == at.GOOD, r.time, r.lag + grace, by_timer,
            flags, table, out, n, i, PHASE_SAMPLE, 0, _TIMERS | j.ordinal, s, site,
        )  # fmt: skip
    if r.flags & at.ROW_CAUGHT_UP or (
        j.flags & at.J_HIST and not r.flags & at.ROW_HISTORIC and r.verdict != at.TWIN
    ):
        n = catch_up(judge, k, table, out, n, i, PHASE_SAMPLE, 0, _TIMERS, s, site, r.time)
    refresh(judge, pending, band, next_due, k, p)
    return n


@kernel
def _boolean(
    k, on, judge, params, pending, band, next_due, flags, table, out, n, row, phase, key,
    order, sensor, site, time, x,
):  # fmt: skip
    """A yes/no measure (staleness, clock) reaches instance k."""
    j = judge[k]
    n = judge_value(
        judge, pending, k, params[j.param], x if on else 0.0, True, time, 0, False, flags,
        table, out, n, row, phase, key, order | j.ordinal, sensor, site,
    )  # fmt: skip
    refresh(judge, pending, band, next_due, k, params[j.param])
    return n


@kernel
def _silent(
    k, heard, hist, judge, params, pending, band, next_due, at_link, tally, table, out, n,
    row, phase, key, sensor, site, time,
):  # fmt: skip
    """STALE reaches instance k of a stale rule: its own alarm, or one of its link's."""
    flags = R_HISTORIC if hist else 0
    x = 1.0
    if heard != at.ITS_OWN:
        tally[at_link[k, 0]].stirred = True
        if heard == at.NEVER_HEARD:
            judge[k].flags |= at.J_COUNTED
            k = at_link[k, 0]
        else:
            judge[k].flags |= at.J_BY_LINK
            k = at_link[k, 1]
        tally[k].silent += 1
        x = np.float64(tally[k].sensors)
    return _boolean(
        k, True, judge, params, pending, band, next_due, flags, table, out, n, row, phase,
        key, _STALE_FIRST, sensor, site, time, x,
    )  # fmt: skip


@kernel
def _uncounted(
    k, again, hist, judge, params, pending, band, next_due, at_link, tally, table, out, n,
    row, key, sensor, site, time,
):  # fmt: skip
    """The silence of instance k's sensor is not counted any more at its link (`again`: at the link
    itself, else at those never heard); with the last one the link's alarm returns."""
    link, mark = at_link[k, again], at.J_BY_LINK if again else at.J_COUNTED
    if judge[k].flags & mark:
        judge[k].flags &= ~mark
        tally[link].silent -= 1
    if tally[link].silent == 0 and judge[link].active:
        n = _boolean(
                link, False, judge, params, pending, band, next_due,
                R_HISTORIC if hist else 0, table, out, n, row, PHASE_SAMPLE, key, _TIMERS, sensor, site,
                time, 0.0,
            )  # fmt: skip
    return n


@kernel
def _audible(
    k, first, hist, judge, params, pending, band, next_due, at_link, tally, table, out, n,
    row, key, sensor, site, time,
):  # fmt: skip
    """Fresh reaches instance k of a stale rule."""
    flags = R_HISTORIC if hist else 0
    if first:
        tally[at_link[k, 0]].sensors -= 1
    for again in range(2):
        n = _uncounted(
            k, again, hist, judge, params, pending, band, next_due, at_link, tally, table,
            out, n, row, key, sensor, site, time,
        )  # fmt: skip
    if judge[k].active:
        n = _boolean(
            k, False, judge, params, pending, band, next_due, flags, table, out, n, row,
            PHASE_SAMPLE, key, _TIMERS, sensor, site, time, 0.0,
        )  # fmt: skip
    return n


@kernel
def tick_events(
    first, last, events, ptr, style, judge, params, pending, band, next_due, at_link, tally,
    cold, table, out, n, phase,
):  # fmt: skip
    """Sensor events first..last of one tick reach the instances of one kind."""
    for m in range(first, last):
        e = events[m]
        s = e.sensor
        site = cold[s].site
        for k in range(ptr[s], ptr[s + 1]):
            p = params[judge[k].param]
            hist = (judge[k].flags & at.J_HIST) != 0
            if e.code == at.EV_STALE and style == MEASURED:
                n = fire_until(
                    judge, pending, k, p, e.due - 1, True, hist, table, out, n, e.row,
                    phase, s, site,
                )  # fmt: skip
                n = go_stale(
                    judge, k, e.historic, table, out, n, e.row, phase, e.due, s, site, e.time
                )
            elif e.code == at.EV_STALE and style == STALENESS:
                # A shelf of the alarm that is about to be raised may have ended before.
                o = (
                    k
                    if e.heard == at.ITS_OWN
                    else at_link[k, 0 if e.heard == at.NEVER_HEARD else 1]
                )
                n = fire_until(
                    judge, pending, o, params[judge[o].param], e.due - 1, True,
                    (judge[o].flags & at.J_HIST) != 0, table, out, n, e.row, phase,
                    judge[o].sensor, site,
                )  # fmt: skip
                n = _silent(
                    k, e.heard, e.historic, judge, params, pending, band, next_due, at_link,
                    tally, table, out, n, e.row, phase, e.due, s, site, e.time,
                )  # fmt: skip
                if judge[o].shelf <= e.due:
                    n = fire_until(
                        judge, pending, o, params[judge[o].param], e.due, True,
                        (judge[o].flags & at.J_HIST) != 0, table, out, n, e.row, phase,
                        judge[o].sensor, site, e.due,
                    )  # fmt: skip
                    refresh(judge, pending, band, next_due, o, params[judge[o].param])
            elif e.code == at.EV_CAUGHT_UP:
                n = fire_until(
                    judge, pending, k, p, e.due - 1, True, hist, table, out, n, e.row, phase,
                    s, site,
                )  # fmt: skip
                n = catch_up(
                    judge, k, table, out, n, e.row, phase, e.due, _CAUGHT_UP_NEXT, s, site, e.time
                )
            refresh(judge, pending, band, next_due, k, p)
    return n


@kernel
def link_fresh(
    e,
    r,
    ptr,
    style,
    judge,
    params,
    pending,
    band,
    next_due,
    at_link,
    tally,
    cold,
    table,
    out,
    n,
):
    """A link speaks again: its `event` sensors are known again, and it is not silent itself."""
    s = e.sensor
    site = cold[s].site
    for k in range(ptr[s], ptr[s + 1]):
        if e.code == at.EV_LINK_BACK:
            if style == STALENESS:
                n = _uncounted(
                    k, 1, e.historic, judge, params, pending, band, next_due, at_link, tally,
                    table, out, n, e.row, e.due, s, site, e.time,
                )  # fmt: skip
        elif style == MEASURED and judge[k].flags & at.J_UNKNOWN:
            if r.sensor == s:  # the row's own timers come before the link is heard
                hist = (judge[k].flags & at.J_HIST) != 0 or (r.flags & at.ROW_HISTORIC) != 0
                n = fire_until(
                    judge, pending, k, params[judge[k].param], r.time, False, hist,
                    table, out, n, e.row, PHASE_TIMER, s, site,
                )  # fmt: skip
            flags = R_HISTORIC if e.historic else 0
            n = become_known(judge, k, flags, table, out, n, e.row, e.due, s, site, e.time)
            refresh(judge, pending, band, next_due, k, params[judge[k].param])
        elif style == STALENESS:
            n = _audible(
                k, False, e.historic, judge, params, pending, band, next_due, at_link, tally,
                table, out, n, e.row, e.due, s, site, e.time,
            )  # fmt: skip
    return n


@kernel
def _row_quality_instance(
    i, r, k, style, judge, params, pending, band, next_due, at_link, tally, table, out, n,
    site,
):  # fmt: skip
    """Phases 1 and 2 of one row for one instance of a stale or clock rule."""
    hist = (judge[k].flags & at.J_HIST) != 0 or (r.flags & at.ROW_HISTORIC) != 0
    now = (r.flags & at.ROW_HISTORIC) != 0
    s = r.sensor
    if style == STALENESS:
        if r.flags & at.ROW_STALE:
            n = _silent(
                k, at.ITS_OWN, hist, judge, params, pending, band, next_due, at_link, tally,
                table, out, n, i, PHASE_TIMER, r.stale_deadline, s, site, r.stale_deadline,
            )  # fmt: skip
        if r.flags & at.ROW_FRESH:
            n = _audible(
                k, r.flags & at.ROW_FIRST, now, judge, params, pending, band, next_due,
                at_link, tally, table, out, n, i, 0, s, site, r.time,
            )  # fmt: skip
    elif r.flags & (at.ROW_CLOCK_SET | at.ROW_CLOCK_AGREES):
        n = _boolean(
            k, r.flags & at.ROW_CLOCK_SET, judge, params, pending, band, next_due,
            R_HISTORIC if now else 0, table, out, n, i, PHASE_SAMPLE, 0, _TIMERS, s, site, r.time,
            1.0,
        )  # fmt: skip
    if now:
        judge[k].flags |= at.J_HIST
    if r.flags & at.ROW_CAUGHT_UP:
        n = catch_up(judge, k, table, out, n, i, PHASE_SAMPLE, 0, _TIMERS, s, site, r.time)
    return n


@kernel
def fire_all(
    w,
    row,
    members,
    ptr,
    judge,
    params,
    pending,
    band,
    next_due,
    cold,
    table,
    out,
    n,
    phase,
):
    """Fire every timer due at tick w of the instances on `members`; (emissions, next bound)."""
    bound = NEVER
    for s in members:
        for k in range(ptr[s], ptr[s + 1]):
            if next_due[k] <= w:
                p = params[judge[k].param]
                hist = (judge[k].flags & at.J_HIST) != 0
                n = fire_until(
                    judge, pending, k, p, w, True, hist, table, out, n, row, phase, s,
                    cold[s].site,
                )  # fmt: skip
                refresh(judge, pending, band, next_due, k, p)
            bound = min(bound, next_due[k])
    return n, bound


@kernel
def fire_due(
    w, first, last, guard, judge, params, pending, band, next_due, cold, table, out, n,
):  # fmt: skip
    """Fire every timer due at tick w of the instances `first`..`last`; (emissions, next bound, room needed).

    Where `out` may not hold all of it nothing is done, and the room is told; else that is 0.
    """
    count, bound = 0, NEVER
    for k in range(first, last):
        if next_due[k] <= w:
            count += 1
        else:
            bound = min(bound, next_due[k])
    need = count * EMISSIONS_PER_INSTANCE
    if n + need > out.size:
        return n, bound, need
    k = first
    while count > 0:
        if next_due[k] <= w:
            count -= 1
            j = judge[k]
            s, p = j.sensor, params[j.param]
            n = fire_until(
                judge, pending, k, p, w, True, (j.flags & at.J_HIST) != 0, table, out, n, 0,
                PHASE_TICK, s, cold[s].site,
            )  # fmt: skip
            refresh(judge, pending, band, next_due, k, p)
            bound = min(bound, next_due[k])
            if guard.shape[0]:
                guard[s, 0], guard[s, 1] = np.inf, -np.inf
        k += 1
    return n, bound, 0


@kernel
def judge_rows(
    start, rows, row_w, events, n_events, event, measure, m, style, ptr, guard, judge, params,
    pending, band, next_due, at_link, tally, flag, cold, site_bound, site_ptr, site_member,
    table, out, n, bound,
):  # fmt: skip
    """One kind over rows `start`..; returns (row, event, measure offset, emissions, bound).

    `measure` is empty for the identity measure, else one value per (row, instance), NaN where
    invalid. `row_w` is empty unless self-clocked. `site_bound` is the kind's lower bound of due
    per site (self-clocked only); `bound` that of the partition. Stops early where `out` may not
    hold what one more row can emit; the caller enlarges it and goes on.
    """
    identity = style == MEASURED and measure.size == 0
    clocked = row_w.size > 0
    room = out.size
    i = start
    while i < rows.size:
        stop = events[event].row if event < n_events else rows.size
        if clocked and stop > i:  # no further than its site's next tick
            ticks = row_w[i] != NO_TIME and site_bound[cold[rows[i].sensor].site] <= row_w[i]
            stop = i if ticks else i + 1
        before = i
        if identity:
            i = calm_by_guard(
                i, stop, rows, ptr, guard, judge, params, pending, band, next_due, cold, table
            )  # fmt: skip
        elif style == MEASURED:
            i, m = calm_by_band(
                i, stop, rows, ptr, measure, m, judge, params, pending, band, next_due, table
            )  # fmt: skip
        else:
            i = unmarked(i, stop, rows, style, ptr, at_link, tally, judge)
        if i == rows.size or (clocked and i > before):
            continue
        r = rows[i]
        s = r.sensor
        site = cold[s].site if 0 <= s < flag.size else 0
        need = (ptr[s + 1] - ptr[s] + 2) * EMISSIONS_PER_INSTANCE if 0 <= s < flag.size else 0
        last = event
        while last < n_events and events[last].row == i:
            e = events[last]
            if clocked and e.code == at.EV_STALE and style == STALENESS:
                site_bound[site] = NO_TIME  # what a tick raises may set timers, its link's too
            need += (ptr[e.sensor + 1] - ptr[e.sensor] + 2) * EMISSIONS_PER_INSTANCE
            last += 1
        fires = clocked and row_w[i] != NO_TIME and site_bound[site] <= row_w[i]
        members = site_member[:0]
        if fires:
            members = site_member[site_ptr[site] : site_ptr[site + 1]]
            for o in members:
                need += (ptr[o + 1] - ptr[o]) * EMISSIONS_PER_INSTANCE
        if n + need > room:
            return i, event, m, n, bound, need
        first = event
        while event < last and events[event].code < at.EV_LINK_FRESH:
            event += 1
        if event > first:
            n = tick_events(
                first, event, events, ptr, style, judge, params, pending, band, next_due,
                at_link, tally, cold, table, out, n, PHASE_TICK,
            )  # fmt: skip
            if identity:
                for q in range(first, event):
                    guard_of(events[q].sensor, ptr, band, guard, next_due, judge)
        if fires:
            n, site_bound[site] = fire_all(
                row_w[i], i, members, ptr, judge, params, pending, band, next_due, cold,
                table, out, n, PHASE_TICK,
            )  # fmt: skip
            if identity:
                for o in members:
                    guard_of(o, ptr, band, guard, next_due, judge)
        while event < last:
            n = link_fresh(
                events[event], r, ptr, style, judge, params, pending, band, next_due,
                at_link, tally, cold, table, out, n,
            )  # fmt: skip
            event += 1
        if r.verdict == at.SKIP:
            i += 1
            continue
        by_timer = (flag[s] & (at.ON_CHANGE | at.BY_EVENT)) != 0
        lowest, touched = NEVER, False
        plain = r.verdict == at.GOOD and not r.flags & at.TOLD_TO_MEASURED
        for k in range(ptr[s], ptr[s + 1]):
            if style == MEASURED:
                x = r.value
                if not identity:
                    x = measure[m]
                    m += 1
                calm = plain and band[k, 0] < x and x < band[k, 1]
                if not calm or (next_due[k] != NEVER and not goes_on(judge, pending, k, x, r.time)):
                    touched = True
                    n = _row_instance(
                        i, r, k, x, style, judge, params, pending, band, next_due, by_timer,
                        cold[s].grace, table, out, n, site,
                    )  # fmt: skip
            else:
                n = _row_quality_instance(
                    i, r, k, style, judge, params, pending, band, next_due, at_link, tally,
                    table, out, n, site,
                )  # fmt: skip
                touched = True
            if touched:
                lowest = min(lowest, next_due[k])
        if lowest < bound:
            bound = lowest
        if clocked and lowest < site_bound[site]:
            site_bound[site] = lowest
        if identity and touched:
            guard_of(s, ptr, band, guard, next_due, judge)
        i += 1
    return i, event, m, n, bound, 0
