"""Entries of an area log: the envelope of the site log around what areas hear.

`records` (what sites and areas below recorded), `standing` (what stands at one site, where what
was heard of it is not whole), `alive` (how far an engine is and which of its sites are silent), and
as in every log `tick`, `command`, `config` and `recovered`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

import msgspec

from ..command import Command
from ..entry import Entry, EntryKind, Header, Recovered, Tick, decode, encode, encode_as, opened
from ..errors import EntryError
from ..record import Record
from .configuration import AreaConfiguration, pack, unpack


class AreaKind(IntEnum):
    """Kinds that only an area log has; the numbers are stored and differ from `EntryKind`."""

    RECORDS = 64
    STANDING = 65
    ALIVE = 66
    AREA_CONFIG = 67


class Heard(msgspec.Struct, frozen=True):
    """Alert records of sites and areas below, each site's in the order of its seq."""

    records: tuple[Record, ...]


class Standing(msgspec.Struct, frozen=True):
    """All that stands at one site after its record `seq` with `hash` (hex)."""

    site: str
    seq: int
    hash: str
    records: tuple[Record, ...] = ()


class Silent(msgspec.Struct, frozen=True):
    """A site of which these sources are silent; `whole`: nothing at all is heard of it.

    `sensors` counts those that should speak and do not.
    """

    site: str
    sources: tuple[str, ...]
    whole: bool
    sensors: int


class Alive(msgspec.Struct, frozen=True):
    """An engine has stepped its log to `position`, whose last tick was `wall`.

    `engine` is the reserved site of its own records. Sites that are not in `silent` are heard.
    """

    engine: str
    position: int
    wall: int
    silent: tuple[Silent, ...] = ()


AreaPayload: TypeAlias = Heard | Standing | Alive | AreaConfiguration | Tick | Command | Recovered


@dataclass(frozen=True, slots=True)
class AreaEntry:
    """One element of an area log."""

    header: Header
    payload: AreaPayload


_KINDS: Final[dict[type, AreaKind]] = {
    Heard: AreaKind.RECORDS,
    Standing: AreaKind.STANDING,
    Alive: AreaKind.ALIVE,
    AreaConfiguration: AreaKind.AREA_CONFIG,
}
_TYPES: Final = {AreaKind.RECORDS: Heard, AreaKind.STANDING: Standing, AreaKind.ALIVE: Alive}
_SHARED: Final = (EntryKind.TICK, EntryKind.COMMAND, EntryKind.RECOVERED)


def encode_area(entry: AreaEntry) -> bytes:
    """The bytes that the log stores."""
    payload = entry.payload
    if isinstance(payload, Tick | Command | Recovered):
        return encode(Entry(entry.header, payload))
    kind = _KINDS[type(payload)]
    if isinstance(payload, AreaConfiguration):
        return encode_as(entry.header, kind, pack(payload))
    return encode_as(entry.header, kind, msgspec.json.encode(payload, order="deterministic"))


def decode_area(data: bytes) -> AreaEntry:
    """The entry. Raises EntryError for what is no entry of an area log, or of a later version."""
    kind, header, offset = opened(data)
    if kind in _SHARED:
        payload = decode(data).payload
        assert isinstance(payload, Tick | Command | Recovered)
        return AreaEntry(header, payload)
    if kind == AreaKind.AREA_CONFIG:
        return AreaEntry(header, unpack(data[offset:]))
    try:
        wanted = _TYPES[AreaKind(kind)]
    except ValueError as error:
        raise EntryError(f"entry kind {kind} is not known in an area log") from error
    try:
        return AreaEntry(header, msgspec.json.decode(data[offset:], type=wanted))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EntryError(f"an area entry of kind {kind} cannot be read: {error}") from error
