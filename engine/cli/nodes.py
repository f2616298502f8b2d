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

from ..errors import LifelineError
from .console import stderr
from .plant_files import DEFAULT_CONFIG, ConfigArgument

if TYPE_CHECKING:
    from ..cluster.node import Node
    from ..config import Plant
    from ..troubles import EngineTrouble

_LOOK_S: Final = 1.0

VerboseOption = Annotated[
    bool, typer.Option("--verbose", "-v", help="Log what it does, on stderr.")
]


def agent(config: ConfigArgument = DEFAULT_CONFIG, verbose: VerboseOption = False) -> None:
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
    run_node(config, lambda plant, tell: AgentNode(plant, on_trouble=tell), reload)


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
            reload(node, load(config))
        except (LifelineError, TimeoutError) as error:
            err.print(f"not reloaded, it goes on as before: {error}", style="bold red")
        else:
            err.print(f"reloaded {config}")

    node = make(load(config), lambda trouble: todo.put(partial(_tell, trouble)))
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
