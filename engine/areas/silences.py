"""Which alarms silence makes in an area: one for a site, a gateway or an engine, none for sensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from ..layout import NEVER
from ..limits import ALIVE_LOST_NS
from .area import RunningArea
from .configuration import AreaConfiguration
from .entry import Silent

SITE_SILENT: Final = "area.silence"
GATEWAY_SILENT: Final = "area.gateway"
ENGINE_SILENT: Final = "area.engine"

#: By the alarm's name: its level, and what is known.
Wanted = dict[str, tuple[int, dict[str, str]]]


class EngineState(msgspec.Struct):
    """What an engine last said, at the area's time `at`; `lost`: it says nothing any more.
    `watched`: some area wants to know that."""

    at: int
    watched: bool = True
    lost: bool = False
    position: int = 0
    wall: int = 0
    silent: tuple[Silent, ...] = ()

    def due(self) -> int:
        """When it counts as lost unless it speaks."""
        return self.at + ALIVE_LOST_NS if self.watched else NEVER


class Silences:
    """Silence as all engines tell it, by site."""

    def __init__(
        self, configuration: AreaConfiguration, engines: Mapping[str, EngineState]
    ) -> None:
        self._engine_of = {site.id: site.engine for site in configuration.sites}
        self._lost = frozenset(name for name, state in engines.items() if state.lost)
        self._said = {
            silent.site: silent
            for name in sorted(engines)
            for silent in engines[name].silent
            if self._engine_of.get(silent.site) == name
        }

    def of(self, area: RunningArea) -> tuple[Wanted, frozenset[str]]:
        """The alarms that should stand, and the sites of which nothing is known now."""
        levels = area.policy.silence
        wanted: Wanted = {}
        dark = {s for s in area.sites if self._engine_of[s] in self._lost} if self._lost else set()
        for engine in sorted({self._engine_of[site] for site in dark}):
            wanted[f"{ENGINE_SILENT}~{engine}"] = (levels.engine, {})
        for site in sorted(area.sites & self._said.keys()):
            silent = self._said[site]
            detail = {"sensors": str(silent.sensors), "sources": ", ".join(silent.sources)}
            if silent.whole:
                dark.add(site)
                wanted[f"{SITE_SILENT}~{site}"] = (levels.site, detail)
            wanted |= dict(_gateways(area, silent, levels.gateway, detail))
        return {name: x for name, x in wanted.items() if x[0]}, frozenset(dark)


def _gateways(
    area: RunningArea, silent: Silent, level: int, detail: dict[str, str]
) -> Iterator[tuple[str, tuple[int, dict[str, str]]]]:
    """Of a site that is silent as a whole only those gateways that were silent before it."""
    for source in silent.sources:
        name = f"{GATEWAY_SILENT}~{silent.site}:{source}"
        before = area.state.silences.get(name)
        if not silent.whole or (before is not None and before.level):
            yield name, (level, detail)
