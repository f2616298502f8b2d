"""Judging: levels with deadbands and delays, timers, and the alarm table (docs/semantics.md §5–§6).

One pass per kind over the rows of a Frame. What decides that nothing happens is a band per
instance (and a guard per sensor for the identity measure): a good value strictly inside it changes
nothing, so calm rules cost a comparison. A band is empty (low > high) whenever anything pends.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from . import layout as at
from .alarm_table import NOTHING, REFUSED, Event
from .kernel import kernel
from .layout import NEVER, NO_TIME
from .prefetch import AHEAD, prefetch
from .record import HISTORIC as R_HISTORIC
from .record import UNCERTAIN as R_UNCERTAIN
from .record import UNKNOWN as R_UNKNOWN
from .record import AlarmState, Transition

MEASURED, STALENESS, CLOCK = 0, 1, 2  # how a kind comes by its measure
PHASE_TICK, PHASE_TIMER, PHASE_SAMPLE = 0, 1, 2
_STALE_FIRST, _CAUGHT_UP_NEXT, _TIMERS = 0, 1 << 32, 2 << 32
EMISSIONS_PER_INSTANCE = 16  # levels × (raise, clear) timers, shelf, stale, known, judged, actual

_NORMAL, _ACKNOWLEDGED = int(AlarmState.NORMAL), int(AlarmState.ACKNOWLEDGED)
_UNACKNOWLEDGED, _RETURNED = (
    int(AlarmState.UNACKNOWLEDGED), int(AlarmState.RETURNED_UNACKNOWLEDGED),
)  # fmt: skip
_SHELVED, _LATCHED, _SUPPRESSED, _OUT = (
    int(AlarmState.SHELVED), int(AlarmState.LATCHED), int(AlarmState.SUPPRESSED_BY_DESIGN),
    int(AlarmState.OUT_OF_SERVICE),
)  # fmt: skip
_T_RAISED, _T_LEVEL = int(Transition.RAISED), int(Transition.LEVEL)
_RISE, _RISE_COVERED, _FALL, _RETURN, _RETURN_LATCHING = (
    int(Event.RISE), int(Event.RISE_COVERED), int(Event.FALL), int(Event.RETURN),
    int(Event.RETURN_LATCHING),
)  # fmt: skip
_UNKNOWN, _KNOWN, _ACTUAL = int(Event.UNKNOWN), int(Event.KNOWN), int(Event.ACTUAL)
_ACK, _ACK_LATCHING = int(Event.ACKNOWLEDGE), int(Event.ACKNOWLEDGE_LATCHING)
_SHELVE, _SUPPRESS = int(Event.SHELVE), int(Event.SUPPRESS)
_REALARM, _FLAP = int(Event.REALARM), int(Event.FLAP)
_END_ACTIVE, _END_NORMAL, _END_UNANSWERED, _END_LATCHED, _END_KEPT = (
    int(Event.END_ACTIVE), int(Event.END_NORMAL), int(Event.END_UNANSWERED),
    int(Event.END_LATCHED), int(Event.END_KEPT),
)  # fmt: skip
_RED = 4
_HELD_COVER = 3  # annunciation is held for all but red


@kernel
def transit(
    judge, k, event, level, table, out, n, row, phase, key, order, sensor, site, time, value,
    limit, flags, onset,
):  # fmt: skip
    """Apply `event` with the new condition `level` to instance k; returns the emissions so far."""
    j = judge[k]
    state, before = j.state, j.level
    after = table[state, event, 0]
    transition = table[state, event, 1]
    j.level = level
    if transition == NOTHING or transition == REFUSED:
        return n
    marks = 0
    if event == _RISE or event == _RISE_COVERED or event == _FLAP:
        marks |= at.E_ROSE
        if before > 0 and transition == _T_RAISED:
            transition = _T_LEVEL
    elif event == _REALARM:
        marks |= at.E_ROSE  # whoever answers must have seen this one
    if state == _NORMAL and after != _NORMAL:
        marks |= at.E_OPENS
        j.onset = onset
    _remember(j, state, after, event, before, level)
    j.state = after
    if level == 0:
        j.flags &= ~at.J_MARK
    elif flags & R_HISTORIC:
        j.flags |= at.J_MARK
    elif event == _RISE or event == _RISE_COVERED or event == _FALL or event == _FLAP:
        j.flags &= ~at.J_MARK
    if j.flags & at.J_UNKNOWN:
        flags |= R_UNKNOWN
    e = out[n]
    e.row, e.phase, e.key, e.order, e.sensor, e.site = row, phase, key, order, sensor, site
    e.instance, e.transition, e.marks, e.flags = k, transition, marks, flags
    e.level_before, e.level_after, e.state_before, e.state_after = before, level, state, after
    e.time, e.value, e.limit, e.onset = time, value, limit, j.onset
    e.until = kept_until(judge, k)
    return n + 1


@kernel
def _remember(j, state, after, event, before, level):
    """What instance j keeps of a transition beside its state: cover, timer, and what is owed."""
    if after == _SHELVED or after == _SUPPRESSED or after == _OUT:
        if event == _SHELVE:
            j.owes &= ~at.OWES_ANSWER  # a person has looked at this very alarm
        elif state == _UNACKNOWLEDGED or state == _RETURNED:
            j.owes |= at.OWES_ANSWER
        stood = before > 0 or level > 0 or state == _RETURNED or state == _LATCHED
        if (stood and j.flags & at.J_LATCHING) or state == _LATCHED:
            j.owes |= at.OWES_RESET
    else:
        j.owes = 0
    if event == _SUPPRESS:
        j.shelf = NEVER
    if after == _ACKNOWLEDGED:
        if event == _ACK or event == _ACK_LATCHING:
            j.cover = level
        elif j.cover > level:
            j.cover = level
    elif after == _SUPPRESSED:
        j.cover = max(j.keep, _HELD_COVER if j.shelf != NEVER else 0)
    elif after == _NORMAL:
        j.cover = j.keep
    elif after != _SHELVED and after != _OUT:
        j.cover = 0
    if after == _NORMAL or after == _UNACKNOWLEDGED or after == _RETURNED or after == _LATCHED:
        j.shelf = NEVER


@kernel
def kept_until(judge, k):
    """When what keeps instance k away ends; 0: nothing does."""
    j = judge[k]
    if j.state == _SHELVED or j.state == _OUT:
        return j.shelf
    if j.state == _SUPPRESSED:
        return max(j.kept, j.shelf if j.shelf != NEVER else 0)
    return 0


@kernel
def ended(judge, k):
    """Which event it is that shelf, outage of service, hold or maintenance of instance k ends."""
    j = judge[k]
    if j.level > 0:
        return _END_KEPT if j.keep >= j.level else _END_ACTIVE
    if j.keep > 0 and j.owes != 0:
        return _END_KEPT
    if j.owes & at.OWES_ANSWER:
        return _END_UNANSWERED
    return _END_LATCHED if j.owes & at.OWES_RESET else _END_NORMAL


@kernel
def _flaps(j, p, time):
    """A raise of instance j at `time`: whether there have been too many. Each fills a bucket that
    runs out by itself; while it holds more than `brim`, annunciation is held."""
    j.bucket = min(max(j.bucket, time) + p.drip, time + 2 * p.brim)
    return j.bucket > time + p.brim


@kernel
def _rising(j, p, level, time):
    """Which event a rise of instance j to `level` at `time` is."""
    if j.level == 0 and level < _RED and p.drip > 0 and _flaps(j, p, time):
        if j.state != _SHELVED and j.state != _OUT:
            j.shelf = j.bucket
            return _FLAP
    return _RISE if level > j.cover else _RISE_COVERED


@kernel
def _gravest(mask):
    level = 0
    while mask:
        level += 1
        mask >>= 1
    return level


@kernel
def _limit_of(p, level, side):
    if level == 0:
        return np.nan
    high, low = p.high[level - 1], p.low[level - 1]
    if side == 0:
        limit = high if high != np.inf else low
    else:
        limit = low if low != -np.inf else high
    return limit if np.isfinite(limit) else np.nan  # a changed rule may have none any more


@kernel
def _set_active(
    judge, k, p, active, x, time, onset, flags, table, out, n, row, phase, key, order, sensor, site
):
    """The set of active levels is now `active`; emits where the gravest one changes."""
    j = judge[k]
    before = j.level
    level = _gravest(active)
    j.active = active
    if level == before:
        return n
    if level > before:
        event = _rising(j, p, level, time)
        j.side = 1 if x < p.high[level - 1] and p.low[level - 1] != -np.inf else 0
        limit = _limit_of(p, level, j.side)
    elif level > 0:
        event = _FALL
        limit = _limit_of(p, level, j.side)
    else:
        event = _RETURN_LATCHING if j.flags & at.J_LATCHING else _RETURN
        limit = _limit_of(p, before, j.side)
    return transit(
        judge, k, event, level, table, out, n, row, phase, key, order, sensor, site, time, x,
        limit, flags, onset,
    )  # fmt: skip


@kernel
def judge_value(
    judge, deadline, due, held, k, p, x, good, t, wait, by_timer, flags, table, out, n, row, phase, key,
    order, sensor, site,
):  # fmt: skip
    """Judge one measure of a usable row against every level of instance k.

    `wait` is lag + grace; `by_timer`: pending clears may be fired by a tick.
    """
    j = judge[k]
    active = j.active
    for level in range(p.used):
        bit = 1 << level
        if not active & bit:
            if x >= p.high[level] or x <= p.low[level]:
                if p.on[level] == 0:
                    active |= bit
                    j.raising &= ~bit
                else:
                    held[k, level] = x
                    j.doubt = j.doubt & ~bit if good else j.doubt | bit
                    if not j.raising & bit:
                        j.raising |= bit
                        deadline[k, level] = t + p.on[level]
                        due[k, level] = t + p.on[level] + wait
            elif good:
                j.raising &= ~bit
        elif x < p.clear_high[level] and x > p.clear_low[level]:
            if good:
                held[k, level] = x
                j.doubt &= ~bit
                if p.off[level] == 0 or (j.clearing & bit and deadline[k, level] <= t):
                    active &= ~bit
                    j.clearing &= ~bit
                elif not j.clearing & bit:
                    j.clearing |= bit
                    deadline[k, level] = t + p.off[level]
                    due[k, level] = t + p.off[level] + wait if by_timer else NEVER
        else:
            j.clearing &= ~bit
    if active == j.active:
        return n
    return _set_active(
        judge, k, p, active, x, t, t, flags, table, out, n, row, phase, key, order, sensor, site
    )


@kernel
def _next_timer(j, deadline, due, k, by_due):
    """The earliest due (or deadline of a timer that ticks may fire) of instance k."""
    first = NEVER
    pending = j.raising | j.clearing
    level = 0
    while pending:
        if pending & 1 and due[k, level] != NEVER:
            first = min(first, due[k, level] if by_due else deadline[k, level])
        pending >>= 1
        level += 1
    return first


@kernel
def fire_until(
    judge, deadline, due, held, k, p, until, by_due, hist, table, out, n, row, phase, sensor, site,
    after=0,
):  # fmt: skip
    """Fire every timer of instance k whose due (or deadline) is at most `until`, in its order.

    `after`: the due at which the instance last spoke. What that set may end before it was set.
    """
    j = judge[k]
    while True:
        first = _next_timer(j, deadline, due, k, by_due)
        if by_due and j.shelf < first:
            if j.shelf > until:
                return n
            over = j.shelf
            j.shelf = NEVER
            event = _REALARM if j.state == _ACKNOWLEDGED else ended(judge, k)
            n = transit(
                judge, k, event, j.level, table, out, n, row, phase, max(over, after),
                _TIMERS | j.ordinal, sensor, site, over, np.nan, np.nan, R_HISTORIC if hist else 0, j.onset,
            )  # fmt: skip
            if j.state == _SUPPRESSED:
                j.cover = j.keep
            continue
        if first > until or first == NEVER:
            return n
        after = first
        active, time, onset = j.active, np.int64(0), np.int64(0)
        value, doubt = np.nan, False  # of the gravest level that fires
        for level in range(4):
            bit = 1 << level
            at_level = due[k, level] if by_due else deadline[k, level]
            if due[k, level] == NEVER or at_level != first:
                continue
            if j.raising & bit:
                active |= bit
                j.raising &= ~bit
                onset = deadline[k, level] - p.on[level]
            elif j.clearing & bit:
                active &= ~bit
                j.clearing &= ~bit
            else:
                continue
            time, value, doubt = deadline[k, level], held[k, level], (j.doubt & bit) != 0
        flags = R_HISTORIC if hist else 0
        if j.flags & at.J_AFTER_BAD or doubt:
            flags |= R_UNCERTAIN
        n = _set_active(
            judge, k, p, active, value, time, onset, flags, table, out, n, row, phase, first,
            _TIMERS | j.ordinal, sensor, site,
        )  # fmt: skip


@kernel
def refresh(judge, deadline, due, band, next_due, k, p):
    """Recompute the calm band and the earliest due of instance k after it was touched.

    While nothing but raises by high limits pends, the band is where all of them go on pending: a
    value in it before their deadlines only becomes the held value (`_goes_on`).
    """
    j = judge[k]
    next_due[k] = min(_next_timer(j, deadline, due, k, True), j.shelf)
    band[k, 0], band[k, 1] = np.inf, -np.inf
    if j.clearing or j.flags & (at.J_UNKNOWN | at.J_AFTER_BAD | at.J_HIST):
        return
    low, high = -np.inf, np.inf
    for level in range(p.used):
        bit = 1 << level
        if j.raising & bit:
            if p.low[level] != -np.inf:
                return
            low = max(low, p.high[level])
        elif not j.active & bit:
            low, high = max(low, p.low[level]), min(high, p.high[level])
        elif j.side == 0 and p.clear_high[level] != np.inf:
            low = max(low, p.clear_high[level])
        elif p.clear_low[level] != -np.inf:
            high = min(high, p.clear_low[level])
        else:
            return
    for level in range(p.used, 4):
        if j.active & (1 << level):
            return
    band[k, 0], band[k, 1] = low, high


@kernel
def _goes_on(judge, deadline, held, k, x, t):
    """Whether a good value within the band changes nothing but what pending raises hold."""
    j = judge[k]
    pending, level = j.raising, 0
    while pending:
        if pending & 1:
            if deadline[k, level] <= t:
                return False
            held[k, level] = x
        pending >>= 1
        level += 1
    j.doubt &= ~j.raising
    return True


@kernel
def go_stale(judge, k, hist, table, out, n, row, phase, key, sensor, site, time):
    """The subject of instance k is silent: nothing clears by that, and the alarm is unknown."""
    j = judge[k]
    j.clearing = 0
    if j.flags & at.J_UNKNOWN:
        return n
    j.flags |= at.J_UNKNOWN
    return transit(
        judge, k, _UNKNOWN, j.level, table, out, n, row, phase, key, _STALE_FIRST | j.ordinal,
        sensor, site, time, np.nan, np.nan, R_HISTORIC if hist else 0, j.onset,
    )  # fmt: skip


@kernel
def become_known(judge, k, flags, table, out, n, row, key, sensor, site, time):
    """The subject of instance k is heard again."""
    j = judge[k]
    j.flags &= ~at.J_UNKNOWN
    return transit(
        judge, k, _KNOWN, j.level, table, out, n, row, PHASE_SAMPLE, key, _TIMERS | j.ordinal,
        sensor, site, time, np.nan, np.nan, flags, j.onset,
    )  # fmt: skip


@kernel
def catch_up(judge, k, table, out, n, row, phase, key, order, sensor, site, time):
    """The backlog of instance k's subject is over: what stands from it is annunciated as actual."""
    j = judge[k]
    j.flags &= ~at.J_HIST
    if not j.flags & at.J_MARK:
        return n
    j.flags &= ~at.J_MARK
    if j.level == 0:
        return n
    return transit(
        judge, k, _ACTUAL, j.level, table, out, n, row, phase, key, order | j.ordinal, sensor,
        site, time, np.nan, np.nan, 0, j.onset,
    )  # fmt: skip


@kernel
def _row_instance(
    i, r, k, x, style, judge, params, deadline, due, held, band, next_due, by_timer, grace, table, out,
    n, site,
):  # fmt: skip
    """Phases 1 and 2 of one row for one instance of a measured kind."""
    j = judge[k]
    p = params[j.param]
    s = r.sensor
    hist = (j.flags & at.J_HIST) != 0 or (r.flags & at.ROW_HISTORIC) != 0
    if r.flags & at.ROW_STALE:
        n = fire_until(
            judge, deadline, due, held, k, p, r.stale_deadline - 1, False, hist, table, out, n, i,
            PHASE_TIMER, s, site,
        )  # fmt: skip
        n = go_stale(
            judge, k, hist, table, out, n, i, PHASE_TIMER, r.stale_deadline, s, site,
            r.stale_deadline,
        )  # fmt: skip
    if j.raising or j.clearing:
        n = fire_until(
            judge,
            deadline,
            due,
            held,
            k,
            p,
            r.time,
            False,
            hist,
            table,
            out,
            n,
            i,
            PHASE_TIMER,
            s,
            site,
        )
    if r.flags & at.ROW_HISTORIC:
        j.flags |= at.J_HIST
    if r.verdict == at.BAD:
        j.clearing = 0
        j.flags |= at.J_AFTER_BAD
        refresh(judge, deadline, due, band, next_due, k, p)
        return n
    flags = R_HISTORIC if r.flags & at.ROW_HISTORIC else 0
    j.flags &= ~at.J_AFTER_BAD
    if j.flags & at.J_UNKNOWN and r.verdict != at.TWIN:
        n = become_known(judge, k, flags, table, out, n, i, 0, s, site, r.time)
    if r.verdict != at.GOOD:
        flags |= R_UNCERTAIN
    if x == x:
        n = judge_value(
            judge, deadline, due, held, k, p, x, r.verdict == at.GOOD, r.time, r.lag + grace, by_timer,
            flags, table, out, n, i, PHASE_SAMPLE, 0, _TIMERS | j.ordinal, s, site,
        )  # fmt: skip
    if r.flags & at.ROW_CAUGHT_UP or (
        j.flags & at.J_HIST and not r.flags & at.ROW_HISTORIC and r.verdict != at.TWIN
    ):
        n = catch_up(judge, k, table, out, n, i, PHASE_SAMPLE, 0, _TIMERS, s, site, r.time)
    refresh(judge, deadline, due, band, next_due, k, p)
    return n


@kernel
def _boolean(
    k, on, judge, params, deadline, due, held, band, next_due, flags, table, out, n, row, phase, key,
    order, sensor, site, time, x,
):  # fmt: skip
    """A yes/no measure (staleness, clock) reaches instance k."""
    j = judge[k]
    n = judge_value(
        judge, deadline, due, held, k, params[j.param], x if on else 0.0, True, time, 0, False, flags,
        table, out, n, row, phase, key, order | j.ordinal, sensor, site,
    )  # fmt: skip
    refresh(judge, deadline, due, band, next_due, k, params[j.param])
    return n


@kernel
def _silent(
    k, heard, hist, judge, params, deadline, due, held, band, next_due, at_link, tally, table, out, n,
    row, phase, key, sensor, site, time,
):  # fmt: skip
    """STALE reaches instance k of a stale rule: its own alarm, or one of its link's."""
    flags = R_HISTORIC if hist else 0
    x = 1.0
    if heard != at.ITS_OWN:
        if heard == at.NEVER_HEARD:
            judge[k].flags |= at.J_COUNTED
            k = at_link[k, 0]
        else:
            judge[k].flags |= at.J_BY_LINK
            k = at_link[k, 1]
        tally[k, 1] += 1
        x = np.float64(tally[k, 0])
    return _boolean(
        k, True, judge, params, deadline, due, held, band, next_due, flags, table, out, n, row, phase,
        key, _STALE_FIRST, sensor, site, time, x,
    )  # fmt: skip


@kernel
def _uncounted(
    k, again, hist, judge, params, deadline, due, held, band, next_due, at_link, tally, table, out, n,
    row, key, sensor, site, time,
):  # fmt: skip
    """The silence of instance k's sensor is not counted any more at its link (`again`: at the link
    itself, else at those never heard); with the last one the link's alarm returns."""
    link, mark = at_link[k, again], at.J_BY_LINK if again else at.J_COUNTED
    if judge[k].flags & mark:
        judge[k].flags &= ~mark
        tally[link, 1] -= 1
    if tally[link, 1] == 0 and judge[link].active:
        n = _boolean(
                link, False, judge, params, deadline, due, held, band, next_due,
                R_HISTORIC if hist else 0, table, out, n, row, PHASE_SAMPLE, key, _TIMERS, sensor, site,
                time, 0.0,
            )  # fmt: skip
    return n


@kernel
def _audible(
    k, first, hist, judge, params, deadline, due, held, band, next_due, at_link, tally, table, out, n,
    row, key, sensor, site, time,
):  # fmt: skip
    """Fresh reaches instance k of a stale rule."""
    flags = R_HISTORIC if hist else 0
    if first:
        tally[at_link[k, 0], 0] -= 1
    for again in range(2):
        n = _uncounted(
            k, again, hist, judge, params, deadline, due, held, band, next_due, at_link, tally, table,
            out, n, row, key, sensor, site, time,
        )  # fmt: skip
    if judge[k].active:
        n = _boolean(
            k, False, judge, params, deadline, due, held, band, next_due, flags, table, out, n, row,
            PHASE_SAMPLE, key, _TIMERS, sensor, site, time, 0.0,
        )  # fmt: skip
    return n


@kernel
def tick_events(
    first, last, events, ptr, style, judge, params, deadline, due, held, band, next_due, at_link, tally,
    cold, table, out, n, phase,
):  # fmt: skip
    """Sensor events first..last of one tick reach the instances of one kind."""
    for m in range(first, last):
        e = events[m]
        s = e.sensor
        site = cold[s].site
        for k in range(ptr[s], ptr[s + 1]):
            p = params[judge[k].param]
            hist = (judge[k].flags & at.J_HIST) != 0
            if e.code == at.EV_STALE and style == MEASURED:
                n = fire_until(
                    judge, deadline, due, held, k, p, e.due - 1, True, hist, table, out, n, e.row,
                    phase, s, site,
                )  # fmt: skip
                n = go_stale(
                    judge, k, e.historic, table, out, n, e.row, phase, e.due, s, site, e.time
                )
            elif e.code == at.EV_STALE and style == STALENESS:
                # A shelf of the alarm that is about to be raised may have ended before.
                o = (
                    k
                    if e.heard == at.ITS_OWN
                    else at_link[k, 0 if e.heard == at.NEVER_HEARD else 1]
                )
                n = fire_until(
                    judge, deadline, due, held, o, params[judge[o].param], e.due - 1, True,
                    (judge[o].flags & at.J_HIST) != 0, table, out, n, e.row, phase,
                    judge[o].sensor, site,
                )  # fmt: skip
                n = _silent(
                    k, e.heard, e.historic, judge, params, deadline, due, held, band, next_due, at_link,
                    tally, table, out, n, e.row, phase, e.due, s, site, e.time,
                )  # fmt: skip
                if judge[o].shelf <= e.due:
                    n = fire_until(
                        judge, deadline, due, held, o, params[judge[o].param], e.due, True,
                        (judge[o].flags & at.J_HIST) != 0, table, out, n, e.row, phase,
                        judge[o].sensor, site, e.due,
                    )  # fmt: skip
                    refresh(judge, deadline, due, band, next_due, o, params[judge[o].param])
            elif e.code == at.EV_CAUGHT_UP:
                n = fire_until(
                    judge, deadline, due, held, k, p, e.due - 1, True, hist, table, out, n, e.row, phase,
                    s, site,
                )  # fmt: skip
                n = catch_up(
                    judge, k, table, out, n, e.row, phase, e.due, _CAUGHT_UP_NEXT, s, site, e.time
                )
            refresh(judge, deadline, due, band, next_due, k, p)
    return n


@kernel
def link_fresh(
    e,
    r,
    ptr,
    style,
    judge,
    params,
    deadline,
    due,
    held,
    band,
    next_due,
    at_link,
    tally,
    cold,
    table,
    out,
    n,
):
    """A link speaks again: its `event` sensors are known again, and it is not silent itself."""
    s = e.sensor
    site = cold[s].site
    for k in range(ptr[s], ptr[s + 1]):
        if e.code == at.EV_LINK_BACK:
            if style == STALENESS:
                n = _uncounted(
                    k, 1, e.historic, judge, params, deadline, due, held, band, next_due, at_link, tally,
                    table, out, n, e.row, e.due, s, site, e.time,
                )  # fmt: skip
        elif style == MEASURED and judge[k].flags & at.J_UNKNOWN:
            if r.sensor == s:  # the row's own timers come before the link is heard
                hist = (judge[k].flags & at.J_HIST) != 0 or (r.flags & at.ROW_HISTORIC) != 0
                n = fire_until(
                    judge, deadline, due, held, k, params[judge[k].param], r.time, False, hist,
                    table, out, n, e.row, PHASE_TIMER, s, site,
                )  # fmt: skip
            flags = R_HISTORIC if e.historic else 0
            n = become_known(judge, k, flags, table, out, n, e.row, e.due, s, site, e.time)
            refresh(judge, deadline, due, band, next_due, k, params[judge[k].param])
        elif style == STALENESS:
            n = _audible(
                k, False, e.historic, judge, params, deadline, due, held, band, next_due, at_link, tally,
                table, out, n, e.row, e.due, s, site, e.time,
            )  # fmt: skip
    return n


@kernel
def _row_quality_instance(
    i, r, k, style, judge, params, deadline, due, held, band, next_due, at_link, tally, table, out, n,
    site,
):  # fmt: skip
    """Phases 1 and 2 of one row for one instance of a stale or clock rule."""
    hist = (judge[k].flags & at.J_HIST) != 0 or (r.flags & at.ROW_HISTORIC) != 0
    now = (r.flags & at.ROW_HISTORIC) != 0
    s = r.sensor
    if style == STALENESS:
        if r.flags & at.ROW_STALE:
            n = _silent(
                k, at.ITS_OWN, hist, judge, params, deadline, due, held, band, next_due, at_link, tally,
                table, out, n, i, PHASE_TIMER, r.stale_deadline, s, site, r.stale_deadline,
            )  # fmt: skip
        if r.flags & at.ROW_FRESH:
            n = _audible(
                k, r.flags & at.ROW_FIRST, now, judge, params, deadline, due, held, band, next_due,
                at_link, tally, table, out, n, i, 0, s, site, r.time,
            )  # fmt: skip
    elif r.flags & (at.ROW_CLOCK_SET | at.ROW_CLOCK_AGREES):
        n = _boolean(
            k, r.flags & at.ROW_CLOCK_SET, judge, params, deadline, due, held, band, next_due,
            R_HISTORIC if now else 0, table, out, n, i, PHASE_SAMPLE, 0, _TIMERS, s, site, r.time,
            1.0,
        )  # fmt: skip
    if now:
        judge[k].flags |= at.J_HIST
    if r.flags & at.ROW_CAUGHT_UP:
        n = catch_up(judge, k, table, out, n, i, PHASE_SAMPLE, 0, _TIMERS, s, site, r.time)
    return n


@kernel
def fire_all(
    w,
    row,
    members,
    ptr,
    judge,
    params,
    deadline,
    due,
    held,
    band,
    next_due,
    cold,
    table,
    out,
    n,
    phase,
):
    """Fire every timer due at tick w of the instances on `members`; (emissions, next bound)."""
    bound = NEVER
    for s in members:
        for k in range(ptr[s], ptr[s + 1]):
            if next_due[k] <= w:
                p = params[judge[k].param]
                hist = (judge[k].flags & at.J_HIST) != 0
                n = fire_until(
                    judge, deadline, due, held, k, p, w, True, hist, table, out, n, row, phase, s,
                    cold[s].site,
                )  # fmt: skip
                refresh(judge, deadline, due, band, next_due, k, p)
            bound = min(bound, next_due[k])
    return n, bound


@kernel
def fire_due(
    w, first, last, guard, judge, params, deadline, due, held, band, next_due, cold, table, out, n,
):  # fmt: skip
    """Fire every timer due at tick w of the instances `first`..`last`; (emissions, next bound, room needed).

    Where `out` may not hold all of it nothing is done, and the room is told; else that is 0.
    """
    count, bound = 0, NEVER
    for k in range(first, last):
        if next_due[k] <= w:
            count += 1
        else:
            bound = min(bound, next_due[k])
    need = count * EMISSIONS_PER_INSTANCE
    if n + need > out.size:
        return n, bound, need
    k = first
    while count > 0:
        if next_due[k] <= w:
            count -= 1
            j = judge[k]
            s, p = j.sensor, params[j.param]
            n = fire_until(
                judge, deadline, due, held, k, p, w, True, (j.flags & at.J_HIST) != 0, table, out, n, 0,
                PHASE_TICK, s, cold[s].site,
            )  # fmt: skip
            refresh(judge, deadline, due, band, next_due, k, p)
            bound = min(bound, next_due[k])
            if guard.shape[0]:
                guard[s, 0], guard[s, 1] = np.inf, -np.inf
        k += 1
    return n, bound, 0


@kernel
def guard_of(s, ptr, band, guard, next_due, judge):
    """The guard of a sensor: the intersection of its instances' bands."""
    low, high = -np.inf, np.inf
    for k in range(ptr[s], ptr[s + 1]):
        if next_due[k] != NEVER and judge[k].raising:
            low, high = np.inf, -np.inf  # what pends must see every value
            break
        low, high = max(low, band[k, 0]), min(high, band[k, 1])
    guard[s, 0], guard[s, 1] = low, high


@kernel
def _calm_by_guard(i, stop, rows, ptr, guard, judge, deadline, due, held):
    """The first row from i on, before `stop`, that is not a good one within its sensor's guard.

    This and the next two are functions of their own so that their few arrays stay in registers.
    """
    while i < stop:
        if i + AHEAD < rows.size:
            prefetch(guard, rows[i + AHEAD].sensor, 0)
            r = rows[i + AHEAD // 2]
            if not (guard[r.sensor, 0] < r.value and r.value < guard[r.sensor, 1]):
                k = ptr[r.sensor]  # it will be judged: what that needs lies all over memory
                if k < judge.size:
                    prefetch(judge, k, 0)
                    prefetch(judge, k, 1)
                    prefetch(deadline, k, 0)
                    prefetch(due, k, 0)
                    prefetch(held, k, 0)
        r = rows[i]
        if r.verdict != at.SKIP:
            if r.verdict != at.GOOD or r.flags != 0:
                return i
            if not (guard[r.sensor, 0] < r.value and r.value < guard[r.sensor, 1]):
                return i
        i += 1
    return i


@kernel
def _calm_by_band(i, stop, rows, ptr, measure, m, band, next_due):
    """The first row from i on, before `stop`, that is not a good one whose measures (from m on) all lie in the
    bands of instances with nothing pending; and where its measures begin.

    A measure that is not valid (NaN) moves nothing either where the band is not empty.
    """
    while i < stop:
        if i + AHEAD < rows.size:
            q = ptr[rows[i + AHEAD].sensor]
            if q < band.shape[0]:
                prefetch(band, q, 0)
                prefetch(next_due, q, 0)
        r = rows[i]
        if r.verdict != at.SKIP:
            if r.verdict != at.GOOD or r.flags != 0:
                return i, m
            first = ptr[r.sensor]
            count = ptr[r.sensor + 1] - first
            for q in range(count):
                x, k = measure[m + q], first + q
                low, high = band[k, 0], band[k, 1]
                if x <= low or x >= high or low >= high or next_due[k] != NEVER:
                    return i, m
            m += count
        i += 1
    return i, m


@kernel
def _unmarked(i, stop, rows):
    """The first row from i on, before `stop`, that has a flag."""
    while i < stop and (rows[i].verdict == at.SKIP or rows[i].flags == 0):
        i += 1
    return i


@kernel
def judge_rows(
    start, rows, row_w, events, n_events, event, measure, m, style, ptr, guard, judge, params,
    deadline, due, held, band, next_due, at_link, tally, flag, cold, site_bound, site_ptr, site_member,
    table, out, n, bound,
):  # fmt: skip
    """One kind over rows `start`..; returns (row, event, measure offset, emissions, bound).

    `measure` is empty for the identity measure, else one value per (row, instance), NaN where
    invalid. `row_w` is empty unless self-clocked. `site_bound` is the kind's lower bound of due
    per site (self-clocked only); `bound` that of the partition. Stops early where `out` may not
    hold what one more row can emit; the caller enlarges it and goes on.
    """
    identity = style == MEASURED and measure.size == 0
    clocked = row_w.size > 0
    room = out.size
    i = start
    while i < rows.size:
        stop = events[event].row if event < n_events else rows.size
        if clocked and stop > i:  # no further than its site's next tick
            ticks = row_w[i] != NO_TIME and site_bound[cold[rows[i].sensor].site] <= row_w[i]
            stop = i if ticks else i + 1
        before = i
        if identity:
            i = _calm_by_guard(i, stop, rows, ptr, guard, judge, deadline, due, held)
        elif style == MEASURED:
            i, m = _calm_by_band(i, stop, rows, ptr, measure, m, band, next_due)
        else:
            i = _unmarked(i, stop, rows)
        if i == rows.size or (clocked and i > before):
            continue
        r = rows[i]
        s = r.sensor
        site = cold[s].site if 0 <= s < flag.size else 0
        need = (ptr[s + 1] - ptr[s] + 2) * EMISSIONS_PER_INSTANCE if 0 <= s < flag.size else 0
        last = event
        while last < n_events and events[last].row == i:
            e = events[last]
            if clocked and e.code == at.EV_STALE and style == STALENESS:
                site_bound[site] = NO_TIME  # what a tick raises may set timers, its link's too
            need += (ptr[e.sensor + 1] - ptr[e.sensor] + 2) * EMISSIONS_PER_INSTANCE
            last += 1
        fires = clocked and row_w[i] != NO_TIME and site_bound[site] <= row_w[i]
        members = site_member[site_ptr[site] : site_ptr[site + 1]]
        if fires:
            for o in members:
                need += (ptr[o + 1] - ptr[o]) * EMISSIONS_PER_INSTANCE
        if n + need > room:
            return i, event, m, n, bound, need
        first = event
        while event < last and events[event].code < at.EV_LINK_FRESH:
            event += 1
        if event > first:
            n = tick_events(
                first, event, events, ptr, style, judge, params, deadline, due, held, band, next_due,
                at_link, tally, cold, table, out, n, PHASE_TICK,
            )  # fmt: skip
            if identity:
                for q in range(first, event):
                    guard_of(events[q].sensor, ptr, band, guard, next_due, judge)
        if fires:
            n, site_bound[site] = fire_all(
                row_w[i], i, members, ptr, judge, params, deadline, due, held, band, next_due, cold,
                table, out, n, PHASE_TICK,
            )  # fmt: skip
            if identity:
                for o in members:
                    guard_of(o, ptr, band, guard, next_due, judge)
        while event < last:
            n = link_fresh(
                events[event], r, ptr, style, judge, params, deadline, due, held, band, next_due,
                at_link, tally, cold, table, out, n,
            )  # fmt: skip
            event += 1
        if r.verdict == at.SKIP:
            i += 1
            continue
        by_timer = (flag[s] & (at.ON_CHANGE | at.BY_EVENT)) != 0
        lowest, touched = NEVER, False
        plain = r.verdict == at.GOOD and r.flags == 0
        for k in range(ptr[s], ptr[s + 1]):
            if style == MEASURED:
                x = r.value
                if not identity:
                    x = measure[m]
                    m += 1
                calm = plain and band[k, 0] < x and x < band[k, 1]
                if not calm or (
                    next_due[k] != NEVER and not _goes_on(judge, deadline, held, k, x, r.time)
                ):
                    touched = True
                    n = _row_instance(
                        i, r, k, x, style, judge, params, deadline, due, held, band, next_due, by_timer,
                        cold[s].grace, table, out, n, site,
                    )  # fmt: skip
            else:
                n = _row_quality_instance(
                    i, r, k, style, judge, params, deadline, due, held, band, next_due, at_link, tally,
                    table, out, n, site,
                )  # fmt: skip
                touched = True
            if touched:
                lowest = min(lowest, next_due[k])
        if lowest < bound:
            bound = lowest
        if clocked and lowest < site_bound[site]:
            site_bound[site] = lowest
        if identity and touched:
            guard_of(s, ptr, band, guard, next_due, judge)
        i += 1
    return i, event, m, n, bound, 0


@kernel
def shift_instances(gap, judge, params, deadline, due, band, next_due):
    """The engine was blind: timers move by `gap`, pending clears are cancelled, shelves stay."""
    for k in range(judge.size):
        j = judge[k]
        if not (j.raising or j.clearing):
            continue
        j.clearing = 0
        for level in range(4):
            if j.raising & (1 << level):
                due[k, level] += gap
        refresh(judge, deadline, due, band, next_due, k, params[j.param])


@kernel
def refresh_all(judge, params, deadline, due, band, next_due):
    """Bands and dues of every instance, after a change of configuration."""
    for k in range(judge.size):
        refresh(judge, deadline, due, band, next_due, k, params[judge[k].param])
