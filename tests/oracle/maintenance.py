"""Maintenance: windows over sites, assets and sensors. Page §6."""

from __future__ import annotations

from lifeline.engine.command import Command
from lifeline.engine.level import LEVELS
from lifeline.engine.limits import MAX_SHELVE_NS

from .partition import Partition
from .plant import Instance, Upkeep
from .record import OracleRecord
from .table import ACKNOWLEDGED, LATCHED, NORMAL, RETURNED, SUPPRESSED, UNACKNOWLEDGED

EXPIRED = {"reason": "the maintenance has expired"}


def order(partition: Partition, command: Command, detail: dict[str, str]) -> int:
    """Begin, set anew or end; the seq of the window's record, 0 where it is refused."""
    scope = command.alarm.removeprefix("maintenance~")
    site, now = command.site, partition.appended
    inside = _scope(partition, site, scope)
    window = partition.windows.get((site, scope))
    if not inside:
        return 0
    if command.action == "end_maintenance":
        if window is None:
            return 0
        seq = _end(partition, site, scope, now, detail)
        renew(partition, now, detail)
        return seq
    wanted = command.expires - now
    if not 0 < wanted <= MAX_SHELVE_NS[0] or not command.reason:
        return 0
    if window is None:
        window = partition.windows[site, scope] = Upkeep(0, 0)
    window.until = command.expires
    window.cover = max(n for n, most in enumerate(MAX_SHELVE_NS, 1) if most >= wanted)
    seq = _record(partition, site, scope, window, "suppressed", now, detail)
    renew(partition, now, detail, inside)
    return seq


def expire(partition: Partition, at: int) -> None:
    """Ends what expires by `at`, by site and scope, and then what that means for alarms."""
    for site, scope in sorted(partition.windows):
        if partition.windows[site, scope].until <= at:
            _end(partition, site, scope, at, EXPIRED)
    renew(partition, at, EXPIRED, by_tick=True)


def withdraw_at(partition: Partition, sites: set[str]) -> None:
    """Windows of sites that are gone."""
    detail = {"principal": "configuration", "reason": "site removed"}
    for site, scope in sorted(partition.windows):
        if site in sites:
            window = partition.windows.pop((site, scope))
            _record(partition, site, scope, window, "withdrawn", partition.appended, detail)


def renew(
    partition: Partition,
    now: int,
    detail: dict[str, str],
    begun: tuple[Instance, ...] = (),
    by_tick: bool = False,
) -> None:
    """What windows cover may have changed; `begun` is the scope of one that began or is set anew."""
    told = []
    covering = [
        ({id(one) for one in _scope(partition, site, scope)}, window)
        for (site, scope), window in partition.windows.items()
    ]
    for one in partition.instances.values():
        before = one.alarm.keep, one.alarm.kept
        over = [window for scope, window in covering if id(one) in scope]
        one.alarm.keep = max((window.cover for window in over), default=0)
        one.alarm.kept = max((window.until for window in over), default=0)
        if one.alarm.state == NORMAL:
            one.alarm.cover = one.alarm.keep
        changed = before != (one.alarm.keep, one.alarm.kept)
        if (one.alarm.state == SUPPRESSED and changed) or _begins(one, begun):
            told.append(one)
    for one in sorted(told, key=lambda x: (x.place, x.ordinal)):
        if one.alarm.state != SUPPRESSED:
            partition.happen(one, "suppress", time=now, detail=detail)
            continue
        one.alarm.cover = one.alarm.suppressed_cover()
        if one.alarm.level > one.alarm.cover or not one.alarm.cover:
            historic = by_tick and partition.historic_by_timer(one)
            partition.end(one, time=now, historic=historic, detail=detail)


def _begins(one: Instance, begun: tuple[Instance, ...]) -> bool:
    loud = one.alarm.state in (UNACKNOWLEDGED, ACKNOWLEDGED, RETURNED, LATCHED)
    return loud and any(one is x for x in begun) and one.alarm.level <= one.alarm.keep


def _scope(partition: Partition, site: str, scope: str) -> tuple[Instance, ...]:
    """The instances of a scope; none where there is no such site or scope."""
    config, found = partition.configuration, []
    for one in partition.instances.values():
        place = config.sites[one.site]
        if place.id != site or place.retired:
            continue
        asset, sensor = one.asset if one.group is not None else "", ""
        if one.sensor is not None:
            asset, sensor = config.sensors[one.sensor].asset, config.sensors[one.sensor].id
        if (
            scope == "site"
            or (asset and scope == f"asset:{asset}")
            or (one.sensor is not None and scope == f"sensor:{sensor}")
        ):
            found.append(one)
    return tuple(found)


def _end(partition: Partition, site: str, scope: str, now: int, detail: dict[str, str]) -> int:
    window = partition.windows.pop((site, scope))
    return _record(partition, site, scope, window, "unsuppressed", now, detail)


def _record(
    partition: Partition,
    site: str,
    scope: str,
    window: Upkeep,
    transition: str,
    now: int,
    detail: dict[str, str],
) -> int:
    place = next(one for one in partition.configuration.sites if one.id == site)
    before, window.state = window.state, SUPPRESSED if transition == "suppressed" else NORMAL
    partition.seq[site] += 1
    seq = partition.seq[site]
    if before == NORMAL:
        window.episode, window.onset = seq, now
    partition.records.append(
        OracleRecord(
            tenant=place.tenant,
            site=site,
            seq=seq,
            episode=window.episode,
            rule="maintenance",
            rule_hash="",
            subject=scope,
            area=place.area,
            quantity="site.maintenance",
            asset=scope.removeprefix("asset:") if scope.startswith("asset:") else "",
            unit="",
            transition=transition,
            level_before=LEVELS[0],
            level_after=LEVELS[0],
            state_before=before,
            state_after=window.state,
            onset=window.onset,
            time=now,
            value=None,
            limit=None,
            until=window.until if window.state == SUPPRESSED else 0,
            exercise=place.exercise,
            historic=False,
            uncertain=False,
            unknown=False,
            detail=detail,
        )
    )
    return seq
