"""What the call stage is told of the other stages: records of alarms that call, and their ends.

Pure. What is left out here could not change any call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..core import ENGINE_SITE
from ..level import LEVELS
from ..record import Record, Transition, decode_record
from .call import waits
from .entry import Heard, Standing

_NOTICE = Transition.NOTICE.name.lower()


class Hearing:
    """Passes on every record that leaves an alarm at a level that calls, and what happens to that
    alarm until it waits for nobody.

    least   the mildest level that calls, 1 blue … 4 red
    known   (site, alarm) of the calls that are open
    """

    def __init__(self, least: int, known: Iterable[tuple[str, str]] = ()) -> None:
        self.least = least
        self._known = set(known)

    def take(self, rows: Iterable[bytes]) -> Heard | None:
        """What is heard of encoded alert records, in order; None where that is nothing."""
        taken = tuple(record for record in map(decode_record, rows) if self._hears(record))
        return Heard(taken) if taken else None

    def _hears(self, record: Record) -> bool:
        if record.transition == _NOTICE or record.site.startswith(ENGINE_SITE):
            return False
        key = record.site, record.alarm
        grave = LEVELS.index(record.level_after) >= self.least
        if not grave and key not in self._known:
            return False
        if waits(record):
            self._known.add(key)
        else:
            self._known.discard(key)
        return True


def standing(
    heads: Iterable[Mapping[str, tuple[int, str]]], rows: Iterable[bytes], least: int
) -> Standing:
    """All that waits for an answer, of every outbox: for a first start, and after a loss.

    `heads` are (seq, hash) of the last record of each site, `rows` the records that left each
    standing alarm as it is.
    """
    found = sorted(map(decode_record, rows), key=lambda r: (r.site, r.seq))
    waiting = tuple(r for r in found if waits(r) and LEVELS.index(r.level_after) >= least)
    return Standing({site: seq for each in heads for site, (seq, _) in each.items()}, waiting)
