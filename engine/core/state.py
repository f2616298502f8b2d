"""All state of the core as arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import layout as at
from ..configuration import Sensor
from ..frame import Bool, Float64, Int32, Int64, UInt8
from ..kinds import MEASURED, STALENESS
from ..limits import (
    CLOCK_SET_INTERVALS,
    CLOCK_SET_SPAN_NS,
    HISTORIC_AGE_NS,
    HISTORIC_INTERVALS,
    STALE_INTERVALS,
)
from ..plan import KindPlan, Plan
from .pages import Column, together, unwritten
from .pages import Struct as Struct
from .presence import apply_groups, start_presence

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
        """Every array by name, as a snapshot stores them, but `pending` (`pends`)."""
        named: dict[str, npt.NDArray[Any]] = {
            name: getattr(self, name)
            for name in (
                "hot", "cold", "flag", "link", "site", "judge", "band", "next_due", "tally", "seq",
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


def fresh(plan: Plan) -> State:
    """State in which nothing was ever heard."""
    n, m = plan.subjects, len(plan.subject)
    sites, links = len(plan.configuration.sites), len(plan.configuration.links)
    kinds = [k for k in plan.kinds if k.groups is None or k.groups.groups]
    hot, cold, flag, link, site, seq, judge, band, next_due, tally, *of_kinds = together((
        (at.HOT, (n,)), (at.COLD, (n,)), (np.int32, (n,)),
        (np.int64, (links, LINK_COLUMNS)), (np.int64, (sites, 3)), (np.int64, (sites + 1,)),
        (at.JUDGE, (m,)), (np.float64, (m, 2)), (np.int64, (m,)), (at.TALLY, (m,)),
        *(column for kind in kinds for column in _columns_of(kind, n, sites)),
    ))  # fmt: skip
    hot["last_t"], hot["stale_due"] = at.NO_TIME, at.NEVER
    cold["judged"], cold["hist_due"] = at.NO_TIME, at.NEVER
    link[:, 0], link[:, 6] = at.NEVER, at.NO_TIME
    site[:, :2] = at.NO_TIME
    judge["shelf"] = next_due[:] = at.NEVER
    band[:] = np.inf, -np.inf
    state = State(
        plan, hot, cold, flag, link, site, judge, unwritten((4, m), at.PENDING), band, next_due, tally,
        np.zeros(len(plan.configuration.sensors) if plan.groups else 0, np.uint8),
        seq,
        np.zeros((sites + 1, 2), np.uint64),  # GENESIS
    )  # fmt: skip
    apply_static(state)
    number_instances(state)
    for kind, *columns in zip(kinds, of_kinds[::3], of_kinds[1::3], of_kinds[2::3], strict=True):
        (state.kinds if kind.groups is None else state.grouped).append(_fresh_kind(kind, *columns))
    return state


def _columns_of(plan: KindPlan, subjects: int, sites: int) -> tuple[Column, Column, Column]:
    """Rings, guard and lower bounds by site."""
    kind = plan.kind
    identity = kind.style == MEASURED and not kind.kernels
    return (
        (np.float64, (plan.last - plan.first, kind.width)),
        (np.float64, (subjects if identity else 0, 2)),
        (np.int64, (sites,)),
    )


def _fresh_kind(plan: KindPlan, rings: Float64, guard: Float64, site_bound: Int64) -> KindState:
    guard[:] = np.inf, -np.inf
    site_bound[:] = at.NO_TIME
    return KindState(plan, rings, guard, site_bound)


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


def apply_static(state: State) -> None:
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


def number_instances(state: State) -> None:
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


def pends(judge: Struct) -> Bool:
    """(4, instances): which levels are about to raise or clear. `pending` of the others means nothing."""
    busy = judge["raising"] | judge["clearing"]
    one: Bool = (busy >> np.arange(4, dtype=np.uint8)[:, None] & 1).astype(np.bool_)
    return one


def mark_stirred(state: State) -> None:
    """Where an alarm of a link stands, may come or counts somebody: the first row of a sensor is told to it there."""
    judge, at_link = state.judge, state.plan.at_link
    busy = (judge["active"] | judge["raising"] | judge["clearing"] | state.tally["silent"]) != 0
    own = np.flatnonzero(at_link[:, 0] >= 0)
    never, link = at_link[own, 0], at_link[own, 1]
    state.tally["stirred"][never] = busy[never] | busy[link]


def start_flags(state: State, instances: Int64) -> None:
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
    start_flags(state, np.arange(len(plan.subject)))
    start_presence(state, np.arange(len(state.presence)))
    return state
