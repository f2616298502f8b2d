"""Which SQL may be asked: one statement that reads.

The check of the kind keeps honest people from mistakes; what holds is the transaction, which cannot
write (`WITH d AS (DELETE …) SELECT …` is a SELECT too), and the database, which reaches no file.
"""

from __future__ import annotations

from typing import Any, Final

from .errors import QuestionError

_READS: Final = ("SELECT", "EXPLAIN")


def checked(sql: str) -> Any:
    """The one statement that `sql` is. Raises QuestionError, with the database's words for what is
    no SQL."""
    import duckdb

    try:
        found = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise QuestionError(str(error)) from error
    if len(found) != 1:
        raise QuestionError(
            "one statement at a time", found=f"{len(found)} statements", expected="one SELECT"
        )
    kind = found[0].type.name
    if kind not in _READS:
        raise QuestionError(
            "the store can only be asked", found=kind.replace("_", " "), expected="SELECT"
        )
    return found[0]


def question_of(sql: str) -> str:
    """SQL of one statement that reads, ready to be asked. Raises QuestionError."""
    statement = checked(sql)
    return str(statement.query)
