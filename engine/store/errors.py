"""What the database says, by whose fault it is."""

from __future__ import annotations

from typing import Final

from ..errors import SinkError, SpecError

_FULL: Final = ("no space left", "file too large", "disk quota exceeded", "max_temp_directory_size")
_LOCKED: Final = ("could not set lock", "conflicting lock")
_VERSION: Final = ("we can only read versions", "newer version of duckdb", "storage version")
_DENIED: Final = ("permission denied", "read-only file system")
_DAMAGED: Final = (
    "corrupt",
    "not a valid duckdb database",
    "could not read enough bytes",
    "failure while replaying wal",
    "wal does not match",
)
_INVALID: Final = ("has been invalidated", "previous fatal error")


class StoreError(SinkError):
    """The store did not take or give what it was asked; `kind` as troubles name it.

    store_failed   anything that has no name of its own
    """

    kind = "store_failed"


class StoreFullError(StoreError):
    """The disk, or the memory that the store may take, is full."""

    kind = "store_full"


class StoreDamagedError(StoreError):
    """A part of the file is not what was written."""

    kind = "store_damaged"


class StoreInUseError(StoreError):
    """Another process has the file open."""

    kind = "store_in_use"


class StoreForeignError(StoreError):
    """The file is not of this version, or may not be touched: left alone."""

    kind = "store_foreign"


class StoreMovedError(StoreError):
    """The store was made anew meanwhile: whoever writes to it asks where it stands."""

    kind = "store_moved"


class QuestionError(SpecError):
    """A question in SQL that the database, or a limit, refused."""


def store_error(error: Exception, *, opening: bool = False) -> StoreError:
    """The error of the database as one of ours. While a file is opened, what has no other cause
    is damage: nothing else was asked of it."""
    text = " ".join(str(error).split())
    low = text.lower()
    if any(word in low for word in _FULL):
        return StoreFullError(f"{text}; make room on the disk, or keep less (retention)")
    if any(word in low for word in _LOCKED):
        return StoreInUseError(f"{text}; end the process that has the store open")
    if any(word in low for word in _VERSION):
        return StoreForeignError(f"{text}; use the version of Lifeline that wrote it")
    if any(word in low for word in _DENIED):
        return StoreForeignError(f"{text}; the store's file must belong to the engine's user")
    if type(error).__name__ == "OutOfMemoryException":
        return StoreFullError(f"{text}; give it more: outputs: {{store: {{memory: …}}}}")
    if any(word in low for word in _DAMAGED) or opening:
        return StoreDamagedError(text)
    return StoreError(text)


def is_lost(error: Exception) -> bool:
    """Whether the open database is of no use after this and must be opened anew."""
    low = str(error).lower()
    return type(error).__name__ in ("FatalException", "InternalException") or any(
        word in low for word in _INVALID
    )
