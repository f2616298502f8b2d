"""Samples into the file: each (sensor, time) once, whatever was sent again.

What is newer than everything of its sensor cannot be there yet and is appended. What is not is
looked up: equal rows are passed by, other values take the place of what was there, as a point
written twice to InfluxDB does. All of a batch, with its cursor, is one transaction of the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..frame import Bool, Int32, Int64
from ..limits import HOUR_NS
from .limits import LOOKUP_WINDOWS
from .rows import Rows, times
from .schema import DIMENSIONS, MINUTE

if TYPE_CHECKING:
    import pyarrow as pa

_NEVER: Final = np.iinfo(np.int64).min
_NAMES: Final = ", ".join(DIMENSIONS)


@dataclass(slots=True)
class Written:
    """What became of rows: stored anew, taking another's place, there already, too old to be kept."""

    stored: int = 0
    replaced: int = 0
    repeated: int = 0
    expired: int = 0

    def add(self, other: Written) -> None:
        """Sums up."""
        self.stored += other.stored
        self.replaced += other.replaced
        self.repeated += other.repeated
        self.expired += other.expired


def keys_of(connection: Any, sensors: pa.Table) -> Int32:
    """The key of each row of names; new names get the next ones. In the caller's transaction."""
    connection.register("named", sensors.append_column("i", _numbers(len(sensors))))
    connection.execute(
        f"INSERT INTO store.sensor SELECT (SELECT coalesce(max(key), -1) FROM store.sensor)"
        f" + row_number() OVER (ORDER BY n.first), {_NAMES} FROM (SELECT min(i) AS first, {_NAMES}"
        f" FROM named GROUP BY {_NAMES}) n ANTI JOIN store.sensor USING ({_NAMES})"
    )
    connection.execute(
        "INSERT INTO store.newest SELECT key, NULL, NULL, NULL FROM store.sensor"
        " ANTI JOIN store.newest USING (key) ORDER BY key"
    )
    found = connection.execute(
        f"SELECT s.key FROM named JOIN store.sensor s USING ({_NAMES}) ORDER BY named.i"
    ).fetchnumpy()["key"]
    connection.unregister("named")
    return np.asarray(found, np.int32)


def _numbers(n: int) -> pa.Array:
    import pyarrow as pa

    return pa.array(np.arange(n, dtype=np.int64))


class Newest:
    """Per key the newest time that is stored, in memory: eight bytes a sensor."""

    def __init__(self, connection: Any) -> None:
        found = connection.execute(
            "SELECT key, epoch_ns(time) AS time FROM store.newest WHERE time IS NOT NULL"
        ).fetchnumpy()
        self._time: Int64 = np.full(0, _NEVER, np.int64)
        keys = np.asarray(found["key"], np.int64)
        if len(keys):
            self._grow(int(keys.max()) + 1)
            self._time[keys] = np.asarray(found["time"], np.int64)

    def _grow(self, size: int) -> None:
        if size > len(self._time):
            more = np.full(max(size, 2 * len(self._time)) - len(self._time), _NEVER, np.int64)
            self._time = np.concatenate([self._time, more])

    def passed(self, rows: Rows) -> Bool:
        """Which rows are not newer than everything of their sensor."""
        if len(rows):
            self._grow(int(rows.key.max()) + 1)
        return np.asarray(rows.time <= self._time[rows.key], np.bool_)

    def note(self, rows: Rows) -> None:
        """These rows, ordered by sensor and time, are stored."""
        if len(rows):
            last = np.append(rows.key[1:] != rows.key[:-1], True)
            keys = rows.key[last]
            self._time[keys] = np.maximum(self._time[keys], rows.time[last])


def insert(connection: Any, rows: Rows, newest: Newest) -> tuple[Rows, Written]:
    """Stores rows in the caller's transaction; returns those that changed something, ordered, which
    `newest` is told of once the transaction is durable.
    """
    ordered = rows.ordered()
    written = Written(repeated=len(rows) - len(ordered))
    again = newest.passed(ordered)
    if again.any():
        keep = _looked_up(connection, ordered, np.flatnonzero(again), written)
        ordered = ordered.take(keep)
    if len(ordered):
        connection.register("incoming", ordered.table())
        connection.execute(
            "INSERT INTO store.samples SELECT key, time, value, quality FROM incoming"
        )
        connection.unregister("incoming")
    written.stored = len(ordered) - written.replaced
    return ordered, written


def _looked_up(connection: Any, rows: Rows, asked: Int64, written: Written) -> Bool:
    """Which rows are to be inserted; what they take the place of is deleted."""
    keep = np.ones(len(rows), np.bool_)
    for window in _windows(rows.time[asked]):
        at = asked[window]
        part = rows.take(at)
        connection.register("asked", part.table())
        bounds = f"s.time >= make_timestamp_ns({part.time.min()}) AND s.time <= make_timestamp_ns({part.time.max()})"
        found = connection.execute(
            "SELECT a.i, bool_and(a.value IS NOT DISTINCT FROM s.value AND a.quality = s.quality)"
            " AS same FROM store.samples s JOIN asked a ON s.key = a.key AND s.time = a.time"
            f" WHERE {bounds} GROUP BY a.i"
        ).fetchnumpy()
        index = np.asarray(found["i"], np.int64)
        same = np.asarray(found["same"], np.bool_)
        keep[at[index[same]]] = False
        written.repeated += int(same.sum())
        if not same.all():
            written.replaced += int((~same).sum())
            connection.register("other", part.take(index[~same]).table())
            connection.execute(
                "DELETE FROM store.samples s USING other o WHERE s.key = o.key"
                f" AND s.time = o.time AND {bounds}"
            )
            connection.unregister("other")
        connection.unregister("asked")
    return keep


def _windows(time: Int64) -> list[Int64]:
    """The rows of each hour, so that a look-up reads little; all at once where there are many."""
    hours = time // HOUR_NS
    each = np.unique(hours)
    if len(each) > LOOKUP_WINDOWS:
        return [np.arange(len(time))]
    return [np.flatnonzero(hours == hour) for hour in each]


def touch(connection: Any, rows: Rows, known: set[int]) -> list[int]:
    """Marks the minutes of rows as to be aggregated, but for those in `known`; returns the marked."""
    import pyarrow as pa

    minutes = [int(m) * MINUTE for m in np.unique(rows.time // MINUTE)]
    new = [minute for minute in minutes if minute not in known]
    if new:
        connection.register("new_minutes", pa.table({"time": times(np.array(new, np.int64))}))
        connection.execute("INSERT INTO store.touched_minutes SELECT time FROM new_minutes")
        connection.unregister("new_minutes")
    return new
