"""Who is still to be told what: read from call records, in order, behind a durable cursor.

Pure but for what it is given. A row of the outbox is done when everybody whom it asks for was told,
could not be told, or need not be told any more; the cursor stands before the first that is not.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import NamedTuple

from ..calls.records import ASKS, CALLED, ENDS, FAILED
from ..level import LEVELS
from ..record import Record


class Ask(NamedTuple):
    """One person is to be told of one call; `turn` says by which of its records."""

    call: str
    turn: int
    person: str


class CallQueue:
    """Takes records, gives out what each person is to be told, and knows where the cursor stands."""

    def __init__(self, cursor: int) -> None:
        self.cursor = cursor
        self.read = cursor
        self._rows: OrderedDict[int, set[Ask]] = OrderedDict()
        self._number: dict[Ask, int] = {}
        self._asks: dict[str, dict[Ask, Record]] = {}
        self._by_call: dict[str, set[Ask]] = {}
        self._out: set[Ask] = set()

    def __len__(self) -> int:
        return len(self._number)

    def take(self, number: int, record: Record) -> None:
        """The next row of the outbox."""
        self.read = number
        detail = record.detail
        call, turn = detail.get("call", ""), int(detail.get("turn", "0"))
        persons = [p for p in detail.get("persons", "").split(", ") if p]
        if record.message in ASKS:
            asks = {Ask(call, turn, person) for person in persons}
            self._rows[number] = asks.copy()
            for ask in asks:
                self._number[ask] = number
                self._asks.setdefault(ask.person, {})[ask] = record
            self._by_call.setdefault(call, set()).update(asks)
        elif record.message in (CALLED, FAILED):
            self.done(Ask(call, turn, person) for person in persons)
        elif record.message in ENDS and not _of_drill(record):
            # Who was not told yet need not be; what is on its way is told all the same.
            self.done(self._by_call.get(call, set()) - self._out)
        self._advance()

    def persons(self) -> list[str]:
        """Who has something to be told, in the order of what waits longest."""
        return [p for p, asks in self._asks.items() if any(a not in self._out for a in asks)]

    def gravest(self, person: str) -> str:
        """The gravest level of what the person is to be told."""
        waiting = [r.level_after for a, r in self._asks[person].items() if a not in self._out]
        return max(waiting, key=LEVELS.index)

    def begin(self, person: str) -> dict[Ask, Record]:
        """Everything that the person is to be told now; it is on its way until `done`."""
        found = {a: r for a, r in self._asks.get(person, {}).items() if a not in self._out}
        self._out.update(found)
        return found

    def again(self, asks: Iterable[Ask]) -> None:
        """These are not on their way after all."""
        self._out.difference_update(asks)

    def done(self, asks: Iterable[Ask]) -> None:
        """These are settled."""
        for ask in list(asks):
            number = self._number.pop(ask, None)
            if number is None:
                continue
            self._out.discard(ask)
            self._rows[number].discard(ask)
            mine = self._asks[ask.person]
            del mine[ask]
            if not mine:
                del self._asks[ask.person]
            others = self._by_call[ask.call]
            others.discard(ask)
            if not others:
                del self._by_call[ask.call]
        self._advance()

    def _advance(self) -> None:
        while self._rows and not next(iter(self._rows.values())):
            self._rows.popitem(last=False)
        self.cursor = next(iter(self._rows)) - 1 if self._rows else self.read


def _of_drill(record: Record) -> bool:
    """Whether an answer is one person's of a drill: the others are still to be told."""
    return record.message == ENDS[0] and record.detail.get("alarm", "").startswith("drill~")
