"""The core of call and respond: `out = core.step(position, entry)`, as pure as that of the sites.

One core steps the calls of one log.
docs/semantics.md §9 says exactly what it does.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import msgspec

from ..alarm import Chain
from ..entry import Recovered, Tick
from ..errors import EntryError, LogError
from ..layout import NO_TIME
from ..level import LEVELS
from ..record import Record
from ..stage_core import LogState, StageCore
from . import drills
from . import records as say
from .book import CallBook
from .call import Call, Facts, begins, call_id, waits
from .configuration import CallConfiguration, Roster
from .entry import Answer, Drill, Heard, Result, Sent, Standing
from .limits import RESUMED_NS
from .records import CallOut, Chains

MAGIC: Final = b"LCALL\x01"


class CoreState(LogState):
    """Everything that a snapshot holds. `heads` is the last seq heard of each site; `closed` are the
    last calls that are over, the oldest first."""

    number: int = 0
    configuration: CallConfiguration | None = None
    heads: dict[str, int] = msgspec.field(default_factory=dict)
    chains: Chains = msgspec.field(default_factory=Chains)
    open: list[Call] = msgspec.field(default_factory=list)
    closed: list[Call] = msgspec.field(default_factory=list)
    counters: dict[str, int] = msgspec.field(default_factory=dict)


class CallCore(StageCore[CoreState, CallOut]):
    """Steps a call log. Starts empty; what comes before the first `config` entry calls by the
    levels that call unless set, and finds nobody to call."""

    def __init__(self, state: CoreState | None = None) -> None:
        self._state = state or CoreState()
        self._count = Counter(self._state.counters)
        self._book = CallBook(
            self._state.configuration or CallConfiguration(),
            self._state.chains,
            self._state.open,
            self._state.closed,
            self._count,
        )

    # --- stepping --------------------------------------------------------------------------------
    def _begin(self) -> CallOut:
        self._book.out = CallOut()
        return self._book.out

    def _apply(self, payload: Any) -> None:
        book, now = self._book, self._state.now
        match payload:
            case Heard():
                for record in payload.records:
                    self._heard(record)
            case Standing():
                self._stands(payload)
            case Sent():
                for result in payload.results:
                    self._sent(result)
            case Answer():
                book.out.replies = (drills.answer(book, payload, now),)
            case Drill():
                self._state.number += 1
                book.out.replies = (drills.begin(book, payload, self._state.number, now),)
            case CallConfiguration():
                self._state.configuration = payload
                book.roster = Roster(payload)
            case Recovered():
                self._recovered(payload)
            case Tick():
                pass
            case _:
                raise EntryError(f"{type(payload).__name__} does not stand in a call log")

    # --- time ------------------------------------------------------------------------------------
    def _pass_time(self, now: int) -> None:
        """Everything that is due by `now` happens at its own due, in order of due and number."""
        while (call := self._book.due(now)) is not None:
            self._state.now = at = max(self._state.now, call.deadline)
            if call.drill:
                drills.report(self._book, call, at)
            else:
                self._book.silence(call, at)
        self._state.now = now

    def _blind(self, tick: Tick) -> None:
        """Nobody stepped the log for a while: what fell due meanwhile waits for the answers that
        waited meanwhile."""
        if not tick.resumed or self._state.now == NO_TIME:
            return
        for call in self._book.calls.values():
            if call.deadline <= tick.time:
                self._book.set_due(call, tick.time + RESUMED_NS)

    # --- what is heard ---------------------------------------------------------------------------
    def _heard(self, record: Record) -> None:
        heads = self._state.heads
        if record.seq <= heads.get(record.site, 0):
            self._count["repeated"] += 1
            return
        heads[record.site] = record.seq
        self._count["heard"] += 1
        self._take(record, begins(record))

    def _stands(self, payload: Standing) -> None:
        heads, calls = self._state.heads, self._book.calls
        for site, seq in payload.heads.items():
            heads[site] = max(seq, heads.get(site, 0))
        waiting = {(r.site, r.alarm) for r in payload.records if waits(r)}
        for call in [c for c in calls.values() if not c.drill and c.key not in waiting]:
            self._book.end(call, "gone", self._state.now)
        for record in payload.records:
            self._take(record, waits(record) and not record.historic)

    def _take(self, record: Record, asks: bool) -> None:
        """The record moves the call of its alarm, or begins one."""
        book, now = self._book, self._state.now
        call = book.of_alarm(record.site, record.alarm)
        level = LEVELS.index(record.level_after)
        if call is not None and not waits(record):
            by = record.detail.get("principal", "")
            answered = record.transition == "acknowledged"
            book.end(call, "answered" if answered else "withdrawn", now, by, record.transition)
            return
        if not asks or level not in book.roster.configuration.levels:
            return
        if call is not None:
            if level <= call.level and record.exercise == call.exercise:
                return
            book.end(call, "risen", now)
        self._state.number += 1
        name = call_id(record.site, record.alarm, record.episode, record.seq, level)
        call = Call(
            name, self._state.number, record.site, record.alarm, level, now, Facts.of(record),
            record.episode, record.seq, record.exercise,
        )  # fmt: skip
        book.open(call, now)

    def _sent(self, result: Result) -> None:
        book, now = self._book, self._state.now
        call = book.find(result.call)
        if call is None or not call.took(result.turn, result.person):
            self._count["repeated"] += 1
            return
        reached = bool(result.channel)
        self._count["called" if reached else "failed"] += 1
        more = {"channel": result.channel, "reason": result.reason, "turn": str(result.turn)}
        message = say.CALLED if reached else say.FAILED
        book.write(call, message, now, persons=result.person, **more)
        if reached:
            if result.person not in call.reached:
                call.reached.append(result.person)
            return
        if call.over or result.turn != call.turn or result.person not in call.asked:
            return
        call.failed.append(result.person)
        if call.drill:
            drills.report_if_whole(book, call, now)
        elif call.nobody_reached():
            book.silence(call, now)

    def _recovered(self, payload: Recovered) -> None:
        for site, head in payload.heads.items():
            chain = self._state.chains.of.setdefault(site, Chain())
            if head.seq > chain.seq:
                chain.seq, chain.head = head.seq, head.hash

    # --- snapshots -------------------------------------------------------------------------------
    def snapshot(self) -> bytes:
        """Everything that this core is, cut at `position`, in a plain versioned format."""
        state = self._state
        state.open = list(self._book.calls.values())
        state.closed = list(self._book.closed.values())
        state.counters = dict(self._count)
        return MAGIC + msgspec.json.encode(state, order="deterministic")

    @classmethod
    def restore(cls, data: bytes) -> CallCore:
        """The core of a snapshot. Raises LogError where the bytes are not one."""
        if not data.startswith(MAGIC):
            raise LogError("not a snapshot of calls that this version reads")
        try:
            return cls(msgspec.json.decode(data[len(MAGIC) :], type=CoreState))
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise LogError(f"a snapshot of calls cannot be read: {error}") from error

    # --- what others ask -------------------------------------------------------------------------
    @property
    def configuration(self) -> CallConfiguration | None:
        """The configuration in force."""
        return self._state.configuration

    def next_due(self) -> int | None:
        """A lower bound of when time will bring something, ns; None where nothing pends."""
        return self._book.next_due()

    def find(self, name: str) -> Call | None:
        """A call that is open, or was lately. Any thread may ask, and only look."""
        return self._book.find(name)

    def open_calls(self) -> list[Call]:
        """Every call that is not over, by number. Any thread may ask, and only look."""
        calls = list(self._book.calls.values())  # in one go: the stepping thread may change it
        calls.sort(key=lambda call: call.number)
        return calls

    def site_heads(self) -> dict[str, tuple[int, bytes]]:
        """(seq, chain hash) of every site that has a call record, by its reserved site."""
        found = self._state.chains.of.items()
        return {site: (chain.seq, chain.digest) for site, chain in found if chain.seq}
