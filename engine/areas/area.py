"""One area: its ladders, its breakers, the silence of its sites, and the chain of its records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from .. import alarm as one
from ..alarm import Alarm
from ..alarm_table import Event
from ..command import Command
from ..layout import NEVER
from ..level import LEVELS
from ..record import AlarmState
from .breakers import BreakerState, RunningBreaker
from .configuration import SITE, Area, Breaker, Ladder
from .ladders import LadderState, RunningLadder
from .members import EXERCISE, WORLDS, Said
from .records import HALT, LADDER, SILENCE, SUBJECTS, AreaOut, AreaState, Because, RecordWriter

_OWN: Final = "area."


class RunningArea:
    """An area at work. `sites` are the ids of the actual sites in it and `drills` of the others,
    `quality` the rules that no ladder counts, `out` gives what the present step makes. `silent` are its
    sites that are not heard."""

    def __init__(
        self,
        policy: Area,
        state: AreaState,
        sites: frozenset[str],
        drills: frozenset[str],
        quality: frozenset[str],
        out: Callable[[], AreaOut],
    ) -> None:
        self.policy = policy
        self.state = state
        self.sites = sites
        self.drills = drills
        self.silent: frozenset[str] = frozenset()
        self._quality = quality
        self._out = out
        self._records = RecordWriter(policy, state.chain, out)
        self.ladders = {
            f"{p.id}~{SUBJECTS[w]}": (w, RunningLadder(p, self._ladder(p, w)))
            for p in policy.ladders
            for w in WORLDS
        }
        self.breakers = {
            f"{p.id}~{SUBJECTS[w]}": RunningBreaker(
                p, policy.path, w == EXERCISE, self._breaker(p, w)
            )
            for p in policy.breakers
            for w in WORLDS
        }
        for name, (world, ladder) in self.ladders.items():
            self._hear_own(name, world, ladder)

    def _ladder(self, policy: Ladder, world: int) -> LadderState:
        name = f"{policy.id}~{SUBJECTS[world]}"
        return self.state.ladders.setdefault(name, LadderState(Alarm()))

    def _breaker(self, policy: Breaker, world: int) -> BreakerState:
        name = f"{policy.id}~{SUBJECTS[world]}"
        return self.state.breakers.setdefault(name, BreakerState(Alarm()))

    # --- what is heard ---------------------------------------------------------------------------
    def hear(self, said: Said) -> bool:
        """Counts what changed; whether anything here may move by it."""
        touched = False
        for world, ladder in self.ladders.values():
            if said.before[world] != said.after[world] and self._counts(ladder.policy, said):
                level = said.after[world]
                ladder.tally.take(said.site, said.quantity, said.subject, said.alarm, level)
                touched = True
        for breaker in self.breakers.values():
            world = int(breaker.exercise)
            listens = said.quantity not in (HALT, SILENCE) and breaker.policy.pick.takes(
                said.rule, said.quantity, said.site
            )
            if listens and said.before[world] != said.after[world]:
                breaker.hear(said.site, said.alarm, said.after[world])
                touched = True
        return touched

    def _counts(self, policy: Ladder, said: Said) -> bool:
        if policy.count == "areas":
            below = said.site.removeprefix(SITE)
            fits = said.quantity == LADDER and below.rpartition("/")[0] == self.policy.path
        else:
            fits = not said.quantity.startswith(_OWN) and said.rule not in self._quality
        return fits and policy.pick.takes(said.rule, said.quantity, said.site)

    def judge(self, because: Because) -> None:
        """Ladders, then breakers, as the counts and the weather are now."""
        for name, (world, ladder) in self.ladders.items():
            ladder.judge(because.time)
            self._ladder_moves(name, world, ladder, because, because.time)
        for breaker in self.breakers.values():
            wanted = breaker.judge(because.time)
            self._halt(breaker, wanted, because)
        self.fire(because.time)

    # --- time ------------------------------------------------------------------------------------
    def next_due(self) -> int:
        """The first thing that time will bring; NEVER where nothing pends."""
        state, due = self.state, NEVER
        pending: list[LadderState | BreakerState] = [*state.ladders.values()]
        pending += state.breakers.values()
        for each in pending:
            due = min(due, each.next_due(), each.alarm.shelf or NEVER)
        for alarm in state.silences.values():
            due = min(due, alarm.shelf or NEVER)
        return due

    def fire(self, due: int) -> None:
        """Everything that is due by then, by the kind of thing and its name."""
        if self.next_due() > due:
            return
        for name, (world, ladder) in self.ladders.items():
            while (first := ladder.state.next_due()) <= due:
                began = first - ladder.policy.on_delay if first in ladder.state.raising else first
                ladder.fire(first)
                self._ladder_moves(name, world, ladder, Because(first), began)
        for breaker in self.breakers.values():
            self._halt(breaker, breaker.judge(due), Because(due))
            at = breaker.state.clear
            if breaker.fire(due):
                self._halt(breaker, 0, Because(at))
            if breaker.state.renew <= due:
                self._renew(breaker, breaker.state.renew)
        for name, alarm in list(self._alarms()):
            if alarm.shelf and alarm.shelf <= due:
                until = alarm.shelf
                self._records.write(name, alarm, one.unshelve(alarm), Because(until))

    def shift(self, gap: int) -> None:
        """The log was blind for so long."""
        for _, ladder in self.ladders.values():
            ladder.shift(gap)
        for breaker in self.breakers.values():
            breaker.shift(gap)

    # --- ladders ---------------------------------------------------------------------------------
    def _ladder_moves(
        self, name: str, world: int, ladder: RunningLadder, because: Because, onset: int
    ) -> None:
        alarm = ladder.state.alarm
        if not self.silent and not alarm.unknown and ladder.level == alarm.level:
            return
        unknown = world != EXERCISE and any(map(ladder.tally.standing_at, self.silent))
        self._records.write(name, alarm, one.mark_unknown(alarm, unknown), because)
        before, level = alarm.level, ladder.level
        change = one.move(alarm, level, onset)
        if change is None:
            return
        of, value, limit = ladder.counted(level if level > before else before)
        detail = {"of": of, "count": ladder.policy.count, **because.detail}
        if because.by:
            detail["by"] = because.by
        self._records.write(
            name,
            alarm,
            change,
            msgspec.structs.replace(because, detail=detail),
            value=float(value),
            limit=float(limit),
        )
        self._hear_own(name, world, ladder)

    def _hear_own(self, name: str, world: int, ladder: RunningLadder) -> None:
        """Breakers may listen to the area's own ladders."""
        for breaker in self.breakers.values():
            own = breaker.policy.pick.takes(ladder.policy.id, LADDER, self.policy.site)
            if own and int(breaker.exercise) == world:
                breaker.hear(self.policy.site, name, ladder.state.alarm.level)

    # --- breakers --------------------------------------------------------------------------------
    def _halt(self, breaker: RunningBreaker, wanted: int, because: Because) -> None:
        """Work is halted at `wanted`, or resumes at 0; and every site is told."""
        state, alarm = breaker.state, breaker.state.alarm
        change = one.move(alarm, wanted, because.time)
        if change is None:
            return
        name = f"{breaker.policy.id}~{SUBJECTS[int(breaker.exercise)]}"
        detail = dict(because.detail)
        if because.by:
            detail["by"] = because.by
        told = sorted(self._ordered_by(breaker)) if wanted else state.halted
        detail["sites"] = str(len(told))
        episode = alarm.episode
        record = self._records.write(
            name, alarm, change, msgspec.structs.replace(because, detail=detail)
        )
        assert record is not None
        state.why = detail.get("reason") or because.by or state.why
        if wanted:
            state.order, state.renewals = (record.episode, record.seq), 0
            self._order(breaker, told, because.time)
            return
        orders = breaker.resume(told, because.time, record.seq)
        self._out().orders.extend(orders)
        state.halted = []
        breaker.release()
        assert episode == record.episode

    def _ordered_by(self, breaker: RunningBreaker) -> frozenset[str]:
        """A breaker orders the sites of its own world."""
        return self.drills if breaker.exercise else self.sites

    def _order(self, breaker: RunningBreaker, sites: Iterable[str], now: int) -> None:
        told = list(sites)
        self._out().orders.extend(breaker.halt(told, now))
        breaker.state.halted = sorted({*breaker.state.halted, *told})
        breaker.state.renew = now + breaker.policy.expires // 2

    def _renew(self, breaker: RunningBreaker, now: int) -> None:
        breaker.state.renewals += 1
        self._order(breaker, breaker.state.halted, now)

    def reconcile_orders(self, now: int) -> None:
        """Sites came or went while work is halted: they are told."""
        for breaker in self.breakers.values():
            if not breaker.state.alarm.level:
                continue
            here = self._ordered_by(breaker)
            gone = sorted(set(breaker.state.halted) - here)
            new = sorted(here - set(breaker.state.halted))
            if gone:
                self._out().orders.extend(breaker.resume(gone, now, self.state.chain.seq))
                breaker.state.halted = sorted(set(breaker.state.halted) & here)
            if new:
                self._order(breaker, new, now)

    # --- silence ---------------------------------------------------------------------------------
    def hear_silence(self, wanted: dict[str, tuple[int, dict[str, str]]], because: Because) -> None:
        """Exactly these are silent now: the level and what is known by `<rule>~<subject>`."""
        for name in sorted({*self.state.silences, *wanted}):
            level, detail = wanted.get(name, (0, {}))
            alarm = self.state.silences.setdefault(name, Alarm())
            change = one.move(alarm, level, because.time)
            self._records.write(
                name, alarm, change, msgspec.structs.replace(because, detail=detail)
            )
            self._forget(name)

    def _forget(self, name: str) -> None:
        alarm = self.state.silences.get(name)
        if alarm is not None and alarm.state == AlarmState.NORMAL:
            del self.state.silences[name]

    def notice(self, rule: str, subject: str, onset: int, time: int, **more: Any) -> None:
        """A notice in the area's own chain."""
        self._records.notice(rule, subject, onset, time, **more)

    # --- commands --------------------------------------------------------------------------------
    def command(self, order: Command, now: int) -> tuple[int, str]:
        """(seq of the record, "") or (0, why it is refused)."""
        because = Because(now, detail=one.detail_of(order))
        if order.action in ("halt_work", "resume_work"):
            return self._by_person(order, because)
        alarm = dict(self._alarms()).get(order.alarm)
        if alarm is None:
            return 0, f"{self.policy.site} has no alarm {order.alarm!r}"
        change = one.command(alarm, order, now)
        if isinstance(change, str):
            return 0, change
        record = self._records.write(order.alarm, alarm, change, because)
        self._forget(order.alarm)
        return (record.seq if record else 0), ""

    def _by_person(self, order: Command, because: Because) -> tuple[int, str]:
        breaker = self.breakers.get(order.alarm)
        if breaker is None:
            return 0, f"{self.policy.site} has no breaker {order.alarm!r}"
        assert order.action in ("halt_work", "resume_work")
        refusal = breaker.refusal(order.action)
        if refusal:
            return 0, refusal
        level = 0
        if order.action == "halt_work":
            if order.level not in ("", *LEVELS[1:]):
                return 0, f"an order has a level, not {order.level!r}"
            named = order.level or LEVELS[breaker.policy.level]
            level = breaker.state.manual = LEVELS.index(named)
        self._halt(breaker, level, because)
        return self.state.chain.seq, ""

    # --- configuration ---------------------------------------------------------------------------
    def silences(self, kept: bool) -> frozenset[str]:
        """The names of the silences that stand, if they are to be kept."""
        return frozenset(self.state.silences if kept else ())

    def withdraw(self, stays: frozenset[str], now: int) -> None:
        """What stands here under another name than `stays` is withdrawn; its sites may work."""
        detail = {"principal": "configuration", "reason": "the area's configuration changed"}
        because = Because(now, detail=detail)
        for name, alarm in list(self._alarms()):
            if name in stays:
                continue
            self._records.write(name, alarm, one.apply(alarm, Event.WITHDRAW, 0), because)
            breaker = self.breakers.get(name)
            if breaker is not None and breaker.state.halted:
                breaker.state.why = detail["reason"]
                orders = breaker.resume(breaker.state.halted, now, self.state.chain.seq)
                self._out().orders.extend(orders)
            for kind in (self.state.ladders, self.state.breakers, self.state.silences):
                kind.pop(name, None)

    def _alarms(self) -> Iterator[tuple[str, Alarm]]:
        """Ladders, breakers, silences, each by name."""
        yield from ((n, s.alarm) for n, s in sorted(self.state.ladders.items()))
        yield from ((n, s.alarm) for n, s in sorted(self.state.breakers.items()))
        yield from sorted(self.state.silences.items())

    def standing(self) -> list[tuple[str, Alarm]]:
        """Alarms that are not normal, by name."""
        return sorted((n, a) for n, a in self._alarms() if a.state != AlarmState.NORMAL)
