"""Questions to a plant's store, and rows into it, from any process of the engine's user.

While an engine runs here it is asked over its socket; else the file is opened, for questions
without the right to write.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from ..clock import SystemClock
from ..config.plant import StoreSpec
from ..errors import LogError, SinkError
from ..limits import DAY_NS, SECOND_NS
from ..log.lock import holder
from .answering import Answer
from .database import connect
from .errors import QuestionError, StoreError
from .limits import (
    ANSWER_BYTES,
    CONNECT_S,
    LONGEST_QUESTION_NS,
    QUESTION_NS,
    REQUEST_BYTES,
    SILENT_CLIENT_S,
    WAITING_QUESTIONS,
)
from .serving import SOCKET
from .store import Store
from .wire import ARROW, END, ERROR, QUESTION, Done, Question, Refusal, address, receive, send

if TYPE_CHECKING:
    import pyarrow as pa

FILE: Final = "series.duckdb"


class Answered:
    """The answer to a question: an iterator of record batches, read once; close it, or use `with`.

    schema   of the batches
    rows     read so far; afterwards all
    more     afterwards: the limit of rows left some out
    """

    def __init__(self, schema: pa.Schema, batches: Iterator[pa.RecordBatch], ending: Any) -> None:
        self.schema = schema
        self.rows = 0
        self.more = False
        self._batches = batches
        self._ending = ending

    def __enter__(self) -> Answered:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Raises QuestionError and SinkError for what goes wrong on the way."""
        for batch in self._batches:
            self.rows += batch.num_rows
            yield batch
        self.more = self._ending.more
        self.close()

    def reader(self) -> pa.RecordBatchReader:
        """The same as Arrow's own reader; what goes wrong on the way is raised by it."""
        import pyarrow as pa

        return pa.RecordBatchReader.from_batches(self.schema, iter(self))

    def table(self) -> pa.Table:
        """All of it, in memory."""
        import pyarrow as pa

        return pa.Table.from_batches(list(self), self.schema)

    def dicts(self) -> list[dict[str, Any]]:
        """All rows as plain values, times as ns since 1970: for few rows."""
        return [row for batch in self for row in plain(batch)]

    def close(self) -> None:
        """Lets go of the engine, or of the file."""
        self._ending.close()


def plain(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Rows as plain values, timestamps of any unit as ns since 1970."""
    import pyarrow as pa

    columns: dict[str, list[Any]] = {}
    for field, column in zip(batch.schema, batch.columns, strict=True):
        if pa.types.is_timestamp(field.type):
            column = column.cast(pa.timestamp("ns", field.type.tz)).cast(pa.int64())
        columns[field.name] = column.to_pylist()
    names = list(columns)
    return [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def ask(
    directory: Path,
    sql: str,
    *,
    rows: int = 0,
    size: int = ANSWER_BYTES,
    timeout_ns: int = QUESTION_NS,
) -> Answered:
    """Asks the store in a plant's storage directory.

    rows, size   limits of the answer, 0: none; the engine streams, so memory holds one piece
    timeout_ns   for the whole answer, reading it included; ten minutes at most

    Raises QuestionError with the database's words, SinkError where engine or store do not answer,
    LogError where there is none.
    """
    import pyarrow  # noqa: F401  before the engine waits for the question

    question = Question("ask", sql, rows, size, min(timeout_ns, LONGEST_QUESTION_NS))
    connection = _connected(directory)
    if connection is not None:
        return _asked(connection, question)
    return _read(directory, question)


def write(directory: Path, batches: Iterable[pa.RecordBatch], table: str = "series") -> Done:
    """Writes into the store: samples (batches as `rows.named_samples` makes them) or, with `table`
    alert, records (`rows.alerts_table(…).to_batches()`); sums up what became of them.

    Rows take the place of those of the same sensor and time, or of the same site and seq; rows of
    an old day are aggregated and then deleted by age again. Batches of some 50,000 rows are best:
    each is stored whole, and between two the engine's own rows go in. Call `settle` behind the
    last. Raises QuestionError for rows that cannot be read, SinkError, LogError.
    """
    total = Done()
    store: Store | None = None
    try:
        for batch in batches:
            connection = _connected(directory) if store is None else None
            if connection is None:
                store = store or _own(directory)
                done = _written(store, batch, table)
            else:
                done = _sent(connection, batch, table)
            total = _summed(total, done)
        if store is not None:
            store.tend(now=True)
    finally:
        if store is not None:
            store.close()
    return total


def settle(directory: Path) -> None:
    """Has minutes, hours and ages brought up to date. Raises SinkError, LogError."""
    connection = _connected(directory)
    if connection is None:
        return  # `write` did it before it closed the file
    with connection:
        _put(connection, Question("settle"))
        _done(connection)


# --- the engine answers --------------------------------------------------------------------------


def _connected(directory: Path) -> socket.socket | None:
    """The engine's socket, None where no engine runs here. Raises SinkError."""
    path = directory / SOCKET
    if path.exists():
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(CONNECT_S)
        try:
            with address(directory, SOCKET) as name:
                connection.connect(name)
        except PermissionError as error:
            connection.close()
            raise SinkError(
                f"{path} is the engine's user's own: ask as that user, or as root"
            ) from error
        except OSError:
            connection.close()
        else:
            # The question may wait for others; that the engine is gone shows as an end.
            wait_s = (WAITING_QUESTIONS + 2) * LONGEST_QUESTION_NS / SECOND_NS
            connection.settimeout(wait_s)
            return connection
    pid = holder(directory)
    if pid is not None:
        raise SinkError(
            f"the engine (process {pid}) keeps no store, or does not answer about it; "
            "see outputs: {store: {}} and lifeline doctor"
        )
    return None


def _put(connection: socket.socket, question: Question) -> None:
    try:
        send(connection, QUESTION, msgspec.json.encode(question))
    except OSError as error:
        raise SinkError(f"the engine does not take the question: {error}") from error


def _next(connection: socket.socket) -> tuple[bytes, bytes]:
    """The next piece. Raises what the engine refused with."""
    try:
        kind, data = receive(connection, 2**32 - 1)
    except (OSError, EOFError, ValueError) as error:
        raise SinkError(
            f"the engine broke off in its answer: {error}; it lets go of who takes nothing for "
            f"{SILENT_CLIENT_S:g} s"
        ) from error
    if kind == ERROR:
        refusal = msgspec.json.decode(data, type=Refusal)
        if refusal.whose == "question":
            raise QuestionError(refusal.text)
        raise StoreError(refusal.text)
    return kind, data


def _done(connection: socket.socket) -> Done:
    kind, data = _next(connection)
    if kind != END:
        raise SinkError("the engine's answer cannot be understood: is it of another version?")
    return msgspec.json.decode(data, type=Done)


class _Pieces(io.RawIOBase):
    """The Arrow pieces of an answer as one file, up to its end."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__()
        self._connection = connection
        self._rest = memoryview(b"")
        self.error: Exception | None = None
        self.done: Done | None = None

    @property
    def more(self) -> bool:
        """Whether rows were left out."""
        return self.done is not None and self.done.more

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As of any file; keeps the error that ends it."""
        view = memoryview(buffer).cast("B")
        while not self._rest and self.done is None and self.error is None:
            self._fetch()
        n = min(len(view), len(self._rest))
        view[:n] = self._rest[:n]
        self._rest = self._rest[n:]
        return n

    def _fetch(self) -> None:
        try:
            kind, data = _next(self._connection)
        except (SinkError, QuestionError) as error:
            self.error = error
            return
        if kind == END:
            self.done = msgspec.json.decode(data, type=Done)
        elif kind == ARROW:
            self._rest = memoryview(data)

    def finish(self) -> None:
        """Reads up to the end of the answer. Raises what ended it."""
        while self.done is None and self.error is None:
            self._rest = memoryview(b"")
            self._fetch()
        if self.error is not None:
            raise self.error

    def close(self) -> None:
        """Lets go of the engine."""
        if not self.closed:
            self._connection.close()
        super().close()


def _asked(connection: socket.socket, question: Question) -> Answered:
    import pyarrow as pa

    pieces = _Pieces(connection)
    try:
        _put(connection, question)
        try:
            reader = pa.ipc.open_stream(pa.PythonFile(io.BufferedReader(pieces), "r"))
        except (pa.ArrowException, OSError, EOFError):
            pieces.finish()
            raise
    except BaseException:
        pieces.close()
        raise

    def batches() -> Iterator[pa.RecordBatch]:
        try:
            yield from reader
        except (pa.ArrowException, OSError, EOFError):
            pieces.finish()
            raise
        pieces.finish()

    return Answered(reader.schema, batches(), pieces)


def _sent(connection: socket.socket, batch: pa.RecordBatch, table: str) -> Done:
    import pyarrow as pa

    body = io.BytesIO()
    with pa.ipc.new_stream(body, batch.schema) as stream:
        stream.write_batch(batch)
    if body.tell() > REQUEST_BYTES:
        connection.close()
        raise QuestionError(
            "too many rows at once", found=f"{body.tell():,} bytes", expected="batches of 50,000"
        )
    with connection:
        _put(connection, Question("write", table))
        with suppress(OSError):  # what the engine says of it counts
            send(connection, ARROW, body.getbuffer())
        return _done(connection)


# --- nobody runs here ----------------------------------------------------------------------------


def file_of(directory: Path) -> Path:
    """The store's file in a storage directory. Raises LogError where there is none."""
    path = directory / FILE
    if path.is_file():
        return path
    found = [p for p in sorted(directory.glob("*.duckdb")) if not p.name.startswith("damaged-")]
    if len(found) == 1:
        return found[0]
    raise LogError(
        f"{directory} holds no store: write outputs: {{store: {{}}}} into lifeline.yaml, "
        "then start the engine"
    )


def _read(directory: Path, question: Question) -> Answered:
    connection = connect(file_of(directory), read_only=True)
    try:
        connection.execute("BEGIN TRANSACTION READ ONLY")
        answer = Answer(connection, question)
    except BaseException:
        connection.close()
        raise
    return Answered(answer.schema, answer.pieces(), _File(connection, answer))


class _File:
    """The open file behind an answer."""

    def __init__(self, connection: Any, answer: Answer) -> None:
        self._connection = connection
        self._answer = answer

    @property
    def more(self) -> bool:
        """Whether rows were left out."""
        return self._answer.more

    def close(self) -> None:
        """Closes the file."""
        self._answer.close()
        self._connection.close()


def _own(directory: Path) -> Store:
    """The store, opened for writing by this process. What is too old is the engine's business: only
    it knows how long the plant keeps what."""
    kept = 100 * 366 * DAY_NS
    spec = StoreSpec(file_of(directory), kept, kept, kept, max_bytes=2**63)
    return Store(spec, SystemClock())


def _written(store: Store, batch: pa.RecordBatch, table: str) -> Done:
    import pyarrow as pa

    if table == "alert":
        stored = store.write_alerts(pa.Table.from_batches([batch]))
        return Done(rows=batch.num_rows, stored=stored, repeated=batch.num_rows - stored)
    done = store.write_named(batch)
    return Done(
        rows=batch.num_rows,
        stored=done.stored,
        replaced=done.replaced,
        repeated=done.repeated,
        expired=done.expired,
    )


def _summed(one: Done, other: Done) -> Done:
    names = ("rows", "stored", "replaced", "repeated", "expired")
    return Done(**{name: getattr(one, name) + getattr(other, name) for name in names})
