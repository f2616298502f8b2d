"""Every rule kind in the whole core: samples/s beside `limit` alone, and bytes per instance.

For each kind, at 100 and at 100,000 sensors, and where it has a window at 1 min and at 24 h. Both plants
get the same rows, in turn, in one process: entries of 10,000 rows, one a second, and a tick every 2 s,
through the shipped `Core.step`; a ratio is the median of pairs. Before that every pane of the window
has been filled. Values are calm (nothing is raised, but where a kind counts noise): what an alarm costs is
the same for every kind and stands in the figures of the core.

Bytes are those of the arrays of state and plan: what one more rule of the kind takes, by the instances
that it makes. The growth with either: state per instance is fixed (a window is twelve panes, however long),
so bytes do not depend on sensors or window, except where a kind keeps a table; what 100,000 sensors
cost in time is the memory that does not fit into the processor's cache.

A new kind gets one entry in `kind_cases.py`.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from core import one_level
from figure import Figure, Setting, grouped, unmeasured
from kind_cases import CASES, GAS, Case

from lifeline.engine.config import load
from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header, Tick
from lifeline.engine.frame import Frame
from lifeline.engine.kinds import load_kinds
from lifeline.engine.long_lived import settle
from lifeline.engine.quantities import quantity
from lifeline.engine.rule import Judgement, Rule, Select

SECOND = 1_000_000_000
BEGAN = 1_700_000_000 * SECOND
SENSORS = (100, 100_000)
WINDOWS = {"1 min": 60 * SECOND, "24 h": 86_400 * SECOND}
ROWS = 10_000  # of an entry, all within its second
ENTRIES = 30  # of a pass
PASSES = 6  # the first is not counted
SITE_ASSETS = 250


_SMALL = """version: 1
tenant: bench
broker: {{host: 127.0.0.1}}
sites: [{{id: s0, area: a/b/c}}]
sensors: sensors.csv
sources: [{{id: source, topics: ["x/{{name}}"], site: s0, payload: {{sensor: "{{name}}"}}}}]
defaults: {{stale: off, clock: off}}
{more}
rules:
{rules}
"""


def written(case: Case, window: int) -> Configuration:
    """The case's rules as an operator writes them, compiled for a plant of two assets."""
    rules = case.rules.replace("{window}", f"{window // SECOND}s")
    lines = ["id,asset,quantity,unit,gas"]
    lines += [
        f"{asset}.{place},{asset},{name},{quantity(name).unit},{'methane' if name == GAS else ''}"
        for asset in range(2)
        for place, name in enumerate(case.quantities)
    ]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "sensors.csv").write_text("\n".join(lines) + "\n")
        if case.normal is not None:
            Path(folder, "normal.toml").write_text(case.normal.text())
        file = Path(folder, "lifeline.yaml")
        file.write_text(_SMALL.format(rules=rules, more=case.more))
        return load(file).configuration


def plant(case: Case, small: Configuration, sensors: int, copies: int = 1) -> Configuration:
    """The same rules over so many sensors; the last rule `copies` times."""
    each = len(case.quantities)
    block = min(sensors, SITE_ASSETS * each)
    sites = -(-sensors // block)
    models = {s.quantity: s for s in small.sensors}
    wide = msgspec.structs.replace(
        small,
        sites=tuple(Site(f"s{i}", "bench", "a/b/c") for i in range(sites)),
        links=tuple(Link(i, "source") for i in range(sites)),
        sensors=tuple(
            _sensor(models[case.quantities[i % each]], i, i // block, each, sensors)
            for i in range(sensors)
        ),
    )
    last = small.rules[-1] if case.widen is None else case.widen(small.rules[-1], wide)
    again = [msgspec.structs.replace(last, id=f"{last.id}{n}") for n in range(1, copies)]
    return msgspec.structs.replace(wide, rules=(*small.rules[:-1], last, *again))


def _sensor(model: Sensor, i: int, site: int, each: int, sensors: int) -> Sensor:
    """It speaks as often as fills the entries, and is never stale: what it costs to look is there."""
    asset, place = divmod(i, each)
    return msgspec.structs.replace(
        model,
        id=f"{asset}.{place}",
        asset=str(asset),
        site=site,
        link=site,
        max_rate=None,
        interval=sensors * SECOND // ROWS,
        stale=7 * 86_400 * SECOND,
    )


class Running:
    """A core and its log."""

    def __init__(self, configuration: Configuration) -> None:
        self.core = Core()
        self._version = configuration.version()
        self._positions = count(2)
        self.core.step(1, Entry(Header(), configuration))

    def step(self, log: Iterable[Entry]) -> tuple[float, int]:
        """Seconds, and the records made."""
        entries = [(next(self._positions), self._named(entry)) for entry in log]
        records = 0
        start = time.perf_counter()
        for position, entry in entries:
            records += len(self.core.step(position, entry))
        return time.perf_counter() - start, records

    def _named(self, entry: Entry) -> Entry:
        return replace(entry, header=replace(entry.header, registry=self._version))

    @property
    def instances(self) -> int:
        """Of all rules."""
        plan = self.core.plan
        assert plan is not None
        return len(plan.subject)


class Telemetry:
    """What the sensors say: first once for each pane of the window, then as often as they do."""

    def __init__(self, case: Case, sensors: int) -> None:
        self._case, self._sensors = case, sensors
        self._rng = np.random.default_rng(17)
        self._now = BEGAN
        self._next = 0

    def filling(self, window: int) -> Iterator[Entry]:
        """Thirteen rounds, a pane apart."""
        for _ in range(13):
            order = self._rng.permutation(self._sensors)
            yield from self._entries(order, window // 12)
            yield self._tick()

    def entries(self, many: int) -> list[Entry]:
        """So many entries, a second each, with their ticks."""
        log: list[Entry] = []
        for n in range(many):
            order = (self._next + np.arange(ROWS)) % self._sensors
            self._next = int(order[-1]) + 1
            log += self._entries(order, SECOND)
            if n % 2:
                log.append(self._tick())
        return log

    def _entries(self, order: Any, span: int) -> list[Entry]:
        """Rows in this order, evenly over the span, in entries of at most ROWS."""
        parts = np.array_split(order, -(-len(order) // ROWS))
        found, step = [], span // len(order)
        for part in parts:
            times = self._now + step * np.arange(1, len(part) + 1)
            self._now = int(times[-1])
            values = self._rng.normal(self._case.around, self._case.noise, len(part))
            header = Header(received=self._now, appended=self._now)
            found.append(Entry(header, Frame.of(part, times, values)))
        return found

    def _tick(self) -> Entry:
        return Entry(Header(received=self._now, appended=self._now), Tick(self._now))


def weight(thing: Any, seen: set[int]) -> int:
    """Bytes of every array in a dataclass and in what it holds."""
    if id(thing) in seen:
        return 0
    seen.add(id(thing))
    if isinstance(thing, np.ndarray):
        return int(thing.nbytes)
    if is_dataclass(thing) and not isinstance(thing, type):
        return sum(weight(getattr(thing, f.name), seen) for f in fields(thing))
    if isinstance(thing, list | tuple):
        return sum(weight(each, seen) for each in thing if not isinstance(each, int | float | str))
    return 0


def bytes_per_instance(case: Case, small: Configuration, sensors: int) -> float:
    """What one more rule of the kind takes, by its instances."""
    one, two = (Running(plant(case, small, sensors, copies)) for copies in (1, 2))
    more = two.instances - one.instances
    return (weight(two.core.state, set()) - weight(one.core.state, set())) / more


def beside(case: Case, small: Configuration) -> Configuration:
    """The same plant under one limit, which is not reached either."""
    levels = one_level(high=case.around + 20 * case.noise, deadband=case.noise)
    rule = Rule("r", "limit", Select(), (Judgement("", "", "1", levels),))
    return msgspec.structs.replace(small, rules=(rule,))


def measured(name: str, sensors: int, window: int, label: str, passes: int = PASSES) -> Figure:
    """One line; `passes` is two or more."""
    case = CASES[name]
    small = written(case, window)
    plain = replace(case, widen=None)  # what one rule needs for the whole plant, the limit does not
    plants = plant(case, small, sensors), plant(plain, beside(case, small), sensors)
    kind, limit = (Running(each) for each in plants)
    telemetry = Telemetry(case, sensors)
    for entry in telemetry.filling(window):
        kind.step([entry])
        limit.step([entry])
    settle()
    times, ratios, records = [], [], 0
    for n in range(passes):
        log = telemetry.entries(ENTRIES)
        both = (kind, limit) if n % 2 else (limit, kind)  # the second finds the rows in the cache
        told = {one: one.step(log) for one in both}
        times.append(told[kind][0])
        ratios.append(told[limit][0] / told[kind][0])
        records += told[kind][1]
    rate = ENTRIES * ROWS / statistics.median(times[1:])
    return Figure(
        f"{name}, {grouped(sensors)} sensors{label}",
        f"{rate / 1e6:.2f} M samples/s, {statistics.median(ratios[1:]):.2f} of limit's; "
        f"{bytes_per_instance(case, small, sensors):.0f} bytes an instance"
        f" ({kind.instances:,} instances, {records:,} records)",
    )


def figures(setting: Setting) -> list[Figure]:
    """Every kind that is installed; one without an entry says so."""
    found = []
    for name in load_kinds():
        case = CASES.get(name)
        if case is None:
            found.append(unmeasured(name, "it has no entry in benchmarks/kind_cases.py"))
            continue
        windows = WINDOWS if case.windowed else {"": WINDOWS["1 min"]}
        for sensors in SENSORS:
            for label, window in windows.items():
                found.append(measured(name, sensors, window, label and f", window of {label}"))
    return found
