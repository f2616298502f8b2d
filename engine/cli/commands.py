"""`lifeline ack`, `shelve`, `unshelve`, `halt-work`, `resume-work`: a person acts on an alarm of the running
engine."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..errors import SinkError
from ..limits import COMMAND_REPLY_S
from .console import JsonOption, LangOption, language, print_json, stderr, stdout
from .exits import ExitCode
from .plant_files import (
    DEFAULT_CONFIG,
    ConfigOption,
    DataOption,
    cluster_of,
    data_directory,
    places,
)

if TYPE_CHECKING:
    from ..command import Action, Command, Reply
    from .standing import AlarmName

AlarmArgument = Annotated[
    str, typer.Argument(help="[<site>/]<rule>~<sensor>, as `lifeline alerts` prints it.")
]
SiteOption = Annotated[str, typer.Option(help="The alarm's site, where the alarm names none.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; stands in the record.")]
AsOption = Annotated[
    str, typer.Option("--as", metavar="NAME", help="Who acts [default: the machine's user].")
]
ForOption = Annotated[
    str, typer.Option("--for", metavar="DURATION", help="How long, such as 30min, 8h or 3d.")
]
_CLI_ROLE: Final = "cli"


def on_alarm(action: Action) -> Callable[[Callable[[], None]], Callable[..., None]]:
    """The command that does this to one alarm; its name and help are those of the function."""

    def of(described: Callable[[], None]) -> Callable[..., None]:
        def command(
            alarm: AlarmArgument,
            site: SiteOption = "",
            reason: ReasonOption = "",
            who: AsOption = "",
            as_json: JsonOption = False,
            lang: LangOption = "",
            config: ConfigOption = DEFAULT_CONFIG,
            data: DataOption = None,
        ) -> None:
            act(action, alarm, site, reason, who, 0, as_json, lang, config, data)

        command.__name__, command.__doc__ = described.__name__, described.__doc__
        return command

    return of


@on_alarm("acknowledge")
def ack() -> None:
    """Acknowledge an alarm as it stands now.

    You have seen it: covers the alarm up to the level that stands when you ask: if it rises meanwhile, the engine
    refuses, and you look again. An alarm closes when it is acknowledged and back to normal.

    \b
    lifeline ack gas-east/gas.combustible~GD-101
    lifeline ack gas.combustible~GD-101 --reason "valve closed, crew on site"

    On a cluster it goes to the worker that judges the site, from any machine that reaches Kafka.
    Exit code 1 where the engine refuses, 3 where no engine answers.
    """


def shelve(
    alarm: AlarmArgument,
    duration: ForOption,
    reason: ReasonOption,
    site: SiteOption = "",
    who: AsOption = "",
    as_json: JsonOption = False,
    lang: LangOption = "",
    config: ConfigOption = DEFAULT_CONFIG,
    data: DataOption = None,
) -> None:
    """Silence an alarm for a time, with a reason.

    It is judged and recorded and calls nobody. Shelving always expires: after 7 days at most while nothing or blue stands, yellow 3 days,
    orange 24 hours, red 8 hours. An alarm that rises beyond what was shelved breaks the shelf.

    \b
    lifeline shelve gas-east/gas.combustible~GD-101 --for 8h --reason "detector is being replaced"
    """
    from ..amounts import parse_duration
    from ..clock import SystemClock

    expires = SystemClock().wall() + parse_duration(duration)
    act("shelve", alarm, site, reason, who, expires, as_json, lang, config, data)


@on_alarm("unshelve")
def unshelve() -> None:
    """Take an alarm off the shelf before its time.

    What stands is announced anew.

    \b
    lifeline unshelve gas-east/gas.combustible~GD-101
    """


@on_alarm("halt_work")
def halt_work() -> None:
    """Halt the work of every site of an area, before a gauge has seen the weather.

    The breaker is named as `lifeline alerts` prints it when it is tripped. Work resumes when a
    person says so.

    \b
    lifeline halt-work area:hefei/shushan/rain.halt~area --reason "forecast 120 mm in 24 h"
    """


@on_alarm("resume_work")
def resume_work() -> None:
    """Let the sites of an area work again.

    Refused while the weather alarm stands.

    \b
    lifeline resume-work area:hefei/shushan/rain.halt~area --reason "dyke inspected"
    """


def act(
    action: Action,
    alarm: str,
    site: str,
    reason: str,
    who: str,
    expires: int,
    as_json: bool,
    lang: str,
    config: Path,
    data: Path | None,
) -> None:
    from ..outputs.text import reply_text

    spec = cluster_of(config, data)
    if spec is None:
        directory = data_directory(config, data)
        command = _command(action, _meant(alarm, site, directory, config), reason, who, expires)
        reply = send(directory, command)
    else:
        from .cluster_commands import meant_on_cluster, send_on_cluster

        meant = meant_on_cluster(spec, config, alarm, site, places(config))
        command = _command(action, meant, reason, who, expires)
        reply = send_on_cluster(spec, command)
    if as_json:
        print_json(reply)
    else:
        label = f"{command.site}/{command.alarm}: {reply_text(reply, language(lang))}"
        (stdout() if reply.outcome == "done" else stderr()).print(label)
    if reply.outcome == "refused":
        raise typer.Exit(ExitCode.FOUND)


def _meant(alarm: str, site: str, directory: Path, config: Path) -> AlarmName:
    """The alarm that a person means, against what stands now."""
    from ..log import LogReader
    from .standing import find_alarm, standing_records

    reader = LogReader.open(directory)
    try:
        return find_alarm(alarm, site, standing_records(reader), places(config))
    finally:
        reader.close()


def _command(action: Action, meant: AlarmName, reason: str, who: str, expires: int) -> Command:
    from uuid import uuid4

    from ..clock import SystemClock
    from ..command import Command

    seen = meant.record if action == "acknowledge" else None
    return Command(
        id=f"cli-{uuid4().hex}",
        action=action,
        site=meant.site,
        alarm=meant.alarm,
        principal=who or getpass.getuser(),
        role=_CLI_ROLE,
        reason=reason,
        episode=seen.episode if seen else 0,
        seq=seen.seq if seen else 0,
        expires=expires,
        issued=SystemClock().wall(),
    )


def send(directory: Path, command: Command) -> Reply:
    """Gives a command to the running engine and waits for its answer.

    Raises SinkError where no engine runs (nothing is left behind then), or where it does not
    answer in time (it may still do it: the command waits in its inbox).
    """
    from ..log import Inbox
    from ..log.lock import holder

    if holder(directory) is None:
        raise SinkError(f"no engine runs on {directory}: nothing was done. Start it: lifeline run")
    inbox = Inbox(directory)
    try:
        inbox.submit(command)
        reply = inbox.wait_reply(command.id, COMMAND_REPLY_S)
    finally:
        inbox.close()
    if reply is None:
        raise SinkError(
            f"the engine did not answer within {COMMAND_REPLY_S:g} s; the command waits in its "
            f"inbox and may still be done (id {command.id}). Look with: lifeline doctor"
        )
    return reply
