"""What goes over the socket: a question, then pieces of the answer.

Each piece is one byte of kind, four bytes of length (big-endian) and the bytes: `Q` a question in
JSON, `A` a part of an Arrow IPC stream, `E` an error and `Z` the end, both in JSON.
"""

from __future__ import annotations

import contextlib
import io
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import msgspec

from ..errors import LogError
from .limits import GATHERED_BYTES, SOCKET_NAME_BYTES

QUESTION: Final = b"Q"
ARROW: Final = b"A"
ERROR: Final = b"E"
END: Final = b"Z"
_HEAD: Final = struct.Struct(">cI")


class Question(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a client wants.

    sql         for `ask`; for `write` the table, series or alert, whose rows follow as one `A`
    rows        of the answer at most, 0: no limit; `more` in `Done` says that there were more
    bytes       of the answer at most, 0: no limit
    timeout_ns  from the first step to the last piece
    """

    do: Literal["ask", "write", "settle"]
    sql: str = ""
    rows: int = 0
    bytes: int = 0
    timeout_ns: int = 0


class Refusal(msgspec.Struct, frozen=True):
    """Why not. `whose`: question (the client's), busy, store."""

    whose: Literal["question", "busy", "store"]
    text: str


class Done(msgspec.Struct, frozen=True, omit_defaults=True):
    """The end of an answer, or what became of what was written."""

    rows: int = 0
    more: bool = False
    stored: int = 0
    replaced: int = 0
    repeated: int = 0
    expired: int = 0


def send(connection: socket.socket, kind: bytes, data: bytes | bytearray | memoryview) -> None:
    """One piece. Raises OSError."""
    connection.sendall(_HEAD.pack(kind, len(data)))
    connection.sendall(data)


def receive(connection: socket.socket, most: int) -> tuple[bytes, bytes]:
    """The next piece, of at most `most` bytes. Raises ValueError for a longer one, EOFError where
    the other side is gone, OSError."""
    kind, size = _HEAD.unpack(_exactly(connection, _HEAD.size))
    if size > most:
        raise ValueError(f"a piece of {size:,} bytes; allowed are {most:,}")
    return kind, _exactly(connection, size)


def _exactly(connection: socket.socket, size: int) -> bytes:
    found = bytearray(size)
    view = memoryview(found)
    while view:
        n = connection.recv_into(view)
        if n == 0:
            raise EOFError("the other side is gone")
        view = view[n:]
    return bytes(found)


class PieceWriter(io.RawIOBase):
    """A file whose writes leave as pieces of Arrow, small ones gathered; `finish` sends the rest."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connection = connection
        self._gathered = bytearray()

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: object) -> int:
        """Takes it all. Raises OSError."""
        view = memoryview(data).cast("B")  # type: ignore[arg-type]
        if len(self._gathered) + len(view) > GATHERED_BYTES:
            self.finish()
        if len(view) > GATHERED_BYTES:
            send(self._connection, ARROW, view)
        else:
            self._gathered += view
        return len(view)

    def finish(self) -> None:
        """Sends what is left. Raises OSError."""
        if self._gathered:
            send(self._connection, ARROW, self._gathered)
            self._gathered = bytearray()


@contextmanager
def address(directory: Path, name: str) -> Iterator[str]:
    """A name for a socket in a directory that fits the system's limit, however long the path is:
    where it does not, the directory is reached through an open handle (Linux). Raises LogError."""
    path = str(directory / name)
    if len(os.fsencode(path)) <= SOCKET_NAME_BYTES:
        yield path
        return
    if not Path("/proc/self/fd").is_dir():
        raise LogError(
            f"{path} is too long for a socket: choose a storage directory with a shorter path"
        )
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{handle}/{name}"
    finally:
        with contextlib.suppress(OSError):
            os.close(handle)
