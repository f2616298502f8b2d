"""Entries of a call log: the envelope of the site log around what the call stage hears.

`records` (what sites and areas recorded), `standing` (all that waits for an answer, where what was
heard is not whole), `sent` (what became of messages), `answer` and `drill` (a person), and as in every
log `tick`, `config` and `recovered`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

import msgspec

from ..entry import Entry, EntryKind, Header, Recovered, Tick, decode, encode, encode_as, opened
from ..errors import EntryError
from ..record import Record
from .configuration import CallConfiguration, pack, unpack


class CallKind(IntEnum):
    """Kinds that only a call log has; the numbers are stored and differ from all others."""

    RECORDS = 96
    STANDING = 97
    SENT = 98
    ANSWER = 99
    DRILL = 100
    CALL_CONFIG = 101


class Heard(msgspec.Struct, frozen=True):
    """Alert records of sites and areas, each site's in the order of its seq."""

    records: tuple[Record, ...]


class Standing(msgspec.Struct, frozen=True):
    """Every alarm that waits for an answer, by the record that left it so, and how far each site
    is heard with it (seq)."""

    heads: dict[str, int]
    records: tuple[Record, ...] = ()


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of calling one person: by which channel the message went, "" where none took
    it; `reason` says what failed."""

    call: str
    turn: int
    person: str
    channel: str = ""
    reason: str = ""


class Sent(msgspec.Struct, frozen=True):
    """Results, in the order in which they came."""

    results: tuple[Result, ...]


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A person answers a drill. To an alarm a person answers by acknowledging it at its site."""

    call: str
    person: str


class Drill(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everybody who would be called for `site` at `level` is called, as an exercise."""

    id: str
    site: str
    level: int
    principal: str
    reason: str = ""


CallPayload: TypeAlias = (
    Heard | Standing | Sent | Answer | Drill | CallConfiguration | Tick | Recovered
)


@dataclass(frozen=True, slots=True)
class CallEntry:
    """One element of a call log."""

    header: Header
    payload: CallPayload


_KINDS: Final[dict[type, CallKind]] = {
    Heard: CallKind.RECORDS,
    Standing: CallKind.STANDING,
    Sent: CallKind.SENT,
    Answer: CallKind.ANSWER,
    Drill: CallKind.DRILL,
    CallConfiguration: CallKind.CALL_CONFIG,
}
_TYPES: Final = {
    CallKind.RECORDS: Heard,
    CallKind.STANDING: Standing,
    CallKind.SENT: Sent,
    CallKind.ANSWER: Answer,
    CallKind.DRILL: Drill,
}
_SHARED: Final = (EntryKind.TICK, EntryKind.RECOVERED)


def encode_call(entry: CallEntry) -> bytes:
    """The bytes that the log stores."""
    payload = entry.payload
    if isinstance(payload, Tick | Recovered):
        return encode(Entry(entry.header, payload))
    kind = _KINDS[type(payload)]
    if isinstance(payload, CallConfiguration):
        return encode_as(entry.header, kind, pack(payload))
    return encode_as(entry.header, kind, msgspec.json.encode(payload, order="deterministic"))


def decode_call(data: bytes) -> CallEntry:
    """The entry. Raises EntryError for what is no entry of a call log, or of a later version."""
    kind, header, offset = opened(data)
    if kind in _SHARED:
        payload = decode(data).payload
        assert isinstance(payload, Tick | Recovered)
        return CallEntry(header, payload)
    if kind == CallKind.CALL_CONFIG:
        return CallEntry(header, unpack(data[offset:]))
    try:
        wanted = _TYPES[CallKind(kind)]
    except ValueError as error:
        raise EntryError(f"entry kind {kind} is not known in a call log") from error
    try:
        return CallEntry(header, msgspec.json.decode(data[offset:], type=wanted))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EntryError(f"a call entry of kind {kind} cannot be read: {error}") from error
