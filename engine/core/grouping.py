"""The second stage of a step: groups, after the kinds of sensors, stage by stage.

Emissions of groups go behind those of sensors in `Scratch.out`; `stepping.ordered` puts them where they
belong, since a group's subject has a greater number than all that it hears.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import group_layout as of
from .. import layout as at
from ..frame import Int64
from ..group_kernels import (
    answered,
    asks,
    fire_groups,
    judge_groups,
    presence_items,
    rewind,
    tick_items,
    told,
    virtual,
)
from ..groups import Groups
from ..judge_kernels import EMISSIONS_PER_INSTANCE, PHASE_TICK
from ..kinds import OF_ROWS
from ..level import LEVEL_COUNT
from ..record import HISTORIC, UNCERTAIN
from .presence import SILENT
from .state import KindState, State, Struct

if TYPE_CHECKING:
    from .stepping import Scratch

_NO_ROWS: Struct = np.zeros(0, at.ROW)
_NO_WALL: Int64 = np.zeros(0, np.int64)
_MOST_ITEMS = 8


class GroupScratch:
    """Buffers of the second stage that are kept between steps; they grow and hold no state."""

    def __init__(self) -> None:
        self.items: Struct = np.zeros(64, of.ITEM)
        self.rows: Struct = np.zeros(64, at.ROW)
        self.origin = np.zeros(64, np.int32)
        self.signals: Struct = np.zeros(64, of.SIGNAL)
        self.told: dict[tuple[int, int], dict[str, str]] = {}

    def details(self, out: Struct) -> dict[int, dict[str, str]]:
        """By place in `out`: what kinds told of the moments at which a level changed; then all is forgotten."""
        if not self.told:
            return {}
        told, self.told = self.told, {}
        keys = zip(out["instance"].tolist(), out["row"].tolist(), strict=True)
        changes = (out["level_before"] != out["level_after"]).tolist()
        found = {place: told.get(key) for place, key in enumerate(keys) if changes[place]}
        return {place: words for place, words in found.items() if words is not None}

    def fit(self, virtual_rows: int) -> None:
        """Room for so many virtual rows."""
        if len(self.rows) < virtual_rows:
            self.rows = np.zeros(2 * virtual_rows, at.ROW)
            self.origin = np.zeros(2 * virtual_rows, np.int32)

    def room(self, signals: int) -> Struct:
        """Room for so many signals."""
        if len(self.signals) < signals:
            self.signals = np.zeros(2 * signals, of.SIGNAL)
        return self.signals


class Stage:
    """The second stage of one entry."""

    def __init__(
        self, state: State, scratch: Scratch, table: Any, rows: Struct, row_w: Int64, n: int
    ) -> None:
        self.state, self.scratch, self.table = state, scratch, table
        self.rows, self.row_w, self.n = rows, row_w, n
        self.items: list[Struct] = []
        self.signals: Struct = np.zeros(0, of.SIGNAL)
        self.taken = 0
        self.tick: tuple[int, float] | None = None

    # --- what sensors did ------------------------------------------------------------------------
    def hear_rows(self, events: Struct) -> None:
        """The rows of a Frame, with the events of links and of self-clocked ticks."""
        state, group = self.state, self.scratch.group
        row = event = n = 0
        while True:
            row, event, n = presence_items(
                row, event, self.rows, events, len(events), state.plan.watch.ptr, state.presence,
                group.items, n,
            )  # fmt: skip
            if row == len(self.rows):
                break
            bigger = np.zeros(2 * len(group.items) + len(events) + _MOST_ITEMS, of.ITEM)
            bigger[:n] = group.items[:n]
            group.items = bigger
        self._tell(group.items[:n].copy())

    def hear_tick(self, events: Struct) -> None:
        """The events of a partition tick."""
        group, watch = self.scratch.group, self.state.plan.watch
        if len(group.items) < len(events):
            group.items = np.zeros(2 * len(events), of.ITEM)
        n = tick_items(events, len(events), watch.ptr, self.state.presence, group.items)
        self._tell(group.items[:n].copy())

    def _tell(self, items: Struct) -> None:
        state, watch = self.state, self.state.plan.watch
        if not len(items):
            return
        room = int((watch.ptr[items["sensor"] + 1] - watch.ptr[items["sensor"]]).sum())
        signals, group_items = np.zeros(room, of.SIGNAL), np.zeros(room, of.ITEM)
        n, m = told(
            items, watch.ptr, watch.watch, state.plan.subject, state.absent, state.backlog, signals,
            group_items,
        )  # fmt: skip
        self.signals = signals[:n]
        self.items += [items, group_items[:m]]

    def again(self, time: int, key: int) -> None:
        """Every group that is fed by records is judged as things stand at `time`; what is due before
        `key` comes first."""
        plan = self.state.plan
        found = [
            np.arange(kind.plan.first, kind.plan.last)
            for kind in self.state.grouped
            if kind.plan.kind.stage > OF_ROWS
        ]
        if not found:
            return
        instance = np.concatenate(found)
        items = np.zeros(len(instance), of.ITEM)
        items["key"], items["time"] = key, time
        items["sensor"], items["instance"] = plan.subject[instance], instance
        items["code"], items["historic"] = of.AGAIN, self.state.backlog[instance] > 0
        self.items.append(items)

    def passed(self, wall: int, gap_s: float) -> None:
        """A tick at `wall`, before which nobody was there for so long: what kinds of time judge."""
        self.tick = wall, gap_s

    def presence_of_all(self, time: int) -> None:
        """After a new configuration: what groups are told where they do not know it."""
        state, plan = self.state, self.state.plan
        groups = np.flatnonzero(plan.subject >= plan.first_group)
        flags = state.judge["flags"][groups]
        silent, behind = state.absent[groups] > 0, state.backlog[groups] > 0
        unknown, late = (flags & at.J_UNKNOWN) != 0, (flags & at.J_HIST) != 0
        parts = [
            self._signals(groups[silent & ~unknown], time, of.PRESENCE, of.SILENT),
            self._signals(groups[~silent & unknown], time, of.PRESENCE, of.HEARD),
            self._signals(groups[behind & ~late], time, of.PRESENCE, of.BEHIND),
            self._signals(groups[~behind & late], time, of.ACTUAL, of.CAUGHT_UP),
        ]
        self.signals = np.concatenate(parts)
        state.silent[plan.subject[groups]] = silent

    def _signals(self, groups: Int64, time: int, order: int, code: int) -> Struct:
        found = np.zeros(len(groups), of.SIGNAL)
        found["time"] = time
        found["group"], found["order"], found["code"] = groups, order, code
        found["verdict"] = at.GOOD
        return found

    # --- judging ---------------------------------------------------------------------------------
    def judge(self, wall: int | None = None) -> int:
        """Every kind of groups, by stage, with what is due at a partition tick `wall`; returns the
        emissions."""
        for kind in self.state.grouped:
            signals = self._measured(kind)
            if len(self.signals):
                group = self.signals["group"]
                mine = self.signals[(group >= kind.plan.first) & (group < kind.plan.last)]
                signals = np.concatenate([mine, signals])
                keys = ("order", "group", "key", "phase", "row")
                signals = signals[np.lexsort([signals[name] for name in keys])]
            if len(signals) or len(self.row_w):
                self._judge_kind(kind, signals)
            if wall is not None and kind.bound <= wall:
                self._fire(kind, wall)
        by_records = any(kind.plan.kind.stage > OF_ROWS for kind in self.state.grouped)
        if by_records and not self._quiet():
            items = self._ordered()
            changed = items[items["code"] == of.LEVEL]
            self.state.level[changed["instance"]] = changed["level"]
            self.state.silent[: len(self.state.presence)] = self.state.presence & SILENT
            self.state.silent[self.state.plan.first_group :] = self._unknown_groups()
        return self.n

    def _measured(self, kind: KindState) -> Struct:
        if kind.plan.kind.of_time:
            return self._measured_time(kind)
        by_rows = kind.plan.kind.stage == OF_ROWS
        return self._measured_rows(kind) if by_rows else self._measured_records(kind)

    def _measured_time(self, kind: KindState) -> Struct:
        """The signals of a kind of time: of every group after a gap, else of those that are not at rest."""
        if self.tick is None:
            return self.signals[:0]
        wall, gap_s = self.tick
        judge = self.state.judge[kind.plan.first : kind.plan.last]
        group = np.arange(kind.plan.first, kind.plan.last)
        if not gap_s:
            group = group[(judge["active"] | judge["raising"] | judge["clearing"]) != 0]
        signals = self._signals(group, wall, of.VALUE, 0)
        signals["key"], signals["phase"] = wall, PHASE_TICK
        signals["value"], signals["most"] = gap_s, gap_s
        return signals

    def _measured_rows(self, kind: KindState) -> Struct:
        """The signals of a kind that is fed by rows."""
        groups, group, plan = kind.plan.groups, self.scratch.group, self.state.plan
        if groups is None or not len(self.rows):
            return self.signals[:0]
        group.fit(len(self.rows) * int(np.diff(groups.follow_ptr).max(initial=0)))
        n = kind.plan.kind.feed(
            self.rows, groups.follow_ptr, groups.follow, groups.place, groups.member_ptr, groups.role,
            groups.weight, groups.table, kind.plan.first, plan.param, plan.options, kind.rings, group.rows,
            group.origin,
        )  # fmt: skip
        signals = group.room(n)[:n]
        virtual(group.rows[:n], group.origin[:n], self.rows, kind.plan.first, signals)
        if kind.plan.kind.tells:
            self._keep_told(kind, n)
        return signals

    def _keep_told(self, kind: KindState, n: int) -> None:
        """What the kind told with its rows, by instance and the row behind it."""
        group = self.scratch.group
        for place in np.flatnonzero(group.rows["stale_deadline"][:n]).tolist():
            key = kind.plan.first + int(group.rows["sensor"][place]), int(group.origin[place])
            group.told[key] = kind.plan.kind.detail(int(group.rows["stale_deadline"][place]))

    def _measured_records(self, kind: KindState) -> Struct:
        """The signals of a kind that is fed by records."""
        groups, group, state = kind.plan.groups, self.scratch.group, self.state
        if groups is None or self._quiet():
            return self.signals[:0]
        items = self._ordered()
        watch, plan = state.plan.watch, state.plan
        asked = np.zeros(self._room(items, groups), of.ASK)
        latest = np.full(len(groups.groups), -1, np.int64)
        n = asks(
            items, groups.follow_ptr, groups.follow, watch.ptr, watch.watch, kind.plan.first,
            kind.plan.last, latest, asked,
        )  # fmt: skip
        value, most = np.zeros((n, LEVEL_COUNT)), np.zeros((n, LEVEL_COUNT))
        kind.plan.kind.feed(
            asked[:n], items, plan.subject, groups.member_ptr, groups.member, groups.role, groups.weight,
            groups.level, kind.plan.first, plan.param, plan.options, state.level, state.silent, value, most,
        )  # fmt: skip
        rewind(items, state.level, state.silent)
        signals = group.room(n)[:n]
        answered(
            asked[:n], value, most, kind.plan.first, self.rows, state.cold, plan.subject, signals
        )
        return signals

    def _room(self, items: Struct, groups: Groups) -> int:
        """How many asks the items may make."""
        watch = self.state.plan.watch.ptr
        level = items["instance"][items["code"] == of.LEVEL]
        sensor = items["sensor"][items["sensor"] < len(watch) - 1]
        made = np.diff(groups.follow_ptr)[level[level < len(groups.follow_ptr) - 1]].sum()
        return int(made + np.diff(watch)[sensor].sum()) + len(items)

    def _quiet(self) -> bool:
        """Whether nothing happened that a group of alarms might hear."""
        return self.taken == self.n and not any(map(len, self.items))

    def _take_emissions(self) -> None:
        """Every change of a condition since the last stage is an item."""
        out = self.scratch.out[self.taken : self.n]
        out = out[out["level_before"] != out["level_after"]]
        self.taken = self.n
        items = np.zeros(len(out), of.ITEM)
        for name in ("key", "time", "row", "sensor", "instance", "phase"):
            items[name] = out[name]
        items["code"], items["level"], items["before"] = (
            of.LEVEL, out["level_after"], out["level_before"],
        )  # fmt: skip
        items["historic"] = (out["flags"] & HISTORIC) != 0
        items["uncertain"] = (out["flags"] & UNCERTAIN) != 0
        self.items.append(items)

    def _ordered(self) -> Struct:
        """All items in the order of moments; within one, sensors before groups."""
        self._take_emissions()
        items = np.concatenate(self.items)
        keys = ("sensor", "key", "phase", "row")
        return items[np.lexsort([items[name] for name in keys])]

    def _unknown_groups(self) -> npt.NDArray[np.bool_]:
        """Which groups are unknown, by subject."""
        plan = self.state.plan
        found = np.zeros(len(plan.groups), np.bool_)
        for kind in self.state.grouped:
            part = slice(kind.plan.first, kind.plan.last)
            subject = plan.subject[part] - plan.first_group
            found[subject] = (self.state.judge["flags"][part] & at.J_UNKNOWN) != 0
        return found

    def _judge_kind(self, kind: KindState, signals: Struct) -> None:
        state, plan, groups = self.state, self.state.plan, kind.plan.groups
        if groups is None:
            return
        by_rows = kind.plan.kind.stage == OF_ROWS
        row = done = 0
        while True:
            row, done, self.n, kind.bound, need = judge_groups(
                row, done, self.rows, self.row_w, signals, by_rows, kind.plan.first, groups.site_ptr,
                kind.site_bound, state.judge, plan.params, state.pending,
                state.band, state.next_due, state.cold, self.table, self.scratch.out, self.n,
                kind.bound,
            )  # fmt: skip
            if not need:
                return
            self.scratch.more_out(self.n + need, self.n)

    def _fire(self, kind: KindState, wall: int) -> None:
        state, first, last = self.state, kind.plan.first, kind.plan.last
        need = EMISSIONS_PER_INSTANCE * int((state.next_due[first:last] <= wall).sum())
        if len(self.scratch.out) < self.n + need:
            self.scratch.more_out(self.n + need, self.n)
        self.n, kind.bound = fire_groups(
            wall, first, last, state.judge, state.plan.params, state.pending,
            state.band, state.next_due, state.cold, self.table, self.scratch.out, self.n,
        )  # fmt: skip
