"""Configurations as records of the configs topic: keys, heads, chunks, history. Pure.

    config|<version>|<checksum>|<chunk>   a piece of a content
    head|<version>      says what the pieces are; written after them
    applied|<version>   a city's version that was in force, and the versions of its parts
    current             the one of them that is in force
    turn|<id>           an apply that has begun

A content is a configuration whole, or as delta to a base that lies on the topic too.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from ..configuration import Configuration, check_indices, inflated, version_of
from ..errors import EntryError
from ..limits import CLUSTER_CHUNK_BYTES, CLUSTER_DELTA_DEPTH
from .delta import Delta, applied, difference

CURRENT_KEY: Final = b"current"
_LEVEL: Final = 6


class Head(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the chunks of one version are.

    `base` is the version (hex) that a delta refers to, "" for a whole content; `depth` how many
    deltas lie upon one another; `size` the bytes of all chunks, `checksum` their hash.
    """

    chunks: int
    size: int
    checksum: str
    base: str = ""
    depth: int = 0

    @property
    def form(self) -> Literal["whole", "delta"]:
        """Whether it stands for itself."""
        return "delta" if self.base else "whole"


class Current(msgspec.Struct, frozen=True):
    """Which configuration is in force: versions in hex, counts by partition.

    `n` partitions; the part of partition p has version `parts[p]`, `sites[p]` sites and
    `sensors[p]` sensors, retired ones not counted.
    """

    city: str
    n: int
    parts: tuple[str, ...]
    sites: tuple[int, ...]
    sensors: tuple[int, ...]

    def version(self) -> bytes:
        """The city's version."""
        return bytes.fromhex(self.city)

    def part(self, partition: int) -> bytes:
        """The version of one partition's configuration."""
        return bytes.fromhex(self.parts[partition])


@dataclass(frozen=True, slots=True)
class Content:
    """One version ready to be written."""

    version: bytes
    head: Head
    chunks: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Base:
    """A configuration that lies on the topic, to which a delta may refer."""

    version: bytes
    depth: int
    configuration: Configuration


def chunk_key(version: bytes, head: Head, chunk: int) -> bytes:
    """The key of one piece. Two applies at once may write one version in two forms: no piece of
    the one has the key of a piece of the other."""
    return f"config|{version.hex()}|{head.checksum}|{chunk}".encode()


def head_key(version: bytes) -> bytes:
    """The key of the head."""
    return f"head|{version.hex()}".encode()


def applied_key(version: bytes) -> bytes:
    """The key of the history's record of a city's version."""
    return f"applied|{version.hex()}".encode()


def packed(configuration: Configuration, version: bytes, base: Base | None) -> Content:
    """The content of a version: as delta to the base, if one is given and the delta is less than
    half of the whole; else whole."""
    whole = zlib.compress(configuration.encode(), _LEVEL)
    if base is not None and base.depth < CLUSTER_DELTA_DEPTH:
        delta = difference(base.configuration, configuration)
        small = zlib.compress(msgspec.json.encode(delta, order="deterministic"), _LEVEL)
        if len(small) * 2 < len(whole):
            return _content(version, small, base.version.hex(), base.depth + 1)
    return _content(version, whole, "", 0)


def _content(version: bytes, data: bytes, base: str, depth: int) -> Content:
    step = CLUSTER_CHUNK_BYTES
    chunks = tuple(data[at : at + step] for at in range(0, len(data), step))
    return Content(version, Head(len(chunks), len(data), _checksum(data), base, depth), chunks)


def unpacked(
    version: bytes, head: Head, chunks: Iterable[bytes], base: Configuration | None
) -> Configuration:
    """The configuration. Raises EntryError where the bytes are not what head and version say.

    `base` is the configuration that the head names, None where it names none.
    """
    data = b"".join(chunks)
    name = version.hex()
    if len(data) != head.size or _checksum(data) != head.checksum:
        raise EntryError(f"the chunks of configuration {name} do not have its head's checksum")
    if head.base and base is None:
        raise EntryError(f"configuration {name} is a delta, and its base {head.base} is missing")
    try:
        plain = inflated(data)
        if base is None:
            found = msgspec.json.decode(plain, type=Configuration)
            real = version_of(plain)
        else:
            found = applied(base, msgspec.json.decode(plain, type=Delta))
            real = found.version()
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EntryError(f"configuration {name} cannot be read: {error}") from error
    if real != version:
        raise EntryError(f"what lies under configuration {name} is {real.hex()}")
    check_indices(found)
    return found


def _checksum(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def needless(
    history: Iterable[tuple[int, Current]], heads: Mapping[str, Head], horizon: int
) -> set[str]:
    """The versions (hex) of `heads` that nothing refers to any more.

    `history` has what was in force and when it came into force (any clock; `horizon` is of the
    same). Needed are the versions that were in force at `horizon` or later, and the bases of
    all needed ones.
    """
    ordered = sorted(history, key=lambda item: item[0])
    first = max((i for i, (at, _) in enumerate(ordered) if at <= horizon), default=0)
    waiting = [v for _, current in ordered[first:] for v in (current.city, *current.parts)]
    needed: set[str] = set()
    while waiting:
        version = waiting.pop()
        if version and version not in needed:
            needed.add(version)
            waiting.append(heads[version].base if version in heads else "")
    return set(heads) - needed
