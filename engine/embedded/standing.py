"""What stands, by the records that are durable: counted for people, and put right after a loss."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

from ..core import Standing
from ..log import LogStore
from ..outputs.standing import standing_changes
from ..record import Record, decode_record

_PAGE = 1_000


class StandingBoard:
    """The level and state of every standing alarm; any thread may ask."""

    def __init__(self, store: LogStore) -> None:
        self._lock = threading.Lock()
        self._alarms: dict[tuple[str, str], tuple[str, str]] = {}
        self._drills: set[tuple[str, str]] = set()
        for site, alarm, data in store.standing():
            self._stands((site, alarm), decode_record(data))

    def note(self, records: Sequence[Record]) -> None:
        """Records that are durable now."""
        last = {(r.site, r.alarm): r for r in records}
        with self._lock:
            for site, alarm, row in standing_changes(records):
                if row is None:
                    self._alarms.pop((site, alarm), None)
                    self._drills.discard((site, alarm))
                else:
                    self._stands((site, alarm), last[site, alarm])

    def _stands(self, alarm: tuple[str, str], record: Record) -> None:
        if record.exercise:
            self._drills.add(alarm)
        else:
            self._alarms[alarm] = record.level_after, record.state_after

    def counts(self) -> dict[str, Any]:
        """How many actual alarms stand, by level, by state, and by level and state; and how many in
        drills."""
        with self._lock:
            found = list(self._alarms.values())
        return {
            "by_level": dict(Counter(level for level, _ in found)),
            "by_state": dict(Counter(state for _, state in found)),
            "by_level_and_state": {
                level: dict(Counter(state for other, state in found if other == level))
                for level in {level for level, _ in found}
            },
            "in_drills": len(self._drills),
        }


class Stands(Protocol):
    """A core that can say what stands."""

    def standing(self) -> list[Standing]:
        """Every alarm that is not normal."""
        ...


def repair(store: LogStore, core: Stands) -> list[tuple[str, str]]:
    """Makes the log's table of standing alarms say what the core says; returns what could not be.

    After a loss of the log's tail the table may hold alarms that were raised in it, or the later
    state of one. The record that left an alarm as it is is looked for in the outbox; where it is
    gone, too, the row goes, and the alarm's next record brings it back.
    """
    wanted = {(s.site, s.alarm): s for s in core.standing()}
    table = {(row.site, row.alarm): row.data for row in store.standing()}
    good = {
        key: data
        for key, data in table.items()
        if key in wanted and _says(decode_record(data), wanted[key])
    }
    missing = [key for key in wanted if key not in good]
    if not missing and len(good) == len(table):
        return []
    for site in {site for site, _ in missing}:
        keys = {key for key in missing if key[0] == site}
        good |= _looked_up(store, site, {key: wanted[key] for key in keys})
    store.replace_standing([(site, alarm, data) for (site, alarm), data in good.items()]).wait()
    return [key for key in missing if key not in good]


def _looked_up(
    store: LogStore, site: str, wanted: dict[tuple[str, str], Standing]
) -> dict[tuple[str, str], bytes]:
    found: dict[tuple[str, str], bytes] = {}
    after = 0
    while rows := store.records_of(site, after, _PAGE):
        for row in rows:
            record = decode_record(row.data)
            key = site, record.alarm
            if key in wanted and _says(record, wanted[key]):
                found[key] = row.data
        after = rows[-1].seq
    return found


def _says(record: Record, alarm: Standing) -> bool:
    return (record.level_after, record.state_after, record.episode, record.unknown) == (
        alarm.level,
        alarm.state,
        alarm.episode,
        alarm.unknown,
    )
