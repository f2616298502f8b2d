"""The core beside the bare loops: J1, J2, small Frames, many sites, bytes per instance.

Both sides run in one process, in turn, on the same columns; ratios are medians of pairs. The bare loops
are the frozen reference (`bare.py`), which lies outside the repository: without it the two ratios
stand in the table as not measured, the rest is measured all the same. Ours is the shipped
`Core.step` on decoded entries of at most 10,000 rows, with quality, timers (a tick every 2 s), alarm
table and records on.
"""

from __future__ import annotations

import importlib
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from figure import Figure, Setting, seconds, unmeasured

from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header, Tick
from lifeline.engine.frame import Frame
from lifeline.engine.long_lived import settle
from lifeline.engine.rule import Judgement, LevelLimits, Rule, Select

SECOND = 1_000_000_000
ROWS = 10_000  # rows of an entry, at most
Columns = tuple[Any, Any, Any]  # sensor, time in ns, value


def load_bare(folder: Path) -> ModuleType:
    """The frozen reference, from its own folder."""
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module("bare")
    finally:
        sys.path.pop(0)


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
                f"x{i}",
                i // block,
                i // block,
                "gas.combustible",
                "%LEL",
                low=-1000.0,
                high=1000.0,
                max_rate=1e9,
                interval=interval,
                stale=3 * interval,
            )
            for i in range(sensors)
        ),
        rules,
    )


def entries(config: Configuration, data: Columns, rows: int) -> list[Entry]:
    """Decoded entries as the log gives them, with the ticks of every 2 s between them."""
    sensor, t, v = data
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
    settle()  # as both runtimes do when a configuration has been taken
    records = 0
    start = time.perf_counter()
    for position, entry in enumerate(log, 2):
        records += len(core.step(position, entry))
    return time.perf_counter() - start, records


def paired(ours: Callable[[], float], bare: Callable[[], float], pairs: int) -> list[float]:
    """bare seconds / our seconds, pair by pair, after one warm-up of each.

    By turns the one and the other goes first: what a run leaves behind (memory, clock speed) is part of the next.
    """
    ours(), bare()
    ratios = []
    for pair in range(pairs):
        if pair % 2:
            mine, other = ours(), bare()
        else:
            other, mine = bare(), ours()
        ratios.append(other / mine)
    return ratios


def beside_bare(bare: ModuleType, passes: int = 7) -> list[Figure]:
    """J1 and J2 as ratios to the bare loop."""
    config1 = plant(10_000, (limit_rule("limit", 35.0), trend_rule(), stale_rule()), 10 * SECOND)
    limits = tuple(limit_rule(f"limit-{r:03d}", float(x)) for r, x in enumerate(bare.LIMITS))
    config2 = plant(10, (*limits, stale_rule()), SECOND // 100)
    return [
        _beside("J1", config1, bare.j1(), bare.bare_j1, passes),
        _beside("J2", config2, bare.j2(), bare.bare_j2, passes),
    ]


def _beside(
    name: str, config: Configuration, data: Columns, loop: Callable[..., Any], passes: int
) -> Figure:
    log = entries(config, data, ROWS)
    made = stepped(config, log)[1]
    times: list[float] = []

    def ours() -> float:
        times.append(stepped(config, log)[0])
        return times[-1]

    ratios = paired(ours, lambda: seconds(lambda: loop(*data)), passes)
    rate = len(data[0]) / statistics.median(times[1:]) / 1e6
    value = f"{statistics.median(ratios):.2f} ({rate:.1f} M samples/s, {made:,} records)"
    return Figure(f"core {name} / bare loop", value, "≥ 0.5")


def gas_samples(sensors: int, rounds: int) -> Columns:
    """Columns of `rounds` visits to each sensor, 10 s apart in random order: N(20, 5), one sensor in
    twenty raised by 20 for 60 s, one value in two hundred by 18."""
    rng = np.random.default_rng(11)
    sensor = np.concatenate([rng.permutation(sensors) for _ in range(rounds)]).astype(np.int32)
    t = np.arange(len(sensor), dtype=np.int64) * (10 * SECOND // sensors)
    v = rng.normal(20.0, 5.0, len(sensor))
    step = np.full(sensors, np.inf)
    raised = rng.choice(sensors, sensors // 20, replace=False)
    step[raised] = rng.uniform(0.0, 10.0 * rounds, len(raised))
    since = t / SECOND - step[sensor]
    v += np.where((since >= 0) & (since < 60), 20.0, 0.0)
    v[rng.choice(len(v), len(v) // 200, replace=False)] += 18.0
    return sensor, t, v


def small_frames() -> Figure:
    """Limit, trend and silence over 10,000 sensors, in Frames of 100 samples."""
    config = plant(10_000, (limit_rule("limit", 35.0), trend_rule(), stale_rule()), 10 * SECOND)
    data = gas_samples(10_000, 30)
    log = entries(config, data, 100)
    stepped(config, log)
    rate = len(data[0]) / statistics.median(stepped(config, log)[0] for _ in range(5)) / 1e6
    return Figure("core, Frames of 100 samples", f"{rate:.2f} M samples/s", "≥ 1 M samples/s")


def many_sites(pairs: int = 31) -> Figure:
    """10,000 sites of 5 sensors beside one site of 50,000, same samples.

    Each run takes a twentieth of a second, so many pairs: on a shared machine one of them means little.
    """
    sensors = 50_000
    data = gas_samples(sensors, 10)
    rules = (limit_rule("limit", 35.0), trend_rule(), stale_rule())
    runs = []
    for sites in (1, 10_000):
        config = plant(sensors, rules, 10 * SECOND, sites)
        runs.append((config, entries(config, data, ROWS)))
    ratios = paired(lambda: stepped(*runs[1])[0], lambda: stepped(*runs[0])[0], pairs)
    return Figure(
        "10,000 sites × 5 / one site × 50,000",
        f"{1 / statistics.median(ratios):.2f} of its time per sample",
        "≤ 1.0",
    )


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def bytes_per_instance(kind: str, each: int, sensors: int = 10_000) -> float:
    """Resident bytes of one instance: the same sensors with one rule and with `each` of them.

    All cores stay alive, so that no freed page hides what the last takes; the first is there to
    load the kernels. Call it in a process of its own.
    """
    one = limit_rule("r", 35.0) if kind == "limit" else trend_rule()
    rules = tuple(Rule(f"r{i}", one.kind, one.select, one.judgements) for i in range(each))
    frame = Frame.of(np.arange(sensors), np.full(sensors, SECOND), np.full(sensors, 20.0))
    kept, sizes = [], []
    few, many = plant(sensors, rules[:1], SECOND), plant(sensors, rules, SECOND)
    for config in (few, few, many):
        header = Header(registry=config.version(), received=SECOND, appended=SECOND)
        before = _resident()
        core = Core()
        core.step(1, Entry(Header(), config))
        core.step(2, Entry(header, frame))
        sizes.append(_resident() - before)
        kept.append(core)
    return (sizes[2] - sizes[1]) / (sensors * (each - 1))


def memory() -> list[Figure]:
    """Bytes per instance of both kinds, each in a fresh process."""
    found = []
    for kind, each, target in (("limit", 100, "≤ 200"), ("trend", 20, "≤ 1,100")):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            size = process.submit(bytes_per_instance, kind, each).result()
        found.append(Figure(f"bytes per {kind} instance (RSS)", f"{size:.0f}", target))
    return found


def figures(setting: Setting) -> list[Figure]:
    """Every figure of the core."""
    if setting.bare is None:
        reason = "bare.py is not beside the project; name its folder by --bare or LIFELINE_BARE"
        ratios = [unmeasured(f"core {x} / bare loop", reason, "≥ 0.5") for x in ("J1", "J2")]
    else:
        ratios = beside_bare(load_bare(setting.bare))
    return [*ratios, small_frames(), many_sites(), *memory()]
