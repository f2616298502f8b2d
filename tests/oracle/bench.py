"""A small plant at hand: rows, ticks and commands with times in seconds, for worked examples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import msgspec

from lifeline.engine.command import Action, Command
from lifeline.engine.configuration import Configuration, Link, ReportsKind, Sensor, Site
from lifeline.engine.entry import Entry, Header, Payload, Tick
from lifeline.engine.frame import Frame
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.rule import Judgement, LevelLimits, Rule, Select

from .oracle import Oracle
from .record import OracleRecord

START = 1_700_000_004 * SECOND_NS  # a whole multiple of 12 s, so that panes begin at it
Level = dict[str, Any]


def ns(seconds: float) -> int:
    """Seconds after the beginning as a time."""
    return START + round(seconds * SECOND_NS)


def duration(seconds: float) -> int:
    """Seconds as ns."""
    return round(seconds * SECOND_NS)


def level(
    high: float | None = None,
    low: float | None = None,
    deadband: float = 0.0,
    on: float = 0,
    off: float = 0,
) -> LevelLimits:
    """One level, delays in seconds."""
    return LevelLimits(high, low, deadband, duration(on), duration(off))


def rule(
    kind: str,
    *,
    blue: LevelLimits = LevelLimits(),
    yellow: LevelLimits = LevelLimits(),
    orange: LevelLimits = LevelLimits(),
    red: LevelLimits = LevelLimits(),
    name: str = "",
    options: Mapping[str, float] | None = None,
) -> Rule:
    """A rule on everything; times among the options (window, min_span) in seconds."""
    compiled = {
        key: float(duration(value)) if key in ("window", "min_span") else float(value)
        for key, value in (options or {}).items()
    }
    judgement = Judgement("", "", "u", (blue, yellow, orange, red), compiled)
    return Rule(name or kind, kind, Select(), (judgement,))


def sensor(
    number: int = 0,
    *,
    reports: ReportsKind = "periodic",
    interval: float = 1,
    stale: float = 0,
    low: float | None = None,
    high: float | None = None,
    max_rate: float | None = None,
    site: int = 0,
    link: int = 0,
) -> Sensor:
    """Sensor `S<number>`."""
    return Sensor(
        f"S{number}",
        site,
        link,
        "water.level",
        "u",
        low=None if low is None else float(low),
        high=None if high is None else float(high),
        max_rate=max_rate,
        reports=reports,
        interval=duration(interval),
        stale=duration(stale),
    )


class Bench:
    """One site and one link (no grace) unless told otherwise; an oracle that is fed by hand.

    `entries` is the log so far; `made` holds every bench, for who wants to put the same log to
    the core.
    """

    made: ClassVar[list[Bench]] = []

    def __init__(
        self,
        *rules: Rule,
        sensors: Iterable[Sensor] = (sensor(),),
        link: Link = Link(0, "gw", grace=0),
        sites: int = 1,
    ) -> None:
        self.oracle = Oracle()
        self.entries: list[Entry] = []
        self.made.append(self)
        self.commands = 0
        self.configuration = Configuration(
            tuple(Site(f"site-{i}", "acme", "city/east/one") for i in range(sites)),
            tuple(msgspec.structs.replace(link, site=i) for i in range(sites)),
            tuple(sensors),
            rules,
        )
        self.configure(self.configuration)

    def step(
        self, payload: Payload, at: float, appended: float | None = None, clocked: bool = False
    ) -> list[OracleRecord]:
        """One entry, received and appended at `at` (s)."""
        header = Header(
            registry=self.configuration.version(),
            received=ns(at),
            appended=ns(at if appended is None else appended),
            self_clocked=clocked,
        )
        self.entries.append(Entry(header, payload))
        return self.oracle.step(len(self.entries), self.entries[-1])

    def configure(self, configuration: Configuration, at: float = 0) -> list[OracleRecord]:
        """A new configuration."""
        self.configuration = configuration
        return self.step(configuration, at)

    def change(self, at: float, *rules: Rule) -> list[OracleRecord]:
        """The same plant under other rules."""
        return self.configure(msgspec.structs.replace(self.configuration, rules=rules), at)

    def row(
        self,
        t: float,
        value: float,
        *,
        received: float | None = None,
        sensor: int = 0,
        quality: int = 0,
        clocked: bool = False,
    ) -> list[OracleRecord]:
        """One sample, received at its time unless told otherwise."""
        at = t if received is None else received
        return self.step(Frame.of([sensor], [ns(t)], [value], [quality]), at, clocked=clocked)

    def rows(self, *samples: tuple[float, float]) -> list[OracleRecord]:
        """Samples (t, value) of sensor 0, each received at its time."""
        return [record for t, value in samples for record in self.row(t, value)]

    def tick(self, at: float, resumed: bool = False) -> list[OracleRecord]:
        """Time passes."""
        return self.step(Tick(ns(at), resumed), at)

    def command(
        self,
        action: Action,
        at: float,
        *,
        alarm: str = "limit~S0",
        name: str = "",
        expires: float | None = None,
        episode: int = 0,
        seq: int = 0,
    ) -> str:
        """Give a command; the outcome."""
        self.commands += 1
        payload = Command(
            id=name or f"c{self.commands}",
            action=action,
            site="site-0",
            alarm=alarm,
            principal="li",
            role="operator",
            reason="seen",
            episode=episode,
            seq=seq,
            expires=0 if expires is None else ns(expires),
        )
        self.step(payload, at)
        return self.oracle.replies[-1].outcome


def brief(records: Iterable[OracleRecord]) -> list[tuple[str, str, float]]:
    """(transition, level after, time in seconds after the beginning) of each record."""
    return [(x.transition, x.level_after, (x.time - START) / SECOND_NS) for x in records]
