"""Engines without brokers, on a clock that the test moves, and the replay of what they logged."""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from lifeline.engine.clock import ManualClock
from lifeline.engine.config import Plant, load
from lifeline.engine.core import Core
from lifeline.engine.embedded import Engine, EngineTrouble, SnapshotPace
from lifeline.engine.entry import Entry, Header, decode, encode
from lifeline.engine.frame import Frame
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.log import LogReader
from lifeline.engine.record import Record
from plant_files import PlantFiles

START = 1_700_000_000 * SECOND_NS
PATIENCE_S = 180.0
#: A snapshot after every few entries.
EAGER = SnapshotPace(interval_ns=0, least_entries=5, most_entries=5)
RULES = """\
rules:
  - id: gas.high
    kind: limit
    select: {quantity: gas.combustible}
    high: {orange: 25 %LEL, red: 50 %LEL}
  - id: gas.held
    kind: limit
    select: {quantity: gas.combustible, site: east}
    high: {yellow: 20 %LEL}
    on_delay: 10s
"""


def plant(directory: Path, **changes: str) -> Plant:
    """The plant of `plant_files`, with rules of which one has a delay, in `directory`."""
    return load(PlantFiles(**{"rules": RULES, **changes}).write(directory))


def until(what: Callable[[], bool]) -> None:
    """Waits for it; fails when it does not come."""
    give_up = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < give_up, "it did not come to that"
        threading.Event().wait(0.002)


@dataclass
class Run:
    """One life of an engine after another, on one clock and one directory."""

    plant: Plant
    clock: ManualClock = field(default_factory=lambda: ManualClock(START))
    pace: SnapshotPace | None = None
    records: list[Record] = field(default_factory=list)
    troubles: list[EngineTrouble] = field(default_factory=list)
    sent: int = 0
    outputs: bool = False

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """A started engine, stopped at the end."""
        engine = Engine(
            self.plant,
            clock=self.clock,
            on_records=self.records.extend,
            on_trouble=self.troubles.append,
            agents=False,
            outputs=self.outputs,
            pace=self.pace,
        )
        engine.start()
        try:
            yield engine
        finally:
            engine.stop()

    def send(self, engine: Engine, *values: float, sensor: int = 0) -> None:
        """Samples a second apart, each in an entry of its own, stepped one after another."""
        for value in values:
            self.clock.advance(SECOND_NS)
            self.send_frame(engine, Frame.of([sensor], [engine.clock.wall()], [value]))

    def send_frame(self, engine: Engine, frame: Frame) -> None:
        """One entry with samples of now, stepped."""
        assert engine.core.plan is not None
        self.sent += 1
        now, version = engine.clock.wall(), engine.core.plan.version
        header = Header("acme", "test", self.sent, now, registry=version)
        engine.store.append([encode(Entry(header, frame))]).wait(PATIENCE_S)
        self.stepped(engine)

    def pass_time(self, engine: Engine, seconds: int) -> None:
        """Time passes, a second at a time, and the engine ticks along."""
        for _ in range(seconds):
            self.clock.advance(SECOND_NS)
            until(lambda: engine.core.wall > engine.clock.wall() - 2 * SECOND_NS)
        self.stepped(engine)

    def stepped(self, engine: Engine) -> None:
        """Waits until everything is stepped and durable."""
        until(
            lambda: (
                bool(engine.failure)
                or (engine.core.position == engine.store.end() and not engine.open_positions)
            )
        )

    def names(self) -> list[str]:
        """The records that were told, shortly."""
        return [f"{r.rule}:{r.transition}:{r.level_after}" for r in self.records]


@dataclass(frozen=True)
class Replayed:
    """What one core makes of a whole log, and what the outbox holds."""

    digest: str
    records: dict[tuple[str, int], bytes]
    outbox: dict[tuple[str, int], bytes]
    kinds: list[str]


def replay(directory: Path) -> Replayed:
    """Steps the log of a stopped engine from its first entry."""
    reader = LogReader.open(directory)
    core = Core()
    records: dict[tuple[str, int], bytes] = {}
    kinds: list[str] = []
    while entries := reader.read(core.position, 1_000):
        for position, data in entries:
            entry = decode(data)
            kinds.append(entry.kind.name.lower())
            for site, seq, record in core.step(position, entry).encoded():
                records[site, seq] = record
    outbox = {(row.site, row.seq): row.data for row in reader.records(0, 1_000_000)}
    reader.close()
    return Replayed(core.digest(), records, outbox, kinds)


@contextmanager
def full_disk(directory: Path) -> Iterator[None]:
    """No file of this process may grow beyond what the log's write-ahead file is now."""
    size = os.stat(directory / "log.db-wal").st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
