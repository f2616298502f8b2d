"""The core beside the bare loops: J1, J2, small Frames, many sites, bytes per instance.

Both sides run in one process, in turn, on the same columns; ratios are medians of pairs. The bare loops
are the frozen reference (`bare.py`), whose folder is given by LIFELINE_BARE or --bare.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header, Tick
from lifeline.engine.frame import Frame
from lifeline.engine.rule import Judgement, LevelLimits, Rule, Select

SECOND = 1_000_000_000
ROWS = 10_000  # rows of an entry, at most


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    name: str
    value: str
    target: str = ""


def load_bare(folder: Path) -> ModuleType:
    """The frozen reference, from its own folder."""
    sys.path.insert(0, str(folder))
    try:
        import bare
    finally:
        sys.path.pop(0)
    module: ModuleType = bare
    return module


def one_level(**limits: Any) -> tuple[LevelLimits, LevelLimits, LevelLimits, LevelLimits]:
    """Only red."""
    none = LevelLimits()
    return none, none, none, LevelLimits(**limits)


def limit_rule(name: str, high: float) -> Rule:
    """As the bare loop: raise at `high` held for 3 s, clear 2 below."""
    levels = one_level(high=high, deadband=2.0, on_delay=3 * SECOND)
    return Rule(name, "limit", Select(), (Judgement("", "", "%LEL", levels),))


def trend_rule() -> Rule:
    """As the bare loop: 60 s slope above 0.5 per second, four points at least."""
    options = {"window": 60.0 * SECOND, "min_points": 4.0, "min_span": 0.0, "significance": 0.0}
    levels = one_level(high=0.5)
    return Rule("trend", "trend", Select(), (Judgement("", "", "%LEL/s", levels, options),))


def stale_rule() -> Rule:
    """Every sensor's silence is judged too, as in any real configuration."""
    levels = (LevelLimits(), LevelLimits(high=1.0), LevelLimits(), LevelLimits())
    return Rule("stale", "stale", Select(), (Judgement("", "", "1", levels),))


def plant(sensors: int, rules: tuple[Rule, ...], interval: int, sites: int = 1) -> Configuration:
    """`sensors` sensors of one quantity, dealt to `sites` sites in blocks."""
    block = sensors // sites
    return Configuration(
        tuple(Site(f"s{i}", "t", "a/b/c") for i in range(sites)),
        tuple(Link(i, "source") for i in range(sites)),
        tuple(
            Sensor(
                f"x{i}", i // block, i // block, "gas.combustible", "%LEL",
                low=-1000.0, high=1000.0, max_rate=1e9, interval=interval, stale=3 * interval,
            )  # fmt: skip
            for i in range(sensors)
        ),
        rules,
    )


def entries(config: Configuration, sensor: Any, t: Any, v: Any, rows: int) -> list[Entry]:
    """Decoded entries as the log gives them, with the ticks of every 2 s between them."""
    version = config.version()
    result: list[Entry] = []
    ticked = 0
    for i in range(0, len(t), rows):
        part = slice(i, i + rows)
        now = int(t[part][-1])
        frame = Frame.of(sensor[part], t[part], v[part])
        result.append(Entry(Header(registry=version, received=now, appended=now), frame))
        if now - ticked >= 2 * SECOND:
            result.append(Entry(Header(received=now, appended=now), Tick(now)))
            ticked = now
    return result


def stepped(config: Configuration, log: list[Entry]) -> tuple[float, int]:
    """Seconds for the whole log by a new core, and how many records it made."""
    core = Core()
    core.step(1, Entry(Header(), config))
    records = 0
    start = time.perf_counter()
    for position, entry in enumerate(log, 2):
        records += len(core.step(position, entry))
    return time.perf_counter() - start, records


def paired(ours: Callable[[], float], bare: Callable[[], float], pairs: int) -> list[float]:
    """bare seconds / our seconds, pair by pair, after one warm-up of each."""
    ours(), bare()
    return [bare() / ours() for _ in range(pairs)]


def _timed(function: Callable[..., Any], *args: Any) -> float:
    start = time.perf_counter()
    function(*args)
    return time.perf_counter() - start


def beside_bare(bare: ModuleType, passes: int = 7) -> list[Figure]:
    """J1 and J2 as ratios to the bare loop."""
    figures = []
    j1, j2 = bare.j1(), bare.j2()
    config1 = plant(10_000, (limit_rule("limit", 35.0), trend_rule(), stale_rule()), 10 * SECOND)
    limits = tuple(limit_rule(f"limit-{r:03d}", float(x)) for r, x in enumerate(bare.LIMITS))
    config2 = plant(10, (*limits, stale_rule()), SECOND // 100)
    for name, config, data, loop in (
        ("J1", config1, j1, bare.bare_j1),
        ("J2", config2, j2, bare.bare_j2),
    ):
        log = entries(config, *data, ROWS)
        made = stepped(config, log)[1]
        times = []

        def ours(config: Any = config, log: Any = log, times: list[float] = times) -> float:
            times.append(stepped(config, log)[0])
            return times[-1]

        def theirs(loop: Any = loop, data: Any = data) -> float:
            return _timed(loop, *data)

        ratios = paired(ours, theirs, passes)
        rate = len(data[0]) / statistics.median(times[1:]) / 1e6
        figures.append(
            Figure(
                f"core {name} / bare loop",
                f"{statistics.median(ratios):.2f} ({rate:.1f} M samples/s, {made} records)",
                "≥ 0.5",
            )
        )
    return figures


def small_frames(bare: ModuleType) -> Figure:
    """J1 in Frames of 100 samples."""
    config = plant(10_000, (limit_rule("limit", 35.0), trend_rule(), stale_rule()), 10 * SECOND)
    data = tuple(column[:300_000] for column in bare.j1())
    log = entries(config, *data, 100)
    stepped(config, log)
    rate = 300_000 / statistics.median(stepped(config, log)[0] for _ in range(5)) / 1e6
    return Figure("core, Frames of 100 samples", f"{rate:.2f} M samples/s", "≥ 1 M")


def many_sites() -> Figure:
    """10,000 sites of 5 sensors beside one site of 50,000, same samples."""
    rng = np.random.default_rng(11)
    sensors, rounds = 50_000, 10
    sensor = np.concatenate([rng.permutation(sensors) for _ in range(rounds)]).astype(np.int32)
    t = np.arange(len(sensor), dtype=np.int64) * (10 * SECOND // sensors)
    v = rng.normal(20.0, 5.0, len(sensor))
    rules = (limit_rule("limit", 35.0), trend_rule(), stale_rule())
    runs = []
    for sites in (1, 10_000):
        config = plant(sensors, rules, 10 * SECOND, sites)
        runs.append((config, entries(config, sensor, t, v, ROWS)))
    ratios = paired(
        lambda: stepped(*runs[1])[0], lambda: stepped(*runs[0])[0], 5
    )
    return Figure(
        "10,000 sites × 5 / one site × 50,000, per sample",
        f"{1 / statistics.median(ratios):.2f} of its time",
        "≤ 1.0",
    )


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


def bytes_per_instance(kind: str, instances: int = 1_000_000) -> Figure:
    """Resident memory per instance: the same sensors with few and with many rules on them."""
    sensors = 10_000
    each = instances // sensors
    make = {"limit": lambda i: limit_rule(f"l{i}", 35.0 + i), "trend": lambda _: trend_rule()}[kind]
    if kind == "trend":
        each = 20
    rules = tuple(
        Rule(f"r{i}", r.kind, r.select, r.judgements) for i in range(each) for r in (make(i),)
    )
    few, many = plant(sensors, rules[:1], SECOND), plant(sensors, rules, SECOND)
    frame = Frame.of(np.arange(sensors), np.full(sensors, SECOND), np.full(sensors, 20.0))
    sizes = []
    for config in (few, many):
        version = config.version()
        before = _resident()
        core = Core()
        core.step(1, Entry(Header(), config))
        core.step(2, Entry(Header(registry=version, received=SECOND, appended=SECOND), frame))
        sizes.append(_resident() - before)
        if config is few:
            kept = core  # both stay, so that no freed page hides what the second one takes
    del kept
    size = (sizes[1] - sizes[0]) / (sensors * (each - 1))
    return Figure(
        f"bytes per {kind} instance (RSS)", f"{size:.0f}", "≤ 200" if kind == "limit" else "≤ 1,100"
    )


def figures(bare: ModuleType) -> list[Figure]:
    """Every figure of the core."""
    return [
        *beside_bare(bare),
        small_frames(bare),
        many_sites(),
        bytes_per_instance("limit"),
        bytes_per_instance("trend"),
    ]
