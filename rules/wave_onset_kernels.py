"""Sudden lasting drops of pressure at one sensor: how much, when, and how surely.

A *bin* is a sixteenth of `front`, laid on absolute time; it keeps the mean of its good values and the mean
of their times. D at the edge between two bins is the mean of the sixteen bins behind it less that of the
sixteen before it: the matched filter of a step between two lines (short against long averages, as Allen, Bull.
Seism. Soc. Am. 68 (1978) 1521-1532, with windows of one length). An edge counts if

- |D| is at least `gate` times its noise and at least `least`,
- no D within one front of it is larger: it is the front, not its flank,
- D one front earlier and one front later is at most half as large: the pressure was steady before, fell
  within two fronts, and stayed where it fell to. Ramps and pulses fail here.

The time of the front is that of the step of equal area: with p0, p1 the means of the half fronts that lie from a
half to a whole front before and behind the edge, t = (time of the first mean) + ∫(p - p1) dt / (p0 - p1) over the
front between, p through the bins' mean times. It falls between samples, and noise weighs on it with
σ_t = front × σ_D / drop (exact for white noise and sixteen bins).

σ_D is given, or 1.2533 × the running mean of |D| over the last 2,400 bins (150 fronts), in which no |D| counts for
more than three times that mean: a normal variable's σ is 1.2533 times its mean distance.

State of a detector: the open bin, the closed bins (rings of 64), D by edge, the noise, and the last eight drops.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from lifeline.engine.kernel import kernel

BINS = 16  # bins of a front
KEPT = 64  # four fronts of closed bins: what an edge is judged by
HALF = BINS // 2
# The open bin: index, Σv, Σ of offsets (ns), rows; then: index of the last closed bin, closed bins in a row,
# running mean of |D|, how many D it is of, drops seen, drops that are not explained, edge of the last slow drop.
INDEX, SUM, OFFSETS, ROWS, LAST, CLOSED, FLOOR, FLOOR_N, SEEN, OPEN, SLOW = range(11)
MEAN = 16
TAU = MEAN + KEPT  # mean offset within the bin, ns; negative: no row fell into it
STEP = TAU + KEPT
DROPS = STEP + KEPT
# A drop: its edge, the front's distance from it (ns), how much, σ_t² (ns²), what became of it.
EDGE, SHIFT, DROP, SPREAD, FATE = range(5)
DROP_PLACES = 6
DROPS_KEPT = 8
NONE, WAITING, DONE, ALONE = range(4)
DETECTOR = DROPS + DROPS_KEPT * DROP_PLACES
FLOOR_BINS = 2400.0
FLOOR_LEAST = 160.0
NORMAL = 1.2533141373155001  # sqrt(pi / 2)
MOST_FILLED = 8  # bins in a row without a row that a line may bridge: half a front
MASK = KEPT - 1


@kernel
def noise_of(f, a, given):
    """σ of D in calm times; negative while it is not known."""
    if given > 0.0:
        return given
    return NORMAL * f[a + FLOOR] if f[a + FLOOR_N] >= FLOOR_LEAST else -1.0


@kernel
def ready(f, a, given):
    """Whether four fronts are seen without a gap, and the noise is known."""
    return f[a + CLOSED] >= KEPT and noise_of(f, a, given) >= 0.0


@kernel
def _mean(f, a, first, count):
    total = 0.0
    for k in range(first, first + count):
        total += f[a + MEAN + (k & MASK)]
    return total / count


@kernel
def _heed_noise(f, a, size):
    """Take |D| into the running noise."""
    n = min(f[a + FLOOR_N] + 1.0, FLOOR_BINS)
    if n > FLOOR_LEAST:
        size = min(size, 3.0 * f[a + FLOOR])
    f[a + FLOOR_N] = n
    f[a + FLOOR] += (size - f[a + FLOOR]) / n


@kernel
def _largest(f, a, e):
    """Whether no D within one front of edge e is larger in its direction; of equal ones the first counts."""
    d = f[a + STEP + (e & MASK)]
    side = 1.0 if d > 0.0 else -1.0
    for k in range(e - BINS, e + BINS + 1):
        other = side * f[a + STEP + (k & MASK)]
        if (k < e and other >= side * d) or other > side * d:
            return False
    return True


@kernel
def _timed(f, a, e, bin_ns, sigma):
    """The drop at edge e: (how much, the front's distance from the edge in ns, σ_t²)."""
    before = _mean(f, a, e - BINS, HALF)
    after = _mean(f, a, e + HALF, HALF)
    drop = before - after
    if drop <= 0.0:
        return 0.0, 0.0, 0.0
    area, filled = 0.0, 0.0
    for k in range(e - HALF - 1, e + HALF):
        here, there = f[a + TAU + (k & MASK)], f[a + TAU + ((k + 1) & MASK)]
        filled += 1.0 if here < 0.0 else 0.0
        here = 0.5 * bin_ns if here < 0.0 else here
        there = 0.5 * bin_ns if there < 0.0 else there
        height = 0.5 * (f[a + MEAN + (k & MASK)] + f[a + MEAN + ((k + 1) & MASK)]) - after
        area += (bin_ns + there - here) * height
    first = f[a + TAU + ((e - HALF - 1) & MASK)]
    first = 0.5 * bin_ns if first < 0.0 else first
    shift = first - (HALF + 1) * bin_ns + area / drop
    spread = BINS * bin_ns * sigma / drop
    gap = filled * bin_ns
    return drop, shift, spread * spread + gap * gap / 12.0


@kernel
def _keep(f, a, e, drop, shift, spread):
    place = a + DROPS + (int(f[a + SEEN]) % DROPS_KEPT) * DROP_PLACES
    if f[place + FATE] == WAITING:
        f[a + OPEN] -= 1.0
    f[place + EDGE], f[place + SHIFT], f[place + DROP] = e, shift, drop
    f[place + SPREAD], f[place + FATE] = spread, WAITING
    f[a + SEEN] += 1.0
    f[a + OPEN] += 1.0


@kernel
def _judge(f, a, e, bin_ns, gate, given, least):
    """Whether a drop lies at edge e, around which two fronts are closed on either side."""
    sigma = noise_of(f, a, given)
    d = f[a + STEP + (e & MASK)]
    limit = max(gate * sigma, least)
    if sigma < 0.0 or -d < limit or not _largest(f, a, e):
        return
    steady = abs(f[a + STEP + ((e - BINS) & MASK)]) <= -0.5 * d
    lasting = abs(f[a + STEP + ((e + BINS) & MASK)]) <= -0.5 * d
    if not (steady and lasting):
        f[a + SLOW] = e
        return
    drop, shift, spread = _timed(f, a, e, bin_ns, sigma)
    if drop >= limit and abs(shift) <= HALF * bin_ns:
        _keep(f, a, e, drop, shift, spread)


@kernel
def _push(f, a, j, mean, tau, bin_ns, gate, given, least):
    """Bin j is closed."""
    f[a + MEAN + (j & MASK)], f[a + TAU + (j & MASK)], f[a + LAST] = mean, tau, j
    f[a + CLOSED] = min(f[a + CLOSED] + 1.0, np.float64(KEPT))
    if f[a + CLOSED] < 2 * BINS:
        return
    d = _mean(f, a, j - BINS + 1, BINS) - _mean(f, a, j - 2 * BINS + 1, BINS)
    f[a + STEP + ((j - BINS + 1) & MASK)] = d
    _heed_noise(f, a, abs(d))
    if f[a + CLOSED] == KEPT:
        _judge(f, a, j - 2 * BINS + 1, bin_ns, gate, given, least)


@kernel
def _close(f, a, bin_ns, gate, given, least):
    """The open bin is closed; bins before it that no row fell into are bridged, or all begins anew."""
    j, last = int(f[a + INDEX]), int(f[a + LAST])
    mean, tau = f[a + SUM] / f[a + ROWS], f[a + OFFSETS] / f[a + ROWS]
    missing = j - last - 1
    if f[a + CLOSED] > 0.0 and missing > MOST_FILLED:
        f[a + CLOSED] = 0.0
    elif f[a + CLOSED] > 0.0:
        start = f[a + MEAN + (last & MASK)]
        for k in range(last + 1, j):
            between = start + (mean - start) * (k - last) / (j - last)
            _push(f, a, k, between, -1.0, bin_ns, gate, given, least)
    _push(f, a, j, mean, tau, bin_ns, gate, given, least)


@kernel
def heard(f, a, t, v, bin_ns, gate, given, least):
    """A good row; whether it closed a bin."""
    k = t // bin_ns
    closed = f[a + ROWS] > 0.0 and k != int(f[a + INDEX])
    if closed:
        _close(f, a, bin_ns, gate, given, least)
        f[a + SUM], f[a + OFFSETS], f[a + ROWS] = 0.0, 0.0, 0.0
    f[a + INDEX] = k
    f[a + SUM] += v
    f[a + OFFSETS] += np.float64(t - k * bin_ns)
    f[a + ROWS] += 1.0
    return closed
