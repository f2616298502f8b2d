"""The least-squares slope of the window, per second.

Slope and its standard error: ordinary least squares (e.g. Draper & Smith, Applied Regression
Analysis, ch. 1). With a confidence the slope must be beyond the critical value of Student's t at n − 2
degrees of freedom (two-sided), from the table in `trend_tables_kernels`. Times count in seconds from the earliest row of a sum, since nanoseconds since 1970
leave a float64 no digits for a slope.

A ring has one of two forms. While the window holds at most twelve rows, as it does for a sensor that
reports no more often than the panes change, it holds the rows themselves and their sums are taken
anew at each: four cache lines.

The counts of such a ring are one more than the place of the next row; 0 is a ring in which nothing ever was.

Else it holds panes: (time of the first row in ns, n, Σt, Σv, Σt², Σtv, Σv², end in ns). Merging two of them
shifts the later one by d seconds: Σt' = Σt + nd, Σt²' = Σt² + 2dΣt + nd², Σtv' = Σtv + dΣv. The
closed panes lie in two stacks, so that moving on costs two merges on average however long the
window is: in the front each pane holds the merge of itself and all that follow in the front; what
was closed later is merged in `back`, and becomes the front when the front is used up. After `back`
come twelve slots, of which `closed` from `head` on hold closed panes and the next one the current pane.

Which form a ring has depends on the rows alone. Arrays are flat, with `bits` the same memory read as
int64 (times and counts are whole numbers): a view of each ring would cost two atomic counts a row.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from lifeline.engine import layout as at
from lifeline.engine.kernel import allocating, inlined, kernel
from lifeline.engine.layout import NO_TIME
from lifeline.engine.limits import PANES
from lifeline.engine.prefetch import AHEAD, prefetch

from .trend_lanes_kernels import row_sums
from .trend_robust_kernels import PAIRS, robust
from .trend_tables_kernels import critical_t

LINE = 8  # float64 places of a cache line, and of a pane
FIRST, N, T, V, TT, TV, VV, END = range(LINE)
BACK, COUNTS = 0, 7
HEAD_OF, FRONT_OF, PANED_OF = 8, 16, 24  # bits of the counts of a ring of panes; `closed` at 0
BYTE = 255
WIDTH = LINE * (1 + PANES)
_SHORT = 1_000_000  # ns: from here on the product is off by less than 1e-2 at any time of an int64


@inlined
def _fit(n, span, min_points, min_span, st, sv, stt, stv, svv, significance, confidence):
    """The slope of n rows over `span` ns by their sums; NaN where it is not valid."""
    if n < min_points or span < min_span:
        return np.nan
    det = n * stt - st * st
    if det <= 0.0:
        return np.nan
    slope = (n * stv - st * sv) / det
    if significance > 0.0 or confidence > 0.0:
        if n < 3:
            return 0.0
        residual = max(0.0, (svv - sv * sv / n) - slope * (stv - st * sv / n))
        error = np.sqrt(residual / (n - 2.0) / (det / n))
        least = significance if confidence == 0.0 else critical_t(confidence, n - 2.0)
        if abs(slope) < least * error or slope == 0.0:
            return 0.0
    return slope


@inlined
def _of_rows(f, bits, ring, next_row, t, v, start, min_points, min_span, significance, confidence):
    """Takes a row into the place `next_row` of a ring of rows; the slope of those from `start` on.

    All twelve places are summed, those that do not count as zeros: how many do is a surprise at every
    row, and a mispredicted branch costs more than the arithmetic. What lay in the new row's place does not
    count any more, so the others are summed before it is written: read as a vector right after it was
    written, a row would have to wait for its way through the cache.
    """
    n, span, st, sv, stt, stv, svv = row_sums(f, ring + LINE, start, t)
    place = np.uintp(ring + LINE + 2 * next_row)
    bits[place], f[place + np.uintp(1)] = t, v
    bits[np.uintp(ring + COUNTS)] = 1 + (next_row + 1 if next_row + 1 < PANES else 0)
    return _fit(
        n + 1.0, span, min_points, min_span, st, sv + v, stt, stv, svv + v * v, significance, confidence
    )  # fmt: skip


@kernel
def _to_panes(f, bits, ring, next_row, pane, times, values):
    """Makes a ring of twelve rows, of which `next_row` holds the earliest, one of panes.

    `times` and `values` are room for twelve rows.
    """
    for number in range(PANES):
        place = next_row + number
        place = ring + LINE + 2 * (place if place < PANES else place - PANES)
        times[number], values[number] = bits[place], f[place + 1]
    now = _slot(ring, 0, 0)
    bits[ring + COUNTS], f[ring + BACK + N] = 1 << PANED_OF, 0.0
    bits[now + END] = (times[0] // pane + 1) * pane
    _begin(f, bits, now, times[0], values[0])
    for number in range(1, PANES):
        _keep(f, bits, ring, times[number], values[number], pane)


@kernel
def _begin(f, bits, now, t, v):
    """The pane at `now` has one row."""
    bits[now + FIRST], f[now + N], f[now + T], f[now + V] = t, 1.0, 0.0, v
    f[now + TT], f[now + TV], f[now + VV] = 0.0, 0.0, v * v


@kernel
def _slot(ring, head, number):
    """Where the slot `number` behind `head` is, of the ring that starts at `ring`."""
    place = head + number
    if place >= PANES:
        place -= PANES
    return ring + LINE + place * LINE


@kernel
def _join(f, bits, a, b):
    """Merge the pane at b, the later one, into the pane at a."""
    n = f[b + N]
    d = np.float64(bits[b + FIRST] - bits[a + FIRST]) * 1e-9
    f[a + TV] += f[b + TV] + d * f[b + V]
    f[a + TT] += f[b + TT] + 2.0 * d * f[b + T] + n * d * d
    f[a + T] += f[b + T] + n * d
    f[a + V] += f[b + V]
    f[a + VV] += f[b + VV]
    f[a + N] += n


@kernel
def _advance(f, bits, ring, end, pane):
    """Move the window on to the pane that ends at `end`; its slot is to be filled.

    Returns where that is. Drops what lies before the twelve panes, closes what was current, which is
    within them.
    """
    counts = bits[ring + COUNTS]
    closed, head = counts & BYTE, (counts >> HEAD_OF) & BYTE
    front = (counts >> FRONT_OF) & BYTE
    oldest = end - (PANES - 1) * pane  # the end of the oldest pane that counts
    now = _slot(ring, head, closed)
    while closed > 0 and bits[_slot(ring, head, 0) + END] < oldest:
        head = head + 1 if head + 1 < PANES else 0
        closed -= 1
        front -= 1
    closed += 1
    if front <= 0:
        for number in range(closed - 2, -1, -1):
            _join(f, bits, _slot(ring, head, number), _slot(ring, head, number + 1))
        front = closed
        f[ring + BACK + N] = 0.0
    elif f[ring + BACK + N] == 0.0:
        for q in range(COUNTS):
            f[ring + BACK + q] = f[now + q]
    else:
        _join(f, bits, ring + BACK, now)
    bits[ring + COUNTS] = closed | head << HEAD_OF | front << FRONT_OF | 1 << PANED_OF
    return _slot(ring, head, closed)


@kernel
def _keep(f, bits, ring, t, v, pane):
    """Take a row into the window; returns where the current pane is."""
    counts = bits[ring + COUNTS]
    now = _slot(ring, (counts >> HEAD_OF) & BYTE, counts & BYTE)
    if t < bits[now + END]:
        x = np.float64(t - bits[now + FIRST]) * 1e-9
        f[now + N] += 1.0
        f[now + T] += x
        f[now + V] += v
        f[now + TT] += x * x
        f[now + TV] += x * v
        f[now + VV] += v * v
        return now
    end = bits[now + END] + pane
    if t >= end:
        end = (t // pane + 1) * pane
    now = _advance(f, bits, ring, end, pane)
    bits[now + END] = end
    _begin(f, bits, now, t, v)
    return now


@kernel
def _slope(f, bits, ring, now, t, min_points, min_span, significance, confidence):
    """The slope over front, back and current pane at a row at t; NaN where not valid."""
    n, st, sv = f[now + N], f[now + T], f[now + V]
    stt, stv, svv = f[now + TT], f[now + TV], f[now + VV]
    first = bits[now + FIRST]
    counts = bits[ring + COUNTS]
    for part in range(2):
        a = ring + BACK
        if part == 1:
            if (counts >> FRONT_OF) & BYTE == 0:
                break
            a = _slot(ring, (counts >> HEAD_OF) & BYTE, 0)
        m = f[a + N]
        if m == 0.0:
            continue
        d = np.float64(first - bits[a + FIRST]) * 1e-9
        stv = f[a + TV] + (stv + d * sv)
        stt = f[a + TT] + (stt + 2.0 * d * st + n * d * d)
        st = f[a + T] + (st + n * d)
        sv = f[a + V] + sv
        svv = f[a + VV] + svv
        n = m + n
        first = bits[a + FIRST]
    return _fit(
        n, np.float64(t - first), min_points, min_span, st, sv, stt, stv, svv, significance, confidence
    )  # fmt: skip


@inlined
def _pane_of(t, pane):
    """t // pane, by a multiplication that may be one off: dividing whole numbers takes several times as long."""
    if pane < _SHORT:  # the product of so many panes would be further off
        return t // pane
    number = np.int64(np.float64(t) * (1.0 / np.float64(pane)))
    if number * pane > t:
        return number - 1
    return number + 1 if t - number * pane >= pane else number


@inlined
def _measured(
    f, bits, ring, t, v, pane, min_points, min_span, significance, confidence, times, values
):  # fmt: skip
    """Takes a row into the window; the slope, NaN where it is not valid."""
    counts = bits[np.uintp(ring + COUNTS)]
    if counts >> PANED_OF:
        end = bits[_slot(ring, (counts >> HEAD_OF) & BYTE, counts & BYTE) + END]
        if t >= end + (PANES - 1) * pane:  # nothing of what it holds is in the window any more
            counts = 0
    if counts == 0:
        for number in range(PANES):
            bits[ring + LINE + 2 * number] = NO_TIME
        counts = 1
    if not counts >> PANED_OF:
        start = (_pane_of(t, pane) - (PANES - 1)) * pane
        if bits[np.uintp(ring + LINE + 2 * (counts - 1))] < start:
            return _of_rows(
                f, bits, ring, counts - 1, t, v, start, min_points, min_span, significance, confidence
            )  # fmt: skip
        _to_panes(f, bits, ring, counts - 1, pane, times, values)
    now = _keep(f, bits, ring, t, v, pane)
    return _slope(f, bits, ring, now, t, min_points, min_span, significance, confidence)


@inlined
def _fetch(rows, ptr, first, rings, bits, i):
    """Hints for rows to come: a ring's beginning, and later the slots that it names."""
    if i + 2 * AHEAD >= rows.size:
        return
    q = ptr[np.uintp(rows[i + 2 * AHEAD].sensor)] - first
    if q < rings.shape[0]:
        for line in range(4):
            prefetch(rings, q, line)
    q = ptr[np.uintp(rows[i + AHEAD].sensor)] - first
    if q < rings.shape[0]:
        counts = bits[np.uintp(q * WIDTH + COUNTS)]
        if counts >> PANED_OF:
            closed, head = counts & BYTE, (counts >> HEAD_OF) & BYTE
            prefetch(rings, q, _slot(0, head, 0) // LINE)
            prefetch(rings, q, _slot(0, head, 1) // LINE)
            prefetch(rings, q, _slot(0, head, closed) // LINE)
            prefetch(rings, q, _slot(0, head, closed + 1) // LINE)


@allocating
def measure(rows, ptr, first, param, options, rings, out):
    """One slope per (row that is not skipped, instance) into `out`; returns how many."""
    m = 0
    f = rings.reshape(rings.size)
    bits = f.view(np.int64)
    tried = np.empty(WIDTH)
    tried_bits = tried.view(np.int64)
    slopes = np.empty(PAIRS)
    times, values = np.empty(PANES, np.int64), np.empty(PANES)
    known = np.int32(-1)  # the parameters that these are of: most rows have those of the row before
    pane, span, least, significance, confidence, median = np.int64(1), 0.0, 0.0, 0.0, 0.0, False
    for i in range(rows.size):
        _fetch(rows, ptr, first, rings, bits, i)
        r = rows[i]
        if r.verdict == at.SKIP:
            continue
        s = np.uintp(r.sensor)
        for q in range(ptr[s], ptr[s + np.uintp(1)]):
            ring = (q - first) * WIDTH
            if param[np.uintp(q)] != known:
                known = param[np.uintp(q)]
                p = np.uintp(known)
                pane = np.int64(options[p, 0]) // PANES
                span, least = options[p, 1], options[p, 2]
                significance, confidence = options[p, 3], options[p, 4]
                median = options[p, 5] > 0.0
            if median:
                out[m] = robust(f, ring, r, pane, least, span, confidence, tried, slopes)
            elif r.verdict == at.GOOD:
                out[m] = _measured(
                    f, bits, ring, r.time, r.value, pane, least, span, significance, confidence, times,
                    values,
                )  # fmt: skip
            elif r.verdict == at.BAD:
                out[m] = np.nan
            else:  # a suspect row counts for this evaluation alone
                for place in range(WIDTH):
                    tried[place] = f[ring + place]
                out[m] = _measured(
                    tried, tried_bits, np.int64(0), r.time, r.value, pane, least, span, significance,
                    confidence, times, values,
                )  # fmt: skip
            m += 1
    return m
