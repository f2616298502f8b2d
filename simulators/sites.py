"""The registry of simulated sites, by name."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Final

from lifeline.engine.errors import SpecError

from .city_gas import city_gas
from .pipeline import pipeline
from .plant import Site
from .tailings import tailings

SITES: Final[dict[str, Callable[[], Site]]] = {
    "city-gas": city_gas,
    "pipeline": pipeline,
    "tailings": tailings,
}


# Sites that live at their own pace, watched by packs: hours and days, not a minute's story. Some of
# them are solved by the field's own programs (extra `simulators`); each is imported when it is named.
DOMAINS: Final[dict[str, str]] = {
    "bridge": "lifeline.simulators.bridge:bridge",
    "corridor": "lifeline.simulators.corridor:corridor",
    "forest": "lifeline.simulators.forest_station:forest_station",
    "gas-network": "lifeline.simulators.gas_network:gas_network",
    "heating": "lifeline.simulators.heating:heating",
    "metro": "lifeline.simulators.metro:metro",
    "oil-line": "lifeline.simulators.oil_pipeline:oil_pipeline",
    "quake": "lifeline.simulators.quake_stations:quake_stations",
    "tailings-dam": "lifeline.simulators.tailings_dam:tailings_dam",
    "tank-farm": "lifeline.simulators.tank_farm:tank_farm",
    "water-supply": "lifeline.simulators.water_supply:water_supply",
    "weather": "lifeline.simulators.weather_station:weather_station",
}


def names() -> list[str]:
    """Every site, in the order of the registry."""
    return [*SITES, *DOMAINS]


def builder(name: str) -> Callable[..., Site]:
    """What builds the site of that name; its keyword-only parameters are the site's options.

    Raises SpecError naming the valid ones.
    """
    if name in SITES:
        return SITES[name]
    if name in DOMAINS:
        module, _, build = DOMAINS[name].partition(":")
        found: Callable[..., Site] = getattr(import_module(module), build)
        return found
    valid = ", ".join(sorted(names()))
    raise SpecError("unknown simulated site", found=repr(name), expected=valid)


def site_named(name: str) -> Site:
    """The site of that name as it comes. Raises SpecError naming the valid ones."""
    return builder(name)()


def all_sites() -> tuple[Site, ...]:
    """One of each that tells its story in a minute."""
    return tuple(build() for build in SITES.values())
