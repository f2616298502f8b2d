"""The state of a partition, and the one place where records are made. Page §5, §6."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from lifeline.engine.configuration import Configuration, Link
from lifeline.engine.level import LEVELS

from .deviations import Others
from .groups import Groups
from .levels import Change, Measured
from .plant import Instance, Key, LinkState, SensorState, Upkeep
from .record import OracleRecord, OracleReply
from .table import NORMAL, OPEN, SUPPRESSED, UNACKNOWLEDGED
from .windows import RELATIVE

ENGINE_SITE = "_engine"
QUALITY_OF_DATA = ("stale", "clock")  # kinds that judge the sensor itself, not its values
NO_DETAIL: dict[str, str] = {}


class Partition:
    """Everything that the log has told so far. `counters` and `replies` only grow."""

    def __init__(self) -> None:
        self.configuration = Configuration()
        self.appended = 0
        self.received = 0
        self.wall: int | None = None
        self.site_wall: dict[int, int] = {}
        self.sensors: dict[int, SensorState] = {}
        self.links: dict[int, LinkState] = {}
        self.instances: dict[Key, Instance] = {}
        self.by_sensor: dict[int, list[Instance]] = {}
        self.seq: Counter[str] = Counter()
        self.seen_commands: dict[str, None] = {}
        self.counters: Counter[str] = Counter()
        self.replies: list[OracleReply] = []
        self.unclear = False
        self.records: list[OracleRecord] = []
        self.others = Others()
        self.windows: dict[tuple[str, str], Upkeep] = {}
        self.groups = Groups(self)

    # --- look-ups -----------------------------------------------------------------------------

    def install(self, configuration: Configuration, found: Iterable[Instance]) -> None:
        """Take these instances as all that there are."""
        self.configuration = configuration
        self.instances = {instance.key: instance for instance in found}
        self.by_sensor = {index: [] for index in range(len(configuration.sensors))}
        for instance in sorted(self.instances.values(), key=lambda one: one.ordinal):
            if instance.sensor is not None:
                self.by_sensor[instance.sensor].append(instance)

    def link_of(self, sensor: int) -> Link:
        """The link of a sensor."""
        return self.configuration.links[self.configuration.sensors[sensor].link]

    def drill(self, site: int) -> bool:
        """Whether the site is a drill."""
        return self.configuration.sites[site].exercise

    def lives_by(self, sensor: int, link: int) -> bool:
        """Whether this is an `event` sensor of the link."""
        one = self.configuration.sensors[sensor]
        return one.link == link and one.reports == "event"

    def clears_by_timer(self, instance: Instance) -> bool:
        """Whether time alone may end a pending clear."""
        if instance.group is not None:
            return True
        if instance.sensor is None:
            return False
        return self.configuration.sensors[instance.sensor].reports != "periodic"

    def historic_by_timer(self, instance: Instance) -> bool:
        """Whether the sensor (one of a group) has a backlog that it has not caught up with."""
        if instance.group is not None:
            return any(
                self.sensors[i].sensing.historic_first is not None for i in instance.group.sensors
            )
        if instance.sensor is None:
            return False
        return self.sensors[instance.sensor].sensing.historic_first is not None

    def alarm(self, site: str, name: str) -> Instance | None:
        """The instance that a command names."""
        for instance in self.instances.values():
            if self.configuration.sites[instance.site].id == site and instance.name == name:
                return instance
        return None

    def standing(self) -> list[tuple[str, Instance]]:
        """(site id, instance) of every alarm that is not normal."""
        found = [x for x in self.instances.values() if x.alarm.state != NORMAL]
        return [(self.configuration.sites[x.site].id, x) for x in found]

    # --- judgement ----------------------------------------------------------------------------

    def judge(
        self, instance: Instance, x: Measured, t: int, good: bool, lag: int, historic: bool
    ) -> None:
        """Put a valid measure before the levels of an instance."""
        change = instance.levels.judge(x, t, good, lag + self.grace_of(instance))
        if change is not None:
            self.changed(instance, change, historic)

    def grace_of(self, instance: Instance) -> int:
        """How long its timers wait beyond their deadline."""
        if instance.group is not None:
            graces = [self.link_of(sensor).grace for sensor in instance.group.sensors]
            return max(graces, default=0)
        if instance.sensor is not None:
            return self.link_of(instance.sensor).grace
        assert instance.link is not None
        return self.configuration.links[instance.link].grace

    def fire(
        self,
        instance: Instance,
        deadline: int | None = None,
        due: int | None = None,
        historic: bool | None = None,
    ) -> None:
        """All levels of one instance with this deadline (phase 1) or this due (tick)."""
        numbers = [
            number
            for number, pending in instance.levels.timers(self.clears_by_timer(instance))
            if deadline in (None, pending.deadline) and due in (None, pending.due)
        ]
        after_bad = instance.sensor is not None and self.sensors[instance.sensor].after_bad
        if instance.group is not None:
            after_bad = instance.group.after_bad
        change = instance.levels.fire(numbers, after_bad)
        if change is not None:
            behind = self.historic_by_timer(instance) if historic is None else historic
            self.changed(instance, change, behind)

    def changed(
        self,
        instance: Instance,
        change: Change,
        historic: bool,
        detail: dict[str, str] = NO_DETAIL,
    ) -> None:
        """The gravest active level changed."""
        alarm, flapping = instance.alarm, instance.rule.flapping
        flaps = False
        if flapping is not None and alarm.level == 0 and 0 < change.level < 4:
            flaps = alarm.fill((flapping.raises, flapping.within), change.time)
        event = alarm.level_event(change.level, flaps)
        until = alarm.bucket if event == "flap" else 0
        self.happen(
            instance,
            event,
            time=change.time,
            historic=historic,
            change=change,
            until=until,
            detail=detail,
        )

    def end(
        self,
        instance: Instance,
        *,
        time: int,
        historic: bool = False,
        detail: dict[str, str] = NO_DETAIL,
    ) -> int:
        """Shelf, outage of service, hold or maintenance is over; the seq of the record, 0 for none."""
        alarm = instance.alarm
        alarm.until = 0
        seq = self.happen(instance, alarm.end_event(), time=time, historic=historic, detail=detail)
        if alarm.state == SUPPRESSED:
            alarm.cover = alarm.suppressed_cover()
        return seq

    # --- records ------------------------------------------------------------------------------

    def happen(
        self,
        instance: Instance,
        event: str,
        *,
        time: int,
        historic: bool = False,
        change: Change | None = None,
        detail: dict[str, str] = NO_DETAIL,
        until: int = 0,
    ) -> int:
        """One event of the alarm table; the seq of the record that it makes, 0 for none."""
        alarm, site = instance.alarm, self.configuration.sites[instance.site]
        level_before, state_before = alarm.level, alarm.state
        level = level_before if change is None else change.level
        level = 0 if event == "withdraw" else level
        seq = self.seq[site.id] + 1
        onset = time if change is None else change.onset
        group = self._first_out(instance)
        transition = alarm.move(event, level, seq, onset, until)
        if transition is None:
            return 0
        sounds = alarm.state == UNACKNOWLEDGED and state_before not in OPEN
        if sounds and not any(x.alarm.state in OPEN for x in group if x is not instance):
            for x in group:
                x.alarm.first = x is instance
        alarm.mark(transition, historic)
        self.seq[site.id] = seq
        record = OracleRecord(
            tenant=site.tenant,
            site=site.id,
            seq=seq,
            episode=alarm.episode,
            rule=instance.rule.id,
            rule_hash=instance.rule.hash().hex(),
            subject=instance.subject,
            area=site.area,
            quantity=instance.quantity,
            asset=instance.asset,
            unit=instance.judgement.unit,
            transition=transition,
            level_before=LEVELS[level_before],
            level_after=LEVELS[alarm.level],
            state_before=state_before,
            state_after=alarm.state,
            onset=alarm.onset,
            time=time,
            value=None if change is None else change.value.x,
            limit=None if change is None else change.limit,
            until=alarm.told_until(),
            exercise=site.exercise,
            historic=historic,
            uncertain=change is not None and change.uncertain,
            unknown=self._unknown(instance),
            first_out=alarm.first,
            detail=detail,
            tolerance=0.0 if change is None else change.value.tolerance,
        )
        self.records.append(record)
        if change is not None:
            self.groups.record(instance, time, historic, change.uncertain)
        self._forget_first(group)
        return seq

    def _first_out(self, instance: Instance) -> list[Instance]:
        """Every instance of its first-out group; none where its rule has none."""
        key = self._group(instance)
        if not key:
            return []
        return [x for x in self.instances.values() if self._group(x) == key]

    def _group(self, instance: Instance) -> tuple[int, str, str] | None:
        name = instance.rule.first_out
        if name == "asset":
            return (instance.site, "asset", instance.asset) if instance.asset else None
        return (instance.site, "named", name) if name else None

    def _forget_first(self, group: list[Instance]) -> None:
        if not any(x.alarm.state in OPEN for x in group):
            for x in group:
                x.alarm.first = False

    def actual(self, instance: Instance, time: int) -> None:
        """Caught up: what stands from the backlog stands now."""
        if instance.alarm.historic_mark:
            instance.alarm.historic_mark = False
            if instance.alarm.level > 0:
                self.happen(instance, "actual", time=time)

    def _unknown(self, instance: Instance) -> bool:
        if instance.group is not None:
            return instance.group.unknown
        if instance.sensor is None or instance.rule.kind in QUALITY_OF_DATA:
            return False
        return self.sensors[instance.sensor].unknown

    def notice(
        self,
        rule: str,
        *,
        onset: int,
        time: int,
        value: float | None = None,
        unit: str = "",
        detail: dict[str, str] = NO_DETAIL,
    ) -> None:
        """What the engine says about itself, under its reserved site."""
        self.seq[ENGINE_SITE] += 1
        record = OracleRecord(
            tenant="",
            site=ENGINE_SITE,
            seq=self.seq[ENGINE_SITE],
            episode=0,
            rule=rule,
            rule_hash="",
            subject="partition",
            area="-/-/-",
            quantity="",
            asset="",
            unit=unit,
            transition="notice",
            level_before="normal",
            level_after="normal",
            state_before=NORMAL,
            state_after=NORMAL,
            onset=onset,
            time=time,
            value=value,
            limit=None,
            until=0,
            exercise=False,
            historic=False,
            uncertain=False,
            unknown=False,
            detail=detail,
            tolerance=0.0 if value is None else RELATIVE * abs(value),
        )
        self.records.append(record)
