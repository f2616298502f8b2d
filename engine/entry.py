"""Log entries and their codec.

The log holds `samples` (a Frame), `tick` (time passed), `command` (a person or an area acted) and
`config` (rules or registry changed); `recovered` says that the tail of the log was lost
and from where each site's `seq` goes on. In the cluster `named_config` stands for a `config`
whose content lies elsewhere, durable before it is named. Nothing else can change an alarm.

An encoded entry is a packed little-endian header behind a magic and a version byte, tenant and
producer as UTF-8, then the payload. A Frame's columns lie at multiples of eight bytes, so that
decoding copies nothing.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeAlias

import msgspec
import numpy as np

from .command import Command
from .configuration import Configuration, pack, unpack
from .errors import EntryError
from .frame import Frame

FORMAT_VERSION: Final = 1
_MAGIC: Final = 0x4C
_HEADER: Final = struct.Struct("<BBBBHHQqq16s")
_APPENDED_AT: Final = 24  # offset of `appended` in the header
_COUNT: Final = struct.Struct("<Q")
_TICK: Final = struct.Struct("<qBq")
_NO_VERSION: Final = bytes(16)
_EXERCISE: Final = 1
_SELF_CLOCKED: Final = 2


class EntryKind(IntEnum):
    """What an entry is; the numbers are stored."""

    SAMPLES = 1
    TICK = 2
    COMMAND = 3
    CONFIG = 4
    RECOVERED = 5
    NAMED_CONFIG = 6


@dataclass(frozen=True, slots=True)
class Tick:
    """Wall time reached `time` (ns). `resumed`: the engine was blind since the last tick."""

    time: int
    resumed: bool = False


class SiteHead(msgspec.Struct, frozen=True):
    """The last record of a site that anyone may have seen: its seq and chain hash (hex)."""

    seq: int
    hash: str


class Recovered(msgspec.Struct, frozen=True):
    """The log lost its tail; each site's `seq` continues after `heads` (by site id)."""

    heads: dict[str, SiteHead]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class NamedConfiguration:
    """The configuration with this version (16 bytes) holds from here.

    Whoever reads the log finds its content by the version and steps the core with the
    Configuration itself, under the same header; the core refuses the name alone.
    """

    version: bytes

    def __post_init__(self) -> None:
        if len(self.version) != len(_NO_VERSION):
            raise ValueError(f"a version has 16 bytes, not {len(self.version)}")


Payload: TypeAlias = Frame | Tick | Command | Configuration | Recovered | NamedConfiguration


@dataclass(frozen=True, slots=True)
class Header:
    """What every entry says about itself.

    tenant         owner of the sites in a samples entry; "" where it does not apply
    producer       who made the entry (agent, runtime, replay), with its own running number
    received       wall time at which the samples were received, ns
    appended       wall time of the append, ns; may decrease, the core takes the maximum
    registry       version of the configuration that the sensor indices refer to
    exercise       a drill: carried into every record
    self_clocked   replay of samples alone (claim c): before each row a tick for its site at that
                   site's largest event time, and received = appended = that tick
    """

    tenant: str = ""
    producer: str = ""
    producer_seq: int = 0
    received: int = 0
    appended: int = 0
    registry: bytes = _NO_VERSION
    exercise: bool = False
    self_clocked: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """One element of the log."""

    header: Header
    payload: Payload

    @property
    def kind(self) -> EntryKind:
        """The kind, by the payload's type."""
        return _KIND_OF[type(self.payload)]


_KIND_OF: Final[dict[type, EntryKind]] = {
    Frame: EntryKind.SAMPLES,
    Tick: EntryKind.TICK,
    Command: EntryKind.COMMAND,
    Configuration: EntryKind.CONFIG,
    Recovered: EntryKind.RECOVERED,
    NamedConfiguration: EntryKind.NAMED_CONFIG,
}


def _encode_frame(frame: Frame) -> bytes:
    return b"".join(
        (
            _COUNT.pack(len(frame)),
            frame.time.tobytes(),
            frame.value.tobytes(),
            frame.sensor.tobytes(),
            frame.quality.tobytes(),
        )
    )


def _decode_frame(data: bytes, offset: int) -> Frame:
    (n,) = _COUNT.unpack_from(data, offset)
    start = offset + _COUNT.size
    if len(data) != start + 21 * n:
        raise EntryError("a samples entry has the wrong length")
    return Frame(
        sensor=np.frombuffer(data, "<i4", n, start + 16 * n),
        time=np.frombuffer(data, "<i8", n, start),
        value=np.frombuffer(data, "<f8", n, start + 8 * n),
        quality=np.frombuffer(data, "u1", n, start + 20 * n),
    )


def _encode_payload(payload: Payload) -> bytes:
    match payload:
        case Frame():
            return _encode_frame(payload)
        case Tick():
            return _TICK.pack(payload.time, payload.resumed, 0)
        case Configuration():
            return pack(payload)
        case NamedConfiguration():
            return payload.version
        case _:
            return msgspec.json.encode(payload, order="deterministic")


def _decode_payload(kind: int, data: bytes, offset: int) -> Payload:
    try:
        match kind:
            case EntryKind.SAMPLES:
                return _decode_frame(data, offset)
            case EntryKind.TICK:
                time, resumed, _ = _TICK.unpack(data[offset:])
                return Tick(time, bool(resumed))
            case EntryKind.CONFIG:
                return unpack(data[offset:])[0]
            case EntryKind.COMMAND:
                return msgspec.json.decode(data[offset:], type=Command)
            case EntryKind.RECOVERED:
                return msgspec.json.decode(data[offset:], type=Recovered)
            case EntryKind.NAMED_CONFIG:
                return NamedConfiguration(bytes(data[offset:]))
    except (struct.error, msgspec.MsgspecError, UnicodeDecodeError, ValueError) as error:
        raise EntryError(f"an entry of kind {kind} cannot be read: {error}") from error
    raise EntryError(f"entry kind {kind} is not known to this version")


def _padding(size: int) -> int:
    return -size % 8


def encode(entry: Entry) -> bytes:
    """The bytes that the log stores. Raises ValueError for a name over 65,535 bytes."""
    return encode_as(entry.header, entry.kind, _encode_payload(entry.payload))


def encode_as(header: Header, kind: int, payload: bytes) -> bytes:
    """The envelope of every log around a payload of some kind. Raises as `encode`."""
    tenant, producer = header.tenant.encode(), header.producer.encode()
    flags = header.exercise * _EXERCISE | header.self_clocked * _SELF_CLOCKED
    if max(len(tenant), len(producer)) > 0xFFFF:
        raise ValueError("tenant or producer is too long for an entry header")
    fixed = _HEADER.pack(
        _MAGIC,
        FORMAT_VERSION,
        kind,
        flags,
        len(tenant),
        len(producer),
        header.producer_seq,
        header.received,
        header.appended,
        header.registry,
    )
    names = tenant + producer
    return b"".join((fixed, names, bytes(_padding(len(fixed) + len(names))), payload))


def stamp(data: bytes, appended: int) -> bytes:
    """The same encoded entry with `appended` set; the log stamps at commit."""
    end = _APPENDED_AT + 8
    return data[:_APPENDED_AT] + appended.to_bytes(8, "little", signed=True) + data[end:]


def decode(data: bytes) -> Entry:
    """The entry. Raises EntryError for an unknown version or kind, or torn bytes."""
    kind, header, offset = opened(data)
    return Entry(header, _decode_payload(kind, data, offset))


def opened(data: bytes) -> tuple[int, Header, int]:
    """Kind, header and where the payload begins. Raises EntryError as `decode`."""
    if len(data) < _HEADER.size:
        raise EntryError("an entry is shorter than its header")
    magic, version, kind, flags, n_tenant, n_producer, seq, received, appended, registry = (
        _HEADER.unpack_from(data)
    )
    if magic != _MAGIC or version != FORMAT_VERSION:
        raise EntryError(
            f"entry format {magic:#x}/{version} is not known; this engine reads version "
            f"{FORMAT_VERSION}: run a version of Lifeline that knows it"
        )
    names_end = _HEADER.size + n_tenant + n_producer
    try:
        tenant = data[_HEADER.size : _HEADER.size + n_tenant].decode()
        producer = data[_HEADER.size + n_tenant : names_end].decode()
    except UnicodeDecodeError as error:
        raise EntryError(f"an entry's names are not UTF-8: {error}") from error
    header = Header(
        tenant,
        producer,
        seq,
        received,
        appended,
        registry,
        bool(flags & _EXERCISE),
        bool(flags & _SELF_CLOCKED),
    )
    return kind, header, names_end + _padding(names_end)
