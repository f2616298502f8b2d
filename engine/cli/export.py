"""`lifeline export`: a span of a plant's store as one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..errors import SpecError
from .console import progress, stdout
from .plant_files import DEFAULT_CONFIG

if TYPE_CHECKING:
    from ..store.export import Form

_SUFFIXES: Final = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".arrow": "arrow"}


def export(
    plant: Annotated[
        Path,
        typer.Argument(
            envvar="LIFELINE_CONFIG",
            metavar="[PLANT]",
            help="The plant's file or data directory.",
            show_default=True,
        ),
    ] = DEFAULT_CONFIG,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where to write.")
    ] = None,
    since: Annotated[
        str, typer.Option("--from", metavar="TIME", help="The first moment [default: the oldest].")
    ] = "",
    until: Annotated[
        str, typer.Option("--to", metavar="TIME", help="The moment to stop before [default: now].")
    ] = "",
    resolution: Annotated[
        str, typer.Option(metavar="raw|1m|1h", help="Samples, or their minutes or hours.")
    ] = "raw",
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="parquet|csv|arrow",
            help="[default: by the file's name, or parquet]",
        ),
    ] = "",
    site: Annotated[list[str] | None, typer.Option(help="Only this site; may be repeated.")] = None,
    sensor: Annotated[
        list[str] | None,
        typer.Option(help="Only this sensor, ID or SITE/ID; may be repeated."),
    ] = None,
    domain: Annotated[
        list[str] | None,
        typer.Option(help="Only quantities that begin so (gas, dam …); may be repeated."),
    ] = None,
    alerts: Annotated[
        bool, typer.Option("--alerts", help="Alert records instead of series.")
    ] = False,
    shown: Annotated[
        bool | None,
        typer.Option("--progress/--no-progress", help="A bar [default: on a terminal]."),
    ] = None,
) -> None:
    """Write a span of the plant's own store to a file, sorted by sensor and time.

    Parquet (zstd), CSV or Arrow. Works beside the running engine and without one, in little memory
    however much it is; the file appears when it is whole. What it writes, `lifeline replay` reads.

    \b
    lifeline export --from 2026-11-01 --to 2026-11-08 --out week.parquet
    lifeline export plant.yaml --from 2h --site gas-east --out last.csv
    lifeline export --resolution 1h --domain gas --out gas-hours.parquet
    lifeline export --alerts --from 30d --out alerts.csv

    Times: 2026-11-22T06:00:00+08:00, a date (UTC; --to takes the whole day), or how long ago (2h).
    """
    from ..clock import SystemClock
    from ..store.export import RESOLUTIONS, Wanted, export_alerts, export_series
    from .query import store_directory
    from .times import moment

    if out is None:
        raise typer.BadParameter("no file to write to: --out FILE")
    if resolution not in RESOLUTIONS:
        raise SpecError(
            "unknown resolution", found=repr(resolution), expected=", ".join(RESOLUTIONS)
        )
    first = moment(since) if since else 0
    last = moment(until, end=True) if until else SystemClock().wall()
    if first >= last:
        raise SpecError("--from is not before --to", found=f"{since or 'the oldest'} to {until}")
    wanted = Wanted(first, last, tuple(site or ()), tuple(sensor or ()), tuple(domain or ()))
    directory, kind = store_directory(plant), _form(form, out)
    with progress("exporting", 1.0, shown) as tell:

        def told(done: int, total: int) -> None:
            tell(done / max(done, total))

        if alerts:
            rows = export_alerts(directory, wanted, kind, out, told)
        else:
            rows = export_series(directory, wanted, resolution, kind, out, told)
    stdout().print(f"{rows:,} rows in {out}")


def _form(form: str, out: Path) -> Form:
    from ..store.export import FORMS

    wanted = form or _SUFFIXES.get(out.suffix.lower(), "parquet")
    for known in FORMS:
        if wanted == known:
            return known
    raise SpecError("unknown format", found=repr(wanted), expected=", ".join(FORMS))
