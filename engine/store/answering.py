"""One question to an open database, answered as pieces of Arrow within its limits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..limits import SECOND_NS
from .errors import QuestionError, StoreError, store_error
from .limits import LONGEST_QUESTION_NS, PIECE_ROWS, QUESTION_NS
from .statements import question_of
from .wire import Question

if TYPE_CHECKING:
    import pyarrow as pa


class Answer:
    """The pieces of one answer. `more` afterwards: the limit of rows left some out."""

    def __init__(self, connection: Any, question: Question) -> None:
        """Raises QuestionError for SQL that the database refuses."""
        self.rows = 0
        self.more = False
        self._question = question
        self._connection = connection
        asked = min(question.timeout_ns or QUESTION_NS, LONGEST_QUESTION_NS)
        self._seconds = asked / SECOND_NS
        self._late = threading.Event()
        self._timer = threading.Timer(self._seconds, self._interrupt)
        self._timer.daemon = True
        sql = question_of(question.sql)
        self._timer.start()
        try:
            with self._words():
                relation = connection.sql(sql)
                if relation is None:
                    raise QuestionError("the statement has no result", expected="SELECT")
                self._reader: Any = relation.to_arrow_reader(PIECE_ROWS)
                del relation
        except BaseException:
            self._timer.cancel()
            raise
        self.schema: pa.Schema = self._reader.schema

    def _interrupt(self) -> None:
        self._late.set()
        connection = self._connection
        if connection is not None:
            connection.interrupt()

    def pieces(self) -> Iterator[pa.RecordBatch]:
        """The rows, up to the limits. Raises QuestionError past the limit of bytes or of time, and
        for what the database finds wrong only now; StoreError for the store's own faults."""
        limit, size = self._question.rows, 0
        try:
            with self._words():
                for batch in self._reader:
                    if limit and self.rows + batch.num_rows > limit:
                        batch = batch.slice(0, limit - self.rows)
                        self.more = True
                    size += batch.nbytes
                    if self._question.bytes and size > self._question.bytes:
                        raise QuestionError(
                            f"the answer is larger than {self._question.bytes:,} bytes",
                            expected="fewer rows or columns, an aggregate, or `lifeline export`",
                        )
                    self.rows += batch.num_rows
                    if batch.num_rows:
                        yield batch
                    if self.more:
                        return
        finally:
            self.close()

    def close(self) -> None:
        """Ends the answer, whatever is left of it, and lets go of the database."""
        self._timer.cancel()
        self._reader = self._connection = None

    @contextmanager
    def _words(self) -> Iterator[None]:
        import duckdb

        try:
            yield
        except (duckdb.Error, OSError) as error:
            if self._late.is_set():
                raise QuestionError(
                    f"no answer within {self._seconds:.3g} s",
                    expected="a narrower question, series_1m or series_1h, or a longer --timeout",
                ) from error
            told = store_error(error)
            if type(told) is not StoreError or _is_ours(error):
                raise told from error
            raise QuestionError(str(error)) from error


def _is_ours(error: Exception) -> bool:
    """Whether an error that has no other name is the store's, not the question's."""
    return type(error).__name__ in ("FatalException", "InternalException", "InterruptException")
