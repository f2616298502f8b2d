"""The least-squares slope of the window, per second.

A ring has one of three forms, of which the rows alone decide: narrow and wide ones hold the rows themselves
(`trend_rows_kernels`), those of panes hold sums (`trend_panes_kernels`). One in which nothing ever was is all zeros.

Arrays are flat, with `bits` the same memory read as int64 (times and counts are whole numbers): a view of each ring
would cost two atomic counts a row.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from lifeline.engine import layout as at
from lifeline.engine.kernel import allocating, inlined, kernel
from lifeline.engine.limits import PANES
from lifeline.engine.outline import outlined
from lifeline.engine.prefetch import AHEAD, prefetch

from .trend_panes_kernels import (
    BYTE,
    COUNTS,
    FORM_OF,
    HEAD_OF,
    PANED,
    WIDTH,
    emptied,
    line_of,
    of_panes,
)
from .trend_robust_kernels import PAIRS, robust
from .trend_rows_kernels import NARROW, ROOM, WIDE, keeps_wide, of_narrow, of_wide, renew, takes

WIDER_SEEN = 64  # rows: for so long after one whose ring was not narrow others may come
_SHORT = 1_000_000  # ns: from here on the product is off by less than 1e-2 at any time of an int64


@inlined
def _pane_of(t, pane):
    """t // pane, by a multiplication that may be one off: dividing whole numbers takes several times as long."""
    if pane < _SHORT:  # the product of so many panes would be further off
        return t // pane
    number = np.int64(np.floor(np.float64(t) * (1.0 / np.float64(pane))))
    if number * pane > t:
        return number - 1
    return number + 1 if t - number * pane >= pane else number


@kernel
def _renewed(
    f, bits, ring, counts, t, v, start, pane, min_points, min_span, tested, significance, confidence, times,
    values,
):  # fmt: skip
    """Takes a row into a ring whose form is not known to take it as it is; the slope."""
    outlined()
    form = counts >> FORM_OF
    if form == PANED:
        counts = 0
    if form != WIDE or not keeps_wide(f, bits, ring, counts, start, times, values):
        counts = renew(f, bits, ring, counts, start, pane, times, values)
        form = counts >> FORM_OF
    if form == NARROW:
        return of_narrow(
            f, bits, ring, counts & BYTE, t, v, start, min_points, min_span, tested, significance, confidence
        )  # fmt: skip
    if form == WIDE:
        return of_wide(
            f, bits, ring, counts & BYTE, t, v, start, min_points, min_span, tested, significance, confidence
        )  # fmt: skip
    return of_panes(
        f, bits, ring, t, v, pane, min_points, min_span, tested, significance, confidence
    )


@inlined
def _measured(
    f, bits, ring, t, v, start, pane, min_points, min_span, tested, significance, confidence, times, values
):  # fmt: skip
    """Takes a row into the window that begins at `start`; the slope, NaN where it is not valid."""
    counts = bits[ring + COUNTS]
    form = counts >> FORM_OF
    if form == NARROW and takes(bits, ring, counts & BYTE, start):
        return of_narrow(
            f, bits, ring, counts & BYTE, t, v, start, min_points, min_span, tested, significance, confidence
        )  # fmt: skip
    if form == WIDE and counts & BYTE and takes(bits, ring, counts & BYTE, start):
        return of_wide(
            f, bits, ring, counts & BYTE, t, v, start, min_points, min_span, tested, significance, confidence
        )  # fmt: skip
    if form == PANED and not emptied(bits, ring, counts, t, pane):
        return of_panes(
            f, bits, ring, t, v, pane, min_points, min_span, tested, significance, confidence
        )
    return _renewed(
        f, bits, ring, counts, t, v, start, pane, min_points, min_span, tested, significance, confidence, times,
        values,
    )  # fmt: skip


@kernel
def _tried(
    f, ring, t, v, start, pane, min_points, min_span, tested, significance, confidence, tried, tried_bits, times,
    values,
):  # fmt: skip
    """The slope as if a row were kept that is not: a suspect one counts for its own evaluation alone."""
    outlined()
    for place in range(WIDTH):
        tried[np.uintp(place)] = f[ring + np.uintp(place)]
    return _measured(
        tried, tried_bits, np.uintp(0), t, v, start, pane, min_points, min_span, tested, significance, confidence, times,
        values,
    )  # fmt: skip


@inlined
def _fetch(rows, ptr, first, rings, bits, i, wider):
    """Hints for rows to come: what is in a narrow ring, and nearer, where there are any (`wider`), the rest of wider ones."""
    if i + 2 * AHEAD >= rows.size:
        return
    q = ptr[np.uintp(rows[np.uintp(i + 2 * AHEAD)].sensor)] - first
    if q < rings.shape[0]:
        prefetch(rings, q, 0)
        prefetch(rings, q, 1)
    if not wider:
        return
    q = ptr[np.uintp(rows[np.uintp(i + AHEAD)].sensor)] - first
    if q < rings.shape[0]:
        counts = bits[np.uintp(q * WIDTH) + COUNTS]
        form = counts >> FORM_OF
        if form == WIDE:
            prefetch(rings, q, 2)
            prefetch(rings, q, 3)
        elif form == PANED:
            closed, head = counts & BYTE, (counts >> HEAD_OF) & BYTE
            prefetch(rings, q, line_of(head, 0))
            prefetch(rings, q, line_of(head, 1))
            prefetch(rings, q, line_of(head, closed))
            prefetch(rings, q, line_of(head, closed + 1))


@kernel
def _slopes(
    rows, ptr, first, param, options, rings, f, bits, out, tried, tried_bits, pairs, times, values,
):  # fmt: skip
    """`measure`, with the room that it needs."""
    outlined()
    m = 0
    known = np.int32(-1)  # the parameters that these are of: most rows have those of the row before
    pane, span, least, significance, confidence = np.int64(1), 0.0, 0.0, 0.0, 0.0
    tested, median = False, False
    since, until, start = np.int64(0), np.int64(0), np.int64(0)  # of the pane of the row before
    wider = np.int64(0)  # the row before which no ring is known to be wider than narrow
    for i in range(rows.size):
        _fetch(rows, ptr, first, rings, bits, i, i < wider)
        r = rows[np.uintp(i)]
        verdict = r.verdict
        if verdict == at.SKIP:
            continue
        t, v, s = r.time, r.value, np.uintp(r.sensor)
        for q in range(ptr[s], ptr[s + np.uintp(1)]):
            ring = np.uintp((q - first) * WIDTH)
            if param[np.uintp(q)] != known:
                known = param[np.uintp(q)]
                p = np.uintp(known)
                pane = np.int64(options[p, 0]) // PANES
                span, least = options[p, 1], options[p, 2]
                significance, confidence = options[p, 3], options[p, 4]
                tested = significance > 0.0 or confidence > 0.0
                median = options[p, 5] > 0.0
                since = until = np.int64(0)
            if t < since or t >= until:
                since = _pane_of(t, pane) * pane
                start, until = since - (PANES - 1) * pane, since + pane
            if verdict == at.GOOD and not median:
                if bits[ring + COUNTS] >> FORM_OF != NARROW:
                    wider = np.int64(i + WIDER_SEEN)
                slope = _measured(
                    f, bits, ring, t, v, start, pane, least, span, tested, significance, confidence, times, values
                )  # fmt: skip
            elif median:
                slope = robust(f, np.int64(ring), r, pane, least, span, confidence, tried, pairs)
            elif verdict == at.BAD:
                slope = np.nan
            else:
                slope = _tried(
                    f, ring, t, v, start, pane, least, span, tested, significance, confidence, tried, tried_bits,
                    times, values,
                )  # fmt: skip
            out[np.uintp(m)] = slope
            m += 1
    return m


@allocating
def measure(rows, ptr, first, param, options, rings, out):
    """One slope per (row that is not skipped, instance) into `out`; returns how many."""
    f = rings.reshape(rings.size)
    tried = np.empty(WIDTH)
    return _slopes(
        rows, ptr, first, param, options, rings, f, f.view(np.int64), out, tried, tried.view(np.int64),
        np.empty(PAIRS), np.empty(ROOM, np.int64), np.empty(ROOM),
    )  # fmt: skip
