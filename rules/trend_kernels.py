"""The least-squares slope of the window, per second.

Closed panes lie in two stacks, so that moving on costs two merges on average however long the window is:
in the front each pane holds the merge of itself and all that follow in the front; what was closed
later is merged in `back`, and becomes the front when the front is used up.

A pane holds (index, offset of its first row, n, Σt, Σv, Σt², Σtv, Σv²), times in seconds from the
pane's start. Merging two panes shifts the later one by d seconds:
Σt' = Σt + nd, Σt²' = Σt² + 2dΣt + nd², Σtv' = Σtv + dΣv.
Slope and its standard error: ordinary least squares (e.g. Draper & Smith, Applied Regression
Analysis, ch. 1).
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np
from numba import njit

from lifeline.engine import layout as at
from lifeline.engine.pane_kernels import CLOSED, INDEX, OFFSET, ROWS
from lifeline.engine.prefetch import AHEAD, prefetch

STATS = 8
FRONT = (
    2  # how many of the oldest closed panes hold the merge of themselves and what follows in front
)
CURRENT = 8
BACK = CURRENT + STATS  # the merge of the closed panes behind the front
SLOTS = BACK + STATS
T, V, TT, TV, VV = 3, 4, 5, 6, 7
WIDTH = SLOTS + CLOSED * STATS


@njit(cache=True, error_model="numpy")
def _copy(ring, a, b):
    for q in range(STATS):
        ring[a + q] = ring[b + q]


@njit(cache=True, error_model="numpy")
def _join(ring, a, b, pane):
    """Merge the pane that starts at b into the earlier one at a."""
    n = ring[b + ROWS]
    d = (ring[b + INDEX] - ring[a + INDEX]) * pane * 1e-9
    ring[a + TV] += ring[b + TV] + d * ring[b + V]
    ring[a + TT] += ring[b + TT] + 2.0 * d * ring[b + T] + n * d * d
    ring[a + T] += ring[b + T] + n * d
    ring[a + V] += ring[b + V]
    ring[a + VV] += ring[b + VV]
    ring[a + ROWS] += n


@njit(cache=True, error_model="numpy")
def _slot(head, number):
    place = head + number
    if place >= CLOSED:
        place -= CLOSED
    return SLOTS + place * STATS


@njit(cache=True, error_model="numpy")
def _drop(ring, k, pane):
    """Forget closed panes before pane k − 11; where the front is used up, make a new one."""
    closed, head, front = int(ring[0]), int(ring[1]), int(ring[FRONT])
    if closed == 0 or ring[_slot(head, 0) + INDEX] >= k - CLOSED:
        return
    while closed > 0 and ring[_slot(head, 0) + INDEX] < k - CLOSED:
        head = head + 1 if head + 1 < CLOSED else 0
        closed -= 1
        front -= 1
    if front <= 0:
        for number in range(closed - 2, -1, -1):
            _join(ring, _slot(head, number), _slot(head, number + 1), pane)
        front = closed
        ring[BACK + ROWS] = 0.0
    ring[0], ring[1], ring[FRONT] = closed, head, front


@njit(cache=True, error_model="numpy")
def _advance(ring, k, pane):
    """Move the window on to pane k: drop what is old, close what was current."""
    if ring[CURRENT + ROWS] == 0.0:
        ring[CURRENT + INDEX] = k
    if ring[CURRENT + INDEX] == k:
        return
    _drop(ring, k, pane)
    if ring[CURRENT + INDEX] >= k - CLOSED:
        _copy(ring, _slot(int(ring[1]), int(ring[0])), CURRENT)
        ring[0] += 1.0
        if ring[BACK + ROWS] == 0.0:
            _copy(ring, BACK, CURRENT)
        else:
            _join(ring, BACK, CURRENT, pane)
    for q in range(STATS):
        ring[CURRENT + q] = 0.0
    ring[CURRENT + INDEX] = k


@njit(cache=True, error_model="numpy")
def _add(ring, at_pane, offset, v):
    x = offset * 1e-9
    if ring[at_pane + ROWS] == 0:
        ring[at_pane + OFFSET] = offset
    ring[at_pane + ROWS] += 1.0
    ring[at_pane + T] += x
    ring[at_pane + V] += v
    ring[at_pane + TT] += x * x
    ring[at_pane + TV] += x * v
    ring[at_pane + VV] += v * v


@njit(cache=True, error_model="numpy")
def _slope(ring, k, offset, pane, min_points, min_span, significance):
    """The slope over front, back and current pane at a row of pane k; NaN where not valid."""
    n, st, sv = ring[CURRENT + ROWS], ring[CURRENT + T], ring[CURRENT + V]
    stt, stv, svv = ring[CURRENT + TT], ring[CURRENT + TV], ring[CURRENT + VV]
    first, first_offset = ring[CURRENT + INDEX], ring[CURRENT + OFFSET]
    for part in range(2):
        a = BACK
        if part == 1:
            if ring[FRONT] <= 0.0:
                break
            a = _slot(int(ring[1]), 0)
        m = ring[a + ROWS]
        if m == 0.0:
            continue
        d = (first - ring[a + INDEX]) * pane * 1e-9
        stv = ring[a + TV] + (stv + d * sv)
        stt = ring[a + TT] + (stt + 2.0 * d * st + n * d * d)
        st = ring[a + T] + (st + n * d)
        sv = ring[a + V] + sv
        svv = ring[a + VV] + svv
        n = m + n
        first, first_offset = ring[a + INDEX], ring[a + OFFSET]
    if n < min_points or (k - first) * pane + (offset - first_offset) < min_span:
        return np.nan
    det = n * stt - st * st
    if det <= 0.0:
        return np.nan
    slope = (n * stv - st * sv) / det
    if significance > 0.0:
        if n < 3:
            return 0.0
        residual = max(0.0, (svv - sv * sv / n) - slope * (stv - st * sv / n))
        error = np.sqrt(residual / (n - 2.0) / (det / n))
        if abs(slope) < significance * error or slope == 0.0:
            return 0.0
    return slope


@njit(cache=True, error_model="numpy")
def _trial(ring, scratch, t, v, pane, min_points, min_span, significance):
    """The slope as if a suspect row were kept; the ring is not changed."""
    scratch[:] = ring
    k = t // pane
    _advance(scratch, k, pane)
    _add(scratch, CURRENT, np.float64(t - k * pane), v)
    return _slope(scratch, k, np.float64(t - k * pane), pane, min_points, min_span, significance)


@njit(cache=True, error_model="numpy")
def _fetch(rows, ptr, first, rings, i):
    """Hints for rows to come: first a ring's head, later the closed panes that it names."""
    if i + 2 * AHEAD >= rows.size:
        return
    q = ptr[rows[i + 2 * AHEAD].sensor] - first
    if q < rings.shape[0]:
        prefetch(rings, q, 0)
        prefetch(rings, q, 1)
        prefetch(rings, q, 2)
    q = ptr[rows[i + AHEAD].sensor] - first
    if q < rings.shape[0]:
        closed, head = int(rings[q, 0]), int(rings[q, 1])
        prefetch(rings, q, _slot(head, 0) // STATS)
        prefetch(rings, q, _slot(head, 1) // STATS)
        prefetch(rings, q, _slot(head, closed) // STATS)


@njit(cache=True, error_model="numpy")
def measure(rows, ptr, first, judge, options, rings, out):
    """One slope per (row that is not skipped, instance) into `out`; returns how many."""
    m = 0
    scratch = np.empty(rings.shape[1])
    for i in range(rows.size):
        _fetch(rows, ptr, first, rings, i)
        r = rows[i]
        if r.verdict == at.SKIP:
            continue
        s = r.sensor
        for q in range(ptr[s], ptr[s + 1]):
            ring = rings[q - first]
            o = options[judge[q].param]
            pane = np.int64(o[0]) // 12
            if r.verdict == at.GOOD:
                k = r.time // pane
                offset = np.float64(r.time - k * pane)
                _advance(ring, k, pane)
                _add(ring, CURRENT, offset, r.value)
                out[m] = _slope(ring, k, offset, pane, o[2], o[1], o[3])
            elif r.verdict == at.BAD:
                out[m] = np.nan
            else:
                out[m] = _trial(ring, scratch, r.time, r.value, pane, o[2], o[1], o[3])
            m += 1
    return m
