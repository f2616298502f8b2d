"""Value less what it is expected to be, as of now.

State: time of the reference's last good value (as int64; NO_TIME: there is none), what was expected at
the last good row, the reference's last good value, the reason why nothing was.

A reference is read as the log has it: its last good row before this one, if its time and this row's
are no further apart than `max_age`. A bad row of the reference voids it, a suspect one is passed
over. A profile has median and spread by hour of the local week; the spread is 1.4826 × MAD, which is
the standard deviation where values are normal (Rousseeuw & Croux 1993), and no smaller than `floor`.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from lifeline.engine import layout as at
from lifeline.engine.kernel import kernel
from lifeline.engine.layout import NO_TIME

WIDTH = 4
WHEN, EXPECTED, LAST, REASON = range(WIDTH)
FROM, SET_POINT, MAX_AGE, MIN_COUNT, FLOOR = range(5)  # options
REFERENCE, CONSTANT, PROFILE, SPREADS = 0.0, 1.0, 2.0, 3.0  # of the option `from`
GIVEN, UNNAMED, UNHEARD, AGED, UNKNOWN, THIN = range(6)
HOUR = 3_600_000_000_000
THURSDAY = 72  # hours between Monday 00:00 and 1970-01-01, of local weeks that begin on Monday
WEEK = 168


@kernel
def hour_of_week(t, since, ahead, first, last):
    """The hour of the local week of a time, 0 for Monday 00:00; offsets `first` to `last` are its zone's."""
    low, high = first, last
    while high - low > 1:
        middle = (low + high) // 2
        if since[middle] <= t:
            low = middle
        else:
            high = middle
    return ((t + ahead[low]) // HOUR + THURSDAY) % WEEK


@kernel
def _of_profile(t, o, k, tables, zone_ptr, since, ahead):
    """What a profile expects at t: reason, median, spread."""
    if k < 0:
        return UNKNOWN, np.nan, 1.0
    hour = hour_of_week(t, since, ahead, zone_ptr[k], zone_ptr[k + 1])
    one = tables[k, hour]
    if one[2] < o[MIN_COUNT]:
        return THIN, np.nan, 1.0
    return GIVEN, one[0], max(one[1], o[FLOOR])


@kernel
def _of_reference(t, o, named, mine, when):
    """What the reference was as of t: reason, value."""
    if not named:
        return UNNAMED, np.nan
    if when == NO_TIME or when == 0:
        return UNHEARD, np.nan
    if abs(t - when) > o[MAX_AGE]:
        return AGED, np.nan
    return GIVEN, mine[LAST]


@kernel
def measure(
    rows, ptr, first, param, options, states, out, reference, table, follow_ptr, follow, tables,
    zone_ptr, since, ahead,
):  # fmt: skip
    """One distance per (row that is not skipped, instance) into `out`; returns how many."""
    m = 0
    bits = states.view(np.int64)
    for i in range(rows.size):
        r = rows[i]
        if r.verdict == at.SKIP:
            continue
        s, t = r.sensor, r.time
        for q in range(ptr[s], ptr[s + 1]):
            k = q - first
            o, mine = options[param[q]], states[k]
            reason, expected, spread = GIVEN, o[SET_POINT], 1.0
            if o[FROM] == REFERENCE:
                reason, expected = _of_reference(t, o, reference[k] >= 0, mine, bits[k, WHEN])
            elif o[FROM] >= PROFILE:
                reason, expected, spread = _of_profile(
                    t, o, table[k], tables, zone_ptr, since, ahead
                )
            if r.verdict == at.GOOD:
                mine[EXPECTED], mine[REASON] = expected, reason
            x = r.value - expected
            if o[FROM] == SPREADS:
                x = x / spread if spread > 0.0 else np.nan
            out[m] = np.nan if r.verdict == at.BAD else x
            m += 1
        if r.verdict == at.GOOD or r.verdict == at.BAD:
            for place in range(follow_ptr[s], follow_ptr[s + 1]):
                k = follow[place]
                good = r.verdict == at.GOOD
                bits[k, WHEN] = t if good else NO_TIME
                states[k, LAST] = r.value if good else np.nan
    return m
