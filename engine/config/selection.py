"""What rules select in one plant: the core's own selection, asked in groups of alike sensors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..configuration import Configuration, Sensor, Site
from ..rule import Rule, Select
from ..selection import SensorTable


def is_pattern(text: str) -> bool:
    """Whether a name of a selection is a shell-style pattern."""
    return re.search(r"[*?\[]", text) is not None


class Group(NamedTuple):
    """What rules are compiled and checked by; many sensors share one."""

    quantity: str
    gas: str
    reports: str
    interval: int


class Selector:
    """Answers selections over one plant; the distinct names are collected once."""

    def __init__(self, sites: Sequence[Site], sensors: Sequence[Sensor]) -> None:
        self._table = SensorTable(Configuration(sites=tuple(sites), sensors=tuple(sensors)))
        codes: dict[Group, int] = {}
        self._codes = np.array(
            [codes.setdefault(_group(sensor), len(codes)) for sensor in sensors], np.int32
        )
        self._groups = list(codes)
        self.quantities = sorted({group.quantity for group in codes})
        self.ids = {sensor.id for sensor in sensors}
        self.assets = {sensor.asset for sensor in sensors}

    def groups(self, select: Select) -> list[Group]:
        """The groups of which a selection takes any sensor, in the order of the tag list."""
        chosen = self._table.selected(Rule(id="", kind="", select=select, judgements=()))
        return [self._groups[code] for code in np.unique(self._codes[chosen])]


def _group(sensor: Sensor) -> Group:
    return Group(sensor.quantity, sensor.gas, sensor.reports, sensor.interval)
