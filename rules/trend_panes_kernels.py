"""A trend's ring of panes: sums that are merged and never subtracted (docs/decisions/0008).

A pane is (time of the first row in ns, n, Σt, Σv, Σt², Σtv, Σv², end in ns). Merging two of them
shifts the later one by d seconds: Σt' = Σt + nd, Σt²' = Σt² + 2dΣt + nd², Σtv' = Σtv + dΣv. The
closed panes lie in two stacks, so that moving on costs two merges on average however long the
window is: in the front each pane holds the merge of itself and all that follow in the front; what
was closed later is merged in `back`, and becomes the front when the front is used up. After `back`
come twelve slots, of which `closed` from `head` on hold closed panes and the next one the current pane.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from lifeline.engine.kernel import inlined, kernel
from lifeline.engine.limits import PANES

from .trend_fit_kernels import fit

LINE = 8  # float64 places of a cache line, and of a pane
# Places are unsigned, and so is where a ring or a pane begins: of a signed one numba asks each time whether it counts from the end.
FIRST, N, T, V, TT, TV, VV, END = (np.uintp(place) for place in range(LINE))
COUNTS = np.uintp(7)  # of a ring; before it lies `back`
HEAD_OF, FRONT_OF, FORM_OF = 8, 16, 24  # bits of the counts of a ring of panes; `closed` at 0
PANED = 1  # the form of a ring of panes
BYTE = 255
WIDTH = LINE * (1 + PANES)


@inlined
def _begin(f, bits, now, t, v):
    """The pane at `now` has one row."""
    bits[now + FIRST], f[now + N], f[now + T], f[now + V] = t, 1.0, 0.0, v
    f[now + TT], f[now + TV], f[now + VV] = 0.0, 0.0, v * v


@inlined
def line_of(head, number):
    """In which line of a ring the slot `number` behind `head` is."""
    place = head + number
    return 1 + place if place < PANES else 1 + place - PANES


@inlined
def slot(ring, head, number):
    """Where the slot `number` behind `head` is, of the ring that starts at `ring`."""
    return ring + np.uintp(line_of(head, number) * LINE)


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
    now = slot(ring, head, closed)
    while closed > 0 and bits[slot(ring, head, 0) + END] < oldest:
        head = head + 1 if head + 1 < PANES else 0
        closed -= 1
        front -= 1
    closed += 1
    if front <= 0:
        for number in range(closed - 2, -1, -1):
            _join(f, bits, slot(ring, head, number), slot(ring, head, number + 1))
        front = closed
        f[ring + N] = 0.0
    elif f[ring + N] == 0.0:
        for q in range(LINE - 1):
            f[ring + np.uintp(q)] = f[now + np.uintp(q)]
    else:
        _join(f, bits, ring, now)
    bits[ring + COUNTS] = closed | head << HEAD_OF | front << FRONT_OF | PANED << FORM_OF
    return slot(ring, head, closed)


@inlined
def keep(f, bits, ring, t, v, pane):
    """Take a row into the window; returns where the current pane is."""
    counts = bits[ring + COUNTS]
    now = slot(ring, (counts >> HEAD_OF) & BYTE, counts & BYTE)
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


@inlined
def _slope(f, bits, ring, now, t, min_points, min_span, tested, significance, confidence):
    """The slope over front, back and current pane at a row at t; NaN where not valid."""
    n, st, sv = f[now + N], f[now + T], f[now + V]
    stt, stv, svv = f[now + TT], f[now + TV], f[now + VV]
    first = bits[now + FIRST]
    counts = bits[ring + COUNTS]
    for part in range(2):
        a = ring
        if part == 1:
            if (counts >> FRONT_OF) & BYTE == 0:
                break
            a = slot(ring, (counts >> HEAD_OF) & BYTE, 0)
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
    return fit(
        n, np.float64(t - first), min_points, min_span, st, sv, stt, stv, svv, tested, significance, confidence
    )  # fmt: skip


@kernel
def begin_panes(f, bits, ring, rows, pane, times, values):
    """Makes a ring of panes of the first `rows` of `times` and `values`, the earliest first; at least one."""
    now = slot(ring, 0, 0)
    bits[ring + COUNTS], f[ring + N] = PANED << FORM_OF, 0.0
    bits[now + END] = (times[0] // pane + 1) * pane
    _begin(f, bits, now, times[0], values[0])
    for number in range(1, rows):
        keep(f, bits, ring, times[number], values[number], pane)


@inlined
def emptied(bits, ring, counts, t, pane):
    """Whether nothing of what a ring of panes holds is in the window any more at t."""
    end = bits[slot(ring, (counts >> HEAD_OF) & BYTE, counts & BYTE) + END]
    return t >= end + (PANES - 1) * pane


@inlined
def of_panes(f, bits, ring, t, v, pane, min_points, min_span, tested, significance, confidence):
    """Takes a row into a ring of panes; the slope, NaN where it is not valid."""
    now = keep(f, bits, ring, t, v, pane)
    return _slope(f, bits, ring, now, t, min_points, min_span, tested, significance, confidence)
