"""Time passes: ticks of the partition, and of one site of a self-clocked replay. Page §3."""

from __future__ import annotations

from collections.abc import Iterator

from .maintenance import expire
from .partition import NO_DETAIL, Partition
from .plant import Instance
from .silence import arm_link, arm_sensor, go_stale, its_links, several
from .table import ACKNOWLEDGED
from .windows import sec

Due = tuple[int, tuple[int, int], int, str, Instance | None]


def tick(partition: Partition, wall: int, resumed: bool) -> None:
    """Wall time reached `wall`."""
    before = partition.wall
    wall = wall if before is None else max(wall, before)
    if resumed and before is not None and wall > before:
        _resume(partition, before, wall)
    again = resumed and before is not None
    moved = before is None or wall > before
    gap_s = sec(wall - before) if again and before is not None else 0.0
    for at in sorted({window.until for window in partition.windows.values()}):
        if at <= wall:
            if before is None or at > before:
                _reach(partition, at, again)
                again = False
            expire(partition, at)
    _reach(partition, wall, again, gap_s if moved else None)


def _reach(partition: Partition, wall: int, again: bool, gap_s: float | None = None) -> None:
    if partition.wall is not None and wall <= partition.wall:
        _arm_never_armed(partition, partition.wall, None)
        if gap_s is not None:
            partition.groups.passed(wall, gap_s)
            while partition.groups.next_place() is not None:
                partition.groups.settle_one(wall, 0, row=False)
        return
    partition.wall = wall
    _arm_never_armed(partition, wall, None)
    _fire_due(partition, wall, None, again, gap_s)


def site_tick(partition: Partition, site: int, wall: int) -> None:
    """The same for one site alone."""
    before = partition.site_wall.get(site)
    partition.site_wall[site] = wall
    _arm_never_armed(partition, wall, site)
    if before is None or wall > before:
        _fire_due(partition, wall, site)


def _resume(partition: Partition, before: int, wall: int) -> None:
    gap = wall - before
    partition.notice("engine.blind", onset=before, time=wall, value=sec(gap), unit="s")
    for state in partition.sensors.values():
        state.shift(gap)
    for link in partition.links.values():
        if link.timer is not None:
            link.timer.shift(gap)
    for instance in partition.instances.values():
        instance.levels.drop_clears()
        for _, pending in instance.levels.timers(True):
            pending.due += gap


def _sensors_at(partition: Partition, site: int | None) -> Iterator[int]:
    for index in partition.sensors:
        if site is None or partition.configuration.sensors[index].site == site:
            yield index


def _links_at(partition: Partition, site: int | None) -> Iterator[int]:
    for index in partition.links:
        if site is None or partition.configuration.links[index].site == site:
            yield index


def _arm_never_armed(partition: Partition, wall: int, site: int | None) -> None:
    for index in _sensors_at(partition, site):
        state = partition.sensors[index]
        if not state.heard and not state.armed_once:
            arm_sensor(partition, index, wall, 0)
    for index in _links_at(partition, site):
        link = partition.links[index]
        if not link.heard and not link.armed_once:
            arm_link(partition, index, wall)


def _fire_due(
    partition: Partition,
    wall: int,
    site: int | None,
    again: bool = False,
    gap_s: float | None = None,
) -> None:
    """Everything with due <= wall, by (due, sensor index, ordinal); groups at the end of each due.

    `again`: groups of alarms are judged at `wall` whatever happened; `gap_s`: groups of time by this.
    """
    _fire_links(partition, wall, site)
    moment = wall
    while True:
        found = [one for one in _all_dues(partition, site) if one[0] <= wall]
        if again:
            found.append((wall, (-1, 0), 0, "again", None))
        if gap_s is not None:
            found.append((wall, (-1, 0), 1, "time", None))
        first = min(found, key=lambda one: one[:4], default=None)
        concerned = partition.groups.next_place()
        if concerned is not None and (first is None or first[:2] >= (moment, concerned)):
            partition.groups.settle_one(moment, 0, row=False)
            continue
        if first is None:
            return
        moment = first[0]
        if first[3] == "again":
            again = False
            partition.groups.again()
        elif first[3] == "time":
            assert gap_s is not None
            partition.groups.passed(wall, gap_s)
            gap_s = None
        else:
            _act(partition, first)


def _fire_links(partition: Partition, wall: int, site: int | None) -> None:
    """A link's firing counts at each of its event sensors."""
    for index in _links_at(partition, site):
        link = partition.links[index]
        if link.timer is None or link.timer.due > wall:
            continue
        for sensor, state in partition.sensors.items():
            if partition.lives_by(sensor, index) and not state.stale:
                state.link_timer = link.timer
        link.timer, link.silent = None, True


def _all_dues(partition: Partition, site: int | None) -> Iterator[Due]:
    for index in _sensors_at(partition, site):
        state = partition.sensors[index]
        for what, timer in (("own", state.timer), ("link", state.link_timer)):
            if timer is not None:
                yield timer.due, (0, index), -2, what, None
        caught_up = state.caught_up_due()
        if caught_up is not None:
            yield caught_up, (0, index), -1, "caught up", None
    for one in partition.instances.values():
        if site is not None and one.site != site:
            continue
        for _, pending in one.levels.timers(partition.clears_by_timer(one)):
            yield pending.due, one.place, one.ordinal, "level", one
        if one.alarm.until:
            yield one.alarm.until, one.place, one.ordinal, "shelf", one


def _act(partition: Partition, what_is_due: Due) -> None:
    due, (_, index), _, what, instance = what_is_due
    if instance is None:
        state = partition.sensors[index]
        if what == "caught up":
            state.sensing.historic_first = state.sensing.historic_last = None
            for one in partition.by_sensor[index]:
                partition.actual(one, due)
            partition.groups.caught_up(index, due)
        else:
            timer = state.timer if what == "own" else state.link_timer
            assert timer is not None
            of_link = its_links(partition, index) if what == "own" else several(partition, index)
            go_stale(partition, index, timer.deadline, of_link)
    elif what == "shelf":
        historic = partition.historic_by_timer(instance)
        if instance.alarm.state == ACKNOWLEDGED:
            instance.alarm.until = 0
            partition.happen(instance, "realarm", time=due, historic=historic, detail=NO_DETAIL)
        else:
            partition.end(instance, time=due, historic=historic)
    else:
        partition.fire(instance, due=due)
