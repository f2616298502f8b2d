"""Time that is left, in seconds, until a limit is reached or a slope fails.

By the trend: the least-squares line of the window, met with the limit (ordinary least squares, e.g.
Draper & Smith, Applied Regression Analysis, ch. 1; the error of the meeting time to first order).

By inverse velocity: creep before failure follows dv/dt = A v^2 (Fukuzono 1985; Voight 1988 with alpha
= 2), so that 1/v falls on a straight line and reaches zero when it fails. Speeds are differences of
the means of neighbouring closed panes, so that every sample counts; their error follows from the
sensor's noise. Only the latest run of speeds of one sign that all clear the noise gate is used. Each
1/v has the error σ_v / v², so the line is weighted by v⁴ / σ_v²; where its scatter is
wider than that, σ of the failure time grows with it. What must hold for a forecast follows Carlà
et al. 2017: enough speeds, 1/v falls significantly, R², σ of the failure time, the horizon.

A pane holds (index, offset of its first row, n, Σt, Σv, Σt², Σtv, Σv²), t in seconds from its first row and v from
the value that began the window. After the ring come what the last good row gave, the fit of the closed panes
and whether it still holds (`FITTED`): it is made when a pane closes or an option changes, so that
other rows cost no more than a subtraction.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from lifeline.engine import layout as at
from lifeline.engine.kernel import allocating, kernel
from lifeline.engine.limits import PANES
from lifeline.engine.pane_kernels import (
    CURRENT,
    INDEX,
    OFFSET,
    ROWS,
    close_current,
    closed_at,
    drop_old,
)

STATS = 8
T, V, TT, TV, VV = 3, 4, 5, 6, 7
MERGED = CURRENT + STATS
ORIGIN = CURRENT + (PANES + 1) * STATS  # the value that the window's values are told from
REMAINING, SIGMA, R2, POINTS, REASON = range(ORIGIN + 1, ORIGIN + 6)
# Of the closed panes: pane at which fitted, failure time from its start, σ, R², speeds, reason.
FIT, FAILS, FIT_SIGMA, FIT_R2, FIT_POINTS, FIT_REASON = range(ORIGIN + 6, ORIGIN + 12)
WIDTH = 120
FITTED = WIDTH - 2  # 1 where the fit is of the closed panes as they are
# Options, by place.
WINDOW, MIN_POINTS, MIN_SPAN, MIN_R2, SIGNIFICANCE, HORIZON = range(6)
METHOD, LIMIT, SIDE, NOISE, GATE, MAX_ERROR = range(6, 12)
BY_TREND, BY_INVERSE_VELOCITY = 0.0, 1.0
GIVEN, FILLING, AWAY, NOISY, POOR, FAR, SLOW, STEADY, UNCERTAIN = range(9)


@kernel
def _say(ring, remaining, sigma, r2, points, reason):
    ring[REMAINING], ring[SIGMA], ring[R2] = remaining, sigma, r2
    ring[POINTS], ring[REASON] = points, reason


@kernel
def _join(ring, a, b, pane):
    """Merge the pane at b, the later one, into the one at a."""
    n = ring[b + ROWS]
    d = (ring[b + INDEX] - ring[a + INDEX]) * pane + (ring[b + OFFSET] - ring[a + OFFSET])
    d *= 1e-9
    ring[a + TV] += ring[b + TV] + d * ring[b + V]
    ring[a + TT] += ring[b + TT] + 2.0 * d * ring[b + T] + n * d * d
    ring[a + T] += ring[b + T] + n * d
    ring[a + V] += ring[b + V]
    ring[a + VV] += ring[b + VV]
    ring[a + ROWS] += n


@kernel
def _merge_closed(ring, pane):
    """The merge of the closed panes, anew: merged and never subtracted."""
    ring[MERGED + ROWS] = 0.0
    for q in range(int(ring[0])):
        place = closed_at(ring, q, STATS)
        if q == 0:
            for field in range(STATS):
                ring[MERGED + field] = ring[place + field]
        else:
            _join(ring, MERGED, place, pane)


@kernel
def _keep(ring, k, offset, v, pane):
    """Take a row into the window."""
    if ring[CURRENT + ROWS] == 0.0 or ring[CURRENT + INDEX] < k - (PANES - 1):
        ring[0], ring[1], ring[CURRENT + ROWS], ring[MERGED + ROWS] = 0.0, 0.0, 0.0, 0.0
        ring[ORIGIN], ring[FITTED] = v, 0.0
    if ring[CURRENT + ROWS] == 0.0 or ring[CURRENT + INDEX] != k:
        drop_old(ring, k, STATS)
        close_current(ring, k, STATS)
        _merge_closed(ring, pane)
        for field in range(STATS):
            ring[CURRENT + field] = 0.0
        ring[CURRENT + INDEX], ring[CURRENT + OFFSET], ring[FITTED] = k, offset, 0.0
    x = (offset - ring[CURRENT + OFFSET]) * 1e-9
    y = v - ring[ORIGIN]
    ring[CURRENT + ROWS] += 1.0
    ring[CURRENT + T] += x
    ring[CURRENT + V] += y
    ring[CURRENT + TT] += x * x
    ring[CURRENT + TV] += x * y
    ring[CURRENT + VV] += y * y


@kernel
def _by_trend(ring, k, offset, o, pane):
    """Seconds until the line of the window, the current pane included, meets the limit."""
    n, st, sv = ring[CURRENT + ROWS], ring[CURRENT + T], ring[CURRENT + V]
    stt, stv, svv = ring[CURRENT + TT], ring[CURRENT + TV], ring[CURRENT + VV]
    first, first_offset = np.float64(k), ring[CURRENT + OFFSET]
    if ring[MERGED + ROWS] > 0.0:
        first, first_offset = ring[MERGED + INDEX], ring[MERGED + OFFSET]
        d = ((k - first) * pane + (ring[CURRENT + OFFSET] - first_offset)) * 1e-9
        stv = ring[MERGED + TV] + (stv + d * sv)
        stt = ring[MERGED + TT] + (stt + 2.0 * d * st + n * d * d)
        st = ring[MERGED + T] + (st + n * d)
        sv = ring[MERGED + V] + sv
        svv = ring[MERGED + VV] + svv
        n = ring[MERGED + ROWS] + n
    span = (k - first) * pane + (offset - first_offset)
    det = n * stt - st * st
    if n < o[MIN_POINTS] or span < o[MIN_SPAN] or det <= 0.0:
        _say(ring, np.nan, np.nan, np.nan, n, FILLING)
        return np.nan
    slope = (n * stv - st * sv) / det
    spread, moment = det / n, stv - st * sv / n
    total = svv - sv * sv / n
    residual = max(0.0, total - slope * moment)
    r2 = 1.0 - residual / total if total > 0.0 else 0.0
    now = span * 1e-9 - st / n
    level = sv / n + slope * now
    missing = o[SIDE] * (o[LIMIT] - ring[ORIGIN] - level)
    if missing <= 0.0:
        _say(ring, 0.0, np.nan, r2, n, GIVEN)
        return 0.0
    towards = o[SIDE] * slope
    if towards <= 0.0:
        _say(ring, o[HORIZON], np.nan, r2, n, AWAY)
        return o[HORIZON]
    left = missing / towards
    deviation = np.sqrt(residual / (n - 2.0)) if n > 2.0 else np.nan
    sigma = deviation / towards * np.sqrt(1.0 / n + (now + left) * (now + left) / spread)
    reason = GIVEN
    if o[SIGNIFICANCE] > 0.0 and not towards >= o[SIGNIFICANCE] * deviation / np.sqrt(spread):
        reason = NOISY
    elif r2 < o[MIN_R2]:
        reason = POOR
    elif left >= o[HORIZON]:
        reason = FAR
    _say(ring, left if reason == GIVEN else o[HORIZON], sigma, r2, n, reason)
    return ring[REMAINING]


@kernel
def _speeds(ring, k, o, pane, when, speed, error):
    """Speeds between neighbouring closed panes from the latest back, while they count.

    Fills middle times (s from the start of pane k), speeds and their errors for a noise of 1; returns
    how many there are and how many count.
    """
    closed = int(ring[0])
    counted, going = 0, True
    later, later_mean, later_n = 0.0, 0.0, 0.0
    for back in range(closed):
        place = closed_at(ring, closed - 1 - back, STATS)
        n = ring[place + ROWS]
        time = ((ring[place + INDEX] - k) * pane + ring[place + OFFSET]) * 1e-9
        time += ring[place + T] / n
        mean = ring[place + V] / n
        if back > 0 and going:
            step = later - time
            v = (later_mean - mean) / step
            e = np.sqrt(1.0 / later_n + 1.0 / n) / step
            going = abs(v) > o[GATE] * o[NOISE] * e
            if counted > 0 and (v > 0.0) != (speed[0] > 0.0):
                going = False
            if going:
                when[counted], speed[counted], error[counted] = 0.5 * (later + time), v, e
                counted += 1
        later, later_mean, later_n = time, mean, n
    return closed - 1, counted


@kernel
def _failure(ring, k, o, pane, work):
    """Fit the inverse of the speeds of the closed panes; what comes of it is kept in the ring."""
    when, speed, error = work[0], work[1], work[2]
    ring[FIT], ring[FITTED] = k, 1.0
    ring[FAILS], ring[FIT_SIGMA], ring[FIT_R2] = np.nan, np.nan, np.nan
    there, n = _speeds(ring, k, o, pane, when, speed, error)
    ring[FIT_POINTS] = n
    if n < o[MIN_POINTS]:
        ring[FIT_REASON] = FILLING if there < o[MIN_POINTS] else SLOW
        return
    # Speeds in units of the latest one, so that no power leaves the range of a float.
    unit = abs(speed[0])
    noise = o[NOISE] / unit
    total, mean_t, mean_y = 0.0, 0.0, 0.0
    for j in range(n):
        u = abs(speed[j]) / unit
        w = u * u / (noise * error[j])
        w *= w
        speed[j], error[j] = 1.0 / u, w
        total += w
        mean_t += w * when[j]
        mean_y += w / u
    mean_t /= total
    mean_y /= total
    tt, ty, yy = 0.0, 0.0, 0.0
    for j in range(n):
        x, y = when[j] - mean_t, speed[j] - mean_y
        tt += error[j] * x * x
        ty += error[j] * x * y
        yy += error[j] * y * y
    fall = -ty / tt
    if not fall > 0.0:
        ring[FIT_REASON] = STEADY
        return
    residual = max(0.0, yy - fall * fall * tt)
    wider = max(1.0, residual / (n - 2.0))
    ring[FAILS] = mean_t + mean_y / fall
    away = ring[FAILS] - mean_t
    ring[FIT_SIGMA] = np.sqrt(wider * (1.0 / total + away * away / tt)) / fall
    ring[FIT_R2] = 1.0 - residual / yy
    allowed = o[MAX_ERROR] * max(ring[FAILS] - when[0], pane * 1e-9)
    if not fall >= o[SIGNIFICANCE] * np.sqrt(wider / tt):
        ring[FIT_REASON] = STEADY
    elif not ring[FIT_R2] >= o[MIN_R2]:
        ring[FIT_REASON] = POOR
    elif not ring[FIT_SIGMA] <= allowed:
        ring[FIT_REASON] = UNCERTAIN
    else:
        ring[FIT_REASON] = GIVEN


@kernel
def _by_inverse_velocity(ring, k, offset, o, pane, work):
    """Seconds until the inverse of the speed reaches zero, by the closed panes."""
    if ring[FITTED] == 0.0:
        _failure(ring, k, o, pane, work)
    reason = ring[FIT_REASON]
    left = o[HORIZON]
    if reason == FILLING:
        left = np.nan
    elif reason == GIVEN:
        left = ring[FAILS] - ((k - ring[FIT]) * pane + offset) * 1e-9
        if left >= o[HORIZON]:
            left, reason = o[HORIZON], FAR
        left = max(0.0, left)
    _say(ring, left, ring[FIT_SIGMA], ring[FIT_R2], ring[FIT_POINTS], reason)
    return left


@kernel
def _measured(ring, t, v, o, work):
    """Takes a row into the window; the time that is left, NaN where there is nothing to judge."""
    pane = np.int64(o[WINDOW]) // PANES
    k = t // pane
    offset = np.float64(t - k * pane)
    _keep(ring, k, offset, v, pane)
    if o[METHOD] == BY_INVERSE_VELOCITY:
        return _by_inverse_velocity(ring, k, offset, o, pane, work)
    return _by_trend(ring, k, offset, o, pane)


@allocating
def measure(rows, ptr, first, param, options, rings, out):
    """One remaining time per (row that is not skipped, instance) into `out`; returns how many."""
    m = 0
    tried = np.empty(WIDTH)
    work = np.empty((3, PANES))
    for i in range(rows.size):
        r = rows[i]
        if r.verdict == at.SKIP:
            continue
        s = r.sensor
        for q in range(ptr[s], ptr[s + 1]):
            ring, o = rings[q - first], options[param[q]]
            if r.verdict == at.GOOD:
                out[m] = _measured(ring, r.time, r.value, o, work)
            elif r.verdict == at.BAD:
                out[m] = np.nan
            else:  # a suspect row counts for this evaluation alone
                for place in range(WIDTH):
                    tried[place] = ring[place]
                out[m] = _measured(tried, r.time, r.value, o, work)
            m += 1
    return m
