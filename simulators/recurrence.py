"""The one recurrence behind every first-order process here: x[i] = a[i] x[i-1] + b[i]."""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from lifeline.engine.frame import Float64


def linear_recurrence(initial: float, a: Float64, b: Float64) -> Float64:
    """The values x[0] … x[n-1] that follow `initial`, left to right, one after the other.

    A plain sequential sum of products, so that splitting the arrays anywhere and going on from
    the last value gives the same bits.
    """
    steps = zip(a.tolist(), b.tolist(), strict=True)
    values = accumulate(steps, lambda x, ab: x * ab[0] + ab[1], initial=initial)
    next(values)
    return np.fromiter(values, np.float64, len(a))


def decay(rate_per_s: Float64, step_s: float) -> Float64:
    """exp(−rate · step): what is left of a deviation after one step."""
    return np.asarray(np.exp(-rate_per_s * step_s), np.float64)


def relax(initial: float, target: Float64, tau_s: float, step_s: float) -> Float64:
    """A first-order lag of time constant `tau_s` towards `target`, held within each step."""
    keep = np.exp(-step_s / tau_s)
    return linear_recurrence(initial, np.full(len(target), keep), (1.0 - keep) * target)
