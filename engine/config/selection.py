"""Which sensors a rule selects."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from ..configuration import Sensor, Site
from ..rule import Select


def is_pattern(text: str) -> bool:
    """Whether a name of a selection is a shell-style pattern."""
    return re.search(r"[*?\[]", text) is not None


def matching(patterns: Sequence[str], names: Iterable[str]) -> set[str] | None:
    """The names that any pattern matches, case counting; None where no pattern is given: all."""
    if not patterns:
        return None
    exact = {text for text in patterns if not is_pattern(text)}
    wild = [text for text in patterns if is_pattern(text)]
    return {
        name for name in names if name in exact or any(fnmatchcase(name, text) for text in wild)
    }


def in_area(area: str, of: str) -> bool:
    """Whether the area path `area` is `of` or lies in it; parts are compared whole."""
    return not of or area == of or area.startswith(of.rstrip("/") + "/")


class Group(NamedTuple):
    """Sensors that no rule can tell apart but by their own id or asset."""

    site: int
    quantity: str
    gas: str
    reports: str
    interval: int


class Selector:
    """Answers selections over one plant; the distinct names are collected once."""

    def __init__(self, sites: Sequence[Site], sensors: Sequence[Sensor]) -> None:
        self._sites = sites
        self._sensors = sensors
        self._groups = list(dict.fromkeys(_group(sensor) for sensor in sensors))
        self.quantities = sorted({group.quantity for group in self._groups})
        self.ids = {sensor.id for sensor in sensors}
        self.assets = {sensor.asset for sensor in sensors}

    def groups(self, select: Select) -> list[Group]:
        """The groups of which a selection takes any sensor, in the order of the tag list."""
        sites = self._matching_sites(select)
        quantities = matching(select.quantity, self.quantities)
        return [
            group
            for group in self._named(select)
            if group.site in sites
            and (quantities is None or group.quantity in quantities)
            and (not select.reports or group.reports in select.reports)
        ]

    def _named(self, select: Select) -> list[Group]:
        """The groups of the sensors that match by id and asset."""
        ids = matching(select.sensor, self.ids)
        assets = matching(select.asset, self.assets)
        if ids is None and assets is None:
            return self._groups
        found = (
            _group(sensor)
            for sensor in self._sensors
            if (ids is None or sensor.id in ids) and (assets is None or sensor.asset in assets)
        )
        return list(dict.fromkeys(found))

    def _matching_sites(self, select: Select) -> set[int]:
        ids = matching(select.site, (site.id for site in self._sites))
        tenants = matching(select.tenant, {site.tenant for site in self._sites})
        return {
            i
            for i, site in enumerate(self._sites)
            if (ids is None or site.id in ids)
            and (tenants is None or site.tenant in tenants)
            and in_area(site.area, select.area)
        }


def _group(sensor: Sensor) -> Group:
    return Group(sensor.site, sensor.quantity, sensor.gas, sensor.reports, sensor.interval)
