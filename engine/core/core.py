"""The core: `records = core.step(position, entry)`. No clock, socket, file, thread or randomness.

One core steps all sites of a partition. The same function serves live, replay and backtest.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from .. import layout as at
from ..alarm import detail_of
from ..alarm_table import table_arrays
from ..command import Command
from ..configuration import Configuration
from ..entry import Entry, Header, NamedConfiguration, Recovered, Tick
from ..errors import EntryError, InvariantError
from ..frame import Frame
from ..limits import REMEMBERED_COMMANDS
from ..plan import Plan
from ..planning import compile_plan
from ..record import (
    GENESIS,
    Record,
    run_digest,
)
from . import first_out, snapshot, stepping
from . import maintenance as upkeep
from .carrying import carried
from .chaining import chained
from .commands import act
from .continuity import check_continued
from .drills import Drills
from .halts import Halts, reply
from .noticing import notice
from .records import Part, Records, Standing
from .saying import said, standing
from .state import State, first_state

ENGINE_SITE: Final = "_engine"


class Core:
    """Judges a log. Starts empty; the first entry it understands is a `config` entry.

    `table` is the alarm table (`alarm_table.table_arrays`); only tests pass another. `engine_site`
    is the reserved site of the records about the engine itself: where several cores share the
    receivers of their records, each has its own.
    """

    def __init__(self, table: Any = None, engine_site: str = ENGINE_SITE) -> None:
        self.table = table_arrays() if table is None else table
        self.engine_site = engine_site
        self.position = 0
        self.wall = at.NO_TIME
        self.appended = 0
        self.received = 0
        self.versions: set[bytes] = set()
        self.seen_commands: OrderedDict[str, None] = OrderedDict()
        self.clocked = False
        self.halts = Halts()
        self.maintenance = upkeep.Maintenance()
        self.state: State | None = None
        self.count = np.zeros(len(stepping.COUNTERS), np.int64)
        self.mixed = 0  # rows of a drill among actual ones, or the other way
        self._drills: tuple[Plan, Drills] | None = None
        self.scratch = stepping.Scratch()

    # --- stepping --------------------------------------------------------------------------------
    def step(self, position: int, entry: Entry) -> Records:
        """Apply one entry. Raises EntryError for an entry that this core cannot understand and
        InvariantError where a claim of the design broke; the process must end then."""
        if position <= self.position:
            raise InvariantError(f"entry {position} after {self.position}: the log goes forward")
        header, payload = entry.header, entry.payload
        if not header.self_clocked:
            self.appended = max(self.appended, header.appended)
            self.received = max(self.received, header.received)
        records = Records()
        match payload:
            case Frame():
                self._samples(header, payload, records)
            case Tick():
                self._tick(payload, records)
            case Command():
                self._command(header, payload, records)
            case Configuration():
                self._configure(payload, records)
            case Recovered():
                self._recovered(payload, records)
            case NamedConfiguration():
                raise EntryError(
                    f"configuration {payload.version.hex()} is only named here; "
                    "whoever reads the log must find its content first"
                )
        self.position = position
        return records

    def _live(self) -> State:
        if self.state is None:
            raise EntryError("the log has no configuration before its first sample or command")
        return self.state

    def _drills_of(self, state: State) -> Drills:
        if self._drills is None or self._drills[0] is not state.plan:
            self._drills = state.plan, Drills(state.plan.configuration)
        return self._drills[1]

    def _samples(self, header: Header, frame: Frame, records: Records) -> None:
        state = self._live()
        if header.registry not in self.versions:
            raise EntryError(
                f"samples name configuration {header.registry.hex()}, which this log has not seen"
            )
        admitted = self._drills_of(state).admitted(header, frame)
        self.mixed += len(frame) - len(admitted)
        frame = admitted
        if not len(frame):
            return
        if header.self_clocked != self.clocked:
            state.forget_bounds()
            self.clocked = header.self_clocked
        if header.self_clocked:
            n = stepping.samples_clocked(state, self.scratch, self.table, self.count, frame)
        else:
            n = stepping.samples(
                state, self.scratch, self.table, self.count, frame, self.received, self.appended
            )
        self._finish(state, n, records)

    def _tick(self, tick: Tick, records: Records) -> None:
        if self.state is None:
            self.wall = max(self.wall, tick.time)
            return
        state = self.state
        if self.clocked:
            state.forget_bounds()
            self.clocked = False
        before = self.wall
        resumed = tick.time > before and tick.resumed and before != at.NO_TIME
        gap = tick.time - before if resumed else 0
        if resumed:
            records.parts.append(
                self._notice("engine.blind", before, tick.time, gap * 1e-9, "s", {})
            )
            stepping.shift(state, gap)
        for end in self.maintenance.ends(max(before, tick.time)):
            if end > self.wall:
                self._reach(state, end, resumed, records)
                resumed = False
            self._maintained(state, self.maintenance.over(state, end), end, records)
        gap_s = gap * 1e-9 if tick.time > before else None
        self._reach(state, tick.time, resumed, records, gap_s)
        records.parts += self.halts.tick(state, self.wall)

    def _reach(
        self,
        state: State,
        wall: int,
        resumed: bool,
        records: Records,
        gap_s: float | None = None,
    ) -> None:
        """Everything that is due by `wall`; only what was never armed where that is not later. `gap_s`: see
        `stepping.tick`."""
        moved, self.wall = wall > self.wall, max(self.wall, wall)
        n = stepping.tick(state, self.scratch, self.table, self.wall, moved, resumed, gap_s)
        self._finish(state, n, records)

    def _maintained(
        self,
        state: State,
        made: Sequence[tuple[upkeep.Window, Record]],
        now: int,
        records: Records,
        begun: bool = False,
        tick: bool = True,
    ) -> None:
        """Records of windows that began or ended at `now`, each before those of its alarms."""
        records.parts += [record for _, record in made]
        begins = made[0][0] if begun else None
        n = self.maintenance.apply(state, self.scratch, self.table, now, begins, tick)
        self._finish(state, n, records, made[-1][1].detail if made else None)

    def _command(self, header: Header, command: Command, records: Records) -> None:
        state = self._live()
        if command.id in self.seen_commands:
            records.replies = (reply(command, "repeated", "this command was taken before"),)
            return
        self.seen_commands[command.id] = None
        while len(self.seen_commands) > REMEMBERED_COMMANDS:
            self.seen_commands.popitem(last=False)
        refusal = self._drills_of(state).refusal(header, command)
        if refusal:
            records.replies = (reply(command, "refused", refusal),)
            return
        if self.halts.concerns(command):
            made, answer = self.halts.command(state, command, self.appended)
            records.parts, records.replies = [*made], (answer,)
            return
        if command.action in upkeep.ACTIONS:
            self._maintain(state, command, records)
            return
        n, refusal = act(state, self.scratch, self.table, command, self.appended)
        if refusal:
            records.replies = (reply(command, "refused", refusal),)
            return
        detail = detail_of(command)
        if n == 0:
            raise InvariantError("a command was carried out and left no record")
        self._finish(state, n, records, detail)
        part = records.parts[-1]
        seq = int(part.numbers["seq"][-1]) if isinstance(part, Part) else 0
        records.replies = (reply(command, "done", "", seq),)

    def _maintain(self, state: State, command: Command, records: Records) -> None:
        done = self.maintenance.command(state, command, self.appended)
        if isinstance(done, str):
            records.replies = (reply(command, "refused", done),)
            return
        begun = command.action == "maintenance"
        self._maintained(state, [done], self.appended, records, begun, tick=False)
        records.replies = (reply(command, "done", "", done[1].seq),)

    def _configure(self, wanted: Configuration, records: Records) -> None:
        version = wanted.version()
        plan = compile_plan(wanted, version)
        if self.state is None:
            self.state = first_state(plan)
        else:
            old = self.state
            check_continued(old.plan.configuration, wanted)
            self.state, gone = carried(old, plan)
            for reason, instances in stepping.gone_by_reason(old, plan, gone):
                n = stepping.withdraw(old, self.scratch, self.table, instances, self.appended)
                detail = {"principal": "configuration", "reason": reason}
                self._finish(old, n, records, detail)
            records.parts += self.halts.configured(old, wanted, self.appended)
            records.parts += self.maintenance.configured(old, wanted, self.appended)
            self.state.seq[: len(old.seq) - 1] = old.seq[:-1]
            self.state.heads[: len(old.heads) - 1] = old.heads[:-1]
        stepping.refresh(self.state)
        first_out.settle(self.state)
        plan.identities.make_ahead()
        self._drills_of(self.state)  # now, not at the first sample
        self.versions.add(version)
        n = stepping.configured(self.state, self.scratch, self.table, self.appended)
        self._finish(self.state, n, records)
        n = self.maintenance.apply(self.state, self.scratch, self.table, self.appended)
        detail = {"principal": "configuration", "reason": "selection changed"}
        self._finish(self.state, n, records, detail)

    def _recovered(self, payload: Recovered, records: Records) -> None:
        state = self._live()
        index = {s.id: i for i, s in enumerate(state.plan.configuration.sites)}
        index[self.engine_site] = len(index)
        for site, head in sorted(payload.heads.items()):
            place = index.get(site)
            if place is not None and head.seq > state.seq[place]:
                state.seq[place] = head.seq
                state.move(place, bytes.fromhex(head.hash))
        at_time = self.appended
        detail = {"reason": payload.reason}
        records.parts.append(self._notice("engine.recovered", at_time, at_time, None, "", detail))

    # --- records ---------------------------------------------------------------------------------
    def _finish(
        self,
        state: State,
        n: int,
        records: Records,
        detail: Mapping[str, str] | None = None,
    ) -> None:
        out = stepping.ordered(self.scratch, n)
        told = self.scratch.group.details(out)
        if n == 0:
            return
        numbers = stepping.numbered(out, state)
        self._drills_of(state).mark(numbers, out["site"])
        records.parts.append(chained(state, out, numbers, dict(detail or {}), told))

    def _notice(
        self,
        rule: str,
        onset: int,
        time: int,
        value: float | None,
        unit: str,
        detail: dict[str, str],
    ) -> Record:
        """A record of the engine about itself, under the reserved site."""
        return notice(self._live(), self.engine_site, rule, onset, time, value, unit, detail)

    # --- snapshots -------------------------------------------------------------------------------
    def snapshot(self) -> bytes:
        """Everything that this core is, cut at `position`, in a plain versioned format."""
        return snapshot.take(self)

    @classmethod
    def restore(cls, data: bytes, table: Any = None, engine_site: str = ENGINE_SITE) -> Core:
        """The core of a snapshot. Raises LogError where the bytes are not one."""
        core = cls(table, engine_site)
        snapshot.put_back(core, data)
        return core

    # --- what others ask ---------------------------------------------------------------------------
    @property
    def plan(self) -> Plan | None:
        """The plan in force, None before the first configuration."""
        return self.state.plan if self.state else None

    @property
    def configuration(self) -> Configuration | None:
        """The configuration in force."""
        return self.state.plan.configuration if self.state else None

    def site_heads(self) -> dict[str, tuple[int, bytes]]:
        """(seq, chain hash) of every site that has a record, the engine's own included."""
        if self.state is None:
            return {}
        names = [s.id for s in self.state.plan.configuration.sites] + [self.engine_site]
        return {
            name: (int(seq), head.tobytes())
            for name, seq, head in zip(names, self.state.seq, self.state.heads, strict=True)
            if seq
        }

    def head(self, site: str) -> tuple[int, bytes]:
        """(seq, chain hash) of one site; (0, zeros) where it has no record."""
        return self.site_heads().get(site, (0, GENESIS))

    def site_digests(self) -> dict[str, str]:
        """The digest of every site that has a record, hex."""
        return {site: head.hex() for site, (_, head) in self.site_heads().items()}

    def digest(self) -> str:
        """The digest of the run, hex."""
        return run_digest({site: head for site, (_, head) in self.site_heads().items()})

    def next_due(self) -> int | None:
        """A lower bound of the next timer's due (ns), None where nothing is armed."""
        if self.state is None:
            return None
        bounds = [self.state.bound, *(k.bound for k in self.state.every_kind())]
        first = min(*bounds, self.halts.next_due(), self.maintenance.next_due())
        return None if first == at.NEVER else first

    def counters(self) -> dict[str, int]:
        """Rows by what became of them, since the core was made."""
        named = zip(stepping.COUNTERS, self.count, strict=True)
        return {**{name: int(value) for name, value in named}, "mixed": self.mixed}

    def said(self, site: str, alarm: str) -> dict[str, float | str]:
        """What `<rule>~<subject>` says of its last good row beside its level: why there is no measure.

        Numbers by the names that the kind gives them, left out where there is none, and `reason`; empty for a kind
        that says nothing, and for an alarm that does not exist.
        """
        return {} if self.state is None else said(self.state, site, alarm)

    def standing(self) -> list[Standing]:
        """Every alarm that is not normal, by site and alarm."""
        if self.state is None:
            return []
        found = [*standing(self.state), *self.halts.standing(), *self.maintenance.standing()]
        return sorted(found, key=lambda s: (s.site, s.alarm))
