"""`lifeline simulate`: sites that do not exist, by real MQTT, into a file or straight into a core."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from lifeline.engine.cli.console import JsonOption, progress
from lifeline.engine.errors import SpecError

if TYPE_CHECKING:
    from ..plant import Scenario

# A run that nobody gives a time begins here (2026-01-01, Beijing), so that equal seeds are equal runs.
BEGINS_NS: Final = 1_767_196_800_000_000_000
USUAL_S: Final = 600.0


class Way(StrEnum):
    """Where the samples go."""

    MQTT = "mqtt"
    FILE = "file"
    CORE = "core"


class Form(StrEnum):
    """The form of a file."""

    PARQUET = "parquet"
    CSV = "csv"


def simulate(
    what: Annotated[
        str,
        typer.Argument(metavar="SITE|FILE", help="A simulated site, or a scenario's YAML file."),
    ],
    to: Annotated[Way, typer.Option(help="Where the samples go.")] = Way.MQTT,
    broker: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="(mqtt) Where to publish (MQTT 3.1.1).")
    ] = "127.0.0.1:1883",
    speed: Annotated[
        float,
        typer.Option(min=0.0, help="(mqtt) Event time per wall time; 0: as fast as it goes."),
    ] = 1.0,
    seconds: Annotated[
        float | None,
        typer.Option(help="How much event time to tell [default: 600, or the file's duration]."),
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option(metavar="FILE", help="(mqtt) Keep the ledger of what was sent.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(help="Equal seeds give equal runs [default: 1, or the file's seed]."),
    ] = None,
    intensity: Annotated[
        int,
        typer.Option(min=0, help="(site) How often its incidents happen; 0: a quiet run."),
    ] = 1,
    start_ns: Annotated[
        int,
        typer.Option(
            metavar="NS",
            help="First event time, ns since 1970 [default: the file's; mqtt: as --speed allows].",
            show_default=False,
        ),
    ] = 0,
    username: Annotated[str, typer.Option(help="(mqtt) Login at the broker.")] = "",
    password_env: Annotated[
        str,
        typer.Option(metavar="VARIABLE", help="(mqtt) Environment variable with the password."),
    ] = "",
    config: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Also write the lifeline.yaml that reads this."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="(file) Directory; new or empty.")
    ] = None,
    form: Annotated[Form, typer.Option(help="(file) Form of the samples.")] = Form.PARQUET,
    by: Annotated[
        Path | None,
        typer.Option(metavar="YAML", help="(core) Rules of this lifeline.yaml, not the site's."),
    ] = None,
    window: Annotated[
        float,
        typer.Option(min=0.0, help="(core) Seconds in one Frame; 0: the gateways' own rhythm."),
    ] = 0.0,
    shown: Annotated[
        bool | None,
        typer.Option("--progress/--no-progress", help="A bar [default: on a terminal]."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Simulate sites: physics, noise, daily rhythm, incidents and sensor faults, with their labels.

    A site tells a random story; a scenario's file says what happens where, when and how large. The same
    samples go by real MQTT (QoS 1; the ledger lists all that was sent and acknowledged), into a
    file that `lifeline replay` reads, with configuration and labels beside it, or straight into a core
    with the site's rules, as fast as it goes.

    \b
    lifeline simulate city-gas --config plant/
    lifeline simulate city-gas --broker 127.0.0.1:1883 --ledger gas.ledger &
    lifeline run plant/lifeline.yaml

    \b
    lifeline simulate examples/scenarios/city-gas.yaml --to core
    lifeline simulate pipeline --to file --out rec/ --seconds 86400
    lifeline replay rec/samples.parquet -c rec/lifeline.yaml --quiet
    lifeline schema scenario.yaml         # the form of a scenario's file

    Exit code 3 where the broker stays away or refuses the login.
    """
    from .ways import Login, by_mqtt, into_core, into_file

    if seconds is not None and seconds <= 0.0:
        raise SpecError("seconds must be positive", found=str(seconds))
    login = Login.of(broker, username, password_env)
    pace = (speed or None) if to is Way.MQTT else 0.0
    runs = _runs(what, start_ns, seconds, seed, intensity, pace)
    if config is not None:
        _write_config(config, runs, login)
    with _bar(what, shown) as tell:
        if to is Way.FILE:
            told = into_file(runs, _directory(out), form.value, tell)
        elif to is Way.CORE:
            told = into_core(runs, by, window, tell)
        else:
            told = by_mqtt(runs, login, speed or None, ledger, tell)
    told.print(as_json)


@contextmanager
def _bar(what: str, shown: bool | None) -> Iterator[Any]:
    with progress(f"simulating {what}", 1.0, shown) as tell:
        yield tell


def _runs(
    what: str,
    start_ns: int,
    seconds: float | None,
    seed: int | None,
    intensity: int,
    pace: float | None,
) -> list[Scenario]:
    """The scenarios: of a file, or the story of a site. `pace` 0: nobody waits for it."""
    from ..publish import start_for
    from ..scenarios import read_scenario
    from ..sites import site_named

    written = read_scenario(Path(what)) if Path(what).suffix in (".yaml", ".yml") else None
    lasts = seconds or (USUAL_S if written is None else written.duration_s)
    start = start_ns
    if not start and pace != 0.0:
        start = start_for(_now(), lasts, pace)
    if written is not None:
        return written.scenarios(start or written.start_ns or BEGINS_NS, seed, lasts)
    site = site_named(what)
    return [site.scenario(start or BEGINS_NS, lasts, 1 if seed is None else seed, intensity)]


def _now() -> int:
    from lifeline.engine.clock import SystemClock

    return SystemClock().wall()


def _directory(out: Path | None) -> Path:
    if out is None:
        raise SpecError("a file needs a directory", expected="--out DIR")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SpecError("the directory is not empty", found=str(out), expected="a new one")
    return out


def _write_config(directory: Path, runs: list[Scenario], login: Any) -> None:
    from ..configs import write_config

    directory.mkdir(parents=True, exist_ok=True)
    path = write_config(
        directory,
        runs,
        login.host,
        login.port,
        username=login.username,
        password_env=login.password_env,
    )
    typer.echo(f"wrote {path}", err=True)
