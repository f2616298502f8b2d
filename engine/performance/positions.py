"""Who answers whose alarms: the operator positions of EEMUA 191, by site and asset."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import NamedTuple


class Watch(NamedTuple):
    """An operator position that watches something of a site: the assets that match one of the
    patterns, all of them where there is none."""

    position: str
    assets: tuple[str, ...] = ()

    def takes(self, asset: str) -> bool:
        """Whether it watches this asset."""
        return not self.assets or any(fnmatchcase(asset, pattern) for pattern in self.assets)


class Where(NamedTuple):
    """Whose a site is: area path, the operator position of the site ("": the area's), and the
    positions that watch it or some of its assets; what none of these takes is the site's position's.
    `exercise`: a drill, which counts in no other world."""

    area: str
    position: str = ""
    watches: tuple[Watch, ...] = ()
    exercise: bool = False

    def positions(self, asset: str) -> tuple[str, ...]:
        """Who answers the alarms of an asset ("": of the site itself), each once."""
        found = tuple(dict.fromkeys(w.position for w in self.watches if w.takes(asset)))
        own = self.position or self.area
        return found or ((own,) if own else ())

    @property
    def by_asset(self) -> bool:
        """Whether it depends on the asset who answers."""
        return any(watch.assets for watch in self.watches)


class Desk(NamedTuple):
    """An operator position that names what it watches: sites by id or pattern, areas by path, all sites
    where neither is given; of these all assets, or those that match a pattern."""

    name: str
    sites: tuple[str, ...] = ()
    areas: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()

    def watches(self, site: str, area: str) -> bool:
        """Whether it watches something of this site."""
        if not self.sites and not self.areas:
            return True
        below = any(f"{area}/".startswith(f"{path}/") for path in self.areas)
        return below or any(fnmatchcase(site, pattern) for pattern in self.sites)


def watches_of(site: str, area: str, desks: Iterable[Desk]) -> tuple[Watch, ...]:
    """Who watches a site, in the order of the desks."""
    return tuple(Watch(desk.name, desk.assets) for desk in desks if desk.watches(site, area))


def groups_of(site: str, where: Where) -> Iterable[tuple[str, str]]:
    """(scope, name) of everything that a site counts for.

    >>> list(groups_of("east", Where("hefei/shushan/east", "desk 2")))
    [('site', 'east'), ('area', 'hefei'), ('area', 'hefei/shushan'), \
('area', 'hefei/shushan/east'), ('position', 'desk 2')]
    """
    yield "site", site
    parts = where.area.split("/") if where.area else []
    for n in range(1, len(parts) + 1):
        yield "area", "/".join(parts[:n])
    own = where.position or where.area
    everything = any(not watch.assets for watch in where.watches)
    names = [watch.position for watch in where.watches]
    for name in dict.fromkeys([*names, *([own] if own and not everything else [])]):
        yield "position", name
