"""`lifeline replay`: recorded data against rules, fast or at a pace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from ..clock import SystemClock
from ..errors import SpecError
from ..limits import SECOND_NS
from .console import (
    JsonOption,
    LangOption,
    language,
    print_json,
    print_raw,
    progress,
    stdout,
)
from .kernels import warm_kernels
from .plant_files import places

if TYPE_CHECKING:
    from ..config import Plant
    from ..log import LogReader
    from ..outputs.text import Language
    from ..replay.runs import Run, Step
    from ..replay.tables import Reading
    from .performance import Replayed

_WINDOW_S: Final = 0.1  # of wall time, where a pace is kept
_NAMED: Final = 8


def replay(
    source: Annotated[
        list[Path] | None,
        typer.Argument(help="CSV, JSON lines or Parquet files, or one data directory (a log)."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help="Rules and sensors; a log may be replayed without."),
    ] = None,
    from_influx: Annotated[
        bool, typer.Option("--from-influx", help="What is in the plant's InfluxDB.")
    ] = False,
    from_store: Annotated[
        bool, typer.Option("--from-store", help="What is in the plant's embedded store.")
    ] = False,
    by_time: Annotated[
        bool,
        typer.Option("--by-time", help="A log's samples in the order of their times, as a file's."),
    ] = False,
    since: Annotated[
        str, typer.Option("--from", metavar="TIME", help="From this time on; a date is UTC.")
    ] = "",
    until: Annotated[
        str, typer.Option("--to", metavar="TIME", help="Before this time; a date: its end.")
    ] = "",
    speed: Annotated[
        float, typer.Option(min=0.0, help="Event time per wall time; 0: as fast as it goes.")
    ] = 0.0,
    shown: Annotated[
        bool | None,
        typer.Option("--progress/--no-progress", help="A bar [default: on a terminal]."),
    ] = None,
    site: Annotated[str, typer.Option(help="Sensors of this site only.")] = "",
    zone: Annotated[
        str, typer.Option(metavar="ZONE", help="Where times without an offset were written.")
    ] = "",
    time: Annotated[str, typer.Option(metavar="COLUMN", help="The column of times.")] = "",
    time_unit: Annotated[
        str, typer.Option(metavar="s|ms|us|ns", help="Unit of times that are numbers.")
    ] = "",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the summary.")] = False,
    performance: Annotated[
        bool, typer.Option("--performance", help="How the alarms would have performed.")
    ] = False,
    as_json: JsonOption = False,
    lang: LangOption = "",
) -> None:
    """Judge recorded data: files, a log or a database.

    The same answer every time, by the live code.

    \b
    A file is long (columns time, sensor, value, perhaps site and quality) or wide (a time and a
    column for each sensor). Sensors are named by id, <site>/<id>, field or name; values are in the
    tag list's units. Columns that name no sensor are passed over and told.
    A data directory is a log. Without --config it is stepped verbatim, commands and all; with
    --config its samples are judged by other rules: what would they have said? With --by-time they are
    judged as a file's are: those of a time from --from to --to, received when they were measured.
    --from-influx and --from-store read what the plant's outputs have written, a slice of time after
    the other. They hold one value for each sensor and time: the records and the digest are those of
    the log --by-time.

    \b
    lifeline replay june.csv --config lifeline.yaml
    lifeline replay rig.parquet -c rig.yaml --zone Asia/Shanghai --quiet
    lifeline replay lifeline-data --config stricter.yaml
    lifeline replay lifeline-data --speed 60
    lifeline replay --from-influx -c stricter.yaml --from 2026-11-01 --to 2026-11-07
    lifeline replay june.csv -c lifeline.yaml --quiet --performance

    Prints each alert, then counts and the digest: equal input gives an equal digest, on any
    machine. With --json each line is a record, the last one the summary.
    """
    from ..limits import LATEST_TIME_NS
    from ..replay.tables import Reading
    from .times import moment

    span = (moment(since) if since else 0, moment(until, end=True) if until else LATEST_TIME_NS)
    database = "influx" if from_influx else "store" if from_store else ""
    _check(source or [], config, database, by_time, since or until, from_influx and from_store)
    printer = _Printer(config, "" if as_json else language(lang), quiet, performance)
    reading = Reading(site, zone, time, time_unit)
    opened = (
        _database(database, _required(config), span, speed)
        if database
        else _opened(source or [], config, reading, speed, span if by_time else None)
    )
    with opened as run:
        warm_kernels()
        pace = _Pace(speed)
        with progress("replaying", run.total, shown) as tell:
            for step in run.steps():
                pace.keep(step.time)
                printer.step(step, run)
                tell(step.done)
        printer.summary(run)


def _check(
    source: list[Path], config: Path | None, database: str, by_time: bool, spanned: str, both: bool
) -> None:
    """Raises BadParameter for options that do not go together."""
    if both or (database and source):
        raise typer.BadParameter(
            "one source at a time: files, a data directory, --from-influx or --from-store"
        )
    if not (database or source):
        raise typer.BadParameter(
            "nothing to replay: name files or a data directory, or say --from-influx or --from-store"
        )
    if by_time and not (config and len(source) == 1 and source[0].is_dir()):
        raise typer.BadParameter("--by-time is of one data directory, judged by --config")
    if spanned and not (database or by_time):
        raise typer.BadParameter("--from and --to choose from a database, or a log --by-time")


def _required(config: Path | None) -> Path:
    if config is None:
        raise SpecError(
            "a database is found by the plant's file, and judged by its rules", expected="--config"
        )
    return config


@contextmanager
def _database(kind: str, config: Path, span: tuple[int, int], speed: float) -> Iterator[Run]:
    from ..config import load
    from ..replay.runs import SeriesRun

    plant = load(config)
    if kind == "store":
        from ..replay.stored_series import StoredSeries

        source = StoredSeries(plant.storage.directory, plant.configuration)
        yield SeriesRun(source, plant.configuration, *span, _span_ns(speed))
        return
    from ..outputs.influx_server import InfluxServer
    from ..outputs.influx_target import InfluxTarget
    from ..replay.influx_series import influx_series

    if plant.outputs.influx is None:
        raise SpecError("this file names no InfluxDB output", expected="outputs: {influx: …}")
    server = InfluxServer(InfluxTarget.of(plant.outputs.influx))
    try:
        series = influx_series(server, plant.configuration)
        yield SeriesRun(series, plant.configuration, *span, _span_ns(speed))
    finally:
        server.close()


def _span_ns(speed: float) -> int:
    """How much event time is judged at once where a pace is kept."""
    return max(1, round(speed * _WINDOW_S * SECOND_NS)) if speed else 0


@contextmanager
def _opened(
    source: list[Path],
    config: Path | None,
    reading: Reading,
    speed: float,
    by_time: tuple[int, int] | None,
) -> Iterator[Run]:
    from ..config import load

    plant = load(config) if config is not None else None
    if not any(path.is_dir() for path in source):
        if plant is None:
            raise typer.BadParameter("files need the rules and sensors of a plant: --config FILE")
        yield _file_run(source, plant, reading, speed)
        return
    if len(source) > 1:
        raise SpecError("a data directory is replayed alone", found=", ".join(map(str, source)))
    from ..log import LogReader

    reader = LogReader.open(source[0])
    try:
        if by_time is None or plant is None:
            yield _log_run(source[0], reader, plant)
        else:
            yield _by_time(source[0], reader, plant, by_time, speed)
    finally:
        reader.close()


def _file_run(source: list[Path], plant: Plant, reading: Reading, speed: float) -> Run:
    from ..replay.runs import FileRun
    from ..replay.tables import read_samples

    samples = read_samples(source, plant, reading)
    return FileRun(samples, plant.configuration, _span_ns(speed))


def _by_time(
    directory: Path, reader: LogReader, plant: Plant, span: tuple[int, int], speed: float
) -> Run:
    from ..replay.logged import samples_by_time
    from ..replay.runs import FileRun

    samples = samples_by_time(directory, reader, plant.configuration, *span)
    return FileRun(samples, plant.configuration, _span_ns(speed))


def _log_run(directory: Path, reader: LogReader, plant: Plant | None) -> Run:
    from ..replay.runs import LogRun, VerbatimRun

    if plant is None:
        return VerbatimRun(directory, reader)
    return LogRun(directory, reader, plant.configuration)


class _Pace:
    """Keeps event time at `speed` times the wall's; 0 keeps nothing."""

    def __init__(self, speed: float) -> None:
        self._speed = speed
        self._clock = SystemClock()
        self._began = self._clock.monotonic()
        self._first = 0

    def keep(self, time_ns: int) -> None:
        """Waits until the wall has come as far as the data."""
        if not self._speed or not time_ns:
            return
        self._first = self._first or time_ns
        due = self._began + (time_ns - self._first) / self._speed
        wait_s = (due - self._clock.monotonic()) / SECOND_NS
        if wait_s > 0:
            sleep(wait_s)


class _Printer:
    """Prints records as they come and the summary at the end; as JSON where no language is given."""

    def __init__(
        self,
        config: Path | None,
        speech: Language | Literal[""],
        quiet: bool,
        performance: bool = False,
    ) -> None:
        from .format import Lines

        self._config = config
        self._performance: Replayed | None = None
        if performance:
            from .performance import Replayed

            self._performance = Replayed(config)
        known = places(config) if config is not None else {}
        self._lines = Lines(speech, known, dated=True) if speech else None
        self._quiet = quiet
        self._console = stdout()
        self._transitions: Counter[str] = Counter()
        self._raised: Counter[str] = Counter()

    def step(self, step: Step, run: Run) -> None:
        """The records of one step."""
        measured = self._performance
        if measured is not None:
            measured.reached(step.time)
        for record in step.records:
            if measured is not None:
                measured.step(record, run)
            self._transitions[record.transition] += 1
            if record.transition in ("raised", "level"):
                self._raised[record.level_after] += 1
            if self._quiet:
                continue
            if self._lines is None:
                print_raw(record.encode())
            else:
                self._console.print(self._lines.event(record))

    def summary(self, run: Run) -> None:
        """What it was, in numbers."""
        from ..core.saying import reasons

        if self._lines is None:
            print_json({"summary": self._document(run)})
            return
        counters = {name: n for name, n in run.core.counters().items() if n}
        self._console.print("samples    " + _counted(counters))
        self._console.print("records    " + _counted(self._transitions))
        self._console.print("alarms     " + _counted(self._raised))
        if run.passed:
            self._console.print("passed by  " + _counted(run.passed))
        for kind, said in reasons(run.core.state).items():
            self._console.print(f"{kind:<10} " + _counted(said))
        self._console.print(f"digest     {run.core.digest()}")
        if self._performance is not None:
            self._performance.told(run).print(self._lines.language, self._config)

    def _document(self, run: Run) -> dict[str, Any]:
        from ..core.saying import reasons

        measured = self._performance
        return {
            "digest": run.core.digest(),
            "sites": run.core.site_digests(),
            "counters": run.core.counters(),
            "transitions": dict(self._transitions),
            "alarms": dict(self._raised),
            "passed_by": dict(run.passed),
            **({"performance": measured.told(run).document()} if measured else {}),
            "reasons": reasons(run.core.state),
        }


def _counted(counts: Mapping[str, int]) -> str:
    """`judged 12, late 3`, the most frequent first, the rest summed."""
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    words = [f"{name} {n}" for name, n in most[:_NAMED]]
    rest = sum(n for _, n in most[_NAMED:])
    return ", ".join([*words, *([f"others {rest}"] if rest else [])]) or "none"
