"""`lifeline agent` and `lifeline sink`: the processes of a cluster beside its workers."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..errors import LifelineError, SpecError
from .console import stderr
from .monitor import MonitorOption, monitored
from .plant_files import DEFAULT_CONFIG, ConfigArgument

if TYPE_CHECKING:
    from ..cluster.node import Node
    from ..config import Plant
    from ..troubles import EngineTrouble

_LOOK_S: Final = 1.0

VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Log what it does, on stderr.")
]


def agent(
    config: ConfigArgument = DEFAULT_CONFIG,
    verbose: VerboseOption = False,
    monitor: MonitorOption = "",
) -> None:
    """Run the plant's side of a cluster: MQTT in, Kafka out.

    Takes what the sources of the file send into a local log, acknowledges it when it is there,
    and passes it on to Kafka in order. With the link away the local log grows up to
    storage.retention.size; then the brokers keep what comes. It starts without the link, too, with the
    configuration that was in force last.

    \b
    lifeline agent                        # lifeline.yaml here
    kill -HUP  <process>                  # read the file's sources again
    kill -TERM <process>                  # send what is left, for some seconds, then stop

    Exit code 1 where the files are wrong, 4 where the data directory cannot be used.
    """
    from ..cluster.agent import AgentNode

    def reload(node: Node, plant: Plant) -> None:
        assert isinstance(node, AgentNode)
        node.reload(plant)

    _logged(verbose)
    run_node(config, lambda plant, tell: AgentNode(plant, on_trouble=tell), reload, monitor)


sink = typer.Typer(
    help="Run an output of a cluster: its alerts to where they are wanted, series to InfluxDB, calls to persons.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
ResumeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--resume",
        metavar="SITE",
        help="Deliver this site again that is on hold; may be repeated. What is missing stays missing.",
    ),
]


@sink.command("mqtt")
def sink_mqtt(
    config: ConfigArgument = DEFAULT_CONFIG,
    resume: ResumeOption = None,
    verbose: VerboseOption = False,
    monitor: MonitorOption = "",
) -> None:
    """Alert records, alerts and states of the cluster by MQTT; commands the other way.

    Publishes to the broker that outputs.mqtt names, as an embedded engine would, and puts
    commands that come there into the log. One of them to a broker. What was delivered stands with
    Kafka: on another machine it goes on where this one was.

    \b
    lifeline sink mqtt
    lifeline sink mqtt --resume gas-east  # after a gap that is lost for good: doctor names the site
    """
    from ..cluster.sink_mqtt import MqttSink

    _logged(verbose)
    run_node(
        config,
        lambda plant, tell: MqttSink(plant, on_trouble=tell, resumed=resume or ()),
        monitor=monitor,
    )


@sink.command("influx")
def sink_influx(
    config: ConfigArgument = DEFAULT_CONFIG,
    partitions: Annotated[
        str,
        typer.Option(
            metavar="P[-Q],…", help="Only these partitions, where several sinks share the work."
        ),
    ] = "",
    resume: ResumeOption = None,
    verbose: VerboseOption = False,
    monitor: MonitorOption = "",
) -> None:
    """Alerts and series of the cluster to InfluxDB.

    Writes to the server that outputs.influx names. A partition that is behind delays no other.

    \b
    lifeline sink influx
    lifeline sink influx --partitions 0-5   # another machine: --partitions 6-11
    """
    from ..cluster.sink_influx import InfluxSink

    only = parse_partitions(partitions)
    _logged(verbose)
    run_node(
        config,
        lambda plant, tell: InfluxSink(
            plant, on_trouble=tell, resumed=resume or (), partitions=only
        ),
        monitor=monitor,
    )


@sink.command("calls")
def sink_calls(
    config: ConfigArgument = DEFAULT_CONFIG,
    resume: ResumeOption = None,
    verbose: VerboseOption = False,
    monitor: MonitorOption = "",
) -> None:
    """Call and respond (叫应) of a cluster: persons are called until somebody answers.

    Calls by the roster that the file names, keeps its own log of calls, and serves the links by which they are answered. One of them to a
    cluster: two call everybody twice. On an empty directory it begins with the alarms that wait
    for an answer.

    \b
    lifeline sink calls
    kill -HUP  <process>                  # read the roster again
    lifeline calls                        # beside it: who is called, who answered

    Exit code 1 where the files are wrong, 4 where the data directory cannot be used.
    """
    from ..cluster.sink_calls import CallSink

    def reload(node: Node, plant: Plant) -> None:
        assert isinstance(node, CallSink)
        node.reload(plant)

    _logged(verbose)
    run_node(
        config,
        lambda plant, tell: CallSink(plant, on_trouble=tell, resumed=resume or ()),
        reload,
        monitor,
    )


def parse_partitions(text: str) -> tuple[int, ...] | None:
    """`0-2,5` as (0, 1, 2, 5); None for "". Raises SpecError.

    >>> parse_partitions("0-2,5"), parse_partitions("")
    ((0, 1, 2, 5), None)
    """
    if not text:
        return None
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
            raise SpecError("no partitions", found=repr(text), expected="such as 0-5,8")
        found.update(range(int(first), int(last) + 1))
    return tuple(sorted(found))


def _logged(verbose: bool) -> None:
    logging.basicConfig(
        level=logging.INFO if verbose else logging.ERROR,
        format="%(asctime)s level=%(levelname)s logger=%(name)s %(message)s",
    )
    if not verbose:
        # Its clients log each attempt to reach a broker that is away; the link's state is told.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


def run_node(
    config: Path,
    make: Callable[[Plant, Callable[[EngineTrouble], None]], Node],
    reload: Callable[[Node, Plant], None] | None = None,
    monitor: str = "",
) -> None:
    """Until a signal, or until it ends by itself; raises what ended it. Prints what goes wrong."""
    from ..config import load

    todo: SimpleQueue[Callable[[], None]] = SimpleQueue()
    err = stderr()
    stopping = False

    def stop() -> None:
        nonlocal stopping
        stopping = True

    def again() -> None:
        try:
            assert reload is not None
            reload(node, monitored(load(config), monitor))
        except (LifelineError, TimeoutError) as error:
            err.print(f"not reloaded, it goes on as before: {error}", style="bold red")
        else:
            err.print(f"reloaded {config}")

    node = make(monitored(load(config), monitor), lambda trouble: todo.put(partial(_tell, trouble)))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: todo.put(stop))
    if reload is not None:
        signal.signal(signal.SIGHUP, lambda *_: todo.put(again))
    node.start()
    err.print(f"lifeline {node.role} runs {config}; Ctrl-C or SIGTERM stops it")
    try:
        while not (stopping or node.wait(0)):
            with suppress(Empty):
                todo.get(timeout=_LOOK_S)()
    finally:
        node.stop()
        with suppress(Empty):
            while True:
                todo.get_nowait()()
    if node.error is not None:
        raise node.error
    err.print(f"lifeline {node.role} has stopped")


def _tell(trouble: EngineTrouble) -> None:
    from .format import clock_time

    time = clock_time(trouble.time, None)
    stderr().print(f"{time}  {trouble.source}: {trouble.kind}: {trouble.text}", style="yellow")
