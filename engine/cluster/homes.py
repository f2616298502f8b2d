"""Where a site, or an area, is at home: the topics and the partition of all that concerns it. Pure."""

from __future__ import annotations

from typing import NamedTuple

from ..areas.configuration import SITE
from .topics import Topics, partition_of


class Home(NamedTuple):
    """The log that its commands go to, the topic of its alert records, and the partition of both."""

    log: str
    alerts: str
    partition: int


def home_of(site: str, topics: Topics, sites: int, areas: int) -> Home:
    """The home of a site, or of an area by its reserved site `area:<path>`.

    `sites` and `areas` are how many partitions the two logs have.

    >>> home_of("area:hefei", Topics("p"), 12, 3)[:2]
    ('p.areas', 'p.area-alerts')
    """
    if site.startswith(SITE):
        path = site.removeprefix(SITE)
        return Home(topics.areas, topics.area_alerts, partition_of(path, areas))
    return Home(topics.log, topics.alerts, partition_of(site, sites))
