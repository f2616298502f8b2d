"""Greatest less smallest value of the window.

A pane holds (index, offset of its first row, rows, smallest, greatest).
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from lifeline.engine import layout as at
from lifeline.engine.kernel import kernel
from lifeline.engine.pane_kernels import (
    CURRENT,
    INDEX,
    OFFSET,
    ROWS,
    close_current,
    closed_at,
    drop_old,
)

STATS = 5
LOW, HIGH = 3, 4


@kernel
def _spread(ring, k, offset, v, kept, pane, min_points, min_span):
    """max − min at a row of pane k; NaN where it is not valid."""
    rows = 0.0 if kept else 1.0
    low, high = v, v
    first, first_offset, found = np.float64(k), offset, False
    for q in range(int(ring[0]) + 1):
        place = closed_at(ring, q, STATS) if q < int(ring[0]) else CURRENT
        if ring[place + ROWS] == 0 or ring[place + INDEX] < k - 11:
            continue
        rows += ring[place + ROWS]
        low, high = min(low, ring[place + LOW]), max(high, ring[place + HIGH])
        if not found:
            first, first_offset, found = ring[place + INDEX], ring[place + OFFSET], True
    if rows < min_points or (k - first) * pane + (offset - first_offset) < min_span:
        return np.nan
    return high - low


@kernel
def _keep(ring, k, offset, v):
    if k != ring[CURRENT + INDEX] or ring[CURRENT + ROWS] == 0:
        drop_old(ring, k, STATS)
        close_current(ring, k, STATS)
        ring[CURRENT + INDEX], ring[CURRENT + OFFSET], ring[CURRENT + ROWS] = k, offset, 0.0
        ring[CURRENT + LOW] = ring[CURRENT + HIGH] = v
    ring[CURRENT + ROWS] += 1.0
    ring[CURRENT + LOW] = min(ring[CURRENT + LOW], v)
    ring[CURRENT + HIGH] = max(ring[CURRENT + HIGH], v)


@kernel
def measure(rows, ptr, first, param, options, rings, out):
    """One spread per (row that is not skipped, instance) into `out`; returns how many."""
    m = 0
    for i in range(rows.size):
        r = rows[i]
        if r.verdict == at.SKIP:
            continue
        s = r.sensor
        for q in range(ptr[s], ptr[s + 1]):
            ring = rings[q - first]
            o = options[param[q]]
            pane = np.int64(o[0]) // 12
            k = r.time // pane
            offset = np.float64(r.time - k * pane)
            good = r.verdict == at.GOOD
            if good:
                _keep(ring, k, offset, r.value)
            if r.verdict == at.BAD:
                out[m] = np.nan
            else:
                out[m] = _spread(ring, k, offset, r.value, good, pane, o[2], o[1])
            m += 1
    return m
