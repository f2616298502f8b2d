"""The least-squares slope of the window, per second.

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
from lifeline.engine.pane_kernels import (
    CURRENT,
    INDEX,
    OFFSET,
    ROWS,
    close_current,
    closed_at,
    drop_old,
)

STATS = 8
MERGED = CURRENT + STATS
T, V, TT, TV, VV = 3, 4, 5, 6, 7


@njit(cache=True)
def _join(ring, a, b, pane):
    """Merge the pane that starts at b into the one at a (which may be empty)."""
    if ring[a + ROWS] == 0:
        for q in range(STATS):
            ring[a + q] = ring[b + q]
        return
    n = ring[b + ROWS]
    d = (ring[b + INDEX] - ring[a + INDEX]) * pane * 1e-9
    ring[a + TV] += ring[b + TV] + d * ring[b + V]
    ring[a + TT] += ring[b + TT] + 2.0 * d * ring[b + T] + n * d * d
    ring[a + T] += ring[b + T] + n * d
    ring[a + V] += ring[b + V]
    ring[a + VV] += ring[b + VV]
    ring[a + ROWS] += n


@njit(cache=True)
def _advance(ring, k, pane):
    """Move the window on to pane k: close what was current, drop what is old."""
    if k == ring[CURRENT + INDEX] or ring[CURRENT + ROWS] == 0:
        if ring[CURRENT + ROWS] == 0:
            ring[CURRENT + INDEX] = k
        return
    dropped = drop_old(ring, k, STATS)
    kept = close_current(ring, k, STATS)
    if dropped or not kept:
        ring[MERGED + ROWS] = 0
        for q in range(int(ring[0])):
            _join(ring, MERGED, closed_at(ring, q, STATS), pane)
    else:
        _join(ring, MERGED, CURRENT, pane)
    for q in range(STATS):
        ring[CURRENT + q] = 0.0
    ring[CURRENT + INDEX] = k


@njit(cache=True)
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


@njit(cache=True)
def _slope(ring, k, offset, pane, min_points, min_span, significance):
    """The slope over merged and current pane at a row of pane k; NaN where it is not valid."""
    n, st, sv = ring[CURRENT + ROWS], ring[CURRENT + T], ring[CURRENT + V]
    stt, stv, svv = ring[CURRENT + TT], ring[CURRENT + TV], ring[CURRENT + VV]
    first, first_offset = ring[CURRENT + INDEX], ring[CURRENT + OFFSET]
    m = ring[MERGED + ROWS]
    if m > 0:
        d = (first - ring[MERGED + INDEX]) * pane * 1e-9
        stv = ring[MERGED + TV] + (stv + d * sv)
        stt = ring[MERGED + TT] + (stt + 2.0 * d * st + n * d * d)
        st = ring[MERGED + T] + (st + n * d)
        sv = ring[MERGED + V] + sv
        svv = ring[MERGED + VV] + svv
        n = m + n
        first, first_offset = ring[MERGED + INDEX], ring[MERGED + OFFSET]
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


@njit(cache=True)
def _trial(ring, scratch, t, v, pane, min_points, min_span, significance):
    """The slope as if a suspect row were kept; the ring is not changed."""
    scratch[:] = ring
    k = t // pane
    _advance(scratch, k, pane)
    _add(scratch, CURRENT, np.float64(t - k * pane), v)
    return _slope(scratch, k, np.float64(t - k * pane), pane, min_points, min_span, significance)


@njit(cache=True)
def measure(rows, ptr, first, judge, options, rings, out):
    """One slope per (row that is not skipped, instance) into `out`; returns how many."""
    m = 0
    scratch = np.empty(rings.shape[1])
    for i in range(rows.size):
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
