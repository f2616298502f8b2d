"""What a roster lacks: places where nobody is called, hours without anybody, contacts that are old."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from ..calls.configuration import WEEK_MINUTES, Roster
from ..calls.limits import STAND_INS, VERIFIED_DAYS
from ..level import LEVELS
from ..limits import SECOND_NS
from .call_spec import CallSpec, ChannelSpec, Contact
from .hours import Span, gaps, merged, shown
from .nearest import listed
from .problems import Problems, quoted

_GAPS_NAMED: Final = 4
_RED: Final = LEVELS.index("red")


def check_roster(spec: CallSpec, now: int, problems: Problems) -> None:
    """Warnings about everything that a call would find out too late; unreadable channels are errors.

    `now` (ns UTC) is the day against which contacts are old, and whose offsets hours are compared at.
    """
    roster = Roster(spec.configuration)
    contacts = {contact.id: contact for contact in spec.contacts}
    today = datetime.fromtimestamp(now // SECOND_NS, UTC).date()
    for contact in spec.contacts:
        _check_contact(contact, today, problems)
    _check_unused(spec, roster, problems)
    silent: dict[str, list[str]] = {}
    places: dict[tuple[str, ...], list[str]] = {}
    for site in spec.configuration.sites:
        for level in spec.configuration.levels:
            steps = roster.steps(site.id, level)
            persons = tuple(p for step in steps for p in step if contacts[p].channels)
            if not persons:
                silent.setdefault(LEVELS[level], []).append(site.id)
            elif level == _RED:
                places.setdefault(persons, []).append(site.id)
    for name in reversed(LEVELS):
        if name in silent:
            problems.warning(
                _file(spec),
                f"nobody is called for {name}",
                found=listed(silent[name]),
                expected="a chain of the site or of an area above it",
            )
    for persons, sites in places.items():
        _check_hours(persons, sites, spec, roster, now, problems)


def _file(spec: CallSpec) -> str:
    return f"{Path(spec.roster).name}:1"


def _check_contact(contact: Contact, today: date, problems: Problems) -> None:
    if not contact.channels:
        problems.warning(
            contact.where, "the person cannot be reached: no channel", found=quoted(contact.id)
        )
    if not contact.verified:
        problems.warning(
            contact.where,
            "nobody has verified the contact",
            found=quoted(contact.id),
            expected="verified: the day on which somebody last tried it",
        )
    else:
        verified = date.fromisoformat(contact.verified)
        if verified > today:
            problems.error(contact.where, "verified lies in the future", found=contact.verified)
        elif today - verified > timedelta(days=VERIFIED_DAYS):
            problems.warning(
                contact.where,
                "the contact was verified more than a year ago",
                found=f"{contact.id}: {contact.verified}",
                expected="lifeline roster drill, then the day of today",
            )
    for channel in contact.channels:
        _check_channel(contact, channel, problems)


def _check_channel(contact: Contact, channel: ChannelSpec, problems: Problems) -> None:
    from ..notify.channels import channel_fault, has_secret, url_of

    what = f"{contact.id}, {channel.name}"
    if channel.url_file and not Path(channel.url_file).is_file():
        problems.warning(
            contact.where,
            "url_file: no such file on this machine",
            found=f"{what}: {channel.url_file}",
        )
        return
    if channel.url_env and channel.url_env not in os.environ:
        problems.warning(
            contact.where,
            "url_env: the variable is not set here",
            found=f"{what}: {channel.url_env}",
        )
        return
    url, fault = url_of(channel)
    fault = fault or channel_fault(url)
    if fault:
        problems.error(
            contact.where,
            f"the channel cannot be used: {fault}",
            found=what,
            expected="an apprise URL such as mailto://…, wxwork://…, json://…",
        )
    elif channel.url and has_secret(channel.url):
        problems.warning(
            contact.where,
            "a secret stands in the roster",
            found=what,
            expected="url_file (a file with the URL) or url_env (an environment variable)",
        )


def _check_unused(spec: CallSpec, roster: Roster, problems: Problems) -> None:
    named = {p for chain in spec.configuration.chains for step in chain.steps for p in step.persons}
    named |= {person.stand_in for person in roster.persons.values()}
    for contact in spec.contacts:
        if contact.id not in named:
            problems.warning(
                contact.where, "nobody ever calls the person", found=quoted(contact.id)
            )


def _check_hours(
    persons: tuple[str, ...],
    sites: list[str],
    spec: CallSpec,
    roster: Roster,
    now: int,
    problems: Problems,
) -> None:
    spans = [span for person in persons for span in _present(person, roster, now)]
    missing = gaps(spans)
    if not missing:
        return
    ahead = _ahead(roster.persons[persons[0]].zone, roster, now)
    first = [shown(((b + ahead), (e + ahead))) for b, e in missing[:_GAPS_NAMED]]
    more = f" … ({len(missing) - _GAPS_NAMED} more)" if len(missing) > _GAPS_NAMED else ""
    where = dict(spec.where).get(sites[0], _file(spec))
    problems.warning(
        where,
        f"hours in which nobody of the red chain is on duty, at {listed(sites)}",
        found=", ".join(first) + more,
        expected="somebody at every hour; without, all of them are called",
    )


def _present(person: str, roster: Roster, now: int) -> list[Span]:
    """The minutes of the UTC week in which the person or a stand-in is on duty."""
    found: list[Span] = []
    for _ in range(STAND_INS + 1):
        known = roster.persons.get(person)
        if known is None:
            break
        if not known.hours:
            return [(0, WEEK_MINUTES)]
        ahead = _ahead(known.zone, roster, now)
        for begins, ends in known.hours:
            start = (begins - ahead) % WEEK_MINUTES
            end = start + ends - begins
            found.append((start, min(end, WEEK_MINUTES)))
            if end > WEEK_MINUTES:
                found.append((0, end - WEEK_MINUTES))
        person = known.stand_in
    return list(merged(found))


def _ahead(zone: str, roster: Roster, now: int) -> int:
    """Minutes by which local time is ahead of UTC now."""
    local, utc = roster.minute_of_week(zone, now), roster.minute_of_week("", now)
    ahead = (local - utc) % WEEK_MINUTES
    return ahead - WEEK_MINUTES if ahead > WEEK_MINUTES // 2 else ahead
