"""Held-out runs of every simulated domain: what the rules find, how soon, and how often they cry for nothing.

    python benchmarks/heldout.py                              # every site of the registry, some minutes
    python benchmarks/heldout.py --only tailings --years 30   # one of them, as long as it takes
    python benchmarks/heldout.py --out docs/heldout.md        # writes or renews these sites' sections

Two questions, each with seeds that nothing else uses and nothing was set up on:

incidents  the site's story, told with each of its seeds and with every size times each of SIZES (within what the kind
           accepts), in the places that its dice say, with its faults. Found by the labels; delay from the onset.
normal     stories without what has a label: rhythm, weather, maintenance and what else does no harm, and every sensor
           fault, until there are so many sensor-years. Whatever alarms and is not about a fault is false.

Limits are those that the site's own file has (`lifeline simulate NAME --config`): packs or rules of its own.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Final

from lifeline.engine.backtest import Verdicts, judge, report, verdicts
from lifeline.engine.backtest.report import Report, detection
from lifeline.engine.backtest.tables import Table, alarmed, detections, rules
from lifeline.engine.backtest.words import bounded, number, percent
from lifeline.engine.config import Plant, load
from lifeline.engine.frame import Frame
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.outputs.times import parse_rfc3339
from lifeline.simulators import sites as registry
from lifeline.simulators.cause import Happening, Run, kind_of
from lifeline.simulators.configs import write_config
from lifeline.simulators.plant import Scenario, Script, Site
from lifeline.simulators.script import scripted
from lifeline.simulators.trials import site_names, trial_of


@dataclass(frozen=True, slots=True)
class Seeds:
    """Of the incidents, and the first of normal times (of as many as it takes)."""

    incidents: tuple[int, ...]
    normal: int


#: No rule, limit, label or test was made with these. Seeds 70001 to 70004 and 90001 on were used up by all sites:
#: they showed mistakes of stories and labels.
FIRST: Final = Seeds((72_001, 72_002, 72_003, 72_004), 92_001)
#: Sites of which those of `FIRST` showed mistakes that were mended: they are told with seeds that nobody had seen then.
SECOND: Final = Seeds((73_001, 73_002, 73_003, 73_004), 93_001)
#: Those of `SECOND` showed one more: a label of a meter's drift that ended before the balance had forgotten it.
THIRD: Final = Seeds((75_001, 75_002, 75_003, 75_004), 95_001)
LATER: Final = {
    **dict.fromkeys(("city-gas", "heating", "pipeline", "quake", "water-supply"), SECOND),
    "oil-line": THIRD,
}
#: Times the size that the story's dice gave.
SIZES: Final = (0.6, 1.0, 1.6)
#: A Monday in July: storms, heat.
START: Final = parse_rfc3339("2026-07-06T00:00:00+08:00")
#: Sites that have nothing to do in summer.
STARTS: Final = {"heating": parse_rfc3339("2026-01-12T00:00:00+08:00")}
#: Normal times are told in runs of so many stories, so that memory stays small.
STORIES: Final = 8
MOST_RUNS: Final = 10_000
#: A story of a site that is not named below: so many steps of its grid, within a day and thirty.
STORY_STEPS: Final = 7_200
_DAY_S: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a site samples (None: as it comes) and how long one story is, s."""

    interval_s: float | None
    story_s: float


#: Sites that a demonstration shows in a minute, at the pace of a real one.
PACES: Final = {
    "city-gas": Pace(10.0, 21_600.0),
    "pipeline": Pace(10.0, 21_600.0),
    "tailings": Pace(600.0, 10 * _DAY_S),
}


@dataclass(frozen=True, slots=True)
class Domain:
    """What came of one site."""

    site: Site
    pace: Pace
    tail_ns: int
    sizes: tuple[tuple[float, tuple[Verdicts, ...]], ...]
    normal: tuple[Verdicts, ...]
    seeds: tuple[int, ...]
    normal_seeds: tuple[int, int]
    simulated_s: float
    judged_s: float


def seeds_of(name: str) -> Seeds:
    """The seeds of a site."""
    return LATER.get(name, FIRST)


def site_at(name: str) -> tuple[Site, Pace]:
    """A site of the registry at its pace."""
    pace = PACES.get(name)
    if pace is not None:
        return registry.SITES[name](interval_s=pace.interval_s), pace
    site = registry.site_named(name)
    steps_s = STORY_STEPS * site.step_ns / SECOND_NS
    return site, Pace(None, min(30 * _DAY_S, max(_DAY_S, steps_s)))


def of_size(site: Site, happening: Happening, times: float) -> Happening:
    """The same of another size, within what its kind accepts."""
    kind = kind_of(site, happening.kind)
    return replace(happening, size=min(kind.most, max(kind.least, happening.size * times)))


def told(site: Site, pace: Pace, seed: int, times: float) -> Scenario:
    """One story with its faults, sizes changed."""
    base = site.scenario(STARTS.get(site.name, START), pace.story_s, seed)
    return _with(base, [of_size(site, h, times) for h in base.script.happenings])


def calm(site: Site, pace: Pace, seed: int, stories: int) -> Scenario:
    """Stories of which only what has no label happens, with their faults."""
    base = site.scenario(STARTS.get(site.name, START), pace.story_s * stories, seed, stories)
    harmless = [h for h in base.script.happenings if not kind_of(site, h.kind).make(site, h)[0]]
    return _with(base, harmless)


def _with(base: Scenario, happenings: Sequence[Happening]) -> Scenario:
    run = Run(base.start_ns, base.duration_s, base.seed, base.script.compression)
    script: Script = scripted(base.site, run, happenings, base.faults)
    return replace(base, script=script)


def run_domain(
    name: str,
    years: float,
    seeds: Sequence[int] = (),
    sizes: Sequence[float] = SIZES,
    say: Callable[[str], object] = lambda line: None,
) -> Domain:
    """All runs of one site; incidents with its own seeds where none are given. Raises ImportError where it needs
    a library that is not there."""
    watch = _Watch()
    seeds = seeds or seeds_of(name).incidents
    site, pace = site_at(name)
    slowest = max(point.every for point in site.points) * site.step_ns
    tail_ns = max(60 * SECOND_NS, 3 * slowest)
    with tempfile.TemporaryDirectory(prefix="lifeline-heldout-") as directory:
        plant = load(
            write_config(Path(directory), [told(site, pace, seeds[0], 1.0)], "127.0.0.1", 1883)
        )
        found = []
        for times in sizes:
            say(f"{name}: incidents, sizes × {times:g}")
            runs = (told(site, pace, seed, times) for seed in seeds)
            found.append((times, tuple(_judged(run, plant, tail_ns, watch) for run in runs)))
        normal: list[Verdicts] = []
        exposed = 0.0
        for one in _normal(site, pace, plant, tail_ns, watch):
            normal.append(one)
            exposed += one.exposure[""]
            say(f"{name}: normal times, {number(exposed)} of {years:g} sensor-years")
            if exposed >= years:
                break
    first = seeds_of(name).normal
    last = first + len(normal) - 1
    return Domain(
        *(site, pace, tail_ns, tuple(found), tuple(normal), tuple(seeds), (first, last)),
        *(watch.simulated_s, watch.judged_s),
    )


def _normal(
    site: Site, pace: Pace, plant: Plant, tail_ns: int, watch: _Watch
) -> Iterator[Verdicts]:
    first = seeds_of(site.name).normal
    for seed in range(first, first + MOST_RUNS):
        yield _judged(calm(site, pace, seed, STORIES), plant, tail_ns, watch)


def _judged(scenario: Scenario, plant: Plant, tail_ns: int, watch: _Watch) -> Verdicts:
    trial = trial_of(scenario, plant)
    began, before = time.process_time(), watch.simulated_s
    found = verdicts(judge(replace(trial, frames=lambda: watch.over(trial.frames()))), tail_ns)
    watch.judged_s += time.process_time() - began - (watch.simulated_s - before)
    return found


class _Watch:
    """Processor time of making samples, and of judging and counting them."""

    def __init__(self) -> None:
        self.simulated_s = self.judged_s = 0.0

    def over(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """The same Frames."""
        while True:
            began = time.process_time()
            frame = next(frames, None)
            self.simulated_s += time.process_time() - began
            if frame is None:
                return
            yield frame


# --- the page ------------------------------------------------------------------------------------

TITLE: Final = "# Held-out runs"


def _said(seeds: Seeds) -> str:
    incidents = ", ".join(map(str, seeds.incidents))
    return f"{incidents} for incidents, from {seeds.normal} on for normal times"


def _of_others() -> str:
    """The sites that have other seeds than `FIRST`, with them."""
    of: dict[Seeds, list[str]] = {}
    for name, seeds in LATER.items():
        of.setdefault(seeds, []).append(name)
    return "; ".join(
        f"of {', '.join(sorted(names))}: {_said(seeds)}" for seeds, names in of.items()
    )


HEAD: Final = f"""{TITLE}

What the rules of each simulated site are worth on seeds and sizes that nothing was set up on. Written by
[benchmarks/heldout.py](../benchmarks/heldout.py), which renews the sections of the sites that it runs; words and bounds as in
[back-tests](backtest.md). The plants are [simulated](simulators.md): these figures say nothing about a real one.

- **Incidents**: the site's story with four seeds; each is told with its sizes (hole, rain, speed: what `size` means for the kind) times
  {", ".join(f"{s:g}" for s in SIZES)}, within what the kind accepts, in places thrown by the seed, with the story's sensor faults.
- **Normal times**: rhythm, weather, maintenance and whatever else has no label, and all sensor faults of the story. An alarm that is not about a fault is false.
- **Seeds**: {_said(FIRST)}; {_of_others()}. With those
  before, these sites showed mistakes, which were mended (see the [changelog](../CHANGELOG.md)): seeds that led to a change are not told again.
"""


def section(domain: Domain) -> str:
    """One site of the page."""
    site, pace = domain.site, domain.pace
    every = [one for _, runs in domain.sizes for one in runs]
    incidents, normal = report(every, domain.tail_ns), report(domain.normal, domain.tail_ns)
    samples = incidents.samples + normal.samples
    step_s = site.step_ns / SECOND_NS
    first, last = domain.normal_seeds
    compression = told(site, pace, domain.seeds[0], 1.0).script.compression
    faster = "" if compression == 1.0 else f", told {compression:g} times faster"
    lines = [
        f"## {site.name}",
        "",
        f"{len(site.points)} sensors, a step of {step_s:g} s, stories of {pace.story_s / 3600:g} h{faster}; a label may be seen "
        f"{domain.tail_ns / SECOND_NS:g} s after its end. Normal times: seeds {first} to {last}, "
        f"{number(normal.whole.false.sensor_years)} sensor-years. {samples:,} samples: {samples / domain.simulated_s:,.0f} simulated and "
        f"{samples / domain.judged_s:,.0f} judged in a second of processor time. Lifeline {version('lifeline-engine')}.",
        "",
        *_markdown(_sized(domain, incidents)),
        "",
        *_markdown(_calm(normal)),
        "",
    ]
    loud = [one for one in normal.rules if one.false.count]
    if loud:
        table = rules(loud, "en")
        kept = (0, 7, 8, 9, 10)
        lines += [
            "False in normal times, by rule:",
            "",
            *_markdown(_columns(table, kept)),
            "",
        ]
    if normal.faults:
        lines += [*_markdown(alarmed(normal.faults, "en")), ""]
    return "\n".join(lines)


def _sized(domain: Domain, whole: Report) -> Table:
    """Classes with what was found at each size."""
    table = detections("incident", [*whole.classes, whole.incidents], "en")
    by_size = []
    for times, runs in domain.sizes:
        one = report(runs, domain.tail_ns)
        found = {c.what: f"{c.found}/{c.labels}" for c in (*one.classes, one.incidents)}
        by_size.append((f"size × {times:g}", found))
    names = [c.what for c in (*whole.classes, whole.incidents)]
    heads = (*table.heads[:1], *(head for head, _ in by_size), *table.heads[2:6])
    rows = tuple(
        (row[0], *(found.get(name, "–") for _, found in by_size), *row[2:6])
        for name, row in zip(names, table.rows, strict=True)
    )
    return Table(heads, rows)


def _calm(normal: Report) -> Table:
    from lifeline.engine.backtest.bounds import rate

    false = normal.whole.false
    rows = [
        (level, str(count), bounded(rate(count, false.sensor_years), number))
        for level, count in zip(("blue", "yellow", "orange", "red"), false.levels, strict=True)
    ]
    rows.append(("all", str(false.count), bounded(false.rate, number)))
    return Table(("false in normal times", "alarms", "per sensor-year (95 %)"), tuple(rows))


def _columns(table: Table, kept: Sequence[int]) -> Table:
    def only(row: Sequence[str]) -> tuple[str, ...]:
        return tuple(row[k] for k in kept)

    return Table(only(table.heads), tuple(map(only, table.rows)))


def _markdown(table: Table) -> list[str]:
    heads = " | ".join(table.heads)
    marks = " | ".join(["---", *("---:" for _ in table.heads[1:])])
    return [f"| {heads} |", f"| {marks} |", *(f"| {' | '.join(row)} |" for row in table.rows)]


def summary(domains: Sequence[Domain]) -> str:
    """One line each for the terminal."""
    lines = []
    for domain in domains:
        found = [one for _, runs in domain.sizes for trial in runs for one in trial.found]
        share = detection("", [one for one in found if not one.label.fault]).share
        red = report(domain.normal, domain.tail_ns).whole.false
        lines.append(
            f"{domain.site.name}: found {bounded(share, percent)} %, false red a sensor-year "
            f"{bounded(red.red, number)}, all {bounded(red.rate, number)}"
        )
    return "\n".join(lines)


def renewed(page: str, sections: dict[str, str]) -> str:
    """The page with these sections instead of those of the same name, by name; a new head."""
    old = {part.split("\n", 1)[0]: f"## {part}" for part in re.split(r"^## ", page, flags=re.M)[1:]}
    every = {name: text.rstrip() + "\n" for name, text in {**old, **sections}.items()}
    return "\n".join([HEAD, *(every[name] for name in sorted(every))])


def main(given: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", help="a site; may be repeated (default: all)")
    parser.add_argument(
        "--years", type=float, default=0.5, help="sensor-years of normal times each (default: 0.5)"
    )
    parser.add_argument("--out", type=Path, help="the page to renew, docs/heldout.md")
    chosen = parser.parse_args(given)
    domains: list[Domain] = []
    for name in chosen.only or site_names():
        try:
            done = run_domain(name, chosen.years, say=lambda line: print(line, file=sys.stderr))
        except ImportError as error:
            print(f"{name}: left out, {error}", file=sys.stderr)
            continue
        domains.append(done)
        if chosen.out is not None:
            page = chosen.out.read_text(encoding="utf-8") if chosen.out.exists() else ""
            text = renewed(page, {done.site.name: section(done)})
            chosen.out.write_text(text, encoding="utf-8")
    print(summary(domains))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
