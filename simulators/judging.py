"""Scenarios straight into a core: as a live run would be, without broker, log or waiting.

Samples are received when they are due, in Frames of one window of event time each. Ticks come at every
deadline, and one after each Frame. Late delivery, wrong clocks and silence are judged as they would be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lifeline.engine.config import Plant
from lifeline.engine.core import Core, Records
from lifeline.engine.entry import Entry, Header, Payload, Tick
from lifeline.engine.frame import Frame
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.record import Record

from .frames import Canonical
from .incidents import Detection, detections
from .plant import Scenario
from .stream import Stream, offline_steps

PRODUCER = "simulator"
RAISING = ("raised", "level", "actual")


@dataclass(frozen=True, slots=True)
class Judged:
    """One window: its end, the samples in it, and the records that came of it.

    `members` are the sensors behind those of the records that are about a group, by site and alarm.
    """

    until_ns: int
    samples: int
    records: list[Record]
    members: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)


class Judging:
    """The scenarios of one plant put to a core of its own.

    `window_s` is how much event time is one Frame, at least the longest of the sites' own windows.
    Longer ones are faster and hear samples later, by up to a window. `core` can be asked afterwards.
    """

    def __init__(self, plant: Plant, scenarios: Sequence[Scenario], window_s: float = 0.0) -> None:
        self.core = Core()
        self.scenarios = tuple(scenarios)
        self._registry = plant.configuration.version()
        self._forms = [Canonical(plant, s.site) for s in scenarios]
        own = (max(s.site.window_ns, s.site.step_ns) for s in scenarios)
        self._window_ns = max(round(window_s * SECOND_NS), *own)
        self.start_ns = min(s.start_ns for s in scenarios)
        self.end_ns = max(s.end_ns for s in scenarios)
        self._append(plant.configuration, self.start_ns - SECOND_NS)

    def windows(self) -> Iterator[Judged]:
        """Judges window after window, to the end of the longest scenario and of what was sent late."""
        streams = [Stream(s, offline_steps(s.site)) for s in self.scenarios]
        until = self.start_ns
        while until < self.end_ns or not all(s.exhausted for s in streams):
            until += self._window_ns
            batches = [stream.take(until) for stream in streams]
            last = max((int(b.due[-1]) for b in batches if len(b)), default=until - 1)
            records = self._until(last)
            frame = Frame.concat(
                [form.frame(batch) for form, batch in zip(self._forms, batches, strict=True)]
            )
            if len(frame):
                records += self._append(frame, last)
            records += self._until(until)
            yield Judged(until, len(frame), records, self._members(records))

    def _members(self, records: Sequence[Record]) -> dict[tuple[str, str], tuple[str, ...]]:
        plan = self.core.plan
        assert plan is not None  # it was given a configuration
        found: dict[tuple[str, str], tuple[str, ...]] = {}
        for record in records:
            instance = plan.find(record.site, record.alarm) if record.episode else None
            group = None if instance is None else plan.group(plan.subject.item(instance))
            if group is not None:
                names = (plan.configuration.sensors[k].id for k in group.sensors)
                found[record.site, record.alarm] = tuple(names)
        return found

    def _until(self, time_ns: int) -> list[Record]:
        """Ticks at every deadline before `time_ns`, and one there."""
        records: list[Record] = []
        due = self.core.next_due()
        while due is not None and self.core.wall < due < time_ns:
            records += self._append(Tick(due), due)
            due = self.core.next_due()
        if time_ns > self.core.wall:
            records += self._append(Tick(time_ns), time_ns)
        return records

    def _append(self, payload: Payload, now: int) -> Records:
        header = Header(producer=PRODUCER, registry=self._registry, received=now, appended=now)
        return self.core.step(self.core.position + 1, Entry(header, payload))


@dataclass(slots=True)
class Tally:
    """What came of a run: counts as they grow, and the alerts by which incidents are found; one about a
    group is one about each of its sensors."""

    samples: int = 0
    transitions: dict[str, int] = field(default_factory=dict)
    alarms: dict[str, int] = field(default_factory=dict)
    alerts: dict[str, list[tuple[str, int, str]]] = field(default_factory=dict)

    def take(self, judged: Judged) -> None:
        """Counts one window."""
        self.samples += judged.samples
        for record in judged.records:
            self.transitions[record.transition] = self.transitions.get(record.transition, 0) + 1
            if record.transition not in RAISING or record.rule.startswith("engine."):
                continue
            self.alarms[record.level_after] = self.alarms.get(record.level_after, 0) + 1
            subjects = judged.members.get((record.site, record.alarm), (record.subject,))
            alerts = [(subject, record.time, record.level_after) for subject in subjects]
            self.alerts.setdefault(record.site, []).extend(alerts)

    def detections(self, scenarios: Sequence[Scenario]) -> tuple[Detection, ...]:
        """When each incident was found, if it was."""
        return tuple(
            found
            for scenario in scenarios
            for found in detections(scenario.incidents, self.alerts.get(scenario.site.id, []))
        )
