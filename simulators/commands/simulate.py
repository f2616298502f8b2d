"""`lifeline simulate`: one site that does not exist, published by real MQTT."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lifeline.engine.cli.console import JsonOption, print_json, stdout
from lifeline.engine.cli.exits import ExitCode
from lifeline.engine.errors import SinkError, SpecError

if TYPE_CHECKING:
    from ..publish import Published


def simulate(
    site: Annotated[str, typer.Argument(help="city-gas, pipeline or tailings.")],
    broker: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where to publish (MQTT 3.1.1).")
    ] = "127.0.0.1:1883",
    speed: Annotated[
        float, typer.Option(min=0.0, help="Event time per wall time; 0: as fast as it goes.")
    ] = 1.0,
    seconds: Annotated[float, typer.Option(help="How much event time to tell.")] = 600.0,
    ledger: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the ledger of what was sent.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal runs.")] = 1,
    intensity: Annotated[
        int, typer.Option(min=0, help="How often the site's incidents happen; 0: a quiet run.")
    ] = 1,
    start_ns: Annotated[
        int,
        typer.Option(
            metavar="NS",
            help="First event time, ns since 1970 [default: as late as --speed allows].",
            show_default=False,
        ),
    ] = 0,
    username: Annotated[str, typer.Option(help="Login at the broker.")] = "",
    password_env: Annotated[
        str, typer.Option(metavar="VARIABLE", help="Environment variable with the password.")
    ] = "",
    config: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Also write the lifeline.yaml that reads this site."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Publish a simulated site: physics, noise, daily rhythm, incidents and sensor faults.

    Its gateways connect by real MQTT, QoS 1; nothing that they know is told to the engine. The
    ledger lists every sample that was sent and which were acknowledged.

    \b
    lifeline simulate city-gas --config plant/
    lifeline simulate city-gas --broker 127.0.0.1:1883 --ledger gas.ledger &
    lifeline run plant/lifeline.yaml

    Exit code 3 where the broker stays away or refuses the login.
    """
    from ..publish import publish, start_for
    from ..sites import site_named

    host, port = address(broker)
    pace = speed or None
    start = start_ns or start_for(_now(), seconds, pace)
    if seconds <= 0.0:
        raise SpecError("seconds must be positive", found=str(seconds))
    scenario = site_named(site).scenario(start, seconds, seed, intensity)
    if config is not None:
        _write_config(config, scenario, host, port, username, password_env)
    stop = _stop_on_signals()
    with _ledger_path(ledger) as path:
        done = publish(
            scenario,
            host,
            port,
            username=username or None,
            password=_password(password_env),
            speed=pace,
            ledger_path=path,
            stop=stop,
        )
    _print(done, as_json)


def address(text: str) -> tuple[str, int]:
    """Host and port of `host:port` or of a host alone. Raises SpecError."""
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = text, "1883"
    if not host or not port.isdecimal() or not 0 < int(port) < 65_536:
        raise SpecError("not a broker's address", found=repr(text), expected="host:port")
    return host.strip("[]"), int(port)


def _now() -> int:
    from lifeline.engine.clock import SystemClock

    return SystemClock().wall()


def _password(variable: str) -> str | None:
    if variable and variable not in os.environ:
        raise SpecError("the variable with the password is not set", found=variable)
    return os.environ.get(variable) if variable else None


def _ledger_path(ledger: Path | None) -> Any:
    """Where the ledger goes: the file that was asked for, or one that is thrown away."""
    from contextlib import nullcontext

    if ledger is not None:
        if ledger.exists():
            raise SpecError("the ledger exists; each run has its own", found=str(ledger))
        ledger.parent.mkdir(parents=True, exist_ok=True)
        return nullcontext(ledger)
    return _ThrownAway()


class _ThrownAway:
    """A ledger in a directory that goes with the block."""

    def __enter__(self) -> Path:
        from tempfile import TemporaryDirectory

        self._directory = TemporaryDirectory(prefix="lifeline-ledger-")
        return Path(self._directory.name) / "ledger"

    def __exit__(self, *_: object) -> None:
        self._directory.cleanup()


def _write_config(
    directory: Path, scenario: Any, host: str, port: int, username: str, password_env: str
) -> None:
    from ..configs import write_config

    directory.mkdir(parents=True, exist_ok=True)
    path = write_config(
        directory, [scenario], host, port, username=username, password_env=password_env
    )
    typer.echo(f"wrote {path}", err=True)


def _stop_on_signals() -> threading.Event:
    """Set by SIGTERM and SIGINT: what is on its way is still acknowledged and written down."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _print(done: Published, as_json: bool) -> None:
    if as_json:
        print_json(done)
    else:
        stdout().print(
            f"{done.site}: {done.messages} messages with {done.samples} samples sent, "
            f"{done.acked_messages} with {done.acked_samples} acknowledged, {done.resent} sent "
            f"again, {done.wall_s:.1f} s"
        )
    if done.gave_up:
        raise SinkError(done.gave_up)
    if done.stopped:
        raise typer.Exit(ExitCode.INTERRUPTED)
