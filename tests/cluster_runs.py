"""A recorded city: its log as one embedded core steps it, and as it lies in a cluster's partitions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from lifeline.engine.cluster.partitioning import Split, split
from lifeline.engine.cluster.topics import partition_of
from lifeline.engine.command import Command
from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header, NamedConfiguration, Payload, Tick, encode
from lifeline.engine.frame import Frame
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.rule import Judgement, LevelLimits, Rule, Select

START = 1_700_000_000 * SECOND_NS
_LIMITS = (40.0, 60.0, 75.0, 90.0)


def city(sites: int = 9, sensors: int = 4, *, deadband: float = 4.0) -> Configuration:
    """Sites of equal sensors, judged by limits with delays, by trend, and by silence."""
    levels = tuple(
        LevelLimits(high=high, deadband=deadband, on_delay=on * SECOND_NS, off_delay=2 * SECOND_NS)
        for high, on in zip(_LIMITS, (0, 2, 1, 0), strict=True)
    )
    silence = (LevelLimits(high=1.0), LevelLimits(), LevelLimits(), LevelLimits())
    steep = (LevelLimits(), LevelLimits(high=3.0, deadband=0.5), LevelLimits(), LevelLimits())
    window = {"window": 12.0 * SECOND_NS, "min_span": 1.0 * SECOND_NS, "min_points": 3.0}
    return Configuration(
        tuple(Site(f"site-{i}", "acme", f"city/district-{i % 3}/street-{i}") for i in range(sites)),
        tuple(Link(i, "source", grace=SECOND_NS) for i in range(sites)),
        tuple(
            Sensor(
                id=f"G{number}",
                site=site,
                link=site,
                quantity="level",
                unit="%",
                low=0.0,
                high=100.0,
                interval=SECOND_NS,
                stale=3 * SECOND_NS,
                reports="on_change" if number % 2 else "periodic",
            )
            for site in range(sites)
            for number in range(sensors)
        ),
        (
            Rule("high", "limit", Select(), (Judgement("", "", "%", levels),)),  # type: ignore[arg-type]
            Rule("steep", "trend", Select(), (Judgement("", "", "%/s", steep, window),)),
            Rule("silent", "stale", Select(), (Judgement("", "", "1", silence),)),
        ),
    )


@dataclass
class Recorded:
    """A log with its own times, and what one core that stepped it said.

    `records` is by (site, seq); the engine's own site is left out, since each partition has one.
    """

    configurations: list[Configuration]
    entries: list[Entry]
    records: dict[tuple[str, int], bytes] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)


def recorded(
    configuration: Configuration, seconds: int, seed: int, *, changed: Configuration | None = None
) -> Recorded:
    """Samples each second, ticks every two, some sensors silent for a while, acknowledgements and
    shelving of what stands, a blind interval, and in the middle another configuration."""
    return _Recorder(configuration, seed).record(seconds, changed)


class _Recorder:
    def __init__(self, configuration: Configuration, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.configuration = configuration
        self.core = Core()
        self.done = Recorded([configuration], [])
        self.now = START
        self.number = 0
        n = len(configuration.sensors)
        self.value = self.random.uniform(10.0, 60.0, n)
        self.quiet_until = np.zeros(n, np.int64)

    def record(self, seconds: int, changed: Configuration | None) -> Recorded:
        self.say(self.configuration)
        for second in range(seconds):
            self.now += SECOND_NS
            if second == seconds // 2 and changed is not None:
                self.configuration = changed
                self.done.configurations.append(changed)
                self.say(changed)
            if second == seconds // 3:
                self.now += 20 * SECOND_NS
                self.say(Tick(self.now, resumed=True))
            self.sample(second)
            if second % 2:
                self.say(Tick(self.now))
            if second % 7 == 3:
                self.command()
        self.done.digests = {s: d for s, d in self.core.site_digests().items() if s != "_engine"}
        return self.done

    def sample(self, second: int) -> None:
        n = len(self.value)
        self.value = np.clip(self.value + self.random.normal(0.0, 6.0, n), 0.0, 110.0)
        falls = self.random.random(n) < 0.01
        self.quiet_until[falls] = second + self.random.integers(4, 12)
        speaks = np.flatnonzero(self.quiet_until <= second)
        order = self.random.permutation(speaks)
        times = np.full(len(order), self.now) - self.random.integers(0, 400_000_000, len(order))
        self.say(Frame.of(order.tolist(), times.tolist(), self.value[order].tolist()))

    def command(self) -> None:
        standing = self.core.standing()
        if not standing:
            return
        alarm = standing[int(self.random.integers(len(standing)))]
        shelve = bool(self.random.random() < 0.3)
        self.say(
            Command(
                id=f"c{self.number}",
                action="shelve" if shelve else "acknowledge",
                site=alarm.site,
                alarm=alarm.alarm,
                principal="anna",
                expires=self.now + 9 * SECOND_NS if shelve else 0,
            )
        )

    def say(self, payload: Payload) -> None:
        self.number += 1
        version = self.configuration.version() if isinstance(payload, Frame) else bytes(16)
        header = Header("acme", "recorded", self.number, self.now, self.now, version)
        entry = Entry(header, payload)
        self.done.entries.append(entry)
        for record in self.core.step(self.core.position + 1, entry):
            if record.site != "_engine":
                self.done.records[record.site, record.seq] = record.encode()


def by_partition(log: Recorded, n: int) -> list[list[bytes]]:
    """The encoded entries of each of `n` partitions, in order: samples taken apart, commands where
    their site is, ticks and the names of configurations everywhere."""
    splits = {c.version(): split(c, n) for c in log.configurations}
    parts: list[list[bytes]] = [[] for _ in range(n)]
    for entry in log.entries:
        for partition, each in _placed(entry, splits, n):
            parts[partition].append(encode(each))
    return parts


def _placed(entry: Entry, splits: dict[bytes, Split], n: int) -> Iterator[tuple[int, Entry]]:
    header, payload = entry.header, entry.payload
    if isinstance(payload, Command):
        yield partition_of(payload.site, n), entry
    elif isinstance(payload, Frame):
        city_split = splits[header.registry]
        where = city_split.partition_of_sensor[payload.sensor]
        for partition in np.unique(where).tolist():
            mine = payload.take(where == partition)
            local = Frame(city_split.local[mine.sensor], mine.time, mine.value, mine.quality)
            yield partition, Entry(replace(header, registry=city_split.versions[partition]), local)
    else:
        for partition in range(n):
            if isinstance(payload, Configuration):
                named = NamedConfiguration(splits[payload.version()].versions[partition])
                yield partition, Entry(header, named)
            else:
                yield partition, entry
