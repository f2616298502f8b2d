"""Alarms that become one message: by site, rule and asset, minute by minute."""

from __future__ import annotations

import msgspec

from ..level import LEVELS
from ..record import Record
from .limits import GROUP_NS, MAX_GROUPS, NAMED_SUBJECTS

#: Drill or not, site, rule, asset; "" where the bounds put several together.
Key = tuple[bool, str, str, str]


class Summary(msgspec.Struct, frozen=True):
    """What came of one group within one minute, which began at `begin` (ns).

    `count` alarms of `rule` at `asset` of `site` ("": of several), the first of them at `first` by
    `subject`, the last at `last` (event times, ns); `worst` is the gravest level that sounded.
    `subjects` are the first few.
    """

    begin: int
    site: str
    area: str
    rule: str
    asset: str
    count: int
    first: int
    last: int
    subject: str
    subjects: tuple[str, ...]
    worst: str
    exercise: bool = False


class _Group:
    __slots__ = ("area", "count", "first", "last", "subject", "subjects", "worst")

    def __init__(self, record: Record) -> None:
        self.area, self.subject = record.area, record.subject
        self.first = self.last = record.time
        self.count = self.worst = 0
        self.subjects: dict[str, None] = {}

    def take(self, record: Record) -> None:
        self.count += 1
        if (record.time, record.subject) < (self.first, self.subject):
            self.first, self.subject = record.time, record.subject
        self.last = max(self.last, record.time)
        self.worst = max(self.worst, LEVELS.index(record.level_after))
        if len(self.subjects) < NAMED_SUBJECTS:
            self.subjects[record.subject] = None
        if record.area != self.area:
            self.area = ""


class Groups:
    """The groups of the minute that runs."""

    def __init__(self) -> None:
        self._minute = 0
        self._groups: dict[Key, _Group] = {}

    def __len__(self) -> int:
        return len(self._groups)

    def take(self, record: Record, minute: int) -> None:
        """One more alarm; `minute` is the number of the present one. What an earlier minute left is
        to be taken out before."""
        self._minute = minute
        key = self._key(record)
        if key not in self._groups:
            self._groups[key] = _Group(record)
        self._groups[key].take(record)

    def _key(self, record: Record) -> Key:
        drill = record.exercise
        whole: Key = (drill, record.site, record.rule, record.asset)
        if whole in self._groups or len(self._groups) < MAX_GROUPS:
            return whole
        of_site: Key = (drill, record.site, "", "")
        if of_site in self._groups or len(self._groups) < 2 * MAX_GROUPS:
            return of_site
        return (drill, "", "", "")

    def out(self) -> list[Summary]:
        """One summary of each group, the gravest first; then there are none."""
        found = [
            Summary(
                begin=self._minute * GROUP_NS,
                site=site,
                area=group.area,
                rule=rule,
                asset=asset,
                count=group.count,
                first=group.first,
                last=group.last,
                subject=group.subject,
                subjects=tuple(group.subjects),
                worst=LEVELS[group.worst],
                exercise=exercise,
            )
            for (exercise, site, rule, asset), group in self._groups.items()
        ]
        self._groups = {}
        return sorted(
            found, key=lambda s: (-LEVELS.index(s.worst), s.site, s.rule, s.asset, s.exercise)
        )
