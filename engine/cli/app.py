"""All commands together, and what becomes of an error."""

from __future__ import annotations

import sys
import traceback
from importlib.metadata import entry_points, version
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from ..errors import LifelineError
from . import (
    acl,
    alerts,
    backfill,
    backtest,
    calls,
    check,
    cluster,
    commands,
    deadletter,
    digest,
    doctor,
    export,
    fit,
    influx,
    nodes,
    packs,
    performance,
    query,
    replay,
    roster,
    ruletest,
    run,
    schema,
    upkeep,
    worker,
)
from .exits import TABLE, ExitCode, code_of

PLUGINS: Final = "lifeline.commands"
TRY, PLANT, ALARMS, TRUTH = "Try it", "A plant", "Alarms, while the engine runs", "The log"
CLUSTER = "A cluster"


class Lifeline(TyperGroup):
    """The root: commands under headings, and errors as one sentence and an exit code."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The help's list of commands, by heading, in the order in which they are needed."""
        sections: dict[str, list[tuple[str, str]]] = {}
        width = formatter.width - 6 - max(map(len, self.commands))
        for name, command in self.commands.items():
            heading = getattr(command, "rich_help_panel", None) or "More"
            sections.setdefault(heading, []).append((name, command.get_short_help_str(width)))
        for heading, rows in sections.items():
            with formatter.section(heading):
                formatter.write_dl(rows)
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), text) for code, text in TABLE])

    def invoke(self, ctx: Any) -> Any:
        """Runs a command. An error of ours ends it with its exit code, told on stderr."""
        try:
            return super().invoke(ctx)
        except LifelineError as error:
            code = code_of(error)
            typer.echo(f"lifeline: {error}", err=True)
            if code is ExitCode.INTERNAL:
                traceback.print_exc()
            raise typer.Exit(code) from error


app = typer.Typer(
    name="lifeline",
    cls=Lifeline,
    rich_markup_mode=None,  # plain text reads well everywhere and loads in half the time
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version("lifeline-engine"))
        raise typer.Exit


@app.callback()
def lifeline(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Lifeline watches the sensors of industry and of a city's lifelines.

    Telemetry comes in by MQTT, rules judge it, alerts go out by MQTT and to InfluxDB.

    \b
    First:      lifeline demo
    Your plant: write lifeline.yaml and sensors.csv, then
                lifeline check  &&  lifeline doctor  &&  lifeline run
    """


def _plugins() -> None:
    """Commands of other rooms; only the names' modules are imported."""
    for point in sorted(entry_points(group=PLUGINS), key=lambda p: p.name):
        app.command(point.name, rich_help_panel=TRY)(point.load())


_plugins()
app.command("check", rich_help_panel=PLANT)(check.check)
app.add_typer(packs.app, rich_help_panel=PLANT)
app.command("test", rich_help_panel=PLANT)(ruletest.rule_tests)
app.command("schema", rich_help_panel=PLANT)(schema.schema)
app.command("acl", rich_help_panel=PLANT)(acl.acl)
app.command("doctor", rich_help_panel=PLANT)(doctor.doctor)
app.add_typer(influx.app, rich_help_panel=PLANT)
app.add_typer(roster.app, rich_help_panel=PLANT)
app.command("run", rich_help_panel=PLANT)(run.run)
app.command("alerts", rich_help_panel=ALARMS)(alerts.alerts)
app.command("calls", rich_help_panel=ALARMS)(calls.calls)
app.command("performance", rich_help_panel=ALARMS)(performance.performance)
app.command("ack", rich_help_panel=ALARMS)(commands.ack)
app.command("shelve", rich_help_panel=ALARMS)(commands.shelve)
app.command("unshelve", rich_help_panel=ALARMS)(commands.unshelve)
app.command("reset", rich_help_panel=ALARMS)(upkeep.reset)
app.command("maintenance", rich_help_panel=ALARMS)(upkeep.maintenance)
app.command("out-of-service", rich_help_panel=ALARMS)(upkeep.out_of_service)
app.command("halt-work", rich_help_panel=ALARMS)(commands.halt_work)
app.command("resume-work", rich_help_panel=ALARMS)(commands.resume_work)
app.command("backfill", rich_help_panel=PLANT)(backfill.backfill)
app.add_typer(deadletter.app, rich_help_panel=PLANT)
app.add_typer(cluster.app, rich_help_panel=CLUSTER)
app.command("agent", rich_help_panel=CLUSTER)(nodes.agent)
app.command("worker", rich_help_panel=CLUSTER)(worker.worker)
app.add_typer(nodes.sink, name="sink", rich_help_panel=CLUSTER)
app.command("query", rich_help_panel=TRUTH)(query.query)
app.command("export", rich_help_panel=TRUTH)(export.export)
app.command("replay", rich_help_panel=TRUTH)(replay.replay)
app.command("backtest", rich_help_panel=TRUTH)(backtest.backtest)
app.command("fit", rich_help_panel=TRUTH)(fit.fit)
app.command("digest", rich_help_panel=TRUTH)(digest.digest)


def main() -> None:
    """The entry point of `lifeline`; ends the process with an `ExitCode`."""
    # Alert texts are Chinese too, whatever the terminal's locale: a sign that it cannot show
    # must not end a command.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        app(prog_name="lifeline")
    except Exception:  # noqa: BLE001  what nobody expected is a fault of ours, told as such
        traceback.print_exc()
        sys.exit(ExitCode.INTERNAL)
