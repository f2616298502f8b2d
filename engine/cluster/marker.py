"""Checkpoints as records of a compacted topic: keys, the marker, which one wins. Pure.

A checkpoint of a partition is its core's snapshot in chunks, each under a key of its own
(`snap|<position>|<generation>|<chunk>`), and behind them a marker (`mark|<position>|<generation>`).
No two checkpoints share a key, so that a worker that woke late can never spoil a successor's. Any
complete checkpoint is a right one to start from, the furthest the cheapest; the last record of the
topic says nothing.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from ..errors import LogError
from ..limits import CHECKPOINT_HEAD_SITES, CLUSTER_CHUNK_BYTES

_COMPRESSION = 1  # the fastest: state is mostly equal words, and the loop does not wait for it


@dataclass(frozen=True, slots=True, order=True)
class CheckpointId:
    """`position`: the offset of the first log record that is not counted in; `generation`: of the
    consumer group when it was written."""

    position: int
    generation: int

    def marker_key(self) -> bytes:
        """The key of the marker."""
        return b"mark|%d|%d" % (self.position, self.generation)

    def chunk_key(self, chunk: int) -> bytes:
        """The key of one chunk, counted from 0."""
        return b"snap|%d|%d|%d" % (self.position, self.generation, chunk)


class Written(msgspec.Struct, frozen=True, array_like=True):
    """A checkpoint, or what is left of one, that lies on the topic."""

    position: int
    generation: int
    chunks: int

    def record_keys(self) -> list[bytes]:
        """All of its keys, the marker's first: without it nobody looks for the chunks."""
        who = CheckpointId(self.position, self.generation)
        return [who.marker_key(), *(who.chunk_key(i) for i in range(self.chunks))]


class HeadMark(msgspec.Struct, frozen=True, array_like=True):
    """The last record of a site: its seq and chain hash (hex)."""

    seq: int
    hash: str


class Marker(msgspec.Struct, frozen=True, omit_defaults=True):
    """Says that a checkpoint is complete, and of what it is.

    next        offset of the first log record that is not counted in
    generation  of the consumer group
    first       offset of the first chunk on the topic of checkpoints
    chunks      how many there are
    checksum    blake2b of the chunks together (16 bytes, hex)
    tail        blake2b of the log record before `next` (16 bytes, hex); "" where there was none
    digest      of the run up to here
    heads       by site; empty beyond CHECKPOINT_HEAD_SITES sites
    wall        the writer's wall time, ns; for a person
    older       superseded checkpoints that nobody has deleted yet
    """

    next: int
    generation: int
    first: int
    chunks: int
    checksum: str
    tail: str
    digest: str
    heads: dict[str, HeadMark]
    wall: int
    older: tuple[Written, ...] = ()
    version: int = 1

    @property
    def id(self) -> CheckpointId:
        """Which checkpoint it completes."""
        return CheckpointId(self.next, self.generation)

    def encode(self) -> bytes:
        """As JSON, which a person can read too."""
        return msgspec.json.encode(self)


def head_marks(heads: Mapping[str, tuple[int, bytes]]) -> dict[str, HeadMark]:
    """A core's heads as a marker names them; empty where there are too many for one record."""
    if len(heads) > CHECKPOINT_HEAD_SITES:
        return {}
    return {site: HeadMark(seq, head.hex()) for site, (seq, head) in sorted(heads.items())}


def fingerprint(data: bytes | memoryview) -> str:
    """16 bytes, hex, that stand for some bytes."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def pack_chunks(snapshot: bytes) -> tuple[list[bytes], str]:
    """The chunks of a snapshot and their checksum. Takes a while for a large one; any thread."""
    packed = zlib.compress(snapshot, _COMPRESSION)
    size = CLUSTER_CHUNK_BYTES
    chunks = [packed[at : at + size] for at in range(0, len(packed), size)]
    return chunks, fingerprint(packed)


def unpack_chunks(chunks: Iterable[bytes], checksum: str) -> bytes:
    """The snapshot. Raises LogError where the chunks are not what the marker says."""
    packed = b"".join(chunks)
    if fingerprint(packed) != checksum:
        raise LogError("the chunks of a checkpoint do not have the checksum of its marker")
    try:
        return zlib.decompress(packed)
    except zlib.error as error:
        raise LogError(f"a checkpoint cannot be unpacked: {error}") from error


@dataclass(slots=True)
class Scan:
    """What was seen of one partition of the topic of checkpoints, read in any order.

    `unknown` counts records that are no part of a checkpoint that this version knows.
    """

    unknown: int = 0
    _last: dict[bytes, int] = field(default_factory=dict)
    _markers: dict[CheckpointId, Marker] = field(default_factory=dict)
    _chunks: dict[CheckpointId, dict[int, int]] = field(default_factory=dict)

    def see(self, offset: int, key: bytes | None, value: bytes | None) -> None:
        """Takes notice of one record; of two with one key the one further behind counts."""
        parts = (key or b"").split(b"|")
        if key is None or parts[0] not in _LENGTHS or len(parts) != _LENGTHS[parts[0]]:
            self.unknown += parts[0] != b"clock"
            return
        if offset <= self._last.get(key, -1):
            return
        try:
            numbers = [int(part) for part in parts[1:]]
            marker = (
                msgspec.json.decode(value, type=Marker) if value and len(numbers) == 2 else None
            )
        except (ValueError, msgspec.MsgspecError):
            self.unknown += 1
            return
        self._last[key] = offset
        who = CheckpointId(numbers[0], numbers[1])
        if len(numbers) == 3:
            self._see_chunk(who, numbers[2], offset if value else None)
        elif marker is None or marker.version != 1 or marker.id != who:
            self._markers.pop(who, None)
        else:
            self._markers[who] = marker

    def _see_chunk(self, who: CheckpointId, number: int, offset: int | None) -> None:
        chunks = self._chunks.setdefault(who, {})
        if offset is None:
            chunks.pop(number, None)
        else:
            chunks[number] = offset

    def complete(self) -> list[Marker]:
        """Complete checkpoints, the furthest first."""
        found = [m for who, m in self._markers.items() if self._has_all(who, m)]
        return sorted(found, key=lambda m: m.id, reverse=True)

    def _has_all(self, who: CheckpointId, marker: Marker) -> bool:
        there = self._chunks.get(who, {})
        return all(number in there for number in range(marker.chunks))

    def reaches_down_to(self) -> int | None:
        """Where the chunks of the furthest marker begin, if not all of them were seen yet."""
        furthest = max(self._markers, default=None)
        if furthest is None or self._has_all(furthest, self._markers[furthest]):
            return None
        return self._markers[furthest].first

    def offsets(self, marker: Marker) -> list[int]:
        """Where the chunks of a complete checkpoint lie, in order."""
        there = self._chunks[marker.id]
        return [there[number] for number in range(marker.chunks)]

    def others(self, chosen: CheckpointId | None) -> list[Written]:
        """Everything on the topic that is no part of the chosen one, complete or not."""
        known = set(self._markers) | {who for who, chunks in self._chunks.items() if chunks}
        return [
            Written(who.position, who.generation, self._extent(who))
            for who in sorted(known)
            if who != chosen
        ]

    def _extent(self, who: CheckpointId) -> int:
        marker = self._markers.get(who)
        seen = max(self._chunks.get(who, {}), default=-1) + 1
        return max(seen, marker.chunks if marker else 0)


_LENGTHS = {b"snap": 4, b"mark": 3}
