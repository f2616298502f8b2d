"""The core of the second stage: `out = core.step(position, entry)`, as pure as that of the sites.

One core steps all areas of one log.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Any, Final

import msgspec

from ..alarm import Chain
from ..command import Command
from ..core import ENGINE_SITE
from ..core import Standing as StandingAlarm
from ..core.halts import reply
from ..entry import Recovered, Tick
from ..errors import EntryError, LogError
from ..layout import NEVER, NO_TIME
from ..level import LEVELS
from ..limits import REMEMBERED_COMMANDS, SECOND_NS
from ..record import GENESIS, AlarmState, Record
from ..stage_core import LogState, StageCore
from .area import RunningArea
from .configuration import SITE, AreaConfiguration, prefixes
from .entry import Alive, Heard, Standing
from .members import Head, Members, Said
from .records import AreaOut, AreaState, Because, names_of
from .silences import EngineState, Silences

MAGIC: Final = b"LAREA\x01"


class CoreState(LogState):
    """Everything that a snapshot holds; what is counted follows from it."""

    configuration: AreaConfiguration | None = None
    members: Members = msgspec.field(default_factory=Members)
    areas: dict[str, AreaState] = msgspec.field(default_factory=dict)
    engines: dict[str, EngineState] = msgspec.field(default_factory=dict)
    seen: list[str] = msgspec.field(default_factory=list)
    counters: dict[str, int] = msgspec.field(default_factory=dict)


class AreaCore(StageCore[CoreState, AreaOut]):
    """Steps an area log. Starts empty; what comes before the first `config` entry only moves time."""

    def __init__(self) -> None:
        self._state = CoreState()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._count: Counter[str] = Counter()
        self._areas: dict[str, RunningArea] = {}
        self._paths: dict[str, tuple[str, ...]] = {}
        self._out = AreaOut()

    # --- stepping --------------------------------------------------------------------------------
    def _begin(self) -> AreaOut:
        self._out = AreaOut()
        return self._out

    def _apply(self, payload: Any) -> None:
        match payload:
            case Heard():
                for record in payload.records:
                    self._heard(record)
            case Standing():
                self._stands(payload)
            case Alive():
                self._alive(payload)
            case Command():
                self._command(payload)
            case AreaConfiguration():
                self._configure(payload)
            case Recovered():
                self._recovered(payload)
            case Tick():
                pass
            case _:
                raise EntryError(f"{type(payload).__name__} does not stand in an area log")

    # --- time ------------------------------------------------------------------------------------
    def _pass_time(self, now: int) -> None:
        """Everything that is due by `now` happens, in order of its due."""
        while (due := self._next()) <= now:
            self._state.now = max(self._state.now, due)
            lost = [e for e, s in self._state.engines.items() if not s.lost and s.due() <= due]
            for engine in lost:
                self._state.engines[engine].lost = True
            if lost:
                self._silence(Because(due))
            for path in sorted(self._areas):
                self._areas[path].fire(due)
        self._state.now = now

    def _next(self) -> int:
        engines = [s.due() for s in self._state.engines.values() if not s.lost]
        return min([*engines, *(a.next_due() for a in self._areas.values())], default=NEVER)

    def _blind(self, tick: Tick) -> None:
        """Nobody stepped the log for a while: what pends waits longer, and each area says so."""
        state = self._state
        gap = tick.time - state.now
        if not tick.resumed or gap <= 0 or state.now == NO_TIME:
            return
        for engine in state.engines.values():
            engine.at += gap
        for path in sorted(self._areas):
            self._areas[path].shift(gap)
            self._areas[path].notice(
                "engine.blind", "area", state.now, tick.time, value=gap / SECOND_NS
            )

    # --- what is heard ---------------------------------------------------------------------------
    def _heard(self, record: Record) -> None:
        members, site = self._state.members, record.site
        if not self._hears(site):
            return
        head = members.heads.get(site, Head(0, GENESIS.hex()))
        if record.seq <= head.seq:
            self._count["repeated"] += 1
            if record.seq == head.seq and record.hash != head.hash:
                self._doubt(record, head, "another record of the same seq was heard before")
            return
        if record.seq > head.seq + 1:
            self._doubt(record, head, f"records {head.seq + 1} to {record.seq - 1} were not heard")
        elif record.previous != head.hash:
            self._doubt(record, head, "the record does not follow the one heard before")
        members.heads[site] = Head(record.seq, record.hash)
        self._count["heard"] += 1
        if record.transition != "notice":
            by = f"{site}/{record.alarm}#{record.seq}"
            self._tell([members.take(record)], Because(self._state.now, by, record.uncertain))

    def _doubt(self, record: Record, head: Head, reason: str) -> None:
        self._count["doubts"] += 1
        detail = {"reason": reason, "seq": str(record.seq), "heard": str(head.seq)}
        now = self._state.now
        for path in self._above(record.site):
            self._areas[path].notice("area.gap", record.site, now, now, detail=detail)

    def _stands(self, payload: Standing) -> None:
        if not self._hears(payload.site):
            return
        members = self._state.members
        members.heads[payload.site] = Head(payload.seq, payload.hash)
        said = list(members.replace(payload.site, payload.records))
        self._tell(said, Because(self._state.now, f"{payload.site}#{payload.seq}"))

    def _tell(self, said: list[Said], because: Because) -> None:
        """Every area that the site lies in counts what it said, then judges."""
        for path in self._above(said[0].site) if said else ():
            area = self._areas[path]
            touched = [area.hear(each) for each in said]  # each, not only until the first
            if any(touched):
                area.judge(because)

    def _hears(self, site: str) -> bool:
        """Whether what this site says is remembered. So it is of sites that no configuration names
        yet, until the next one comes: that of a new site may be heard after its first record."""
        return not site.startswith(ENGINE_SITE)

    def _above(self, site: str) -> tuple[str, ...]:
        """The areas that hear this site, or this area below them."""
        if site.startswith(SITE):
            return tuple(p for p in prefixes(site.removeprefix(SITE))[:-1] if p in self._areas)
        return self._paths.get(site, ())

    # --- silence ---------------------------------------------------------------------------------
    def _alive(self, payload: Alive) -> None:
        engine = self._state.engines.get(payload.engine)
        if engine is None:
            self._count["unknown_engine"] += 1
            return
        changed = engine.lost or engine.silent != payload.silent
        engine.lost, engine.at = False, self._state.now
        engine.position, engine.wall, engine.silent = payload.position, payload.wall, payload.silent
        if changed:
            self._silence(Because(self._state.now))

    def _silence(self, because: Because) -> None:
        """Who is silent may have changed: each area is told, and what it counts may be unknown."""
        silences = Silences(self._configured, self._state.engines)
        for path in sorted(self._areas):
            area = self._areas[path]
            wanted, area.silent = silences.of(area)
            area.hear_silence(wanted, because)
            area.judge(because)

    # --- commands --------------------------------------------------------------------------------
    def _command(self, command: Command) -> None:
        if command.id in self._seen:
            self._out.replies = (reply(command, "repeated", "this command was taken before"),)
            return
        self._seen[command.id] = None
        while len(self._seen) > REMEMBERED_COMMANDS:
            self._seen.popitem(last=False)
        path = command.site.removeprefix(SITE)
        area = self._areas.get(path) if path != command.site else None
        seq, refusal = 0, f"no area {command.site!r}"
        if area is not None:
            seq, refusal = area.command(command, self._state.now)
        self._out.replies = (reply(command, "refused" if refusal else "done", refusal, seq),)

    # --- configuration ---------------------------------------------------------------------------
    @property
    def _configured(self) -> AreaConfiguration:
        return self._state.configuration or AreaConfiguration()

    def _configure(self, wanted: AreaConfiguration) -> None:
        state, now = self._state, self._state.now
        stays = {area.path: names_of(area) for area in wanted.areas}
        for path in sorted(self._areas):
            area = self._areas[path]
            area.withdraw(stays.get(path, frozenset()) | area.silences(path in stays), now)
        state.configuration = wanted
        watched = any(area.silence.engine for area in wanted.areas)
        engines = sorted({site.engine for site in wanted.sites})
        state.engines = {e: state.engines.get(e, EngineState(at=now)) for e in engines}
        for engine in state.engines.values():
            engine.watched = watched
            engine.lost = engine.lost and watched
        self._build()
        known = {site for site in state.members.heads if site.startswith(SITE)} | self._paths.keys()
        for site in sorted(state.members.heads.keys() - known):
            state.members.forget(site)
        self._recount()
        for path in sorted(self._areas):
            self._areas[path].reconcile_orders(now)
        self._silence(Because(now))

    def _build(self) -> None:
        """The areas of the configuration over the state that they have or begin with."""
        configuration = self._configured
        inside: dict[str, set[str]] = {area.path: set() for area in configuration.areas}
        self._paths = {}
        for site in configuration.sites:
            self._paths[site.id] = paths = tuple(p for p in prefixes(site.area) if p in inside)
            for path in paths:
                inside[path].add(site.id)
        drills = frozenset(site.id for site in configuration.sites if site.exercise)
        quality = frozenset(configuration.quality)
        running: dict[str, RunningArea] = {}
        for area in configuration.areas:
            kept = self._state.areas.setdefault(area.path, AreaState(Chain()))
            sites = frozenset(inside[area.path])
            running[area.path] = RunningArea(
                area, kept, sites - drills, sites & drills, quality, lambda: self._out
            )
        self._areas = running

    def _recount(self) -> None:
        """Counts every member anew, as a configuration or a snapshot needs it."""
        for said in self._state.members.every():
            for path in self._above(said.site):
                self._areas[path].hear(said)

    def _recovered(self, payload: Recovered) -> None:
        now = self._state.now
        for path in sorted(self._areas):
            area = self._areas[path]
            head, chain = payload.heads.get(area.policy.site), area.state.chain
            if head is not None and head.seq > chain.seq:
                chain.seq, chain.head = head.seq, head.hash
            area.notice("engine.recovered", "area", now, now, detail={"reason": payload.reason})

    # --- snapshots -------------------------------------------------------------------------------
    def snapshot(self) -> bytes:
        """Everything that this core is, cut at `position`, in a plain versioned format."""
        self._state.seen, self._state.counters = list(self._seen), dict(self._count)
        return MAGIC + msgspec.json.encode(self._state, order="deterministic")

    @classmethod
    def restore(cls, data: bytes) -> AreaCore:
        """The core of a snapshot. Raises LogError where the bytes are not one."""
        if not data.startswith(MAGIC):
            raise LogError("not a snapshot of areas that this version reads")
        core = cls()
        try:
            core._state = msgspec.json.decode(data[len(MAGIC) :], type=CoreState)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise LogError(f"a snapshot of areas cannot be read: {error}") from error
        core._seen = OrderedDict.fromkeys(core._state.seen)
        core._count = Counter(core._state.counters)
        core._build()
        core._recount()
        silences = Silences(core._configured, core._state.engines)
        for area in core._areas.values():
            area.silent = silences.of(area)[1]
        return core

    # --- what others ask -------------------------------------------------------------------------
    @property
    def configuration(self) -> AreaConfiguration | None:
        """The configuration in force."""
        return self._state.configuration

    def next_due(self) -> int | None:
        """When time will bring something, ns; None where nothing pends."""
        due = self._next()
        return None if due == NEVER else due

    def heard(self, site: str) -> Head | None:
        """The last record that was heard of a site or an area below."""
        return self._state.members.heads.get(site)

    def counted(self) -> dict[tuple[str, str], tuple[int, int]]:
        """The level at which each alarm counts, actual and in exercises, by (site, alarm)."""
        return {
            (said.site, said.alarm): said.after
            for said in self._state.members.every()
            if any(said.after)
        }

    def site_heads(self) -> dict[str, tuple[int, bytes]]:
        """(seq, chain hash) of every area that has a record, by its reserved site."""
        found = ((SITE + path, area.chain) for path, area in self._state.areas.items())
        return {site: (chain.seq, chain.digest) for site, chain in found if chain.seq}

    def standing(self) -> list[StandingAlarm]:
        """Every area alarm that is not normal, by site and alarm. Any thread may ask."""
        areas = self._areas
        return [
            StandingAlarm(
                areas[path].policy.site,
                name,
                LEVELS[alarm.level],
                AlarmState(alarm.state).name.lower(),
                alarm.episode,
                alarm.onset,
                alarm.shelf,
                alarm.unknown,
            )
            for path in sorted(areas)
            for name, alarm in areas[path].standing()
        ]
