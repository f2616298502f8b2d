"""`lifeline check`: every mistake of a configuration, before the engine meets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .console import JsonOption, print_json, stdout
from .exits import ExitCode
from .plant_files import DEFAULT_CONFIG, ConfigArgument

if TYPE_CHECKING:
    from ..errors import Problem

_STYLES = {"error": "bold red", "warning": "yellow"}


def check(
    config: ConfigArgument = DEFAULT_CONFIG,
    strict: Annotated[
        bool, typer.Option("--strict", help="Warnings count as errors in the exit code.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Name every mistake of a plant's files.

    Reads lifeline.yaml and its tag lists as the engine would, and tells for each mistake the
    place, what was found, what was expected and the nearest valid name. Connects to nothing: what
    can be reached is `lifeline doctor`'s business.

    \b
    lifeline check                        # lifeline.yaml here
    lifeline check plants/east.yaml
    lifeline check --json | jq -r '.problems[].where'

    Exit code 1 with an error (with --strict also with a warning), else 0.
    """
    from ..config import check as find

    problems = find(config)
    errors = [p for p in problems if p.severity == "error"]
    if as_json:
        print_json(_document(str(config), problems))
    else:
        _print(problems)
        warnings = len(problems) - len(errors)
        stdout().print(f"{config}: {_count(len(errors), 'error')}, {_count(warnings, 'warning')}")
    if errors or (strict and problems):
        raise typer.Exit(ExitCode.FOUND)


def _document(config: str, problems: list[Problem]) -> dict[str, Any]:
    return {
        "config": config,
        "ok": not any(p.severity == "error" for p in problems),
        "problems": [{name: getattr(p, name) for name in p.__dataclass_fields__} for p in problems],
    }


def _print(problems: list[Problem]) -> None:
    from rich.text import Text

    console = stdout()
    for problem in problems:
        console.print(
            Text.assemble((problem.severity, _STYLES[problem.severity]), "  ", problem.text())
        )


def _count(n: int, word: str) -> str:
    return f"{n} {word}" if n == 1 else f"{n} {word}s"
