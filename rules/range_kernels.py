"""Where a value lies beside its sensor's range.

Without a measuring range: 1 above the valid range that the registry states, −1 below it, else 0. With one
(`loop`): the current that a 4–20 mA loop has at the value, in mA, 4 + 16 (v − low) / span.
The core judges a value beyond the valid range as that range's end; the current of such a value is at least
the end of what NAMUR NE 43 leaves to measuring, 20.5 mA, and below the range at most 3.8 mA.

There is no state.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from lifeline.engine import layout as at
from lifeline.engine.kernel import kernel

ZERO_MA, SPAN_MA = 4.0, 16.0
LEAST_MEASURED_MA, MOST_MEASURED_MA = 3.8, 20.5


@kernel
def _place(v, clamped, loop, low, span):
    """The figure of one usable value."""
    if loop == 0.0:
        if clamped == at.CLAMPED_HIGH:
            return 1.0
        return -1.0 if clamped == at.CLAMPED_LOW else 0.0
    current = ZERO_MA + SPAN_MA * (v - low) / span
    if clamped == at.CLAMPED_HIGH:
        return max(current, MOST_MEASURED_MA)
    if clamped == at.CLAMPED_LOW:
        return min(current, LEAST_MEASURED_MA)
    return current


@kernel
def measure(rows, ptr, first, param, options, rings, out):
    """One figure per (row that is not skipped, instance) into `out`; returns how many."""
    m = 0
    for i in range(rows.size):
        r = rows[i]
        if r.verdict == at.SKIP:
            continue
        s = r.sensor
        clamped = r.clamped if r.verdict != at.GOOD else 0
        for q in range(ptr[s], ptr[s + 1]):
            out[m] = np.nan
            if r.verdict != at.BAD:
                p = param[q]
                out[m] = _place(r.value, clamped, options[p, 0], options[p, 1], options[p, 2])
            m += 1
    return m
