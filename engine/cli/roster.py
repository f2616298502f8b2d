"""`lifeline roster`: is the roster complete, who would be called now, and does it work."""

from __future__ import annotations

import getpass
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ..errors import SinkError, SpecError
from ..level import LEVELS
from ..limits import COMMAND_REPLY_S
from .console import STYLES, JsonOption, LangOption, language, print_json, stderr, stdout
from .exits import ExitCode
from .plant_files import (
    DEFAULT_CONFIG,
    ConfigArgument,
    ConfigOption,
    DataOption,
    call_directory,
    places,
)

if TYPE_CHECKING:
    from ..calls.configuration import Roster
    from ..command import Reply
    from ..config import CallSpec
    from ..record import Record

app = typer.Typer(
    name="roster",
    help="Who is called for alarms (叫应): checked, shown, tried.",
    no_args_is_help=True,
)
_LOOK_S: Final = 0.2
WhereArgument = Annotated[
    str, typer.Argument(metavar="SITE|AREA", help="A site's id, or an area: hefei/shushan.")
]


@app.command("check")
def check(
    config: ConfigArgument = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Name everything that a call would find out too late.

    Sites and areas where nobody is called for a level that calls, hours in which nobody is on duty, persons without a
    channel, channels that apprise does not understand, contacts that nobody verified for a year,
    unknown and repeated persons. Sends nothing: that is what lifeline roster drill does.

    \b
    lifeline roster check                 # the roster of lifeline.yaml here
    lifeline roster check plants/east.yaml --json

    Exit code 1 where anything is found.
    """
    from rich.text import Text

    from ..config import check_calls

    plant, problems = check_calls(config)
    if as_json:
        names = ("where", "message", "found", "expected", "nearest", "severity")
        found = [{name: getattr(p, name) for name in names} for p in problems]
        print_json({"config": str(config), "ok": not problems, "problems": found})
    else:
        style = {"error": "bold red", "warning": "yellow"}
        for p in problems:
            stdout().print(Text.assemble((p.severity, style[p.severity]), "  ", p.text()))
        if plant is None and not problems:
            stdout().print(f"{config} names no roster: nobody is called")
        elif plant is not None and plant.calls is not None:
            persons = len(plant.calls.contacts)
            stdout().print(f"{plant.calls.roster}: {persons} persons, {len(problems)} to mend")
    if problems or plant is None:
        raise typer.Exit(ExitCode.FOUND)


@app.command("show")
def show(
    where: WhereArgument,
    level: Annotated[str, typer.Option(metavar="LEVEL", help="Only this level.")] = "",
    at: Annotated[
        str, typer.Option(metavar="TIME", help="Then instead of now: 2026-11-22T03:00:00+08:00.")
    ] = "",
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Who would be called now, in order.

    For each level that calls: each step, how long it may take to answer, who stands in for whom,
    who is not on duty, by which channels each is reached.

    \b
    lifeline roster show gas-east
    lifeline roster show hefei/shushan --level red
    lifeline roster show gas-east --at 2026-11-22T03:00:00+08:00
    """
    from ..calls.configuration import Roster
    from ..clock import SystemClock
    from .times import moment

    spec = _spec(config)
    site = _site(where, spec)
    now = moment(at) if at else SystemClock().wall()
    roster = Roster(spec.configuration)
    levels = [_level(level)] if level else sorted(spec.configuration.levels, reverse=True)
    found = [_steps(roster, spec, site, each, now) for each in levels]
    if as_json:
        print_json(found)
        return
    for document in found:
        _print_steps(document)


def _spec(config: Path) -> CallSpec:
    from ..config import load

    spec = load(config).calls
    if spec is None:
        raise SpecError(
            "the file names no roster", where=str(config), expected="calls: {roster: …}"
        )
    return spec


def _site(where: str, spec: CallSpec) -> str:
    """The site, or the reserved site of an area, that a person means. Raises SpecError."""
    from ..areas.configuration import prefixes
    from ..config.nearest import nearest

    ids = [site.id for site in spec.configuration.sites]
    path = where.removeprefix("area:")
    areas = {p for site in spec.configuration.sites for p in prefixes(site.area)}
    if where in ids:
        return where
    if path in areas:
        return f"area:{path}"
    names = [*ids, *sorted(areas)]
    raise SpecError("no such site or area", found=repr(where), nearest=nearest(where, names))


def _level(name: str) -> int:
    if name not in LEVELS[1:]:
        raise SpecError("unknown level", found=repr(name), expected="blue, yellow, orange or red")
    return LEVELS.index(name)


def _steps(roster: Roster, spec: CallSpec, site: str, level: int, now: int) -> dict[str, Any]:
    contacts = {contact.id: contact for contact in spec.contacts}
    steps = []
    for step in roster.steps(site, level):
        persons = []
        for person in step:
            present = roster.instead(person, now)
            contact = contacts[present or person]
            persons.append(
                {
                    "person": person,
                    "name": contacts[person].name,
                    "roles": list(contact.roles),
                    "called": present,
                    "called_name": contact.name if present else "",
                    "channels": [channel.name for channel in contact.channels],
                    "verified": contact.verified,
                }
            )
        steps.append(persons)
    within = roster.within(site, level) // 1_000_000_000
    return {"site": site, "level": LEVELS[level], "within_s": within, "steps": steps}


def _print_steps(document: dict[str, Any]) -> None:
    from rich.text import Text

    from .format import level_label

    console, level = stdout(), document["level"]
    heading = Text(f"{document['site']}  ")
    heading.append(level_label(level), style=STYLES[level])
    console.print(
        heading.append(f"  {document['within_s'] // 60} min {document['within_s'] % 60} s")
    )
    if not document["steps"]:
        console.print("   nobody / 无人", style="bold red")
    for number, persons in enumerate(document["steps"], 1):
        for person in persons:
            line = Text(f"   {number}. ")
            label = f"{person['person']} {person['name']}".strip()
            if not person["called"]:
                line.append(f"{label}: not on duty, nobody stands in", style="dim")
            else:
                line.append(label if person["called"] == person["person"] else
                            f"{person['called']} {person['called_name']} (for {label})")  # fmt: skip
                line.append(f"  {', '.join(person['roles'])}" if person["roles"] else "")
                line.append(f"  {', '.join(person['channels']) or 'NO CHANNEL'}")
                line.append(f"  verified {person['verified'] or 'never'}", style="dim")
            console.print(line)


@app.command("drill")
def drill(
    where: WhereArgument,
    level: Annotated[
        str, typer.Option(metavar="LEVEL", help="As for an alarm of this level.")
    ] = "red",
    reason: Annotated[str, typer.Option("--reason", help="Why; stands in every message.")] = "",
    who: Annotated[
        str,
        typer.Option("--as", metavar="NAME", help="Who orders it [default: the machine's user]."),
    ] = "",
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for the answers and report them.")
    ] = True,
    as_json: JsonOption = False,
    lang: LangOption = "",
    config: ConfigOption = DEFAULT_CONFIG,
    data: DataOption = None,
) -> None:
    """Call everybody of a chain, as an exercise (演练).

    A real call by the running engine: every person who would be called for an alarm of this level
    is sent a message at once, marked as an exercise, whatever their hours. Each answers by the link in it. Ends when all have
    answered or the time of the level is over, and reports who did, after how long, and who could
    not be reached. It acknowledges no alarm and is never mixed with actual ones.

    \b
    lifeline roster drill gas-east
    lifeline roster drill hefei/shushan --level orange --reason "monthly drill"
    lifeline roster drill gas-east --no-wait   # look later: lifeline calls

    Exit code 1 where somebody did not answer, 3 where no engine runs.
    """
    site = _site(where, _spec(config))
    directory = call_directory(config, data)
    reply = _ordered(directory, site, _level(level), who or getpass.getuser(), reason)
    if reply.outcome == "refused":
        raise SpecError(f"the engine refused the drill: {reply.reason}")
    if not wait:
        print_json(reply) if as_json else stdout().print(f"drill {reply.alarm} is under way")
        return
    report = _followed(directory, config, reply.alarm, "" if as_json else language(lang))
    if as_json:
        from ..calls.listing import listed
        from .calls import call_records

        records = [r for r in call_records(directory) if r.detail.get("call") == reply.alarm]
        print_json(listed(records)[0])
    if report.detail.get("silent") or report.detail.get("failed"):
        raise typer.Exit(ExitCode.FOUND)


def _ordered(directory: Path, site: str, level: int, who: str, reason: str) -> Reply:
    """Gives the order to the running engine. Raises SinkError where none runs or answers."""
    from uuid import uuid4

    from ..calls.entry import Drill
    from ..log import Drills
    from ..log.lock import holder

    if holder(directory) is None:
        raise SinkError(
            f"no engine runs on {directory}: nothing was done. Start it: lifeline run (lifeline sink calls)"
        )
    drills = Drills(directory)
    try:
        order = Drill(f"drill-{uuid4().hex}", site, level, who, reason)
        drills.submit(order)
        until = time.monotonic() + COMMAND_REPLY_S
        while (reply := drills.answer(order.id)) is None:
            if time.monotonic() >= until:
                raise SinkError("the engine did not answer; does it run with a roster?")
            time.sleep(_LOOK_S)
        return reply
    finally:
        drills.close()


def _followed(directory: Path, config: Path, call: str, speech: str) -> Record:
    """Prints what comes of a drill until its report, which is returned."""
    from ..calls.records import REPORT
    from ..embedded import DataDirectory
    from ..log import LogReader
    from ..record import decode_record
    from .format import Lines

    known = places(config)
    calls = {f"call:{site}": place for site, place in known.items()}
    lines = Lines(speech, {**known, **calls}) if speech in ("en", "zh") else None  # type: ignore[arg-type]
    reader, after = LogReader.open(DataDirectory(directory).calls), 0
    try:
        while True:
            rows = reader.records(after, 1_000)
            for row in rows:
                after, record = row.number, decode_record(row.data)
                if record.detail.get("call") != call:
                    continue
                if lines is not None:
                    stdout().print(lines.event(record))
                if record.message == REPORT:
                    return record
            if not rows:
                time.sleep(_LOOK_S)
    except KeyboardInterrupt:
        stderr().print("the drill goes on; look later: lifeline calls")
        raise
    finally:
        reader.close()
