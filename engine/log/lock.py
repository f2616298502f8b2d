"""One engine to a directory."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from .errors import LogInUse

LOCK_FILE: Final = "engine.lock"


class DirectoryLock:
    """Holds `engine.lock` until `release` or the end of the process, however it ends.

    Raises LogInUse, naming the holder's process id, if another store holds it. The lock belongs
    to the open file, so a second store in the same process is refused as well.
    """

    def __init__(self, directory: Path) -> None:
        self._file = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise LogInUse(
                f"{directory} is in use by another engine (process {holder}): stop it first, "
                "or give this one a storage directory of its own"
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Lets the next engine in. The file stays: removing it would let two in."""
        os.ftruncate(self._file, 0)
        os.close(self._file)


def holder(directory: Path) -> int | None:
    """Process id of the engine that holds `directory`, or None when nobody does."""
    try:
        file = os.open(directory / LOCK_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(file, 32, 0).strip()
        return int(text) if text.isdigit() else 0
    finally:
        os.close(file)
    return None
