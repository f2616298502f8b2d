"""A call log that is written as it goes, and a roster for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from area_logs import MINUTE, SECOND
from lifeline.engine.calls.configuration import (
    CallChain,
    CallConfiguration,
    CallSite,
    Person,
    Step,
)
from lifeline.engine.calls.core import CallCore
from lifeline.engine.calls.entry import Answer, CallEntry, Drill, Heard, Result, Sent
from lifeline.engine.calls.records import CallOut
from lifeline.engine.command import Reply
from lifeline.engine.entry import Header, Tick
from lifeline.engine.record import Record

STREET = "hefei/shushan/east"


def configured(*steps: tuple[str, ...], **more: Any) -> CallConfiguration:
    """Site `a` of one street calls these; persons exist as they are named, and are always on duty."""
    persons = more.pop("persons", None)
    if persons is None:
        names = dict.fromkeys(p for step in steps for p in step)
        persons = tuple(Person(name) for name in names)
    chains = more.pop("chains", (CallChain(site="a", steps=tuple(map(Step, steps))),))
    sites = tuple(CallSite(site, STREET) for site in ("a", "b", "c"))
    return CallConfiguration(persons, chains, sites, **more)


@dataclass
class CallLog:
    """A call core, its log, and everything that it made. `reach` answers every ask at once, by
    person: the channel, or "" for a failure; persons that it does not name are left waiting."""

    core: CallCore = field(default_factory=CallCore)
    entries: list[CallEntry] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    now: int = 0

    def put(self, payload: Any, at: int | None = None) -> list[Record]:
        """One entry, a second after the last one or at a time."""
        self.now = self.now + SECOND if at is None else at
        entry = CallEntry(Header(appended=self.now, received=self.now), payload)
        self.entries.append(entry)
        out: CallOut = self.core.step(len(self.entries), entry)
        self.records += out.records
        self.replies += out.replies
        return out.records

    def hear(self, *records: list[Record]) -> list[Record]:
        """What sites recorded, in one entry."""
        return self.put(Heard(tuple(r for some in records for r in some)))

    def tick(self, after: int, resumed: bool = False) -> list[Record]:
        """Time passes."""
        self.now += after
        return self.put(Tick(self.now, resumed), at=self.now)

    def sent(
        self, record: Record, person: str, channel: str = "sms", reason: str = ""
    ) -> list[Record]:
        """What became of telling one person what a record asks."""
        detail = record.detail
        result = Result(detail["call"], int(detail["turn"]), person, channel, reason)
        return self.put(Sent((result,)))

    def answer(self, call: str, person: str) -> Reply:
        """A person answers a drill."""
        self.put(Answer(call, person))
        return self.replies[-1]

    def drill(self, name: str = "d", site: str = "a", level: int = 4) -> Reply:
        """A drill is ordered."""
        self.put(Drill(name, site, level, "duty"))
        return self.replies[-1]


def short(records: list[Record]) -> list[str]:
    """The records, shortly: what, and who."""
    return [
        f"{r.rule.removeprefix('call.')} {r.detail.get('persons', '')}".strip() for r in records
    ]


def replayed(entries: list[CallEntry], cut: int = 0) -> tuple[CallCore, list[Record]]:
    """What a core makes of a log, restored from its own snapshot behind entry `cut`."""
    core, records = CallCore(), []
    for position, entry in enumerate(entries, 1):
        records += core.step(position, entry).records
        if position == cut:
            core = CallCore.restore(core.snapshot())
    return core, records


__all__ = ["MINUTE", "SECOND", "STREET", "CallLog", "configured", "replayed", "short"]
