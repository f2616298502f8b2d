"""The registry of simulated sites, by name."""

from __future__ import annotations

from collections.abc import Callable
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


def site_named(name: str) -> Site:
    """The site of that name as it comes. Raises SpecError naming the valid ones."""
    if name not in SITES:
        raise SpecError("unknown simulated site", found=repr(name), expected=", ".join(SITES))
    return SITES[name]()


def all_sites() -> tuple[Site, ...]:
    """One of each."""
    return tuple(build() for build in SITES.values())
