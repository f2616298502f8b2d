"""A span of the store into one file: Parquet, CSV or Arrow, by sensor and time.

Sensors are taken some at a time, so that each part fits into memory sorted: the whole never does,
and between two parts others can ask. What comes while it runs may or may not be in it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from ..errors import LogError, SpecError
from ..quantities import quantity
from .client import ask
from .limits import EXPORT_ROWS, LONGEST_QUESTION_NS
from .schema import DIMENSIONS

if TYPE_CHECKING:
    import pyarrow as pa

Form = Literal["parquet", "csv", "arrow"]
FORMS: Final[tuple[Form, ...]] = ("parquet", "csv", "arrow")
#: Where each resolution lies, and its columns behind the names.
RESOLUTIONS: Final = {
    "raw": ("store.samples", "value, quality"),
    "1m": ("store.live_minutes", "min, max, sum / count AS mean, sum, count, last"),
    "1h": ("store.live_hours", "min, max, sum / count AS mean, sum, count, last"),
}
_NAMES: Final = ", ".join(DIMENSIONS)
_ORDER: Final = "site, sensor, quantity, tenant, area, asset"
# Keys in one question: some 60 kB of SQL.
_KEYS: Final = 4_000
_CSV_NULL: Final = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to export: times in ns, `last` exclusive; names that are empty mean all.

    `sensors` are ids, or `<site>/<id>`; `domains` are the first parts of quantities.
    """

    first: int
    last: int
    sites: tuple[str, ...] = ()
    sensors: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()

    def times(self) -> str:
        """SQL: the span."""
        return f"time >= make_timestamp_ns({self.first}) AND time < make_timestamp_ns({self.last})"

    def names(self) -> str:
        """SQL: the names."""
        parts = ["true"]
        if self.sites:
            parts.append(f"site IN ({_list(self.sites)})")
        if self.sensors:
            parts.append(f"(sensor IN ({_list(self.sensors)}) OR site || '/' || sensor IN"
                         f" ({_list(self.sensors)}))")  # fmt: skip
        if self.domains:
            parts.append(f"split_part(quantity, '.', 1) IN ({_list(self.domains)})")
        return " AND ".join(parts)


def _list(texts: Sequence[str]) -> str:
    return ", ".join("'" + text.replace("'", "''") + "'" for text in texts)


class Sink(Protocol):
    """A file that is being written."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Appends rows."""
        ...


def export_series(
    directory: Path,
    wanted: Wanted,
    resolution: str,
    form: Form,
    out: Path,
    tell: Callable[[int, int], None] = lambda *_: None,
) -> int:
    """Writes samples or aggregates to `out`, which appears whole or not at all; how many rows.

    `tell` is told (rows done, rows in all). Raises SpecError, QuestionError, SinkError, LogError.
    """
    import pyarrow as pa

    table, columns = RESOLUTIONS[resolution]
    found = ask(
        directory,
        f"SELECT n.key, n.rows, {_NAMES} FROM (SELECT key, count(*) AS rows FROM {table}"
        f" WHERE {wanted.times()} GROUP BY key) n JOIN (SELECT * FROM store.sensor"
        f" WHERE {wanted.names()}) USING (key) ORDER BY {_ORDER}",
        size=0,
        timeout_ns=LONGEST_QUESTION_NS,
    ).table()
    names = pa.table({name: found.column(name) for name in DIMENSIONS})
    units = [_unit(name) for name in names.column("quantity").to_pylist()]
    names = names.append_column("unit", pa.array(units, pa.string()))
    total = sum(found.column("rows").to_pylist())
    done = 0
    with _file(out, form) as write:
        for first, keys in _parts(
            found.column("key").to_pylist(), found.column("rows").to_pylist()
        ):
            places = ", ".join(f"({key}, {first + i})" for i, key in enumerate(keys))
            low, high = min(keys), max(keys)
            answer = ask(
                directory,
                f"SELECT p.place, s.time, {columns} FROM {table} s JOIN (VALUES {places})"
                f" p(key, place) USING (key) WHERE {wanted.times()} AND s.key BETWEEN {low}"
                f" AND {high} ORDER BY p.place, s.time",
                size=0,
                timeout_ns=LONGEST_QUESTION_NS,
            )
            with answer:
                for batch in answer:
                    write(_with_names(batch, names))
                    done += batch.num_rows
                    tell(done, total)
        if not done:
            write(_with_names(_nothing(directory, table, columns), names))
    return done


def _unit(name: str) -> str:
    """The canonical unit of a quantity, in which all is stored; "" of one that is not known any more."""
    try:
        return quantity(name).unit
    except SpecError:
        return ""


def _nothing(directory: Path, table: str, columns: str) -> pa.RecordBatch:
    """No row, with all columns: a file of nothing can be read too."""
    import pyarrow as pa

    sql = f"SELECT 0 AS place, time, {columns} FROM {table} LIMIT 0"
    answer = ask(directory, sql)
    answer.table()
    return pa.RecordBatch.from_pylist([], schema=answer.schema)


def export_alerts(
    directory: Path,
    wanted: Wanted,
    form: Form,
    out: Path,
    tell: Callable[[int, int], None] = lambda *_: None,
) -> int:
    """Writes alert records to `out` by site and seq; as `export_series`."""
    where = f"WHERE {wanted.times()} AND {wanted.names()}"
    total = ask(directory, f"SELECT count(*) AS n FROM alert {where}").dicts()[0]["n"]
    done = 0
    question = f"SELECT * FROM alert {where} ORDER BY site, seq"
    # The file first: the engine lets go of who asks and then makes himself ready.
    with (
        _file(out, form) as write,
        ask(directory, question, size=0, timeout_ns=LONGEST_QUESTION_NS) as answer,
    ):
        import pyarrow as pa

        write(pa.RecordBatch.from_pylist([], schema=answer.schema))
        for batch in answer:
            write(batch)
            done += batch.num_rows
            tell(done, total)
    return done


def _parts(keys: Sequence[int], rows: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
    """(number of the first, keys) of sensors that together have few enough rows; one that has more
    stands alone."""
    first, size = 0, 0
    for i, n in enumerate(rows):
        if i > first and (size + n > EXPORT_ROWS or i - first == _KEYS):
            yield first, list(keys[first:i])
            first, size = i, 0
        size += n
    if keys:
        yield first, list(keys[first:])


def _with_names(batch: pa.RecordBatch, names: pa.Table) -> pa.RecordBatch:
    """The columns of the view: time, names, the unit of the numbers, these."""
    import pyarrow as pa

    place = batch.column("place")
    columns: dict[str, Any] = {"time": batch.column("time")}
    for name in names.column_names:
        taken = names.column(name).combine_chunks().take(place)
        columns[name] = taken.combine_chunks() if isinstance(taken, pa.ChunkedArray) else taken
    for name in batch.schema.names[2:]:
        columns[name] = batch.column(name)
    return pa.RecordBatch.from_pydict(columns)


@contextmanager
def _file(out: Path, form: Form) -> Iterator[Callable[[pa.RecordBatch], None]]:
    """A function that appends to a new file, which takes the name `out` when all went well.

    Raises SpecError where the folder is not there, LogError where the disk refuses.
    """
    if out.is_dir() or not out.parent.is_dir():
        raise SpecError(
            "cannot be written there", found=str(out), expected="a file in a folder that exists"
        )
    new = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with new.open("xb") as file:
            writer = _Writer(file, form)
            yield writer.write
            writer.close()
            file.flush()
            os.fsync(file.fileno())
        new.replace(out)
    except OSError as error:
        raise LogError(f"{out} cannot be written: {error}") from error
    finally:
        new.unlink(missing_ok=True)


class _Writer:
    """Batches into an open file; small ones are gathered, so that Parquet gets decent row groups.
    What a form needs is imported here, before the engine is asked."""

    def __init__(self, file: Any, form: Form) -> None:
        if form == "parquet":
            import pyarrow.parquet
        elif form == "csv":
            import pyarrow.csv  # noqa: F401
        self._file = file
        self._form = form
        self._writer: Any = None
        self._schema: Any = None
        self._gathered: list[Any] = []
        self._rows = 0

    def write(self, batch: pa.RecordBatch) -> None:
        """Appends."""
        batch = _in_utc(batch)
        if self._writer is None:
            self._open(batch.schema)
        self._gathered.append(batch)
        self._rows += batch.num_rows
        if self._rows >= EXPORT_ROWS // 4:
            self._flush()

    def _open(self, schema: pa.Schema) -> None:
        import pyarrow as pa

        self._schema = schema
        if self._form == "parquet":
            import pyarrow.parquet as pq

            self._writer = pq.ParquetWriter(
                self._file, schema, compression="zstd", version="2.6", write_statistics=True
            )
        elif self._form == "arrow":
            self._writer = pa.ipc.new_file(self._file, schema)
        else:
            import pyarrow.csv as pc

            shown = csv_schema(schema)
            self._schema = shown
            self._writer = pc.CSVWriter(self._file, shown)

    def _flush(self) -> None:
        import pyarrow as pa

        if not self._gathered:
            return
        table = pa.Table.from_batches(self._gathered)
        self._gathered, self._rows = [], 0
        if self._form == "csv":
            table = pa.Table.from_batches(
                [shown_times(b) for b in table.to_batches()], self._schema
            )
        self._writer.write_table(table)

    def close(self) -> None:
        """Writes what is left and the file's end."""
        self._flush()
        if self._writer is not None:
            self._writer.close()


def _in_utc(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The store's times have no zone; in a file they say that they are UTC, else a reader takes
    them for local ones."""
    import pyarrow as pa

    fields = [
        pa.field(f.name, pa.timestamp(f.type.unit, "UTC")) if _is_naive(f.type) else f
        for f in batch.schema
    ]
    return batch.cast(pa.schema(fields))


def _is_naive(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return pa.types.is_timestamp(kind) and kind.tz is None


def csv_schema(schema: pa.Schema) -> pa.Schema:
    """The columns as `shown_times` gives them."""
    import pyarrow as pa

    return pa.schema(
        [pa.field(f.name, pa.string() if pa.types.is_timestamp(f.type) else f.type) for f in schema]
    )


def shown_times(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Timestamps as RFC 3339 text in UTC, no longer than they need to be."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {}
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if pa.types.is_timestamp(field.type):
            text = pc.strftime(column.cast(pa.timestamp("ns")), format="%Y-%m-%dT%H:%M:%SZ")
            column = pc.replace_substring_regex(text, pattern=r"\.?0+Z$", replacement="Z")
        columns[field.name] = column
    if len(columns) != batch.num_columns:
        raise SpecError("two columns have one name; give each its own with AS")
    return pa.RecordBatch.from_pydict(columns) if columns else batch
