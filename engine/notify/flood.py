"""Who is called for so much that what is not red goes together, minute by minute.

A person is in a flood from the call that makes more than ten within ten minutes until fewer than five were
within ten (EEMUA 191, as `flooding` has it for operator positions). Calls, records and deadlines are as ever: only
messages become fewer. Pure; time is monotonic, ns.
"""

from __future__ import annotations

from collections import OrderedDict, deque

from ..calls.limits import MOST_PERSONS, SPACING_NS
from ..flooding.limits import GROUP_NS, WINDOW_MINUTES
from ..limits import MINUTE_NS
from ..performance.targets import FLOOD_ABOVE, FLOOD_BELOW

_WINDOW_NS = WINDOW_MINUTES * MINUTE_NS


class CallFloods:
    """Not for two threads. Of a person the last few calls are kept, of at most MOST_PERSONS."""

    def __init__(self) -> None:
        self._asked: OrderedDict[str, deque[int]] = OrderedDict()
        self._flooded: set[str] = set()

    def asked(self, person: str, now: int) -> None:
        """One more call is to be told to the person."""
        times = self._asked.setdefault(person, deque(maxlen=FLOOD_ABOVE + 1))
        self._asked.move_to_end(person)
        times.append(now)
        if len(times) > FLOOD_ABOVE and now - times[0] < _WINDOW_NS:
            self._flooded.add(person)
        while len(self._asked) > MOST_PERSONS:
            forgotten, _ = self._asked.popitem(last=False)
            self._flooded.discard(forgotten)

    def spacing_ns(self, person: str, now: int, red: bool, least_ns: int = SPACING_NS) -> int:
        """How long after one message the person gets the next, of which `red` says whether it tells of a
        red alarm."""
        if red or not self._in_flood(person, now):
            return least_ns
        return max(GROUP_NS, least_ns)

    def flooded(self, now: int) -> int:
        """How many persons are in a flood."""
        return sum(self._in_flood(person, now) for person in list(self._flooded))

    def _in_flood(self, person: str, now: int) -> bool:
        if person not in self._flooded:
            return False
        if self._asked[person][-FLOOD_BELOW] <= now - _WINDOW_NS:
            self._flooded.discard(person)
            return False
        return True
