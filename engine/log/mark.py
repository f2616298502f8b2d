"""`log.mark`: how far the log has been confirmed, beside the log itself.

SQLite drops a damaged tail of its write-ahead log without a word. The mark, written in place after
every commit and flushed seldom, says how far the log did reach: exactly after a killed process,
and as a lower bound, never more than half of POSITION_JUMP behind, after a power cut.
"""

from __future__ import annotations

import hashlib
import os
import struct
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ..limits import POSITION_JUMP
from . import failpoints

MARK_FILE: Final = "log.mark"
_SLOT: Final = struct.Struct("<8s16sqqQ?")
_MAGIC: Final = b"LLMARK\x00\x01"
_SLOT_BYTES: Final = 512  # one sector each: a torn write spoils one of the two slots


@dataclass(frozen=True, slots=True)
class Mark:
    """The highest position and outbox number that were ever confirmed; neither goes back."""

    log_id: bytes
    position: int = 0
    number: int = 0
    clean: bool = False


class MarkFile:
    """The two slots of `log.mark`, written in turn."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        self._count, self.mark = self._read()
        self._flushed = 0 if self.mark is None else max(self.mark.position, self.mark.number)

    def _read(self) -> tuple[int, Mark | None]:
        best: tuple[int, Mark | None] = (0, None)
        for slot in (0, 1):
            data = os.pread(self._file, _SLOT.size + 16, slot * _SLOT_BYTES)
            body, check = data[: _SLOT.size], data[_SLOT.size :]
            if len(body) < _SLOT.size or _check(body) != check:
                continue
            magic, log_id, position, number, count, clean = _SLOT.unpack(body)
            if magic == _MAGIC and count > best[0]:
                best = count, Mark(log_id, position, number, clean)
        return best

    def write(self, mark: Mark, *, flush: bool = False) -> None:
        """Sets the mark; `flush` makes it durable. Raises OSError."""
        if failpoints.ARMED:
            failpoints.hit("mark.before_write")
        self._count += 1
        body = _SLOT.pack(_MAGIC, mark.log_id, mark.position, mark.number, self._count, mark.clean)
        os.pwrite(self._file, body + _check(body), self._count % 2 * _SLOT_BYTES)
        self.mark = mark
        reached = max(mark.position, mark.number)
        if flush or reached - self._flushed >= POSITION_JUMP // 2:
            os.fsync(self._file)
            self._flushed = reached

    def close(self, *, clean: bool) -> None:
        """Closes the file; `clean` says that nothing was under way."""
        try:
            if self.mark is not None:
                self.write(replace(self.mark, clean=clean), flush=True)
        finally:
            os.close(self._file)


def _check(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16, person=b"lifeline-mark").digest()
