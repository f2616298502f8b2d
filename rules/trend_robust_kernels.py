"""The robust slope of the window: Theil-Sen over its panes, with Mann-Kendall's test.

Theil, Indagationes Mathematicae 12 (1950) 85–91, 173–177; Sen, JASA 63 (1968) 1379–1389: the median of
the slopes between all pairs of points. A point is a pane: the mean time and the mean value of its
rows. So there are at most twelve points and 66 slopes, however many rows: a third of the panes (29 %) may
hold anything before the slope follows. Panes with one row are the rows themselves. With a confidence,
S = (rising pairs) − (falling pairs) must be beyond its exact critical value (Mann, Econometrica 13 (1945)
245–259; Kendall, Rank Correlation Methods).

A ring has twelve slots of (pane, rows, Σt, Σv, offset of the first row), pane k in slot k mod 12; times
in seconds from the pane's start, the offset in ns.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from lifeline.engine import layout as at
from lifeline.engine.kernel import kernel
from lifeline.engine.limits import PANES

from .trend_tables_kernels import critical_s

PANE, ROWS, T, V, FIRST = range(5)
PLACES = 5
PAIRS = PANES * (PANES - 1) // 2


@kernel
def _take(f, ring, k, offset, v):
    """A row of pane k."""
    slot = ring + (k % PANES) * PLACES
    if f[slot + PANE] != k or f[slot + ROWS] == 0.0:
        f[slot + PANE], f[slot + ROWS], f[slot + T] = k, 0.0, 0.0
        f[slot + V], f[slot + FIRST] = 0.0, offset
    f[slot + ROWS] += 1.0
    f[slot + T] += offset * 1e-9
    f[slot + V] += v


@kernel
def _sort(values, n):
    """Ascending, in place; a few dozen at most."""
    for i in range(1, n):
        value, j = values[i], i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value


@kernel
def _of_points(times, values, n, confidence, slopes):
    """The median of the slopes between n points; zero where Mann-Kendall sees no trend."""
    pairs, s = 0, 0.0
    for i in range(n):
        for j in range(i + 1, n):
            slope = (values[j] - values[i]) / (times[j] - times[i])
            s += 1.0 if slope > 0.0 else -1.0 if slope < 0.0 else 0.0
            slopes[pairs] = slope
            pairs += 1
    if confidence > 0.0 and abs(s) < critical_s(confidence, n):
        return 0.0
    _sort(slopes, pairs)
    if pairs % 2 == 1:
        return slopes[pairs // 2]
    return (slopes[pairs // 2 - 1] + slopes[pairs // 2]) / 2.0


@kernel
def robust(f, ring, r, pane, min_points, min_span, confidence, tried, slopes):
    """Takes the row into the ring at `ring`; the slope per second, NaN where it is not valid.

    `tried` and `slopes` are room to work in: a suspect row is taken into a copy.
    """
    if r.verdict == at.BAD:
        return np.nan
    if r.verdict != at.GOOD:
        for place in range(PANES * PLACES):
            tried[place] = f[ring + place]
        f, ring = tried, 0
    k = r.time // pane
    _take(f, ring, k, np.float64(r.time - k * pane), r.value)
    times, values = tried[PANES * PLACES :], tried[PANES * PLACES + PANES :]
    n, rows, span, start = 0, 0.0, 0.0, np.int64(0)
    for j in range(k - (PANES - 1), k + 1):
        slot = ring + (j % PANES) * PLACES
        count = f[slot + ROWS]
        if f[slot + PANE] != j or count == 0.0:
            continue
        if n == 0:
            start = j * pane
            span = np.float64(r.time - start) - f[slot + FIRST]
        times[n] = np.float64(j * pane - start) * 1e-9 + f[slot + T] / count
        values[n] = f[slot + V] / count
        rows += count
        n += 1
    if rows < min_points or span < min_span or n < 2:
        return np.nan
    return _of_points(times, values, n, confidence, slopes)
