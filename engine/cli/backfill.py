"""`lifeline backfill`: samples and alert records of a time, written to an output again."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ..errors import SpecError
from ..limits import LATEST_TIME_NS, SECOND_NS
from .console import JsonOption, print_json, stderr
from .exits import ExitCode
from .plant_files import DEFAULT_CONFIG, ConfigArgument
from .times import moment

if TYPE_CHECKING:
    from ..backfill.job import Done, Job
    from ..backfill.windows import Window
    from ..backfill.writers import Writer
    from ..config import Plant
    from ..replay.tables import Reading

LOG: Final = "log"
_TOLD_EVERY_NS: Final = 5 * SECOND_NS


def backfill(
    config: ConfigArgument = DEFAULT_CONFIG,
    since: Annotated[
        str, typer.Option("--from", metavar="TIME", help="From this time on; a date is UTC.")
    ] = "",
    until: Annotated[
        str, typer.Option("--to", metavar="TIME", help="Before this time; a date: its end.")
    ] = "",
    output: Annotated[
        str,
        typer.Option(
            metavar="influx|store", help="Where to [default: the plant's, InfluxDB first]."
        ),
    ] = "",
    source: Annotated[
        list[str] | None,
        typer.Option(
            metavar="log|FILE", help="What from: the log, or recorded files; may be repeated."
        ),
    ] = None,
    rate: Annotated[
        float,
        typer.Option(
            min=0.0, metavar="N", help="Points a second [default: half of what it takes]."
        ),
    ] = 0.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, write nothing.")] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Forget how far an earlier run came.")
    ] = False,
    site: Annotated[str, typer.Option(help="In files: sensors of this site only.")] = "",
    zone: Annotated[
        str, typer.Option(metavar="ZONE", help="Where files' times without an offset were written.")
    ] = "",
    time: Annotated[str, typer.Option(metavar="COLUMN", help="The files' column of times.")] = "",
    time_unit: Annotated[
        str, typer.Option(metavar="s|ms|us|ns", help="Unit of files' times that are numbers.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Write a time to an output again, beside a running engine.

    Samples and alert records whose own time lies between --from and --to, out of the log (late ones included), or samples out of files as `lifeline replay`
    reads them. It has a connection of its own, rests as long as each write took (or keeps to --rate) and waits while a live output is behind. Writing again
    changes no count: a point of the same sensor and time is replaced. Interrupted, the same command goes on where it was.

    \b
    lifeline backfill --from 2026-11-20 --to 2026-11-20 --dry-run
    lifeline backfill plant.yaml --from 2026-11-20T06:00:00+08:00 --to 2026-11-20T09:00:00+08:00
    lifeline backfill --source june.parquet --source july.csv --rate 5000

    Lines that the server refuses are left among the dead letters (lifeline deadletter list). Exit
    code 1 where there were any, or where something could not be written; 130 when interrupted.
    """
    from ..config import load
    from ..replay.tables import Reading

    plant = load(config)
    files = [Path(name) for name in source or [] if name != LOG]
    from_log = not source or LOG in source
    if from_log and files:
        raise SpecError("the log or files, not both in one run", expected="--source log, or files")
    if from_log and not since:
        raise SpecError("from when?", expected="--from TIME")
    span = (moment(since) if since else 0, moment(until, end=True) if until else LATEST_TIME_NS)
    if span[0] >= span[1]:
        raise SpecError("--from does not lie before --to", found=f"{since} and {until}")
    kind = _kind(output, plant)
    reading = Reading(site, zone, time, time_unit)
    with ExitStack() as opened, _interruptible() as stop:
        windows = _windows(opened, plant, files, reading, span)
        teller = _Teller()
        if dry_run:
            _count(windows, kind, as_json)
            return
        job = _Job(plant, kind, span, files, rate, restart)
        _write(job, opened, windows, stop, teller, as_json)


def _kind(wanted: str, plant: Plant) -> str:
    there = [name for name in ("influx", "store") if getattr(plant.outputs, name, None) is not None]
    if wanted and wanted not in there:
        raise SpecError(
            "this file names no such output",
            found=repr(wanted),
            expected=" or ".join(there) or "outputs: {influx: …} or {store: …}",
        )
    if not there:
        raise SpecError(
            "this file names no output for series", expected="outputs: {influx: …} or {store: …}"
        )
    return wanted or there[0]


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM end between two writes, so that the place is kept."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# --- what ------------------------------------------------------------------------------------------


def _windows(
    opened: ExitStack, plant: Plant, files: list[Path], reading: Reading, span: tuple[int, int]
) -> list[Window]:
    from ..backfill.windows import FileWindow, LogWindow, RecordWindow, gone
    from ..embedded import DataDirectory
    from ..entry import decode
    from ..log import ConfigurationFiles, LogReader

    if files:
        return [FileWindow(files, plant, reading, *span)]
    directory = DataDirectory(plant.storage.directory)
    reader = LogReader.open(directory.root)
    opened.callback(reader.close)
    words = gone(reader, span[0], lambda: decode(reader.read(0, 1)[0][1]).header.appended)
    if words:
        stderr().print(f"lifeline: {words}")
    find = ConfigurationFiles(directory.configurations).find
    windows: list[Window] = [
        LogWindow(reader, find, *span),
        RecordWindow("records", reader, *span),
    ]
    if (directory.areas / "log.db").is_file():
        areas = LogReader.open(directory.areas)
        opened.callback(areas.close)
        windows.append(RecordWindow("area records", areas, *span))
    return windows


def _count(windows: list[Window], kind: str, as_json: bool) -> None:
    """What would be written."""
    from ..backfill.windows import Samples

    counts: Counter[str] = Counter()
    bounds: list[int] = []
    for window in windows:
        for content, _ in window.portions(window.first):
            if isinstance(content, Samples):
                counts["samples"] += len(content)
                if len(content):
                    bounds += [int(content.frame.time.min()), int(content.frame.time.max())]
            else:
                counts["records"] += len(content)
    unnamed = sum(window.unnamed for window in windows)
    if as_json:
        document: dict[str, Any] = {"output": kind, **counts, "unnamed": unnamed}
        print_json(document | {"dry_run": True, "first": min(bounds, default=None),
                               "last": max(bounds, default=None)})  # fmt: skip
        return
    from ..outputs.times import rfc3339

    between = f", from {rfc3339(min(bounds))} to {rfc3339(max(bounds))}" if bounds else ""
    typer.echo(
        f"{counts['samples']:,} samples and {counts['records']:,} alert records would go to "
        f"{kind}{between}"
    )
    _tell_passed(windows)


def _tell_passed(windows: list[Window]) -> None:
    for window in windows:
        if window.unnamed:
            stderr().print(
                f"lifeline: {window.unnamed:,} samples are of a configuration that is not kept any "
                "more: nobody can name their sensors, so they are not written"
            )
        if window.passed:
            names = ", ".join(f"{name} {n}" for name, n in window.passed.most_common(8))
            stderr().print(f"lifeline: passed by, since no sensor has the name: {names}")


# --- where to, how fast ----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Job:
    """What the command line says."""

    plant: Plant
    kind: str
    span: tuple[int, int]
    files: list[Path]
    rate: float
    restart: bool

    @property
    def name(self) -> str:
        """What is written where: the same name is the same job, to be gone on with."""
        influx = self.plant.outputs.influx
        where = f"{influx.url} {influx.bucket or influx.database}" if influx else ""
        what = [f"{f.absolute()} {f.stat().st_size} {f.stat().st_mtime_ns}" for f in self.files]
        return f"{self.kind} {where if self.kind == 'influx' else ''} {self.span} {what or LOG}"


def _write(
    job: _Job,
    opened: ExitStack,
    windows: list[Window],
    stop: threading.Event,
    teller: _Teller,
    as_json: bool,
) -> None:
    from ..backfill.job import Job
    from ..backfill.pacing import Live, Pace
    from ..backfill.progress import ProgressFile
    from ..clock import SystemClock

    clock = SystemClock()
    directory = job.plant.storage.directory
    progress = ProgressFile(directory, job.name)
    if job.restart:
        progress.drop()
    elif progress.begun:
        teller.say(f"going on: {progress.place.points:,} points were written by an earlier run")
    writer = _writer(job, stop, teller, opened)
    live = Live(directory, job.kind, clock)
    pace = Pace(job.rate, live, clock, stop.wait, teller.say)
    run = Job(windows, writer, pace, progress, clock, teller.progress)
    finished = run.run()
    _summary(run, windows, finished, pace.yielded, as_json)


def _writer(job: _Job, stop: threading.Event, teller: _Teller, opened: ExitStack) -> Writer:
    from ..backfill.writers import InfluxWriter
    from ..clock import SystemClock
    from ..embedded.assembly import places
    from ..log import Requests
    from ..outputs.influx_http import InfluxSender
    from ..outputs.influx_room import room_for_samples
    from ..outputs.influx_target import InfluxTarget

    plant = job.plant
    if job.kind == "store":
        from ..backfill.store_writer import store_writer

        known = places(plant.configuration, plant)
        assert plant.outputs.store is not None
        stored = store_writer(plant.storage.directory, plant.outputs.store, known)
        return opened.enter_context(stored)
    assert plant.outputs.influx is not None
    clock = SystemClock()
    sender = InfluxSender(InfluxTarget.of(plant.outputs.influx), clock)
    plant.storage.directory.mkdir(mode=0o750, parents=True, exist_ok=True)
    writer = InfluxWriter(
        sender.send,
        sender.close,
        places(plant.configuration, plant),
        Requests(plant.storage.directory),
        clock,
        stop.wait,
        teller.say,
        room_for_samples(plant.outputs.influx.max_series),
    )
    opened.callback(writer.close)
    return writer


# --- telling ---------------------------------------------------------------------------------------


class _Teller:
    """Says on stderr how far it is, every few seconds."""

    def __init__(self) -> None:
        from ..clock import SystemClock

        self._clock = SystemClock()
        self._console = stderr()
        self._began = self._told = self._clock.monotonic()
        self._first: Done | None = None

    def say(self, text: str) -> None:
        """Something that a person wants to know now."""
        self._console.print(f"lifeline: {text}")

    def progress(self, done: Done) -> None:
        """After each portion."""
        first = self._first = self._first or done
        now = self._clock.monotonic()
        if now - self._told < _TOLD_EVERY_NS:
            return
        self._told = now
        took_s = (now - self._began) / SECOND_NS
        share = done.share - first.share
        left = f", about {_minutes(took_s * (1 - done.share) / share)} left" if share > 0 else ""
        per_s = (done.points - first.points) / took_s
        self._console.print(
            f"{done.window}: {done.points:,} points, {done.share:.0%}{left}, {per_s:,.0f} points/s"
        )


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _summary(run: Job, windows: list[Window], finished: bool, yielded: int, as_json: bool) -> None:
    unnamed = sum(window.unnamed for window in windows)
    if as_json:
        document = {"finished": finished, "points": run.points, "refused": run.refused}
        print_json(document | {"unnamed": unnamed, "yielded": yielded})
    else:
        text = f"{run.points:,} samples and alert records written again"
        text += f", {run.refused:,} refused (lifeline deadletter list)" if run.refused else ""
        typer.echo(text if finished else f"{text}; interrupted: the same command goes on from here")
        _tell_passed(windows)
    if not finished:
        raise typer.Exit(ExitCode.INTERRUPTED)
    if run.refused or unnamed:
        raise typer.Exit(ExitCode.FOUND)
