"""What an instance is compared with beside its own past: another sensor of its site, or a profile.

Compiled once per configuration into flat arrays, so that a kernel looks nothing up by name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from .configuration import Configuration
from .frame import Float64, Int32, Int64
from .rule import Profile, Reference, Rule, Select
from .selection import SensorTable

HOURS_OF_WEEK: Final = 168
NONE, MANY = -1, -2  # no sensor matches a reference; more than one does


@dataclass(frozen=True, eq=False)
class Beside:
    """Of one kind. reference, table: int32, one per instance: a sensor or NONE, a place in `tables` or NONE.

    follow_ptr, follow: the instances (counted within the kind) that refer to sensor s are
    follow[follow_ptr[s]:follow_ptr[s + 1]], ascending. tables: (n, 168, 3) median, spread, count. The
    local time of table k is ahead by `ahead[i]` from `since[i]` on, i within zone_ptr[k]:zone_ptr[k + 1].
    """

    reference: Int32
    table: Int32
    follow_ptr: Int64
    follow: Int32
    tables: Float64
    zone_ptr: Int64
    since: Int64
    ahead: Int64

    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        """What a kernel takes, in its order."""
        return (
            self.reference, self.table, self.follow_ptr, self.follow, self.tables,
            self.zone_ptr, self.since, self.ahead,
        )  # fmt: skip


def referred(
    configuration: Configuration, table: SensorTable, reference: Reference, subjects: Iterable[int]
) -> list[int]:
    """For each subject (a sensor's index) the one sensor that its reference is; NONE or MANY."""
    select = Select(sensor=reference.sensor, quantity=reference.quantity)
    chosen = table.selected(Rule("", "", select, ()))
    sensors = configuration.sensors

    def group(index: int) -> tuple[int, str]:
        one = sensors[index]
        return one.site, one.asset if reference.same_asset else ""

    there: dict[tuple[int, str], list[int]] = {}
    for index in np.flatnonzero(chosen).tolist():
        there.setdefault(group(index), []).append(index)
    found = []
    for subject in subjects:
        others = [index for index in there.get(group(subject), ()) if index != subject]
        found.append(others[0] if len(others) == 1 else MANY if others else NONE)
    return found


def compile_beside(
    configuration: Configuration, table: SensorTable, subject: Int64, rule_of: Int64
) -> Beside:
    """For the instances of one kind, by their subjects and rules."""
    reference = np.full(len(subject), NONE, np.int32)
    places = np.full(len(subject), NONE, np.int32)
    tables: list[Any] = []
    zones: list[Profile] = []
    for number in np.unique(rule_of).tolist():
        rule, mine = configuration.rules[number], np.flatnonzero(rule_of == number)
        if rule.reference is not None:
            some = referred(configuration, table, rule.reference, subject[mine].tolist())
            reference[mine] = np.maximum(some, NONE)
        if rule.profile is not None:
            for instance in mine.tolist():
                hours = rule.profile.hours.get(name_of(configuration, int(subject[instance])))
                if hours is not None:
                    places[instance] = len(tables)
                    tables.append(hours)
                    zones.append(rule.profile)
    lengths = [len(zone.offsets) for zone in zones]
    steps = [step for zone in zones for step in zone.offsets]
    sensors = len(configuration.sensors) + len(configuration.links)
    # Which instances a row of a sensor must be told to: by sensor, NONE first and left out.
    order = np.argsort(reference, kind="stable").astype(np.int32)
    count = np.bincount(reference + 1, minlength=sensors + 1)
    return Beside(
        reference=reference,
        table=places,
        follow_ptr=np.concatenate([[0], np.cumsum(count[1:])]).astype(np.int64),
        follow=order[int(count[0]) :],
        tables=np.array(tables, np.float64).reshape(len(tables), HOURS_OF_WEEK, 3),
        zone_ptr=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        since=np.array([since for since, _ in steps], np.int64),
        ahead=np.array([ahead for _, ahead in steps], np.int64),
    )


def name_of(configuration: Configuration, sensor: int) -> str:
    """`<site>/<sensor>`, as profiles name it."""
    one = configuration.sensors[sensor]
    return f"{configuration.sites[one.site].id}/{one.id}"
