"""`lifeline cluster`: topics, the configuration in force, what state everything is in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from .console import JsonOption, print_json, stderr, stdout
from .exits import ExitCode
from .plant_files import DEFAULT_CONFIG, ConfigArgument

if TYPE_CHECKING:
    from ..cluster.admin import TopicReport
    from ..cluster.apply import Applied
    from ..cluster.spec import ClusterSpec
    from ..cluster.status import ClusterStatus, PartitionStatus

_T = TypeVar("_T")
_SECOND_NS: Final = 1_000_000_000
_DONE_WITH: Final = "lifeline cluster apply"

app = typer.Typer(
    name="cluster",
    help="Kafka topics, the configuration in force, state and lag.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def init(config: ConfigArgument = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Make the topics, or compare those that are there.

    Makes each topic of the file's section `cluster:` with the settings that correctness and evidence rest on: copies that must have a record
    before it counts as durable, the broker's own time, retention, compaction. A topic that is
    there is compared and never changed, so that it may be repeated; what to type is shown.

    \b
    lifeline cluster init
    lifeline cluster init city.yaml --json | jq '.topics[] | select(.state == "differs")'

    Exit code 1 where a topic differs, 3 where the brokers cannot be reached or refuse.
    """
    from ..cluster.admin import init as make

    reports = _run(make(_spec(config)))
    if as_json:
        print_json({"topics": reports})
    else:
        _print_topics(reports)
    if any(report.state == "differs" for report in reports):
        raise typer.Exit(ExitCode.FOUND)


@app.command()
def apply(
    config: ConfigArgument = DEFAULT_CONFIG,
    again: Annotated[
        bool, typer.Option("--again", help="Tell every partition, even if nothing changed.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring the files into force, in every partition.

    Makes topics that are missing. Then writes sites, sensors and rules to their topic (only what changed), names them in the log of each partition that they concern,
    and says that they are in force; workers take them over in the order of the log, agents use
    them from then on. What was there before keeps its index. If it is interrupted, run it
    again: the next one finishes what was begun.

    \b
    lifeline check city.yaml && lifeline cluster apply city.yaml
    lifeline cluster apply city.yaml --json | jq .bytes

    Exit code 1 where the files are wrong, 3 where the brokers cannot be reached or another apply
    is at work.
    """
    from ..config import load

    spec = _spec(config)
    plant = load(config)
    done, made = _run(_applied(spec, plant.configuration, plant.areas, again))
    if as_json:
        print_json({**_document(done), "topics_made": made})
        return
    if made:
        stderr().print(f"made {_count(len(made), 'topic')}: {', '.join(made)}")
    if done.finished:
        stderr().print("an apply that had been interrupted was finished first")
    stdout().print(_sentence(done))


async def _applied(
    spec: ClusterSpec, wanted: Any, areas: Any, again: bool
) -> tuple[Applied, list[str]]:
    from ..clock import SystemClock
    from ..cluster.admin import init as make
    from ..cluster.apply import apply as bring
    from ..cluster.areas import apply_areas

    reports = await make(spec)
    done = await bring(spec, wanted, again=again)
    # Then: an area's order must find the site.
    await apply_areas(spec, areas, SystemClock())
    return done, [report.name for report in reports if report.state == "made"]


@app.command()
def status(config: ConfigArgument = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Partitions, their sites, lag and age of checkpoints.

    For each partition of the log: its leader and copies, how many sites and sensors it has, how
    far the workers are behind, from where a worker would go on after a crash and how old that
    checkpoint is. Changes nothing.

    \b
    lifeline cluster status
    lifeline cluster status --json | jq '.partitions[] | select(.behind > 1000) | .partition'

    Exit code 1 where something is wrong (no topics, no configuration, no leader, copies that
    lag), 3 where the brokers cannot be reached.
    """
    from ..cluster.status import status as look

    spec = _spec(config)
    found = _run(look(spec))
    wrong = findings(found)
    if as_json:
        print_json({"ok": not wrong, "findings": wrong, **_as_dict(found)})
    else:
        _print_status(spec, found, wrong)
    if wrong:
        raise typer.Exit(ExitCode.FOUND)


@app.command()
def lag(
    config: ConfigArgument = DEFAULT_CONFIG,
    over: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", help="End with 1 where a group is more records behind."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """How far workers and sinks are behind.

    Counts the records between what each consumer group has committed and the end, by topic. Workers commit with their checkpoints, so that some
    seconds' worth is usual. What retention took before a group had read it is lost to it and
    shown as such.

    \b
    lifeline cluster lag
    lifeline cluster lag --over 100000 || echo "somebody is far behind"
    lifeline cluster lag --json | jq '.groups[] | {group, behind}'

    Exit code 1 where a group lost records or is over the number given, 3 where the brokers cannot
    be reached.
    """
    from ..cluster.status import lag as look
    from ..cluster.status import totals

    rows = totals(_run(look(_spec(config))))
    if as_json:
        print_json({"groups": rows})
    elif not rows:
        stdout().print("no group has committed anything yet")
    else:
        _table(
            ("group", "topic", "partitions", "behind", "worst partition", "lost"),
            [tuple(str(value) for value in row.values()) for row in rows],
        )
    if any(row["lost"] or (over is not None and row["behind"] > over) for row in rows):
        raise typer.Exit(ExitCode.FOUND)


def _spec(config: Path) -> ClusterSpec:
    from ..config import load_cluster
    from ..errors import SpecError

    found = load_cluster(config)
    if found is None:
        raise SpecError(
            "the file has no section 'cluster'",
            where=str(config),
            expected="cluster: {servers: [kafka-1:9092]}, see docs/configuration.md",
        )
    return found


def _run(work: Coroutine[Any, Any, _T]) -> _T:
    quiet()
    return asyncio.run(work)


def quiet() -> None:
    """The Kafka client's own lines tell half of what our errors say, and look like others."""
    for name in ("aiokafka", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def findings(found: ClusterStatus) -> list[str]:
    """What is wrong, and what to do; empty where all is well."""
    wrong = []
    if found.missing:
        names = ", ".join(found.missing)
        wrong.append(f"topics are missing: {names}; lifeline cluster init")
    if not found.city:
        wrong.append(f"no configuration is in force; {_DONE_WITH}")
    for each in found.partitions:
        if each.leader < 0:
            wrong.append(f"partition {each.partition} has no leader: its sites stand still")
        elif each.in_sync < each.copies:
            wrong.append(
                f"partition {each.partition} has {each.in_sync} of {each.copies} copies up to date"
            )
    wrong += [
        f"{each.group} lost {each.lost} records of {each.topic}/{each.partition} to retention"
        for each in found.lags
        if each.lost
    ]
    return wrong


def _as_dict(found: ClusterStatus) -> dict[str, Any]:
    return {
        "brokers": found.brokers,
        "missing": found.missing,
        "configuration": found.city,
        "partitions": found.partitions,
    }


def _print_topics(reports: Sequence[TopicReport]) -> None:
    console = stdout()
    for report in reports:
        console.print(f"{report.state:<13} {report.name}")
        for each in report.differences:
            console.print(f"{'':<13} {each.setting}: found {each.found}, wanted {each.wanted}")
        if report.todo:
            console.print(f"{'':<13} → {report.todo}", style="dim")


def _print_status(spec: ClusterSpec, found: ClusterStatus, wrong: Sequence[str]) -> None:
    console = stdout()
    force = f"configuration {found.city}" if found.city else "no configuration"
    console.print(
        f"cluster {spec.prefix}: {_count(found.brokers, 'broker')}, "
        f"{_count(len(found.partitions), 'partition')}, {force} in force"
    )
    heading = ("partition", "leader", "copies", "sites", "sensors", "log", "behind", "checkpoint")
    _table(heading, [_row(each) for each in found.partitions])
    for text in wrong:
        console.print(f"wrong: {text}", style="bold red")


def _row(each: PartitionStatus) -> tuple[str, ...]:
    checkpoint = "none"
    if each.checkpoint is not None and each.checkpoint_age_ns is not None:
        age = each.checkpoint_age_ns // _SECOND_NS
        checkpoint = f"{age} s ago, {max(0, each.end - each.checkpoint)} before the end"
    return (
        str(each.partition),
        str(each.leader) if each.leader >= 0 else "none",
        f"{each.in_sync}/{each.copies}",
        _or_dash(each.sites),
        _or_dash(each.sensors),
        f"{each.first} to {each.end}",
        _or_dash(each.behind),
        checkpoint,
    )


def _or_dash(value: int | None) -> str:
    return "-" if value is None else str(value)


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[i]) for row in (heading, *rows)) for i in range(len(heading))]
    for row in (heading, *rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        stdout().print(line.rstrip())


def _document(done: Applied) -> dict[str, Any]:
    return {
        "configuration": done.current.city,
        "changed": done.changed,
        "partitions": done.current.n,
        "named": done.named,
        "sites": sum(done.current.sites),
        "sensors": sum(done.current.sensors),
        "whole": done.written.whole,
        "deltas": done.written.delta,
        "records": done.written.records,
        "bytes": done.written.size,
        "finished": done.finished,
        "deleted": done.deleted,
    }


def _sentence(done: Applied) -> str:
    what = (
        f"configuration {done.current.city}: {_count(sum(done.current.sites), 'site')}, "
        f"{_count(sum(done.current.sensors), 'sensor')}"
    )
    if not done.changed:
        return f"{what}; in force already"
    written = (
        f"{_count(done.written.whole, 'content')} whole and {_count(done.written.delta, 'delta')}, "
        f"{done.written.size:,} bytes"
    )
    told = f"told {len(done.named)} of {_count(done.current.n, 'partition')}"
    removed = f"; {_count(done.deleted, 'old content')} deleted" if done.deleted else ""
    return f"{what}; in force now ({written}; {told}{removed})"


def _count(n: int, word: str) -> str:
    return f"{n:,} {word}" if n == 1 else f"{n:,} {word}s"
