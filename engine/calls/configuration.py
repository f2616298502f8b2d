"""What the call log says of who is called: persons, chains by site and area, times to answer.

A `config` entry of the call log carries a whole `CallConfiguration`; it is part of what determines
every call. How a person is reached is not in it: channels hold secrets, and a log none.
"""

from __future__ import annotations

import hashlib
import zlib
from bisect import bisect_right
from typing import Final

import msgspec

from ..errors import EntryError
from ..level import LEVEL_COUNT, LEVELS
from ..limits import MINUTE_NS
from .limits import ROUNDS, STAND_INS, WITHIN_NS

WEEK_MINUTES: Final = 7 * 24 * 60
#: 1970-01-01 was a Thursday; weeks begin on Monday.
_THURSDAY_MINUTES: Final = 3 * 24 * 60
#: Reserved sites of call records: `call:<site>`.
SITE: Final = "call:"


class Person(msgspec.Struct, frozen=True, omit_defaults=True):
    """One person. `hours` are spans of the local week in minutes, [from, to), Monday 00:00 first;
    none: always. Out of hours `stand_in` is called instead."""

    id: str
    name: str = ""
    roles: tuple[str, ...] = ()
    hours: tuple[tuple[int, int], ...] = ()
    zone: str = "UTC"
    stand_in: str = ""


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who is called together; only at these levels (none: at every level that calls)."""

    persons: tuple[str, ...]
    levels: tuple[int, ...] = ()


class CallChain(msgspec.Struct, frozen=True, omit_defaults=True):
    """The steps of one site, or of one area path. `last`: nobody above is called after them.

    `within` are times to answer by level, 0: as everywhere.
    """

    site: str = ""
    area: str = ""
    steps: tuple[Step, ...] = ()
    within: tuple[int, int, int, int] = (0, 0, 0, 0)
    last: bool = False


class CallSite(msgspec.Struct, frozen=True):
    """A site (or `area:<path>`), and the area whose chains stand behind its own."""

    id: str
    area: str


class CallConfiguration(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything that can change who is called when. Equal values have equal bytes.

    levels   that call at all
    zones    by IANA name: (from ns UTC, local time less UTC in ns), ascending
    """

    persons: tuple[Person, ...] = ()
    chains: tuple[CallChain, ...] = ()
    sites: tuple[CallSite, ...] = ()
    levels: tuple[int, ...] = (3, 4)
    within: tuple[int, int, int, int] = WITHIN_NS
    rounds: int = ROUNDS
    zones: dict[str, tuple[tuple[int, int], ...]] = {}

    def encode(self) -> bytes:
        """Canonical JSON."""
        return msgspec.json.encode(self, order="deterministic")

    def version(self) -> bytes:
        """16 bytes that name this configuration."""
        return hashlib.blake2b(self.encode(), digest_size=16).digest()


class Roster:
    """A configuration as it is asked."""

    def __init__(self, configuration: CallConfiguration) -> None:
        self.configuration = configuration
        self.persons = {person.id: person for person in configuration.persons}
        self._areas = {site.id: site.area for site in configuration.sites}
        self._by_site = {c.site: c for c in configuration.chains if c.site}
        self._by_area = {c.area: c for c in configuration.chains if c.area}

    def area_of(self, site: str) -> str:
        """The area of a site, "" where the configuration does not know it."""
        return self._areas.get(site, "")

    def chains(self, site: str, area: str = "") -> tuple[CallChain, ...]:
        """The chains of a site, the nearest first: its own, its street's, district's, city's.

        `area` counts where the configuration does not know the site.
        """
        parts = self._areas.get(site, area).split("/")
        found = [self._by_site.get(site)]
        found += [self._by_area.get("/".join(parts[:n])) for n in range(len(parts), 0, -1)]
        chains: list[CallChain] = []
        for chain in found:
            if chain is not None:
                chains.append(chain)
                if chain.last:
                    break
        return tuple(chains)

    def steps(self, site: str, level: int, area: str = "") -> tuple[tuple[str, ...], ...]:
        """Who is called in which order for an alarm at `level` (1 blue … 4 red). Nobody stands
        there twice; persons that the configuration does not have are left out."""
        seen: set[str] = set()
        found = []
        for chain in self.chains(site, area):
            for step in chain.steps:
                if step.levels and level not in step.levels:
                    continue
                new = tuple(p for p in step.persons if p in self.persons and p not in seen)
                seen.update(new)
                if new:
                    found.append(new)
        return tuple(found)

    def within(self, site: str, level: int, area: str = "") -> int:
        """How long an answer may take, ns: as the nearest chain says that says so."""
        said = (chain.within[level - 1] for chain in self.chains(site, area))
        return next((ns for ns in said if ns), self.configuration.within[level - 1])

    def on_duty(self, person: str, now: int) -> bool:
        """Whether these are the person's hours."""
        known = self.persons.get(person)
        if known is None:
            return False
        return not known.hours or within_hours(known.hours, self.minute_of_week(known.zone, now))

    def minute_of_week(self, zone: str, now: int) -> int:
        """The local minute of the week, Monday 00:00 first."""
        offsets = self.configuration.zones.get(zone, ())
        i = bisect_right(offsets, now, key=lambda offset: offset[0])
        ahead = offsets[i - 1][1] if i else 0
        return ((now + ahead) // MINUTE_NS + _THURSDAY_MINUTES) % WEEK_MINUTES

    def instead(self, person: str, now: int) -> str:
        """The person, or who stands in for them now; "" where nobody is on duty."""
        for _ in range(STAND_INS + 1):
            if self.on_duty(person, now):
                return person
            known = self.persons.get(person)
            if known is None or not known.stand_in:
                return ""
            person = known.stand_in
        return ""


def within_hours(hours: tuple[tuple[int, int], ...], minute: int) -> bool:
    """Whether a minute of the week lies in one of the spans."""
    return any(begins <= minute < ends for begins, ends in hours)


def level_names(levels: tuple[int, ...]) -> list[str]:
    """Their words, the gravest first."""
    return [LEVELS[level] for level in sorted(levels, reverse=True)]


def pack(configuration: CallConfiguration) -> bytes:
    """The payload of a `config` entry of a call log."""
    return zlib.compress(configuration.encode(), 6)


def unpack(payload: bytes) -> CallConfiguration:
    """The configuration of `pack`. Raises EntryError for other bytes."""
    try:
        return msgspec.json.decode(zlib.decompress(payload), type=CallConfiguration)
    except (zlib.error, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EntryError(f"a call log's configuration cannot be read: {error}") from error


assert len(WITHIN_NS) == LEVEL_COUNT
