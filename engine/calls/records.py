"""What the call stage makes: notices of a chain of its own for each site, and what they say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from .. import alarm as one
from ..alarm import Alarm, Chain, Change
from ..command import Reply
from ..record import AlarmState, Record, Transition
from .call import Call
from .configuration import SITE

QUANTITY: Final = "call"
DUE: Final = "call.due"
ESCALATED: Final = "call.escalated"
REPEATED: Final = "call.repeated"
CALLED: Final = "call.called"
FAILED: Final = "call.failed"
OVERDUE: Final = "call.overdue"
EXHAUSTED: Final = "call.exhausted"
ANSWERED: Final = "call.answered"
ENDED: Final = "call.ended"
SHED: Final = "call.shed"
DRILL: Final = "call.drill"
REPORT: Final = "call.report"
#: Records that ask for persons to be called: `detail.persons`, in `detail.turn`.
ASKS: Final = (DUE, ESCALATED, REPEATED, DRILL)
#: Records after which nobody is called any more.
ENDS: Final = (ANSWERED, ENDED, REPORT)


class CallOut:
    """What a step makes, in order."""

    __slots__ = ("records", "replies")

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.replies: tuple[Reply, ...] = ()

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)


class Chains(msgspec.Struct):
    """The end of each site's chain of call records, by its reserved site."""

    of: dict[str, Chain] = {}

    def write(self, call: Call, message: str, time: int, detail: dict[str, str]) -> Record:
        """The next record about a call. `detail` names the call and its alarm beside what is given;
        what is empty is left out."""
        facts = call.facts
        site = SITE + call.site
        chain = self.of.setdefault(site, Chain())
        normal = AlarmState.NORMAL
        change = Change(
            Transition.NOTICE, call.level, call.level, normal, normal, facts.onset,
            0, False, False, False,
        )  # fmt: skip
        who = {
            "tenant": facts.tenant,
            "site": site,
            "rule": message,
            "rule_hash": "",
            "subject": call.alarm,
            "area": facts.area,
            "quantity": QUANTITY,
            "asset": facts.asset,
            "unit": facts.unit,
            "message": message,
            "basis": facts.basis,
        }
        said = {
            "call": call.id,
            "alarm_site": call.site,
            "alarm": call.alarm,
            "measures": facts.quantity,
            "advice": facts.message,
            **detail,
        }
        if call.seq:
            said |= {"episode": str(call.episode), "seq": str(call.seq)}
        record = one.recorded(
            chain,
            Alarm(episode=call.first or chain.seq + 1),
            change,
            who,
            time,
            value=facts.value,
            limit=facts.limit,
            detail={name: text for name, text in said.items() if text},
            exercise=call.exercise,
        )
        call.first = call.first or record.seq
        return record
