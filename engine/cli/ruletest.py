"""`lifeline test`: rules put to the core with what sensors might say, and what must come of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import SpecError
from .console import JsonOption, print_json, stdout
from .exits import ExitCode

if TYPE_CHECKING:
    from ..ruletest import Outcome


def rule_tests(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE…]", help="Files of rule tests, folders.")
    ] = None,
    packs: Annotated[
        bool, typer.Option("--packs", help="The tests of the installed packs.")
    ] = False,
    wanted: Annotated[
        str, typer.Option("-k", metavar="TEXT", help="Only cases whose name contains it.")
    ] = "",
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Every record, also where all is well.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Test rules before they judge anything.

    Each case says what sensors say (constant, ramp, step, noise, gaps, quality), what people do, and which
    records must come at which time. It is put to the core as a log, ticks included, and every record that
    nobody expected fails it. Lines that begin with - did not come, those with + were not expected.

    \b
    lifeline test tests/rules.yaml
    lifeline test tests/ -k "not just below" -v
    lifeline test --packs
    lifeline schema test.yaml             # the form of such a file

    Exit code 1 where a case fails or a file has a mistake, else 0.
    """
    from ..ruletest import read_tests, run

    paths = [*(files or ()), *(_of_packs() if packs else ())]
    if not paths:
        raise SpecError("nothing to test", expected="files of rule tests, or --packs")
    outcomes: list[Outcome] = []
    for file in read_tests(paths):
        for outcome in run(file, wanted):
            outcomes.append(outcome)
            if not as_json:
                stdout().print(outcome.text(verbose))
    failed = sum(outcome.failed for outcome in outcomes)
    if as_json:
        print_json(_document(outcomes))
    else:
        stdout().print(f"{len(outcomes)} cases, {failed} failed")
    if not outcomes:
        raise SpecError("no case has such a name", found=repr(wanted))
    if failed:
        raise typer.Exit(ExitCode.FOUND)


def _of_packs() -> list[Path]:
    from ..config.packs.library import installed

    folders = {path.parent / "tests" for path in installed().values()}
    return sorted(folder for folder in folders if folder.is_dir())


def _document(outcomes: list[Outcome]) -> dict[str, Any]:
    return {
        "ok": not any(outcome.failed for outcome in outcomes),
        "cases": [
            {
                "where": outcome.where,
                "name": outcome.name,
                "ok": not outcome.failed,
                "lines": [{"sign": line.sign, "text": line.text} for line in outcome.lines],
            }
            for outcome in outcomes
        ],
    }
