"""Change per second between the window's earliest row and the present one.

A pane holds (index, offset of its first row, rows, value of its first row); `merged` counts the rows of
the closed panes.
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

STATS = 4
FIRST = 3


@kernel
def _rate(ring, k, offset, v, kept, pane, min_points, min_span):
    """The rate at a row of pane k; `kept` says whether the row is in the ring already."""
    rows = 0.0 if kept else 1.0
    first, first_offset, first_value = np.float64(k), offset, v
    found = False
    for q in range(int(ring[0])):
        place = closed_at(ring, q, STATS)
        if ring[place + INDEX] < k - 11:
            continue
        rows += ring[place + ROWS]
        if not found:
            first, first_offset = ring[place + INDEX], ring[place + OFFSET]
            first_value, found = ring[place + FIRST], True
    if ring[CURRENT + ROWS] > 0 and ring[CURRENT + INDEX] >= k - 11:
        rows += ring[CURRENT + ROWS]
        if not found:
            first, first_offset = ring[CURRENT + INDEX], ring[CURRENT + OFFSET]
            first_value = ring[CURRENT + FIRST]
    span = (k - first) * pane + (offset - first_offset)
    if rows < min_points or span < min_span or span <= 0.0:
        return np.nan
    return (v - first_value) / (span * 1e-9)


@kernel
def _keep(ring, k, offset, v):
    if k != ring[CURRENT + INDEX] or ring[CURRENT + ROWS] == 0:
        drop_old(ring, k, STATS)
        close_current(ring, k, STATS)
        ring[CURRENT + INDEX], ring[CURRENT + OFFSET] = k, offset
        ring[CURRENT + ROWS], ring[CURRENT + FIRST] = 0.0, v
    ring[CURRENT + ROWS] += 1.0


@kernel
def measure(rows, ptr, first, param, options, rings, out):
    """One rate per (row that is not skipped, instance) into `out`; returns how many."""
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
                out[m] = _rate(ring, k, offset, r.value, good, pane, o[2], o[1])
            m += 1
    return m
