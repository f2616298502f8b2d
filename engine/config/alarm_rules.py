"""Rules that judge other rules' alarms: that what they name exists, comes before them, and is enough."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase

from ..configuration import Configuration, Link, Sensor, Site
from ..groups import Group
from ..level import LEVELS
from ..rule import Rule
from ..selection import is_pattern
from .doubtful import Doubtful
from .nearest import listed, nearest
from .problems import Problems, quoted
from .rules_loading import AuthorKind


def check_alarm_rules(
    rules: Sequence[Rule],
    kinds: Mapping[str, AuthorKind],
    where: Mapping[str, str],
    plant: tuple[Sequence[Site], Sequence[Sensor]],
    doubtful: Doubtful,
    problems: Problems,
) -> None:
    """Note what rules with members that are alarms name wrongly. `where`: by rule id."""
    judging = [rule for rule in rules if any(member.rule for member in rule.members)]
    for rule in judging:
        for member in rule.members:
            for name in member.rule:
                _check_name(rule, name, rules, kinds, where, problems)
    if judging and not problems.errors and not doubtful:
        _check_groups(judging, _groups(rules, *plant), where, problems)


def _check_name(
    rule: Rule,
    name: str,
    rules: Sequence[Rule],
    kinds: Mapping[str, AuthorKind],
    places: Mapping[str, str],
    problems: Problems,
) -> None:
    """A name that is no pattern must be that of a rule of an earlier stage; a pattern may fit several."""
    stage, where = kinds[rule.kind].stage, places[rule.id]
    fits = [one for one in rules if fnmatchcase(one.id, name)]
    heard = [one for one in fits if kinds[one.kind].stage < stage]
    if heard:
        return
    if fits:
        problems.error(
            where,
            f"a {rule.kind} cannot hear alarms of {listed(sorted({one.kind for one in fits}))}",
            found=quoted(name),
            expected="sensors' alarms before votes, votes before composites, composites before ladders",
        )
        return
    if name in places:
        problems.warning(where, "the rule that is named is not enabled", found=quoted(name))
        return
    known = [one.id for one in rules if kinds[one.kind].stage < stage]
    problem = problems.warning if is_pattern(name) else problems.error
    problem(
        where,
        "no rule has this id",
        found=quoted(name),
        expected=listed(sorted(known)),
        nearest=nearest(name, known),
    )


def _groups(
    rules: Sequence[Rule], sites: Sequence[Site], sensors: Sequence[Sensor]
) -> Mapping[str, list[Group]]:
    """The groups of each rule, as the core would make them."""
    from ..planning import groups_of

    links = 1 + max((sensor.link for sensor in sensors), default=-1)
    plant = Configuration(tuple(sites), (Link(0, ""),) * links, tuple(sensors), tuple(rules))
    found: dict[str, list[Group]] = {rule.id: [] for rule in rules}
    for group in groups_of(plant):
        found[rules[group.rule].id].append(group)
    return found


def _check_groups(
    judging: Sequence[Rule],
    groups: Mapping[str, list[Group]],
    where: Mapping[str, str],
    problems: Problems,
) -> None:
    for rule in judging:
        mine = groups[rule.id]
        if not mine:
            problems.warning(
                where[rule.id],
                f"no {rule.per} has an alarm for each of the rule's terms: it never judges anything",
                found=quoted(rule.id),
            )
        for needed, there in _too_few(rule, mine):
            problems.warning(
                where[rule.id],
                "more members are needed than there are anywhere",
                found=needed,
                expected=f"at most {there}",
            )


def _too_few(rule: Rule, groups: Sequence[Group]) -> Iterator[tuple[str, int]]:
    """Levels that no group can reach, since fewer have a vote."""
    if rule.kind != "vote" or not groups:
        return
    there = max(group.subjects for group in groups)
    for name, level in zip(LEVELS[1:], rule.judgements[0].levels, strict=True):
        if level.high is not None and level.high > there:
            yield f"{level.high:g} for {name}", there
            return
