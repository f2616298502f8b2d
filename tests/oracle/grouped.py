"""What a group is, and what it is told within one moment. Page §10."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lifeline.engine.configuration import Configuration
from lifeline.engine.rule import Member, NormalGroup, Rule

if TYPE_CHECKING:
    from .plant import Instance
    from .sensing import Seen


class Of(NamedTuple):
    """One member: a sensor, or an alarm; and the sensors behind it."""

    sensor: int | None
    alarm: Instance | None
    site: int
    asset: str
    sensors: tuple[int, ...]


class Told(NamedTuple):
    """A virtual row of a kind fed by rows. `quality` is good, suspect or bad; x may be NaN; `detail` is what a
    record of this moment says."""

    t: int
    x: float
    quality: str
    lag: int
    tolerance: float = 0.0
    close: bool = False  # a float computation could not tell
    detail: Mapping[str, str] = MappingProxyType({})


class GroupMemory(Protocol):
    """What a kind that is fed by rows keeps of a group."""

    def take(self, sensor: int, seen: Seen, instance: Instance) -> Told | None:
        """A row of one of the group's sensors: forward or a conflict, also bad."""
        ...


# Kinds that judge sites at ticks: sensors say only which sites are watched.
OF_TIME = ("blind",)
# Kinds that are fed by rows, and how each remembers.
BY_ROWS: dict[str, Callable[[], GroupMemory]] = {}


class Ticks:
    """What a kind of time keeps: nothing, and it has no members."""

    def take(self, sensor: int, seen: Seen, instance: Instance) -> Told | None:
        """Nobody's row is this group's."""
        raise AssertionError("a kind of time has no members")


@dataclass
class Concern:
    """What concerns a group within one moment: who fell silent or was heard, in order; the measure's
    cause; whether a backlog ended."""

    presence: list[tuple[str, int, bool]] = field(default_factory=list)
    time: int | None = None
    historic: bool = False
    uncertain: bool = False
    told: Told | None = None
    again: bool = False
    caught_up: int | None = None

    def ask(self, time: int, historic: bool, uncertain: bool) -> None:
        """The measure may have changed."""
        self.time = time if self.time is None else max(self.time, time)
        self.historic |= historic
        self.uncertain |= uncertain


@dataclass
class Grouped:
    """One group of a rule."""

    site: int
    name: str
    members: list[tuple[Member, Of]] = field(default_factory=list)
    number: int = 0
    unknown: bool = False
    after_bad: bool = False
    judged: int | None = None
    memory: GroupMemory | None = None
    named: tuple[str, ...] = ()  # the sensors of its members, in order
    learned: NormalGroup | None = None

    @property
    def sensors(self) -> tuple[int, ...]:
        """All that are behind its members."""
        return tuple(sorted({index for _, of in self.members for index in of.sensors}))

    def adopt(self, old: Grouped, keep: bool) -> None:
        """Take over the state of what this was before the configuration changed; what it keeps of its members
        where these, what was learned and the geometry (`keep`) are as they were."""
        self.unknown, self.after_bad, self.judged = old.unknown, old.after_bad, old.judged
        if not keep or self.learned != old.learned:
            return
        if [_known(one) for one in self.members] == [_known(one) for one in old.members]:
            self.memory = old.memory


def _known(one: tuple[Member, Of]) -> tuple[object, ...]:
    member, of = one
    weight = (*member.weight, 0.0, 0.0, 0.0, 0.0)[:4]
    return of.sensor, None if of.alarm is None else of.alarm.key, member.role, weight, member.level


def grouped(
    configuration: Configuration, rule: Rule, found: Iterable[tuple[Member, Of]]
) -> list[Grouped]:
    """One group for each site, or asset, in which every needed member has somebody."""
    made: dict[tuple[int, str], Grouped] = {}
    for member, of in found:
        name = of.asset if rule.per == "asset" else "site"
        if name:
            group = made.setdefault((of.site, name), Grouped(of.site, name))
            group.members.append((member, of))
    found = [
        one
        for one in made.values()
        if all(any(x is member for x, _ in one.members) for member in rule.members if member.needed)
    ]
    for one in found if rule.kind in OF_TIME else ():
        one.members = []
    return found
