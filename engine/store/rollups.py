"""Minutes and hours, and what is too old.

A minute is aggregated from its samples as they lie in the file, whole, whenever one of them came or
changed: incremental and still exact. The minutes that are to be done are rows of the file
themselves, marked in the transaction of the samples, so that a crash forgets none.

Of a minute whose samples were deleted with age only sensors that have samples there are written
again: a backfill of an old day takes the place of what was aggregated then, and nothing else.
"""

from __future__ import annotations

from typing import Any

from .limits import ROLLUP_GAP, ROLLUP_GROUPS, ROLLUP_LEAST
from .schema import HOUR, MINUTE, floor_to, rolled, rolled_again


def _parts(connection: Any, table: str, size: int) -> list[tuple[int, int]]:
    """(first, last) of marked times that can be done in one go: near to each other, and together
    not more groups than fit."""
    found = connection.execute(
        f"SELECT DISTINCT epoch_ns(time) AS time FROM store.{table} ORDER BY 1"
    ).fetchnumpy()["time"]
    ((sensors,),) = connection.execute("SELECT count(*) FROM store.sensor").fetchall()
    span = max(ROLLUP_LEAST, ROLLUP_GROUPS // max(1, sensors)) * size
    parts: list[tuple[int, int]] = []
    for time in map(int, found):
        near = bool(parts) and time - parts[-1][1] <= ROLLUP_GAP * size
        if near and time - parts[-1][0] < span:
            parts[-1] = parts[-1][0], time
        else:
            parts.append((time, time))
    return parts


def _within(first: int, last: int, size: int) -> str:
    return f"time >= make_timestamp_ns({first}) AND time < make_timestamp_ns({last + size})"


def minute_parts(connection: Any) -> list[tuple[int, int]]:
    """What `minutes` is to be called with, one transaction each."""
    return _parts(connection, "touched_minutes", MINUTE)


def hour_parts(connection: Any) -> list[tuple[int, int]]:
    """What `hours` is to be called with."""
    return _parts(connection, "touched_hours", HOUR)


def minutes(connection: Any, first: int, last: int) -> None:
    """Aggregates the marked minutes from `first` to `last`, in the caller's transaction; notes the
    newest sample of each sensor, and marks the hours."""
    where = _within(first, last, MINUTE)
    marked = f"SELECT time FROM store.touched_minutes WHERE {where}"
    rows = f"SELECT * FROM store.samples WHERE {where} AND {floor_to(MINUTE)} IN ({marked})"
    connection.execute(
        f"DELETE FROM store.minutes m USING (SELECT DISTINCT key, {floor_to(MINUTE)} AS time"
        f" FROM ({rows})) s WHERE m.key = s.key AND m.time = s.time AND m.{where.replace('AND time', 'AND m.time')}"
    )
    connection.execute(f"INSERT INTO store.minutes {rolled(MINUTE, rows)} ORDER BY time, key")
    connection.execute(
        "UPDATE store.newest SET time = s.time, value = s.last.v, quality = s.last.q FROM ("
        " SELECT key, max(time) AS time, arg_max({'v': value, 'q': quality}, time) AS last"
        f" FROM ({rows}) GROUP BY key) s"
        " WHERE newest.key = s.key AND (newest.time IS NULL OR newest.time <= s.time)"
    )
    connection.execute(
        f"INSERT INTO store.touched_hours SELECT DISTINCT {floor_to(HOUR)} AS time FROM ({marked})"
        " ANTI JOIN store.touched_hours USING (time)"
    )
    connection.execute(f"DELETE FROM store.touched_minutes WHERE {where}")


def hours(connection: Any, first: int, last: int, minutes_from: int) -> None:
    """Aggregates the marked hours from `first` to `last`, in the caller's transaction.

    minutes_from   before it minutes were deleted with age: hours without any are left as they are
    """
    where = _within(first, last, HOUR)
    marked = f"SELECT time FROM store.touched_hours WHERE {where}"
    rows = f"SELECT * FROM store.minutes WHERE {where} AND {floor_to(HOUR)} IN ({marked})"
    connection.execute(
        f"DELETE FROM store.hours WHERE {where} AND time IN ({marked}) AND ("
        f"epoch_ns(time) >= {minutes_from} OR (key, time) IN"
        f" (SELECT (key, {floor_to(HOUR)}) FROM ({rows})))"
    )
    connection.execute(f"INSERT INTO store.hours {rolled_again(HOUR, rows)} ORDER BY time, key")
    connection.execute(f"DELETE FROM store.touched_hours WHERE {where}")


def floor_of(connection: Any, name: str) -> int:
    """`raw_from` or `minutes_from`: what is older was deleted with age."""
    found = connection.execute("SELECT value FROM store.about WHERE name = ?", [name]).fetchall()
    return int(found[0][0])


def expire(connection: Any, table: str, before: int, floor: str = "") -> int:
    """Deletes what is older than `before` in the caller's transaction, and notes that; how many."""
    ((n,),) = connection.execute(
        f"SELECT count(*) FROM store.{table} WHERE time < make_timestamp_ns({before})"
    ).fetchall()
    if n:
        connection.execute(f"DELETE FROM store.{table} WHERE time < make_timestamp_ns({before})")
    if floor and n:
        connection.execute("UPDATE store.about SET value = ? WHERE name = ?", [before, floor])
    return int(n)
