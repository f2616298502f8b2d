"""The standing alarms of a data directory, and finding the one that a person means."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..errors import SpecError

if TYPE_CHECKING:
    from ..log import LogReader
    from ..record import Record


class AlarmName(NamedTuple):
    """Site and `<rule>~<subject>`; the record that left the alarm as it stands, where it stands."""

    site: str
    alarm: str
    record: Record | None


def standing_records(*readers: LogReader) -> list[Record]:
    """The record that left each alarm of these logs as it is, the gravest first; drills come last."""
    from ..level import LEVELS
    from ..record import decode_record

    records = [decode_record(row.data) for reader in readers for row in reader.standing()]
    return sorted(
        records,
        key=lambda r: (r.exercise, -LEVELS.index(r.level_after), r.onset, r.site, r.alarm),
    )


def opened_readers(directory: Path) -> list[LogReader]:
    """The log of the sites, and that of the areas where there is one. Raises LogError."""
    from ..embedded import DataDirectory
    from ..log import LogReader

    areas = DataDirectory(directory).areas
    folders = [directory, *([areas] if areas.is_dir() else [])]
    return [LogReader.open(folder) for folder in folders]


def find_alarm(
    text: str, site: str, records: list[Record], sites: Mapping[str, object]
) -> AlarmName:
    """The alarm that `[<site>/]<rule>~<subject>` means.

    Without a site it is the standing alarm of that name, if there is one; else that of the only
    site. Raises SpecError where the text is no alarm or means more than one.
    """
    before, _, name = text.rpartition("/")
    if before and site and before != site:
        raise SpecError("the alarm names another site than --site", found=repr(text))
    site = before or site
    if "~" not in name and not name.startswith("sensor:"):
        raise _not_an_alarm(text, records)
    here = [r for r in records if r.alarm == name and site in ("", r.site)]
    if len(here) > 1:
        raise SpecError(
            "more than one site has this alarm",
            found=repr(name),
            expected="one of " + ", ".join(f"{r.site}/{r.alarm}" for r in here),
        )
    if here:
        return AlarmName(here[0].site, name, here[0])
    if not site and len(sites) == 1:
        (site,) = sites
    if not site:
        raise _not_an_alarm(text, records)
    return AlarmName(site, name, None)


def _not_an_alarm(text: str, records: list[Record]) -> SpecError:
    from ..config.nearest import nearest

    names = [f"{r.site}/{r.alarm}" for r in records]
    return SpecError(
        "no such alarm stands",
        found=repr(text),
        expected="<site>/<rule>~<sensor>, as `lifeline alerts` prints it",
        nearest=nearest(text, names) or nearest(text, [r.alarm for r in records]),
    )
