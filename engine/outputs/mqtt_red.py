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

#: Of the messages on their way (`OUTPUT_WINDOW`) those that are the lane's: red floods of hundreds a
#: second fit, and two thirds remain for everything else.
RED_WINDOW: Final = 6
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
        found = self._outbox.records_with(_MARK, after, upto, RED_WINDOW)
        rows = [(number, data) for number, *_, data in found]
        return rows, rows[-1][0] if len(rows) == RED_WINDOW else upto

    def count(self, record: Record) -> int:
        """As in `Part`."""
        return int(RED in alert_levels(record))

    def messages(self, record: Record, places: Mapping[str, Place]) -> list[Message]:
        """As in `Part`."""
        return [alert_message(record, places, RED)]
