"""Which sites take which pack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ...configuration import Site
from ...selection import is_pattern
from ..document import Document, Steps
from ..problems import Problems
from .models import PackTake, PackTakeAnywhere
from .names import unknown


@dataclass(frozen=True, slots=True)
class Take:
    """A take as it stands in the file, and the sites that it is for."""

    model: PackTake
    at: Steps
    sites: tuple[str, ...]
    all_sites: bool


def takes_of(
    anywhere: Sequence[PackTakeAnywhere],
    own: Sequence[tuple[Site, Steps, Sequence[PackTake]]],
    sites: Sequence[Site],
    document: Document,
    problems: Problems,
    key: Steps = ("packs",),
) -> list[Take]:
    """Every take with its sites; `key` is where the list of those for many sites stands. What a site takes itself is not taken for it by the whole file."""
    found: list[Take] = []
    mine: dict[str, set[str]] = {}
    for site, at, takes in own:
        for j, take in enumerate(takes):
            mine.setdefault(take.pack, set()).add(site.id)
            found.append(Take(take, (*at, "packs", j), (site.id,), False))
    ids = [site.id for site in sites]
    for j, general in enumerate(anywhere):
        at = (*key, j)
        for k, name in enumerate(general.site):
            if not is_pattern(name) and name not in ids:
                problems.refused(document.where((*at, "site", k)), unknown("site", name, ids))
        chosen = tuple(
            name
            for name in ids
            if name not in mine.get(general.pack, ())
            and (not general.site or any(fnmatchcase(name, p) for p in general.site))
        )
        if chosen:
            found.append(Take(general, at, chosen, len(chosen) == len(ids)))
    return found
