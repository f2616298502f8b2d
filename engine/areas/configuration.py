"""What the area log says that areas are: paths, their sites, ladders, breakers, silence.

A `config` entry of the area log carries a whole `AreaConfiguration`; it is part of what determines
every area record.
"""

from __future__ import annotations

import hashlib
import zlib
from fnmatch import fnmatchcase
from typing import Final, Literal

import msgspec

from ..errors import EntryError
from ..limits import AREA_OFF_DELAY_NS, HALT_EXPIRES_NS
from ..promotion import STATUTORY

Count = Literal["points", "items", "sites", "areas"]
COUNTS: Final[tuple[Count, ...]] = ("points", "items", "sites", "areas")
Release = Literal["auto", "person"]
#: Reserved site of an area's records and alarms.
SITE: Final = "area:"


class Pick(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which standing alarms are meant: those that match every field given, by shell patterns."""

    rule: tuple[str, ...] = ()
    quantity: tuple[str, ...] = ()
    site: tuple[str, ...] = ()

    def takes(self, rule: str, quantity: str, site: str) -> bool:
        """Whether an alarm of this rule on this quantity at this site is meant."""
        return (
            _matches(rule, self.rule)
            and _matches(quantity, self.quantity)
            and _matches(site, self.site)
        )


def _matches(text: str, patterns: tuple[str, ...]) -> bool:
    return not patterns or any(fnmatchcase(text, pattern) for pattern in patterns)


class Ladder(msgspec.Struct, frozen=True, omit_defaults=True):
    """Promotion by counts: `counts[i]` members at level i + 1 or graver make level i + 2."""

    id: str
    pick: Pick = Pick()
    count: Count = "items"
    counts: tuple[int, int, int] = STATUTORY
    on_delay: int = 0
    off_delay: int = AREA_OFF_DELAY_NS
    basis: str = ""
    message: str = ""


class Breaker(msgspec.Struct, frozen=True, omit_defaults=True):
    """A weather alarm at `level` (1 blue … 4 red) or graver halts the work of every site.

    `release_after` it has fallen below for so long, work resumes: by itself, or when a person says
    so. An order ends after `expires` unless the area renews it.
    """

    id: str
    pick: Pick
    level: int
    release_after: int = AREA_OFF_DELAY_NS
    release: Release = "auto"
    expires: int = HALT_EXPIRES_NS
    basis: str = ""
    message: str = ""


class Silence(msgspec.Struct, frozen=True, omit_defaults=True):
    """The level of the alarm when a site, one gateway, an engine is not heard; 0: no alarm."""

    site: int = 3
    gateway: int = 2
    engine: int = 3


class Area(msgspec.Struct, frozen=True, omit_defaults=True):
    """One area: `path` is `city`, `city/district` or `city/district/street`."""

    path: str
    name: str = ""
    ladders: tuple[Ladder, ...] = ()
    breakers: tuple[Breaker, ...] = ()
    silence: Silence = Silence()

    @property
    def site(self) -> str:
        """The reserved site of its records."""
        return SITE + self.path


class AreaSite(msgspec.Struct, frozen=True, omit_defaults=True):
    """A site as areas see it. `engine` is the reserved site of the core that steps it."""

    id: str
    area: str
    engine: str = "_engine"


class AreaConfiguration(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything that can change what an area alarm means. Equal values have equal bytes.

    `quality` are the ids of rules that speak of data, not of danger (silence, clock): ladders do
    not count them.
    """

    areas: tuple[Area, ...] = ()
    sites: tuple[AreaSite, ...] = ()
    quality: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """Canonical JSON."""
        return msgspec.json.encode(self, order="deterministic")

    def version(self) -> bytes:
        """16 bytes that name this configuration."""
        return hashlib.blake2b(self.encode(), digest_size=16).digest()


def pack(configuration: AreaConfiguration) -> bytes:
    """The payload of a `config` entry of an area log."""
    return zlib.compress(configuration.encode(), 6)


def unpack(payload: bytes) -> AreaConfiguration:
    """The configuration of `pack`. Raises EntryError for other bytes."""
    try:
        return msgspec.json.decode(zlib.decompress(payload), type=AreaConfiguration)
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EntryError(f"an area log's configuration cannot be read: {error}") from error


def prefixes(area: str) -> tuple[str, ...]:
    """The paths that an area path lies in, itself included.

    >>> prefixes("hefei/shushan/east")
    ('hefei', 'hefei/shushan', 'hefei/shushan/east')
    """
    parts = area.split("/")
    return tuple("/".join(parts[: n + 1]) for n in range(len(parts)))


def hash_of(policy: Ladder | Breaker | Silence) -> str:
    """16 bytes over everything that a ladder or breaker means, hex."""
    data = msgspec.json.encode(policy, order="deterministic")
    return hashlib.blake2b(data, digest_size=16).hexdigest()
