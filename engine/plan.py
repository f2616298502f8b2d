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

from .beside import Beside
from .configuration import Configuration, pack
from .frame import Float64, Int32, Int64
from .groups import Group, Groups, Watch, quantity_of
from .identities import Identities
from .kinds import Kind
from .record import Identity

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

    def about(self, subject: int) -> tuple[int, str, str, str]:
        """Index of the subject's site, its name, quantity and asset."""
        config = self.configuration
        if subject < len(config.sensors):
            sensor = config.sensors[subject]
            return sensor.site, sensor.id, sensor.quantity, sensor.asset
        group, name = self.group(subject), self.subject_name(subject)
        if group is None:
            return self.site_of(subject), name, "", ""
        return group.site, name, quantity_of(config, group), group.asset

    def describe(self, instance: int) -> Identity:
        """What every record of this instance's alarm says."""
        at_site, name, quantity, asset = self.about(self.subject.item(instance))
        at_rule = self.rule.item(instance)
        rule, site = self.configuration.rules[at_rule], self.configuration.sites[at_site]
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
    def identities(self) -> Identities:
        """What the chain of records covers of each instance's alarm: `describe(instance).digest()`."""
        return Identities(self)

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
