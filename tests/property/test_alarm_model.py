"""The life of alarms, checked against a plain model by every path that Hypothesis finds.

The model knows no table: an alarm is its level, what somebody owes for it, and what keeps it away. The
core is driven by samples, ticks, every command, and restored from snapshots on the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from battery.drive import Drive, days, limit, ns, plant, sensor
from lifeline.engine.alarm_table import Event, table_arrays
from lifeline.engine.core import Core
from lifeline.engine.level import LEVELS
from lifeline.engine.limits import MAX_SHELVE_NS, SECOND_NS
from lifeline.engine.record import AlarmState as S
from lifeline.engine.record import Record, first_break
from lifeline.engine.rule import Flapping

LIMITS = {"yellow": 5.0, "orange": 7.0, "red": 9.0}
VALUES = {1.0: 0, 6.0: 2, 8.0: 3, 9.5: 4}
REALARM, RAISES, WITHIN = 90, 2, 100
PLAIN, LATCHING, LIVELY = "plain", "latching", "lively"
RULES = (
    limit(LIMITS, name=PLAIN),
    msgspec.structs.replace(limit(LIMITS, name=LATCHING), latching=True),
    msgspec.structs.replace(
        limit(LIMITS, name=LIVELY),
        realarm=REALARM * SECOND_NS,
        flapping=Flapping(RAISES, WITHIN * SECOND_NS),
    ),
)
ALARMS = tuple(f"{r.id}~{s}" for r in RULES for s in ("P1", "P2"))
SCOPES = {
    "site": ALARMS,
    "asset:T-1": tuple(a for a in ALARMS if a.endswith("~P1")),
    "sensor:P2": tuple(a for a in ALARMS if a.endswith("~P2")),
}
SHELF_S = tuple(most / SECOND_NS for most in MAX_SHELVE_NS)
OUT_S = (days(90), days(30), days(14), days(7))
SPANS = st.sampled_from((20, 60, 200, days(1) / 3, days(1), days(3), days(7), days(20)))
AWAY = ("shelved", "suppressed_by_design", "out_of_service")
NEVER = float("inf")


def cover_of(maxima: tuple[float, ...], span: float) -> int:
    """The gravest level that may be kept away for so long."""
    return max((n for n, most in enumerate(maxima, 1) if span <= most), default=0)


@dataclass
class Plain:
    """One alarm. `away` is what keeps it away ("": nothing), until `until` (maintenance: what holds it
    besides), up to `cover`; `keep` is what maintenance covers now."""

    name: str
    level: int = 0
    answered: int = 0
    owes_answer: bool = False
    owes_reset: bool = False
    away: str = ""
    until: float = NEVER
    cover: int = 0
    keep: int = 0
    realarm: float = NEVER
    bucket: float = 0.0

    @property
    def state(self) -> str:
        """As the standards call it."""
        if self.away:
            return self.away
        if self.level:
            return "unacknowledged" if self.owes_answer else "acknowledged"
        if self.owes_answer:
            return "returned_unacknowledged"
        return "latched" if self.owes_reset else "normal"

    def judged(self, level: int, now: float) -> None:
        """The condition is now `level`."""
        before, self.level = self.level, level
        calm = not before and self.state_at(0) == "normal"
        if level > before:
            self._risen(before, now, calm)
        self.answered = min(self.answered, level)
        if level == 0:
            self.realarm = NEVER

    def state_at(self, level: int) -> str:
        """What the state would be at another level."""
        return _at_level(self, level).state

    def _risen(self, before: int, now: float, calm: bool) -> None:
        if self.name.startswith(LATCHING):
            self.owes_reset = True
        if before == 0 and self._flaps(now) and self.away not in ("shelved", "out_of_service"):
            self.away, self.until = "suppressed_by_design", self.bucket
        elif calm and self.keep >= self.level:
            self.away, self.until = "suppressed_by_design", NEVER
        elif self.level > self._covered():
            self.away, self.until, self.realarm = "", NEVER, NEVER
            self.owes_answer, self.answered = True, 0

    def _flaps(self, now: float) -> bool:
        if not self.name.startswith(LIVELY) or self.level == 4:
            return False
        self.bucket = min(max(self.bucket, now) + WITHIN / RAISES, now + 2 * WITHIN)
        return self.bucket > now + WITHIN

    def _covered(self) -> int:
        if self.away == "suppressed_by_design":
            return max(self.keep, 3 if self.until < NEVER else 0)
        return self.cover if self.away else self.answered

    def keep_away(self, how: str, until: float, cover: int) -> None:
        """A command does."""
        self.away, self.until, self.cover, self.realarm = how, until, cover, NEVER
        if how == "shelved":
            self.owes_answer = False

    def over(self) -> None:
        """What kept it away ends."""
        self.away, self.until = "", NEVER
        owed = self.owes_answer or self.owes_reset
        if self.keep >= max(self.level, 1) and (self.level or owed):
            self.away = "suppressed_by_design"
        elif self.level:
            self.owes_answer, self.answered = True, 0

    def covered_anew(self, begun: bool) -> None:
        """Maintenance over it changed; `begun`: by one that begins."""
        if self.away == "suppressed_by_design":
            covered = self._covered()
            if self.level > covered or not covered:
                self.over()
        elif begun and not self.away and self.state != "normal" and self.level <= self.keep:
            self.away, self.until, self.realarm = "suppressed_by_design", NEVER, NEVER

    def fire(self) -> None:
        """Its timer ends."""
        if self.away:
            self.over()
        else:
            self.owes_answer, self.answered, self.realarm = True, 0, NEVER

    @property
    def due(self) -> float:
        """When its timer ends."""
        return self.until if self.away else self.realarm


def _at_level(alarm: Plain, level: int) -> Plain:
    """A copy at another level."""
    return Plain(**{**vars(alarm), "level": level})


@dataclass
class Window:
    """A maintenance."""

    until: float
    cover: int


@dataclass
class Witness:
    """What the records of one alarm have said so far, for the invariants."""

    red_asked: bool = False
    raised_since_reset: bool = False
    states: list[str] = field(default_factory=lambda: ["normal"])

    def hear(self, record: Record) -> None:
        """One record, held to what no record may do."""
        assert record.state_before == self.states[-1]
        self.states.append(record.state_after)
        if record.level_before == "normal" != record.level_after:
            self.raised_since_reset = True
        if record.state_after == "unacknowledged" and record.level_after == "red":
            self.red_asked = True
        if record.transition in ("acknowledged", "shelved"):
            self.red_asked = False
        if record.transition == "reset":
            self.raised_since_reset = False
        if record.state_after == "normal":
            assert record.level_after == "normal"
            assert record.state_before != "unacknowledged"
            assert not self.red_asked, "an unacknowledged red was lost"
            latched = record.rule == LATCHING and self.raised_since_reset
            assert not latched, "a latched alarm closed without a reset"
            self.raised_since_reset = False


class Life(RuleBasedStateMachine):
    """Everything that can happen to six alarms of two sensors. `table` is another alarm table."""

    table: Any = None

    @initialize()
    def begin(self) -> None:
        """Calm and heard."""
        sensors = (sensor("P1", asset="T-1", stale=0), sensor("P2", stale=0))
        self.drive = Drive(plant(*RULES, sensors=sensors), self.table)
        self.now = 0.0
        self.wall = 0.0
        self.alarms = {name: Plain(name) for name in ALARMS}
        self.witness = {name: Witness() for name in ALARMS}
        self.windows: dict[str, Window] = {}
        self.heard = 0
        self.drive.tick(0)
        for number in (0, 1):
            self.drive.say(0, 1.0, sensor=number)

    # --- what happens -----------------------------------------------------------------------------
    @rule(number=st.integers(0, 1), value=st.sampled_from(sorted(VALUES)))
    def sample(self, number: int, value: float) -> None:
        """A sensor speaks."""
        self.now += 1
        self.drive.say(self.now, value, sensor=number)
        for name, alarm in self.alarms.items():
            if name.endswith(f"P{number + 1}") and VALUES[value] != alarm.level:
                alarm.judged(VALUES[value], self.now)

    @rule(seconds=st.sampled_from((1, 15, 45, 100, 4_000, days(1), days(5), days(30))))
    def tick(self, seconds: float) -> None:
        """Time passes."""
        self.now += seconds
        self.wall = self.now
        self.drive.tick(self.now)
        while (first := min(self._dues(), default=(NEVER, 0, ""))) and first[0] <= self.now:
            _, of_window, name = first
            if of_window:
                ended = [s for s, w in self.windows.items() if w.until <= first[0]]
                for scope in ended:
                    del self.windows[scope]
                self._cover()
            else:
                self.alarms[name].fire()

    def _dues(self) -> Iterator[tuple[float, int, str]]:
        for name, alarm in self.alarms.items():
            yield alarm.due, 0, name
        for scope, window in self.windows.items():
            yield window.until, 1, scope

    def _cover(self, begun: str = "") -> None:
        for name, alarm in self.alarms.items():
            before = alarm.keep, alarm.away
            over = [w.cover for scope, w in self.windows.items() if name in SCOPES[scope]]
            alarm.keep = max(over, default=0)
            if before[0] != alarm.keep or begun:
                alarm.covered_anew(name in SCOPES.get(begun, ()))

    @rule(name=st.sampled_from(ALARMS))
    def acknowledge(self, name: str) -> None:
        """Somebody answers."""
        alarm = self.alarms[name]
        allowed = alarm.owes_answer and not alarm.away
        self._ask("acknowledge", name, allowed)
        if allowed:
            alarm.owes_answer, alarm.answered = False, alarm.level
            if alarm.level and name.startswith(LIVELY):
                alarm.realarm = self.now + REALARM

    @rule(name=st.sampled_from(ALARMS))
    def reset(self, name: str) -> None:
        """Somebody resets."""
        allowed = self.alarms[name].state == "latched"
        self._ask("reset", name, allowed)
        if allowed:
            self.alarms[name].owes_reset = False

    @rule(name=st.sampled_from(ALARMS), span=SPANS)
    def shelve(self, name: str, span: float) -> None:
        """Somebody shelves."""
        alarm = self.alarms[name]
        allowed = alarm.away != "out_of_service" and span <= SHELF_S[max(alarm.level, 1) - 1]
        self._ask("shelve", name, allowed, span)
        if allowed:
            alarm.keep_away("shelved", self.now + span, cover_of(SHELF_S, span))

    @rule(name=st.sampled_from(ALARMS), span=SPANS)
    def remove(self, name: str, span: float) -> None:
        """Somebody takes one alarm out of service."""
        alarm = self.alarms[name]
        allowed = span <= OUT_S[max(alarm.level, 1) - 1]
        self._ask("out_of_service", name, allowed, span)
        if allowed:
            alarm.keep_away("out_of_service", self.now + span, cover_of(OUT_S, span))

    @rule(name=st.sampled_from(ALARMS))
    def unshelve(self, name: str) -> None:
        """Somebody lifts the shelf."""
        self._end("unshelve", "shelved", name)

    @rule(name=st.sampled_from(ALARMS))
    def serve(self, name: str) -> None:
        """Somebody returns it to service."""
        self._end("in_service", "out_of_service", name)

    def _end(self, action: str, away: str, name: str) -> None:
        allowed = self.alarms[name].away == away
        self._ask(action, name, allowed)
        if allowed:
            self.alarms[name].over()

    @rule(scope=st.sampled_from(sorted(SCOPES)), span=SPANS)
    def maintain(self, scope: str, span: float) -> None:
        """Somebody begins a maintenance, or sets it anew."""
        allowed = span <= SHELF_S[0]
        self._ask("maintenance", scope, allowed, span)
        if allowed:
            self.windows[scope] = Window(self.now + span, cover_of(SHELF_S, span))
            self._cover(scope)

    @precondition(lambda self: self.windows)
    @rule(scope=st.sampled_from(sorted(SCOPES)))
    def end_maintenance(self, scope: str) -> None:
        """Somebody ends it."""
        allowed = scope in self.windows
        self._ask("end_maintenance", scope, allowed)
        if allowed:
            del self.windows[scope]
            self._cover()

    @rule()
    def crash(self) -> None:
        """The core goes on from a snapshot."""
        self.drive.core = Core.restore(self.drive.core.snapshot(), self.table)

    def _ask(self, action: str, name: str, allowed: bool, span: float | None = None) -> None:
        self.now += 1
        more = {} if span is None else {"shelf": span}
        reply = self.drive.command(action, self.now, name, reason="because", **more)  # type: ignore[arg-type]
        assert (reply.outcome == "done") == allowed, reply

    # --- what must hold ---------------------------------------------------------------------------
    @invariant()
    def the_core_is_where_the_model_is(self) -> None:
        """State and level of every alarm."""
        standing = {s.alarm: (s.state, s.level) for s in self.drive.core.standing()}
        for name, alarm in self.alarms.items():
            found = standing.get(name, ("normal", "normal"))
            assert found == (alarm.state, LEVELS[alarm.level]), name
        windows = {name for name in standing if name.startswith("maintenance~")}
        assert windows == {f"maintenance~{scope}" for scope in self.windows}

    @invariant()
    def nothing_is_lost_or_closed_unasked(self) -> None:
        """Held record by record."""
        new = self.drive.records[self.heard :]
        self.heard = len(self.drive.records)
        for record in new:
            if record.alarm in self.witness:
                self.witness[record.alarm].hear(record)
        assert first_break(new) is None

    @invariant()
    def nothing_stays_silent_beyond_its_end(self) -> None:
        """What is kept away has an end, and it lies ahead of the last tick."""
        for one in self.drive.core.standing():
            if one.state in AWAY:
                assert one.until > ns(self.wall), one


Life.TestCase.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestLife = Life.TestCase


def broken(state: S, event: Event, after: S) -> Any:
    """The table with one cell that leads elsewhere."""
    table = table_arrays().copy()
    table[state, event, 0] = after
    return table


@pytest.mark.parametrize(
    ("state", "event", "after"),
    [
        (S.SUPPRESSED_BY_DESIGN, Event.END_UNANSWERED, S.NORMAL),  # loses what nobody answered
        (S.SUPPRESSED_BY_DESIGN, Event.END_ACTIVE, S.ACKNOWLEDGED),  # silent beyond its end
        (S.ACKNOWLEDGED, Event.RETURN_LATCHING, S.NORMAL),  # closes without a reset
        (S.SHELVED, Event.RISE, S.SHELVED),  # a red that nobody hears
        (S.ACKNOWLEDGED, Event.REALARM, S.ACKNOWLEDGED),
    ],
)
def test_the_check_finds_a_table_that_is_wrong(state: S, event: Event, after: S) -> None:
    wrong = type("Wrong", (Life,), {"table": broken(state, event, after)})
    quick = settings(
        Life.TestCase.settings,
        phases=[Phase.generate],
        database=None,
        derandomize=True,  # found or not found, and not today this and tomorrow that
        max_examples=2_000,
        report_multiple_bugs=False,
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(wrong, settings=quick)
