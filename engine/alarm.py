"""One alarm, moved by the alarm table one event at a time (docs/semantics.md §6).

For alarms that no sensor makes and that are few: those of an area, and an area's orders at a site.
What the rules of a plant raise is moved by the kernels; both read the same table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from .alarm_table import CELLS, IMPOSSIBLE, NOTHING, REFUSED, Event
from .command import Command
from .errors import InvariantError
from .keeping import cover_of, expiry_refusal
from .level import LEVELS
from .record import AlarmState, Record, Transition, sealed


class Alarm(msgspec.Struct):
    """State, level and cover as the table has them; `loud` is the seq of the last record that
    rose, `shelf` the expiry (0: not shelved), `unknown` that nobody knows more now."""

    state: int = 0
    level: int = 0
    cover: int = 0
    episode: int = 0
    loud: int = 0
    onset: int = 0
    shelf: int = 0
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """One transition, before it has a number."""

    transition: Transition
    level_before: int
    level_after: int
    state_before: AlarmState
    state_after: AlarmState
    onset: int
    until: int
    unknown: bool
    opens: bool
    rose: bool


class Chain(msgspec.Struct):
    """The end of one chain of records: the last seq and its hash (hex)."""

    seq: int = 0
    head: str = bytes(16).hex()

    @property
    def digest(self) -> bytes:
        """The hash as bytes."""
        return bytes.fromhex(self.head)


def apply(alarm: Alarm, event: Event, level: int, onset: int = 0) -> Change | None:
    """Moves the alarm to the condition `level` by `event`; None where nothing is recorded.

    `onset` counts where an episode begins. Raises InvariantError for a cell that cannot happen.
    """
    before, state = alarm.level, AlarmState(alarm.state)
    after, transition = CELLS[state][event]
    if transition == IMPOSSIBLE:
        raise InvariantError(f"an alarm in state {state.name} cannot meet {event.name}")
    alarm.level = level
    if transition in (NOTHING, REFUSED):
        return None
    rose = event in (Event.RISE, Event.RISE_COVERED)
    if rose and before > 0 and transition == Transition.RAISED:
        transition = Transition.LEVEL
    opens = state is AlarmState.NORMAL and after is not AlarmState.NORMAL
    if opens:
        alarm.onset = onset
    if after is AlarmState.ACKNOWLEDGED:
        alarm.cover = level if event is Event.ACKNOWLEDGE else min(alarm.cover, level)
    elif after is not AlarmState.SHELVED:
        alarm.cover = 0
    if after is not AlarmState.SHELVED:
        alarm.shelf = 0
    alarm.state = after
    return Change(
        Transition(transition),
        before,
        level,
        state,
        after,
        alarm.onset,
        alarm.shelf,
        alarm.unknown,
        opens,
        rose,
    )


def move(alarm: Alarm, level: int, onset: int) -> Change | None:
    """The condition is now `level`; None where it was."""
    if level == alarm.level:
        return None
    if level > alarm.level:
        event = Event.RISE if level > alarm.cover else Event.RISE_COVERED
    else:
        event = Event.FALL if level else Event.RETURN
    return apply(alarm, event, level, onset)


def mark_unknown(alarm: Alarm, unknown: bool) -> Change | None:
    """Sets or unsets the flag; None where it was so, or where the alarm is normal."""
    if alarm.unknown == unknown:
        return None
    alarm.unknown = unknown
    return apply(alarm, Event.UNKNOWN if unknown else Event.KNOWN, alarm.level)


def unshelve(alarm: Alarm) -> Change | None:
    """The shelf is at its end."""
    event = Event.END_ACTIVE if alarm.level else Event.END_NORMAL
    return apply(alarm, event, alarm.level)


def command(alarm: Alarm, order: Command, now: int) -> Change | str:
    """Acknowledge, shelve or unshelve; or why it is refused."""
    if order.episode and order.episode != alarm.episode:
        return f"the episode is over; the alarm's episode is {alarm.episode}"
    match order.action:
        case "acknowledge":
            if order.seq and order.seq < alarm.loud:
                level = LEVELS[alarm.level]
                return f"it rose to {level} at seq {alarm.loud}: acknowledge that one"
            event = Event.ACKNOWLEDGE
        case "shelve":
            refusal = expiry_refusal("shelve", alarm.level, order.expires, now)
            if refusal:
                return refusal
            event = Event.SHELVE
        case "unshelve":
            event = Event.END_ACTIVE if alarm.level else Event.END_NORMAL
        case _:
            return f"{order.action} is not for this alarm"
    if CELLS[AlarmState(alarm.state)][event][1] == REFUSED:
        return f"the alarm is not in a state for {order.action}"
    if event is Event.SHELVE:
        alarm.shelf, alarm.cover = order.expires, cover_of("shelve", order.expires - now)
    change = apply(alarm, event, alarm.level, now)
    if change is None:
        raise InvariantError("a command was carried out and left no record")
    return change


def detail_of(order: Command) -> dict[str, str]:
    """What a record says about the command that made it."""
    return {
        "principal": order.principal,
        "role": order.role,
        "reason": order.reason,
        "command": order.id,
    }


def recorded(
    chain: Chain,
    alarm: Alarm,
    change: Change,
    who: Mapping[str, str],
    time: int,
    **more: Any,
) -> Record:
    """The change as the next record of a chain; gives the alarm its episode number.

    `who` has the fields of `record.Identity`; `more` further fields of the record (value, limit,
    detail, flags).
    """
    chain.seq += 1
    if change.opens:
        alarm.episode = chain.seq
    if change.rose:
        alarm.loud = chain.seq
    fields: dict[str, Any] = {"value": None, "limit": None, **who, **more}
    record = sealed(
        Record(
            **fields,
            seq=chain.seq,
            episode=alarm.episode,
            transition=change.transition.name.lower(),
            level_before=LEVELS[change.level_before],
            level_after=LEVELS[change.level_after],
            state_before=change.state_before.name.lower(),
            state_after=change.state_after.name.lower(),
            onset=change.onset,
            time=time,
            until=change.until,
            unknown=change.unknown,
            previous="",
            hash="",
        ),
        chain.digest,
    )
    chain.head = record.hash
    if change.state_after is AlarmState.NORMAL:
        alarm.episode = alarm.loud = 0
    return record


def noticed(chain: Chain, who: Mapping[str, str], onset: int, time: int, **more: Any) -> Record:
    """A notice as the next record of a chain: it belongs to no alarm."""
    alarm, normal = Alarm(), AlarmState.NORMAL
    change = Change(Transition.NOTICE, 0, 0, normal, normal, onset, 0, False, False, False)
    return recorded(chain, alarm, change, who, time, **more)
