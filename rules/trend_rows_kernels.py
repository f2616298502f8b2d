"""A trend's ring while the window holds few rows: the rows themselves, whose sums are taken anew at each.

So it is for a sensor that reports hardly more often than the panes change (docs/decisions/0008). What is remembered is
what the next row may need: beside the row that is judged, the window holds the others. A ring is

    narrow: times 0 … 6, counts | values 0 … 6, –                          seven rows in two cache lines,
    wide:   the same, then times 7 … 13, – | values 7 … 13, –              fourteen in four,

and of panes beyond. It is narrow again when the place of its first row comes round and fewer than seven count.

The counts hold the form and the place of the next row, which is that of the earliest one or one that was never used
(`NO_TIME`). A ring as version 0.1 first wrote it (counts 1 … 13, twelve pairs of time and value from the second line on)
is read too, and made anew at its next row.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from lifeline.engine.kernel import inlined, kernel
from lifeline.engine.layout import NO_TIME
from lifeline.engine.limits import PANES

from .trend_fit_kernels import fit
from .trend_lanes_kernels import (
    BLOCK,
    LANES,
    OF_A_BLOCK,
    span_of_one,
    span_of_two,
    squares_of_one,
    squares_of_two,
    sums_of_one,
    sums_of_two,
)
from .trend_panes_kernels import BYTE, COUNTS, FORM_OF, LINE, PANED, begin_panes

NARROW, WIDE = PANED + 1, PANED + 2  # forms, beside that of panes
ROWS_OF_ONE, ROWS_OF_TWO = OF_A_BLOCK, 2 * OF_A_BLOCK
ROOM = ROWS_OF_TWO  # rows that a ring of rows holds at most
_FURTHER = BLOCK - OF_A_BLOCK  # a row of the second block: so much further than its number


@inlined
def place_of(number):
    """Where the time of a row is in its ring; the value is `LANES` further."""
    return number if number < OF_A_BLOCK else number + _FURTHER


@inlined
def _keep(f, bits, ring, form, number, rows, t, v):
    """Takes a row at `number` of a ring of `rows` rows."""
    place = ring + np.uintp(place_of(number))
    bits[place], f[place + np.uintp(LANES)] = t, v
    following = number + 1 if number + 1 < rows else 0
    bits[ring + COUNTS] = form << FORM_OF | following


@inlined
def of_narrow(
    f, bits, ring, number, t, v, start, min_points, min_span, tested, significance, confidence
):
    """Takes a row at `number` of a narrow ring; the slope of those from `start` on, NaN where it is not valid.

    What lay in the row's place does not count any more, so the others are summed before it is written: read as a vector right
    after it was written, a row would have to wait for its way through the cache.
    """
    n, st, sv, stt, stv = sums_of_one(f, ring, start, t)
    span = span_of_one(f, ring, start, t) if min_span > 0.0 else 0.0
    svv = squares_of_one(f, ring, start) if tested else 0.0
    _keep(f, bits, ring, NARROW, number, ROWS_OF_ONE, t, v)
    return fit(
        np.float64(n + 1), span, min_points, min_span, st, sv + v, stt, stv, svv + v * v, tested, significance, confidence
    )  # fmt: skip


@inlined
def of_wide(
    f, bits, ring, number, t, v, start, min_points, min_span, tested, significance, confidence
):
    """The same for a wide ring."""
    n, st, sv, stt, stv = sums_of_two(f, ring, start, t)
    span = span_of_two(f, ring, start, t) if min_span > 0.0 else 0.0
    svv = squares_of_two(f, ring, start) if tested else 0.0
    _keep(f, bits, ring, WIDE, number, ROWS_OF_TWO, t, v)
    return fit(
        np.float64(n + 1), span, min_points, min_span, st, sv + v, stt, stv, svv + v * v, tested, significance, confidence
    )  # fmt: skip


@inlined
def takes(bits, ring, number, start):
    """Whether the row at `number` need not be remembered any more, so that another may have its place."""
    return bits[ring + np.uintp(place_of(number))] < start


@kernel
def _counting(f, bits, ring, counts, start, times, values):
    """The rows of a ring of rows, of any form, that are at or after `start`, the earliest first; how many."""
    form, first, rows = counts >> FORM_OF, counts & BYTE, ROWS_OF_TWO
    if form == NARROW:
        rows = ROWS_OF_ONE
    elif form != WIDE:
        first, rows = first - 1, PANES
    found = 0
    for number in range(first, first + rows):
        number = number if number < rows else number - rows
        time = ring + np.uintp(place_of(number))
        value = time + np.uintp(LANES)
        if form != NARROW and form != WIDE:
            time = ring + np.uintp(LINE + 2 * number)
            value = time + np.uintp(1)
        if bits[time] >= start:
            times[found], values[found] = bits[time], f[value]
            found += 1
    return found


@kernel
def keeps_wide(f, bits, ring, counts, start, times, values):
    """Whether a wide ring can take a row as it is, and need not become narrow: that is asked once in a turn."""
    if not takes(bits, ring, counts & BYTE, start):
        return False
    return _counting(f, bits, ring, counts, start, times, values) >= ROWS_OF_ONE


@kernel
def renew(f, bits, ring, counts, start, pane, times, values):
    """Makes a ring of rows, or one that is empty (counts 0), one that can take one row more: as narrow as may be.

    `times` and `values` are room for `ROOM` rows. Returns the new counts.
    """
    rows = _counting(f, bits, ring, counts, start, times, values) if counts else 0
    if rows == ROWS_OF_TWO:
        begin_panes(f, bits, ring, rows, pane, times, values)
        return bits[ring + COUNTS]
    form, places = (NARROW, ROWS_OF_ONE) if rows < ROWS_OF_ONE else (WIDE, ROWS_OF_TWO)
    for number in range(places):
        place = ring + np.uintp(place_of(number))
        known = number < rows
        bits[place] = times[number] if known else NO_TIME
        f[place + np.uintp(LANES)] = values[number] if known else 0.0
    bits[ring + COUNTS] = form << FORM_OF | rows
    return bits[ring + COUNTS]
