"""`lifeline influx`: what the plant writes to, made on the server; a stretch of time sampled again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..errors import SpecError
from .console import JsonOption, LangOption, language, print_json, progress, stdout
from .exits import ExitCode
from .plant_files import DEFAULT_CONFIG, ConfigArgument

if TYPE_CHECKING:
    from ..influx_setup import Step
    from ..outputs.influx_target import InfluxTarget

_STYLES: Final = {
    "made": "green",
    "changed": "yellow",
    "right": "dim",
    "differs": "bold yellow",
    "cannot": "bold red",
    "note": "cyan",
}
_WIDTH: Final = 13
_ADMIN: Final = "The administrator's"

AdminToken = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help=f"{_ADMIN} token (InfluxDB 2; on 1.x user:password)."),
]
AdminUser = Annotated[str, typer.Option(metavar="NAME", help=f"{_ADMIN} name (InfluxDB 1.x).")]
AdminPassword = Annotated[
    Path | None, typer.Option(metavar="FILE", help=f"{_ADMIN} password, in its first line.")
]

app = typer.Typer(
    name="influx",
    help="Database or bucket, retention, down-sampling and logins in InfluxDB.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def init(
    config: ConfigArgument = DEFAULT_CONFIG,
    admin_token_file: AdminToken = None,
    admin_user: AdminUser = "",
    admin_password_file: AdminPassword = None,
    raw: Annotated[
        str, typer.Option(metavar="TIME", help="Keep samples and alerts so long [new: 30d].")
    ] = "",
    minute: Annotated[
        str, typer.Option(metavar="TIME", help="Keep one row a minute so long [new: 1y].")
    ] = "",
    hour: Annotated[
        str, typer.Option(metavar="TIME", help="Keep one row an hour so long [new: 10y].")
    ] = "",
    shorten: Annotated[
        bool, typer.Option("--shorten", help="Also where a shorter time deletes data.")
    ] = False,
    renew: Annotated[
        bool, typer.Option("--renew", help="Give logins that are there new secrets.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing, say what would be.")
    ] = False,
    lang: LangOption = "",
    as_json: JsonOption = False,
) -> None:
    """Make what the plant writes to, or compare what is there.

    Asks the server what it is and makes what outputs.influx of the file names: database or bucket,
    how long it is kept, rows of a minute and of an hour (min, max, mean, sum, count, last), a login that
    may only write and one that may only read. Their secrets go into the files that the configuration names
    (the reader's beside them, with _read behind), which must not be there yet, and are never shown.
    Each thing is one line: made, changed, right, differs, cannot. It may be repeated: what is right is
    left alone, and a time that is not given leaves what is there as it is.

    \b
    lifeline influx init --admin-user admin --admin-password-file admin.password
    lifeline influx init --admin-token-file operator.token --raw 90d
    lifeline influx init --dry-run --json | jq '.steps[] | select(.state == "differs")'

    Exit code 1 where something differs or cannot be made, 3 where InfluxDB does not answer or
    refuses.
    """
    from ..influx_setup import Spans, initialise
    from ..influx_setup.spans import parse_span

    spans = Spans(
        parse_span(raw, "--raw"), parse_span(minute, "--minute"), parse_span(hour, "--hour")
    )
    target = _target(config)
    admin = _admin(target, admin_token_file, admin_user, admin_password_file)
    spoken = language(lang)
    steps: list[Step] = []
    try:
        for step in initialise(target, admin, spans, act=not dry_run, shorten=shorten, renew=renew):
            steps.append(step)
            if not as_json:
                label = step.label(spoken, dry=dry_run)
                _line(label, _STYLES[step.state], step.text(spoken))
    finally:
        if as_json:
            found = [{"state": s.state, "what": s.key, **s.words, "text": s.text(spoken)}
                     for s in steps]  # fmt: skip
            print_json({"dry_run": dry_run, "steps": found})
    if any(step.state in ("differs", "cannot") for step in steps):
        raise typer.Exit(ExitCode.FOUND)


@app.command()
def downsample(
    config: ConfigArgument = DEFAULT_CONFIG,
    start: Annotated[
        str, typer.Option("--from", metavar="TIME", help="Begin here.", show_default=False)
    ] = ...,  # type: ignore[assignment]  # typer's way of saying: needed
    stop: Annotated[
        str, typer.Option("--to", metavar="TIME", help="End here [default: now].")
    ] = "",
    admin_token_file: AdminToken = None,
    admin_user: AdminUser = "",
    admin_password_file: AdminPassword = None,
    as_json: JsonOption = False,
) -> None:
    """Make minutes and hours of a stretch of time again.

    For samples that came too late for the server's own turn: after an outage of the server or of
    the way to it, and after a backfill. Whole minutes are made of the samples that are there, then
    whole hours of the minutes. Rows replace themselves, so it may be repeated. It needs a login
    that reads and writes: the plant's own may only write.

    \b
    lifeline influx downsample --from 2026-03-01T08:00+08:00 --to 2026-03-01T12:00+08:00 \\
        --admin-user admin --admin-password-file admin.password

    Exit code 3 where InfluxDB does not answer or refuses.
    """
    from ..clock import SystemClock
    from ..influx_setup import downsample as again
    from ..influx_setup.limits import SLICE_TIMEOUT_S
    from ..outputs.influx_server import InfluxServer
    from .times import moment

    target = _target(config)
    begin = moment(start)
    end = moment(stop, end=True) if stop else SystemClock().wall()
    server = InfluxServer(
        _admin(target, admin_token_file, admin_user, admin_password_file),
        timeout_s=SLICE_TIMEOUT_S,
    )
    try:
        with progress("rows of a minute", float(max(1, end - begin))) as tell:
            done = again(server, begin, end, tell)
    finally:
        server.close()
    if as_json:
        print_json(done)
    else:
        stdout().print(f"{done.minutes} rows of a minute, {done.hours} rows of an hour")


def _line(label: str, style: str, text: str) -> None:
    from rich.cells import cell_len
    from rich.text import Text

    pad = " " * max(1, _WIDTH - cell_len(label))
    stdout().print(Text.assemble((label, style), pad, text))


def _target(config: Path) -> InfluxTarget:
    """Where the plant writes to. Raises SpecError where it has no InfluxDB."""
    from ..config import load
    from ..outputs.influx_target import InfluxTarget

    spec = load(config).outputs.influx
    if spec is None:
        raise SpecError("this file names no InfluxDB", expected="outputs: {influx: {url: …}}")
    return InfluxTarget.of(spec)


def _admin(
    target: InfluxTarget, token_file: Path | None, user: str, password_file: Path | None
) -> InfluxTarget:
    """The same place, with the administrator's login, or with none. Raises SpecError."""
    from msgspec.structs import replace

    if bool(user) != (password_file is not None):
        raise SpecError("--admin-user and --admin-password-file go together")
    if user and token_file is not None:
        raise SpecError("--admin-token-file and --admin-user exclude each other")
    return replace(
        target,
        token_file="" if token_file is None else str(token_file),
        token_env="",
        username=user,
        password_file="" if password_file is None else str(password_file),
        password_env="",
    )
