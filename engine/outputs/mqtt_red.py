"""The lane of red alerts: a stream of its own, so that in a flood red waits for nothing but red.

Who subscribes to red topics hears them ahead of the record and state topics of the same and of
earlier records. Each topic is in order, each record once on it and more often after a crash.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ..record import Record
from .mqtt_records import LOOK_AT_ONCE, RED, Message, alert_levels, alert_message
from .ports import Place, StandingPort

#: Of the places on the connection (`OUTPUT_WINDOW`) those that are kept for red; two thirds remain
#: for everything else.
RED_PLACES: Final = 6
#: Red alerts beyond the durable cursor of the lane, which a crash sends again. More than are on their
#: way: in a flood a commit takes some 0.1 s, on a busy machine more, and the broker has long answered.
RED_WINDOW: Final = 100
#: Rows that are read at once.
_READ_AHEAD: Final = 20
#: What the bytes of every record of the lane contain, and of few others.
_MARK: Final = f'"{RED}"'.encode()


class Reds:
    """Alerts of records whose level is red, before or after."""

    def __init__(self, outbox: StandingPort) -> None:
        self._outbox = outbox

    def rows(self, after: int) -> tuple[Sequence[tuple[int, bytes]], int]:
        """As in `Part`; others are passed over within the database."""
        upto = min(self._outbox.outbox_end(), after + LOOK_AT_ONCE)
        if upto <= after:
            return [], after
        found = self._outbox.records_with(_MARK, after, upto, _READ_AHEAD)
        rows = [(number, data) for number, *_, data in found]
        return rows, rows[-1][0] if len(rows) == _READ_AHEAD else upto

    def count(self, record: Record) -> int:
        """As in `Part`."""
        return int(RED in alert_levels(record))

    def messages(self, record: Record, places: Mapping[str, Place]) -> list[Message]:
        """As in `Part`."""
        return [alert_message(record, places, RED)]
