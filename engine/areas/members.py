"""What the sites (and areas below) said: each standing alarm, and the level at which it counts.

An alarm counts in two worlds that never mix, the actual one and that of exercises. A record may raise the
count of its own world only, and only if it is not historic and changes the level, ends a suppression or an
outage of service, or says `actual`; while it is suppressed or out of service it counts nowhere;
what it leaves the level at bounds both, since the site knows one state.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from ..level import LEVELS
from ..record import Record

ACTUAL: Final = 0
EXERCISE: Final = 1
WORLDS: Final = (ACTUAL, EXERCISE)
#: A sensor under repair says nothing about the world. What somebody shelved counts all the same.
UNCOUNTED: Final = ("suppressed_by_design", "out_of_service")


class Head(msgspec.Struct, frozen=True):
    """The last record heard of a site: its seq and hash (hex)."""

    seq: int
    hash: str


class Member(msgspec.Struct):
    """One alarm of a site that is not normal, or counts in a world. `state` is the site's own."""

    rule: str
    quantity: str
    subject: str
    level: list[int]
    state: str
    uncertain: bool = False


class Said(msgspec.Struct, frozen=True):
    """How one record changed what counts: the member, its levels before and after by world."""

    site: str
    alarm: str
    rule: str
    quantity: str
    subject: str
    before: tuple[int, int]
    after: tuple[int, int]


class Members(msgspec.Struct):
    """By site and alarm; and how far each site was heard."""

    alarms: dict[str, dict[str, Member]] = {}
    heads: dict[str, Head] = {}

    def take(self, record: Record) -> Said:
        """The record happened; its seq is noted by the caller."""
        return self._take(record, fresh=_raises(record))

    def replace(self, site: str, records: tuple[Record, ...]) -> Iterator[Said]:
        """Exactly these stand at the site; in order of the alarm."""
        wanted = {record.alarm: record for record in records}
        for alarm in sorted({*self.alarms.get(site, {}), *wanted}):
            if alarm in wanted:
                yield self._take(wanted[alarm], fresh=not wanted[alarm].historic)
            else:
                yield self._gone(site, alarm)

    def forget(self, site: str) -> None:
        """The site is gone, with all that stood there."""
        self.alarms.pop(site, None)
        self.heads.pop(site, None)

    def every(self) -> Iterator[Said]:
        """Each member as if it came now, by site and alarm: to count anew."""
        for site in sorted(self.alarms):
            for alarm in sorted(self.alarms[site]):
                member = self.alarms[site][alarm]
                yield _said(site, alarm, member, (0, 0), (member.level[0], member.level[1]))

    def _take(self, record: Record, fresh: bool) -> Said:
        here = self.alarms.setdefault(record.site, {})
        member = here.get(record.alarm)
        if member is None:
            member = Member(record.rule, record.quantity, record.subject, [0, 0], "")
            here[record.alarm] = member
        before = (member.level[0], member.level[1])
        level = 0 if record.state_after in UNCOUNTED else LEVELS.index(record.level_after)
        for world in WORLDS:
            own = world == (EXERCISE if record.exercise else ACTUAL)
            member.level[world] = level if own and fresh else min(member.level[world], level)
        after = (member.level[0], member.level[1])
        if before != after:
            member.uncertain = record.uncertain
        member.state = record.state_after
        if record.state_after == LEVELS[0] and after == (0, 0):
            self._drop(record.site, record.alarm)
        return _said(record.site, record.alarm, member, before, after)

    def _gone(self, site: str, alarm: str) -> Said:
        member = self.alarms[site][alarm]
        before = (member.level[0], member.level[1])
        self._drop(site, alarm)
        return _said(site, alarm, member, before, (0, 0))

    def _drop(self, site: str, alarm: str) -> None:
        del self.alarms[site][alarm]
        if not self.alarms[site]:
            del self.alarms[site]


def _raises(record: Record) -> bool:
    changed = record.level_before != record.level_after or record.state_before in UNCOUNTED
    return not record.historic and (changed or record.transition == "actual")


def _said(
    site: str, alarm: str, member: Member, before: tuple[int, int], after: tuple[int, int]
) -> Said:
    return Said(site, alarm, member.rule, member.quantity, member.subject, before, after)
