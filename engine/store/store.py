"""`Store`: the one writer of the file, in the engine's process or in a command's where none runs."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from ..clock import Clock
from ..config.plant import StoreSpec
from ..configuration import Configuration
from ..errors import EntryError
from ..frame import Frame, Int32
from ..limits import HOUR_NS
from . import rollups
from .errors import StoreMovedError
from .file import StoreFile, quiet
from .limits import (
    HOURS_NS,
    KEYS_KEPT,
    RETENTION_LOOK_NS,
    ROLLUP_NS,
    ROLLUP_ROWS,
    SIZE_CUT,
)
from .rows import Rows, sensors_table
from .samples import Newest, Written, insert, keys_of, touch
from .schema import ALERT_COLUMNS, DIMENSIONS

if TYPE_CHECKING:
    import pyarrow as pa

_ALERTS: Final = ", ".join(f'"{name}"' for name in ALERT_COLUMNS)


class Mark(NamedTuple):
    """How far a log was written: its id, which of its readers, the position and the hash there.

    `after` is where that reader stood before: what lies between goes in with the mark.
    """

    log: str
    name: str
    position: int
    hash: str = ""
    after: int = 0


class Store(StoreFile):
    """Writes the file, rolls it up, deletes what is old; lends connections that only read.

    Any thread may call anything; writes come one after another. Nothing is opened before it is
    needed, and what failed is opened anew by the next call. Methods raise StoreError, by whose
    class a caller tells what to do; nothing of a call that raised is stored.
    """

    def __init__(
        self, spec: StoreSpec, clock: Clock, tell: Callable[[str, str], None] = lambda *_: None
    ) -> None:
        super().__init__(spec, clock, tell)
        self.counters: dict[str, int] = {}
        self.bytes = 0
        self._newest: Newest | None = None
        self._keys: OrderedDict[bytes, Int32] = OrderedDict()
        self._touched: set[int] = set()
        self._rows_since = 0
        self._due = dict.fromkeys(("minutes", "hours", "retention"), 0)
        self._raw_from = 0

    def _taken(self) -> None:
        self._keys.clear()
        self._touched.clear()
        with self._told():
            self._raw_from = rollups.floor_of(self._writer, "raw_from")
            self._roll_minutes()  # what is `newest` is then whole
            self._newest = Newest(self._writer)
        now = self._clock.monotonic()
        self._due = {"minutes": now + ROLLUP_NS, "hours": now, "retention": now}

    def _drop(self) -> None:
        super()._drop()
        self._newest = None

    # --- writing ---------------------------------------------------------------------------------

    def mark(self, log: str, name: str) -> Mark | None:
        """How far this log was written, None where it never was."""
        with self._lock:
            self.open()
            with self._told():
                rows = self._writer.execute(
                    "SELECT log, name, position, hash FROM store.cursors WHERE log = ? AND name = ?",
                    [log, name],
                ).fetchall()
        if not rows:
            return None
        log_id, reader, position, seen = rows[0]
        return Mark(log_id, reader, position, seen, position)

    def forget(self, log: str, name: str) -> None:
        """This log is read from its beginning again; what is there already is not doubled."""
        with self._lock:
            self.open()
            with self._transaction():
                self._writer.execute(
                    "DELETE FROM store.cursors WHERE log = ? AND name = ?", [log, name]
                )

    def write(self, parts: list[tuple[bytes, Configuration, Frame]], mark: Mark) -> Written:
        """Stores samples, each part by the configuration of its version, and the mark: all or
        nothing. Rows older than the retention are passed by. Raises EntryError for a sensor that
        its configuration does not have, StoreMovedError where the store does not stand at
        `mark.after`.
        """
        with self._lock:
            self.open()
            keyed = [self._keyed(*part) for part in parts]
            return self._store(_joined(keyed), mark, live=True)

    def write_named(self, samples: pa.RecordBatch | pa.Table) -> Written:
        """Stores samples with names, the columns of `rows.named_samples`, as of old days too: they
        are aggregated before their age takes them away again.
        """
        import pyarrow as pa

        table = pa.table(samples) if isinstance(samples, pa.RecordBatch) else samples
        names = table.select(list(DIMENSIONS)).cast(
            pa.schema([(name, pa.string()) for name in DIMENSIONS])
        )
        value = table.column("value").cast(pa.float64()).fill_null(float("nan"))
        with self._lock:
            self.open()
            with self._transaction():
                keys = keys_of(self._writer, names)
            rows = Rows(
                keys,
                np.asarray(table.column("time").cast(pa.int64())),
                np.asarray(value),
                np.asarray(table.column("quality").cast(pa.uint8())),
            )
            written = self._store(rows, None, live=False)
            if self._rows_since >= ROLLUP_ROWS:
                self.tend(now=True)
        return written

    def write_alerts(self, alerts: pa.Table, mark: Mark | None = None) -> int:
        """Stores alert records (`rows.alerts_table`), each (site, seq) once, and the mark; how many
        were new."""
        with self._lock:
            self.open()
            with self._transaction():
                new = 0
                if len(alerts):
                    self._writer.register("incoming", alerts)
                    ((new,),) = self._writer.execute(
                        f"INSERT INTO alert SELECT {_ALERTS} FROM incoming"
                        " ANTI JOIN alert USING (site, seq)"
                    ).fetchall()
                    self._writer.unregister("incoming")
                self._set(mark)
        self._count("alerts", new)
        return int(new)

    def _keyed(self, version: bytes, configuration: Configuration, frame: Frame) -> Rows:
        keys = self._keys.get(version)
        if keys is None:
            with self._transaction():
                keys = keys_of(self._writer, sensors_table(configuration))
            self._keys[version] = keys
            if len(self._keys) > KEYS_KEPT:
                self._keys.popitem(last=False)
        self._keys.move_to_end(version)
        if len(frame) and not 0 <= frame.sensor.min() <= frame.sensor.max() < len(keys):
            raise EntryError("samples name a sensor that their configuration does not have")
        return Rows(keys[frame.sensor], frame.time, frame.value, frame.quality)

    def _store(self, rows: Rows, mark: Mark | None, *, live: bool) -> Written:
        assert self._newest is not None
        given = len(rows)
        if live and given:
            rows = rows.take(rows.time >= self._raw_from)
        with self._transaction():
            changed, written = insert(self._writer, rows, self._newest)
            marked = touch(self._writer, changed, self._touched)
            self._set(mark)
        written.expired = given - len(rows)
        self._newest.note(changed)
        self._touched.update(marked)
        self._rows_since += len(changed)
        for name in ("stored", "replaced", "repeated", "expired"):
            self._count(name, getattr(written, name))
        return written

    def _set(self, mark: Mark | None) -> None:
        if mark is None:
            return
        values = [mark.position, mark.hash, mark.log, mark.name]
        ((n,),) = self._writer.execute(
            "UPDATE store.cursors SET position = ?, hash = ? WHERE log = ? AND name = ?"
            " AND position = ?",
            [*values, mark.after],
        ).fetchall()
        if n:
            return
        if mark.after or self.mark(mark.log, mark.name) is not None:
            raise StoreMovedError(
                f"the store does not stand at {mark.after} of {mark.name}: it was made anew"
            )
        self._writer.execute(
            "INSERT INTO store.cursors (position, hash, log, name) VALUES (?, ?, ?, ?)", values
        )

    # --- tending ---------------------------------------------------------------------------------

    def tend(self, *, now: bool = False) -> None:
        """Rolls up and deletes what is due; with `now` everything."""
        with self._lock:
            self.open()
            if now or self._is_due("minutes", ROLLUP_NS) or self._rows_since >= ROLLUP_ROWS:
                self._roll_minutes()
            if now or self._is_due("hours", HOURS_NS):
                self._roll_hours()
            if now or self._is_due("retention", RETENTION_LOOK_NS):
                self._retain()

    def _is_due(self, what: str, pause_ns: int) -> bool:
        at = self._clock.monotonic()
        if at < self._due[what]:
            return False
        self._due[what] = at + pause_ns
        return True

    def _roll_minutes(self) -> None:
        with self._told():
            parts = rollups.minute_parts(self._writer)
        for first, last in parts:
            with self._transaction():
                rollups.minutes(self._writer, first, last)
        self._touched.clear()
        self._rows_since = 0

    def _roll_hours(self) -> None:
        with self._told():
            parts = rollups.hour_parts(self._writer)
            minutes_from = rollups.floor_of(self._writer, "minutes_from")
        for first, last in parts:
            with self._transaction():
                rollups.hours(self._writer, first, last, minutes_from)

    def _retain(self) -> None:
        """Deletes by age, whole hours at a time, and the oldest samples where the file is full."""
        now = self._clock.wall()
        cut = {
            "samples": now - self.spec.raw_ns,
            "minutes": now - self.spec.minutes_ns,
            "hours": now - self.spec.hours_ns,
        }
        self._expire({table: before // HOUR_NS * HOUR_NS for table, before in cut.items()})
        self._measure()
        if self.bytes > self.spec.max_bytes:
            self._shrink()

    def _expire(self, cut: dict[str, int]) -> None:
        self._roll_minutes()
        self._roll_hours()
        floors = {"samples": "raw_from", "minutes": "minutes_from", "hours": ""}
        gone = 0
        for table, before in cut.items():
            with self._transaction():
                n = rollups.expire(self._writer, table, max(before, 0), floors[table])
            gone += n
            self._count(f"expired_{table}", n)
        with self._told():
            self._raw_from = rollups.floor_of(self._writer, "raw_from")
        if gone:
            self._fold()

    def _shrink(self) -> None:
        with self._told():
            ((first, last),) = self._writer.execute(
                "SELECT epoch_ns(min(time)), epoch_ns(max(time)) FROM store.samples"
            ).fetchall()
        if first is None:
            return
        before = (first + int((last - first) * SIZE_CUT)) // HOUR_NS * HOUR_NS + HOUR_NS
        self._expire({"samples": before})
        self._tell(
            "store_size",
            f"the store takes {self.bytes / 1e9:.3g} GB of {self.spec.max_bytes / 1e9:.3g}: samples"
            " were deleted before their age; give it more (size) or keep less (retention)",
        )
        self._measure()

    def _measure(self) -> None:
        with self._told():
            rows = self._writer.execute(
                "SELECT used_blocks * block_size FROM pragma_database_size()"
            ).fetchall()
        self.bytes = int(rows[0][0])

    def _fold(self) -> None:
        """A checkpoint, so that what was deleted gives its room to what comes. Left to the next
        one where a question is being answered."""
        with quiet():
            self._writer.execute("CHECKPOINT")

    def _count(self, name: str, n: int) -> None:
        self.counters[name] = self.counters.get(name, 0) + n


def _joined(parts: list[Rows]) -> Rows:
    if len(parts) == 1:
        return parts[0]
    return Rows(
        np.concatenate([p.key for p in parts] or [np.zeros(0, np.int32)]),
        np.concatenate([p.time for p in parts] or [np.zeros(0, np.int64)]),
        np.concatenate([p.value for p in parts] or [np.zeros(0, np.float64)]),
        np.concatenate([p.quality for p in parts] or [np.zeros(0, np.uint8)]),
    )
