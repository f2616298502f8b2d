"""Simulators: samples a second of each site, of 100,000 sensors at 1 Hz, and a year through the core.

By seconds of processor time, since one thread computes: medians of PASSES, each on a run of its own
seed and of at most SPAN_S. A year of 1,000 sensors at one a minute is LIFELINE_BENCH_YEAR_DAYS
days of it (10), told as a year at that rate; the city is told for LIFELINE_BENCH_CITY_S (64) seconds. By itself: python benchmarks/simulate.py
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from math import inf
from pathlib import Path

from figure import Figure, Setting, grouped, table, unmeasured

from lifeline.engine.config import load
from lifeline.engine.errors import LifelineError
from lifeline.engine.limits import SECOND_NS
from lifeline.simulators.city_gas import city_gas
from lifeline.simulators.configs import write_config
from lifeline.simulators.judging import Judging
from lifeline.simulators.plant import Scenario, Site
from lifeline.simulators.sites import SITES
from lifeline.simulators.stream import Stream, offline_steps
from lifeline.simulators.tailings import tailings

PASSES, SPAN_S, MOST = 3, 3.0, 1_000_000
START = 1_800_000_000 * SECOND_NS
DAYS = float(os.environ.get("LIFELINE_BENCH_YEAR_DAYS", "10"))
CITY_S = float(os.environ.get("LIFELINE_BENCH_CITY_S", "64"))


def streamed(scenario: Scenario, most: int = MOST, span_s: float = SPAN_S) -> float:
    """Samples per second of processor time: blocks are computed until there are enough."""
    stream = Stream(scenario, offline_steps(scenario.site))
    slice_ns = scenario.site.step_ns * max(1, offline_steps(scenario.site) // 8)
    until, samples, began = scenario.start_ns, 0, time.process_time()
    while not stream.exhausted and samples < most and time.process_time() - began < span_s:
        until += slice_ns
        samples += len(stream.take(until))
    return samples / (time.process_time() - began)


def of_site(site: Site, seconds: float = 86_400.0) -> float:
    """The median over passes; the first is not counted, as it may load kernels."""
    streamed(site.scenario(START, seconds, 0), 1_000)
    return statistics.median(streamed(site.scenario(START, seconds, k)) for k in range(PASSES))


def through_core(scenarios: list[Scenario], window_s: float, most_s: float) -> tuple[int, float]:
    """Samples and seconds of processor time, simulated and judged."""
    with tempfile.TemporaryDirectory() as folder:
        plant = load(write_config(Path(folder), scenarios, "127.0.0.1", 1883))
    judging = Judging(plant, scenarios, window_s)
    samples, began = 0, time.process_time()
    for judged in judging.windows():
        samples += judged.samples
        if time.process_time() - began > most_s:
            break
    return samples, time.process_time() - began


def per_site() -> list[Figure]:
    """Every registered site as it comes."""
    found = []
    for name, build in SITES.items():
        title = f"simulated, samples/s: {name}"
        try:
            site = build()
            found.append(Figure(f"{title} ({len(site.points)} sensors)", grouped(of_site(site))))
        except (LifelineError, ImportError) as error:  # an extra may be missing
            found.append(unmeasured(title, error))
    return found


def city() -> list[Figure]:
    """100,000 sensors at 1 Hz, to the end: whole blocks, or what was computed would not be counted."""
    site = city_gas("gas", manholes=14_286)
    scenario = site.scenario(START, CITY_S, 1, intensity=0)
    alone = streamed(scenario, span_s=inf, most=sys.maxsize)
    samples, took = through_core([scenario], 0.0, inf)
    return [
        Figure(f"{len(site.points):,} sensors at 1 Hz, simulated, samples/s", grouped(alone)),
        Figure(
            f"the same into the core, {CITY_S:.0f} s of it, samples/s",
            f"{grouped(samples / took)} ({samples:,} samples)",
            "100,000",
        ),
    ]


def year() -> Figure:
    """1,000 sensors at one a minute, simulated and judged."""
    sites = [tailings(f"dam-{k}", sections=9, interval_s=60.0) for k in range(16)]
    runs = [site.scenario(START, DAYS * 86_400.0, k) for k, site in enumerate(sites)]
    samples, took = through_core(runs, 0.0, inf)
    sensors = sum(len(site.points) for site in sites)
    whole = sensors * 365.0 * 1440.0 * took / samples
    name = f"a year of {sensors:,} sensors at one a minute, simulator and core (of {DAYS:g} days)"
    return Figure(name, f"{whole / 60.0:.1f} min, {grouped(samples / took)} samples/s")


def figures(setting: Setting) -> list[Figure]:
    """All of them."""
    return [*per_site(), *city(), year()]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as work:
        sys.stdout.write(table(figures(Setting(None, Path(work)))) + "\n")
