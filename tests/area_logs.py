"""Sites that raise alarms, and an area log that is written as it goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lifeline.engine import alarm as one
from lifeline.engine.alarm import Alarm, Chain
from lifeline.engine.alarm_table import Event
from lifeline.engine.areas.configuration import Area, AreaConfiguration, AreaSite
from lifeline.engine.areas.core import AreaCore
from lifeline.engine.areas.entry import AreaEntry, Heard
from lifeline.engine.areas.records import AreaOut
from lifeline.engine.command import Command, Reply
from lifeline.engine.entry import Header, Tick
from lifeline.engine.level import LEVELS
from lifeline.engine.record import Record

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DISTRICT = "hefei/shushan"
HERE = f"area:{DISTRICT}"


class SiteAlarms:
    """The alarms of one site as its core would record them."""

    def __init__(self, site: str, area: str = "hefei/shushan/east") -> None:
        self.site, self.area = site, area
        self.chain = Chain()
        self.alarms: dict[str, Alarm] = {}
        self.quantities: dict[str, str] = {}
        self.time = 0

    def set(self, name: str, level: str, quantity: str = "gas.h2s", **flags: Any) -> list[Record]:
        """The alarm `<rule>~<subject>` goes to this level: one record, none if it is there."""
        self.quantities.setdefault(name, quantity)
        alarm = self.alarms.setdefault(name, Alarm())
        return self._made(name, alarm, one.move(alarm, LEVELS.index(level), self.time), flags)

    def event(self, name: str, event: Event, **flags: Any) -> list[Record]:
        """A person or the engine does something to a standing alarm."""
        alarm = self.alarms[name]
        level = 0 if event is Event.WITHDRAW else alarm.level
        return self._made(name, alarm, one.apply(alarm, event, level), flags)

    def standing(self, records: list[Record]) -> tuple[Record, ...]:
        """Of these records those that left an alarm as it stands."""
        last = {r.alarm: r for r in records}
        return tuple(r for _, r in sorted(last.items()) if r.state_after != "normal")

    def _made(
        self, name: str, alarm: Alarm, change: one.Change | None, flags: dict[str, Any]
    ) -> list[Record]:
        if change is None:
            return []
        self.time += 1
        rule, _, subject = name.partition("~")
        who = {
            "tenant": "acme",
            "site": self.site,
            "rule": rule,
            "rule_hash": "",
            "subject": subject,
            "area": self.area,
            "quantity": self.quantities[name],
            "asset": "",
            "unit": "",
            "message": "alarm.limit",
            "basis": "",
        }
        return [one.recorded(self.chain, alarm, change, who, self.time, **flags)]


@dataclass
class AreaLog:
    """An area core, its log, and everything that it made."""

    core: AreaCore = field(default_factory=AreaCore)
    entries: list[AreaEntry] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    orders: list[Command] = field(default_factory=list)
    now: int = 0
    commands: int = 0

    def put(self, payload: Any, at: int | None = None) -> AreaOut:
        """One entry, a second after the last one or at a time."""
        self.now = self.now + SECOND if at is None else at
        entry = AreaEntry(Header(appended=self.now, received=self.now), payload)
        self.entries.append(entry)
        out = self.core.step(len(self.entries), entry)
        self.records += out.records
        self.orders += [order.command for order in out.orders]
        return out

    def hear(self, *records: list[Record]) -> list[Record]:
        """What sites recorded, in one entry."""
        return self.put(Heard(tuple(r for some in records for r in some))).records

    def tick(self, after: int, resumed: bool = False) -> list[Record]:
        """Time passes."""
        self.now += after
        return self.put(Tick(self.now, resumed), at=self.now).records

    def person(self, action: Any, alarm: str, site: str = HERE, **more: Any) -> Reply:
        """A person's command to an area."""
        self.commands += 1
        (reply,) = self.put(
            Command(f"c{self.commands}", action, site, alarm, "duty", **more)
        ).replies
        return reply


def short(records: list[Record]) -> list[str]:
    """The records, shortly."""
    return [f"{r.alarm}:{r.transition}:{r.level_after}" for r in records]


def configured(
    *areas: Area,
    sites: tuple[str, ...] = ("a", "b", "c"),
    drills: tuple[str, ...] = (),
    **more: Any,
) -> AreaConfiguration:
    """These areas, over sites and drills of one street."""
    placed = tuple(
        AreaSite(site, "hefei/shushan/east", exercise=site in drills) for site in (*sites, *drills)
    )
    return AreaConfiguration(areas, placed, **more)


def replayed(
    entries: list[AreaEntry], cut: int = 0
) -> tuple[AreaCore, list[Record], list[Command]]:
    """What a core makes of a log, restored from its own snapshot behind entry `cut`."""
    core, records, orders = AreaCore(), [], []
    for position, entry in enumerate(entries, 1):
        out = core.step(position, entry)
        records += out.records
        orders += [order.command for order in out.orders]
        if position == cut:
            core = AreaCore.restore(core.snapshot())
    return core, records, orders
