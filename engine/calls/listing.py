"""Calls as a list, made of their records: for people beside a running engine, and for programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from ..record import Record
from . import records as say

State = Literal["open", "answered", "exhausted", "ended", "shed", "reported"]
_STATES: dict[str, State] = {
    say.ANSWERED: "answered",
    say.EXHAUSTED: "exhausted",
    say.ENDED: "ended",
    say.SHED: "shed",
    say.REPORT: "reported",
}


class Listed(msgspec.Struct):
    """One call. Times are ns UTC; `answer_by` is 0 where nobody is asked now.

    state      open, answered, exhausted (open all the same), ended without an answer, shed, reported
    asked      whom the last turn called; `reached` who got a message, by channel; `failed` why not
    answered   who answered, after how many seconds; in a drill there may be many
    """

    id: str
    level: str
    site: str
    area: str
    alarm: str
    exercise: bool
    began: int
    last: int = 0
    state: State = "open"
    round: int = 1
    answer_by: int = 0
    asked: list[str] = []
    reached: dict[str, str] = {}
    failed: dict[str, str] = {}
    answered: dict[str, str] = {}
    overdue: list[str] = []
    reason: str = ""

    @property
    def drill(self) -> bool:
        """Whether it was ordered as a drill."""
        return self.alarm.startswith("drill~")

    @property
    def is_open(self) -> bool:
        """Whether somebody should still answer."""
        return self.state in ("open", "exhausted")

    def take(self, record: Record) -> None:
        """The next record about it."""
        detail, self.last = record.detail, record.time
        persons = [p for p in detail.get("persons", "").split(", ") if p]
        if record.message in say.ASKS:
            self.asked, self.state = persons, "open"
            self.round = int(detail.get("round", "1"))
            self.answer_by = int(detail["answer_by"])
        elif record.message == say.CALLED:
            self.reached |= dict.fromkeys(persons, detail.get("channel", ""))
        elif record.message == say.FAILED:
            self.failed |= dict.fromkeys(persons, detail.get("reason", ""))
        elif record.message == say.OVERDUE:
            self.overdue += [p for p in persons if p not in self.overdue]
        else:
            self._over(record)

    def _over(self, record: Record) -> None:
        detail = record.detail
        if record.message == say.ANSWERED:
            self.answered[detail.get("principal", "")] = detail.get("after", "")
            if self.drill:
                return
        self.state = _STATES.get(record.message, self.state)
        self.answer_by = int(detail.get("again_at", "0"))
        self.reason = detail.get("reason", "") or detail.get("cause", "")


def listed(records: Iterable[Record]) -> list[Listed]:
    """Every call of which a record is there, in the order in which they began."""
    found: dict[str, Listed] = {}
    for record in records:
        name = record.detail.get("call", "")
        if record.quantity != say.QUANTITY or not name:
            continue
        if name not in found:
            found[name] = Listed(
                name,
                record.level_after,
                record.detail.get("alarm_site", ""),
                record.area,
                record.subject,
                record.exercise,
                record.time,
            )
        found[name].take(record)
    return list(found.values())
