"""What rules select in one plant: the core's own selection, asked in groups of alike sensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from ..beside import MANY, NONE, name_of, referred
from ..configuration import Configuration, Sensor, Site
from ..rule import Profile, Reference, Rule, Select
from ..selection import SensorTable
from .group_rules import Grouping


class Group(NamedTuple):
    """What rules are compiled and checked by; many sensors share one."""

    quantity: str
    gas: str
    reports: str
    interval: int


class Selector:
    """Answers selections over one plant; the distinct names are collected once."""

    def __init__(self, sites: Sequence[Site], sensors: Sequence[Sensor]) -> None:
        self._configuration = Configuration(sites=tuple(sites), sensors=tuple(sensors))
        self._table = SensorTable(self._configuration)
        self.grouping = Grouping(self._configuration, self._table)
        codes: dict[Group, int] = {}
        self._codes = np.array(
            [codes.setdefault(_group(sensor), len(codes)) for sensor in sensors], np.int32
        )
        self._groups = list(codes)
        self.quantities = sorted({group.quantity for group in codes})
        self.ids = {sensor.id for sensor in sensors}
        self.assets = {sensor.asset for sensor in sensors}

    def unmatched(
        self,
        select: Select,
        reference: Reference | None = None,
        profile: Profile | None = None,
        **_: object,
    ) -> Iterator[tuple[str, str]]:
        """(what is wrong, sensors) where selected sensors have nothing to be compared with."""
        chosen = self._table.selected(Rule(id="", kind="", select=select, judgements=()))
        mine = np.flatnonzero(chosen).tolist()
        names = [name_of(self._configuration, index) for index in mine]
        if reference is not None:
            found = referred(self._configuration, self._table, reference, mine)
            for lacks, message in (
                (NONE, "no sensor is the reference of sensors that the rule selects"),
                (MANY, "more than one sensor would be the reference"),
            ):
                who = [name for name, other in zip(names, found, strict=True) if other == lacks]
                if who:
                    yield message, _some(who)
        if profile is not None:
            who = [name for name in names if name not in profile.hours]
            if who:
                yield "the profile does not know sensors that the rule selects", _some(who)

    def named(self, select: Select) -> list[tuple[str, Sensor]]:
        """(`<site>/<sensor>`, sensor) of all that a selection takes, in the order of the tag list."""
        chosen = self._table.selected(Rule(id="", kind="", select=select, judgements=()))
        return [
            (name_of(self._configuration, index), self._configuration.sensors[index])
            for index in np.flatnonzero(chosen).tolist()
        ]

    def groups(self, select: Select) -> list[Group]:
        """The groups of which a selection takes any sensor, in the order of the tag list."""
        chosen = self._table.selected(Rule(id="", kind="", select=select, judgements=()))
        return [self._groups[code] for code in np.unique(self._codes[chosen])]


_SHOWN: Final = 3


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _group(sensor: Sensor) -> Group:
    return Group(sensor.quantity, sensor.gas, sensor.reports, sensor.interval)
