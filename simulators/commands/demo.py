"""`lifeline demo`: the whole path on this machine, and a reckoning that must come out even."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from lifeline.engine.cli.console import JsonOption, LangOption, language, print_json, stderr, stdout
from lifeline.engine.cli.exits import ExitCode
from lifeline.engine.errors import SpecError

if TYPE_CHECKING:
    from .reckoning import Reckoning

LEAST_S: Final = 10.0


def demo(
    seconds: Annotated[
        float, typer.Option(min=LEAST_S, help="How long the three sites are watched.")
    ] = 60.0,
    seed: Annotated[int, typer.Option(help="Equal seeds give equal incidents.")] = 1,
    keep: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep configuration, log and ledgers in DIR (new)."),
    ] = None,
    as_json: JsonOption = False,
    lang: LangOption = "",
) -> None:
    """Watch three simulated sites for a minute, end to end.

    A city-gas network, a liquid pipeline and a tailings dam publish by real MQTT, a process each,
    in three payload forms, with leaks, bursts and rising water, broken sensors and wrong clocks. An
    engine on this machine takes it in, judges it, and publishes alerts; a listener prints them as
    a regulator would hear them. Nothing else needs to be installed.

    \b
    lifeline demo
    lifeline demo --seconds 30 --lang zh
    lifeline demo --keep demo-run         # then: lifeline digest demo-run/lifeline-data
    lifeline demo --json > demo.json      # one document, nothing else on stdout

    At the end it is reckoned up what was sent (by the publishers' own ledgers), logged, judged,
    refused and alerted, how soon each incident was noticed, and whether anything was lost.
    Exit code 1 where a sample, a record or the digest is missing or wrong, else 0.
    """
    from .play import play
    from .summary import print_summary

    speech = language(lang)
    with _directory(keep) as directory:
        reckoning = play(directory, seconds, seed, speech, quiet=as_json)
    if as_json:
        print_json(reckoning.document())
    else:
        print_summary(stdout(), reckoning, speech)
        if keep is not None:
            stderr().print(f"kept in {keep}: lifeline alerts --last 20 -c {keep}/lifeline.yaml")
    _end(reckoning)


@contextmanager
def _directory(keep: Path | None) -> Iterator[Path]:
    """A new directory: the one to be kept, or one that goes with the block."""
    if keep is None:
        from tempfile import TemporaryDirectory

        with TemporaryDirectory(prefix="lifeline-demo-") as name:
            yield Path(name)
        return
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise SpecError("the directory is not empty", found=str(keep), expected="a new one")
    keep.mkdir(parents=True, exist_ok=True)
    yield keep


def _end(reckoning: Reckoning) -> None:
    if not reckoning.holds:
        raise typer.Exit(ExitCode.FOUND)
