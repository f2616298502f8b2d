"""What the outputs need of the log, and what they tell about themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from ..areas.configuration import AreaConfiguration, prefixes
from ..calls.configuration import SITE as CALLS
from ..configuration import Configuration
from .times import zone


class Place(msgspec.Struct, frozen=True):
    """Where a site is now: what a record does not say because it may change.

    `area` is `city/district/street`, `zone` the IANA name of its local time.
    Raises SpecError for a zone that nobody knows.
    """

    area: str
    name: str = ""
    zone: str = "UTC"

    def __post_init__(self) -> None:
        zone(self.zone)


def places_of(configuration: Configuration, timezones: Mapping[str, str]) -> Mapping[str, Place]:
    """Every site of a configuration, retired ones included, where it is now."""
    return {
        site.id: Place(site.area, site.name, timezones.get(site.id) or "UTC")
        for site in configuration.sites
    }


def area_places(areas: AreaConfiguration, sites: Mapping[str, Place]) -> Mapping[str, Place]:
    """Every area by its reserved site; its local time is that of its sites, where they agree."""
    zones: dict[str, set[str]] = {area.path: set() for area in areas.areas}
    for site in areas.sites:
        for path in prefixes(site.area):
            if path in zones and site.id in sites:
                zones[path].add(sites[site.id].zone)
    return {
        area.site: Place(area.path, area.name, next(iter(found)) if len(found) == 1 else "UTC")
        for area in areas.areas
        for found in (zones[area.path],)
    }


def call_places(places: Mapping[str, Place]) -> Mapping[str, Place]:
    """The same places under the reserved sites of their calls."""
    return {CALLS + site: place for site, place in places.items()}


class OutputTrouble(msgspec.Struct, frozen=True):
    """Something that a person should know about an output, while it lasts.

    kind    unreachable, refused, all_refused, unknown_registry, range_lost, failed, log
    since   wall time in ns at which it began
    """

    output: str
    kind: str
    text: str
    since: int


class Ticket(Protocol):
    """The log's promise that something becomes durable."""

    def add_done_callback(self, callback: Callable[[Any], None], /) -> None:
        """Calls back once, from any thread, with the error (an exception) or the positions."""
        ...


class Cursors(Protocol):
    """Named durable positions."""

    def cursor(self, name: str) -> int:
        """The durable position; 0 for a name that was never set."""
        ...

    def set_cursor(self, name: str, position: int) -> Ticket:
        """Moves it with the next commit. Once set, it holds back trimming."""
        ...

    def dead_letters_of(self, letters: Iterable[tuple[str, bytes, str, int]], /) -> object:
        """Keeps what cannot be delivered, (topic, payload, reason, time), in a bounded table."""
        ...


class LogPort(Cursors, Protocol):
    """The log as a series output reads it."""

    def read(self, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """Encoded entries beyond a position, in order."""
        ...

    def first(self) -> int:
        """Position of the oldest entry that is still there."""
        ...


class OutboxPort(Cursors, Protocol):
    """The outbox as an alert output reads it."""

    def records(self, after: int, limit: int) -> Sequence[tuple[int, str, int, int, bytes]]:
        """(rowid, site, seq, position, encoded record) beyond a rowid, in order."""
        ...


class StandingPort(OutboxPort, Protocol):
    """The outbox with the table of standing alarms that changes with it."""

    def standing(self) -> Sequence[tuple[str, str, bytes]]:
        """(site, alarm, encoded record that left it so) of every alarm that is not closed."""
        ...

    def standing_of(self, site: str, alarm: str) -> bytes | None:
        """The record of one of them; None where it is closed."""
        ...

    def outbox_end(self) -> int:
        """The newest rowid of the outbox; 0 when it is empty."""
        ...

    def records_with(
        self, mark: bytes, after: int, upto: int, limit: int
    ) -> Sequence[tuple[int, str, int, int, bytes]]:
        """As `records`, up to a rowid, only those whose bytes contain `mark`."""
        ...

    def cursors(self) -> Mapping[str, int]:
        """All durable positions by name."""
        ...
