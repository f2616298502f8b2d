"""The call stage against a slow oracle, over drawn histories of alarms, answers, results and time;
splits, repeats, snapshots anywhere.

The oracle reads nothing but the entries and docs/semantics.md §9: after each entry it walks through
every second that has passed, and every call in order, with plain lists.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import hypothesis.strategies as st
from hypothesis import given, settings

from area_logs import MINUTE, SECOND, SiteAlarms
from call_logs import CallLog, configured, replayed
from lifeline.engine.alarm_table import Event
from lifeline.engine.calls.configuration import CallChain, Person, Step
from lifeline.engine.calls.core import CallCore
from lifeline.engine.calls.entry import CallEntry, Drill, Heard, Result, Sent
from lifeline.engine.entry import Header, Tick
from lifeline.engine.level import LEVELS
from lifeline.engine.record import Record, first_break

WAITS = ("unacknowledged", "returned_unacknowledged")
CALLING = ("orange", "red")
ROUNDS = 2
SITES = ("a", "b")
WITHIN = {"orange": 15 * MINUTE, "red": 5 * MINUTE}
# By site: who is called, in order; `c` only by red. `night` is never on duty, `deputy` stands in.
CHAINS = {
    "a": [(["p1"], CALLING), (["p2", "night"], CALLING), (["chief"], ("red",))],
    "b": [(["night"], CALLING), (["chief"], ("red",))],
}
STAND_IN = {"night": "deputy"}


def configuration() -> Any:
    """The same in the engine's words: the street's chain stands behind that of the sites."""
    # The hour of the week in which the tests play never comes for `night`.
    persons = (
        Person("p1"),
        Person("p2"),
        Person("night", hours=((0, 1),), stand_in="deputy"),
        Person("deputy"),
        Person("chief"),
    )
    chains = (
        CallChain(site="a", steps=(Step(("p1",)), Step(("p2", "night")))),
        CallChain(site="b", steps=(Step(("night",)),)),
        CallChain(area="hefei/shushan", steps=(Step(("chief",), levels=(4,)),)),
    )
    return configured(persons=persons, chains=chains, rounds=ROUNDS)


@dataclass
class Told:
    """One call as the oracle sees it."""

    site: str
    alarm: str
    level: str
    exercise: bool
    began: int
    chain: list[list[str]]
    turn: int = 0
    round: int = 1
    step: int = -1
    asked: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    reported: set[tuple[int, str]] = field(default_factory=set)
    asks: dict[int, list[str]] = field(default_factory=dict)
    called: list[str] = field(default_factory=list)
    due: int | None = None
    over: bool = False


class Oracle:
    """What is told, as (what, who, site, alarm, time)."""

    def __init__(self) -> None:
        self.now = 0
        self.calls: list[Told] = []
        self.said: list[tuple[str, str, str, str, int]] = []
        self.seqs: dict[str, int] = {}

    def tell(self, call: Told, what: str, who: list[str] | None = None) -> None:
        self.said.append((what, ", ".join(who or []), call.site, call.alarm, self.now))

    def until(self, time: int) -> None:
        while True:
            due = [c.due for c in self.calls if not c.over and c.due is not None]
            if not due or min(due) > time:
                break
            first = min(due)
            self.now = max(self.now, first)
            call = next(c for c in self.calls if not c.over and c.due == first)
            self.silence(call)
        self.now = max(self.now, time)

    def silence(self, call: Told) -> None:
        call.due = None
        if not call.asked:
            call.round += 1
            call.step, call.called = -1, []
            self.next(call, "repeated")
            return
        silent = [p for p in call.asked if p not in call.failed]
        if silent:
            self.tell(call, "overdue", silent)
        self.next(call, "escalated")

    def next(self, call: Told, what: str) -> None:
        call.asked, call.failed = [], []
        while not call.asked and call.step + 1 < len(call.chain):
            call.step += 1
            for person in call.chain[call.step]:
                present = STAND_IN.get(person, person)
                if present not in call.called:
                    call.called.append(present)
                    call.asked.append(present)
        if call.asked:
            call.turn += 1
            call.asks[call.turn] = list(call.asked)
            call.due = self.now + WITHIN[call.level]
            self.tell(call, what, call.asked)
        else:
            call.due = self.now + WITHIN[call.level] if call.round < ROUNDS else None
            self.tell(call, "exhausted")

    def hear(self, r: Record) -> None:
        if r.seq <= self.seqs.get(r.site, 0):
            return
        self.seqs[r.site] = r.seq
        mine = [c for c in self.calls if (c.site, c.alarm) == (r.site, r.alarm) and not c.over]
        if r.state_after not in WAITS:
            for call in mine:
                call.over = True
                self.tell(call, "answered" if r.transition == "acknowledged" else "ended")
            return
        rose = LEVELS.index(r.level_after) > LEVELS.index(r.level_before)
        new = r.state_before not in WAITS or rose or r.transition == "actual"
        if r.historic or r.state_after == WAITS[1] or not new or r.level_after not in CALLING:
            return
        for call in mine:
            graver = LEVELS.index(r.level_after) > LEVELS.index(call.level)
            if not graver and call.exercise == r.exercise:
                return
            call.over = True
            self.tell(call, "ended")
        chain = [names for names, levels in CHAINS[r.site] if r.level_after in levels]
        call = Told(r.site, r.alarm, r.level_after, r.exercise, self.now, chain)
        self.calls.append(call)
        self.next(call, "due")

    def sent(self, n: int, turn: int, person: str, reached: bool) -> None:
        if n >= len(self.calls):
            return
        call = self.calls[n]
        if person not in call.asks.get(turn, []) or (turn, person) in call.reported:
            return
        call.reported.add((turn, person))
        self.tell(call, "called" if reached else "failed", [person])
        if reached or call.over or turn != call.turn or person not in call.asked:
            return
        call.failed.append(person)
        if all(p in call.failed for p in call.asked):
            self.silence(call)


Move = tuple[Any, ...]

moves = st.lists(
    st.one_of(
        st.tuples(
            st.just("alarm"),
            st.sampled_from(SITES),
            st.integers(0, 1),
            st.sampled_from((*LEVELS, "red", "orange")),
            st.sampled_from(("", "", "", "historic", "exercise")),
        ),
        st.tuples(
            st.just("event"),
            st.sampled_from(SITES),
            st.integers(0, 1),
            st.sampled_from(
                (Event.ACKNOWLEDGE, Event.ACKNOWLEDGE, Event.SHELVE, Event.WITHDRAW, Event.ACTUAL)
            ),
        ),
        st.tuples(
            st.just("sent"),
            st.integers(0, 5),
            st.integers(1, 4),
            st.sampled_from(("p1", "p2", "deputy", "chief")),
            st.booleans(),
        ),
        st.tuples(st.just("time"), st.integers(1, 20 * 60)),
    ),
    min_size=1,
    max_size=40,
)


def alarm_records(sites: dict[str, SiteAlarms], move: Move) -> list[Record]:
    """What the site records of a move; nothing where it cannot happen there."""
    kind, name, n, what = move[:4]
    site, alarm = sites[name], f"gas~{n}"
    if kind == "alarm":
        flag = move[4]
        return site.set(alarm, what, **({flag: True} if flag else {}))
    known = site.alarms.get(alarm)
    if known is None or known.state == 0:
        return []
    if what is Event.ACKNOWLEDGE and known.state not in (1, 3):
        return []
    if what is Event.ACTUAL and not known.level:
        return []
    if what is Event.SHELVE and known.state == 4:
        return []
    return site.event(alarm, what)


def names_of(log: CallLog) -> list[str]:
    """The ids of the calls, in the order in which they began."""
    first = [r for r in log.records if r.rule in ("call.due", "call.exhausted", "call.drill")]
    return list(dict.fromkeys(r.detail["call"] for r in first))


def played(history: list[Move]) -> tuple[CallLog, Oracle]:
    log, oracle = CallLog(), Oracle()
    log.put(configuration())
    log.tick(10 * MINUTE)  # behind the first minute of the week, which is the duty of `night`
    oracle.now = log.now
    sites = {name: SiteAlarms(name) for name in SITES}
    for move in history:
        if move[0] == "time":
            log.tick(move[1] * SECOND)
            oracle.until(log.now)
        elif move[0] == "sent":
            _, n, turn, person, reached = move
            calls = names_of(log)
            if n < len(calls):
                log.put(Sent((Result(calls[n], turn, person, "sms" if reached else ""),)))
                oracle.until(log.now)
                oracle.sent(n, turn, person, reached)
        else:
            records = alarm_records(sites, move)
            if records:
                log.hear(records)
                oracle.until(log.now)
                for record in records:
                    oracle.hear(record)
    return log, oracle


def said(records: list[Record]) -> list[tuple[str, str, str, str, int]]:
    return [
        (
            r.rule.removeprefix("call."),
            r.detail.get("persons", ""),
            r.detail["alarm_site"],
            r.subject,
            r.time,
        )
        for r in records
    ]


@settings(deadline=None, max_examples=300)
@given(moves)
def test_the_stage_says_what_the_oracle_says(history: list[Move]) -> None:
    log, oracle = played(history)
    assert said(log.records) == oracle.said
    open_calls = [(c.site, c.alarm) for c in oracle.calls if not c.over]
    assert sorted(c.key for c in log.core.open_calls()) == sorted(open_calls)
    for site in SITES:
        assert first_break([r for r in log.records if r.site == f"call:{site}"]) is None
    exercised = {r.detail["call"]: r.exercise for r in log.records}
    assert all(exercised[r.detail["call"]] == r.exercise for r in log.records)


@settings(deadline=None, max_examples=100)
@given(moves, st.data())
def test_a_snapshot_anywhere_leaves_no_trace(history: list[Move], data: st.DataObject) -> None:
    log, _ = played(history)
    log.drill()
    log.tick(60 * MINUTE)
    cut = data.draw(st.integers(1, len(log.entries)))
    core, records = replayed(log.entries, cut)
    assert records == log.records
    assert core.snapshot() == log.core.snapshot()


@settings(deadline=None, max_examples=100)
@given(moves, st.data())
def test_splits_repeats_and_more_ticks_change_nothing(
    history: list[Move], data: st.DataObject
) -> None:
    """Records one by one or together at one time, everything perhaps twice, and ticks in between:
    the same records."""
    log, _ = played(history)
    core, made, position = CallCore(), list[Record](), 0

    def step(entry: CallEntry) -> None:
        nonlocal position
        position += 1
        made.extend(core.step(position, entry).records)

    before = 0
    for entry in log.entries:
        at = entry.header.appended
        if at - before > 2 * SECOND and not isinstance(entry.payload, Drill):
            between = before + data.draw(st.integers(0, (at - before) // SECOND)) * SECOND
            step(CallEntry(Header(appended=between), Tick(between)))
        before = at
        match entry.payload:
            case Heard(records=records):
                for record in records:
                    step(CallEntry(entry.header, Heard((record,))))
            case _:
                step(entry)
        if isinstance(entry.payload, Heard | Sent) and data.draw(st.booleans()):
            step(entry)
    assert made == log.records
    assert core.digest() == log.core.digest()
