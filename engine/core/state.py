"""All state of the core as arrays, and how it is carried over to a new configuration."""

from __future__ import annotations

import math
import mmap
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import layout as at
from ..configuration import Sensor
from ..frame import Float64, Int32, Int64, UInt8
from ..kinds import MEASURED, STALENESS
from ..limits import (
    CLOCK_SET_INTERVALS,
    CLOCK_SET_SPAN_NS,
    HISTORIC_AGE_NS,
    HISTORIC_INTERVALS,
    STALE_INTERVALS,
)
from ..plan import KindPlan, Plan
from .presence import apply_groups, carry_groups, same_members, start_presence

Struct = npt.NDArray[np.void]
# A clock agrees when a sample is no older than this, its interval or the reorder allowance.
AGREE_NS = 5_000_000_000
LINK_COLUMNS = 7  # due, deadline, wait, silent by heartbeat, grace, quiet, when it spoke (scratch)

_HOT_BITS = np.dtype(
    {"names": ["last_v"], "formats": ["<i8"], "offsets": [8], "itemsize": at.HOT.itemsize}
)
_COLD_BITS = np.dtype(
    {
        "names": ["conflict_v"],
        "formats": ["<i8"],
        "offsets": [at.COLD.fields["conflict_v"][1] if at.COLD.fields else 0],
        "itemsize": at.COLD.itemsize,
    }
)


@dataclass(eq=False)
class KindState:
    """State of one kind: window rings, lower bounds of due times, calm guards (identity only)."""

    plan: KindPlan
    rings: Float64
    guard: Float64
    site_bound: Int64
    bound: int = at.NO_TIME  # unknown: the next tick looks at everything

    @cached_property
    def measure(self) -> Callable[..., int]:
        """The kernel of a windowed kind, looked up once."""
        return self.plan.kind.measure


@dataclass(eq=False)
class State:
    """Everything that a snapshot holds, for one plan."""

    plan: Plan
    hot: Struct
    cold: Struct
    flag: Int32
    link: Int64
    site: Int64  # (sites, 3): W, lower bound of sensor timers, unarmed
    judge: Struct
    pending: Struct
    band: Float64
    next_due: Int64
    tally: Struct
    presence: (
        UInt8  # (sensors,) where there are groups: what they were told, silent and in a backlog
    )
    seq: Int64  # (sites + 1,): the last place is the engine's own
    heads: npt.NDArray[np.uint64]  # (sites + 1, 2): the head of each chain, as two words
    kinds: list[KindState] = field(default_factory=list)
    grouped: list[KindState] = field(default_factory=list)  # those that judge groups, by stage
    absent: Int64 = field(default_factory=lambda: np.zeros(0, np.int64))  # silent sensors by group
    backlog: Int64 = field(default_factory=lambda: np.zeros(0, np.int64))  # those in a backlog
    level: UInt8 = field(default_factory=lambda: np.zeros(0, np.uint8))  # what groups have heard
    silent: UInt8 = field(default_factory=lambda: np.zeros(0, np.uint8))  # the same, by subject
    timed: Int64 = field(default_factory=lambda: np.zeros(0, np.int64))  # links with a timer
    bound: int = at.NO_TIME
    unarmed: bool = True

    @cached_property
    def hot_bits(self) -> Struct:
        """`hot` with its value as bits."""
        return self.hot.view(_HOT_BITS)

    @cached_property
    def cold_bits(self) -> Struct:
        """`cold` with its conflicting value as bits."""
        return self.cold.view(_COLD_BITS)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Every array by name, as a snapshot stores them."""
        named: dict[str, npt.NDArray[Any]] = {
            name: getattr(self, name)
            for name in (
                "hot", "cold", "flag", "link", "site", "judge", "pending", "band", "next_due",
                "tally", "seq",
            )
        }  # fmt: skip
        if self.plan.groups:
            named["presence"] = self.presence
        for kind in self.every_kind():
            named[f"rings.{kind.plan.kind.name}"] = kind.rings
            named[f"guard.{kind.plan.kind.name}"] = kind.guard
        return named

    def head(self, site: int) -> bytes:
        """The head of the chain of a site."""
        return bytes(self.heads[site].data)

    def move(self, site: int, head: bytes) -> None:
        """A record was added to the chain of a site: its hash."""
        self.heads[site] = np.frombuffer(head, np.uint64)

    def every_kind(self) -> list[KindState]:
        """Those of sensors, then those of groups."""
        return [*self.kinds, *self.grouped]

    def forget_bounds(self) -> None:
        """Lower bounds are unknown: the next tick looks at everything once."""
        self.timed = np.flatnonzero((self.link[:, 2] > 0) | (self.link[:, 0] != at.NEVER))
        self.bound = at.NO_TIME
        self.site[:, 1] = at.NO_TIME
        for kind in self.every_kind():
            kind.bound = at.NO_TIME
            kind.site_bound[:] = at.NO_TIME


def _lined(size: int, dtype: np.dtype[Any]) -> Struct:
    """Zeros that start at a cache line, so that a row of 64 bytes touches one line only.

    Written now (numpy asks for large pages where there is much of it): else the first Frame would wait for each page.
    """
    raw = np.empty(size * dtype.itemsize + 64, np.uint8)
    raw.fill(0)
    start = -raw.ctypes.data % 64
    return raw[start : start + size * dtype.itemsize].view(dtype)


def _unwritten(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Struct:
    """Zeros of which few are ever written: the others take no memory.

    From the system itself: malloc would give memory that was used before, and write all of it anew.
    """
    size = math.prod(shape)
    room = mmap.mmap(-1, max(1, size * dtype.itemsize), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    return np.frombuffer(room, dtype, size).reshape(shape)


def fresh(plan: Plan) -> State:
    """State in which nothing was ever heard."""
    n, sites = plan.subjects, len(plan.configuration.sites)
    hot, cold = _lined(n, at.HOT), _lined(n, at.COLD)
    hot["last_t"], hot["stale_due"] = at.NO_TIME, at.NEVER
    cold["judged"], cold["hist_due"] = at.NO_TIME, at.NEVER
    link = np.zeros((len(plan.configuration.links), LINK_COLUMNS), np.int64)
    link[:, 0], link[:, 6] = at.NEVER, at.NO_TIME
    site = np.zeros((sites, 3), np.int64)
    site[:, :2] = at.NO_TIME
    state = State(
        plan, hot, cold, np.zeros(n, np.int32), link, site,
        *_instance_arrays(len(plan.subject)),
        np.zeros(len(plan.configuration.sensors) if plan.groups else 0, np.uint8),
        np.zeros(sites + 1, np.int64),
        np.zeros((sites + 1, 2), np.uint64),  # GENESIS
    )  # fmt: skip
    _apply_static(state)
    _number_instances(state)
    for kind in plan.kinds:
        if kind.groups is None or kind.groups.groups:
            kinds = state.kinds if kind.groups is None else state.grouped
            kinds.append(_fresh_kind(kind, n, sites))
    return state


def _instance_arrays(n: int) -> tuple[Struct, Struct, Float64, Int64, Struct]:
    judge = _lined(n, at.JUDGE)
    judge["shelf"] = at.NEVER
    band = np.empty((n, 2))
    band[:, 0], band[:, 1] = np.inf, -np.inf
    return (
        judge,
        _unwritten((4, n), at.PENDING),
        band,
        np.full(n, at.NEVER, np.int64),
        np.zeros(n, at.TALLY),
    )


def _fresh_kind(plan: KindPlan, subjects: int, sites: int) -> KindState:
    kind = plan.kind
    identity = kind.style == MEASURED and not kind.kernels
    guard = np.empty((subjects if identity else 0, 2))
    guard[:, 0], guard[:, 1] = np.inf, -np.inf
    instances = plan.last - plan.first
    rings: Float64 = _lined(instances * kind.width, np.dtype(np.float64)).view(np.float64)
    return KindState(
        plan,
        rings.reshape(instances, kind.width),
        guard,
        np.full(sites, at.NO_TIME, np.int64),
    )


def _static_of(sensor: Sensor, reorder: int) -> tuple[float, float, float, int, int, int, int]:
    """low, high, max_rate, stale, aged_after, span, agree of one sensor."""
    return (
        -np.inf if sensor.low is None else sensor.low,
        np.inf if sensor.high is None else sensor.high,
        np.inf if sensor.max_rate is None else sensor.max_rate,
        sensor.stale if sensor.stale > 0 and sensor.reports != "event" else at.NEVER,
        max(HISTORIC_AGE_NS, HISTORIC_INTERVALS * sensor.interval, reorder),
        max(CLOCK_SET_INTERVALS * sensor.interval, CLOCK_SET_SPAN_NS),
        max(AGREE_NS, sensor.interval, reorder),
    )


_REPORTS_FLAG = {"periodic": 0, "on_change": at.ON_CHANGE, "event": at.BY_EVENT}


def _apply_static(state: State) -> None:
    """Write what the configuration says about sensors and links into their rows."""
    config = state.plan.configuration
    n = len(config.sensors)
    if n:
        static = [_static_of(s, config.links[s.link].reorder) for s in config.sensors]
        columns = list(zip(*static, strict=True))
        for place, name in enumerate(("low", "high", "max_rate", "stale", "aged_after")):
            state.hot[name][:n] = columns[place]
        grace = np.array([config.links[s.link].grace for s in config.sensors], np.int64)
        state.cold["span"][:n] = columns[5]
        state.cold["agree"][:n] = np.array(columns[6], np.int64) + grace
        state.cold["grace"][:n] = grace
        state.cold["site"][:n] = [s.site for s in config.sensors]
        state.cold["link"][:n] = [s.link for s in config.sensors]
    members = {s.link for s in config.sensors if s.reports == "event" and not s.retired}
    for k, link in enumerate(config.links):
        wait = STALE_INTERVALS * link.heartbeat if k in members and not link.retired else 0
        state.link[k, 2], state.link[k, 4] = wait, link.grace
        places = [n + k, n + len(config.links) + k]
        state.cold["site"][places], state.cold["link"][places] = link.site, k
        state.cold["grace"][places] = link.grace
    apply_groups(state)
    state.flag[n:] = at.RETIRED
    changing = at.ON_CHANGE | at.BY_EVENT | at.RETIRED | at.LINK_ALIVE
    by_link = np.flatnonzero(state.flag[:n] & at.BY_LINK).tolist()
    state.link[[x.link for i in by_link if (x := config.sensors[i]).reports != "event"], 5] = 1
    for i, sensor in enumerate(config.sensors):
        flags = _REPORTS_FLAG[sensor.reports] | (at.RETIRED if sensor.retired else 0)
        if state.link[sensor.link, 2] > 0 or state.link[sensor.link, 5]:
            flags |= at.LINK_ALIVE
        state.flag[i] = (int(state.flag[i]) & ~changing) | flags


def _number_instances(state: State) -> None:
    """Subject, ordinal, param and starting flags of every instance; tallies of the links."""
    plan = state.plan
    state.judge["sensor"], state.judge["ordinal"] = plan.subject, plan.rule
    state.judge["param"] = plan.param
    latching = np.array([r.latching for r in plan.configuration.rules] or [False])[plan.rule]
    state.judge["flags"] &= np.uint8(255 - at.J_LATCHING)
    state.judge["flags"] |= latching.astype(np.uint8) * np.uint8(at.J_LATCHING)
    flag = state.flag[plan.subject] if len(plan.subject) else np.zeros(0, np.int32)
    unheard = (flag & at.HEARD) == 0
    silent = (flag & at.STALE) != 0
    by_link = (flag & at.BY_LINK) != 0
    state.tally[:] = np.zeros((), at.TALLY)
    for kind in plan.kinds:
        part = slice(kind.first, kind.last)
        if kind.kind.style == STALENESS:
            own = np.flatnonzero(plan.at_link[part, 0] >= 0) + kind.first
            never, link = plan.at_link[own, 0], plan.at_link[own, 1]
            counted = unheard[own] & silent[own]
            np.add.at(state.tally["sensors"], never, unheard[own].astype(np.int32))
            np.add.at(state.tally["silent"], never, counted.astype(np.int32))
            np.add.at(state.tally["sensors"], link, np.int32(1))
            np.add.at(state.tally["silent"], link, by_link[own].astype(np.int32))
            flags = state.judge["flags"][own] & ~np.uint8(at.J_COUNTED | at.J_BY_LINK)
            flags |= (counted * at.J_COUNTED).astype(np.uint8)
            flags |= (by_link[own] * at.J_BY_LINK).astype(np.uint8)
            state.judge["flags"][own] = flags
    mark_stirred(state)
    _mark_unarmed(state)


def mark_stirred(state: State) -> None:
    """Where an alarm of a link stands, may come or counts somebody: the first row of a sensor is told to it there."""
    judge, at_link = state.judge, state.plan.at_link
    busy = (judge["active"] | judge["raising"] | judge["clearing"] | state.tally["silent"]) != 0
    own = np.flatnonzero(at_link[:, 0] >= 0)
    never, link = at_link[own, 0], at_link[own, 1]
    state.tally["stirred"][never] = busy[never] | busy[link]


def _start_flags(state: State, instances: Int64) -> None:
    """Flags of instances that have no past: unknown and backlog as their sensor has them."""
    plan = state.plan
    for kind in plan.kinds:
        mine = instances[(instances >= kind.first) & (instances < kind.last)]
        flag = state.flag[plan.subject[mine]]
        flags = np.zeros(len(mine), np.uint8)
        if kind.kind.style == MEASURED:
            flags[((flag & at.HEARD) == 0) | ((flag & at.STALE) != 0)] |= at.J_UNKNOWN
        flags[(flag & at.HISTORIC) != 0] |= at.J_HIST
        state.judge["flags"][mine] |= flags


def _mark_unarmed(state: State) -> None:
    living = (state.flag & (at.RETIRED | at.ARMED)) == 0
    waiting = np.unique(state.cold["site"][living])
    links = (state.link[:, 2] > 0) & (state.link[:, 0] == at.NEVER) & (state.link[:, 3] == 0)
    link_sites = [state.plan.configuration.links[k].site for k in np.flatnonzero(links)]
    state.site[:, 2] = 0
    state.site[waiting, 2] = 1
    state.site[link_sites, 2] = 1
    state.unarmed = bool(len(waiting) or len(link_sites))


def first_state(plan: Plan) -> State:
    """The state before the first sample of a first configuration."""
    state = fresh(plan)
    _start_flags(state, np.arange(len(plan.subject)))
    start_presence(state, np.arange(len(state.presence)))
    return state


def carried(old: State, plan: Plan) -> tuple[State, Int64]:
    """The state for a new plan, and the old instances that are gone.

    What is unchanged keeps its state; a changed window geometry empties the window; a retired
    sensor forgets everything.
    """
    state = fresh(plan)
    before, now = old.plan.configuration, plan.configuration
    n_old, n_new = len(before.sensors), len(now.sensors)
    kept = np.array(
        [not before.sensors[i].retired and not now.sensors[i].retired for i in range(n_old)],
        np.bool_,
    )
    rows = np.flatnonzero(kept)
    for name in ("hot", "cold"):
        getattr(state, name)[rows] = getattr(old, name)[rows]
    state.flag[rows] = old.flag[rows]
    state.link[: len(before.links)] = old.link
    state.site[: len(before.sites)] = old.site
    state.seq[: len(before.sites)], state.seq[-1] = old.seq[:-1], old.seq[-1]
    state.heads[: len(before.sites)], state.heads[-1] = old.heads[:-1], old.heads[-1]
    _apply_static(state)
    source, target, gone = _matches(old.plan, plan, n_old, n_new)
    state.judge[target] = old.judge[source]
    pends = (old.judge["raising"] | old.judge["clearing"])[source] != 0
    state.pending[:, target[pends]] = old.pending[:, source[pends]]
    for old_kind, new_kind in _same_kinds(old, state):
        _carry_rings(old, old_kind, state, new_kind, source, target)
    carry_groups(old, state, source, target, rows)
    _number_instances(state)
    new = np.setdiff1d(np.arange(len(plan.subject)), target)
    _start_flags(state, new)
    _widen_params(state)
    state.forget_bounds()
    return state, gone


def _keys(plan: Plan, slots: dict[str, int], n_sensors: int) -> Int64:
    rules = plan.configuration.rules
    slot = np.array([slots.setdefault(f"{r.kind}\0{r.id}", len(slots)) for r in rules], np.int64)
    subject = plan.subject.astype(np.int64)
    again, link = np.divmod(subject - n_sensors, max(1, len(plan.configuration.links)))
    place = np.where(subject < n_sensors, subject, -1 - link - (again << 38))
    for group in np.flatnonzero(subject >= plan.first_group).tolist():
        one = plan.groups[int(subject[group]) - plan.first_group]
        name = f"{one.site}\0{one.name}"
        place[group] = (1 << 38) + slots.setdefault(name, len(slots))
    if not len(rules):
        return np.zeros(0, np.int64)
    keys: Int64 = slot[plan.rule] * (1 << 40) + (place + (1 << 39))
    return keys


def _matches(old: Plan, new: Plan, n_old: int, n_new: int) -> tuple[Int64, Int64, Int64]:
    """(old instance, new instance) of the same (rule, kind, subject); and what is gone."""
    slots: dict[str, int] = {}
    old_keys, new_keys = _keys(old, slots, n_old), _keys(new, slots, n_new)
    _, source, target = np.intersect1d(old_keys, new_keys, return_indices=True)
    gone = np.setdiff1d(np.arange(len(old_keys)), source)
    return source, target, gone


def _same_kinds(old: State, new: State) -> list[tuple[KindState, KindState]]:
    by_name = {k.plan.kind.name: k for k in old.every_kind()}
    return [(by_name[k.plan.kind.name], k) for k in new.every_kind() if k.plan.kind.name in by_name]


def _carry_rings(
    old: State, old_kind: KindState, new: State, new_kind: KindState, source: Int64, target: Int64
) -> None:
    kind = new_kind.plan.kind
    if not kind.width:
        return
    here = (target >= new_kind.plan.first) & (target < new_kind.plan.last)
    a, b = source[here], target[here]
    places = [kind.options.index(name) for name in kind.geometry]
    same = (
        old.plan.options[old.plan.param[a]][:, places]
        == new.plan.options[new.plan.param[b]][:, places]
    ).all(axis=1)
    if old_kind.plan.beside is not None and new_kind.plan.beside is not None:
        others = old_kind.plan.beside.reference, new_kind.plan.beside.reference
        same &= others[0][a - old_kind.plan.first] == others[1][b - new_kind.plan.first]
    if new_kind.plan.groups is not None and old_kind.plan.groups is not None:
        same &= same_members(
            old_kind.plan.groups,
            a - old_kind.plan.first,
            new_kind.plan.groups,
            b - new_kind.plan.first,
        )
    new_kind.rings[b[same] - new_kind.plan.first] = old_kind.rings[a[same] - old_kind.plan.first]
    options = old.plan.options[old.plan.param[a]], new.plan.options[new.plan.param[b]]
    moved = b[(options[0] != options[1]).any(axis=1)] - new_kind.plan.first
    new_kind.rings[np.ix_(moved, kind.cached)] = 0.0


def _widen_params(state: State) -> None:
    """A level that a rule no longer has may still be active: judge it until it returned."""
    used = state.plan.params["used"][state.judge["param"]]
    busy = state.judge["active"] | state.judge["raising"] | state.judge["clearing"]
    over = (busy.astype(np.int64) >> used) != 0
    state.plan.params["used"][np.unique(state.judge["param"][over])] = 4
