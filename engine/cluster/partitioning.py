"""A city's configuration taken apart by partition, and sensor indices translated. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
import numpy as np
import numpy.typing as npt

from ..configuration import Configuration, Link, Sensor, Site
from ..errors import SpecError
from .topics import partition_of

Int32 = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """The parts of one configuration.

    parts                by partition: its sites, links and sensors in the city's order,
                         re-indexed, and all rules
    versions             of the parts; two partitions without a site have one version
    partition_of_sensor  int32 (n city sensors,)
    local                int32 (n city sensors,): the sensor's index in its part

    What is appended to the city's registry is appended to the parts' registries, so that the
    indices of a part are append-only like the city's.
    """

    parts: tuple[Configuration, ...]
    versions: tuple[bytes, ...]
    partition_of_sensor: Int32
    local: Int32


def split(configuration: Configuration, n: int) -> Split:
    """The configuration by partition; every site, link and sensor is in exactly one part.

    Raises SpecError for a sensor whose link is another site's; files cannot say so.
    """
    if n < 1:
        raise ValueError(f"a cluster has at least one partition, not {n}")
    sites: list[list[Site]] = [[] for _ in range(n)]
    links: list[list[Link]] = [[] for _ in range(n)]
    sensors: list[list[Sensor]] = [[] for _ in range(n)]
    home = [partition_of(site.id, n) for site in configuration.sites]
    site_at = _placed(configuration.sites, home, sites)
    link_at: list[int] = []
    for link in configuration.links:
        place = links[home[link.site]]
        link_at.append(len(place))
        place.append(msgspec.structs.replace(link, site=site_at[link.site]))
    local = np.empty(len(configuration.sensors), np.int32)
    where = np.empty(len(configuration.sensors), np.int32)
    for i, sensor in enumerate(configuration.sensors):
        if configuration.links[sensor.link].site != sensor.site:
            raise SpecError(
                f"sensor {sensor.id!r} of site {configuration.sites[sensor.site].id!r} is heard "
                "through a link of another site, which may lie in another partition"
            )
        where[i] = home[sensor.site]
        held = sensors[home[sensor.site]]
        local[i] = len(held)
        held.append(
            msgspec.structs.replace(sensor, site=site_at[sensor.site], link=link_at[sensor.link])
        )
    parts = tuple(
        Configuration(tuple(sites[p]), tuple(links[p]), tuple(sensors[p]), configuration.rules)
        for p in range(n)
    )
    return Split(parts, tuple(part.version() for part in parts), where, local)


def _placed(items: Iterable[Site], home: list[int], into: list[list[Site]]) -> list[int]:
    """Deals the sites out; the index of each within its part."""
    places: list[int] = []
    for site, partition in zip(items, home, strict=True):
        places.append(len(into[partition]))
        into[partition].append(site)
    return places
