"""The second stage: what groups hear within a moment, and how they are judged then. Page §10."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from lifeline.engine.rule import Member

from .grouped import OF_TIME, Concern, Told
from .levels import Measured
from .plant import Instance, Key
from .sensing import Seen
from .windows import unclear

if TYPE_CHECKING:
    from .partition import Partition

LEVELS = 4
NOT = 1  # the role of terms of a composite that must not hold
Counts = tuple[list[float], list[float]]


def measure_of(partition: Partition, one: Instance) -> Counts:
    """By level: what a group of alarms amounts to as they stand, and what it might amount to."""
    match one.rule.kind:
        case "vote":
            return _votes(partition, one)
        case "composite":
            return _terms(partition, one)
        case "ladder":
            return _counted(partition, one)
    raise AssertionError(f"the oracle knows no kind {one.rule.kind}")


def _silent(partition: Partition, alarm: Instance) -> bool:
    if alarm.group is not None:
        return alarm.group.unknown
    return alarm.sensor is not None and partition.sensors[alarm.sensor].unknown


def _votes(partition: Partition, one: Instance) -> Counts:
    assert one.group is not None
    alarms = [of.alarm for _, of in one.group.members if of.alarm is not None]
    voters: dict[object, tuple[int, bool]] = {}
    for alarm in alarms:
        who = alarm.place
        gravest = max(alarm.alarm.level, voters.get(who, (0, False))[0])
        voters[who] = (gravest, _silent(partition, alarm))
    for_level = [
        ([level >= n for level, _ in voters.values()], [silent for _, silent in voters.values()])
        for n in range(1, LEVELS + 1)
    ]
    return (
        [float(sum(those)) for those, _ in for_level],
        [float(sum(a or b for a, b in zip(*both, strict=True))) for both in for_level],
    )


def _terms(partition: Partition, one: Instance) -> Counts:
    """All of the possibilities are tried: whether it holds, and whether it might."""
    assert one.group is not None
    found = [(m, of.alarm) for m, of in one.group.members if of.alarm is not None]
    holds = _true([(m, alarm.alarm.level >= m.level) for m, alarm in found])
    # Silence: a term that must hold might, one that must not might not.
    loose = _true(
        [
            (m, m.role != NOT if _silent(partition, alarm) else alarm.alarm.level >= m.level)
            for m, alarm in found
        ]
    )
    return [float(holds)] * LEVELS, [float(loose)] * LEVELS


def _true(found: list[tuple[Member, bool]]) -> bool:
    roles = {m.role for m, _ in found}
    by_role = {role: any(yes for m, yes in found if m.role == role) for role in roles}
    return all(yes != (role == NOT) for role, yes in by_role.items())


def _counted(partition: Partition, one: Instance) -> Counts:
    stands, might = (_made(partition, one, sure) for sure in (True, False))
    return stands, might


def _made(partition: Partition, one: Instance, sure: bool) -> list[float]:
    """How many members there are at the level before each one or graver."""
    assert one.group is not None
    options = one.judgement.options
    counts = [options[name] for name in ("blue", "yellow", "orange")]
    points: dict[tuple[str, object], int] = {}
    for _, of in one.group.members:
        assert of.alarm is not None
        item = of.asset if options["by_asset"] else of.alarm.quantity
        key = (item, of.alarm.place)
        level = 4 if not sure and _silent(partition, of.alarm) else of.alarm.alarm.level
        points[key] = max(points.get(key, 0), level)
    members = list(points.values())
    if options["items"]:
        members = [
            max(max(mine), _promoted(mine, counts))
            for mine in (
                [level for key, level in points.items() if key[0] == item]
                for item in {key[0] for key in points}
            )
        ]
    at_or_above = [sum(level >= n for level in members) for n in (1, 2, 3)]
    return [0.0, *map(float, at_or_above)]


def _promoted(levels: list[int], counts: list[float]) -> int:
    made = [n + 1 for n in (1, 2, 3) if sum(one >= n for one in levels) >= counts[n - 1]]
    return max(made, default=0)


class Groups:
    """The groups of a partition, and what concerns them in the present moment."""

    def __init__(self, partition: Partition) -> None:
        self._partition = partition
        self._concerns: dict[Key, Concern] = {}

    def _all(self) -> list[Instance]:
        return [one for one in self._partition.instances.values() if one.group is not None]

    def _concern(self, one: Instance) -> Concern:
        return self._concerns.setdefault(one.key, Concern())

    # --- what happens -------------------------------------------------------------------------
    def record(self, changed: Instance, time: int, historic: bool, uncertain: bool) -> None:
        """The condition of an alarm changed."""
        for one in self._all():
            assert one.group is not None
            if any(of.alarm is changed for _, of in one.group.members):
                self._concern(one).ask(time, historic, uncertain)

    def presence(self, sensor: int, what: str, time: int, historic: bool) -> None:
        """A sensor fell silent, or is heard; its own state says so already."""
        for one in self._all():
            assert one.group is not None
            if sensor not in one.group.sensors:
                continue
            silent = [i for i in one.group.sensors if self._partition.sensors[i].unknown]
            if silent == [sensor] or not silent:
                self._concern(one).presence.append((what, time, historic))
            if one.group.memory is None:
                self._concern(one).ask(time, historic, uncertain=False)

    def caught_up(self, sensor: int, time: int) -> None:
        """A sensor's backlog is over; its own state says so already."""
        for one in self._all():
            assert one.group is not None
            if sensor in one.group.sensors and not self._partition.historic_by_timer(one):
                self._concern(one).caught_up = time

    def row(self, sensor: int, seen: Seen) -> None:
        """A row of a sensor, for kinds that are fed by rows."""
        for one in self._all():
            group = one.group
            assert group is not None
            if group.memory is None or sensor not in [of.sensor for _, of in group.members]:
                continue
            told = group.memory.take(sensor, seen, one)
            if told is not None:
                concern = self._concern(one)
                concern.told, concern.historic = told, seen.historic

    def again(self) -> None:
        """Every group of alarms is to be judged, though nothing changed."""
        for one in self._all():
            assert one.group is not None
            if one.group.memory is None:
                self._concern(one).again = True

    def passed(self, time: int, gap_s: float) -> None:
        """A tick at `time`, before which nobody was there for so long: every group of a kind of time is judged."""
        for one in self._all():
            if one.rule.kind in OF_TIME:
                self._concern(one).told = Told(time, gap_s, "good", 0)

    def reconfigured(self, now: int) -> None:
        """After a new configuration: what groups do not know of their sensors, and a judgement."""
        for one in self._all():
            assert one.group is not None
            silent = any(self._partition.sensors[i].unknown for i in one.group.sensors)
            if silent != one.group.unknown:
                self._concern(one).presence.append(("silent" if silent else "heard", now, False))
            if not self._partition.historic_by_timer(one):
                self._concern(one).caught_up = now
        self.again()
        while self._concerns:
            self.settle_one(now, 0, row=False)

    # --- the moment ends ----------------------------------------------------------------------
    def next_place(self) -> tuple[int, int] | None:
        """The first group that is concerned."""
        places = [self._partition.instances[key].place for key in self._concerns]
        return min(places, default=None)

    def settle(self, jt: int, lag: int) -> None:
        """All that is concerned at a row, group by group."""
        while self._concerns:
            self.settle_one(jt, lag, row=True)

    def settle_one(self, jt: int, lag: int, row: bool) -> None:
        """The first group that is concerned. Where it is not a row, `jt` is the due, or the time of a
        configuration; its own timers wait for theirs then."""
        key = min(self._concerns, key=lambda one: self._partition.instances[one].place)
        concern, one = self._concerns.pop(key), self._partition.instances[key]
        assert one.group is not None
        behind = self._partition.historic_by_timer(one) or concern.caught_up is not None
        for what, time, historic in concern.presence:
            if row:
                self._own_timers(one, time, behind)
            self._tell(one, what, time, historic)
        self._measure(one, concern, jt, lag, row, behind)
        if concern.caught_up is not None:
            if row:
                self._own_timers(one, concern.caught_up, behind)
            self._partition.actual(one, concern.caught_up)

    def _own_timers(self, one: Instance, until: int, behind: bool) -> None:
        while True:
            pending = [p.deadline for _, p in one.levels.timers(True) if p.deadline <= until]
            if not pending:
                return
            self._partition.fire(one, deadline=min(pending), historic=behind)

    def _tell(self, one: Instance, what: str, time: int, historic: bool) -> None:
        assert one.group is not None
        unknown = what == "silent"
        if unknown and one.group.memory is not None:
            one.levels.drop_clears()
        if one.group.unknown != unknown:
            one.group.unknown = unknown
            event = "unknown" if unknown else "known"
            self._partition.happen(one, event, time=time, historic=historic)

    def _measure(
        self, one: Instance, concern: Concern, jt: int, lag: int, row: bool, behind: bool
    ) -> None:
        group = one.group
        assert group is not None
        if concern.again:
            concern.ask(jt, self._partition.historic_by_timer(one), uncertain=False)
        time = concern.time if concern.told is None else concern.told.t
        if time is None:
            return
        t = time if group.judged is None else max(time, group.judged)
        group.judged = t
        if concern.told is not None:
            late = concern.told.lag
        elif row:
            late = lag + max(0, jt - time)
        else:
            late = max(0, jt - time - self._partition.grace_of(one))
        late = max(0, late - (t - time))
        if row:
            self._own_timers(one, t, behind)
        if concern.told is None:
            group.after_bad = False
            xs, most = measure_of(self._partition, one)
            doubt = concern.uncertain
            self._judge(one, [Measured(x) for x in xs], most, t, True, doubt, late, concern)
        else:
            self._judge_told(one, concern.told, t, late, concern)

    def _judge_told(self, one: Instance, told: Told, t: int, late: int, concern: Concern) -> None:
        assert one.group is not None
        one.group.after_bad = told.quality == "bad"
        if told.quality == "bad":
            one.levels.drop_clears()
        elif not math.isnan(told.x):
            measured = Measured(told.x, told.tolerance)
            if told.close or (told.tolerance and unclear(measured, one.judgement)):
                self._partition.unclear = True
            doubt = told.quality != "good" or one.group.unknown
            xs = [Measured(told.x, told.tolerance)] * LEVELS
            self._judge(one, xs, [told.x] * LEVELS, t, not doubt, doubt, late, concern)

    def _judge(
        self,
        one: Instance,
        xs: list[Measured],
        most: list[float],
        t: int,
        good: bool,
        doubt: bool,
        late: int,
        concern: Concern,
    ) -> None:
        wait = late + self._partition.grace_of(one)
        change = one.levels.judge_each(xs, most, t, good, doubt, wait)
        if change is not None:
            told = {} if concern.told is None else dict(concern.told.detail)
            self._partition.changed(one, change, concern.historic, told)
