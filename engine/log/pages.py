"""Rows out of a damaged SQLite file, without SQLite.

One flipped byte in an interior page makes every row below it unreachable for SQLite, though the
rows are intact. This reader visits every page by itself, of the database and of its write-ahead
log, takes each one that looks like a table leaf and yields the rows on it; whoever reads them
believes a row only by its own hash. Formats: sqlite.org/fileformat2.html, sections 1.5, 1.6, 2.1
and 4.1. Nothing here raises for anything that a file may contain.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from ..limits import MAX_ENTRY_BYTES
from .schema import PAGE_BYTES

Value: TypeAlias = bytes | str | int | None
Row: TypeAlias = tuple[Value, ...]

_MAGIC: Final = b"SQLite format 3\x00"  # page 1, whose tree begins behind the file header
_TABLE_LEAF: Final = 0x0D
_WAL_HEADER: Final = 32
_FRAME_HEADER: Final = 24
_INTEGER_BYTES: Final = (0, 1, 2, 3, 4, 6, 8)
# Largest payload that stays on its page, and the smallest part that does when it spills (§1.6).
_MAX_LOCAL: Final = PAGE_BYTES - 35
_MIN_LOCAL: Final = (PAGE_BYTES - 12) * 32 // 255 - 23


@dataclass(frozen=True, slots=True)
class Place:
    """Where a cell begins: which page image, and the offset in it."""

    image: int
    offset: int


class PageFile:
    """All page images of a database and its write-ahead log, opened for reading only."""

    def __init__(self, database: Path, wal: Path) -> None:
        self._database = _Images(database, 0, PAGE_BYTES, 0)
        self._wal = _Images(wal, _WAL_HEADER, _FRAME_HEADER + PAGE_BYTES, _FRAME_HEADER)
        self._latest: dict[int, int] = {}
        salt = self._wal.raw(16, 8)
        for frame in range(self._wal.count):
            number, _, found = struct.unpack(">II8s", self._wal.raw(self._wal.start(frame), 16))
            if found == salt:
                self._latest[number] = self._database.count + frame

    def close(self) -> None:
        """Closes both files."""
        self._database.close()
        self._wal.close()

    def rows(self, *, only_wal: bool = False) -> Iterator[tuple[Place, int, Row]]:
        """(place, row id, columns) of all that reads like a row, the same row perhaps often."""
        first = self._database.count if only_wal else 0
        for image in range(first, self._database.count + self._wal.count):
            page = self._page(image)
            header = 100 if page.startswith(_MAGIC) else 0
            if page[header] != _TABLE_LEAF:
                continue
            cells = int.from_bytes(page[header + 3 : header + 5], "big")
            pointers = header + 8
            for at in range(pointers, min(pointers + 2 * cells, PAGE_BYTES - 1), 2):
                place = Place(image, int.from_bytes(page[at : at + 2], "big"))
                found = self._cell(page, place.offset)
                if found is not None:
                    yield place, *found

    def row(self, place: Place) -> Row | None:
        """The row at a place that `rows` named."""
        found = self._cell(self._page(place.image), place.offset)
        return None if found is None else found[1]

    def _page(self, image: int) -> bytes:
        if image < self._database.count:
            return self._database.image(image)
        return self._wal.image(image - self._database.count)

    def _cell(self, page: bytes, offset: int) -> tuple[int, Row] | None:
        try:
            size, at = _varint(page, offset)
            row_id, at = _varint(page, at)
            payload = self._payload(page, at, size)
            return None if payload is None else (_signed(row_id), _columns(payload))
        except (IndexError, ValueError):
            return None

    def _payload(self, page: bytes, at: int, size: int) -> bytes | None:
        if size > MAX_ENTRY_BYTES + PAGE_BYTES:
            return None
        if size <= _MAX_LOCAL:
            return page[at : at + size]
        local = _MIN_LOCAL + (size - _MIN_LOCAL) % (PAGE_BYTES - 4)
        local = local if local <= _MAX_LOCAL else _MIN_LOCAL
        parts, left = [page[at : at + local]], size - local
        following = page[at + local : at + local + 4]
        while left > 0:
            number = int.from_bytes(following, "big")
            image = self._latest.get(number, number - 1)
            if number == 0 or image >= self._database.count + self._wal.count:
                return None
            spill = self._page(image)
            following = spill[:4]
            parts.append(spill[4 : 4 + min(left, PAGE_BYTES - 4)])
            left -= PAGE_BYTES - 4
        return b"".join(parts)


class _Images:
    """Equal records of one file, each with a page in it; a torn last one is left out."""

    def __init__(self, path: Path, first: int, stride: int, skip: int) -> None:
        self._first, self._stride, self._skip = first, stride, skip
        self._file = path.open("rb") if path.exists() else None
        size = path.stat().st_size if self._file is not None else 0
        self.count = max(0, (size - first) // stride)

    def start(self, n: int) -> int:
        return self._first + n * self._stride

    def raw(self, offset: int, size: int) -> bytes:
        if self._file is None:
            return b""
        self._file.seek(offset)
        return self._file.read(size)

    def image(self, n: int) -> bytes:
        return self.raw(self.start(n) + self._skip, PAGE_BYTES)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for _ in range(8):
        byte = data[at]
        at += 1
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at
    return value << 8 | data[at], at + 1


def _signed(value: int) -> int:
    return value - (1 << 64) if value >> 63 else value


def _columns(payload: bytes) -> Row:
    """The values of a record; raises ValueError or IndexError where it is none."""
    end, at = _varint(payload, 0)
    kinds: list[int] = []
    while at < end:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    values: list[Value] = []
    for kind in kinds:
        value, size = _value(payload, end, kind)
        values.append(value)
        end += size
    if end != len(payload):
        raise ValueError("a record has the wrong length")
    return tuple(values)


def _value(payload: bytes, at: int, kind: int) -> tuple[Value, int]:
    if kind == 0:
        return None, 0
    if kind in (8, 9):
        return kind - 8, 0
    if kind < len(_INTEGER_BYTES):
        size = _INTEGER_BYTES[kind]
        return int.from_bytes(payload[at : at + size], "big", signed=True), size
    if kind < 12:
        raise ValueError("a value of a type that the log never stores")
    size = (kind - 12) // 2
    part = payload[at : at + size]
    return (part.decode() if kind % 2 else part), size
