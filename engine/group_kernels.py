"""Judging groups: what they are told, moment by moment (docs/semantics.md §10).

The passes over one entry are: `presence_items` (which sensors fell silent or were heard), `told` (what that is
to groups), for kinds fed by records `asks` (which groups a moment concerns) and the kind's own `feed`, and
`judge_groups`, which does with levels, timers and the alarm table what `judge_kernels` does for sensors.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from . import group_layout as of
from . import layout as at
from .alarm_table import Event
from .band_kernels import refresh
from .judge_kernels import (
    EMISSIONS_PER_INSTANCE,
    PHASE_SAMPLE,
    PHASE_TICK,
    PHASE_TIMER,
    become_known,
    catch_up,
    fire_until,
)
from .kernel import kernel
from .layout import NEVER, NO_TIME
from .record import HISTORIC as R_HISTORIC
from .record import UNCERTAIN as R_UNCERTAIN
from .transit_kernels import gravest, set_active, transit

_SILENT_BIT, _BEHIND_BIT = 1, 2
_UNKNOWN = int(Event.UNKNOWN)
_MOST_ITEMS = 4  # of one row


# --- what sensors did ------------------------------------------------------------------------------
@kernel
def _put_item(items, n, row, phase, key, sensor, code, time, historic):
    e = items[n]
    e.row, e.phase, e.key, e.sensor, e.code, e.time = row, phase, key, sensor, code, time
    e.historic, e.instance, e.uncertain = historic, -1, 0
    return n + 1


@kernel
def _event_item(e, watch_ptr, presence, items, n):
    """One event of a tick or a link."""
    s = e.sensor
    if watch_ptr[s] == watch_ptr[s + 1]:
        return n
    if e.code == at.EV_STALE and not presence[s] & _SILENT_BIT:
        presence[s] |= _SILENT_BIT
        return _put_item(items, n, e.row, PHASE_TICK, e.due, s, of.SILENT, e.time, e.historic)
    if e.code == at.EV_CAUGHT_UP and presence[s] & _BEHIND_BIT:
        presence[s] &= ~_BEHIND_BIT
        return _put_item(items, n, e.row, PHASE_TICK, e.due, s, of.CAUGHT_UP, e.time, 0)
    if e.code == at.EV_LINK_FRESH and presence[s] & _SILENT_BIT:
        presence[s] &= ~_SILENT_BIT
        return _put_item(items, n, e.row, PHASE_SAMPLE, e.due, s, of.HEARD, e.time, e.historic)
    return n


@kernel
def _row_before(i, r, presence, items, n):
    """What a row says of its sensor before its link is heard: a backlog, and that it was silent."""
    s = r.sensor
    if r.flags & at.ROW_HISTORIC and not presence[s] & _BEHIND_BIT:
        presence[s] |= _BEHIND_BIT
        n = _put_item(items, n, i, PHASE_TIMER, NO_TIME, s, of.BEHIND, r.time, 1)
    if r.flags & at.ROW_STALE and not presence[s] & _SILENT_BIT:
        presence[s] |= _SILENT_BIT
        historic = (presence[s] & _BEHIND_BIT) != 0
        n = _put_item(
            items, n, i, PHASE_TIMER, r.stale_deadline, s, of.SILENT, r.stale_deadline, historic
        )
    return n


@kernel
def _row_itself(i, r, presence, items, n):
    """A usable row that moves its sensor's time: it is heard, and may have caught up."""
    s = r.sensor
    historic = (r.flags & at.ROW_HISTORIC) != 0
    if presence[s] & _SILENT_BIT:
        presence[s] &= ~_SILENT_BIT
        n = _put_item(items, n, i, PHASE_SAMPLE, 0, s, of.HEARD, r.time, historic)
    if presence[s] & _BEHIND_BIT and not historic:
        presence[s] &= ~_BEHIND_BIT
        n = _put_item(items, n, i, PHASE_SAMPLE, 0, s, of.CAUGHT_UP, r.time, 0)
    return n


@kernel
def presence_items(start, event, rows, events, n_events, watch_ptr, presence, items, n):
    """Who fell silent, was heard, is in a backlog or caught up, in the order of moments.

    Returns (next row, next event, items); stops early where `items` may not hold what one more row makes.
    """
    i = start
    while i < rows.size:
        r = rows[i]
        if (event == n_events or events[event].row != i) and (
            r.verdict == at.SKIP or (r.flags == 0 and presence[r.sensor] == 0)
        ):
            i += 1
            continue
        last = event
        while last < n_events and events[last].row == i:
            last += 1
        if n + last - event + _MOST_ITEMS > items.size:
            return i, event, n
        while event < last and events[event].code < at.EV_LINK_FRESH:
            n = _event_item(events[event], watch_ptr, presence, items, n)
            event += 1
        s = r.sensor
        usual = r.verdict != at.SKIP and watch_ptr[s] != watch_ptr[s + 1]
        if usual:
            n = _row_before(i, r, presence, items, n)
        while event < last:
            n = _event_item(events[event], watch_ptr, presence, items, n)
            event += 1
        if usual and (r.verdict == at.GOOD or r.verdict == at.SUSPECT):
            n = _row_itself(i, r, presence, items, n)
        i += 1
    return i, event, n


@kernel
def tick_items(events, n_events, watch_ptr, presence, items):
    """The same of a tick."""
    n = 0
    for m in range(n_events):
        n = _event_item(events[m], watch_ptr, presence, items, n)
    return n


@kernel
def _put_signal(signals, n, e, k, order, code):
    g = signals[n]
    g.row, g.phase, g.key, g.time, g.historic = e.row, e.phase, e.key, e.time, e.historic
    g.group, g.order, g.code, g.verdict, g.lag = k, order, code, at.GOOD, 0
    return n + 1


@kernel
def told(items, watch_ptr, watch, subject, absent, backlog, signals, group_items):
    """What the items are to groups: (signals, items of the groups that became unknown or known).

    Both have room for every (item, group that watches its sensor).
    """
    n = m = 0
    for i in range(items.size):
        e = items[i]
        for place in range(watch_ptr[e.sensor], watch_ptr[e.sensor + 1]):
            k = watch[place]
            if e.code == of.SILENT or e.code == of.HEARD:
                before = absent[k]
                absent[k] += 1 if e.code == of.SILENT else -1
                if (before == 0) != (absent[k] == 0):
                    n = _put_signal(signals, n, e, k, of.PRESENCE, e.code)
                    m = _put_item(
                        group_items,
                        m,
                        e.row,
                        e.phase,
                        e.key,
                        subject[k],
                        e.code,
                        e.time,
                        e.historic,
                    )
            elif e.code == of.BEHIND:
                backlog[k] += 1
                if backlog[k] == 1:
                    n = _put_signal(signals, n, e, k, of.PRESENCE, e.code)
            elif e.code == of.CAUGHT_UP:
                backlog[k] -= 1
                if backlog[k] == 0:
                    n = _put_signal(signals, n, e, k, of.ACTUAL, e.code)
    return n, m


# --- what records did ------------------------------------------------------------------------------
@kernel
def advance(items, start, until, level, silent):
    """Items start..until happen: levels by instance, silence by subject."""
    for i in range(start, until):
        e = items[i]
        if e.code == of.LEVEL:
            level[e.instance] = e.level
        elif e.code == of.SILENT:
            silent[e.sensor] = 1
        elif e.code == of.HEARD:
            silent[e.sensor] = 0
    return until


@kernel
def rewind(items, level, silent):
    """All items are undone, the last one first."""
    for i in range(items.size - 1, -1, -1):
        e = items[i]
        if e.code == of.LEVEL:
            level[e.instance] = e.before
        elif e.code == of.SILENT:
            silent[e.sensor] = 0
        elif e.code == of.HEARD:
            silent[e.sensor] = 1


@kernel
def _ask(asks, n, last, g, until, e):
    """Group g is concerned by item e of the moment that ends before `until`."""
    if last[g] >= 0 and asks[last[g]].until == until:
        one = asks[last[g]]
        one.time = max(one.time, e.time)
        one.historic |= e.historic
        one.uncertain |= e.uncertain
        return n
    last[g] = n
    one = asks[n]
    one.key, one.time, one.until, one.row, one.phase = e.key, e.time, until, e.row, e.phase
    one.group, one.historic, one.uncertain = g, e.historic, e.uncertain
    return n + 1


@kernel
def asks(items, follow_ptr, follow, watch_ptr, watch, first, last, latest, out):
    """Which groups of the kind (instances first..last) each moment concerns; items are in order.

    `latest` is -1 for each group; `out` has room for every (item, group that it concerns).
    """
    n = a = 0
    while a < items.size:
        until = a + 1
        while (
            until < items.size
            and items[until].row == items[a].row
            and items[until].phase == items[a].phase
            and items[until].key == items[a].key
        ):
            until += 1
        for i in range(a, until):
            e = items[i]
            if e.code == of.LEVEL:
                for place in range(follow_ptr[e.instance], follow_ptr[e.instance + 1]):
                    n = _ask(out, n, latest, follow[place], until, e)
            elif (e.code == of.SILENT or e.code == of.HEARD) and e.sensor < watch_ptr.size - 1:
                for place in range(watch_ptr[e.sensor], watch_ptr[e.sensor + 1]):
                    if first <= watch[place] < last:
                        n = _ask(out, n, latest, watch[place] - first, until, e)
            elif e.code == of.AGAIN and first <= e.instance < last:
                n = _ask(out, n, latest, e.instance - first, until, e)
        a = until
    return n


@kernel
def answered(asked, value, most, first, rows, cold, subject, signals):
    """The signals of what a kind measured for its asks (float64, asks × levels)."""
    for i in range(asked.size):
        e = asked[i]
        k = first + e.group
        _put_signal(signals, i, e, k, of.VALUE, 0)
        g = signals[i]
        g.verdict = at.SUSPECT if e.uncertain else at.GOOD
        for level in range(4):
            g.value[level], g.most[level] = value[i, level], most[i, level]
        if e.phase == PHASE_TICK:
            g.lag = max(0, e.key - e.time - cold[subject[k]].grace)
        else:
            g.lag = rows[e.row].lag + max(0, rows[e.row].time - e.time)


# --- what rows amount to ---------------------------------------------------------------------------
@kernel
def virtual(out_rows, origin, rows, first, signals):
    """The signals of the rows that a kind fed by rows made."""
    for i in range(out_rows.size):
        r, g = out_rows[i], signals[i]
        g.row, g.phase, g.key, g.time, g.lag = origin[i], PHASE_SAMPLE, 0, r.time, r.lag
        g.group, g.order, g.code, g.verdict = first + r.sensor, of.VALUE, 0, r.verdict
        g.historic = (rows[origin[i]].flags & at.ROW_HISTORIC) != 0
        for level in range(4):
            g.value[level] = g.most[level] = r.value


# --- judging ---------------------------------------------------------------------------------------
@kernel
def _judge_levels(
    judge, pending, k, p, g, t, wait, good, doubt, flags, table, out, n, sensor, site
):
    """As `judge_kernels.judge_value`, each level by its own number; only what cannot be beyond its limit
    any more returns. A pending clear may always end by tick: nothing else may ever come."""
    j = judge[k]
    active = j.active
    for level in range(p.used):
        bit = 1 << level
        x = g.value[level]
        if not active & bit:
            if x >= p.high[level] or x <= p.low[level]:
                if p.on[level] == 0:
                    active |= bit
                    j.raising &= ~bit
                else:
                    pending[level, k].held = x
                    j.doubt = j.doubt | bit if doubt else j.doubt & ~bit
                    if not j.raising & bit:
                        j.raising |= bit
                        pending[level, k].deadline = t + p.on[level]
                        pending[level, k].due = t + p.on[level] + wait
            elif good:
                j.raising &= ~bit
        elif g.most[level] < p.clear_high[level] and x > p.clear_low[level]:
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
                        pending[level, k].due = t + p.off[level] + wait
        else:
            j.clearing &= ~bit
    if active == j.active:
        return n
    decisive = max(j.level, gravest(active)) - 1
    return set_active(
        judge, k, p, active, g.value[decisive], t, t, flags, table, out, n, 0, 0, 0, 0, sensor, site
    )


@kernel
def _value(g, k, judge, p, pending, cold, by_rows, table, out, n, t, lag, sensor):
    """The measure of one moment."""
    j = judge[k]
    if g.verdict == at.BAD:
        j.clearing = 0
        j.flags |= at.J_AFTER_BAD
        return n
    j.flags &= ~at.J_AFTER_BAD
    if g.value[0] != g.value[0]:
        return n
    flags = R_HISTORIC if g.historic else 0
    doubt = g.verdict != at.GOOD or (by_rows and (j.flags & at.J_UNKNOWN) != 0)
    if doubt:
        flags |= R_UNCERTAIN
    return _judge_levels(
        judge, pending, k, p, g, t, lag + cold[sensor].grace, not (by_rows and doubt), doubt,
        flags, table, out, n, sensor, cold[sensor].site,
    )  # fmt: skip


@kernel
def _presence(g, k, judge, by_rows, table, out, n, sensor, site):
    """A member fell silent, and nobody was before; or the last one is heard; or is in a backlog."""
    j = judge[k]
    if g.code == of.BEHIND:
        j.flags |= at.J_HIST
    elif g.code == of.SILENT:
        if by_rows:
            j.clearing = 0
        if not j.flags & at.J_UNKNOWN:
            j.flags |= at.J_UNKNOWN
            n = transit(
                judge, k, _UNKNOWN, j.level, table, out, n, 0, 0, 0, 0, sensor, site, g.time, np.nan,
                np.nan, R_HISTORIC if g.historic else 0, j.onset,
            )  # fmt: skip
    elif j.flags & at.J_UNKNOWN:
        flags = R_HISTORIC if g.historic else 0
        n = become_known(judge, k, flags, table, out, n, 0, 0, sensor, site, g.time)
    return n


@kernel
def _hear(g, judge, params, pending, band, next_due, cold, by_rows, table, out, n):
    """One group is told one thing. Its own timers that end before that come first."""
    k = g.group
    j = judge[k]
    p = params[j.param]
    sensor = j.sensor
    site = cold[sensor].site
    t, lag = g.time, g.lag
    if g.order == of.VALUE:
        t = max(t, cold[sensor].judged)
        lag = max(0, lag - (t - g.time))
        cold[sensor].judged = t
        if (
            by_rows
            and g.verdict == at.GOOD
            and not g.historic
            and band[k, 0] < g.value[0]
            and g.value[0] < band[k, 1]
            and next_due[k] == NEVER
        ):
            return n
    start, hist = n, (j.flags & at.J_HIST) != 0
    by_due = g.phase == PHASE_TICK
    until = g.key - 1 if by_due else t
    pends = next_due[k] <= until if by_due else (j.raising | j.clearing) != 0
    if pends and not (g.order == of.PRESENCE and g.code == of.BEHIND):
        n = fire_until(
            judge, pending, k, p, until, by_due, hist, table, out, n, g.row, g.phase, sensor,
            site,
        )  # fmt: skip
        if by_due:
            start = n  # each at its own due
    if g.order == of.VALUE:
        n = _value(g, k, judge, p, pending, cold, by_rows, table, out, n, t, lag, sensor)
    elif g.order == of.ACTUAL:
        n = catch_up(judge, k, table, out, n, 0, 0, 0, 0, sensor, site, g.time)
    else:
        n = _presence(g, k, judge, by_rows, table, out, n, sensor, site)
    for i in range(start, n):
        e = out[i]
        e.row, e.phase, e.key, e.order = g.row, g.phase, g.key, 0
    refresh(judge, pending, band, next_due, k, p)
    return n


@kernel
def _fire(w, row, first, last, judge, params, pending, band, next_due, cold, table, out, n):
    """A tick at w for groups first..last; (emissions, lower bound of their next due)."""
    bound = NEVER
    for k in range(first, last):
        if next_due[k] <= w:
            j = judge[k]
            hist = (j.flags & at.J_HIST) != 0
            n = fire_until(
                judge, pending, k, params[j.param], w, True, hist, table, out, n, row,
                PHASE_TICK, j.sensor, cold[j.sensor].site,
            )  # fmt: skip
            refresh(judge, pending, band, next_due, k, params[j.param])
        bound = min(bound, next_due[k])
    return n, bound


@kernel
def judge_groups(
    start, done, rows, row_w, signals, by_rows, first, site_ptr, site_bound, judge, params, pending, band,
    next_due, cold, table, out, n, bound,
):  # fmt: skip
    """Signals from `done` on, in order, and the sites' ticks before rows from `start` on where `row_w` says so.

    Returns (row, signal, emissions, bound); stops early where `out` may not hold what comes next, with the
    room that it needs as the last number.
    """
    clocked = row_w.size > 0
    q, i = done, start
    while True:
        fires = False
        if clocked and i < row_w.size and (q == signals.size or signals[q].row > i or (
            signals[q].row == i and signals[q].phase != PHASE_TICK
        )):  # fmt: skip
            site = cold[rows[i].sensor].site
            fires = row_w[i] != NO_TIME and site_bound[site] <= row_w[i]
            if not fires:
                i += 1
                continue
        if not fires and q == signals.size:
            return i, q, n, bound, 0
        need = EMISSIONS_PER_INSTANCE
        if fires:
            need *= site_ptr[site + 1] - site_ptr[site]
        if n + need > out.size:
            return i, q, n, bound, need
        if fires:
            n, site_bound[site] = _fire(
                row_w[i], i, first + site_ptr[site], first + site_ptr[site + 1], judge, params, pending,
                band, next_due, cold, table, out, n,
            )  # fmt: skip
            i += 1
            continue
        g = signals[q]
        n = _hear(g, judge, params, pending, band, next_due, cold, by_rows, table, out, n)
        site = cold[judge[g.group].sensor].site
        bound = min(bound, next_due[g.group])
        site_bound[site] = min(site_bound[site], next_due[g.group])
        q += 1


@kernel
def fire_groups(w, first, last, judge, params, pending, band, next_due, cold, table, out, n):
    """Every timer that is due at partition tick w; (emissions, lower bound)."""
    return _fire(w, 0, first, last, judge, params, pending, band, next_due, cold, table, out, n)
