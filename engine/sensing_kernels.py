"""Sensing: time and quality of each row, staleness, clocks, backlog (docs/semantics.md §1–§3).

Kernels take and return arrays only. `sense` is the hot loop; `_slow` is everything that is not a
good sample of a sensor that was heard before, on its own clock, in time.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from . import layout as at
from .kernel import allocating, inlined, kernel
from .layout import NEVER, NO_TIME
from .limits import (
    CAUGHT_UP_LATEST_NS,
    CAUGHT_UP_QUIET_NS,
    CLOCK_SET_SAMPLES,
    FUTURE_ALLOWANCE_NS,
)
from .outline import outlined
from .prefetch import AHEAD, prefetch
from .quality import BAD_CLASS, SUSPECT_CLASS

AHEAD_AGREES_NS = 5_000_000_000  # how far ahead of receipt a clock may be and still agree
COLUMN_AHEAD = 8  # cache lines of a column: a Frame comes from far away
RUN_AHEAD, RUN_BEHIND, RUN_AGED = 1, 2, 3

# Counters, by place; `COUNTERS` names them.
COUNTERS = (
    "judged", "good", "suspect", "bad", "duplicate", "conflict", "late", "clock_fault",
    "unknown_sensor", "historic",
)  # fmt: skip
N_JUDGED, N_GOOD, N_SUSPECT, N_BAD, N_DUPLICATE, N_CONFLICT, N_LATE, N_CLOCK, N_UNKNOWN, N_HIST = (
    range(10)
)


@kernel
def _extend(c, kind, t, received):
    """Extend the run of odd times: 1 confirmed, -1 broken (restarted), else 0."""
    if c.run_kind == kind and c.run_n > 0 and t == c.run_t:
        return 0  # the same row once more says nothing: every message may come twice
    if c.run_kind != kind or c.run_n == 0 or t < c.run_t:
        c.run_kind, c.run_n, c.run_t0, c.run_r0, c.run_t = kind, 1, t, received, t
        return 0
    c.run_n += 1
    c.run_t = t
    dt, dr = t - c.run_t0, received - c.run_r0
    if dt > 2 * max(dr, c.span) or (dr >= c.span and dr > 2 * dt):
        c.run_n, c.run_t0, c.run_r0 = 1, t, received
        return -1
    return 1 if c.run_n >= CLOCK_SET_SAMPLES and dr >= c.span else 0


@kernel
def _put_event(events, n, row, code, sensor, due, time, heard, historic):
    e = events[n]
    e.row, e.code, e.sensor, e.due, e.time = row, code, sensor, due, time
    e.heard, e.historic = heard, historic
    return n + 1


@kernel
def _stale_deadline(s, hot, cold, f):
    if not f & at.HEARD or f & at.SHIFTED:
        return cold[s].stale_deadline
    return (hot[s].last_t if f & at.PLAIN else cold[s].numeric_t) + hot[s].stale


@kernel
def _arm_never_heard(s, w, hot, cold, flag):
    """Arm a sensor at the first tick that it sees; returns its due or NEVER."""
    if flag[s] & (at.ARMED | at.RETIRED):
        return NEVER
    flag[s] |= at.ARMED
    if flag[s] & (at.HEARD | at.BY_EVENT) or hot[s].stale == NEVER:
        return NEVER
    cold[s].stale_deadline = w + hot[s].stale
    hot[s].stale_due = w + hot[s].stale
    return hot[s].stale_due


@kernel
def _spoke(s, hot, cold, f):
    """When a sensor was heard last: by receipt, or by event time where it has no timer of its own."""
    if hot[s].stale != NEVER:
        if f & at.STALE:
            return cold[s].spoke
        if hot[s].stale_due != NEVER:
            return hot[s].stale_due - hot[s].stale
    return hot[s].last_t if f & at.PLAIN else cold[s].judged


@kernel
def _link_spoke(k, hot, cold, flag, link, link_ptr, link_member):
    """When any sensor of the link was heard last; NEVER where fewer than two have ever been.

    Looked for once a tick, which forgets it.
    """
    if link[k, 6] == NO_TIME:
        latest = NO_TIME
        for m in range(link_ptr[k], link_ptr[k + 1]):
            o = link_member[m]
            if flag[o] & at.HEARD:
                latest = max(latest, _spoke(o, hot, cold, flag[o]))
        link[k, 6] = latest if _several(k, flag, link_ptr, link_member) else NEVER
    return link[k, 6]


@kernel
def _several(k, flag, link_ptr, link_member):
    """Whether at least two sensors of the link were ever heard: one alone is no link."""
    heard = 0
    for m in range(link_ptr[k], link_ptr[k + 1]):
        if flag[link_member[m]] & at.HEARD:
            heard += 1
    return heard > 1


@kernel
def _whose(s, hot, cold, flag, link, link_ptr, link_member):
    """Whose silence it is that a sensor is not heard any more: where its link has not spoken either
    since it should have, that of the link, which from now on looks out for a row of any."""
    if not flag[s] & at.HEARD:
        return at.NEVER_HEARD
    cold[s].spoke = _spoke(s, hot, cold, flag[s])
    k = cold[s].link
    spoke = _link_spoke(k, hot, cold, flag, link, link_ptr, link_member)
    if spoke == NEVER or spoke >= cold[s].spoke + hot[s].stale // 2:
        return at.ITS_OWN
    flag[s] |= at.BY_LINK
    link[k, 5] = 1
    for m in range(link_ptr[k], link_ptr[k + 1]):
        flag[link_member[m]] |= at.LINK_ALIVE
    return at.OF_ITS_LINK


@kernel
def _scan_sensor(s, w, row, hot, cold, flag, link, link_ptr, link_member, events, n, bound):
    """Fire what is due at one sensor; returns the number of events and the new lower bound."""
    f = flag[s]
    if f & at.RETIRED:
        return n, bound
    if hot[s].stale_due <= w:
        due = hot[s].stale_due + cold[s].grace
        if due <= w:
            historic = (f & at.HISTORIC) != 0 and cold[s].hist_due >= due
            deadline = _stale_deadline(s, hot, cold, f)
            whose = _whose(s, hot, cold, flag, link, link_ptr, link_member)
            n = _put_event(events, n, row, at.EV_STALE, s, due, deadline, whose, historic)
            flag[s] |= at.STALE
            hot[s].stale_due = NEVER
        else:
            bound = min(bound, due)
    else:
        bound = min(bound, hot[s].stale_due)
    if f & at.HISTORIC:
        due = cold[s].hist_due
        if due <= w:
            n = _put_event(events, n, row, at.EV_CAUGHT_UP, s, due, due, 1, 1)
            flag[s] &= ~at.HISTORIC
            cold[s].hist_due = NEVER
        else:
            bound = min(bound, due)
    return n, bound


@kernel
def _scan_link(k, w, row, link, link_ptr, link_member, cold, flag, events, n, bound):
    """Fire a link's silence: every sensor that lives by it is stale."""
    due = link[k, 0]
    if due > w:
        return n, min(bound, due)
    several = _several(k, flag, link_ptr, link_member)
    for m in range(link_ptr[k], link_ptr[k + 1]):
        s = link_member[m]
        if flag[s] & at.STALE or not flag[s] & at.BY_EVENT:
            continue
        flag[s] |= at.STALE
        whose = at.NEVER_HEARD
        if flag[s] & at.HEARD:
            whose = at.ITS_OWN
            if several:
                whose = at.OF_ITS_LINK
                flag[s] |= at.BY_LINK
        historic = (flag[s] & at.HISTORIC) != 0 and cold[s].hist_due >= due
        n = _put_event(events, n, row, at.EV_STALE, s, due, link[k, 1], whose, historic)
    link[k, 0] = NEVER
    link[k, 3] = 1
    return n, bound


@kernel
def _arm_link(k, base, link):
    """Arm a link's silence `base` + 3 heartbeats ahead (column 2 is the wait, 4 the grace)."""
    if link[k, 2] > 0:
        link[k, 1] = base + link[k, 2]
        link[k, 0] = link[k, 1] + link[k, 4]


@allocating
def _order_events(events, first, n):
    """Sort events first..n by (due, sensor, code), stably."""
    m = n - first
    if m < 2:
        return
    codes = np.empty(m, np.int64)
    for i in range(m):
        codes[i] = events[first + i].sensor * 4 + events[first + i].code
    by = np.argsort(codes, kind="mergesort")
    dues = np.empty(m, np.int64)
    for i in range(m):
        dues[i] = events[first + by[i]].due
    by = by[np.argsort(dues, kind="mergesort")]
    copy = events[first:n].copy()
    for i in range(m):
        events[first + i] = copy[by[i]]


@allocating
def sense_tick(
    w, row, members, links, hot, cold, flag, link, link_ptr, link_member, unarmed, events, n,
):  # fmt: skip
    """A tick for `members` (sensor indices) and `links`, of which those without a timer may be left out;
    returns (events, new lower bound).

    `unarmed`: whether a sensor among them may never have seen a tick.
    """
    first, bound = n, NEVER
    if unarmed:
        for s in members:
            _arm_never_heard(s, w, hot, cold, flag)
        for k in links:
            if link[k, 0] == NEVER and link[k, 3] == 0:
                _arm_link(k, w, link)
    for k in links:  # before the sensors' backlogs end: what is due earlier is still historic
        n, bound = _scan_link(k, w, row, link, link_ptr, link_member, cold, flag, events, n, bound)
    for s in members:
        due = hot[s].stale_due
        if due > w and not flag[s] & (at.RETIRED | at.HISTORIC):
            bound = min(bound, due)
            continue
        n, bound = _scan_sensor(
            s, w, row, hot, cold, flag, link, link_ptr, link_member, events, n, bound
        )
    for m in range(first, n):  # what `_link_spoke` found holds for this tick
        link[cold[events[m].sensor].link, 6] = NO_TIME
    _order_events(events, first, n)
    return n, bound


@kernel
def shift_dues(gap, hot, cold, flag, link):
    """The engine was blind for `gap` ns: every due of the sensors moves by it."""
    for s in range(flag.size):
        if hot[s].stale_due != NEVER:
            cold[s].stale_deadline = _stale_deadline(s, hot, cold, flag[s]) + gap
            flag[s] |= at.SHIFTED
            hot[s].stale_due += gap
        elif flag[s] & at.STALE:
            cold[s].spoke += gap
        if cold[s].hist_due != NEVER:
            cold[s].hist_first += gap
            cold[s].hist_due += gap
    for k in range(link.shape[0]):
        if link[k, 0] != NEVER:
            link[k, 0] += gap
            link[k, 1] += gap


@kernel
def _link_row(
    i, s, received, jt, historic, hot, cold, flag, link, link_ptr, link_member, events, n
):
    """A forward row proves its link alive: who lives by it is fresh, and whose silence was the
    link's has all its time to be heard."""
    k = cold[s].link
    silent, quiet = link[k, 3], link[k, 5]
    link[k, 3] = link[k, 5] = 0
    if silent or quiet:
        for m in range(link_ptr[k], link_ptr[k + 1]):
            o = link_member[m]
            if quiet and link[k, 2] == 0:
                flag[o] &= ~at.LINK_ALIVE
            if flag[o] & at.BY_EVENT:
                if silent and flag[o] & at.STALE:
                    flag[o] &= ~(at.STALE | at.BY_LINK)
                    heard = (flag[o] & at.HEARD) != 0
                    n = _put_event(events, n, i, at.EV_LINK_FRESH, o, -1, jt, heard, historic)
            elif quiet:
                if flag[o] & at.BY_LINK:
                    _excuse(o, received, hot, cold, flag)
                n = _put_event(events, n, i, at.EV_LINK_BACK, o, -1, jt, 1, historic)
    _arm_link(k, received, link)
    return n


@kernel
def _excuse(s, received, hot, cold, flag):
    """The sensor was silent because its link was: it is to be heard within its time from now."""
    flag[s] &= ~(at.BY_LINK | at.STALE)
    if hot[s].stale != NEVER:
        flag[s] |= at.SHIFTED
        cold[s].stale_deadline = received + hot[s].stale
        hot[s].stale_due = received + hot[s].stale


@inlined
def _classify(r, s, v, q, bad, uncertain, jt, hot, cold, flag, count):
    """Verdict and judged value of a forward or twin row (numeric is not moved here)."""
    h = hot[s]
    if bad:
        r.verdict = at.BAD
        r.value = np.nan
        count[N_BAD] += 1
        return
    suspect = uncertain or (q & SUSPECT_CLASS) != 0
    x = v
    r.clamped = 0
    if v > h.high:
        x, suspect, r.clamped = h.high, True, at.CLAMPED_HIGH
    elif v < h.low:
        x, suspect, r.clamped = h.low, True, at.CLAMPED_LOW
    elif flag[s] & (at.PLAIN | at.HAS_NUMERIC):
        plain = flag[s] & at.PLAIN
        pt = h.last_t if plain else cold[s].numeric_t
        pv = h.last_v if plain else cold[s].numeric_v
        if abs(v - pv) > h.max_rate * (np.float64(jt - pt) * 1e-9):
            suspect = True
    r.value = x
    r.verdict = at.SUSPECT if suspect else at.GOOD
    count[N_JUDGED] += 1
    count[N_SUSPECT if suspect else N_GOOD] += 1


@kernel
def _twin(r, s, v, vb, q, bad, received, judged, hot, hot_bits, cold, cold_bits, flag, count):
    """Same raw time as the last row: a duplicate, or a conflict judged as suspect."""
    r.verdict = at.SKIP
    if vb == hot_bits[s].last_v or (flag[s] & at.CONFLICT and vb == cold_bits[s].conflict_v):
        count[N_DUPLICATE] += 1
        return
    count[N_CONFLICT] += 1
    flag[s] |= at.CONFLICT
    cold[s].conflict_v = v
    if bad:
        return
    h = hot[s]
    r.value = min(max(v, h.low), h.high)
    r.clamped = at.CLAMPED_HIGH if v > h.high else at.CLAMPED_LOW if v < h.low else 0
    r.verdict = at.TWIN
    r.time = judged
    r.lag = max(0, received - judged)
    count[N_JUDGED] += 1
    count[N_SUSPECT] += 1


@kernel
def _slow(
    i, s, t, v, vb, q, received, appended, hot, hot_bits, cold, cold_bits, flag, link, link_ptr,
    link_member, rows, events, n, count,
):  # fmt: skip
    """Everything that is not the usual good sample; returns the number of events."""
    r, h, c, f = rows[i], hot[s], cold[s], flag[s]
    bad = (q & BAD_CLASS) != 0 or not np.isfinite(v)
    seen = (f & at.HAS_LAST) != 0
    judged = h.last_t if f & at.PLAIN else c.judged
    clock_set = False
    agrees = False
    if not f & at.RECEIPT:
        if t > received + FUTURE_ALLOWANCE_NS:
            count[N_CLOCK] += 1
            clock_set = _extend(c, RUN_AHEAD, t, received) == 1
        elif seen and t < h.last_t:
            count[N_LATE] += 1
            clock_set = _extend(c, RUN_BEHIND, t, received) == 1
        elif seen and t == h.last_t:
            _twin(r, s, v, vb, q, bad, received, judged, hot, hot_bits, cold, cold_bits, flag,
                  count)  # fmt: skip
            return n
        else:
            agrees = True
        if not clock_set and not agrees:
            flag[s] |= at.RUN
            r.verdict = at.SKIP
            return n
    else:
        if -AHEAD_AGREES_NS <= received - t <= c.agree and t > judged:
            agrees = True
            flag[s] &= ~at.RECEIPT
            c.run_n = 0
            r.flags |= at.ROW_CLOCK_AGREES
        elif t == h.last_t:
            _twin(r, s, v, vb, q, bad, received, judged, hot, hot_bits, cold, cold_bits, flag,
                  count)  # fmt: skip
            return n
        elif t < h.last_t:
            count[N_LATE] += 1
            if _extend(c, RUN_BEHIND, t, received) != 1:
                r.verdict = at.SKIP
                return n
    historic, uncertain, jt = False, True, t
    if agrees:
        if c.run_kind != RUN_AGED:
            c.run_n = 0
        uncertain = False
        if appended - t > h.aged_after:
            said = _extend(c, RUN_AGED, t, received)
            if said == -1:
                flag[s] &= ~at.SLOW
            elif said == 1:
                flag[s] |= at.SLOW
                c.run_n, c.run_t0, c.run_r0 = 1, t, received
            uncertain = (flag[s] & at.SLOW) != 0
            historic = not uncertain
        else:
            c.run_n = 0
            flag[s] &= ~at.SLOW
    else:
        if clock_set:
            flag[s] |= at.RECEIPT
            r.flags |= at.ROW_CLOCK_SET
        c.run_n = 0
        jt = received if judged == NO_TIME else max(received, judged + 1)
    if c.run_n:
        flag[s] |= at.RUN
    else:
        flag[s] &= ~at.RUN
    return _forward(
        i, s, t, v, q, bad, uncertain, historic, jt, received, appended, hot, cold, flag, link,
        link_ptr, link_member, rows, events, n, count,
    )  # fmt: skip


@inlined
def _forward(
    i, s, t, v, q, bad, uncertain, historic, jt, received, appended, hot, cold, flag, link,
    link_ptr, link_member, rows, events, n, count,
):  # fmt: skip
    """A row that moves its sensor's time."""
    r, h, c = rows[i], hot[s], cold[s]
    r.time = jt
    r.lag = max(0, received - jt)
    timed = h.stale != NEVER and not flag[s] & at.BY_EVENT
    # Who was never heard falls silent by ticks alone: its first row is not the end of a silence.
    if timed and flag[s] & (at.STALE | at.HEARD) == at.HEARD:
        deadline = _stale_deadline(s, hot, cold, flag[s])
        if deadline <= jt:
            r.flags |= at.ROW_STALE
            r.stale_deadline = deadline
            c.spoke = _spoke(s, hot, cold, flag[s])
            flag[s] |= at.STALE
            h.stale_due = NEVER
    if flag[s] & at.LINK_ALIVE:
        n = _link_row(
            i, s, received, jt, historic, hot, cold, flag, link, link_ptr, link_member, events, n
        )
    _classify(r, s, v, q, bad, uncertain, jt, hot, cold, flag, count)
    if flag[s] & at.PLAIN:
        c.numeric_t, c.numeric_v = h.last_t, h.last_v
        flag[s] |= at.HAS_NUMERIC
    if historic:
        count[N_HIST] += 1
        r.flags |= at.ROW_HISTORIC
        if not flag[s] & at.HISTORIC:
            c.hist_first = appended
            flag[s] |= at.HISTORIC
        c.hist_due = min(appended + CAUGHT_UP_QUIET_NS, c.hist_first + CAUGHT_UP_LATEST_NS)
    elif flag[s] & at.HISTORIC and not bad:  # a bad row leaves the backlog open
        r.flags |= at.ROW_CAUGHT_UP
        flag[s] &= ~at.HISTORIC
        c.hist_due = NEVER
    h.last_t, h.last_v = t, v
    c.judged = jt
    flag[s] = (flag[s] | at.HAS_LAST) & ~(at.CONFLICT | at.PLAIN)
    if bad:
        return n
    if not flag[s] & at.HEARD:
        r.flags |= at.ROW_FRESH | at.ROW_FIRST
    elif flag[s] & at.STALE:
        r.flags |= at.ROW_FRESH
    flag[s] = (flag[s] | at.HEARD | at.ARMED) & ~(at.STALE | at.SHIFTED | at.BY_LINK)
    if flag[s] & at.RECEIPT:
        c.numeric_t, c.numeric_v = jt, v
        flag[s] |= at.HAS_NUMERIC
    else:
        flag[s] |= at.PLAIN
    if timed:
        h.stale_due = jt + h.stale + r.lag
    return n


@kernel
def _usual(
    i, time, value, quality, sensor, received, appended, hot, flag, rows, bound
):  # fmt: skip
    """Passes rows from i on that are usual: samples of good quality of a sensor that was heard before, on its own
    clock, in time. Returns (the first that is not, how many were suspect by their value, bound)."""
    outlined()
    latest = received + FUTURE_ALLOWANCE_NS
    usual = at.UNUSUAL | at.USUAL
    suspect = 0
    while i < time.size:
        if i + AHEAD < time.size:
            later = np.uintp(sensor[np.uintp(i + AHEAD)])
            if later < np.uintp(flag.size):
                prefetch(hot, later, 0)
                prefetch(flag, later, 0)
        prefetch(time, i, COLUMN_AHEAD)
        prefetch(value, i, COLUMN_AHEAD)
        u = np.uintp(i)
        s = np.uintp(sensor[u])
        if s >= np.uintp(flag.size) or (flag[s] & usual) != at.USUAL:
            break
        h, t, v = hot[s], time[u], value[u]
        dt = t - h.last_t
        if (
            dt <= 0
            or dt >= h.stale
            or t > latest
            or appended - t > h.aged_after
            or quality[u] != 0
            or not np.isfinite(v)
        ):
            break
        r = rows[u]
        r.sensor, r.flags, r.verdict = s, 0, at.GOOD
        lag = max(0, received - t)
        x = v
        if v > h.high:
            x, r.verdict, r.clamped = h.high, at.SUSPECT, at.CLAMPED_HIGH
            suspect += 1
        elif v < h.low:
            x, r.verdict, r.clamped = h.low, at.SUSPECT, at.CLAMPED_LOW
            suspect += 1
        elif abs(v - h.last_v) > h.max_rate * (np.float64(dt) * 1e-9):
            r.verdict, r.clamped = at.SUSPECT, 0
            suspect += 1
        r.time, r.value, r.lag = t, x, lag
        h.last_t, h.last_v = t, v
        if h.stale != NEVER:
            h.stale_due = t + h.stale + lag
        bound = min(bound, h.stale_due)
        i += 1
    return i, suspect, bound


@inlined
def _fetch_slow(i, sensor, hot, cold, flag):
    """Hints for row i, should it be no usual one either."""
    if i < sensor.size:
        s = np.uintp(sensor[np.uintp(i)])
        if s < np.uintp(flag.size):
            prefetch(flag, s, 0)
            prefetch(hot, s, 0)
            prefetch(cold, s, 0)
            prefetch(cold, s, 1)


@kernel
def sense(
    time, value, bits, quality, sensor, received, appended, start, hot, hot_bits, cold, cold_bits,
    flag, link, link_ptr, link_member, timed, rows, events, n, count, bound,
):  # fmt: skip
    """Rows `start`.. of a Frame; returns (next row, events, lower bound of sensor timers, whether a row may have
    a flag).

    `timed`: the links that have a timer. Stops early where `events` may not hold what one more row can produce.
    """
    room = events.size
    odd = False
    i = start
    while i < time.size:
        s = np.uintp(sensor[i])
        if s < np.uintp(flag.size) and not flag[s] & at.UNUSUAL:  # else it would pass none
            before = i
            i, suspect, bound = _usual(
                i, time, value, quality, sensor, received, appended, hot, flag, rows, bound
            )
            count[N_JUDGED] += i - before
            count[N_GOOD] += i - before - suspect
            count[N_SUSPECT] += suspect
        if i == time.size:
            break
        s = sensor[i]
        r = rows[i]
        r.flags = 0
        r.sensor = s
        if s < 0 or s >= flag.size or flag[s] & at.RETIRED:
            r.sensor = 0  # later passes may look it up; they never judge it
            r.verdict = at.SKIP
            count[N_UNKNOWN] += 1
            i += 1
            continue
        if n + 4 + link_member.size > room:
            break
        told, odd = n, True
        _fetch_slow(i + AHEAD // 2, sensor, hot, cold, flag)
        n = _slow(
            i, s, time[i], value[i], bits[i], quality[i], received, appended, hot, hot_bits, cold,
            cold_bits, flag, link, link_ptr, link_member, rows, events, n, count,
        )  # fmt: skip
        if n > told:
            bound = min(bound, received)  # sensors of its link may have been given new timers
        bound = min(bound, hot[s].stale_due)
        if flag[s] & at.HISTORIC:
            bound = min(bound, cold[s].hist_due)
        i += 1
    for k in timed:
        bound = min(bound, link[k, 0])
    return i, n, bound, odd


@allocating
def sense_clocked(
    time, value, bits, quality, sensor, start, hot, hot_bits, cold, cold_bits, flag, link,
    link_ptr, link_member, site, site_ptr, site_member, site_link_ptr, site_link, rows, row_w,
    events, n, count,
):  # fmt: skip
    """As `sense`, self-clocked: before each row a tick for its site at its largest event time.

    `site` is int64 (sites, 3): W (NO_TIME before the first row), lower bound of the site's sensor
    timers, number of sensors that may not be armed. `row_w` gets each row's tick (NO_TIME: none).
    """
    room = events.size
    i = start
    while i < time.size:
        s = sensor[i]
        r = rows[i]
        r.flags = 0
        r.sensor = s
        row_w[i] = NO_TIME
        if s < 0 or s >= flag.size or flag[s] & at.RETIRED:
            r.sensor = 0
            r.verdict = at.SKIP
            count[N_UNKNOWN] += 1
            i += 1
            continue
        t = time[i]
        k = cold[s].site
        w = max(site[k, 0], t)
        members = site_member[site_ptr[k] : site_ptr[k + 1]]
        ticks = (w > site[k, 0] and w >= site[k, 1]) or site[k, 2] > 0
        need = 4 + link_member.size
        if ticks:
            need += 2 * members.size + link_member.size
        if n + need > room:
            break
        if w > site[k, 0]:
            row_w[i] = w
            site[k, 0] = w
        if ticks:
            links = site_link[site_link_ptr[k] : site_link_ptr[k + 1]]
            n, site[k, 1] = sense_tick(
                w, i, members, links, hot, cold, flag, link, link_ptr, link_member,
                site[k, 2] > 0, events, n,
            )  # fmt: skip
            site[k, 2] = 0
        before = n
        n = _slow(
            i, s, t, value[i], bits[i], quality[i], w, w, hot, hot_bits, cold, cold_bits, flag,
            link, link_ptr, link_member, rows, events, n, count,
        )  # fmt: skip
        bound = min(site[k, 1], hot[s].stale_due, link[cold[s].link, 0])
        if n > before:
            bound = min(bound, w)
        if flag[s] & at.HISTORIC:
            bound = min(bound, cold[s].hist_due)
        site[k, 1] = bound
        i += 1
    return i, n


__all__ = ["COUNTERS", "sense", "sense_clocked", "sense_tick", "shift_dues"]
