"""How drops of pressure at both ends of a section are explained: leaks, and waves that run through.

Whenever a bin closes, first what runs through, for it explains both of its ends:
- through: they are x = 0 or L, or an outer sensor says that the wave came from there;
- echo: within four travel times of a leak that was found, and not stronger; or less than a quarter of an explained
  drop at the same end within four travel times before;
- crowded: an earlier drop at one of the ends, within one travel time, is not explained (or was not sudden);
- unlike: one drop is more than `ratio` times the other;
- else a leak. A drop whose partner cannot come any more was seen at one end alone.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from lifeline.engine.kernel import kernel

from .wave_onset_kernels import (
    ALONE,
    BINS,
    DETECTOR,
    DONE,
    DROP,
    DROP_PLACES,
    DROPS,
    DROPS_KEPT,
    EDGE,
    FATE,
    LAST,
    NONE,
    OPEN,
    SEEN,
    SHIFT,
    SLOW,
    SPREAD,
    WAITING,
)

# Options, by place.
BIN, LENGTH, SPEED, FLOW, SPEED_ERROR, CLOCK_ERROR, MARGIN, GATE = range(8)
NOISE, LEAST, HOLD, RATIO, UP_SPACING, DOWN_SPACING, START, ASCENDING = range(8, 16)
# What is said and what stands.
REASON, HELD, UNTIL, POSITION, PLUS_MINUS, DROP_UP, DROP_DOWN, APART = range(8)
THROUGH, NOISE_UP, NOISE_DOWN, SETTLED, NOW = range(8, 13)
HEAD = 16
WIDTH = HEAD + 4 * DETECTOR
UP, DOWN, UP_OUTER, DOWN_OUTER = range(4)
FILLING, JUDGED, FROM_UP, FROM_DOWN, ONE_END, CROWDED, UNLIKE, ECHO = range(8)
# Whence a pair came.
NOT_ONE, LEAK, OUTSIDE_UP, OUTSIDE_DOWN = range(4)
SETTLING = 4.0  # travel times
ECHO_PART = 0.25
# An outer sensor is waited for so long, in seconds; an end is not made blind by it.
OUTER_WAIT = 30.0
DIRECTION_UNKNOWN, FROM_WITHIN, FROM_OUTSIDE = range(3)


@kernel
def detector(role):
    return HEAD + role * DETECTOR


@kernel
def _drop_at(f, role, number):
    """Where the state keeps a sensor's drop, the oldest being number 0."""
    a = HEAD + role * DETECTOR
    return a + DROPS + ((int(f[a + SEEN]) + number) % DROPS_KEPT) * DROP_PLACES


@kernel
def _apart(f, one, other, bin_ns):
    """Seconds by which the front at `one` came after that at `other`."""
    edges = f[one + EDGE] - f[other + EDGE]
    return (edges * bin_ns + (f[one + SHIFT] - f[other + SHIFT])) * 1e-9


@kernel
def _travel(o):
    """The longest time that a wave takes through the section, s."""
    return o[LENGTH] / (o[SPEED] - abs(o[FLOW]))


@kernel
def _located(f, i, j, o):
    """(x, U, t1 - t2) of two drops."""
    a, v = o[SPEED], o[FLOW]
    apart = _apart(f, i, j, o[BIN])
    by_time = (a * a - v * v) / (2.0 * a)
    x = by_time * apart + o[LENGTH] * (a - v) / (2.0 * a)
    of_speed = (1.0 + v * v / (a * a)) * 0.5 * apart + o[LENGTH] * v / (2.0 * a * a)
    of_speed *= o[SPEED_ERROR]
    spread = (f[i + SPREAD] + f[j + SPREAD]) * 1e-18
    times = 2.0 * o[CLOCK_ERROR] * o[CLOCK_ERROR] + 4.0 * spread
    return x, np.sqrt(of_speed * of_speed + by_time * by_time * times), apart


@kernel
def _direction(f, end, i, o):
    """What the sensor outside an end says of the drop at i: whence it came."""
    spacing = o[UP_SPACING + end]
    if spacing <= 0.0:
        return DIRECTION_UNKNOWN
    far = spacing / o[SPEED] + 1e-9 * o[BIN]
    best, found = far, DIRECTION_UNKNOWN
    for slot in range(DROPS_KEPT):
        k = _drop_at(f, UP_OUTER + end, slot)
        if f[k + FATE] == NONE:
            continue
        later = _apart(f, k, i, o[BIN])
        if abs(later) <= best:
            best, found = abs(later), FROM_OUTSIDE if later < 0.0 else FROM_WITHIN
    return found


@kernel
def _heard_outside(f, end, i, o):
    """Whether the sensor outside an end has told all that it can of the drop at i, or was waited for enough."""
    spacing = o[UP_SPACING + end]
    if spacing <= 0.0:
        return True
    edge = f[i + EDGE] + 2.0 * BINS + 2.0
    needed = edge + spacing / o[SPEED] * 1e9 / o[BIN]
    waited = edge + OUTER_WAIT * 1e9 / o[BIN]
    return f[detector(UP_OUTER + end) + LAST] >= needed or f[detector(end) + LAST] >= waited


@kernel
def _whence(f, i, j, o):
    """Whence the wave came that the drops i (upstream) and j (downstream) are of; how far from that."""
    x, error, _ = _located(f, i, j, o)
    reach = o[MARGIN] + error
    if x < -reach or x > o[LENGTH] + reach:
        return NOT_ONE, 0.0
    above, below = _direction(f, UP, i, o), _direction(f, DOWN, j, o)
    if above == FROM_OUTSIDE or below == FROM_OUTSIDE:
        if above == FROM_OUTSIDE and x <= reach:
            return OUTSIDE_UP, abs(x)
        if below == FROM_OUTSIDE and x >= o[LENGTH] - reach:
            return OUTSIDE_DOWN, abs(o[LENGTH] - x)
        return NOT_ONE, 0.0
    if x <= reach and above != FROM_WITHIN:
        return OUTSIDE_UP, abs(x)
    if x >= o[LENGTH] - reach and below != FROM_WITHIN:
        return OUTSIDE_DOWN, abs(o[LENGTH] - x)
    return LEAK, 0.0


@kernel
def _decide(f, end, i, fate):
    f[i + FATE] = fate
    f[detector(end) + OPEN] -= 1.0


@kernel
def _waits(f, end, i, o):
    return f[i + FATE] == WAITING and _heard_outside(f, end, i, o)


@kernel
def _explain_through(f, o):
    """Explain the pair that is most like a wave through the section; whether there was one."""
    best, one, other, origin = np.inf, -1, -1, NOT_ONE
    for p in range(DROPS_KEPT):
        i = _drop_at(f, UP, p)
        if not _waits(f, UP, i, o):
            continue
        for q in range(DROPS_KEPT):
            j = _drop_at(f, DOWN, q)
            if not _waits(f, DOWN, j, o):
                continue
            whence, distance = _whence(f, i, j, o)
            if whence >= OUTSIDE_UP and distance < best:
                best, one, other, origin = distance, i, j, whence
    if one < 0:
        return False
    _decide(f, UP, one, DONE)
    _decide(f, DOWN, other, DONE)
    apart = abs(_apart(f, one, other, o[BIN]))
    f[THROUGH] = o[LENGTH] / apart if apart > 0.0 else np.nan
    f[REASON] = FROM_UP if origin == OUTSIDE_UP else FROM_DOWN
    return True


@kernel
def _crowded(f, end, i, o):
    """Whether an earlier drop at this end, within one travel time, is not explained or was not sudden."""
    limit = _travel(o)
    for slot in range(DROPS_KEPT):
        k = _drop_at(f, end, slot)
        if f[k + FATE] == WAITING or f[k + FATE] == ALONE:
            since = _apart(f, i, k, o[BIN])
            if 0.0 < since <= limit:
                return True
    slow = f[detector(end) + SLOW]
    since = (f[i + EDGE] - slow) * o[BIN] * 1e-9
    return slow > 0.0 and 0.0 < since <= limit


@kernel
def _first_within(f, o):
    """The pair from within the section that was complete first: its drops, -1 where there is none."""
    one, other, first = -1, -1, 0.0
    for p in range(DROPS_KEPT):
        i = _drop_at(f, UP, p)
        if not _waits(f, UP, i, o):
            continue
        for q in range(DROPS_KEPT):
            j = _drop_at(f, DOWN, q)
            if not _waits(f, DOWN, j, o) or _whence(f, i, j, o)[0] != LEAK:
                continue
            later = i if _apart(f, i, j, o[BIN]) > 0.0 else j
            when = f[later + EDGE] * o[BIN] + f[later + SHIFT]
            if one < 0 or when < first:
                one, other, first = i, j, when
    return one, other, first


@kernel
def _echo(f, end, i, o):
    """Whether the drop at i is small beside an explained one at this end, within four travel times before."""
    limit = SETTLING * _travel(o)
    for slot in range(DROPS_KEPT):
        k = _drop_at(f, end, slot)
        if f[k + FATE] == DONE and f[i + DROP] < ECHO_PART * f[k + DROP]:
            since = _apart(f, i, k, o[BIN])
            if 0.0 < since <= limit:
                return True
    return False


@kernel
def _stand(f, i, j, o, drop, when):
    """A leak was found; whether it is stronger than what stands, and so is told."""
    f[REASON], f[SETTLED] = JUDGED, when + SETTLING * _travel(o) * 1e9
    f[UNTIL] = f[NOW] + o[HOLD]
    if drop <= f[HELD]:
        return False
    x, error, apart = _located(f, i, j, o)
    x = min(max(x, 0.0), o[LENGTH])
    f[HELD], f[POSITION], f[PLUS_MINUS] = drop, o[START] + o[ASCENDING] * x, error
    f[DROP_UP], f[DROP_DOWN], f[APART] = f[i + DROP], f[j + DROP], apart
    return True


@kernel
def _explain_within(f, o):
    """Explain the first pair from within: (whether there was one, whether a leak now stands or moved)."""
    i, j, when = _first_within(f, o)
    if i < 0:
        return False, False
    crowded = _crowded(f, UP, i, o) or _crowded(f, DOWN, j, o)
    echo = _echo(f, UP, i, o) or _echo(f, DOWN, j, o)
    _decide(f, UP, i, DONE)
    _decide(f, DOWN, j, DONE)
    most, least = max(f[i + DROP], f[j + DROP]), min(f[i + DROP], f[j + DROP])
    drop = np.sqrt(f[i + DROP] * f[j + DROP])
    if echo or (when <= f[SETTLED] and drop <= f[HELD]):
        f[REASON] = ECHO
    elif crowded:
        f[REASON] = CROWDED
    elif most > o[RATIO] * least:
        f[REASON] = UNLIKE
    else:
        return True, _stand(f, i, j, o, drop, when)
    return True, False


@kernel
def _give_up(f, end, o):
    """Drops at an end whose partner at the other cannot come any more."""
    reach = _travel(o) + 2.0 * (o[MARGIN] / o[SPEED]) + OUTER_WAIT
    last = f[detector(1 - end) + LAST] - (2.0 * BINS + 2.0) - reach * 1e9 / o[BIN]
    for slot in range(DROPS_KEPT):
        i = _drop_at(f, end, slot)
        if f[i + FATE] == WAITING and f[i + EDGE] < last:
            _decide(f, end, i, ALONE)
            f[REASON] = ONE_END


@kernel
def explain(f, o):
    """Explain what can be explained; whether a leak now stands or moved."""
    found = False
    if f[detector(UP) + OPEN] > 0.0 and f[detector(DOWN) + OPEN] > 0.0:
        while _explain_through(f, o):
            pass
        more = True
        while more:
            more, moved = _explain_within(f, o)
            found = found or moved
    for end in (UP, DOWN):
        if f[detector(end) + OPEN] > 0.0:
            _give_up(f, end, o)
    return found
