"""Commands on alarms: acknowledge, reset, shelve, out of service, and their ends (docs/semantics.md §6).

Maintenance has windows of its own (`maintenance`), as have the orders of areas (`halts`).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from .. import layout as at
from ..alarm_table import AWAY, REFUSED, Event
from ..band_kernels import refresh
from ..command import REASONED, Command
from ..keeping import cover_of, expiry_refusal
from ..level import LEVELS
from ..record import AlarmState
from ..transit_kernels import ended, transit
from .state import State

SENSOR: Final = "sensor:"
_EVENTS: Final = {"reset": Event.RESET, "shelve": Event.SHELVE, "out_of_service": Event.REMOVE}
#: What ends by a command, and the state that it ends.
_ENDED: Final = {"unshelve": AlarmState.SHELVED, "in_service": AlarmState.OUT_OF_SERVICE}


def act(state: State, scratch: Any, table: Any, command: Command, now: int) -> tuple[int, str]:
    """(emissions, "") where the command was carried out, (0, why) where it was refused."""
    if command.action in REASONED and not command.reason:
        return 0, f"{command.action} needs a reason: it stands in the record"
    if command.alarm.startswith(SENSOR) and command.action in ("out_of_service", "in_service"):
        return _act_on_sensor(state, scratch, table, command, now)
    k = state.plan.find(command.site, command.alarm)
    if k is None:
        return 0, f"site {command.site!r} has no alarm {command.alarm!r}"
    episode = int(state.judge["episode"][k])
    if command.episode and command.episode != episode:
        return 0, f"the episode is over; the alarm's episode is {episode}"
    refusal = _refusal(state, table, k, command, now)
    return (0, refusal) if refusal else (_carry_out(state, scratch, table, k, command, now, 0), "")


def _act_on_sensor(
    state: State, scratch: Any, table: Any, command: Command, now: int
) -> tuple[int, str]:
    """All alarms of one sensor: those to which the command applies, unless one is too grave."""
    chosen = sensor_alarms(state, command.site, command.alarm.removeprefix(SENSOR))
    if not chosen:
        return 0, f"site {command.site!r} has no alarm of {command.alarm!r}"
    if command.action == "out_of_service":
        gravest = int(state.judge["level"][chosen].max())
        refusal = expiry_refusal(command.action, gravest, command.expires, now)
        if refusal:
            return 0, refusal
    refusals = {k: _refusal(state, table, k, command, now) for k in chosen}
    meant = [k for k in chosen if not refusals[k]]
    if not meant:
        return 0, refusals[chosen[0]]
    if len(scratch.out) < len(meant):
        scratch.more_out(len(meant))
    n = 0
    for k in meant:
        n = _carry_out(state, scratch, table, k, command, now, n)
    return n, ""


def sensor_alarms(state: State, site: str, sensor: str) -> list[int]:
    """The instances on one sensor, by ordinal; none where the site has no such sensor."""
    config = state.plan.configuration
    found = [
        i
        for i, s in enumerate(config.sensors)
        if s.id == sensor and config.sites[s.site].id == site and not s.retired
    ]
    instances = np.flatnonzero(np.isin(state.plan.subject, found))
    order = np.argsort(state.plan.rule[instances], kind="stable")
    mine: list[int] = instances[order].tolist()
    return mine


def _event(state: State, k: int, command: Command) -> Event | None:
    """The event of the table, None for an action that no alarm knows."""
    if command.action == "acknowledge":
        latching = state.judge["flags"][k] & at.J_LATCHING
        return Event.ACKNOWLEDGE_LATCHING if latching else Event.ACKNOWLEDGE
    if command.action in _ENDED:
        return Event(int(ended(state.judge, k)))
    return _EVENTS.get(command.action)


def _refusal(state: State, table: Any, k: int, command: Command, now: int) -> str:
    """Why the command does not apply to an alarm, or ""."""
    row, event = state.judge[k], _event(state, k, command)
    if event is None:
        return f"{command.action} is not for this alarm"
    if command.action == "acknowledge" and command.seq and command.seq < row["loud"]:
        return f"it rose to {LEVELS[int(row['level'])]} at seq {row['loud']}: acknowledge that one"
    if command.action in ("shelve", "out_of_service"):
        refusal = expiry_refusal(command.action, int(row["level"]), command.expires, now)
        if refusal:
            return refusal
    now_in = AlarmState(int(row["state"]))
    others = now_in in AWAY and now_in is not _ENDED.get(command.action, now_in)
    return _not_now(now_in, command.action) if others or table[now_in, event, 1] == REFUSED else ""


def _not_now(state: AlarmState, action: str) -> str:
    """Why, with what to do instead where there is something."""
    hint = ""
    if action == "reset" and state is AlarmState.RETURNED_UNACKNOWLEDGED:
        hint = ": acknowledge it first"
    elif action == "reset" and state in (AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED):
        hint = ": it still stands"
    elif action == "acknowledge" and state is AlarmState.LATCHED:
        hint = ": it was acknowledged; reset it"
    elif state is AlarmState.SUPPRESSED_BY_DESIGN and action in ("acknowledge", "reset"):
        hint = ": it is suppressed, and is told anew when that ends"
    return f"the alarm is not in a state for {action}{hint}"


def _carry_out(
    state: State, scratch: Any, table: Any, k: int, command: Command, now: int, n: int
) -> int:
    """The command applies; returns the emissions so far."""
    judge = state.judge
    row = judge[k]
    event = _event(state, k, command)
    assert event is not None
    if command.action in _ENDED:
        judge["shelf"][k] = at.NEVER
    elif command.action in ("shelve", "out_of_service"):
        judge["shelf"][k] = command.expires
        judge["cover"][k] = cover_of(command.action, command.expires - now)
    n = happened(state, scratch, table, k, event, now, n)
    realarm = state.plan.configuration.rules[int(state.plan.rule[k])].realarm
    if row["state"] == AlarmState.ACKNOWLEDGED and realarm:
        judge["shelf"][k] = now + realarm
    rearm(state, k)
    return n


def happened(
    state: State, scratch: Any, table: Any, k: int, event: Event, now: int, n: int, flags: int = 0
) -> int:
    """Put one event to instance k at `now`; returns the emissions so far, in the order given."""
    row = state.judge[k]
    subject = int(state.plan.subject[k])
    done: int = transit(
        state.judge, k, int(event), int(row["level"]), table, scratch.out, n, n, 0, 0, 0, subject,
        state.plan.site_of(subject), now, np.nan, np.nan, flags,
        now if row["state"] == 0 else int(row["onset"]),
    )  # fmt: skip
    return done


def rearm(state: State, k: int) -> None:
    """What ends by time is a timer like any other: its due counts from now on."""
    param = state.plan.params[int(state.judge["param"][k])]
    refresh(state.judge, state.pending, state.band, state.next_due, k, param)
    state.forget_bounds()


__all__ = ["act", "happened", "rearm", "sensor_alarms"]
