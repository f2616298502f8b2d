"""Small plants, and a core that is driven by hand: one call, one log entry.

Times are seconds after `START`; every entry is encoded and decoded, as a log would give it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from lifeline.engine.command import Action, Command, Reply
from lifeline.engine.configuration import Configuration, Link, Sensor, Site, continued
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header, Payload, Tick, decode, encode
from lifeline.engine.frame import Frame
from lifeline.engine.level import LEVELS
from lifeline.engine.limits import DAY_NS, SECOND_NS
from lifeline.engine.record import Record
from lifeline.engine.rule import Judgement, LevelLimits, Rule, Select

START = 1_700_000_000 * SECOND_NS
GRACE_S = 2
INTERVAL_S = 10
STALE_S = 60
SITE = Site("site", "acme", "city/east/one")
LINK = Link(0, "source", grace=GRACE_S * SECOND_NS)
Row = tuple[int, float, float] | tuple[int, float, float, int]


def ns(second: float) -> int:
    """Wall or event time of a second of the test."""
    return START + round(second * SECOND_NS)


def sensor(name: str = "P1", **changed: Any) -> Sensor:
    """A periodic sensor of the first site and link: every 10 s, stale after 60."""
    plain = Sensor(
        id=name,
        site=0,
        link=0,
        quantity="gas.pressure",
        unit="MPa",
        interval=INTERVAL_S * SECOND_NS,
        stale=STALE_S * SECOND_NS,
    )
    return msgspec.structs.replace(plain, **changed)


def limit(
    high: Mapping[str, float] | None = None,
    low: Mapping[str, float] | None = None,
    *,
    name: str = "high",
    deadband: float = 0.0,
    on_delay: float = 0,
    off_delay: float = 0,
    select: Select | None = None,
) -> Rule:
    """A limit rule; limits by level, delays in seconds."""
    highs, lows = high or {}, low or {}
    first, second, third, fourth = (
        LevelLimits(
            high=highs.get(level),
            low=lows.get(level),
            deadband=deadband,
            on_delay=round(on_delay * SECOND_NS),
            off_delay=round(off_delay * SECOND_NS),
        )
        if level in highs or level in lows
        else LevelLimits()
        for level in LEVELS[1:]
    )
    judgement = Judgement("", "", "MPa", (first, second, third, fourth))
    return Rule(name, "limit", select or Select(), (judgement,))


def quality_rule(kind: str, level: str, name: str = "") -> Rule:
    """A stale or clock rule at one level."""
    first, second, third, fourth = (
        LevelLimits(high=1.0) if one == level else LevelLimits() for one in LEVELS[1:]
    )
    judgement = Judgement("", "", "1", (first, second, third, fourth))
    return Rule(name or kind, kind, Select(), (judgement,))


def plant(*rules: Rule, sensors: tuple[Sensor, ...] = ()) -> Configuration:
    """One site, one link, one sensor P1 unless others are given."""
    return Configuration((SITE,), (LINK,), sensors or (sensor(),), rules)


@dataclass
class Drive:
    """A core, its log so far, and what came out of it."""

    configuration: Configuration
    table: Any = None
    records: list[Record] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    log: list[Entry] = field(default_factory=list)
    exercise: bool = False

    def __post_init__(self) -> None:
        self.core = Core(self.table)
        self._commands = 0
        self._send(self.configuration)

    # --- entries --------------------------------------------------------------------------------
    def samples(self, *rows: Row, received: float | None = None) -> list[Record]:
        """(sensor, second, value[, quality]) in one Frame, received at its latest second."""
        at = max(row[1] for row in rows) if received is None else received
        sensors, seconds, values = zip(*(row[:3] for row in rows), strict=True)
        quality = [row[3] if len(row) > 3 else 0 for row in rows]
        return self._send(Frame.of(sensors, [ns(s) for s in seconds], values, quality), ns(at))

    def say(self, second: float, value: float, quality: int = 0, sensor: int = 0) -> list[Record]:
        """One sample, received at once."""
        return self.samples((sensor, second, value, quality))

    def steady(self, first: int, last: int, value: float, sensor: int = 0) -> list[Record]:
        """The value every interval, both ends included, each with its tick."""
        made = []
        for second in range(first, last + 1, INTERVAL_S):
            made += self.tick(second)
            made += self.say(second, value, sensor=sensor)
        return made

    def tick(self, second: float, resumed: bool = False) -> list[Record]:
        """Wall time reached `second`."""
        return self._send(Tick(ns(second), resumed), ns(second))

    def configure(self, wanted: Configuration, second: float) -> list[Record]:
        """Rules or registry changed; indices continue."""
        self.configuration = continued(self.configuration, wanted)
        return self._send(self.configuration, ns(second))

    def command(self, action: Action, second: float, alarm: str, **more: Any) -> Reply:
        """One command; `shelf` is for how many seconds."""
        self._commands += 1
        expires = ns(second + more.pop("shelf")) if "shelf" in more else 0
        plain = Command(
            id=f"c{self._commands}",
            action=action,
            site=SITE.id,
            alarm=alarm,
            principal="li",
            expires=expires,
        )
        self._send(msgspec.structs.replace(plain, **more), ns(second))
        return self.replies[-1]

    def acknowledge(self, second: float, alarm: str = "high~P1", **more: Any) -> Reply:
        """Somebody answers."""
        return self.command("acknowledge", second, alarm, **more)

    def shelve(self, second: float, shelf: float, alarm: str = "high~P1", **more: Any) -> Reply:
        """Somebody shelves for `shelf` seconds."""
        return self.command("shelve", second, alarm, shelf=shelf, **more)

    def unshelve(self, second: float, alarm: str = "high~P1", **more: Any) -> Reply:
        """Somebody lifts the shelf."""
        return self.command("unshelve", second, alarm, **more)

    def reset(self, second: float, alarm: str = "high~P1", **more: Any) -> Reply:
        """Somebody resets what is latched."""
        return self.command("reset", second, alarm, **more)

    def maintain(
        self, second: float, shelf: float, scope: str = "maintenance~site", **more: Any
    ) -> Reply:
        """Somebody begins a maintenance of `shelf` seconds."""
        return self.command("maintenance", second, scope, shelf=shelf, reason="work", **more)

    def end_maintenance(self, second: float, scope: str = "maintenance~site", **more: Any) -> Reply:
        """Somebody ends it."""
        return self.command("end_maintenance", second, scope, **more)

    def remove(self, second: float, shelf: float, alarm: str = "high~P1", **more: Any) -> Reply:
        """Somebody takes it out of service for `shelf` seconds."""
        return self.command("out_of_service", second, alarm, shelf=shelf, reason="broken", **more)

    def serve(self, second: float, alarm: str = "high~P1", **more: Any) -> Reply:
        """Somebody returns it to service."""
        return self.command("in_service", second, alarm, **more)

    def _send(self, payload: Payload, now: int = START) -> list[Record]:
        header = Header(
            received=now,
            appended=now,
            registry=self.configuration.version(),
            exercise=self.exercise,
        )
        entry = Entry(header, payload)
        self.log.append(entry)
        found = self.core.step(len(self.log), decode(encode(entry)))
        made = list(found)
        self.records += made
        self.replies += found.replies
        return made

    # --- what came out --------------------------------------------------------------------------
    def state(self, alarm: str = "high~P1") -> tuple[str, str]:
        """(state, level) of an alarm; ("normal", "normal") where it does not stand."""
        for one in self.core.standing():
            if one.alarm == alarm:
                return one.state, one.level
        return "normal", "normal"

    def outcome(self) -> tuple[Any, ...]:
        """Everything that anyone can see of the run."""
        records = [record.encode() for record in self.records]
        return records, self.replies, self.core.standing(), self.core.digest(), self.core.counters()


def path(records: list[Record]) -> list[str]:
    """Records as people say them: `raised yellow`, `acknowledged yellow`."""
    return [f"{record.transition} {record.level_after}" for record in records]


def days(number: float) -> float:
    """Seconds."""
    return number * DAY_NS / SECOND_NS
