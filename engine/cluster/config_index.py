"""What lies on the topic of configurations, by key. Kept in memory: heads, history, turns and the
places of chunks, not the chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ..errors import EntryError
from .contents import Current, Head
from .turns import Standing, Turn

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord


class Index:
    """What lies on the topic, by key: the last record of each counts."""

    def __init__(self) -> None:
        self.next = 0
        self.current: Current | None = None
        self.current_at = -1
        self.heads: dict[str, Head] = {}
        self.written: dict[str, int] = {}  # when each head was, ms of the broker
        self.history: dict[str, tuple[int, Current]] = {}
        self.turns: dict[str, Standing] = {}
        self._chunks: dict[str, dict[str, int]] = {}

    def see(self, record: ConsumerRecord[bytes, bytes]) -> None:
        """Takes notice of one record. Raises EntryError for one of another version's form."""
        kind, _, name = (record.key or b"").decode("ascii", "replace").partition("|")
        value: bytes | None = record.value
        try:
            match kind:
                case "config":
                    version, _, piece = name.partition("|")
                    pieces = self._chunks.setdefault(version, {})
                    _set(pieces, piece, None if value is None else record.offset)
                case "head":
                    self.written[name] = record.timestamp
                    _set(self.heads, name, value and msgspec.json.decode(value, type=Head))
                case "applied":
                    applied = value and msgspec.json.decode(value, type=Current)
                    _set(self.history, name, applied and (record.timestamp, applied))
                case "turn":
                    turn = value and msgspec.json.decode(value, type=Turn)
                    standing = turn and Standing(record.offset, record.timestamp, turn)
                    _set(self.turns, name, standing)
                case "current" if value is not None:
                    self.current = msgspec.json.decode(value, type=Current)
                    self.current_at = record.offset
        except msgspec.MsgspecError as error:
            raise EntryError(
                f"record {record.offset} of the topic of configurations ({kind}) cannot be read by "
                f"this version: {error}"
            ) from error

    def places(self, version: bytes, head: Head) -> list[int]:
        """The offsets of a version's chunks. Raises EntryError where one is missing."""
        there = self._chunks.get(version.hex(), {})
        names = [f"{head.checksum}|{i}" for i in range(head.chunks)]
        if any(name not in there for name in names):
            raise EntryError(f"configuration {version.hex()} is incomplete: chunks are missing")
        return [there[name] for name in names]

    def keys(self, version: str) -> list[bytes]:
        """Every key on the topic that belongs to a version (hex)."""
        pieces = [f"config|{version}|{piece}" for piece in self._chunks.get(version, {})]
        return [key.encode() for key in (f"head|{version}", f"applied|{version}", *pieces)]


def _set(into: dict[str, Any], name: str, value: Any) -> None:
    """None is a deletion."""
    if value is None:
        into.pop(name, None)
    else:
        into[name] = value
