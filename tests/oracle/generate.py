"""Random logs: every trouble that a plant's telemetry brings, in the order of a plausible day.

`scenario(seed, size)` is fast and made of thousands of rows; `scenarios()` is the same author asked
by Hypothesis, small, and shrinks. Values are mostly small multiples of 1/8, so that float
arithmetic is exact and ties with limits do occur.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from lifeline.engine.command import REASONED, Action, Command
from lifeline.engine.configuration import Configuration
from lifeline.engine.entry import Entry, Header, Payload, Tick
from lifeline.engine.frame import Frame
from lifeline.engine.limits import DAY_NS, HOUR_NS, MAX_SHELVE_NS, MINUTE_NS, SECOND_NS
from lifeline.engine.quality import Quality

from .choices import Choices, Drawn, Seeded
from .generate_plant import PACES, changed, plant
from .oracle import Oracle
from .plant import Instance
from .table import ACKNOWLEDGED, LATCHED, OUT, SHELVED, SUPPRESSED

START = 1_700_000_000 * SECOND_NS
BAD = (*(int(q) for q in Quality if q & 0x80), 0x80, 0xC1, 0xFF)
SUSPECT = (*(int(q) for q in Quality if q & 0x40), 0x7F)
TROUBLES = ("value", "quality", "again", "conflict", "late", "ahead", "silence", "clock")
LIKELY: tuple[Action, ...] = (
    "acknowledge", "acknowledge", "shelve", "acknowledge", "unshelve", "out_of_service",
    "maintenance", "reset", "in_service", "end_maintenance",
)  # fmt: skip
IN_STATE: dict[str, tuple[Action, ...]] = {
    ACKNOWLEDGED: ("shelve", "out_of_service", "maintenance", "acknowledge", "reset", "unshelve"),
    SHELVED: ("unshelve", "maintenance", "unshelve", "shelve", "out_of_service", "acknowledge"),
    LATCHED: ("reset", "shelve", "out_of_service", "maintenance", "reset", "acknowledge"),
    OUT: ("in_service", "maintenance", "in_service", "out_of_service", "shelve", "acknowledge"),
    SUPPRESSED: ("end_maintenance", "shelve", "out_of_service", "maintenance", "acknowledge"),
}
AWAY: tuple[Action, ...] = ("shelve", "out_of_service", "maintenance")
Row = tuple[int, int, float, int]


@dataclass
class Feed:
    """What one sensor would say if nothing went wrong."""

    next: int
    value: float = 1.0
    offset: int = 0
    spell: int = 0  # rows for which a wrong clock stays wrong
    still: bool = False
    recent: list[Row] = field(default_factory=list)


@dataclass
class Author:
    """Writes one log. It runs an oracle beside, to know which alarms stand when it commands."""

    choices: Choices
    pace: int
    self_clocked: bool
    samples_only: bool
    entries: list[Entry] = field(default_factory=list)
    oracle: Oracle = field(default_factory=Oracle)
    configuration: Configuration = field(default_factory=Configuration)
    now: int = START
    feeds: dict[int, Feed] = field(default_factory=dict)
    trouble: tuple[str, ...] = ()
    commands: int = 0

    def begin(self) -> None:
        """The plant, and which troubles it has."""
        self.trouble = tuple(one for one in TROUBLES if self.choices.chance(60))
        self._configure(plant(self.choices, self.pace))

    def go_on(self) -> None:
        """One more entry, or two."""
        what = self.choices.number(0, 99)
        if self.samples_only or what < 70:
            self._telemetry()
        elif what < 77:
            self._tick(self.choices.pick((1, 3, 10)) * self.pace)
        elif what < 95:
            self._command()
        elif what < 97:
            names = 100 + len(self.entries)
            self._configure(changed(self.choices, self.pace, self.configuration, names))
        else:
            self._backlog()

    # --- entries ----------------------------------------------------------------------------

    def _append(self, payload: Payload, self_clocked: bool = False) -> None:
        back = self.choices.pick((0, 3 * SECOND_NS)) if self.choices.chance(5) else 0
        received = self.now - back
        appended = received + self.choices.pick((0, 10_000_000, SECOND_NS))
        # Now and then an entry names the wrong world, or holds rows of both.
        wrong = self.choices.chance(3)
        for exercise, part in ((True, payload),) if wrong else self._worlds(payload):
            header = Header(
                producer="author",
                producer_seq=len(self.entries),
                received=received,
                appended=appended,
                registry=self.configuration.version(),
                exercise=exercise,
                self_clocked=self_clocked,
            )
            entry = Entry(header, part)
            self.entries.append(entry)
            self.oracle.step(len(self.entries), entry)

    def _worlds(self, payload: Payload) -> Iterator[tuple[bool, Payload]]:
        """Rows of drills apart from the others, as agents log them."""
        drills = {i for i, s in enumerate(self.configuration.sensors) if self._in_drill(s.site)}
        if not isinstance(payload, Frame) or not drills:
            yield False, payload
            return
        mine = np.isin(payload.sensor, list(drills))
        for exercise in (False, True):
            if (mine == exercise).any():
                yield exercise, payload.take(mine == exercise)

    def _in_drill(self, site: int) -> bool:
        return self.configuration.sites[site].exercise

    def _configure(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self._append(configuration)
        for index, sensor in enumerate(configuration.sensors):
            if index not in self.feeds and not sensor.retired:
                feed = Feed(next=self.now + self.choices.number(0, 4) * self.pace // 4)
                if "clock" in self.trouble and self.choices.chance(20):
                    feed.offset, feed.spell = -(4 * self.pace + 70 * SECOND_NS), 30
                self.feeds[index] = feed

    def _tick(self, ahead: int) -> None:
        if self.choices.chance(10):  # the engine stood still for a while
            self.now += self.choices.pick((6 * SECOND_NS, 20 * self.pace, HOUR_NS))
            self._append(Tick(self.now, resumed=True))
        elif self.choices.chance(10):
            self._append(Tick(self.now - self.choices.pick((0, self.pace)), resumed=False))
        else:
            self.now += ahead
            self._append(Tick(self.now))

    def _telemetry(self) -> None:
        self.now += self.choices.pick((4, 4, 2, 8)) * self.pace // 4
        rows: list[Row] = []
        for index, feed in self.feeds.items():
            for _ in range(3):
                if feed.next > self.now:
                    break
                rows += self._speak(index, feed)
            else:
                feed.next = max(feed.next, self.now)
        self._send(rows)
        if not self.samples_only and self.choices.chance(50):
            self._append(Tick(self.now))

    def _send(self, rows: list[Row]) -> None:
        if self.choices.chance(3):
            rows.append((self.choices.pick((-1, 999)), self.now, 1.0, 0))
        if self.choices.chance(20):
            rows.sort(key=lambda row: row[1])
        cut = self.choices.number(0, len(rows)) if self.choices.chance(20) else 0
        for part in (rows[:cut], rows[cut:]):
            if part:
                columns = zip(*part, strict=True)
                self._append(Frame.of(*(list(one) for one in columns)), self.self_clocked)

    def _backlog(self) -> None:
        """One link was cut off for longer than a sample may be old, and delivers all at once."""
        link = self.choices.number(0, len(self.configuration.links) - 1)
        began = self.now
        self.now += max(90 * SECOND_NS, 4 * self.pace) * self.choices.pick((1, 2, 5))
        rows: list[Row] = []
        for index, feed in self.feeds.items():
            if self.configuration.sensors[index].link == link:
                points = self.choices.number(1, 5)
                for point in range(points):
                    feed.next = began + (self.now - began) * (point + 1) // (points + 1)
                    rows += self._speak(index, feed)
            feed.next = max(feed.next, self.now)
        rows.sort(key=lambda row: row[1])
        self._send(rows)

    # --- rows -------------------------------------------------------------------------------

    def _speak(self, index: int, feed: Feed) -> list[Row]:
        """What the sensor sends for its next time, troubles included."""
        t = feed.next + feed.offset
        feed.next += max(self.configuration.sensors[index].interval, self.pace)
        self._drift(feed)
        row = (index, t, self._value(feed), 0)
        rows = [row]
        if self.trouble and self.choices.chance(15):
            rows = self._spoil(index, feed, row, self.choices.pick(self.trouble))
        feed.recent = [*feed.recent, *rows][-8:]
        return rows

    def _drift(self, feed: Feed) -> None:
        if feed.spell > 0:
            feed.spell -= 1
            if feed.spell == 0:
                feed.offset = 0

    def _value(self, feed: Feed) -> float:
        if self.choices.chance(8):
            feed.still = not feed.still
        if self.choices.chance(25):
            feed.value = self.choices.pick(self._edges())
        elif not feed.still:
            feed.value += self.choices.number(-8, 10) / 8
        if abs(feed.value) > 12:
            feed.value = 1.0
        return feed.value

    def _edges(self) -> list[float]:
        """Zeros, and the limits and ends of deadbands of the rules on values."""
        edges = [0.0, -0.0, 9.0, -7.0]
        for rule in self.configuration.rules:
            if rule.kind == "limit":
                for level in rule.judgements[0].levels:
                    if level.high is not None:
                        edges += [level.high, level.high - level.deadband]
                    if level.low is not None:
                        edges += [level.low, level.low + level.deadband]
        return edges

    def _spoil(self, index: int, feed: Feed, row: Row, how: str) -> list[Row]:
        _, t, v, q = row
        step = max(self.configuration.sensors[index].interval, self.pace)
        match how:
            case "value":
                nan, inf = float("nan"), float("inf")
                wrong = self.choices.pick((nan, 11.0, -9.0, inf, -inf, 1e9))
                return [(index, t, wrong, q)]
            case "quality":
                return [(index, t, v, self.choices.pick(self.choices.pick((BAD, SUSPECT))))]
            case "again":
                return [row, row, *feed.recent[-self.choices.number(1, 8) :]]
            case "conflict":
                other = self.choices.pick((v + 0.125, v + 8, float("nan"), -v))
                return [
                    row,
                    (index, t, other, q),
                    (index, t, self.choices.pick((v, other, 9.0)), q),
                ]
            case "late":
                return [row, (index, t - self.choices.number(1, 6) * step // 2, v, q)]
            case "ahead":
                ahead = self.choices.pick((5 * MINUTE_NS, 6 * MINUTE_NS, 20 * step))
                return [(index, t + ahead, v, q), row]
            case "silence":
                feed.next += step * self.choices.pick((2, 4, 12))
                return [row]
            case _:
                feed.offset = self.choices.pick(
                    (-90 * SECOND_NS, 7 * MINUTE_NS, -HOUR_NS, HOUR_NS, -4 * step, 0)
                )
                # Long enough to be believed: three intervals and 10 s of rows.
                believed = 6 + max(3, 10 * SECOND_NS // step)
                feed.spell = self.choices.pick((12, 30, 6, believed))
                return [row]

    # --- commands ---------------------------------------------------------------------------

    def _command(self) -> None:
        target = self._target()
        if target is None:
            return
        site, one = target
        if not self.choices.chance(10):
            self.commands += 1  # else the id of the last command again
        action: Action = self.choices.pick(IN_STATE.get(one.alarm.state, LIKELY))
        wrong_site = "nowhere" if self.choices.chance(3) else site
        known = self.oracle.seq[site]
        command = Command(
            id=f"c{self.commands}",
            action=action,
            site=wrong_site,
            alarm=self._meant(action, one),
            principal=self.choices.pick(("li", "area:city")),
            role=self.choices.pick(("", "operator")),
            reason="known" if action in REASONED else self.choices.pick(("", "known")),
            episode=self.choices.pick((0, one.alarm.episode, one.alarm.episode, known)),
            seq=self.choices.pick((0, known, one.alarm.rise_seq, 1)),
            expires=self.now + self._shelf() if action in AWAY else 0,
            issued=self.now,
        )
        self._append(command)

    def _meant(self, action: Action, one: Instance) -> str:
        """The alarm, or its sensor, asset or site where the action may mean these."""
        sensor = None if one.sensor is None else self.configuration.sensors[one.sensor]
        if action in ("out_of_service", "in_service"):
            return f"sensor:{one.subject}" if self.choices.chance(40) else one.name
        if action not in ("maintenance", "end_maintenance"):
            return one.name
        windows = [scope for _, scope in self.oracle.windows]
        if action == "end_maintenance" and windows:
            return self.choices.pick(windows)
        scopes = ["site"] if sensor is None else ["site", f"sensor:{sensor.id}"]
        if sensor is not None and sensor.asset:
            scopes.append(f"asset:{sensor.asset}")
        return self.choices.pick(("", "maintenance~")) + self.choices.pick(scopes)

    def _target(self) -> tuple[str, Instance] | None:
        found = self.oracle.standing()
        if not found or self.choices.chance(15):
            sites = self.configuration.sites
            found = [(sites[x.site].id, x) for x in self.oracle.instances.values()]
        return self.choices.pick(found) if found else None

    def _shelf(self) -> int:
        short = (self.pace, 5 * self.pace, 20 * self.pace)
        usual = (*short, *short, *MAX_SHELVE_NS, 12 * HOUR_NS, 2 * DAY_NS)
        return self.choices.pick(
            (*usual, -1, MAX_SHELVE_NS[0] + 2 * SECOND_NS, 20 * DAY_NS, 91 * DAY_NS)
        )


@dataclass(frozen=True)
class Scenario:
    """A log from its beginning; position n is `entries[n - 1]`."""

    entries: tuple[Entry, ...]

    @property
    def rows(self) -> int:
        """How many samples it holds."""
        return sum(len(x.payload) for x in self.entries if isinstance(x.payload, Frame))


def write(
    choices: Choices,
    more: Callable[[Author], bool],
    *,
    pace: int | None = None,
    self_clocked: bool = False,
    samples_only: bool = False,
) -> Scenario:
    """Write a log as long as `more` says so."""
    author = Author(choices, pace or choices.pick(PACES), self_clocked, samples_only)
    author.begin()
    while more(author):
        author.go_on()
    return Scenario(tuple(author.entries))


def scenario(
    seed: int,
    size: int,
    *,
    pace: int | None = None,
    self_clocked: bool = False,
    samples_only: bool = False,
) -> Scenario:
    """About `size` rows or 2 × `size` entries, whichever comes first; the same for one seed."""
    rows = 0
    counted = 0

    def more(author: Author) -> bool:
        nonlocal rows, counted
        new = author.entries[counted:]
        counted = len(author.entries)
        rows += sum(len(one.payload) for one in new if isinstance(one.payload, Frame))
        return rows < size and counted < 2 * size

    return write(
        Seeded(seed), more, pace=pace, self_clocked=self_clocked, samples_only=samples_only
    )


@st.composite
def scenarios(
    draw: Callable[[st.SearchStrategy[Any]], Any],
    *,
    most_entries: int = 40,
    self_clocked: bool = False,
    samples_only: bool = False,
) -> Scenario:
    """Small logs that shrink."""

    def more(author: Author) -> bool:
        return len(author.entries) < most_entries and bool(draw(st.integers(0, 19)) > 0)

    return write(Drawn(draw), more, self_clocked=self_clocked, samples_only=samples_only)
