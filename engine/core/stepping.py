"""The passes of a step over one state: sense, then each kind once over the whole Frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import layout as at
from ..alarm_table import Event
from ..band_kernels import refresh_all, shift_instances
from ..emission_kernels import number, order_of
from ..errors import InvariantError
from ..frame import Frame, Int64
from ..judge_kernels import (
    EMISSIONS_PER_INSTANCE,
    PHASE_TICK,
    fire_due,
    judge_rows,
    tick_events,
)
from ..kinds import MEASURED
from ..plan import Plan
from ..sensing_kernels import COUNTERS, sense, sense_clocked, sense_tick, shift_dues
from ..transit_kernels import transit
from . import first_out
from .grouping import GroupScratch, Stage
from .state import KindState, State, Struct

_RAW = np.dtype((np.void, at.EMISSION.itemsize))
_NO_MEASURE = np.empty(0)
_NO_WALL = np.empty(0, np.int64)
_NO_ROWS: Struct = np.zeros(0, at.ROW)
_START = 256


class Scratch:
    """Buffers of a step that are kept between steps; they grow and hold no state."""

    def __init__(self) -> None:
        self.rows: Struct = np.zeros(_START, at.ROW)
        self.row_w = np.zeros(_START, np.int64)
        self.events: Struct = np.zeros(_START, at.SENSOR_EVENT)
        self.out: Struct = np.zeros(_START, at.EMISSION)
        self.measure = np.zeros(_START)
        self.places, self.room = np.zeros(_START, np.int32), np.zeros(_START, np.int32)
        self.group = GroupScratch()

    def fit(self, rows: int) -> None:
        """Room for a Frame of `rows` rows."""
        if len(self.rows) < rows:
            self.rows = np.zeros(rows, at.ROW)
            self.row_w = np.zeros(rows, np.int64)

    def more_events(self, least: int, kept: int = 0) -> None:
        """More room for sensor events; the first `kept` stay."""
        self.events = _grown(self.events, least, kept)

    def more_out(self, least: int, kept: int = 0) -> None:
        """More room for emissions; the first `kept` stay."""
        self.out = _grown(self.out, least, kept)


def _grown(array: Struct, least: int, kept: int) -> Struct:
    bigger = np.empty(max(2 * len(array), least), array.dtype)  # what counts is written first
    whole = np.dtype((np.void, array.itemsize))  # numpy copies a struct field by field
    bigger.view(whole)[:kept] = array.view(whole)[:kept]
    return bigger


def samples(
    state: State,
    scratch: Scratch,
    table: Any,
    count: Int64,
    frame: Frame,
    received: int,
    appended: int,
) -> int:
    """A samples entry; returns the number of emissions in `scratch.out`."""
    rows, plan = len(frame), state.plan
    scratch.fit(rows)
    row, events, marked = 0, 0, False
    while True:
        row, events, state.bound, odd = sense(
            frame.time, frame.value, frame.value.view(np.int64), frame.quality, frame.sensor,
            received, appended, row, state.hot, state.hot_bits, state.cold,
            state.cold_bits, state.flag, state.link, plan.link_ptr, plan.link_member,
            state.timed, scratch.rows, scratch.events, events, count, state.bound,
        )  # fmt: skip
        marked = marked or odd
        if row == rows:
            break
        scratch.more_events(events + len(plan.link_member) + 8, events)
    return _judge(state, scratch, table, rows, _NO_WALL, events, marked)


def samples_clocked(state: State, scratch: Scratch, table: Any, count: Int64, frame: Frame) -> int:
    """A self-clocked samples entry; returns the number of emissions."""
    rows, plan = len(frame), state.plan
    scratch.fit(rows)
    row, events = 0, 0
    while True:
        row, events = sense_clocked(
            frame.time, frame.value, frame.value.view(np.int64), frame.quality, frame.sensor, row,
            state.hot, state.hot_bits, state.cold, state.cold_bits,
            state.flag, state.link, plan.link_ptr, plan.link_member, state.site, plan.site_ptr,
            plan.site_member, plan.site_link_ptr, plan.site_link, scratch.rows, scratch.row_w,
            scratch.events, events, count,
        )  # fmt: skip
        if row == rows:
            break
        scratch.more_events(events + 2 * plan.subjects + 2 * len(plan.link_member) + 8, events)
    return _judge(state, scratch, table, rows, scratch.row_w[:rows], events, True)


def _judge(
    state: State,
    scratch: Scratch,
    table: Any,
    n_rows: int,
    row_w: Int64,
    n_events: int,
    marked: bool,
) -> int:
    """`marked`: whether a row may have a flag, or a tick of its site."""
    rows, emitted = scratch.rows[:n_rows], 0
    for kind in state.kinds:
        if marked or n_events or kind.plan.kind.style == MEASURED:
            emitted = _judge_kind(state, scratch, table, kind, rows, row_w, n_events, emitted)
    if state.grouped:
        stage = Stage(state, scratch, table, rows, row_w, emitted)
        stage.hear_rows(scratch.events[:n_events])
        emitted = stage.judge()
    return emitted


def _measured(
    state: State, scratch: Scratch, kind: KindState, rows: Struct
) -> np.ndarray[Any, Any]:
    """The measure of every (row, instance) of a windowed kind."""
    plan = kind.plan
    if not plan.kind.kernels:
        return _NO_MEASURE
    need = len(rows) * plan.most
    if len(scratch.measure) < need + 1:
        scratch.measure = np.zeros(2 * need + 1)
    kind.measure(
        rows,
        plan.ptr,
        plan.first,
        state.plan.param,
        state.plan.options,
        kind.rings,
        scratch.measure,
        *(() if plan.beside is None else plan.beside.arrays()),
    )
    # One place more than needed, so that "no instance" is not mistaken for the identity.
    return scratch.measure[: need + 1]


def _judge_kind(
    state: State,
    scratch: Scratch,
    table: Any,
    kind: KindState,
    rows: Struct,
    row_w: Int64,
    n_events: int,
    n: int,
) -> int:
    plan = state.plan
    measure = _measured(state, scratch, kind, rows)
    row = event = m = 0
    while True:
        row, event, m, n, kind.bound, need = judge_rows(
            row, rows, row_w, scratch.events, n_events, event, measure, m, kind.plan.kind.style,
            kind.plan.ptr, kind.guard, state.judge, plan.params, state.pending,
            state.band, state.next_due, plan.at_link, state.tally, state.flag, state.cold,
            kind.site_bound, plan.site_ptr, plan.site_member, table, scratch.out, n, kind.bound,
        )  # fmt: skip
        if row == len(rows):
            return int(n)
        scratch.more_out(n + need, n)


def tick(
    state: State,
    scratch: Scratch,
    table: Any,
    wall: int,
    moved: bool,
    resumed: bool = False,
    gap_s: float | None = None,
) -> int:
    """A partition tick at `wall`; `moved` says whether it lies after the last one, `resumed` whether the
    engine was blind until now, `gap_s` for how long (0: it was not; None: that is not asked yet)."""
    plan = state.plan
    n_events = 0
    if state.unarmed or (moved and state.bound <= wall):
        need = 2 * plan.subjects + len(plan.link_member) + 8
        if len(scratch.events) < need:
            scratch.more_events(need)
        n_events, state.bound = sense_tick(
            wall, 0, plan.every_sensor, state.timed, state.hot, state.cold, state.flag,
            state.link, plan.link_ptr, plan.link_member, state.unarmed, scratch.events, 0,
        )  # fmt: skip
        if state.unarmed:
            state.unarmed = False
            state.site[:, 2] = 0
    n = 0
    for kind in state.kinds:
        n = _tick_kind(state, scratch, table, kind, wall, moved, n_events, n)
    if state.grouped and (n or n_events or moved or gap_s is not None):
        stage = Stage(state, scratch, table, _NO_ROWS, _NO_WALL, n)
        stage.hear_tick(scratch.events[:n_events])
        if resumed:
            stage.again(wall, wall)
        if gap_s is not None:
            stage.passed(wall, gap_s)
        n = stage.judge(wall if moved else None)
    return n


def configured(state: State, scratch: Scratch, table: Any, now: int) -> int:
    """The groups of a new configuration, judged as things stand at `now`; returns the emissions."""
    if not state.grouped:
        return 0
    stage = Stage(state, scratch, table, _NO_ROWS, _NO_WALL, 0)
    stage.presence_of_all(now)
    stage.again(now, 0)
    return stage.judge()


def _tick_kind(
    state: State,
    scratch: Scratch,
    table: Any,
    kind: KindState,
    wall: int,
    moved: bool,
    n_events: int,
    n: int,
) -> int:
    plan, ptr = state.plan, kind.plan.ptr
    if n_events:
        who = scratch.events["sensor"][:n_events]
        need = int((ptr[who + 1] - ptr[who] + 2).sum()) * EMISSIONS_PER_INSTANCE
        if len(scratch.out) < n + need:
            scratch.more_out(n + need, n)
        n = tick_events(
            0, n_events, scratch.events, ptr, kind.plan.kind.style, state.judge, plan.params,
            state.pending, state.band, state.next_due, plan.at_link, state.tally,
            state.cold, table, scratch.out, n, PHASE_TICK,
        )  # fmt: skip
        if len(kind.guard):
            kind.guard[who] = (np.inf, -np.inf)
        kind.bound = at.NO_TIME  # what a tick raises may set timers of its own
    need = int(moved and kind.bound <= wall)
    while need:
        n, kind.bound, need = fire_due(
            wall, kind.plan.first, kind.plan.last, kind.guard, state.judge, plan.params, state.pending,
            state.band, state.next_due, state.cold, table, scratch.out, n,
        )  # fmt: skip
        if need:
            scratch.more_out(n + need, n)
    return int(n)


def shift(state: State, gap: int) -> None:
    """The engine was blind for `gap` ns: dues move, pending clears are cancelled."""
    shift_dues(gap, state.hot, state.cold, state.flag, state.link)
    shift_instances(gap, state.judge, state.plan.params, state.pending, state.band, state.next_due)
    for kind in state.every_kind():
        kind.guard[:] = (np.inf, -np.inf)
    state.forget_bounds()


def refresh(state: State) -> None:
    """Bands, dues and bounds after a new configuration."""
    refresh_all(state.judge, state.plan.params, state.pending, state.band, state.next_due)
    state.forget_bounds()
    for kind in state.every_kind():  # known here, so the first tick need not look
        mine = state.next_due[kind.plan.first : kind.plan.last]
        kind.bound = int(mine.min(initial=at.NEVER))


def ordered(scratch: Scratch, n: int) -> Struct:
    """The first n emissions in the order in which their records are numbered.

    Raises InvariantError where one asks for a cell of the alarm table that cannot happen.
    """
    out = scratch.out[:n]
    if n == 0:
        return out
    if len(scratch.places) < n:
        scratch.places, scratch.room = (np.zeros(len(scratch.out), np.int32) for _ in range(2))
    if not order_of(out, scratch.places, scratch.room):
        raise InvariantError("the alarm table was asked for a cell that cannot happen")
    # As raw bytes, since numpy copies a struct field by field.
    return out.view(_RAW)[scratch.places[:n]].view(at.EMISSION)


def numbered(out: Struct, state: State) -> Struct:
    """The numbers of each record, in order; seq and episode are given here."""
    plan = state.plan
    numbers = np.zeros(len(out), at.NUMBERS)
    number(out, state.judge, state.seq, numbers, plan.param, plan.scale)
    first_out.mark(out, numbers, state)
    return numbers


def gone_by_reason(old: State, plan: Plan, gone: Int64) -> list[tuple[str, Int64]]:
    """Old instances that stand and are gone, in runs of one reason, by (subject, ordinal)."""
    standing = gone[old.judge["state"][gone] != 0]
    if not len(standing):
        return []
    subject, rule = old.plan.subject[standing], old.plan.rule[standing]
    ids = {r.id for r in plan.configuration.rules}
    sensors = len(old.plan.configuration.sensors)

    def reason(s: int, r: int) -> str:
        if s < sensors and plan.configuration.sensors[s].retired:
            return "sensor removed"
        known = old.plan.configuration.rules[r].id in ids
        return "selection changed" if known else "rule removed"

    order = np.lexsort((rule, subject))
    runs: list[tuple[str, list[int]]] = []
    for i in order.tolist():
        why = reason(int(subject[i]), int(rule[i]))
        if not runs or runs[-1][0] != why:
            runs.append((why, []))
        runs[-1][1].append(int(standing[i]))
    return [(why, np.array(found, np.int64)) for why, found in runs]


def withdraw(old: State, scratch: Scratch, table: Any, instances: Int64, now: int) -> int:
    """The alarms of `instances` are withdrawn, in their order; returns the emissions."""
    scratch.more_out(len(instances))
    n = 0
    for place, k in enumerate(instances.tolist()):
        subject = int(old.plan.subject[k])
        old.judge["active"][k] = 0
        n = transit(
            old.judge, k, int(Event.WITHDRAW), 0, table, scratch.out, n, place, 0, 0, 0, subject,
            old.plan.site_of(subject), now, np.nan, np.nan, 0, int(old.judge["onset"][k]),
        )  # fmt: skip
    return n


Progress = Callable[[str, int, int], None]
__all__ = ["COUNTERS", "MEASURED", "Progress", "Scratch"]
