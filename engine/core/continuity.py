"""That a configuration continues the one before it: what state is kept by stays what it was."""

from __future__ import annotations

from ..configuration import Configuration, check_drills
from ..errors import EntryError, SpecError


def check_continued(before: Configuration, wanted: Configuration) -> None:
    """Indices are append-only, and a site does not become a drill: a configuration that says otherwise
    must not be judged by. Raises EntryError."""
    moved = (
        any(a.id != b.id for a, b in zip(before.sites, wanted.sites, strict=False))
        or any(
            (a.site, a.source) != (b.site, b.source)
            for a, b in zip(before.links, wanted.links, strict=False)
        )
        or any(
            (a.site, a.id) != (b.site, b.id)
            for a, b in zip(before.sensors, wanted.sensors, strict=False)
        )
    )
    shorter = (
        len(wanted.sites) < len(before.sites)
        or len(wanted.links) < len(before.links)
        or len(wanted.sensors) < len(before.sensors)
    )
    if moved or shorter:
        raise EntryError("a config entry moves registry indices; `continued` was not called")
    try:
        check_drills(before, wanted)
    except SpecError as error:
        raise EntryError(str(error)) from error
