"""How far a sink has delivered what it took from topics: offsets that may be committed. Pure."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple, TypeAlias

Place: TypeAlias = tuple[str, int]  # topic, partition


class _Note(NamedTuple):
    number: int
    place: Place
    next: int


class Delivered:
    """Remembers which outbox number stands for which offset.

    A topic's offset may be committed once the output's cursor has reached the outbox number that
    was the last when everything before the offset had been taken in.

    >>> delivered = Delivered()
    >>> delivered.taken(7, ("alerts", 0), 12)
    >>> delivered.taken(9, ("alerts", 1), 4)
    >>> delivered.up_to(8)
    {('alerts', 0): 12}
    >>> delivered.up_to(9), delivered.up_to(9)
    ({('alerts', 1): 4}, {})
    """

    def __init__(self) -> None:
        self._notes: deque[_Note] = deque()

    def taken(self, number: int, place: Place, next_offset: int) -> None:
        """Everything of `place` before `next_offset` is in the outbox, whose last number is
        `number`. Numbers never decrease."""
        last = self._notes[-1] if self._notes else None
        if last is not None and (last.number, last.place) == (number, place):
            self._notes.pop()
        self._notes.append(_Note(number, place, next_offset))

    def up_to(self, cursor: int) -> dict[Place, int]:
        """Offsets that became committable with this cursor; each is given once."""
        found: dict[Place, int] = {}
        while self._notes and self._notes[0].number <= cursor:
            note = self._notes.popleft()
            found[note.place] = note.next
        return found

    def __len__(self) -> int:
        return len(self._notes)
