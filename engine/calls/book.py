"""The calls that are open, their deadlines, and the chain that each goes down."""

from __future__ import annotations

from collections import Counter
from heapq import heapify, heappop, heappush
from typing import Final

from ..layout import NEVER
from ..limits import SECOND_NS
from ..record import Record
from . import records as say
from .call import Call, Outcome
from .configuration import CallConfiguration, Roster
from .limits import CLOSED_CALLS_KEPT, OPEN_CALLS
from .records import CallOut, Chains

_RED: Final = 4


class CallBook:
    """Everything that a call core knows of calls. `out` takes what the present step makes."""

    def __init__(
        self,
        configuration: CallConfiguration,
        chains: Chains,
        opened: list[Call],
        closed: list[Call],
        count: Counter[str],
    ) -> None:
        self.roster = Roster(configuration)
        self.count = count
        self.out = CallOut()
        self._chains = chains
        self.calls = {call.id: call for call in opened}
        self.closed = {call.id: call for call in closed}
        self._by_alarm = {call.key: call for call in opened}
        self._mild = sum(call.level < _RED for call in opened)
        self._due = [(c.deadline, c.number, c.id) for c in opened if c.deadline != NEVER]
        heapify(self._due)

    def find(self, name: str) -> Call | None:
        """A call that is open, or was lately."""
        return self.calls.get(name) or self.closed.get(name)

    def of_alarm(self, site: str, alarm: str) -> Call | None:
        """The open call of an alarm."""
        return self._by_alarm.get((site, alarm))

    # --- time ------------------------------------------------------------------------------------
    def next_due(self) -> int | None:
        """A lower bound of the first deadline; None where nothing pends."""
        return self._due[0][0] if self._due else None

    def due(self, until: int) -> Call | None:
        """The first call whose deadline is at most `until`, by deadline and number."""
        while self._due and self._due[0][0] <= until:
            deadline, _, name = heappop(self._due)
            call = self.calls.get(name)
            if call is not None and call.deadline == deadline:
                return call
        return None

    def set_due(self, call: Call, deadline: int) -> None:
        """The call is looked at again then; NEVER: only when something happens."""
        call.deadline = deadline
        if deadline != NEVER:
            heappush(self._due, (deadline, call.number, call.id))

    # --- the chain -------------------------------------------------------------------------------
    def open(self, call: Call, now: int) -> None:
        """Begins a call with the first round of its chain; below red only while there is room."""
        if call.level < _RED and self._mild >= OPEN_CALLS:
            self.count["shed"] += 1
            self.write(call, say.SHED, now, open=str(self._mild))
            return
        self.admit(call)
        self._begin_round(call, now)

    def admit(self, call: Call) -> None:
        """The call is open from now on."""
        self.count["begun"] += 1
        self.calls[call.id] = call
        self._by_alarm[call.key] = call
        self._mild += call.level < _RED

    def silence(self, call: Call, now: int) -> None:
        """Nobody answered in time, or nobody could be reached: the next is called, or, where the
        chain is at its end and the pause is over, the first again."""
        call.deadline = NEVER
        if not call.asked:
            self._begin_round(call, now)
            return
        silent = [person for person in call.asked if person not in call.failed]
        if silent:
            self.write(call, say.OVERDUE, now, persons=listed(silent), **where(call))
        call.step += 1
        self._ask(call, now, say.ESCALATED)

    def _begin_round(self, call: Call, now: int) -> None:
        call.round += 1
        call.step, call.done = 0, []
        call.steps = self.roster.steps(call.site, call.level, call.facts.area)
        everybody = [person for step in call.steps for person in step]
        call.regardless = not any(self.roster.instead(person, now) for person in everybody)
        self._ask(call, now, say.DUE if call.round == 1 else say.REPEATED)

    def _ask(self, call: Call, now: int, message: str) -> None:
        """Calls the present step, or the next in which anybody is on duty."""
        skipped, instead = self._choose(call, now)
        within = self.roster.within(call.site, call.level, call.facts.area)
        if not call.asked:
            self._exhausted(call, now, within, message, skipped)
            return
        call.turn += 1
        call.asked_at = now
        call.waiting += [f"{call.turn}:{person}" for person in call.asked]
        self.set_due(call, now + within)
        self.write(
            call,
            message,
            now,
            persons=listed(call.asked),
            instead=listed(instead),
            skipped=listed(skipped),
            off_duty="yes" if call.regardless else "",
            answer_by=str(now + within),
            within=seconds(within),
            **where(call),
        )

    def _choose(self, call: Call, now: int) -> tuple[list[str], list[str]]:
        """Fills `asked` from the present step on; who was skipped, and who stands in for whom."""
        call.asked, call.failed = [], []
        skipped: list[str] = []
        instead: list[str] = []
        while call.step < len(call.steps) and not call.asked:
            for person in call.steps[call.step]:
                present = person if call.regardless else self.roster.instead(person, now)
                if not present:
                    skipped.append(person)
                elif present not in call.done:
                    call.done.append(present)
                    call.asked.append(present)
                    if present != person:
                        instead.append(f"{person}: {present}")
            call.step += not call.asked
        return skipped, instead

    def _exhausted(
        self, call: Call, now: int, within: int, message: str, skipped: list[str]
    ) -> None:
        """Nobody is left to call. Told loudly; the chain is called again, as often as is set."""
        self.count["exhausted"] += 1
        again = call.round < self.roster.configuration.rounds
        self.set_due(call, now + within if again else NEVER)
        self.write(
            call,
            say.EXHAUSTED,
            now,
            cause="silent" if message == say.ESCALATED else "nobody",
            skipped=listed(skipped),
            again_at=str(now + within) if again else "",
            **where(call),
        )

    # --- the end ---------------------------------------------------------------------------------
    def end(self, call: Call, how: Outcome, now: int, by: str = "", transition: str = "") -> None:
        """The call is over, and says so."""
        message = say.ANSWERED if how == "answered" else say.ENDED
        reason = "" if how == "answered" else transition or how
        self.close(call, how, now, by)
        after = seconds(now - call.began)
        self.write(call, message, now, principal=by, reason=reason, after=after, **where(call))

    def close(self, call: Call, how: Outcome, now: int, by: str = "") -> None:
        """The call is over; what becomes of messages on their way is still recorded."""
        self.count[f"over_{how}"] += 1
        call.over, call.by, call.ended, call.deadline = how, by, now, NEVER
        del self.calls[call.id]
        self._by_alarm.pop(call.key, None)
        self._mild -= call.level < _RED
        self.closed[call.id] = call
        while len(self.closed) > CLOSED_CALLS_KEPT:
            self.closed.pop(next(iter(self.closed)))

    def write(self, call: Call, message: str, time: int, **detail: str) -> Record:
        """The next record about a call."""
        record = self._chains.write(call, message, time, detail)
        self.out.records.append(record)
        return record


def listed(names: list[str]) -> str:
    """Names in one field of a record."""
    return ", ".join(names)


def seconds(ns: int) -> str:
    """Whole seconds."""
    return f"{ns / SECOND_NS:.0f}"


def where(call: Call) -> dict[str, str]:
    """How far down the chain a call is."""
    return {
        "turn": str(call.turn),
        "round": str(call.round),
        "step": f"{min(call.step + 1, len(call.steps))}/{len(call.steps)}",
    }
