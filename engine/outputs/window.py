"""What an output has sent and not yet put behind its durable cursor, in order.

A crash makes exactly this be sent again, so its size is the promise "at most the in-flight window
again". The cursor may only move over a row when it and every row before it were acknowledged.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(slots=True)
class _Row:
    rowid: int
    messages: int
    waiting: int


class Window:
    """Rows of one or more messages between the durable cursor and what was sent last."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rows: deque[_Row] = deque()
        self._by_id: dict[int, _Row] = {}
        self._messages = 0

    def __len__(self) -> int:
        return len(self._rows)

    def fits(self, messages: int) -> bool:
        """Whether a row of so many messages may be sent; a lone row always may."""
        return not self._rows or self._messages + messages <= self._limit

    def sent(self, rowid: int, messages: int) -> None:
        """A row goes out. Rowids only grow."""
        row = _Row(rowid, messages, messages)
        self._rows.append(row)
        self._by_id[rowid] = row
        self._messages += messages

    def acknowledged(self, rowid: int) -> None:
        """One message of the row arrived."""
        row = self._by_id.get(rowid)
        if row is not None:
            row.waiting -= 1

    def arrived(self) -> int | None:
        """The last row up to which everything arrived; None if the first row has not."""
        found = None
        for row in self._rows:
            if row.waiting > 0:
                break
            found = row.rowid
        return found

    def durable(self, rowid: int) -> None:
        """The cursor stands durably at `rowid`: what is not beyond it leaves the window."""
        while self._rows and self._rows[0].rowid <= rowid:
            row = self._rows.popleft()
            del self._by_id[row.rowid]
            self._messages -= row.messages

    def clear(self) -> None:
        """Forget everything; it will be sent again."""
        self._rows.clear()
        self._by_id.clear()
        self._messages = 0
