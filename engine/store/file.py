"""`StoreFile`: the store's file, opened when needed, repaired where it is damaged, lent for reading."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from ..clock import Clock
from ..config.plant import StoreSpec
from . import database
from .errors import StoreDamagedError, StoreError, is_lost, store_error

_CLOSE_S: Final = 5.0


class StoreFile(ABC):
    """One connection that writes, in transactions, and as many as are asked for that only read.

    Nothing is opened before it is needed, and what failed is opened anew by the next call. Methods raise
    StoreError, by whose class a caller tells what to do. Whoever writes holds `_lock`.
    """

    def __init__(self, spec: StoreSpec, clock: Clock, tell: Callable[[str, str], None]) -> None:
        self.spec = spec
        self._clock = clock
        self._tell = tell
        self._lock = threading.RLock()
        self._readers: set[Any] = set()
        self._reading = threading.Condition()
        self._root: Any = None
        self._writer: Any = None
        self._damage = ""

    # --- open and closed -------------------------------------------------------------------------

    def open(self) -> None:
        """Opens the file, repairs it where it is damaged. Harmless when it is open."""
        with self._lock:
            if self._damage:
                self._repair(self._damage)
            if self._root is None:
                self._open()

    def close(self) -> None:
        """Ends questions under way and folds everything into the file."""
        with self._lock:
            self._drop()

    def _open(self) -> None:
        try:
            self._take(database.opened(self.spec))
        except StoreDamagedError as error:
            self._repair(str(error))
            if self._root is None:
                self._take(database.opened(self.spec))

    def _take(self, connection: Any) -> None:
        self._root, self._writer = connection, connection.cursor()
        self._taken()

    @abstractmethod
    def _taken(self) -> None:
        """The file was opened: what is remembered of it is read anew. Raises StoreError."""

    def _drop(self) -> None:
        """Lets go of the database, whatever it is doing."""
        self.interrupt()
        with self._reading:
            self._reading.wait_for(lambda: not self._readers, _CLOSE_S)
        root, writer = self._root, self._writer
        self._root = self._writer = None
        for connection in (writer, root):
            if connection is not None:
                with quiet():
                    connection.close()

    def _repair(self, why: str) -> None:
        """Sets the damaged part aside and keeps what can be read. Raises StoreError."""
        path = self.spec.path
        self._drop()
        self._damage = ""
        try:
            if database.without_tail(path, self._clock):
                with quiet():
                    self._take(database.opened(self.spec))
                if self._root is not None and self._whole():
                    self._tell("store_damaged", f"{why}; what was not yet folded in is set aside")
                    return
                self._drop()
            kept = database.set_aside(path, self._clock)
            rows, lost = database.salvage(self.spec, kept)
        except OSError as error:
            raise store_error(error) from error
        parts = f"{rows:,} rows were taken over" + (f", {lost} parts are lost" if lost else "")
        self._tell(
            "store_damaged",
            f"{why}; it is kept as {kept.name}, {parts}, the log fills in what it still has",
        )

    def _whole(self) -> bool:
        """Whether every table can be read through."""
        import duckdb

        try:
            for table in ("samples", "minutes", "hours", "newest", "sensor"):
                self._writer.execute(f"SELECT max(hash(COLUMNS(*))) FROM store.{table}").fetchall()
            self._writer.execute("SELECT max(hash(COLUMNS(*))) FROM alert").fetchall()
        except duckdb.Error:
            return False
        return True

    def damaged(self, why: str) -> None:
        """A reader found damage: the next `open` or write repairs it."""
        self._damage = self._damage or why

    # --- reading ---------------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """A connection in a transaction that cannot write, for one question."""
        with self._lock:
            if self._root is None:
                raise StoreError("the store is not open just now; ask again in a moment")
            cursor = self._root.cursor()
            with self._reading:
                self._readers.add(cursor)
        try:
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            yield cursor
        finally:
            with quiet():
                cursor.rollback()
            with quiet():
                cursor.close()
            with self._reading:
                self._readers.discard(cursor)
                self._reading.notify_all()

    def interrupt(self) -> None:
        """Ends the questions under way."""
        with self._reading:
            for reader in self._readers:
                reader.interrupt()

    # --- errors ----------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._told():
            self._writer.execute("BEGIN")
            try:
                yield
                self._writer.execute("COMMIT")
            except BaseException:
                with quiet():
                    self._writer.execute("ROLLBACK")
                raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        """The database's errors as ours; one after which it is of no use closes it."""
        import duckdb

        try:
            yield
        except duckdb.Error as error:
            told = store_error(error)
            if isinstance(told, StoreDamagedError):
                self.damaged(str(told))
            if is_lost(error) or isinstance(told, StoreDamagedError) or not self._usable():
                self._drop()
            raise told from error

    def _usable(self) -> bool:
        import duckdb

        try:
            self._writer.execute("SELECT 1").fetchall()
        except duckdb.Error:
            return False
        return True


@contextmanager
def quiet() -> Iterator[None]:
    """The database's errors do not matter here: what is closed or undone is gone either way."""
    import duckdb

    try:
        yield
    except (duckdb.Error, StoreError):
        return
