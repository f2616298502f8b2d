"""Negative pressure waves at both ends of a pipe section: a leak within it, and where.

A leak that opens sends a drop of pressure both ways. It arrives upstream at t1 and downstream at t2; with the
speed of sound a and the flow v, t1 - t2 = x / (a - v) - (L - x) / (a + v), so

    x = ((a² - v²) (t1 - t2) + L (a - v)) / (2a),        for v = 0: x = (L + a (t1 - t2)) / 2

(Silva, Buiatti, Cruz, Pereira, Computers & Chemical Engineering 20 (1996) S1491-S1496; API RP 1130 calls the method
acoustic / negative pressure wave). Its uncertainty is that of a, of both clocks and of both times, in quadrature:

    U² = ((1 + v²/a²) (t1 - t2) / 2 + L v / (2 a²))² U_a² + ((a² - v²) / (2a))² (2 U_c² + 4 σ1² + 4 σ2²)

All U are two standard deviations. A wave from outside runs through the section: x = 0 or x = L within `margin` + U.
With a second sensor outside an end, which of the two fell first says whence the wave came.

The drop weakens by friction as exp(-αx) on its way, so √(drop1 × drop2) does not depend on x: that is what is judged.

State of a group: what stands and what is said, then four detectors (wave_onset_kernels), whatever the sampling.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from lifeline.engine import layout as at
from lifeline.engine.kernel import kernel

from .wave_onset_kernels import LAST, heard, noise_of, ready
from .wave_pair_kernels import (
    APART,
    BIN,
    DOWN,
    FILLING,
    GATE,
    HELD,
    JUDGED,
    LEAST,
    NOISE,
    NOISE_UP,
    NOW,
    PLUS_MINUS,
    POSITION,
    REASON,
    THROUGH,
    UNTIL,
    UP,
    WIDTH,
    detector,
    explain,
)

__all__ = ["WIDTH", "feed"]


@kernel
def _settle(f, o):
    """A bin closed: whether a figure is known (a leak stands, or both ends are watched), and whether it moved."""
    moved = explain(f, o)
    both = ready(f, detector(UP), o[NOISE]) and ready(f, detector(DOWN), o[NOISE])
    for end in (UP, DOWN):
        sigma = noise_of(f, detector(end), o[NOISE])
        f[NOISE_UP + end] = sigma if sigma >= 0.0 else np.nan
    if not both:
        f[REASON] = FILLING
    elif f[REASON] == FILLING:
        f[REASON] = JUDGED
    seen = min(f[detector(UP) + LAST], f[detector(DOWN) + LAST]) * o[BIN]
    if f[HELD] > 0.0 and both and seen >= f[UNTIL]:
        f[HELD] = 0.0
    if f[HELD] == 0.0:
        for said in range(POSITION, APART + 1):
            f[said] = np.nan
    if f[THROUGH] == 0.0:
        f[THROUGH] = np.nan
    return both or f[HELD] > 0.0, moved


@kernel
def packed(f):
    """Position and its uncertainty in decimetres in one number, never 0: (p + 2**30) × 2**32 + u."""
    place = np.int64(np.rint(f[POSITION] * 10.0)) + (1 << 30)
    return (place << 32) + np.int64(min(np.rint(f[PLUS_MINUS] * 10.0), 2147483647.0))


@kernel
def feed(
    rows, follow_ptr, follow, place, member_ptr, role, weight, table, first, param, options, rings,
    out_rows, origin,
):  # fmt: skip
    """One row per (good row that closed a bin, group) with what stands; returns how many."""
    n = 0
    for i in range(rows.size):
        r = rows[i]
        if r.verdict != at.GOOD:
            continue
        for q in range(follow_ptr[r.sensor], follow_ptr[r.sensor + 1]):
            g = follow[q]
            f, o = rings[g], options[param[first + g]]
            a = detector(role[place[q]])
            if not heard(f, a, r.time, r.value, np.int64(o[BIN]), o[GATE], o[NOISE], o[LEAST]):
                continue
            f[NOW] = max(f[NOW], np.float64(r.time))
            known, moved = _settle(f, o)
            if not known:
                continue
            out = out_rows[n]
            out.sensor, out.time, out.value, out.lag = g, r.time, f[HELD], r.lag
            out.verdict, out.flags, out.clamped = at.GOOD, 0, 0
            out.stale_deadline = packed(f) if moved else 0
            origin[n] = i
            n += 1
    return n
