"""Emissions in the order of their records, and the numbers that the records get."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"
from __future__ import annotations

import numpy as np

from . import layout as at
from .alarm_table import IMPOSSIBLE
from .kernel import inlined, kernel
from .prefetch import AHEAD, prefetch
from .record import AlarmState

_NORMAL = int(AlarmState.NORMAL)
_RUN = 8  # so many are put in order one by one


@inlined
def _before(a, b):
    """Whether emission a comes before b: by row, phase, key, sensor and order."""
    if a.row != b.row:
        return a.row < b.row
    if a.phase != b.phase:
        return a.phase < b.phase
    if a.key != b.key:
        return a.key < b.key
    if a.sensor != b.sensor:
        return a.sensor < b.sensor
    return a.order < b.order


@kernel
def order_of(out, places, room):
    """The places of the emissions in order, into `places`; those that are equal stay as they came. Whether none asks
    for a cell of the alarm table that cannot happen.

    A merge sort: each kind gives its own nearly in order. `places` and `room` are int32, as long as `out`.
    """
    size, possible = out.size, True
    for start in range(0, size, _RUN):
        for i in range(start, min(start + _RUN, size)):
            possible &= out[i].transition != IMPOSSIBLE
            k = i
            while k > start and _before(out[i], out[places[k - 1]]):
                places[k] = places[k - 1]
                k -= 1
            places[k] = i
    width = _RUN
    while width < size:
        for start in range(0, size - width, 2 * width):
            _merge(out, places, room, start, start + width, min(start + 2 * width, size))
        width *= 2
    return possible


@kernel
def _merge(out, places, room, first, middle, end):
    """Merge places first..middle and middle..end, each in order."""
    if not _before(out[places[middle]], out[places[middle - 1]]):
        return
    for i in range(first, middle):
        room[i] = places[i]
    a, b, k = first, middle, first
    while a < middle:
        if b < end and _before(out[places[b]], out[room[a]]):
            places[k] = places[b]
            b += 1
        else:
            places[k] = room[a]
            a += 1
        k += 1


@kernel
def number(out, judge, seq, numbers, param, scale):
    """Give ordered emissions their seq and episode; `numbers` is what the chain hashes. Judged in canonical units,
    told in the unit that the rule's author wrote: by `scale` of the instance's `param`."""
    for i in range(out.size):
        if i + AHEAD < out.size:
            later = out[np.uintp(i + AHEAD)]
            prefetch(seq, later.site, 0)
            prefetch(judge, later.instance, 0)
            prefetch(judge, later.instance, 1)
        e = out[np.uintp(i)]
        j = judge[e.instance]
        seq[e.site] += 1
        if e.marks & at.E_OPENS:
            j.episode = seq[e.site]
        if e.marks & at.E_ROSE:
            j.loud = seq[e.site]
        r, unit = numbers[i], scale[param[e.instance]]
        r.seq, r.episode, r.onset, r.time, r.until = (
            seq[e.site],
            j.episode,
            e.onset,
            e.time,
            e.until,
        )
        r.value, r.limit, r.transition, r.flags = (
            e.value * unit, e.limit * unit, e.transition, e.flags,
        )  # fmt: skip
        r.level_before, r.level_after = e.level_before, e.level_after
        r.state_before, r.state_after = e.state_before, e.state_after
        if e.state_after == _NORMAL:
            j.episode = 0
            j.loud = 0
