"""The embedded store: alerts and series in a DuckDB file beside the log, for plants without a
database server.

    StoreOutput                      feeds it, in the engine's process (`output`)
    query(directory, sql)            asks it, while the engine runs and when it does not
    write(directory, batches)        puts old samples and records in, through the engine where one runs
    settle(directory)                behind the last `write`

What does the work is imported when it is called: a process without a store never imports duckdb.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING as _TYPE_CHECKING

from . import limits as _limits

if _TYPE_CHECKING:
    import pyarrow as pa

    from .wire import Done

__all__ = ["query", "settle", "write"]


def query(
    directory: Path,
    sql: str,
    *,
    rows: int = 0,
    size: int = _limits.ANSWER_BYTES,
    timeout_ns: int = _limits.QUESTION_NS,
) -> pa.RecordBatchReader:
    """The answer of the store in a plant's storage directory, as record batches that stream.

    Arguments and errors as of `client.ask`, which also tells whether rows were left out.
    """
    from .client import ask

    return ask(directory, sql, rows=rows, size=size, timeout_ns=timeout_ns).reader()


def write(directory: Path, batches: Iterable[pa.RecordBatch], table: str = "series") -> Done:
    """See `client.write`."""
    from .client import write as put

    return put(directory, batches, table)


def settle(directory: Path) -> None:
    """See `client.settle`."""
    from .client import settle as bring_up

    bring_up(directory)
