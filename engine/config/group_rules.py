"""Rules that judge several together: compiled once, and checked against the groups that they have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from ..configuration import Configuration, Sensor
from ..groups import GROUP_MEMBERS, Group, row_groups
from ..kinds import kind_named
from ..limits import SECOND_NS
from ..quantities import quantity
from ..rule import Member, Rule, Select
from ..selection import SensorTable, is_pattern

#: Options that say how long a member's value counts.
_HOLDS: Final = ("max_gap", "max_age")
Trouble = tuple[bool, str, str, str]  # (an error, not a warning; message, found, expected)


class Grouping:
    """The groups that rules with members have in one plant. Members of alarms are left to others."""

    def __init__(self, configuration: Configuration, table: SensorTable) -> None:
        self._configuration = configuration
        self._table = table

    def first(self, select: Select, members: Sequence[Member]) -> tuple[str, str] | None:
        """(quantity, gas) that the rule is compiled for: of the first sensor of its first member.

        Where nobody is selected, of what is named; None where that is nothing.
        """
        chosen = self._chosen(select, members[0])
        if chosen:
            return chosen[0].quantity, chosen[0].gas
        for name in (*members[0].select.quantity, *select.quantity):
            if not is_pattern(name):
                about = quantity(name)
                return about.name, about.gas or ("methane" if about.domain == "gas" else "")
        return None

    def troubles(self, rule: Rule) -> Iterator[Trouble]:
        """What the groups of a rule are not as it needs them."""
        if not rule.members or any(member.rule for member in rule.members):
            return
        groups = row_groups(self._configuration, self._table, rule)
        if not groups:
            yield self._nobody(rule)
        if kind_named(rule.kind).of_time:
            return
        for group in groups:
            yield from self._of_group(group, rule)

    def _chosen(self, select: Select, member: Member) -> list[Sensor]:
        chosen = self._table.selected(Rule("", "", select, ()))
        chosen = chosen & self._table.selected(Rule("", "", member.select, ()))
        return [self._configuration.sensors[index] for index in chosen.nonzero()[0].tolist()]

    def _nobody(self, rule: Rule) -> Trouble:
        """Why there is no group."""
        lacking = [
            ", ".join((*member.select.sensor, *member.select.quantity)) or "every sensor"
            for member in rule.members
            if member.needed and not self._chosen(rule.select, member)
        ]
        where = "asset" if rule.per == "asset" else "site"
        if lacking:
            return False, "the rule selects no sensor for a member that it needs", lacking[0], ""
        return (
            False,
            f"no {where} has all the members that the rule needs",
            rule.id,
            "assets in the tag list, or per: site" if rule.per == "asset" else "",
        )

    def _of_group(self, group: Group, rule: Rule) -> Iterator[Trouble]:
        site = self._configuration.sites[group.site].id
        name = f"{site}/{group.name}" if group.asset else site
        numbers = [number for number, _ in group.members]
        sensors = [self._configuration.sensors[number] for number in numbers]
        if len(numbers) > GROUP_MEMBERS:
            found = f"{len(numbers)} at {name}"
            yield True, "a group has too many members", found, f"at most {GROUP_MEMBERS}"
        twice = sorted(
            {one.id for one, n in zip(sensors, numbers, strict=True) if numbers.count(n) > 1}
        )
        if twice:
            yield True, "a sensor is a member twice", f"{', '.join(twice)} at {name}", "once"
        ids = [one.id for one in sensors]
        if rule.normal is not None and rule.normal.of(site, group.asset, ids) is None:
            yield (
                False,
                "the learned file does not know this group, or other sensors of it",
                name,
                "",
            )
        slow = max(sensors, key=lambda one: one.interval)
        bin_ns = rule.judgements[0].options.get("bin", 0.0) if rule.judgements else 0.0
        if 0.0 < bin_ns < slow.interval:
            yield (
                False,
                f"{slow.id} speaks more seldom than a sixteenth of the front: {name} is hardly ever judged",
                f"every {slow.interval / SECOND_NS:g} s",
                f"front of at least {16 * slow.interval / SECOND_NS:g} s",
            )
        for key in _HOLDS if rule.judgements else ():
            if 0.0 < rule.judgements[0].options.get(key, 0.0) < slow.interval:
                yield (
                    False,
                    f"{slow.id} speaks more seldom than its value counts: {name} is hardly ever judged",
                    f"every {slow.interval / SECOND_NS:g} s",
                    f"{key} of at least {slow.interval / SECOND_NS:g} s",
                )
