"""Groups: what a rule judges that looks at several sensors, or at several alarms, together.

A rule with members has one group for each site, or asset of a site, at which every needed member
has somebody. Groups are subjects like sensors, numbered after sensors and links, those of one kind
together by (site, rule, name). Kinds go by stage: what a group hears is complete before it is judged.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from .configuration import Configuration, Sensor
from .errors import SpecError
from .frame import Float64, Int32, Int64
from .kinds import OF_ROWS, Kind
from .promotion import QUALITY_KINDS
from .rule import Member, Rule, Select
from .selection import SensorTable

# A pipeline section or a tank group has a handful of meters; state per member is bounded by this.
GROUP_MEMBERS: Final = 16
WEIGHTS: Final = 4  # numbers that one membership has
#: Kinds that speak of data or of the engine, not of danger: no ladder counts them unasked.
DATA_KINDS: Final = (*QUALITY_KINDS, "blind")
WHOLE_SITE: Final = "site"  # the name of a group that is a whole site


@dataclass(slots=True)
class Group:
    """One group. `sensors`: whose silence makes it unknown, ascending; `subjects`: how many those are
    whose rows or alarms are members."""

    rule: int
    site: int
    name: str
    asset: str
    members: list[tuple[int, Member]] = field(default_factory=list)
    sensors: tuple[int, ...] = ()
    subjects: int = 0

    def order(self, rule: Rule, member: Member) -> int:
        """The place of a member in its rule."""
        return next(i for i, one in enumerate(rule.members) if one is member)


@dataclass(frozen=True, eq=False)
class Groups:
    """The groups of one kind, in the order of its instances; `first` is the subject of the first.

    Memberships of group g are member_ptr[g]:member_ptr[g + 1] of `member` (a sensor, or of a kind fed by
    records an instance), `role`, `weight` (n, 4; of a kind fed by records its quantity and asset, as numbers) and
    `level`. What m belongs to: follow[follow_ptr[m]:
    follow_ptr[m + 1]], groups ascending, `place` the membership of each. table: (groups, Kind.table).
    """

    first: int
    groups: tuple[Group, ...]
    member_ptr: Int64
    member: Int32
    role: Int32
    weight: Float64
    level: Int32
    follow_ptr: Int64
    follow: Int32
    place: Int32
    table: Float64
    site_ptr: Int64  # groups of site s are site_ptr[s]:site_ptr[s + 1]

    def members_of(self, group: int) -> list[tuple[int, Member]]:
        """(sensor or instance, member of the rule) of one group."""
        return self.groups[group].members


@dataclass(frozen=True, eq=False)
class Watch:
    """Which groups' instances a sensor's silence or backlog is told to: watch[ptr[s]:ptr[s + 1]]."""

    ptr: Int64
    watch: Int32


@dataclass(slots=True)
class Instances:
    """The instances that are numbered so far: by kind subject and rule, and the groups among the subjects."""

    kind: list[Kind] = field(default_factory=list)
    subject: list[Int64] = field(default_factory=list)
    rule: list[Int64] = field(default_factory=list)
    groups: dict[int, Group] = field(default_factory=dict)

    def subject_of(self, instance: int) -> int:
        """The subject of an instance."""
        for subjects in self.subject:
            if instance < len(subjects):
                return int(subjects[instance])
            instance -= len(subjects)
        raise IndexError(instance)

    def item_of(self, configuration: Configuration, subject: int) -> tuple[str, str]:
        """Quantity and asset of a subject that is a sensor or a group."""
        group = self.groups.get(subject)
        if group is not None:
            return quantity_of(configuration, group), group.asset
        sensor = configuration.sensors[subject]
        return sensor.quantity, sensor.asset


def find_groups(
    configuration: Configuration,
    table: SensorTable,
    kind: Kind,
    rules: Iterable[int],
    before: Instances,
) -> list[Group]:
    """The groups of one kind's rules, in order. Raises SpecError for one with too many members."""
    found: list[Group] = []
    for ordinal in rules:
        rule = configuration.rules[ordinal]
        if not rule.judgements:
            continue
        finder = _RowFed if kind.stage == OF_ROWS else _RecordFed
        found += finder(configuration, table, before).groups(rule, ordinal)
    if kind.of_time:  # sensors say where a site is watched; the alarm is about none of them
        for group in found:
            group.members, group.sensors, group.subjects = [], (), 0
    for group in found:
        if kind.stage == OF_ROWS and len(group.members) > GROUP_MEMBERS:
            raise SpecError(
                "a group has too many members",
                found=f"{len(group.members)} in {group.name!r} of {configuration.rules[group.rule].id}",
                expected=f"at most {GROUP_MEMBERS}",
            )
    return sorted(found, key=lambda one: (one.site, one.rule, one.name))


def row_groups(configuration: Configuration, table: SensorTable, rule: Rule) -> list[Group]:
    """The groups of sensors that a rule has, by (site, name)."""
    found = _RowFed(configuration, table, Instances()).groups(rule, 0)
    return sorted(found, key=lambda one: (one.site, one.name))


class _RowFed:
    """Members are sensors."""

    def __init__(self, configuration: Configuration, table: SensorTable, before: Instances) -> None:
        self.configuration = configuration
        self.table = table
        self.before = before

    def groups(self, rule: Rule, ordinal: int) -> list[Group]:
        """Those in which every needed member has somebody."""
        made: dict[tuple[int, str], Group] = {}
        behind: dict[tuple[int, str], set[int]] = {}
        for member in rule.members:
            for number, site, asset, sensors in self.candidates(rule, member):
                if rule.per == "asset" and not asset:
                    continue
                name = asset if rule.per == "asset" else WHOLE_SITE
                group = made.setdefault(
                    (site, name), Group(ordinal, site, name, asset if rule.per == "asset" else "")
                )
                group.members.append((number, member))
                behind.setdefault((site, name), set()).update(sensors)
        found = [one for one in made.values() if _complete(one, rule)]
        for one in found:
            one.sensors = tuple(sorted(behind[one.site, one.name]))
            one.subjects = len({self.subject(number) for number, _ in one.members})
            one.members.sort(
                key=lambda pair: (one.order(rule, pair[1]), *self.place(rule, pair[0]))
            )
        return found

    def subject(self, number: int) -> int:
        """The subject of a member."""
        return number

    def place(self, rule: Rule, number: int) -> tuple[str, int, int]:
        """The order of memberships of one member of the rule."""
        return "", 0, number

    def candidates(
        self, rule: Rule, member: Member
    ) -> Iterable[tuple[int, int, str, tuple[int, ...]]]:
        """(number, site, asset, sensors behind it) of all that the member may be."""
        for index in self.selected(rule, member):
            sensor = self.configuration.sensors[index]
            yield index, sensor.site, sensor.asset, (index,)

    def selected(self, rule: Rule, member: Member) -> list[int]:
        """The living sensors that both selections take."""
        chosen = self.table.selected(rule)
        if member.select != Select():
            chosen = chosen & self.table.selected(Rule("", "", member.select, ()))
        return np.flatnonzero(chosen).tolist()


class _RecordFed(_RowFed):
    """Members are alarms of earlier stages; those of one item (`item_of`) and subject lie together."""

    def subject(self, number: int) -> int:
        return self.before.subject_of(number)

    def place(self, rule: Rule, number: int) -> tuple[str, int, int]:
        subject = self.before.subject_of(number)
        quantity, asset = self.before.item_of(self.configuration, subject)
        return asset if by_asset(rule) else quantity, subject, number

    def candidates(
        self, rule: Rule, member: Member
    ) -> Iterable[tuple[int, int, str, tuple[int, ...]]]:
        wanted = re.compile("|".join(fnmatch.translate(one) for one in member.rule))
        rules = self.configuration.rules
        fits = np.array([wanted.match(one.id) is not None for one in rules], np.bool_)
        chosen = set(self.selected(rule, member))
        sensors = self.configuration.sensors
        number = 0
        before = self.before
        for kind, subjects, of in zip(before.kind, before.subject, before.rule, strict=True):
            if first_hand(rule) and (kind.stage > OF_ROWS or kind.name in DATA_KINDS):
                number += len(subjects)
                continue
            for place in np.flatnonzero(fits[of]).tolist():
                subject = int(subjects[place])
                group = self.before.groups.get(subject)
                if group is not None and not chosen.isdisjoint(group.sensors):
                    yield number + place, group.site, group.asset, group.sensors
                elif subject in chosen:
                    one = sensors[subject]
                    yield number + place, one.site, one.asset, (subject,)
            number += len(subjects)


def _complete(group: Group, rule: Rule) -> bool:
    there = {id(member) for _, member in group.members}
    return all(id(member) in there for member in rule.members if member.needed)


def by_asset(rule: Rule) -> bool:
    """Whether an item of the rule is an asset, not a quantity."""
    return bool(rule.judgements[0].options.get("by_asset", 0.0))


def first_hand(rule: Rule) -> bool:
    """Whether only alarms of sensors are meant, and those that speak of danger."""
    return bool(rule.judgements[0].options.get("first_hand", 0.0))


def _items(
    configuration: Configuration, before: Instances, members: Sequence[tuple[int, Member]]
) -> Float64:
    """Quantity and asset of each alarm that is a member, as numbers."""
    codes: dict[str, int] = {}
    found = np.zeros((len(members), WEIGHTS))
    for place, (number, _) in enumerate(members):
        names = before.item_of(configuration, before.subject_of(number))
        found[place, :2] = [codes.setdefault(name, len(codes)) for name in names]
    return found


def number_groups(
    configuration: Configuration,
    kind: Kind,
    groups: Sequence[Group],
    before: Instances,
    first: int,
    followed: int,
) -> Groups:
    """The arrays of one kind's groups. `followed`: how many sensors or instances there are."""
    members = [pair for group in groups for pair in group.members]
    of = [g for g, group in enumerate(groups) for _ in group.members]
    member = np.array([number for number, _ in members], np.int32)
    weight = np.zeros((len(members), WEIGHTS))
    for place, (_, one) in enumerate(members):
        weight[place, : len(one.weight)] = one.weight
    if kind.stage > OF_ROWS:
        weight = _items(configuration, before, members)
    order = np.lexsort((np.arange(len(members)), member)).astype(np.int32)
    sites = np.array([group.site for group in groups], np.int64)
    return Groups(
        first=first,
        groups=tuple(groups),
        member_ptr=_ptr(np.array(of, np.int64), len(groups)),
        member=member,
        role=np.array([one.role for _, one in members], np.int32),
        weight=weight,
        level=np.array([one.level for _, one in members], np.int32),
        follow_ptr=_ptr(member.astype(np.int64), followed),
        follow=np.array(of, np.int32)[order],
        place=order,
        table=_tables(configuration, kind, groups),
        site_ptr=_ptr(sites, len(configuration.sites)),
    )


def _tables(configuration: Configuration, kind: Kind, groups: Sequence[Group]) -> Float64:
    table = np.zeros((len(groups), kind.table))
    for place, group in enumerate(groups if kind.table else ()):
        sensors: list[tuple[Sensor, Member]] = [
            (configuration.sensors[index], member) for index, member in group.members
        ]
        table[place] = kind.tabulate(configuration.rules[group.rule], sensors, configuration)
    return table


def watch_of(groups: Sequence[Groups], firsts: Sequence[int], sensors: int) -> Watch:
    """Which instances look after each sensor; `firsts` is each kind's first instance."""
    pairs = sorted(
        (sensor, first + place)
        for one, first in zip(groups, firsts, strict=True)
        for place, group in enumerate(one.groups)
        for sensor in group.sensors
    )
    keys = np.array([sensor for sensor, _ in pairs], np.int64)
    return Watch(_ptr(keys, sensors), np.array([k for _, k in pairs], np.int32))


def _ptr(keys: Int64, groups: int) -> Int64:
    ptr = np.zeros(groups + 1, np.int64)
    np.cumsum(np.bincount(keys, minlength=groups), out=ptr[1:])
    return ptr


def quantity_of(configuration: Configuration, group: Group) -> str:
    """What all sensors of a group measure, "" where they differ."""
    found = {configuration.sensors[index].quantity for index in group.sensors}
    return found.pop() if len(found) == 1 else ""
