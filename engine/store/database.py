"""The file: opened, closed, set aside where it is damaged and filled again from what is left."""

from __future__ import annotations

import gc
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..clock import Clock
from ..config.plant import StoreSpec
from ..limits import DAY_NS, SECOND_NS
from .errors import StoreDamagedError, StoreForeignError, store_error
from .limits import DAMAGED_KEPT, MEMORY_BYTES, SPILL_BYTES
from .schema import VERSION, statements

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_ASIDE: Final = "damaged-"
# Of the tables, in the order in which they are taken over; samples go by days.
_WHOLE: Final = ("store.sensor", "store.hours", "store.minutes", "store.newest", "alert")


def connect(path: Path, spec: StoreSpec | None = None, *, read_only: bool = False) -> Any:
    """A connection to the file, which is made where there is none.

    Nothing else on the machine can be reached through it, and no setting of it changed. Raises
    StoreError.
    """
    import duckdb

    spec = spec or StoreSpec(path, memory_bytes=MEMORY_BYTES)
    settings: dict[str, Any] = {
        "threads": spec.threads,
        "async_threads": 1,
        "memory_limit": f"{spec.memory_bytes // 1_000_000}MB",
        "temp_directory": str(_spill(path)),
        "max_temp_directory_size": f"{SPILL_BYTES // 1_000_000}MB",
        "autoinstall_known_extensions": False,
        "allow_unsigned_extensions": False,
        "allow_persistent_secrets": False,
    }
    # A file is opened anew only when nothing in this process has it any more, and the database waits
    # for that; what an error's traceback holds is let go of by the collector alone.
    gc.collect()
    try:
        connection = duckdb.connect(str(path), read_only=read_only, config=settings)
    except (duckdb.Error, OSError) as error:
        raise store_error(error, opening=True) from error
    try:
        connection.execute("LOAD icu")
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
        connection.execute("SET GLOBAL python_enable_replacements = false")
        connection.execute("SET GLOBAL autoload_known_extensions = false")
        connection.execute("SET GLOBAL enable_external_access = false")
        connection.execute("SET GLOBAL lock_configuration = true")
    except duckdb.Error as error:
        connection.close()
        raise store_error(error) from error
    return connection


def opened(spec: StoreSpec) -> DuckDBPyConnection:
    """The store's file with its tables, ready to be written. Raises StoreError."""
    import duckdb

    connection = connect(spec.path, spec)
    shutil.rmtree(_spill(spec.path), ignore_errors=True)  # what a killed process left
    try:
        _prepare(connection, spec.path)
    except duckdb.Error as error:
        connection.close()
        raise store_error(error, opening=True) from error
    except BaseException:
        connection.close()
        raise
    spec.path.chmod(0o640)
    return connection  # type: ignore[no-any-return]


def _prepare(connection: Any, path: Path) -> None:
    fresh = not connection.execute(
        "SELECT count(*) FROM duckdb_tables() WHERE schema_name = 'store' AND table_name = 'about'"
    ).fetchall()[0][0]
    if not fresh:
        found = connection.execute(
            "SELECT value FROM store.about WHERE name = 'version'"
        ).fetchall()
        version = found[0][0] if found else None
        if version != VERSION:
            raise StoreForeignError(
                f"{path.name} has tables of version {version}, this Lifeline those of {VERSION}"
            )
    connection.execute("BEGIN")
    connection.execute(statements(fresh=fresh))
    connection.execute("COMMIT")


def set_aside(path: Path, clock: Clock) -> Path:
    """Renames a damaged file, and what it had not folded in yet; older ones are removed. Returns
    its new name. Raises OSError."""
    at = datetime.fromtimestamp(clock.wall() // SECOND_NS, UTC).strftime("%Y%m%dT%H%M%SZ")
    kept = path.with_name(f"{_ASIDE}{at}-{path.name}")
    older = sorted(path.parent.glob(f"{_ASIDE}*-{path.name}"))
    for old in older[: len(older) - DAMAGED_KEPT + 1] if len(older) >= DAMAGED_KEPT else ():
        old.unlink(missing_ok=True)
        _wal(old).unlink(missing_ok=True)
    if path.exists():
        path.replace(kept)
    if _wal(path).exists():
        _wal(path).replace(_wal(kept))
    return kept


def without_tail(path: Path, clock: Clock) -> bool:
    """Sets aside only what was written since the last checkpoint, if there is any: what is in the
    file itself is older, and its cursor with it. Raises OSError."""
    if not _wal(path).exists():
        return False
    at = datetime.fromtimestamp(clock.wall() // SECOND_NS, UTC).strftime("%Y%m%dT%H%M%SZ")
    for old in path.parent.glob(f"{_ASIDE}*-{path.name}.tail"):
        old.unlink(missing_ok=True)
    _wal(path).replace(path.with_name(f"{_ASIDE}{at}-{path.name}.tail"))
    return True


def _spill(path: Path) -> Path:
    return path.with_suffix(".spill")


def _wal(path: Path) -> Path:
    return path.with_name(path.name + ".wal")


def salvage(spec: StoreSpec, damaged: Path) -> tuple[int, int]:
    """Makes the store anew with what can still be read of a damaged file; cursors are not taken
    over, so that the log fills the gaps as far as it reaches.

    Returns (rows taken over, parts that could not be read). Raises StoreError where the new file
    cannot be written.
    """
    try:
        source = connect(damaged, read_only=True)
    except StoreDamagedError:
        opened(spec).close()
        return 0, 1
    target = opened(spec)
    rows, lost = 0, 0
    try:
        for table in _WHOLE:
            taken = _copied(source, target, table, "")
            rows, lost = rows + max(taken, 0), lost + (taken < 0)
            if table == "store.sensor" and taken < 0:
                return rows, lost  # without names the rest means nothing
        for condition in _days(source):
            taken = _copied(source, target, "store.samples", condition)
            rows, lost = rows + max(taken, 0), lost + (taken < 0)
        for name in ("raw_from", "minutes_from"):
            _copy_floor(source, target, name)
    finally:
        source.close()
        target.close()
    return rows, lost


def _copied(source: Any, target: Any, table: str, condition: str) -> int:
    """Rows that were taken over; -1 where the part cannot be read."""
    import duckdb
    import pyarrow as pa

    cursor = target.cursor()
    cursor.execute("BEGIN")
    try:
        reader = source.sql(f"SELECT * FROM {table} {condition}").to_arrow_reader(50_000)
        rows = 0
        for batch in reader:
            cursor.register("taken", pa.Table.from_batches([batch]))
            cursor.execute(f"INSERT INTO {table} SELECT * FROM taken")
            rows += batch.num_rows
        cursor.execute("COMMIT")
    except (duckdb.Error, OSError) as error:
        cursor.execute("ROLLBACK")
        if isinstance(store_error(error), StoreDamagedError):
            return -1
        raise store_error(error) from error
    finally:
        cursor.close()
    return rows


def _days(source: Any) -> list[str]:
    """A condition for each day that has samples, by their times or, where those are damaged, by
    the minutes'."""
    import duckdb

    for table in ("samples", "minutes"):
        try:
            found = source.execute(
                f"SELECT DISTINCT epoch_ns(time) // {DAY_NS} FROM store.{table} ORDER BY 1"
            ).fetchall()
        except duckdb.Error:
            continue
        return [
            f"WHERE time >= make_timestamp_ns({day * DAY_NS})"
            f" AND time < make_timestamp_ns({(day + 1) * DAY_NS})"
            for (day,) in found
        ]
    return []


def _copy_floor(source: Any, target: Any, name: str) -> None:
    found = source.execute("SELECT value FROM store.about WHERE name = ?", [name]).fetchall()
    if found:
        target.execute("UPDATE store.about SET value = ? WHERE name = ?", [found[0][0], name])
