"""What the log says the plant is: sites, sources, sensors and rules, as one hashed value.

A `config` entry carries a whole `Configuration`. Positions in `sites`, `links` and `sensors` are the
registry's indices: append-only, never reused. Whoever loads new files calls `continued` so
that what was there before keeps its index; what was removed stays in place, retired.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal, TypeVar

import msgspec

from .errors import EntryError, SpecError
from .limits import GRACE_NS, MAX_CONFIGURATION_BYTES
from .rule import Rule

ReportsKind = Literal["periodic", "on_change", "event"]
REPORTS: tuple[ReportsKind, ...] = ("periodic", "on_change", "event")


class Site(msgspec.Struct, frozen=True, omit_defaults=True):
    """One plant, dam, network or structure: unit of alert order and of the hash chain.

    `id` is unique in the whole process; `area` is `city/district/street`. `exercise`: a drill site,
    whose every record is marked; it is one or not for as long as its id exists.
    """

    id: str
    tenant: str
    area: str
    name: str = ""
    lat: float | None = None
    lon: float | None = None
    retired: bool = False
    exercise: bool = False


class Link(msgspec.Struct, frozen=True, omit_defaults=True):
    """A source as one site sees it (its gateway): what is alive or silent as a whole.

    `grace` is how long timers wait beyond their deadline; `reorder` how old a sample may be
    without being historic; `heartbeat` how often the source is heard at least (0: not promised),
    by which `event` sensors live. All ns.
    """

    site: int
    source: str
    grace: int = GRACE_NS
    reorder: int = 0
    heartbeat: int = 0
    retired: bool = False


class Sensor(msgspec.Struct, frozen=True, omit_defaults=True):
    """One measured point. `id` is unique within its site. Numbers are canonical, times ns.

    `low`/`high` is the valid range (None: unbounded), `max_rate` the plausible change per second
    (None: not checked), `interval` the period or heartbeat (0 for `event`), `stale` the silence
    after which it is stale (0: never by itself).
    """

    id: str
    site: int
    link: int
    quantity: str
    unit: str
    asset: str = ""
    name: str = ""
    gas: str = ""
    lat: float | None = None
    lon: float | None = None
    low: float | None = None
    high: float | None = None
    max_rate: float | None = None
    reports: ReportsKind = "periodic"
    interval: int = 0
    stale: int = 0
    retired: bool = False


class Configuration(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything that can change what an alarm means. Equal values have equal bytes."""

    sites: tuple[Site, ...] = ()
    links: tuple[Link, ...] = ()
    sensors: tuple[Sensor, ...] = ()
    rules: tuple[Rule, ...] = ()

    def encode(self) -> bytes:
        """Canonical JSON: 25 and 25.0, given by a caller, are one number and have one version."""
        given = msgspec.json.encode(self)
        plain = msgspec.json.decode(given, type=Configuration)
        return msgspec.json.encode(plain, order="deterministic")

    def version(self) -> bytes:
        """16 bytes that name this configuration; entry headers carry them."""
        return version_of(self.encode())


def version_of(canonical: bytes) -> bytes:
    """The registry version of a configuration's canonical bytes."""
    return hashlib.blake2b(canonical, digest_size=16).digest()


def pack(configuration: Configuration) -> bytes:
    """The payload of a `config` entry: canonical JSON, compressed."""
    return zlib.compress(configuration.encode(), 6)


@lru_cache(maxsize=4)
def unpack(payload: bytes) -> tuple[Configuration, bytes]:
    """The configuration and its version. Raises EntryError where the payload is not one.

    Every index in what is returned leads somewhere: kernels take rows by them, without a check.
    """
    try:
        canonical = inflated(payload)
        configuration = msgspec.json.decode(canonical, type=Configuration)
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EntryError(f"a config entry cannot be read: {error}") from error
    check_indices(configuration)
    return configuration, version_of(canonical)


def inflated(payload: bytes) -> bytes:
    """What was compressed. Raises zlib.error where it is cut short, has bytes behind it, or is
    longer than any configuration."""
    stream = zlib.decompressobj()
    canonical = stream.decompress(payload, MAX_CONFIGURATION_BYTES)
    if not stream.eof:
        raise zlib.error("it is cut short, or longer than any configuration")
    if stream.unused_data:
        raise zlib.error(f"{len(stream.unused_data)} bytes stand behind it")
    return canonical


def check_indices(configuration: Configuration) -> None:
    """Raises EntryError where a link or sensor names a site or link that there is not."""
    sites, links = range(len(configuration.sites)), range(len(configuration.links))
    for link in configuration.links:
        if link.site not in sites:
            raise EntryError(
                f"the link of source {link.source!r} is at site {link.site}, of {len(sites)} sites"
            )
    for sensor in configuration.sensors:
        if sensor.site not in sites or sensor.link not in links:
            raise EntryError(
                f"sensor {sensor.id!r} is at site {sensor.site} and link {sensor.link}, of"
                f" {len(sites)} sites and {len(links)} links"
            )


_T = TypeVar("_T", Site, Link, Sensor)


def _merge(
    before: Sequence[_T], wanted: Sequence[_T], key: Callable[[_T], tuple[object, ...]]
) -> tuple[list[_T], list[int]]:
    """`wanted` laid over `before` by key; also the new index of each wanted item."""
    index = {key(item): i for i, item in enumerate(before)}
    merged = [msgspec.structs.replace(item, retired=True) for item in before]
    places: list[int] = []
    for item in wanted:
        place = index.get(key(item))
        if place is None:
            place = len(merged)
            index[key(item)] = place
            merged.append(item)
        else:
            merged[place] = item
        places.append(place)
    return merged, places


def check_drills(before: Configuration, wanted: Configuration) -> None:
    """Raises SpecError where a known site would become a drill, or a drill an actual site."""
    were = {site.id: site.exercise for site in before.sites}
    for site in wanted.sites:
        if were.get(site.id, site.exercise) != site.exercise:
            what = "an actual site" if site.exercise else "a drill"
            raise SpecError(
                f"site {site.id} was {what} until now, and its records say so",
                expected="another id: a site is a drill or not for as long as its id exists",
            )


def continued(before: Configuration | None, wanted: Configuration) -> Configuration:
    """`wanted` with the indices of `before`: nothing moves, nothing is reused.

    Sites are known by id, links by (site, source), sensors by (site, id). The references inside
    `wanted` (`Link.site`, `Sensor.site`, `Sensor.link`) index into `wanted` itself. Raises SpecError
    where a site would become a drill, or a drill an actual site.
    """
    if before is None:
        return wanted
    check_drills(before, wanted)
    sites, site_at = _merge(before.sites, wanted.sites, lambda s: (s.id,))
    moved_links = [msgspec.structs.replace(x, site=site_at[x.site]) for x in wanted.links]
    links, link_at = _merge(before.links, moved_links, lambda x: (x.site, x.source))
    moved = [
        msgspec.structs.replace(s, site=site_at[s.site], link=link_at[s.link])
        for s in wanted.sensors
    ]
    sensors, _ = _merge(before.sensors, moved, lambda s: (s.site, s.id))
    return Configuration(tuple(sites), tuple(links), tuple(sensors), wanted.rules)
