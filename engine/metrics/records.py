"""How many actual alert records became durable, by level and transition; those of drills are not counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from ..record import Record
from .catalogue import RECORDS
from .metric import Reading


class RecordCounts:
    """Counts since it was made. One thread notes, any may read; at most levels × transitions."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    def note(self, records: Iterable[Record]) -> None:
        """These are durable now."""
        for record in records:
            if not record.exercise:
                self._counts[record.level_after, record.transition] += 1

    def by_level(self) -> dict[str, dict[str, int]]:
        """Level after → transition → how many."""
        found: dict[str, dict[str, int]] = {}
        for (level, transition), n in list(self._counts.items()):
            found.setdefault(level, {})[transition] = n
        return found


def record_readings(counts: dict[str, dict[str, int]]) -> Iterator[Reading]:
    """What `RecordCounts.by_level` gives, as figures."""
    for level, by_transition in counts.items():
        for transition, n in by_transition.items():
            yield RECORDS(n, level, transition)
