"""Reads the section `positions:`, operator positions that name what they watch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import filter as matching

from ..areas.configuration import prefixes
from ..configuration import Sensor, Site
from ..performance.positions import Desk
from ..selection import is_pattern
from .document import Document
from .models import PositionModel
from .nearest import Names
from .problems import Problems, quoted


def read_positions(
    models: Sequence[PositionModel],
    document: Document,
    sites: Sequence[Site],
    sensors: Sequence[Sensor],
    problems: Problems,
) -> tuple[Desk, ...]:
    """The positions; a name that stands twice and names that nothing has go to `problems`."""
    known: dict[str, Iterable[str]] = {
        "sites": [site.id for site in sites],
        "areas": {path for site in sites for path in prefixes(site.area)},
        "assets": {sensor.asset for sensor in sensors} - {""},
    }
    names = {key: Names(key.removesuffix("s"), valid) for key, valid in known.items()}
    found: dict[str, Desk] = {}
    for i, model in enumerate(models):
        if model.name in found:
            where = document.where(("positions", i, "name"))
            problems.error(where, "the position stands twice", found=quoted(model.name))
            continue
        for key, valid in names.items():
            for name in getattr(model, key):
                if name in valid or (is_pattern(name) and matching(list(known[key]), name)):
                    continue
                error = valid.unknown(name)
                problems.warning(
                    document.where(("positions", i, key)),
                    f"no {key.removesuffix('s')} of this name: the position watches nothing by it",
                    found=quoted(name),
                    expected=error.expected,
                    nearest=error.nearest,
                )
        found[model.name] = Desk(
            model.name, tuple(model.sites), tuple(model.areas), tuple(model.assets)
        )
    return tuple(found.values())
