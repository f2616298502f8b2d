"""A plan: rules × registry as flat arrays. No Python object per instance.

Subjects are numbered sensors first, then links twice (the subjects of `stale` for sensors that were
never heard, and for links of which nobody is heard any more), then groups. Instances are ordered by (stage, kind, subject,
ordinal); a kind's instances lie together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from . import layout as at
from .beside import Beside, compile_beside
from .configuration import Configuration, pack
from .frame import Float64, Int32, Int64
from .groups import (
    Group,
    Groups,
    Instances,
    Watch,
    find_groups,
    number_groups,
    quantity_of,
    watch_of,
)
from .kinds import OF_ROWS, OF_SENSORS, STALENESS, Kind, kind_named
from .level import LEVEL_COUNT
from .record import Identity
from .rule import Judgement, Rule
from .selection import SensorTable

OPTION_PLACES = 16
BY_ASSET = "asset"  # the first-out group that is an asset


@dataclass(frozen=True)
class KindPlan:
    """The instances of one kind: first..last of all instances, by subject through `ptr`."""

    kind: Kind
    first: int
    last: int
    ptr: Int64  # (subjects + 1,)
    beside: Beside | None = None
    groups: Groups | None = None

    @cached_property
    def most(self) -> int:
        """The most instances that one subject has."""
        return int(np.diff(self.ptr).max(initial=0))


@dataclass(frozen=True, eq=False)
class Plan:
    """What the core runs. Immutable; a new configuration makes a new one.

    subject, rule, judgement, param: int32, one per instance; `params` PARAM and `options` float64
    (params, OPTION_PLACES), one row per (rule, judgement). `at_link`: int32 (instances, 2), for an instance of a stale
    rule on a sensor the two on its link: for those never heard, for the link itself (-1 elsewhere).
    `link_ptr`, `link_member`: the sensors of each link that are not retired. `groups`: the subjects that are
    groups, in order; `watch` whom their sensors' silence is told to.
    """

    configuration: Configuration
    version: bytes
    kinds: tuple[KindPlan, ...]
    rule_hash: tuple[str, ...]
    subject: Int32
    rule: Int32
    judgement: Int32
    param: Int32
    params: npt.NDArray[np.void]
    options: Float64
    scale: Float64  # (params,): what a person's number is of the measure
    at_link: Int32
    site_ptr: Int64
    site_member: Int64
    site_link_ptr: Int64
    site_link: Int64
    link_ptr: Int64
    link_member: Int64
    groups: tuple[Group, ...]
    watch: Watch

    @cached_property
    def packed(self) -> bytes:
        """The configuration as a snapshot keeps it; made once, since it may take a second."""
        return pack(self.configuration)

    @property
    def subjects(self) -> int:
        """Sensors, links twice, and groups."""
        return self.first_group + len(self.groups)

    @property
    def first_group(self) -> int:
        """The subject of the first group."""
        return len(self.configuration.sensors) + 2 * len(self.configuration.links)

    def group(self, subject: int) -> Group | None:
        """The group that a subject is."""
        return self.groups[subject - self.first_group] if subject >= self.first_group else None

    def subject_name(self, subject: int) -> str:
        """The sensor's id; of a link `source:<id>` for its sensors that were never heard, and
        `link:<id>` for itself; a group's name."""
        sensors, links = self.configuration.sensors, self.configuration.links
        if subject < len(sensors):
            return sensors[subject].id
        if (group := self.group(subject)) is not None:
            return group.name
        again, link = divmod(subject - len(sensors), len(links))
        return f"{'link' if again else 'source'}:{links[link].source}"

    def site_of(self, subject: int) -> int:
        """Index of the subject's site."""
        sensors = self.configuration.sensors
        if subject < len(sensors):
            return sensors[subject].site
        if (group := self.group(subject)) is not None:
            return group.site
        links = self.configuration.links
        return links[(subject - len(sensors)) % len(links)].site

    def describe(self, instance: int) -> Identity:
        """What every record of this instance's alarm says."""
        subject = self.subject.item(instance)
        at_rule = self.rule.item(instance)
        config = self.configuration
        rule = config.rules[at_rule]
        if subject < len(config.sensors):
            sensor = config.sensors[subject]
            quantity, asset = sensor.quantity, sensor.asset
        else:
            group = self.group(subject)
            quantity = "" if group is None else quantity_of(config, group)
            asset = "" if group is None else group.asset
        name = self.subject_name(subject)
        site = config.sites[self.site_of(subject)]
        return Identity(
            site.tenant,
            site.id,
            rule.id,
            self.rule_hash[at_rule],
            name,
            site.area,
            quantity,
            asset,
            rule.judgements[self.judgement.item(instance)].unit,
            rule.message or f"alarm.{rule.kind}",
            rule.basis,
        )

    @cached_property
    def first_out(self) -> Int32:
        """The first-out group of every instance, -1 for none; empty where no rule has any."""
        config = self.configuration
        if not any(rule.first_out for rule in config.rules):
            return np.zeros(0, np.int32)
        found = np.full(len(self.subject), -1, np.int32)
        groups: dict[tuple[int, bool, str], int] = {}
        for k, (subject, number) in enumerate(
            zip(self.subject.tolist(), self.rule.tolist(), strict=True)
        ):
            by_asset = config.rules[number].first_out == BY_ASSET
            name = self._asset(subject) if by_asset else config.rules[number].first_out
            if name:
                key = (self.site_of(subject), by_asset, name)
                found[k] = groups.setdefault(key, len(groups))
        return found

    def _asset(self, subject: int) -> str:
        """The asset of a sensor or a group, "" for none."""
        if subject < len(self.configuration.sensors):
            return self.configuration.sensors[subject].asset
        group = self.group(subject)
        return "" if group is None else group.asset

    @cached_property
    def every_sensor(self) -> Int64:
        """The number of every sensor, for kernels that take a selection."""
        return np.arange(len(self.configuration.sensors), dtype=np.int64)

    @cached_property
    def every_link(self) -> Int64:
        """The number of every link, likewise."""
        return np.arange(len(self.configuration.links), dtype=np.int64)

    def find(self, site: str, alarm: str) -> int | None:
        """The instance of `<rule>~<subject>` at a site, or None.

        A pack that is taken for several assets has a rule of one id for each of them.
        """
        rule_id, _, name = alarm.partition("~")
        config = self.configuration
        rules = [i for i, r in enumerate(config.rules) if r.id == rule_id]
        sites = [i for i, s in enumerate(config.sites) if s.id == site]
        if not rules or not sites:
            return None
        for instance in np.flatnonzero(np.isin(self.rule, rules)):
            subject = int(self.subject[instance])
            if self.site_of(subject) == sites[0] and self.subject_name(subject) == name:
                return int(instance)
        return None


def grouped(keys: npt.NDArray[np.integer], groups: int) -> tuple[Int64, Int64]:
    """(ptr, members): members of group g, in order, are members[ptr[g]:ptr[g+1]]."""
    members = np.argsort(keys, kind="stable").astype(np.int64)
    ptr = np.zeros(groups + 1, np.int64)
    np.cumsum(np.bincount(keys, minlength=groups), out=ptr[1:])
    return ptr, members


def _fill_param(row: npt.NDArray[np.void], rule: Rule, judgement: Judgement) -> None:
    row["high"], row["clear_high"] = np.inf, np.inf
    row["low"], row["clear_low"] = -np.inf, -np.inf
    for number in range(LEVEL_COUNT):
        level = judgement.levels[number]
        if level.high is not None:
            row["high"][number] = level.high
            row["clear_high"][number] = level.high - level.deadband
        if level.low is not None:
            row["low"][number] = level.low
            row["clear_low"][number] = level.low + level.deadband
        row["on"][number], row["off"][number] = level.on_delay, level.off_delay
    if rule.flapping is not None:
        row["brim"] = rule.flapping.within
        row["drip"] = rule.flapping.within // rule.flapping.raises
    row["used"] = max((i + 1 for i, x in enumerate(judgement.levels) if x.used), default=0)


def _params(rules: tuple[Rule, ...]) -> tuple[npt.NDArray[np.void], Float64, list[int]]:
    first: list[int] = []
    total = 0
    for rule in rules:
        first.append(total)
        total += len(rule.judgements)
    params = np.zeros(max(total, 1), at.PARAM)
    options = np.zeros((max(total, 1), OPTION_PLACES))
    for start, rule in zip(first, rules, strict=True):
        names = kind_named(rule.kind).options
        for number, judgement in enumerate(rule.judgements):
            _fill_param(params[start + number], rule, judgement)
            for place, name in enumerate(names):
                options[start + number, place] = judgement.options.get(name, 0.0)
    return params, options, first


def _instances_of(
    rule: Rule, table: SensorTable, configuration: Configuration
) -> tuple[Int64, Int32]:
    """Subjects of one rule and their judgements; links too where silence is judged."""
    judgement = table.judgement_of(rule, table.selected(rule))
    subjects = np.flatnonzero(judgement >= 0).astype(np.int64)
    numbers = judgement[subjects]
    if kind_named(rule.kind).style == STALENESS and len(subjects):
        link_of = np.array([s.link for s in configuration.sensors], np.int64)
        links = np.unique(link_of[subjects]) + len(configuration.sensors)
        subjects = np.concatenate([subjects, links, links + len(configuration.links)])
        numbers = np.concatenate([numbers, np.zeros(2 * len(links), np.int32)])
    return subjects, numbers.astype(np.int32)


class _Compiling:
    """The instances of a configuration, kind by kind in the order in which they are numbered."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.table = SensorTable(configuration)
        self.columns: list[tuple[Int64, Int64, Int32]] = []
        self.kinds: list[tuple[Kind, Beside | None, Groups | None]] = []
        self.before = Instances()
        self.groups: list[Group] = []
        of: dict[str, list[int]] = {}
        for ordinal, rule in enumerate(configuration.rules):
            of.setdefault(rule.kind, []).append(ordinal)
        for kind in sorted(map(kind_named, of), key=lambda one: (one.stage, one.name)):
            add = self._add if kind.stage == OF_SENSORS else self._add_groups
            add(kind, of[kind.name])

    def _add(self, kind: Kind, ordinals: list[int]) -> None:
        chunks = [
            _instances_of(self.configuration.rules[ordinal], self.table, self.configuration)
            for ordinal in ordinals
        ]
        subject = np.concatenate([subjects for subjects, _ in chunks])
        number = np.concatenate([numbers for _, numbers in chunks])
        rule_of = np.repeat(np.array(ordinals, np.int64), [len(s) for s, _ in chunks])
        order = np.lexsort((rule_of, subject))
        subject, rule_of, number = subject[order], rule_of[order], number[order]
        beside = None
        if kind.beside:
            beside = compile_beside(self.configuration, self.table, subject, rule_of)
        self._put(kind, subject, rule_of, number, beside, None)

    def _add_groups(self, kind: Kind, ordinals: list[int]) -> None:
        config = self.configuration
        found = find_groups(config, self.table, kind, ordinals, self.before)
        sensors = len(config.sensors)
        first = sensors + 2 * len(config.links) + len(self.groups)
        instances = sum(len(column[0]) for column in self.columns)
        followed = sensors if kind.stage == OF_ROWS else instances
        groups = number_groups(config, kind, found, self.before, first, followed)
        self.before.groups |= {first + place: group for place, group in enumerate(found)}
        self.groups += found
        subject = np.arange(first, first + len(found), dtype=np.int64)
        rule_of = np.array([group.rule for group in found], np.int64)
        self._put(kind, subject, rule_of, np.zeros(len(found), np.int32), None, groups)

    def _put(
        self,
        kind: Kind,
        subject: Int64,
        rule_of: Int64,
        number: Int32,
        beside: Beside | None,
        groups: Groups | None,
    ) -> None:
        self.columns.append((subject, rule_of, number))
        self.kinds.append((kind, beside, groups))
        self.before.kind.append(kind)
        self.before.subject.append(subject)
        self.before.rule.append(rule_of)

    def plans(self) -> list[KindPlan]:
        """One per kind that has rules."""
        config, found, first = self.configuration, [], 0
        subjects = len(config.sensors) + 2 * len(config.links) + len(self.groups)
        for (kind, beside, groups), (subject, _, _) in zip(self.kinds, self.columns, strict=True):
            ptr = np.zeros(subjects + 1, np.int64)
            np.cumsum(np.bincount(subject, minlength=subjects), out=ptr[1:])
            last = first + len(subject)
            found.append(KindPlan(kind, first, last, ptr + first, beside, groups))
            first = last
        return found


def groups_of(configuration: Configuration) -> tuple[Group, ...]:
    """The groups of a configuration, in order. Raises SpecError as `compile_plan`."""
    return tuple(_Compiling(configuration).groups)


def compile_plan(configuration: Configuration, version: bytes) -> Plan:
    """The plan of a configuration. Raises SpecError for a kind that is not installed, and for a
    group of too many."""
    sensors, links = configuration.sensors, configuration.links
    params, options, first_param = _params(configuration.rules)
    compiling = _Compiling(configuration)
    kinds = compiling.plans()
    subject, rule_of, number = _stacked(compiling.columns)
    site_of = np.array([s.site for s in sensors] + 2 * [x.site for x in links], np.int64)
    link_site = np.array([x.site for x in links], np.int64)
    site_ptr, site_member = grouped(site_of, len(configuration.sites))
    site_link_ptr, site_link = grouped(link_site, len(configuration.sites))
    living = np.array([i for i, s in enumerate(sensors) if not s.retired], np.int64)
    link_ptr, places = grouped(np.array([sensors[i].link for i in living], np.int64), len(links))
    staged = [kind for kind in kinds if kind.groups is not None]
    return Plan(
        configuration=configuration,
        version=version,
        kinds=tuple(kinds),
        rule_hash=tuple(rule.hash().hex() for rule in configuration.rules),
        subject=subject.astype(np.int32),
        rule=rule_of.astype(np.int32),
        judgement=number,
        param=(np.array(first_param or [0], np.int64)[rule_of] + number).astype(np.int32),
        params=params,
        options=options,
        scale=np.array([j.scale for r in configuration.rules for j in r.judgements] or [1.0]),
        at_link=_link_instances(configuration, kinds, subject, rule_of),
        site_ptr=site_ptr,
        site_member=site_member,
        site_link_ptr=site_link_ptr,
        site_link=site_link,
        link_ptr=link_ptr,
        link_member=living[places],
        groups=tuple(compiling.groups),
        watch=watch_of(
            [kind.groups for kind in staged if kind.groups is not None],
            [kind.first for kind in staged],
            len(sensors),
        ),
    )


def _stacked(columns: list[tuple[Int64, Int64, Int32]]) -> tuple[Int64, Int64, Int32]:
    if not columns:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int32)
    subject, rule_of, number = (np.concatenate(c) for c in zip(*columns, strict=True))
    return subject, rule_of, number


def _link_instances(
    configuration: Configuration, kinds: list[KindPlan], subject: Int64, rule_of: Int64
) -> Int32:
    """For each instance of a stale rule on a sensor, the two of the same rule on its link."""
    at_link = np.full((len(subject), 2), -1, np.int32)
    sensors = len(configuration.sensors)
    link_of = np.array([s.link for s in configuration.sensors], np.int64)
    for plan in kinds:
        if plan.kind.style != STALENESS:
            continue
        own = np.arange(plan.first, plan.last)
        on_link = own[subject[own] >= sensors]
        on_sensor = own[subject[own] < sensors]
        width = 2 * len(configuration.links) + 1
        keys = rule_of[on_link] * width + (subject[on_link] - sensors)
        order = np.argsort(keys)
        for again in (0, 1):
            place = link_of[subject[on_sensor]] + again * len(configuration.links)
            wanted = rule_of[on_sensor] * width + place
            at_link[on_sensor, again] = on_link[order[np.searchsorted(keys[order], wanted)]]
    return at_link
