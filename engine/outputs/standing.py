"""Retained states and the table of standing alarms: kept equal.

The `standing` table holds, for each alarm that is not closed, the record that left it so; it
changes in the same commit as the outbox. The broker's retained topics may differ from it: the
broker lost them, the engine was away while alarms closed, a site moved to another area or was
removed. A `Reconciliation` reads what is retained and says what to publish.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..limits import MAX_RETAINED_TOPICS
from ..record import Record, Transition, decode_record
from . import topics
from .payload import record_payload, retained_hash
from .ports import Place

CLOSED = "normal"
_NOTICE = Transition.NOTICE.name.lower()


def standing_after(record: Record) -> bytes | None:
    """The row of the `standing` table after a record: its bytes, or None when that closes it."""
    return None if record.state_after == CLOSED else record.encode()


def standing_changes(records: Iterable[Record]) -> list[tuple[str, str, bytes | None]]:
    """What a commit of these records changes in the table: (site, alarm, row or None), in order.

    Only the last change of each alarm is there. Notices of the engine are no alarms.
    """
    changes = {
        (record.site, record.alarm): standing_after(record)
        for record in records
        if has_state(record)
    }
    return [(site, alarm, row) for (site, alarm), row in changes.items()]


def place_of(record: Record, places: Mapping[str, Place]) -> Place:
    """Where the record's site is now; where it was, for a site that is gone."""
    return places.get(record.site) or Place(record.area)


def state_topic(record: Record, places: Mapping[str, Place]) -> str:
    """Where the alarm's state is retained now."""
    area = place_of(record, places).area
    return topics.state(area, record.site, record.alarm, record.exercise)


def has_state(record: Record) -> bool:
    """Whether there is an alarm whose state this is; a notice of the engine has none."""
    return record.transition != _NOTICE


class Reconciliation:
    """One reading of the retained topics. `seen` may be called from any thread, the rest not.

    `overflowed` counts topics beyond `MAX_RETAINED_TOPICS`; they need another reading.
    """

    def __init__(self) -> None:
        self._retained: dict[str, str] = {}
        self.overflowed = 0

    def __len__(self) -> int:
        return len(self._retained)

    def seen(self, topic: str, payload: bytes) -> None:
        """Note one retained message; an empty one means that there is none."""
        if not payload:
            self._retained.pop(topic, None)
        elif len(self._retained) < MAX_RETAINED_TOPICS or topic in self._retained:
            self._retained[topic] = retained_hash(payload)
        else:
            self.overflowed += 1

    def differences(
        self, standing: Iterable[tuple[str, str, bytes]], places: Mapping[str, Place]
    ) -> dict[str, bytes]:
        """What to publish, retained: the missing and outdated states, and empty the orphans.

        Topics of sites that are neither in `places` nor in the table are somebody else's and are
        left alone; sites that were removed must therefore stay in `places`.
        """
        retained = dict(self._retained)
        wanted: dict[str, bytes] = {}
        sites = set(places)
        for site, _, row in standing:
            record = decode_record(row)
            sites.add(site)
            if not has_state(record) or record.state_after == CLOSED:
                continue
            topic = state_topic(record, places)
            if retained.pop(topic, "") != record.hash:  # rendered only where it differs
                wanted[topic] = record_payload(record, place_of(record, places))
        orphans = [topic for topic in retained if topics.site_of_state(topic) in sites]
        return {**dict.fromkeys(orphans, b""), **wanted}
