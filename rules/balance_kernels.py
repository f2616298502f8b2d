"""Material balance of a group in a sliding window, and what its measurement may be off by.

    I = Σ V(in) − Σ V(out) − Σ C (p(now) − p(start))        V: a flow over the window, C: what is stored
    u² = Σ (s V)² + Σ (r V)² / n + Σ (a T)² / n                    per pressure or level of what is stored
       + Σ (s C Δp)² + Σ 2 (C a)²

s is the relative systematic uncertainty of a member (of a meter, of a storage constant), r the relative
and a the absolute random uncertainty of one reading, n the readings in the window of T: random errors
average out, systematic ones do not, and a constant error of a pressure leaves with the difference.
Independent errors add by root sum of squares (API TR 1149; GUM 5.1.2).

Every good value holds until the member's next, at most `max_gap`: the balance at a time is that of the
held values, of all members up to the same time. It begins anew (`since`) once every member is held
after one was bad, silent for longer, or not yet heard: no part of a balance is guessed.

    head    (time, whole, since, pane of the merge, merge is right, reason, I, u, greater of ΣV)
    panes   (which pane each of the twelve slots holds)
    member  (time, value, state, value at since, merged ∫v and n of closed panes,
            12 × ∫v in value·ns (of what is stored: the value at the pane's start), 12 × n)

The option `volume` is what 1 m3 is in the flow's unit times seconds.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from lifeline.engine import layout as at
from lifeline.engine.kernel import allocating, kernel
from lifeline.engine.limits import PANES

MEMBERS = 16  # groups.GROUP_MEMBERS
TIME, WHOLE, SINCE, MERGED, MERGE_OK, REASON, IMBALANCE, UNSURE, THROUGH = range(9)
SLOTS = 9
FIRST = SLOTS + PANES
WHEN, VALUE, STATE, BASE, AREA, COUNT, AREAS = range(7)
COUNTS = AREAS + PANES
PLACES = COUNTS + PANES
WIDTH = FIRST + MEMBERS * PLACES
UNHEARD, HELD, VOID = 0.0, 1.0, 2.0
IN, OUT, STORED = 0, 1, 2  # roles
SHARE, SYSTEMATIC, RANDOM, ABSOLUTE = range(4)  # weights
WINDOW, MAX_GAP, MIN_SPAN, OF, COVERAGE, MIN_FLOW, VOLUME = range(7)  # options
OF_FLOW, OF_VOLUME, OF_UNCERTAINTY = range(3)
JUDGED, UNKNOWN_MEMBER, TOO_SHORT, IDLE = range(4)


@kernel
def _held(f, b, n, t, gap):
    """Whether a value of every member holds at t."""
    for j in range(n):
        mine = FIRST + j * PLACES
        if f[mine + STATE] != HELD or t - b[mine + WHEN] > gap:
            return False
    return True


@kernel
def _open(f, k, n):
    """The slot of pane k; empty if it held another."""
    slot = k % PANES
    if f[SLOTS + slot] != k:
        f[SLOTS + slot] = k
        for j in range(n):
            mine = FIRST + j * PLACES
            f[mine + AREAS + slot], f[mine + COUNTS + slot] = 0.0, 0.0
    return slot


@kernel
def _begin(f, b, n, t):
    """The balance begins at t, at which every member is held."""
    f[WHOLE], f[MERGE_OK], b[SINCE] = 1.0, 0.0, t
    for slot in range(PANES):
        f[SLOTS + slot] = -1.0
    for j in range(n):
        mine = FIRST + j * PLACES
        f[mine + BASE] = f[mine + VALUE]


@kernel
def _advance(f, b, n, j, role, t, v, pane):
    """Member j held its value up to t, where it is v: spread what it held over its panes."""
    mine = FIRST + j * PLACES
    if t <= b[SINCE]:  # it comes late: this is what it was when the balance began
        f[mine + BASE] = v
        return
    start = max(b[mine + WHEN], b[SINCE])
    k, last = start // pane, t // pane
    if k < f[MERGED]:
        f[MERGE_OK] = 0.0
    held = f[mine + VALUE]
    while True:
        slot = _open(f, k, n)
        if role != STORED:
            f[mine + AREAS + slot] += held * np.float64(min(t, (k + 1) * pane) - start)
        if k == last:
            break
        k += 1
        start = k * pane
        if role == STORED:
            f[mine + AREAS + _open(f, k, n)] = held if start < t else v
    f[mine + COUNTS + slot] += 1.0


@kernel
def _merge(f, n, k):
    """Merge the panes before k that the window of pane k holds, from the oldest on."""
    for j in range(n):
        mine = FIRST + j * PLACES
        area, count = 0.0, 0.0
        for old in range(k - (PANES - 1), k):
            slot = old % PANES
            if f[SLOTS + slot] == old:
                area += f[mine + AREAS + slot]
                count += f[mine + COUNTS + slot]
        f[mine + AREA], f[mine + COUNT] = area, count
    f[MERGED], f[MERGE_OK] = k, 1.0


@kernel
def _flowed(f, b, j, t, k):
    """What flowed through member j in the window that ends at t, and in how many readings."""
    mine, slot = FIRST + j * PLACES, k % PANES
    area, count = f[mine + AREA], f[mine + COUNT]
    if f[SLOTS + slot] == k:
        area += f[mine + AREAS + slot]
        count += f[mine + COUNTS + slot]
    # Its last value holds on; what it held before `since` is no part of the balance.
    held = t - max(b[mine + WHEN], b[SINCE])
    return (area + f[mine + VALUE] * np.float64(held)) * 1e-9, max(count, 1.0)


@kernel
def _balance(f, b, n, first, role, weight, volume, t, pane, tried, value, told):
    """Imbalance, uncertainty, the greater of what came in and what went out, and the span, at t.

    Member `tried` has `value` for this evaluation alone (-1: none has).
    """
    k = t // pane
    if f[MERGE_OK] == 0.0 or f[MERGED] != k:
        _merge(f, n, k)
    begins = (k - (PANES - 1)) * pane
    whole = b[SINCE] < begins
    start = begins if whole else b[SINCE]
    span = np.float64(t - start) * 1e-9
    come, gone, stored, square = 0.0, 0.0, 0.0, 0.0
    for j in range(n):
        mine, w = FIRST + j * PLACES, weight[first + j]
        if role[first + j] == STORED:
            since = f[mine + AREAS + (k + 1) % PANES] if whole else f[mine + BASE]
            now = value if j == tried else f[mine + VALUE]
            stores = w[SHARE] * volume
            kept = stores * (now - since)
            stored += kept
            e, a = w[SYSTEMATIC] * kept, stores * w[ABSOLUTE]
            square += e * e + 2.0 * (a * a)
            continue
        flow, count = _flowed(f, b, j, t, k)
        if role[first + j] == IN:
            come += flow
        else:
            gone += flow
        e, r, a = w[SYSTEMATIC] * flow, w[RANDOM] * flow, w[ABSOLUTE] * span
        square += e * e + (r * r + a * a) / count
    told[0], told[1] = come - gone - stored, np.sqrt(square)
    told[2], told[3] = max(abs(come), abs(gone)), span


@kernel
def _measure(told, span_ns, o):
    """(x, reason) of a balance."""
    imbalance, unsure, through, span = told[0], told[1], told[2], told[3]
    if span_ns < o[MIN_SPAN] or span <= 0.0:
        return np.nan, TOO_SHORT
    of = o[OF]
    if of == OF_UNCERTAINTY:
        return (imbalance / unsure, JUDGED) if unsure > 0.0 else (np.nan, IDLE)
    if of == OF_FLOW and not (through > 0.0 and through >= o[MIN_FLOW] * span):
        return np.nan, IDLE
    if abs(imbalance) < o[COVERAGE] * unsure:
        return 0.0, JUDGED
    return (100.0 * imbalance / through if of == OF_FLOW else imbalance), JUDGED


@kernel
def _take(f, b, n, j, first, role, o, now, t, v):
    """Takes a good value of member j, which has it from t on; the group's time is `now`."""
    pane, gap = np.int64(o[WINDOW]) // PANES, np.int64(o[MAX_GAP])
    mine = FIRST + j * PLACES
    if f[WHOLE] > 0.0:
        if _held(f, b, n, now, gap):
            _advance(f, b, n, j, role[first + j], t, v, pane)
        else:
            f[WHOLE] = 0.0
    b[TIME], b[mine + WHEN] = now, t
    f[mine + VALUE], f[mine + STATE] = v, HELD
    if f[WHOLE] == 0.0 and _held(f, b, n, now, gap):
        _begin(f, b, n, now)


@kernel
def _row(f, b, n, j, first, role, weight, o, r, told):
    """Takes one row of member j; (x, the group's time)."""
    pane = np.int64(o[WINDOW]) // PANES
    now, good = max(b[TIME], r.time), r.verdict == at.GOOD
    if r.verdict == at.BAD:
        f[FIRST + j * PLACES + STATE], f[WHOLE], f[REASON] = VOID, 0.0, UNKNOWN_MEMBER
        return np.nan, now
    if good:
        _take(f, b, n, j, first, role, o, now, r.time, r.value)
    if f[WHOLE] == 0.0 or not _held(f, b, n, now, np.int64(o[MAX_GAP])):
        if good:
            f[REASON] = UNKNOWN_MEMBER
        return np.nan, now
    tried = -1 if good else j
    _balance(f, b, n, first, role, weight, o[VOLUME], now, pane, tried, r.value, told)
    begins = max(b[SINCE], (now // pane - (PANES - 1)) * pane)
    x, reason = _measure(told, np.float64(now - begins), o)
    if good:
        f[REASON], f[IMBALANCE], f[UNSURE], f[THROUGH] = reason, told[0], told[1], told[2]
    return x, now


@allocating
def feed(
    rows, follow_ptr, follow, place, member_ptr, role, weight, table, first, param, options, rings,
    out_rows, origin,
):  # fmt: skip
    """One virtual row per (row, group of its sensor) that has a measure or is bad; returns how many."""
    made = 0
    told = np.empty(4)
    bits = rings.view(np.int64)
    for i in range(rows.size):
        r = rows[i]
        if r.verdict == at.SKIP:
            continue
        for q in range(follow_ptr[r.sensor], follow_ptr[r.sensor + 1]):
            g = follow[q]
            begin = member_ptr[g]
            x, now = _row(
                rings[g], bits[g], member_ptr[g + 1] - begin, place[q] - begin, begin, role, weight,
                options[param[first + g]], r, told,
            )  # fmt: skip
            if x != x and r.verdict != at.BAD:
                continue
            e = out_rows[made]
            e.sensor, e.time, e.value, e.flags = g, now, x, 0
            e.lag = max(0, r.lag - (now - r.time))
            e.verdict = r.verdict if r.verdict != at.TWIN else at.SUSPECT
            origin[made] = i
            made += 1
    return made
