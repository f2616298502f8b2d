"""`lifeline digest`: does the log lead to the records that it left?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from .console import JsonOption, print_json, progress, stdout
from .exits import ExitCode
from .plant_files import DEFAULT_CONFIG, ConfigOption, data_directory

if TYPE_CHECKING:
    from ..log import LogReader
    from ..replay.digest import DigestReport

_STYLES: Final = {"equal": "green", "not stored": "yellow"}
# A running engine has the records of its last entries durable within a commit or two.
_SETTLE_TRIES, _SETTLE_S = 20, 0.25


def digest(
    directory: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="A data directory [default: the plant's]."),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Prove that the log leads to its alert records.

    Steps the log again, entry by entry, and compares with the records that it left. Every alert is a pure function of the log: the replay must give the same records, hash by
    hash, whatever crashed while they were made. Prints the digest of the run and of each site.
    Works beside a running engine: what comes meanwhile is left for the next time.

    \b
    lifeline digest                       # the plant of lifeline.yaml here
    lifeline digest /var/lib/lifeline --json

    Exit code 1 where a stored record differs from the replayed one.
    """
    from ..embedded import DataDirectory
    from ..log.lock import holder
    from .kernels import warm_kernels

    directory = data_directory(config, directory)
    areas, calls = DataDirectory(directory).areas, DataDirectory(directory).calls
    warm_kernels()
    reports = [_report(directory, running=holder(directory) is not None)]
    others: dict[str, Any] = {"areas": None, "calls": None}
    for name, folder in (("areas", areas), ("calls", calls)):
        if folder.is_dir():
            reports.append(_report(folder, running=holder(folder) is not None, of=name))
            others[name] = _document(reports[-1])
    if as_json:
        print_json(_document(reports[0]) | others)
    else:
        for report in reports:
            _print(report)
    if not all(report.holds for report in reports):
        raise typer.Exit(ExitCode.FOUND)


def _report(directory: Path, *, running: bool, of: str = "sites") -> DigestReport:
    from ..log import LogReader
    from ..replay.digest import area_digest_of, call_digest_of, digest_of

    reader = LogReader.open(directory)
    digests = {"sites": digest_of, "areas": area_digest_of, "calls": call_digest_of}
    try:
        return _settled(directory, reader, digests[of], running)
    finally:
        reader.close()


def _settled(directory: Path, reader: LogReader, of: Any, running: bool) -> DigestReport:
    """The report; beside a running engine its last records are waited for."""
    with progress("stepping the log", reader.end()) as tell:
        report: DigestReport = of(directory, reader, tell)
    for _ in range(_SETTLE_TRIES if running else 0):
        if report.settled:
            break
        time.sleep(_SETTLE_S)
        report = report.again(reader)
    return report


def _document(report: DigestReport) -> dict[str, Any]:
    return {
        "digest": report.digest,
        "holds": report.holds,
        "first": report.first,
        "last": report.last,
        "entries": report.entries,
        "counters": report.counters,
        "sites": [
            {name: getattr(site, name) for name in site.__dataclass_fields__}
            for site in report.sites
        ],
    }


def _print(report: DigestReport) -> None:
    from rich.text import Text

    console = stdout()
    for site in report.sites:
        line = Text(f"{site.site}  {site.seq} records  {site.replayed or '-'}  ")
        line.append(site.verdict, style=_STYLES.get(site.verdict, "bold red"))
        console.print(line)
    console.print(f"entries {report.first} to {report.last}: {report.entries} stepped")
    console.print(f"digest {report.digest}")
    if not report.holds:
        console.print(
            "The log does not lead to the stored records. Keep the directory as it is and report "
            "this: it is a fault of Lifeline, or the records were changed by hand.",
            style="bold red",
        )
