"""From a record of the log to an entry for the core, or to the reason why there is none. Pure.

Three outcomes, and no fourth: an entry; torn bytes, which nobody will ever understand and which
are put aside; or something that a later version may understand, which ends the worker, because a
core that skipped it would judge otherwise than one that knows it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal, TypeVar

import msgspec

from ..areas.entry import AreaEntry, decode_area
from ..entry import FORMAT_VERSION, Entry, EntryKind, Header, Tick, decode, encode
from ..errors import EntryError

# Torn entries of other kinds change what every later entry means: nobody may go on behind them.
_MAY_BE_TORN: Final = frozenset({EntryKind.SAMPLES, EntryKind.TICK, EntryKind.COMMAND})
_KINDS: Final = frozenset(int(kind) for kind in EntryKind)
_FIRST_BYTE: Final = encode(Entry(Header(), Tick(0)))[0]
_NS_IN_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Torn:
    """Bytes that are no entry. `reason` is a short stable code, `detail` is for a person."""

    reason: Literal["empty", "not_an_entry", "unreadable"]
    detail: str


def read_entry(value: bytes | None) -> Entry | Torn:
    """What a record of the log is. Raises EntryError for what another version may understand."""
    if not value:
        return Torn("empty", "a record of the log without a value")
    try:
        return decode(value)
    except EntryError as error:
        if value[0] != _FIRST_BYTE:
            return Torn("not_an_entry", str(error))
        if len(value) > 2 and (value[1] != FORMAT_VERSION or value[2] not in _KINDS):
            raise
        if len(value) > 2 and value[2] not in _MAY_BE_TORN:
            raise
        if isinstance(error.__cause__, msgspec.ValidationError):
            raise  # whole, but not as this version knows it
        return Torn("unreadable", str(error))


def read_area_entry(value: bytes | None) -> AreaEntry | Torn:
    """What a record of the area log is. Raises EntryError for what another version may understand,
    and for torn bytes of what only this cluster writes: there is nobody else's fault to pass over."""
    if not value:
        return Torn("empty", "a record of the area log without a value")
    if value[0] != _FIRST_BYTE:
        return Torn("not_an_entry", "not an entry of an area log")
    return decode_area(value)


AnyEntry = TypeVar("AnyEntry", bound=Entry | AreaEntry)


def stamped(entry: AnyEntry, timestamp_ms: int) -> AnyEntry:
    """The entry with the time at which the broker appended it; a recorded one, which has its own,
    as it is. A receipt later than the append would be a wrong clock of the agent."""
    header = entry.header
    if header.appended:
        return entry
    appended = timestamp_ms * _NS_IN_MS
    received = min(header.received, appended)
    return replace(entry, header=replace(header, appended=appended, received=received))
