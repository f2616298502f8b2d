"""Sequential tests for a shift of the mean, in standard deviations of a single value.

z = (v − target) / σ. For each good value:

- CUSUM, tabular, two-sided (Page, Biometrika 41 (1954) 100–115; Montgomery, Introduction to Statistical
  Quality Control, ch. 9): C⁺ = max(0, C⁺ + z − k), C⁻ = max(0, C⁻ − z − k).
- Page-Hinkley (Hinkley, Biometrika 58 (1971) 509–523; Mouss et al., ASCC 2004): the same sums, of the
  distance from the mean of what was seen, the present value included. The mean forms over the first
  `WARM_UP` values, in which nothing is judged, and weighs at most `memory` values.
- EWMA chart (Roberts, Technometrics 1 (1959) 239–250): e = λz + (1 − λ)e, over its exact standard
  deviation √(λ / (2 − λ) · (1 − (1 − λ)²ⁱ)) after i values; the power is kept by multiplication.

The figure is signed: upward positive, the larger side where both are asked. Sums end at `cap`, one σ
beyond the gravest limit, so that evidence of a long shift is run back soon after its end. After the
mildest limit was reached, the test starts anew as soon as its figure is below that limit by its
deadband (`back`): evidence that ended an alarm does not help to raise the next.

State: (C⁺, C⁻, values seen, mean or e, (1 − λ)²ⁱ, whether the mildest limit was reached).
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from lifeline.engine import layout as at
from lifeline.engine.kernel import allocating, kernel

CUSUM, PAGE_HINKLEY, EWMA = range(3)
UP, DOWN, SEEN, LEVEL, POWER, REACHED = range(6)
WIDTH = 8
WARM_UP = 30.0
SMALLEST = 1e-300  # below it a power counts as zero: subnormal numbers are slow


@kernel
def _start(f, at_state):
    """The test as if nothing had been seen."""
    for place in range(WIDTH):
        f[at_state + place] = 0.0


@kernel
def _sums(f, a, z, slack, cap):
    """Take z into both sums."""
    f[a + UP] = min(cap, max(0.0, f[a + UP] + (z - slack)))
    f[a + DOWN] = min(cap, max(0.0, f[a + DOWN] + (-z - slack)))


@kernel
def _larger(up, down, side):
    """The figure of two one-sided ones; `side` 1: up alone, -1: down alone."""
    if side > 0.0 or (side == 0.0 and up >= down):
        return up
    return 0.0 - down


@kernel
def _chart(f, a, z, weight):
    """Take z into the moving average; how many of its standard deviations it lies from zero."""
    if f[a + SEEN] == 0.0:
        f[a + POWER] = 1.0
    rest = 1.0 - weight
    f[a + LEVEL] = weight * z + rest * f[a + LEVEL]
    power = f[a + POWER] * (rest * rest)
    f[a + POWER] = power if power > SMALLEST else 0.0
    return f[a + LEVEL] / np.sqrt(weight / (2.0 - weight) * (1.0 - f[a + POWER]))


@kernel
def _taken(f, a, v, o):
    """Takes a value into the test at `a`; the figure, NaN where it is not valid."""
    method, sigma, weight, side = o[0], o[2], o[3], o[8]
    if method == EWMA:
        e = _chart(f, a, (v - o[1]) / sigma, weight)
        f[a + SEEN] = 1.0
        x = _larger(max(e, 0.0), max(-e, 0.0), side)
    elif method == PAGE_HINKLEY:
        f[a + SEEN] = min(f[a + SEEN] + 1.0, max(o[4], WARM_UP))
        f[a + LEVEL] += (v - f[a + LEVEL]) / f[a + SEEN]
        if f[a + SEEN] < WARM_UP:
            return np.nan
        _sums(f, a, (v - f[a + LEVEL]) / sigma, weight, o[7])
        x = _larger(f[a + UP], f[a + DOWN], side)
    else:
        _sums(f, a, (v - o[1]) / sigma, weight, o[7])
        x = _larger(f[a + UP], f[a + DOWN], side)
    if abs(x) >= o[5]:
        f[a + REACHED] = 1.0
    elif f[a + REACHED] > 0.0 and abs(x) < o[6]:
        if method == PAGE_HINKLEY:  # the mean of what is now is known
            f[a + UP], f[a + DOWN], f[a + REACHED] = 0.0, 0.0, 0.0
        else:
            _start(f, a)
        x = 0.0
    return x


@allocating
def measure(rows, ptr, first, param, options, rings, out):
    """One figure per (row that is not skipped, instance) into `out`; returns how many."""
    m = 0
    f = rings.reshape(rings.size)
    tried = np.empty(WIDTH)
    for i in range(rows.size):
        r = rows[i]
        if r.verdict == at.SKIP:
            continue
        s = r.sensor
        for q in range(ptr[s], ptr[s + 1]):
            a, o = (q - first) * WIDTH, options[param[q]]
            if r.verdict == at.GOOD:
                out[m] = _taken(f, a, r.value, o)
            elif r.verdict == at.BAD:
                out[m] = np.nan
            else:  # a suspect value counts for this evaluation alone
                for place in range(WIDTH):
                    tried[place] = f[a + place]
                out[m] = _taken(tried, 0, r.value, o)
            m += 1
    return m
