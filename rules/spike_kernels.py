"""Spikes of a signal, counted over a window.

A value is *odd* if its distance from the median of the last accepted values is more than
max(step, sigmas · 1.4826 · MAD), MAD being the median distance of these from their median: Hampel's
identifier (Davies and Gather, JASA 88 (1993) 782–792; Pearson, IEEE Trans. Control Systems Technology
10 (2002) 55–63) with a floor, over past values only; until there are `points` of them no value is odd.
With one point it is the distance from the last accepted value. At most `longest` odd values in a row, then one that is not odd: a spike. More in a row:
the signal moved, and what was accepted is forgotten.

A suspect value counts towards a spike (the implausible rate of a spike is what makes it suspect) and
is never accepted. The figure is the number of spikes in the window.

State: (values accepted, place of the next, odd values in a row), eleven accepted values, twelve slots
of (pane, spikes), pane k in slot k mod 12.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from lifeline.engine import layout as at
from lifeline.engine.kernel import allocating, kernel
from lifeline.engine.limits import PANES

ACCEPTED, NEXT, ODD = range(3)
VALUES, MOST = 3, 11
COUNTS = VALUES + MOST
WIDTH = 40
TO_SIGMA = 1.4826  # of the median distance of a normal distribution


@kernel
def _median(sorted_values, n):
    """Sorts the first n values (a dozen at most) and returns their median."""
    for i in range(1, n):
        value, j = sorted_values[i], i
        while j > 0 and sorted_values[j - 1] > value:
            sorted_values[j] = sorted_values[j - 1]
            j -= 1
        sorted_values[j] = value
    if n % 2 == 1:
        return sorted_values[n // 2]
    return (sorted_values[n // 2 - 1] + sorted_values[n // 2]) / 2.0


@kernel
def _odd(f, ring, v, step, sigmas, points, work):
    """Whether v lies apart from the accepted values, of which there must be all."""
    n = int(f[ring + ACCEPTED])
    if n < points:
        return False
    for i in range(n):
        work[i] = f[ring + VALUES + i]
    middle = _median(work, n)
    limit = step
    if sigmas > 0.0:
        for i in range(n):
            work[i] = abs(f[ring + VALUES + i] - middle)
        limit = max(step, sigmas * TO_SIGMA * _median(work, n))
    return abs(v - middle) > limit


@kernel
def _accept(f, ring, v, points):
    place = int(f[ring + NEXT])
    f[ring + VALUES + place] = v
    f[ring + NEXT] = place + 1 if place + 1 < points else 0
    f[ring + ACCEPTED] = min(f[ring + ACCEPTED] + 1.0, np.float64(points))


@kernel
def _count(f, ring, k):
    """One more spike in pane k."""
    slot = ring + COUNTS + 2 * (k % PANES)
    if f[slot] != k:
        f[slot], f[slot + 1] = k, 0.0
    f[slot + 1] += 1.0


@kernel
def _figure(f, ring, k):
    """The spikes of the window of pane k."""
    x = 0.0
    for number in range(PANES):
        slot = ring + COUNTS + 2 * number
        if k - PANES < f[slot] <= k:
            x += f[slot + 1]
    return x


@kernel
def _take(f, ring, k, v, good, step, sigmas, points, longest, work):
    """A usable row that moves its sensor's time."""
    if _odd(f, ring, v, step, sigmas, points, work):
        f[ring + ODD] += 1.0
        if f[ring + ODD] <= longest:
            return
        f[ring + ACCEPTED], f[ring + NEXT] = 0.0, 0.0
    elif f[ring + ODD] > 0.0:
        _count(f, ring, k)
    f[ring + ODD] = 0.0
    if good:
        _accept(f, ring, v, points)


@allocating
def measure(rows, ptr, first, param, options, rings, out):
    """One figure per (row that is not skipped, instance) into `out`; returns how many."""
    m = 0
    f = rings.reshape(rings.size)
    work = np.empty(MOST)
    for i in range(rows.size):
        r = rows[i]
        if r.verdict == at.SKIP:
            continue
        s = r.sensor
        for q in range(ptr[s], ptr[s + 1]):
            out[m] = np.nan
            if r.verdict != at.BAD:
                ring, p = (q - first) * WIDTH, param[q]
                k = r.time // (np.int64(options[p, 0]) // PANES)
                if r.verdict != at.TWIN:
                    _take(
                        f, ring, k, r.value, r.verdict == at.GOOD, options[p, 1], options[p, 2],
                        np.int64(options[p, 3]), options[p, 4], work,
                    )  # fmt: skip
                out[m] = _figure(f, ring, k)
            m += 1
    return m
