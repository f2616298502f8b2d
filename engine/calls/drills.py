"""Drills: everybody of a chain is called at once, and each answers for themselves."""

from __future__ import annotations

from typing import Any

from ..command import Reply
from . import records as say
from .book import CallBook, listed, seconds
from .call import Call, Facts, drill_id
from .entry import Answer, Drill


def begin(book: CallBook, order: Drill, number: int, now: int) -> Reply:
    """Calls everybody, whatever their hours; or says why not."""
    name = drill_id(order.id)
    known = book.find(name)
    if known is not None:
        return _reply(order.id, "repeated", "this drill was ordered before", name, known.first)
    steps = book.roster.steps(order.site, order.level)
    if not steps:
        reason = f"the roster names nobody for {order.site} at this level"
        return _reply(order.id, "refused", reason, name)
    area = book.roster.area_of(order.site)
    facts = Facts("", area, "drill", "", "", "", "", None, None, now, "", "")
    call = Call(
        name, number, order.site, f"drill~{name}", order.level, now, facts,
        exercise=True, drill=order.principal, round=1, turn=1, asked_at=now,
    )  # fmt: skip
    book.admit(call)
    call.asked = [person for step in steps for person in step]
    call.waiting = [f"1:{person}" for person in call.asked]
    within = book.roster.within(order.site, order.level)
    book.set_due(call, now + within)
    record = book.write(
        call,
        say.DRILL,
        now,
        persons=listed(call.asked),
        principal=order.principal,
        reason=order.reason,
        answer_by=str(now + within),
        within=seconds(within),
        turn="1",
    )
    return _reply(order.id, "done", "", name, record.seq)


def answer(book: CallBook, given: Answer, now: int) -> Reply:
    """A person answers; once all have, or cannot, the drill is reported."""
    call, name = book.calls.get(given.call), f"{given.call}:{given.person}"
    if call is None or not call.drill:
        return _reply(name, "refused", "no such drill is under way", given.call)
    if given.person not in call.asked:
        return _reply(name, "refused", "this person was not called", given.call)
    if given.person in call.answers:
        return _reply(name, "repeated", "this person has answered", given.call)
    call.answers[given.person] = now
    after = seconds(now - call.began)
    person = f"person:{given.person}"
    record = book.write(call, say.ANSWERED, now, principal=person, after=after)
    report_if_whole(book, call, now)
    return _reply(name, "done", "", given.call, record.seq)


def report_if_whole(book: CallBook, call: Call, now: int) -> None:
    """Ends the drill where nothing more can come."""
    if all(person in call.answers or person in call.failed for person in call.asked):
        report(book, call, now)


def report(book: CallBook, call: Call, now: int) -> None:
    """Ends the drill and says who answered."""
    answered = [f"{p} {seconds(t - call.began)} s" for p, t in call.answers.items()]
    silent = [p for p in call.asked if p not in call.answers and p not in call.failed]
    failed = [p for p in call.failed if p not in call.answers]
    book.close(call, "reported", now)
    book.write(
        call,
        say.REPORT,
        now,
        answered=listed(answered),
        silent=listed(silent),
        failed=listed(failed),
        count=f"{len(answered)}/{len(call.asked)}",
    )


def _reply(name: str, outcome: Any, reason: str, call: str, seq: int = 0) -> Reply:
    return Reply(name, outcome, reason, "", call, seq)
