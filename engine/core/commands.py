"""Commands on alarms: acknowledge, shelve, unshelve (docs/semantics.md §6)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..alarm import shelf_cover, shelf_refusal
from ..alarm_table import REFUSED, Event
from ..command import Command
from ..judge_kernels import refresh, transit
from ..level import LEVELS
from .state import State


def act(state: State, scratch: Any, table: Any, command: Command, now: int) -> tuple[int, str]:
    """(emissions, "") where the command was carried out, (0, why) where it was refused."""
    k = state.plan.find(command.site, command.alarm)
    if k is None:
        return 0, f"site {command.site!r} has no alarm {command.alarm!r}"
    row = state.judge[k]
    if command.episode and command.episode != row["episode"]:
        return 0, f"the episode is over; the alarm's episode is {row['episode']}"
    match command.action:
        case "acknowledge":
            if command.seq and command.seq < row["loud"]:
                level = LEVELS[int(row["level"])]
                return 0, f"it rose to {level} at seq {row['loud']}: acknowledge that one"
            event = Event.ACKNOWLEDGE
        case "shelve":
            refusal = shelf_refusal(int(row["level"]), command.expires, now)
            if refusal:
                return 0, refusal
            event = Event.SHELVE
        case "unshelve":
            event = Event.UNSHELVE_ACTIVE if row["level"] else Event.UNSHELVE_NORMAL
        case _:
            return 0, f"{command.action} is not for this alarm"
    if table[row["state"], event, 1] == REFUSED:
        return 0, f"the alarm is not in a state for {command.action}"
    shelf = int(row["shelf"])
    if command.action == "shelve":
        state.judge["shelf"][k] = command.expires
        state.judge["cover"][k] = shelf_cover(command.expires - now)
    n = transit(
        state.judge, k, int(event), int(row["level"]), table, scratch.out, 0, 0, 0, 0, 0,
        int(state.plan.subject[k]), state.plan.site_of(int(state.plan.subject[k])), now, np.nan,
        np.nan, 0, now if row["state"] == 0 else int(row["onset"]),
    )  # fmt: skip
    if shelf != state.judge["shelf"][k]:
        _refresh(state, k)
    return n, ""


def _refresh(state: State, k: int) -> None:
    """The shelf is a timer like any other: its due counts from now on."""
    param = state.plan.params[int(state.judge["param"][k])]
    refresh(state.judge, state.deadline, state.due, state.band, state.next_due, k, param)
    state.forget_bounds()


__all__ = ["act"]
