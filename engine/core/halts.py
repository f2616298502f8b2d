"""Orders of areas to halt work at a site (docs/semantics.md §8).

An order is an alarm of the site: it stands until the area lets work resume or nobody renews it,
and a person at the site acknowledges it, which is the answer that the order has arrived. Commands
make it, ticks end it; no sample touches it.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from .. import alarm as one
from ..alarm import Alarm, Chain, Change
from ..alarm_table import Event
from ..command import Command, Outcome, Reply
from ..configuration import Configuration
from ..layout import NEVER
from ..level import LEVELS
from ..plan import Plan
from ..record import AlarmState, Record
from .records import Standing
from .state import State

AREA: Final = "area:"
EXERCISE: Final = "exercise:"
QUANTITY: Final = "area.halt_work"
MESSAGE: Final = "site.halt_work"
_ORDERS: Final = ("halt_work", "resume_work")


class Halt(msgspec.Struct):
    """One order at one site. `order` is (episode, seq) of the area's record that made or last
    changed it, `expires` its end unless it is renewed. What is over stays, so that an old order
    that comes again is known."""

    site: str
    name: str
    alarm: Alarm
    order: tuple[int, int]
    expires: int
    level: int


class Halts:
    """Every order that the sites of a partition were given."""

    def __init__(self) -> None:
        self._halts: dict[tuple[str, str], Halt] = {}
        self._next = NEVER
        self._plan: Plan | None = None
        self._index: dict[str, int] = {}

    def standing(self) -> list[Standing]:
        """The orders that are not normal, by site and alarm."""
        return [
            Standing(
                halt.site,
                halt.name,
                LEVELS[halt.alarm.level],
                AlarmState(halt.alarm.state).name.lower(),
                halt.alarm.episode,
                halt.alarm.onset,
                0,
                False,
            )
            for halt in self._sorted()
            if halt.alarm.state != AlarmState.NORMAL
        ]

    def next_due(self) -> int:
        """When the first order that stands ends; NEVER where none stands."""
        return self._next

    def concerns(self, command: Command) -> bool:
        """Whether the command is an area's order, or meant for one."""
        return command.action in _ORDERS or (command.site, command.alarm) in self._halts

    def command(self, state: State, command: Command, now: int) -> tuple[list[Record], Reply]:
        """The record that the command made, if any, and the answer."""
        index = self._site(state, command.site)
        if index is None:
            return [], reply(command, "refused", f"no site {command.site!r}")
        person = command.action not in _ORDERS
        done = self._by_person(command, now) if person else self._ordered(command, now)
        self._look()
        if isinstance(done, str):
            return [], reply(command, "refused", done)
        halt, change = done
        if change is None:
            return [], reply(command, "done", "the order was renewed")
        record = self._record(state, halt, change, now, one.detail_of(command))
        return [record], reply(command, "done", "", record.seq)

    def _ordered(self, command: Command, now: int) -> tuple[Halt, Change | None] | str:
        subject = command.alarm.partition("~")[2]
        if not command.principal.startswith(AREA):
            return "only an area halts and resumes the work of a site"
        if subject not in (command.principal, EXERCISE + command.principal.removeprefix(AREA)):
            return f"{command.principal} does not give orders for {subject}"
        halt = self._halts.get((command.site, command.alarm))
        order = command.episode, command.seq
        if halt is not None and order < halt.order:
            return "the area has given a later order"
        if command.action == "resume_work":
            return self._resumed(halt, order)
        if command.expires <= now:
            return "the order has expired"
        if command.level not in LEVELS[1:]:
            return f"an order has a level, not {command.level!r}"
        if halt is None:
            halt = Halt(command.site, command.alarm, Alarm(), (0, 0), 0, 0)
            self._halts[command.site, command.alarm] = halt
        halt.order, halt.expires = order, max(halt.expires, command.expires)
        halt.level = LEVELS.index(command.level)
        return halt, one.move(halt.alarm, halt.level, now)

    def _resumed(self, halt: Halt | None, order: tuple[int, int]) -> tuple[Halt, Change] | str:
        if halt is None or not halt.level:
            return "work is not halted"
        halt.order, halt.level = order, 0
        change = one.move(halt.alarm, 0, 0)
        assert change is not None
        return halt, change

    def _by_person(self, command: Command, now: int) -> tuple[Halt, Change] | str:
        if command.action != "acknowledge":
            return "an order is not shelved; only the area that gave it lets work resume"
        halt = self._halts[command.site, command.alarm]
        change = one.command(halt.alarm, command, now)
        return change if isinstance(change, str) else (halt, change)

    def tick(self, state: State, wall: int) -> list[Record]:
        """Ends the orders that nobody renewed, in order (expiry, site, alarm)."""
        if wall < self._next:
            return []
        over = [h for h in self._sorted() if h.level and h.expires <= wall]
        made = []
        for halt in sorted(over, key=lambda h: h.expires):
            halt.level = 0
            detail = _nobody(halt, "the order was not renewed")
            change = one.move(halt.alarm, 0, 0)
            if change is not None:
                made.append(self._record(state, halt, change, halt.expires, detail))
        self._look()
        return made

    def configured(self, state: State, wanted: Configuration, now: int) -> list[Record]:
        """Withdraws the orders at sites that `wanted` retires; `state` is still the old one."""
        gone = {s.id for s in wanted.sites if s.retired}
        detail = {"principal": "configuration", "reason": "site removed"}
        made = []
        for halt in [h for h in self._sorted() if h.site in gone]:
            del self._halts[halt.site, halt.name]
            change = one.apply(halt.alarm, Event.WITHDRAW, 0)
            if change is not None:
                made.append(self._record(state, halt, change, now, detail))
        self._look()
        return made

    def _record(
        self,
        state: State,
        halt: Halt,
        change: Change,
        time: int,
        detail: dict[str, str],
    ) -> Record:
        i = self._site(state, halt.site, retired=True)
        assert i is not None
        site, (rule, _, subject) = state.plan.configuration.sites[i], halt.name.partition("~")
        who = {
            "tenant": site.tenant,
            "site": site.id,
            "rule": rule,
            "rule_hash": "",
            "subject": subject,
            "area": site.area,
            "quantity": QUANTITY,
            "asset": "",
            "unit": "",
            "message": MESSAGE,
            "basis": "",
        }
        chain = Chain(int(state.seq[i]), state.head(i).hex())
        made = one.recorded(
            chain, halt.alarm, change, who, time, detail=detail, exercise=site.exercise
        )
        state.seq[i] = chain.seq
        state.move(i, chain.digest)
        return made

    def _site(self, state: State, name: str, retired: bool = False) -> int | None:
        if state.plan is not self._plan:
            sites = state.plan.configuration.sites
            self._plan, self._index = state.plan, {s.id: i for i, s in enumerate(sites)}
        i = self._index.get(name)
        known = i is not None and (retired or not state.plan.configuration.sites[i].retired)
        return i if known else None

    def _sorted(self) -> list[Halt]:
        return [self._halts[key] for key in sorted(self._halts)]

    def _look(self) -> None:
        self._next = min((h.expires for h in self._halts.values() if h.level), default=NEVER)

    # --- snapshots -------------------------------------------------------------------------------
    def kept(self) -> list[Any]:
        """Plain values for a snapshot."""
        found: list[Any] = msgspec.to_builtins(self._sorted())
        return found

    def put_back(self, kept: list[Any]) -> None:
        """What `kept` gave. Raises msgspec.ValidationError."""
        halts = msgspec.convert(kept, list[Halt])
        self._halts = {(h.site, h.name): h for h in halts}
        self._look()


def _nobody(halt: Halt, reason: str) -> dict[str, str]:
    area = halt.name.partition("~")[2].replace(EXERCISE, AREA)
    return {"principal": area, "reason": reason}


def reply(command: Command, outcome: Outcome, reason: str, seq: int = 0) -> Reply:
    """The answer to a command."""
    return Reply(command.id, outcome, reason, command.site, command.alarm, seq, command.principal)
