"""Totals, means, time-weighted averages and least values of a window.

A good value holds until the next good one, at most `max_gap`: E = Σ Cᵢ Tᵢ / T of GBZ 2.1-2019,
29 CFR 1910.1000(d)(1) and the TLV booklet of ACGIH, with Cᵢ the value that was read and Tᵢ how long it
held. Time that no value holds is a gap. What happens with gaps, docs/semantics.md §4 says.

A ring has a head, the merge of the closed panes, and twelve slots; pane k lies in slot k mod 12:

    head    (any row yet, pane of the last good row, its offset in ns, its value, whether there was a
            figure, the last figure)
    merge   (–, rows, Σv, least v, ∫v in value·ns, covered ns, least mean of a pane)
    slot    (pane, rows, Σv, least v, ∫v, covered ns)

Which pane a number belongs to depends on the rows alone, and panes are merged from the oldest on.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from lifeline.engine import layout as at
from lifeline.engine.kernel import allocating, kernel
from lifeline.engine.limits import PANES

TOTAL, INTEGRAL, MEAN, TWA, TWA_COVERED, MINIMUM, QUIETEST = range(7)
HEARD, LAST_PANE, LAST_OFFSET, LAST_VALUE, FIGURED, FIGURE = range(6)
PANE, ROWS, SUM, LEAST, AREA, COVERED, QUIET = range(7)
MERGE, SLOTS, PLACES = 8, 16, 6
WIDTH = SLOTS + PANES * PLACES


@kernel
def _open(f, ring, k):
    """Where the slot of pane k is; empty if it held an older pane."""
    slot = ring + SLOTS + (k % PANES) * PLACES
    if f[slot + PANE] != k:
        f[slot + PANE] = k
        for place in range(ROWS, PLACES):
            f[slot + place] = 0.0
    return slot


@kernel
def _hold(f, ring, t, pane, max_gap):
    """The last good value held until t, at most `max_gap`: spread it over the panes it held in."""
    last = np.int64(f[ring + LAST_PANE])
    start = last * pane + np.int64(f[ring + LAST_OFFSET])
    end = min(t, start + max_gap)
    value = f[ring + LAST_VALUE]
    k = max(last, t // pane - (PANES - 1))
    start = max(start, k * pane)
    while start < end:
        until = min(end, (k + 1) * pane)
        slot = _open(f, ring, k)
        held = np.float64(until - start)
        f[slot + AREA] += value * held
        f[slot + COVERED] += held
        start = until
        k += 1


@kernel
def _merge(f, ring, k, pane, coverage):
    """Merge the panes before k that the window of pane k holds, from the oldest on."""
    m = ring + MERGE
    f[m + ROWS], f[m + SUM], f[m + LEAST] = 0.0, 0.0, np.inf
    f[m + AREA], f[m + COVERED], f[m + QUIET] = 0.0, 0.0, np.inf
    enough = coverage * np.float64(pane)
    for j in range(k - (PANES - 1), k):
        slot = ring + SLOTS + (j % PANES) * PLACES
        if f[slot + PANE] != j:
            continue
        f[m + AREA] += f[slot + AREA]
        f[m + COVERED] += f[slot + COVERED]
        rows = f[slot + ROWS]
        if rows == 0.0:
            continue
        f[m + ROWS] += rows
        f[m + SUM] += f[slot + SUM]
        f[m + LEAST] = min(f[m + LEAST], f[slot + LEAST])
        if f[slot + COVERED] >= enough:
            f[m + QUIET] = min(f[m + QUIET], f[slot + SUM] / rows)


@kernel
def _figure(f, ring, slot, span, of):
    """What the window of `span` ns amounts to; NaN where it holds nothing of the kind."""
    m = ring + MERGE
    if of == TOTAL:
        return f[m + SUM] + f[slot + SUM]
    if of == INTEGRAL:
        return (f[m + AREA] + f[slot + AREA]) * 1e-9
    if of == MEAN:
        return (f[m + SUM] + f[slot + SUM]) / (f[m + ROWS] + f[slot + ROWS])
    if of == TWA:
        return (f[m + AREA] + f[slot + AREA]) / span if span > 0.0 else np.nan
    if of == TWA_COVERED:
        covered = f[m + COVERED] + f[slot + COVERED]
        return (f[m + AREA] + f[slot + AREA]) / covered if covered > 0.0 else np.nan
    if of == MINIMUM:
        return min(f[m + LEAST], f[slot + LEAST])
    return f[m + QUIET] if f[m + QUIET] != np.inf else np.nan


@kernel
def _taken(f, ring, t, v, pane, max_gap, coverage, of, bound):
    """Takes a row into the window; the figure, NaN where it is not valid."""
    k = t // pane
    fresh = f[ring + HEARD] == 0.0
    if not fresh:
        _hold(f, ring, t, pane, max_gap)
    slot = _open(f, ring, k)
    if fresh or f[ring + LAST_PANE] != k:
        _merge(f, ring, k, pane, coverage)
    f[slot + LEAST] = v if f[slot + ROWS] == 0.0 else min(v, f[slot + LEAST])
    f[slot + ROWS] += 1.0
    f[slot + SUM] += v
    f[ring + HEARD], f[ring + LAST_PANE] = 1.0, k
    f[ring + LAST_OFFSET], f[ring + LAST_VALUE] = np.float64(t - k * pane), v
    span = np.float64(t - (k - (PANES - 1)) * pane)
    x = _figure(f, ring, slot, span, of)
    whole = f[ring + MERGE + COVERED] + f[slot + COVERED] >= coverage * span
    if bound == 0.0:
        return x if whole else np.nan
    # What is missing would only add: the figure may rise on what is known, but not fall.
    if not whole and f[ring + FIGURED] > 0.0:
        x = max(x, f[ring + FIGURE])
    if x == x:
        f[ring + FIGURED], f[ring + FIGURE] = 1.0, x
    return x


@allocating
def measure(rows, ptr, first, param, options, rings, out):
    """One figure per (row that is not skipped, instance) into `out`; returns how many."""
    m = 0
    f = rings.reshape(rings.size)
    tried = np.empty(WIDTH)
    for i in range(rows.size):
        r = rows[i]
        if r.verdict == at.SKIP:
            continue
        s = r.sensor
        for q in range(ptr[s], ptr[s + 1]):
            ring, p = (q - first) * WIDTH, param[q]
            pane, gap = np.int64(options[p, 0]) // PANES, np.int64(options[p, 1])
            coverage, of, bound = options[p, 2], np.int64(options[p, 3]), options[p, 4]
            if r.verdict == at.GOOD:
                out[m] = _taken(f, ring, r.time, r.value, pane, gap, coverage, of, bound)
            elif r.verdict == at.BAD:
                out[m] = np.nan
            else:  # a suspect row counts for this evaluation alone
                for place in range(WIDTH):
                    tried[place] = f[ring + place]
                out[m] = _taken(tried, 0, r.time, r.value, pane, gap, coverage, of, bound)
            m += 1
    return m
