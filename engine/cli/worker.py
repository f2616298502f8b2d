"""`lifeline worker`: the cores of a cluster's partitions, one process per processor core."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import SpecError
from .console import stderr
from .kernels import warm_kernels
from .monitor import MonitorOption, monitored
from .plant_files import DEFAULT_CONFIG, ConfigArgument

if TYPE_CHECKING:
    from ..cluster.spec import ClusterSpec
    from ..cluster.worker import WorkerOptions
    from ..config import MonitoringSpec
    from ..troubles import EngineTrouble


def worker(
    config: ConfigArgument = DEFAULT_CONFIG,
    name: Annotated[
        str,
        typer.Option(
            help="Its name in the group and in its ticks [default: the node's and the process]."
        ),
    ] = "",
    ticks: Annotated[
        bool,
        typer.Option(help="Append ticks; without, a recorded log is stepped as it is."),
    ] = True,
    areas: Annotated[
        bool, typer.Option("--areas", help="Serve the areas instead of the sites.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log what it does, on stderr.")
    ] = False,
    monitor: MonitorOption = "",
) -> None:
    """Run a worker of a cluster: judges the partitions that the group of workers gives it.

    Reads the log, keeps each partition's state by checkpoints on Kafka, writes alert records and
    answers. Start one per processor core, on as many machines as are needed; when one ends, the
    others take over its partitions. Of the file it reads the section `cluster`.

    \b
    lifeline worker                       # lifeline.yaml here
    lifeline worker --name east-1 --monitor 9501
    lifeline worker --areas               # ladders, halting work, silence: a group of its own
    kill -TERM <process>                  # a last checkpoint, then leave the group

    Exit code 1 where the file or the topics are wrong, 3 where Kafka does not answer, 70 where
    it ended by itself: the reason is on stderr, and a service manager starts it again.
    """
    from ..cluster.worker import WorkerOptions
    from ..config import load

    logging.basicConfig(
        level=logging.INFO if verbose else logging.ERROR,
        format="%(asctime)s level=%(levelname)s logger=%(name)s %(message)s",
    )
    if not verbose:
        # Its clients log each attempt to reach a broker that is away; what ends a worker is told.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    plant = monitored(load(config), monitor)
    if plant.cluster is None:
        raise SpecError(
            "a worker belongs to a cluster, and this file has none",
            where=str(config),
            expected="a section `cluster:`; `lifeline run` serves a plant without one",
        )
    warm_kernels()
    own = f"{plant.node}-areas-{os.getpid()}" if areas else f"{plant.node}-{os.getpid()}"
    options = WorkerOptions(name or own, ticks, areas, heard=bool(plant.areas.areas))
    asyncio.run(_run(plant.cluster, options, config, plant.monitoring))


async def _run(
    spec: ClusterSpec, options: WorkerOptions, config: Path, monitoring: MonitoringSpec | None
) -> None:
    from ..cluster.configs import ConfigStore
    from ..cluster.worker import Worker
    from ..cluster.worker_monitoring import MonitoredWorker

    err = stderr()

    def tell(trouble: EngineTrouble) -> None:
        from .format import clock_time

        time = clock_time(trouble.time, None)
        err.print(f"{time}  {trouble.source}: {trouble.kind}: {trouble.text}", style="yellow")

    async with ConfigStore(spec) as store:
        made = Worker(spec, options, store.find, on_trouble=tell)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, made.stop_soon)
        err.print(f"lifeline worker {options.node} serves {config}; Ctrl-C or SIGTERM stops it")
        with MonitoredWorker(made.status, monitoring, areas=options.areas):
            await made.run()
    err.print("lifeline worker has stopped")
