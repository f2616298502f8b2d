"""The oracle: `Oracle().step(position, entry)` is docs/semantics.md, line by line, and slow."""

from __future__ import annotations

from lifeline.engine.command import Command
from lifeline.engine.configuration import Configuration
from lifeline.engine.entry import Entry, Header, Recovered, Tick
from lifeline.engine.frame import Frame

from .commands import obey
from .deviations import deviation
from .forecasts import forecast
from .levels import Measured
from .maintenance import renew, withdraw_at
from .partition import Partition
from .plant import Instance, LinkState, SensorState, instances
from .record import OracleRecord
from .sensing import Seen
from .silence import arm_sensor, freshen_link, go_stale, hear_link, judge_fresh
from .table import OPEN
from .ticks import site_tick, tick
from .windows import measure, unclear

# Kinds whose measure a float computes with a tolerance that matters beside a limit.
INEXACT = ("trend", "forecast", "accumulate", "shift")


class Oracle(Partition):
    """One partition of the log.

    `unclear` says that some slope lay so near a threshold that floating-point arithmetic may
    rightly decide otherwise; nothing that follows can be compared then.
    """

    def step(self, position: int, entry: Entry) -> list[OracleRecord]:
        """The records that this entry makes, in order. Positions are not used."""
        header = entry.header
        self.records = []
        if not header.self_clocked:
            self.appended = max(self.appended, header.appended)
            self.received = max(self.received, header.received)
        match entry.payload:
            case Frame():
                self._frame(entry.payload, header)
            case Tick():
                tick(self, entry.payload.time, entry.payload.resumed)
            case Command():
                obey(self, entry.payload, header.exercise)
            case Configuration():
                self._configure(entry.payload)
            case Recovered():
                self._recovered(entry.payload)
        return self.records

    # --- rows (§2, §4) ------------------------------------------------------------------------

    def _frame(self, frame: Frame, header: Header) -> None:
        columns = (frame.sensor, frame.time, frame.value, frame.quality)
        for index, t, v, q in zip(*(column.tolist() for column in columns), strict=True):
            if index not in self.sensors:
                self.counters["unknown_sensor"] += 1
                continue
            if self.drill(self.configuration.sensors[index].site) != header.exercise:
                self.counters["mixed"] += 1
                continue
            appended, received = self.appended, self.received
            if header.self_clocked:
                site = self.configuration.sensors[index].site
                appended = received = max(self.site_wall.get(site, t), t)
                site_tick(self, site, received)
            self._row(index, (t, v, q), appended, received)

    def _row(self, index: int, row: tuple[int, float, int], appended: int, received: int) -> None:
        sensor = self.configuration.sensors[index]
        seen = self.sensors[index].sensing.take(
            sensor, self.link_of(index), row, appended, received, self.counters
        )
        if seen is None:
            return
        if seen.forward:
            hear_link(self, sensor.link, received)
        self._own_timers(index, seen)
        if seen.forward:
            freshen_link(self, sensor.link, seen, received)
            self.groups.settle(seen.jt, seen.lag)
        self._sample(index, seen)
        self.groups.settle(seen.jt, seen.lag)

    def _own_timers(self, index: int, seen: Seen) -> None:
        """Phase 1: the sensor's own timers up to jt, by (deadline, ordinal); groups after each deadline."""
        state, moment = self.sensors[index], 0
        while True:
            found: list[tuple[int, int, Instance | None]] = []
            if state.timer is not None and state.heard:
                found.append((state.timer.deadline, -1, None))
            for instance in self.by_sensor[index]:
                for _, pending in instance.levels.timers(self.clears_by_timer(instance)):
                    found.append((pending.deadline, instance.ordinal, instance))
            if not found:
                return self.groups.settle(seen.jt, seen.lag)
            deadline, _, first = min(found, key=lambda one: one[:2])
            if deadline > moment:
                self.groups.settle(seen.jt, seen.lag)
            if deadline > seen.jt:
                return
            moment = deadline
            if first is None:
                go_stale(self, index, deadline)
            else:
                self.fire(first, deadline=deadline)

    def _sample(self, index: int, seen: Seen) -> None:
        """Phase 2: the row's own instances by ordinal; within each known, judgement, actual."""
        state = self.sensors[index]
        living = seen.forward and seen.usable
        fresh = living and (state.stale or not state.heard)
        known = living and state.unknown
        caught_up = living and state.sensing.historic_first is not None and not seen.historic
        if living:
            state.heard = True
            arm_sensor(self, index, seen.jt, seen.lag)
        if living:
            state.stale = state.unknown = state.by_link = False
        if known:
            self.groups.presence(index, "heard", seen.jt, seen.historic)
        if caught_up:
            state.sensing.historic_first = state.sensing.historic_last = None
            self.groups.caught_up(index, seen.jt)
        state.after_bad = not seen.usable
        self.others.hear(index, seen)
        for instance in self.by_sensor[index]:
            self._sample_instance(instance, seen, fresh, known)
            if caught_up:
                self.actual(instance, seen.jt)
        self.groups.row(index, seen)

    def _sample_instance(self, instance: Instance, seen: Seen, fresh: bool, known: bool) -> None:
        if not seen.usable:
            instance.levels.drop_clears()
        match instance.rule.kind:
            case "clock":
                if seen.clock:
                    x = Measured(1.0 if seen.clock == "set" else 0.0)
                    self.judge(instance, x, seen.jt, True, seen.lag, seen.historic)
            case "stale":
                if fresh:
                    judge_fresh(self, instance, seen)
            case _:
                if known:
                    self.happen(instance, "known", time=seen.jt, historic=seen.historic)
                if seen.usable:
                    self._measure(instance, seen)

    def _measure(self, instance: Instance, seen: Seen) -> None:
        good, kind = seen.quality == "good", instance.rule.kind
        rows = [(seen.jt, seen.v)]
        if instance.window is not None:
            rows = instance.window.content(seen.jt, seen.v, good)
        if kind == "deviation":
            site = self.configuration.sites[instance.site].id
            found = deviation(self.others, instance, f"{site}/{instance.subject}", seen)
        elif kind == "forecast":
            found = forecast(rows, seen.jt, instance.judgement.options)
        elif instance.memory is not None:
            found = instance.memory.take(seen, instance.judgement)
        else:
            found = measure(kind, instance.judgement, rows, seen.v)
        if found is None:
            return
        x, close = found
        if close or (kind in INEXACT and unclear(x, instance.judgement)):
            self.unclear = True
        self.judge(instance, x, seen.jt, good, seen.lag, seen.historic)

    # --- configuration (§7) -------------------------------------------------------------------

    def _configure(self, new: Configuration) -> None:
        found = {instance.key: instance for instance in instances(new)}
        gone = [one for key, one in self.instances.items() if key not in found]
        for one in sorted(gone, key=lambda one: (one.place, one.ordinal)):
            detail = {"principal": "configuration", "reason": _why(one, new)}
            self.happen(one, "withdraw", time=self.appended, detail=detail)
        for key, instance in found.items():
            if key in self.instances:
                instance.adopt(self.instances[key])
        withdraw_at(self, {site.id for site in new.sites if site.retired})
        self.install(new, found.values())
        for instance in found.values():
            if not any(x.alarm.state in OPEN for x in self._first_out(instance)):
                instance.alarm.first = False
        self.others.configured(new, found.values())
        self.links = {i: self.links.get(i) or LinkState() for i in range(len(new.links))}
        self.sensors = {
            index: self.sensors.get(index) or SensorState()
            for index, sensor in enumerate(new.sensors)
            if not sensor.retired
        }
        for index, state in self.sensors.items():
            if state.by_link and new.sensors[index].reports != "event":
                self.links[new.sensors[index].link].quiet = True
        self.groups.reconfigured(self.appended)
        renew(self, self.appended, {"principal": "configuration", "reason": "selection changed"})

    def _recovered(self, recovered: Recovered) -> None:
        for site, head in recovered.heads.items():
            self.seq[site] = max(self.seq[site], head.seq)
        now, detail = self.appended, {"reason": recovered.reason}
        self.notice("engine.recovered", onset=now, time=now, detail=detail)


def _why(instance: Instance, new: Configuration) -> str:
    """Why an instance is gone."""
    if instance.sensor is not None:
        removed = new.sensors[instance.sensor].retired
    elif instance.link is None:
        removed = False
    else:
        removed = new.links[instance.link].retired
    if removed:
        return "sensor removed"
    rules = {(rule.id, rule.kind) for rule in new.rules}
    if (instance.rule.id, instance.rule.kind) not in rules:
        return "rule removed"
    return "selection changed"
