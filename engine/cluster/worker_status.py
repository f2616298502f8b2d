"""What a worker says about itself: facts for liveness and readiness, figures for metrics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from ..areas.records import SUBJECTS
from ..layout import NO_TIME
from ..level import LEVELS
from ..metrics import Durations
from ..record import AlarmState

if TYPE_CHECKING:
    from ..areas.core import AreaCore
    from ..core import Core
    from .part import Part

State = Literal[
    "starting",  # kernels, brokers, clock
    "joining",  # asked for membership, nothing assigned yet
    "restoring",  # partitions are assigned, their state is read
    "running",
    "standing_by",  # a member without a partition
    "rebalancing",  # partitions were given up or lost, the new assignment is to come
    "stopping",
    "stopped",
    "failed",
]


@dataclass(frozen=True, slots=True)
class PartStatus:
    """One partition.

    following     offset of the next record; `log_end` behind the last one known (None: not yet)
    lag           entries that are there and not stepped
    caught_up     whether the core has been at the log's end since the partition was taken up
    wall          W, ns (None: no tick yet)
    sites, sensors  of its configuration
    checkpoint_*  offset, age (ns) and stored bytes of the last durable checkpoint
    open          alert records and replies that are not known to be durable
    version       of the configuration in force, "" for none
    outcomes      samples by what became of them, since the partition was taken up
    standing      counts the alarms that are not normal: level → state → how many; a pass over all
                  instances, so only who shows them asks
    """

    partition: int
    generation: int
    following: int
    log_end: int | None
    lag: int
    caught_up: bool
    wall: int | None
    sites: int
    sensors: int
    checkpoint_offset: int
    checkpoint_age: int
    checkpoint_bytes: int
    open: int
    ticks: int
    ticks_resumed: int
    version: str
    outcomes: Mapping[str, int]
    standing: Callable[[], Mapping[str, Mapping[str, int]]]


@dataclass(slots=True)
class Counters:
    """What happened since the worker started; only ever grows.

    entries, samples  stepped, those stepped again after a restore included
    step_ns           spent in steps; `longest_step_ns` the longest
    steps             how long steps took
    records           alert records made, by the level after them and the transition
    seen_before       log records that were taken before, skipped
    unowned           log records of partitions that were given up, skipped
    put_aside         log records that are no entry, by reason
    rebalances        assignments that were completed
    restores          partitions restored; `longest_restore_ns` all of one assignment
    """

    entries: int = 0
    samples: int = 0
    step_ns: int = 0
    longest_step_ns: int = 0
    seen_before: int = 0
    unowned: int = 0
    rebalances: int = 0
    restores: int = 0
    longest_restore_ns: int = 0
    steps: Durations = field(default_factory=Durations)
    records: Counter[tuple[str, str]] = field(default_factory=Counter)
    put_aside: Counter[str] = field(default_factory=Counter)

    @property
    def set_aside(self) -> int:
        """Log records that are no entry, of any reason."""
        return sum(self.put_aside.values())


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A worker at one moment.

    state, failure      `failure` says why it ends
    turned_at           monotonic time at which the main loop last turned, ns
    generation          of the group; -1 before the first
    clock_apart         the least by which this machine's clock is off the broker's, ns
    checkpoints, refused_commits, last_checkpoint_ns, longest_cut_ns   since the start
    """

    node: str
    state: State
    failure: str
    turned_at: int
    generation: int
    clock_apart: int
    clock_probes: int
    checkpoints: int
    refused_commits: int
    last_checkpoint_ns: int
    longest_cut_ns: int
    counters: Counters
    parts: tuple[PartStatus, ...]
    trouble_counts: dict[str, int]

    @property
    def lag(self) -> int:
        """Entries of all its partitions that are there and not stepped."""
        return sum(part.lag for part in self.parts)

    @property
    def is_ready(self) -> bool:
        """Whether everything assigned is restored and has caught up."""
        running = self.state in ("running", "standing_by")
        return running and all(part.caught_up for part in self.parts)


#: How the alarm of an exercise of an area ends.
PRACTISED: Final = f"~{SUBJECTS[1]}"


def standing_counts(core: Core | AreaCore) -> dict[str, dict[str, int]]:
    """How many actual alarms of a core are not normal: level → state → how many. Costs a pass over two
    columns; any thread may ask while the core steps, and sees some row before or after it."""
    if not hasattr(core, "state"):
        areas: dict[str, dict[str, int]] = {}
        for alarm in core.standing():
            if alarm.alarm.endswith(PRACTISED):
                continue
            by_state = areas.setdefault(alarm.level, {})
            by_state[alarm.state] = by_state.get(alarm.state, 0) + 1
        return areas
    state = core.state
    if state is None:
        return {}
    standing = np.flatnonzero(state.judge["state"])
    rows = state.judge[standing]
    drills = np.array([s.exercise for s in state.plan.configuration.sites], np.bool_)
    if drills.any():
        rows = rows[~drills[state.cold["site"][rows["sensor"]]]]
    found: dict[str, dict[str, int]] = {}
    counts = Counter(zip(rows["level"].tolist(), rows["state"].tolist(), strict=True))
    for (level, alarm_state), n in counts.items():
        if alarm_state:
            name = AlarmState(alarm_state).name.lower()
            found.setdefault(LEVELS[level], {})[name] = n
    return found


def _version(core: Any) -> str:
    """Of the configuration in force, hex."""
    if hasattr(core, "plan"):
        return "" if core.plan is None else str(core.plan.version.hex())
    return core.configuration.version().hex() if core.configuration else ""


def part_status(part: Part, log_end: int | None, now: int) -> PartStatus:
    """One partition as it is; `now` is monotonic."""
    core, ticks = part.core, part.ticks
    configuration = core.configuration
    plan = getattr(core, "plan", None)
    return PartStatus(
        partition=part.partition,
        generation=part.generation,
        following=part.following,
        log_end=log_end,
        lag=max(0, (log_end or 0) - part.following),
        caught_up=ticks.caught_up,
        wall=None if core.wall == NO_TIME else core.wall,
        sites=len(configuration.sites) if configuration else 0,
        sensors=0 if plan is None else len(plan.configuration.sensors),
        checkpoint_offset=part.checkpointed,
        checkpoint_age=now - part.durable_at,
        checkpoint_bytes=part.checkpoint_bytes,
        open=part.lane.open,
        ticks=ticks.appended,
        ticks_resumed=ticks.resumed,
        version=_version(core),
        outcomes=core.counters(),
        standing=partial(standing_counts, core),
    )
