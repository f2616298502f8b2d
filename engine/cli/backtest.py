"""`lifeline backtest`: rules put to data whose truth is known, and what their alarms would be worth."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..clock import SystemClock
from ..errors import SpecError
from ..limits import SECOND_NS
from .console import (
    JsonOption,
    LangOption,
    Progressed,
    language,
    print_json,
    progress,
    stderr,
)
from .kernels import warm_kernels
from .plant_files import DEFAULT_CONFIG, ConfigArgument, whereabouts

if TYPE_CHECKING:
    from ..backtest import Report, Trial, Verdicts
    from ..backtest.sources import Asked
    from ..config import Plant

#: A Monday, 00:00 UTC: a run is the same whenever it is made.
_START: Final = "2026-01-05T00:00:00+00:00"
_TAIL: Final = "60s"
_NAMED: Final = 8


def backtest(
    config: ConfigArgument = DEFAULT_CONFIG,
    scenario: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME|FILE", help="A simulated site, or a scenario; may be repeated."),
    ] = None,
    recording: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="CSV, JSON lines or Parquet, as `replay` reads them."),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What happened in the recording: CSV, JSON.")
    ] = None,
    seed: Annotated[
        list[int] | None, typer.Option(help="Of a site: a run each [default: 1].")
    ] = None,
    span: Annotated[
        str, typer.Option("--span", metavar="DURATION", help="Of a site: how long a run is.")
    ] = "1d",
    intensity: Annotated[
        int, typer.Option(min=0, help="Of a site: how often its story plays in a run; 0: quiet.")
    ] = 1,
    start: Annotated[
        str, typer.Option("--from", metavar="TIME", help="Of a site: where a run begins.")
    ] = _START,
    tail: Annotated[
        str,
        typer.Option(metavar="DURATION", help="How long after its end a label may still be seen."),
    ] = _TAIL,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also a page with plots, one file.")
    ] = None,
    zone: Annotated[
        str, typer.Option(metavar="ZONE", help="Where times without an offset were written.")
    ] = "",
    time: Annotated[
        str, typer.Option(metavar="COLUMN", help="The recording's column of times.")
    ] = "",
    time_unit: Annotated[
        str, typer.Option(metavar="s|ms|us|ns", help="Unit of times that are numbers.")
    ] = "",
    shown: Annotated[
        bool | None,
        typer.Option("--progress/--no-progress", help="A bar [default: on a terminal]."),
    ] = None,
    as_json: JsonOption = False,
    lang: LangOption = "",
) -> None:
    """What the rules of a plant are worth, on data whose truth is known.

    Scenarios (simulated sites and what happens there) or a recording with labels go through the core as in a
    replay. For each rule and in all: incidents found and missed, delay (median, 95 %), false alarms per
    sensor-year by level, with exact 95 % bounds; and alarm performance after EEMUA 191.

    \b
    lifeline backtest plant/lifeline.yaml --scenario city-gas --seed 11 --seed 12 --span 6h
    lifeline backtest rig.yaml --recording june.csv --labels june-labels.csv --html june.html
    lifeline backtest --scenario leak.yaml --json | jq .whole.false.red

    A file of labels has the columns id, what, sensors, onset, end, level (a colour, or `fault` for what is
    wrong with an instrument) and perhaps site. An alarm is an incident's where it is on a sensor of its label
    between onset and end + tail, else a fault's where a fault's label covers it, else false.
    """
    from ..amounts import parse_duration
    from ..backtest import report
    from ..config import load
    from .backtest_report import document, print_report
    from .times import moment

    tail_ns, span_ns = parse_duration(tail), parse_duration(span)
    if span_ns <= 0:
        raise SpecError("a run has no length", found=span)
    plant = load(config)
    if bool(scenario) == bool(recording) or bool(recording) != bool(labels):
        raise SpecError(
            "one source with its truth", expected="--scenario, or --recording with --labels"
        )
    if recording and labels:
        trials = _recorded(plant, recording, labels, zone, time, time_unit)
    else:
        from ..backtest.sources import Asked

        asked = Asked(tuple(seed or (1,)), span_ns / SECOND_NS, intensity, moment(start))
        trials = _scenarios(plant, scenario or [], asked)
    warm_kernels()
    clock = SystemClock()
    began = clock.monotonic()
    judged = _judged(trials, config, tail_ns, shown)
    made = report(judged, tail_ns, (clock.monotonic() - began) / SECOND_NS)
    if html is not None:
        _write(html, judged, made, config, lang)
    if as_json:
        print_json(document(made))
    else:
        print_report(made, language(lang))


def _recorded(
    plant: Plant, recordings: list[Path], labels: Path, zone: str, time: str, unit: str
) -> list[Trial]:
    from ..backtest.sources import recorded_trial
    from ..replay.tables import Reading

    trial, samples = recorded_trial(recordings, labels, plant, Reading("", zone, time, unit))
    if samples.passed:
        stderr().print("passed by: " + ", ".join(sorted(samples.passed)[:_NAMED]), style="dim")
    return [trial]


def _scenarios(plant: Plant, wanted: list[str], asked: Asked) -> list[Trial]:
    from ..backtest.sources import scenario_trials

    return list(scenario_trials(wanted, plant, asked))


def _judged(
    trials: Sequence[Trial], config: Path, tail_ns: int, shown: bool | None
) -> list[Verdicts]:
    from ..backtest import judge, verdicts

    where = whereabouts(config)
    found = []
    with progress("judging", len(trials), shown) as tell:
        for done, trial in enumerate(trials):
            judged = judge(trial, where, partial(_told, tell, done))
            found.append(verdicts(judged, tail_ns))
            tell(done + 1)
    return found


def _told(tell: Progressed, done: int, share: float) -> None:
    tell(done + share)


def _write(path: Path, judged: Sequence[Verdicts], made: Report, config: Path, lang: str) -> None:
    from ..backtest.page import page

    text = page(judged, made, str(config), language(lang))
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SpecError(
            "the page cannot be written", where=str(path), found=error.strerror or str(error)
        ) from error
    stderr().print(f"wrote {path}", style="dim")
