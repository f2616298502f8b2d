"""Makes a plan: rules × registry compiled into flat arrays, kind by kind."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from . import layout as at
from .beside import Beside, compile_beside
from .configuration import Configuration
from .frame import Float64, Int32, Int64
from .groups import Group, Groups, Instances, find_groups, number_groups, watch_of
from .kinds import OF_ROWS, OF_SENSORS, STALENESS, Kind, kind_named
from .level import LEVEL_COUNT
from .plan import KindPlan, Plan
from .rule import Judgement, Rule
from .selection import SensorTable

OPTION_PLACES = 16


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
