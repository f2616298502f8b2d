"""Maintenance: alarms of a site, an asset or a sensor suppressed by command (docs/semantics.md §6).

Each maintenance is a *window* with a mandatory expiry and a record chain of its own at its site,
under the rule id `maintenance`; it ends by command or by the partition's ticks. What it does to the
alarms below it is in the alarm table: `keep` and `kept` of an instance say which levels all the
windows over it cover together, and until when.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from .. import alarm as one
from .. import layout as at
from ..alarm import Alarm, Chain, Change
from ..alarm_table import Event
from ..command import Command
from ..configuration import Configuration
from ..frame import Int64
from ..keeping import MAINTENANCE_RULE as RULE
from ..keeping import cover_of, expiry_refusal
from ..layout import NEVER
from ..plan import Plan
from ..record import HISTORIC, AlarmState, Record, Transition
from ..transit_kernels import ended
from .commands import SENSOR, happened, rearm
from .records import Standing
from .state import State

MESSAGE: Final = "site.maintenance"
ASSET: Final = "asset:"
SITE: Final = "site"
ACTIONS: Final = ("maintenance", "end_maintenance")
_N, _D = AlarmState.NORMAL, AlarmState.SUPPRESSED_BY_DESIGN
_LOUD: Final = (
    AlarmState.UNACKNOWLEDGED,
    AlarmState.ACKNOWLEDGED,
    AlarmState.RETURNED_UNACKNOWLEDGED,
    AlarmState.LATCHED,
)


class Window(msgspec.Struct):
    """One maintenance. `scope` is `site`, `asset:<asset>` or `sensor:<id>`, `cover` the gravest
    level that it suppresses, `alarm` carries its episode and expiry for the records."""

    site: str
    scope: str
    until: int
    cover: int
    alarm: Alarm

    @property
    def name(self) -> str:
        """`maintenance~<scope>`."""
        return f"{RULE}~{self.scope}"


class Maintenance:
    """Every maintenance of a partition that has not ended."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str], Window] = {}
        self._next = NEVER

    def next_due(self) -> int:
        """When the first maintenance ends; NEVER where there is none."""
        return self._next

    def standing(self) -> list[Standing]:
        """Those that go on."""
        return [
            Standing(w.site, w.name, "normal", _D.name.lower(), w.alarm.episode, w.alarm.onset,
                     w.until, False)
            for w in self._sorted()
        ]  # fmt: skip

    # --- commands --------------------------------------------------------------------------------
    def command(self, state: State, command: Command, now: int) -> tuple[Window, Record] | str:
        """The window that begins, is set anew or ends, and its record; or why it is refused.

        `apply` must follow, which tells the alarms.
        """
        scope = command.alarm.removeprefix(f"{RULE}~")
        site = _site(state.plan, command.site)
        if site is None:
            return f"no site {command.site!r}"
        if not len(instances_of(state, command.site, scope)):
            return (
                f"site {command.site!r} has no alarm in {scope!r}: name site, asset:… or sensor:…"
            )
        window = self._windows.get((command.site, scope))
        if command.action == "end_maintenance":
            if window is None:
                return f"there is no maintenance of {scope!r}"
            return self._ended(state, window, now, one.detail_of(command))
        refusal = expiry_refusal("maintenance", 0, command.expires, now)
        if refusal or not command.reason:
            return refusal or "maintenance needs a reason: it stands in the record"
        if window is None:
            window = Window(command.site, scope, 0, 0, Alarm())
            self._windows[command.site, scope] = window
        window.until = command.expires
        window.cover = cover_of("maintenance", command.expires - now)
        change = _change(window, Transition.SUPPRESSED, now)
        self._look()
        detail = one.detail_of(command)
        return window, self._record(state, window, change, now, detail)

    def ends(self, wall: int) -> Iterator[int]:
        """The times up to `wall` at which maintenance ends, in order; `over` must be called at each."""
        while self._next <= wall:
            yield self._next

    def over(self, state: State, now: int) -> list[tuple[Window, Record]]:
        """Ends what expires at `now`, by site and scope. `apply` must follow for each."""
        expired = [w for w in self._sorted() if w.until <= now]
        detail = {"reason": "the maintenance has expired"}
        return [self._ended(state, w, now, detail) for w in expired]

    def configured(self, state: State, wanted: Configuration, now: int) -> list[Record]:
        """Withdraws the windows at sites that `wanted` retires; `state` is still the old one."""
        gone = {s.id for s in wanted.sites if s.retired}
        detail = {"principal": "configuration", "reason": "site removed"}
        made = []
        for window in [w for w in self._sorted() if w.site in gone]:
            del self._windows[window.site, window.scope]
            change = _change(window, Transition.WITHDRAWN, now)
            made.append(self._record(state, window, change, now, detail))
        self._look()
        return made

    def _ended(
        self, state: State, window: Window, now: int, detail: dict[str, str]
    ) -> tuple[Window, Record]:
        del self._windows[window.site, window.scope]
        self._look()
        change = _change(window, Transition.UNSUPPRESSED, now)
        return window, self._record(state, window, change, now, detail)

    # --- alarms ----------------------------------------------------------------------------------
    def apply(
        self,
        state: State,
        scratch: Any,
        table: Any,
        now: int,
        begun: Window | None = None,
        tick: bool = False,
    ) -> int:
        """Brings what instances remember of maintenance up to date, and tells the alarms for which
        that makes a difference, by (subject, ordinal); returns the emissions.

        `begun` is the window that a command has just begun or set anew: what stands in it is
        suppressed. `tick`: time ended something, so a backlog's alarms are historic.
        """
        judge, plan = state.judge, state.plan
        keep, kept = self._covers(state)
        changed = (judge["keep"] != keep) | (judge["kept"] != kept)
        judge["keep"], judge["kept"] = keep, kept
        calm = changed & (judge["state"] == _N)
        judge["cover"][calm] = keep[calm]
        told = changed & (judge["state"] == _D)
        if begun is not None:
            scope = np.zeros(len(keep), np.bool_)
            scope[instances_of(state, begun.site, begun.scope)] = True
            told |= scope & np.isin(judge["state"], _LOUD) & (judge["level"] <= keep)
        which = np.flatnonzero(told)
        which = which[np.lexsort((plan.rule[which], plan.subject[which]))]
        if len(scratch.out) < len(which):
            scratch.more_out(len(which))
        n = 0
        for k in which.tolist():
            n = self._tell(state, scratch, table, k, now, n, tick)
        return n

    def _tell(
        self, state: State, scratch: Any, table: Any, k: int, now: int, n: int, tick: bool
    ) -> int:
        judge = state.judge
        row = judge[k]
        if row["state"] != _D:
            n = happened(state, scratch, table, k, Event.SUPPRESS, now, n)
        else:
            held = 3 if row["shelf"] != NEVER else 0
            judge["cover"][k] = max(row["keep"], held)
            if row["level"] <= row["cover"] and row["cover"]:
                return n
            event = Event(int(ended(judge, k)))
            historic = tick and row["flags"] & at.J_HIST
            n = happened(state, scratch, table, k, event, now, n, HISTORIC if historic else 0)
        rearm(state, k)
        return n

    def _covers(self, state: State) -> tuple[npt.NDArray[np.uint8], Int64]:
        """By instance the gravest level that a window covers, and when the last of them ends."""
        keep = np.zeros(len(state.judge), np.uint8)
        kept = np.zeros(len(state.judge), np.int64)
        for window in self._windows.values():
            mine = instances_of(state, window.site, window.scope)
            keep[mine] = np.maximum(keep[mine], window.cover)
            kept[mine] = np.maximum(kept[mine], window.until)
        return keep, kept

    # --- records ---------------------------------------------------------------------------------
    def _record(
        self,
        state: State,
        window: Window,
        change: Change,
        time: int,
        detail: dict[str, str],
    ) -> Record:
        i = _site(state.plan, window.site, retired=True)
        assert i is not None
        site = state.plan.configuration.sites[i]
        asset = window.scope.removeprefix(ASSET) if window.scope.startswith(ASSET) else ""
        who = {
            "tenant": site.tenant, "site": site.id, "rule": RULE, "rule_hash": "",
            "subject": window.scope, "area": site.area, "quantity": MESSAGE, "asset": asset,
            "unit": "", "message": MESSAGE, "basis": "",
        }  # fmt: skip
        chain = Chain(int(state.seq[i]), state.head(i).hex())
        made = one.recorded(
            chain, window.alarm, change, who, time, detail=detail, exercise=site.exercise
        )
        state.seq[i] = chain.seq
        state.move(i, chain.digest)
        return made

    def _sorted(self) -> list[Window]:
        return [self._windows[key] for key in sorted(self._windows)]

    def _look(self) -> None:
        self._next = min((w.until for w in self._windows.values()), default=NEVER)

    # --- snapshots -------------------------------------------------------------------------------
    def stored(self) -> list[Any]:
        """Plain values for a snapshot."""
        found: list[Any] = msgspec.to_builtins(self._sorted())
        return found

    def put_back(self, stored: list[Any]) -> None:
        """What `stored` gave. Raises msgspec.ValidationError."""
        windows = msgspec.convert(stored, list[Window])
        self._windows = {(w.site, w.scope): w for w in windows}
        self._look()


def _change(window: Window, transition: Transition, now: int) -> Change:
    """A window has no condition, so the table does not move it: it goes on, or it is over."""
    before = AlarmState(window.alarm.state)
    goes_on = transition is Transition.SUPPRESSED
    after = _D if goes_on else _N
    window.alarm.state = after
    opens = before is _N and goes_on
    if opens:
        window.alarm.onset = now
    until = window.until if goes_on else 0
    return Change(
        transition, 0, 0, before, after, window.alarm.onset, until, False, opens, False
    )  # fmt: skip


def _site(plan: Plan, name: str, retired: bool = False) -> int | None:
    for i, site in enumerate(plan.configuration.sites):
        if site.id == name and (retired or not site.retired):
            return i
    return None


def instances_of(state: State, site: str, scope: str) -> Int64:
    """The instances of a scope at a site, in order of their number; none for an unknown scope."""
    plan = state.plan
    i = _site(plan, site)
    if i is None:
        return np.zeros(0, np.int64)
    if scope == SITE:
        return np.flatnonzero(state.cold["site"][plan.subject] == i)
    sensors = [
        s
        for s, x in enumerate(plan.configuration.sensors)
        if x.site == i
        and not x.retired
        and (
            scope == SENSOR + x.id
            if scope.startswith(SENSOR)
            else bool(x.asset) and scope == ASSET + x.asset
        )
    ]
    if scope.startswith(ASSET):
        sensors += [
            plan.first_group + g
            for g, x in enumerate(plan.groups)
            if x.site == i and bool(x.asset) and scope == ASSET + x.asset
        ]
    return np.flatnonzero(np.isin(plan.subject, sensors))


__all__ = ["Maintenance", "Window"]
