"""`lifeline doctor`: what is reachable, what is misconfigured, what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from .console import JsonOption, print_json, stdout
from .exits import ExitCode
from .plant_files import DEFAULT_CONFIG, ConfigArgument

if TYPE_CHECKING:
    from .findings import Finding

_STYLES: Final = {
    "ok": "green",
    "warning": "yellow",
    "wrong": "bold red",
    "unreachable": "bold red",
}


def doctor(config: ConfigArgument = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """What is reachable, what is wrong, what to do.

    Looks at the files, the data directory and its disk, the engine if it runs, what it could not
    read, each broker (does it let this login in, and read these topics?), InfluxDB, and Kafka with
    its topics. Changes
    nothing. Run it where the engine runs, as the user that the engine runs as.

    \b
    lifeline doctor
    lifeline doctor plants/east.yaml --json | jq '.findings[] | select(.state != "ok")'

    Exit code 3 where something cannot be reached, else 1 where something is wrong, else 0.
    """
    findings = _examine(config)
    if as_json:
        print_json(_document(findings))
    else:
        for finding in findings:
            _print(finding)
    states = {finding.state for finding in findings}
    if "unreachable" in states:
        raise typer.Exit(ExitCode.UNREACHABLE)
    if "wrong" in states:
        raise typer.Exit(ExitCode.FOUND)


def _examine(config: Path) -> list[Finding]:
    """Every finding, in the order in which a person would mend them."""
    from ..config import load
    from ..errors import SpecError
    from . import findings, reach
    from . import node_findings as nodes

    found = [findings.configuration(config)]
    try:
        plant = load(config)
    except SpecError:
        return found  # the rest hangs on it, and `lifeline check` tells it better
    found += findings.storage(plant.storage)
    if plant.cluster is None:
        found += findings.engine(plant.storage.directory)
        found += findings.log(plant.storage.directory)
    else:
        found += nodes.processes(plant.storage.directory)
    found += reach.brokers(plant)
    if plant.outputs.influx is not None:
        found.append(reach.influx(plant.outputs.influx))
        found.append(findings.series_room(plant.configuration, plant.outputs.influx.max_series))
    if plant.cluster is not None:
        found += reach.kafka(plant.cluster)
    return found


def _document(findings: list[Finding]) -> dict[str, Any]:
    return {
        "ok": all(f.state in ("ok", "warning") for f in findings),
        "findings": [{name: getattr(f, name) for name in f.__dataclass_fields__} for f in findings],
    }


def _print(finding: Finding) -> None:
    from rich.text import Text

    line = Text()
    line.append(f"{finding.state:<11} ", style=_STYLES[finding.state])
    line.append(f"{finding.what}: {finding.found}")
    stdout().print(line)
    if finding.todo:
        stdout().print(f"{'':<11} → {finding.todo}", style="dim")
