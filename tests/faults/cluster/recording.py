"""A simulated city, recorded once: the entries that its agents would have logged, and what one core
says of them.

Payloads are made by the simulators and decoded as the file `lifeline.yaml` says, against its
configuration: nothing is built by hand. The core is that of an embedded engine and steps the whole
city; the cluster's workers get the same entries, taken apart by partition.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from cluster_runs import Recorded
from faults.harness.plant import Plant as Files
from faults.harness.plant import write_plant
from lifeline.engine.command import Command
from lifeline.engine.config import load
from lifeline.engine.configuration import Configuration
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header, Payload, Tick
from lifeline.engine.frame import Frame
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.payload import Decoder, compile_decoder
from lifeline.engine.rule import Rule
from lifeline.simulators.city_gas import city_gas
from lifeline.simulators.configs import source_id
from lifeline.simulators.pipeline import pipeline
from lifeline.simulators.plant import Scenario, Site
from lifeline.simulators.shapes import messages
from lifeline.simulators.stream import Stream
from lifeline.simulators.tailings import tailings

START: Final = 1_767_225_600 * SECOND_NS
KINDS: Final = ("limit", "rate", "trend", "flatline", "stale")
SEED: Final = 7
TICK_S: Final = 2
# Longer than BLIND_NS: the tick behind it says that the engine was blind.
BLIND_S: Final = 12
# Nothing of the engine's own: each partition has a site for that, the embedded engine another one.
OWN: Final = "_engine"


@dataclass
class Recording(Recorded):
    """See `Recorded`; `records` are by (site, seq), `last` is the last time in it, ns."""

    last: int = 0


@dataclass
class City:
    """Sites with their scenarios, the configuration that reads them, and decoders by site."""

    scenarios: tuple[Scenario, ...]
    configuration: Configuration
    decoders: dict[str, Decoder] = field(default_factory=dict)

    @classmethod
    def at(cls, folder: Path, seconds: float, start: int = START, interval_s: float = 1.0) -> City:
        """Writes the files of a city that is never calm, and loads them."""
        files: Files = write_plant(
            folder, _sites(interval_s), start, seconds, SEED, 1883, stories=2, kinds=KINDS
        )
        plant = load(files.config)
        made = cls(files.scenarios, plant.configuration)
        site_of = {source_id(scenario): scenario.site.id for scenario in files.scenarios}
        for source in plant.sources:
            made.decoders[site_of[source.id]] = compile_decoder(source, plant.configuration)
        return made

    def frames(self, window_ns: int = SECOND_NS) -> Iterator[tuple[int, list[tuple[str, Frame]]]]:
        """(time, samples of each site that are due before it), window after window."""
        streams = [(scenario.site, Stream(scenario)) for scenario in self.scenarios]
        now = min(scenario.start_ns for scenario in self.scenarios)
        while not all(stream.exhausted for _, stream in streams):
            now += window_ns
            yield now, [(site.id, f) for site, s in streams if len(f := self._frame(site, s, now))]

    def _frame(self, site: Site, stream: Stream, until: int) -> Frame:
        said = messages(site, stream.take(until))
        return self.decoders[site.id].decode([(m.topic, m.payload, until) for m in said]).frame

    def tenant(self, site: str) -> str:
        """Whose site it is."""
        return next(s.tenant for s in self.configuration.sites if s.id == site)


def _sites(interval_s: float) -> tuple[Site, ...]:
    """Gas, water and dams: single values, arrays of points and wide objects."""
    gas = tuple(city_gas(f"gas-{n}", manholes=3, interval_s=interval_s) for n in range(4))
    water = tuple(pipeline(f"water-{n}", lines=1, interval_s=interval_s) for n in range(3))
    return *gas, *water, tailings("dam", sections=1)


def record(folder: Path, seconds: float) -> Recording:
    """Samples every second, ticks, acknowledgements and shelving of what stands, an interval in
    which the engine was blind, and another configuration in the middle."""
    city = City.at(folder, seconds)
    return _Recorder(city, seconds).run()


class _Recorder:
    def __init__(self, city: City, seconds: float) -> None:
        self._city = city
        self._half = START + round(seconds / 2) * SECOND_NS
        self._blind = START + round(seconds / 3) * SECOND_NS
        self._chance = random.Random(SEED)
        self._core = Core()
        self._configuration = city.configuration
        self._entries: list[Entry] = []
        self._records: dict[tuple[str, int], bytes] = {}
        self._configurations: list[Configuration] = []
        self._commands = 0

    def run(self) -> Recording:
        self._configure(self._city.configuration, START)
        ticked = now = START
        for now, frames in self._city.frames():
            if now == self._half:
                self._configure(other_limits(self._configuration), now)
            for site, frame in frames:
                self._say(frame, now, self._city.tenant(site))
            if self._blind <= now < self._blind + BLIND_S * SECOND_NS:
                continue
            if now - ticked >= TICK_S * SECOND_NS:
                self._say(Tick(now, resumed=now - ticked > BLIND_S * SECOND_NS // 2), now)
                ticked = now
                self._act(now)
        digests = {s: d for s, d in self._core.site_digests().items() if not s.startswith(OWN)}
        return Recording(self._configurations, self._entries, self._records, digests, now)

    def _configure(self, configuration: Configuration, now: int) -> None:
        self._configuration = configuration
        self._configurations.append(configuration)
        self._say(configuration, now)

    def _act(self, now: int) -> None:
        """A person acknowledges what stands, or shelves it for a while."""
        standing = self._core.standing()
        if not standing:
            return
        alarm = self._chance.choice(standing)
        shelve = self._chance.random() < 0.3
        self._commands += 1
        command = Command(
            id=f"c{self._commands}",
            action="shelve" if shelve else "acknowledge",
            site=alarm.site,
            alarm=alarm.alarm,
            principal="anna",
            expires=now + 15 * SECOND_NS if shelve else 0,
        )
        self._say(command, now)

    def _say(self, payload: Payload, now: int, tenant: str = "") -> None:
        version = self._configuration.version() if isinstance(payload, Frame) else bytes(16)
        number = len(self._entries) + 1
        entry = Entry(Header(tenant, "recorded", number, now, now, version), payload)
        self._entries.append(entry)
        for record in self._core.step(number, entry):
            if not record.site.startswith(OWN):
                self._records[record.site, record.seq] = record.encode()


def other_limits(configuration: Configuration) -> Configuration:
    """The same with every upper limit of the rules of kind `limit` one hundredth lower."""
    rules = tuple(_lower(rule) if rule.kind == "limit" else rule for rule in configuration.rules)
    return msgspec.structs.replace(configuration, rules=rules)


def _lower(rule: Rule) -> Rule:
    replace = msgspec.structs.replace
    judgements = tuple(
        replace(
            judgement,
            levels=tuple(
                each if each.high is None else replace(each, high=each.high * 0.99)
                for each in judgement.levels
            ),
        )
        for judgement in rule.judgements
    )
    return replace(rule, judgements=judgements)
