"""Alarms of a run: from the raise to the return, with every rise between, out of records."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ..keeping import MAINTENANCE_RULE
from ..level import LEVELS
from ..plan import Plan
from ..record import Record


class Rise(NamedTuple):
    """An alarm reaches a level above the one at which it stood (1 to 4, blue to red), at `time`.

    `historic`: it came late from a backlog and called nobody.
    """

    time: int
    level: int
    historic: bool


@dataclass(slots=True)
class Alarm:
    """One alarm from its raise to its return (None: it stands at the end of the run).

    `sensors` are those that its rule looks at: of an alarm on a group all members.
    """

    site: str
    rule: str
    subject: str
    sensors: frozenset[int]
    begin: int
    end: int | None = None
    rises: list[Rise] = field(default_factory=list)

    @property
    def level(self) -> int:
        """The highest that it reached."""
        return max(rise.level for rise in self.rises)


class Alarms:
    """Follows the records of a run; those of a site in the order of their `seq`."""

    def __init__(self) -> None:
        self.all: list[Alarm] = []
        self._standing: dict[tuple[str, str], Alarm] = {}
        self._sensors: dict[tuple[str, str], frozenset[int]] = {}

    def step(self, record: Record, plan: Plan) -> None:
        """The next record. Notices of the engine about itself, and maintenance, are no alarms."""
        if not record.episode or record.transition == "notice" or record.rule == MAINTENANCE_RULE:
            return
        before, after = (LEVELS.index(x) for x in (record.level_before, record.level_after))
        key = record.site, record.alarm
        alarm = self._standing.get(key)
        if after > before:
            if alarm is None:
                sensors = self._looks_at(key, plan)
                alarm = Alarm(record.site, record.rule, record.subject, sensors, record.time)
                self.all.append(alarm)
                self._standing[key] = alarm
            alarm.rises.append(Rise(record.time, after, record.historic))
        elif record.transition == "actual" and alarm is not None and after:
            alarm.rises.append(Rise(record.time, after, False))
        elif after == 0 and alarm is not None:
            alarm.end = record.time
            del self._standing[key]

    def _looks_at(self, key: tuple[str, str], plan: Plan) -> frozenset[int]:
        if key not in self._sensors:
            instance = plan.find(*key)
            found = () if instance is None else behind(plan, plan.subject.item(instance))
            self._sensors[key] = frozenset(found)
        return self._sensors[key]


def behind(plan: Plan, subject: int) -> tuple[int, ...]:
    """The sensors of a subject: itself, the members of a group, those of a source."""
    sensors, links = plan.configuration.sensors, plan.configuration.links
    if subject < len(sensors):
        return (subject,)
    if (group := plan.group(subject)) is not None:
        return group.sensors
    link = (subject - len(sensors)) % len(links)
    return tuple(plan.link_member[plan.link_ptr[link] : plan.link_ptr[link + 1]].tolist())


def watched(plan: Plan) -> dict[str, frozenset[int]]:
    """By rule the sensors that it looks at; one of a pack that is taken several times at those of all."""
    names = [rule.id for rule in plan.configuration.rules]
    found: dict[str, set[int]] = {name: set() for name in names}
    for rule, subject in zip(plan.rule.tolist(), plan.subject.tolist(), strict=True):
        found[names[rule]].update(behind(plan, subject))
    return {name: frozenset(sensors) for name, sensors in found.items()}
