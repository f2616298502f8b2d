"""`lifeline run`: the engine of one plant, until it is told to stop."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..errors import LifelineError
from .console import LangOption, Progressed, language, progress, stderr, stdout
from .kernels import warm_kernels
from .monitor import MonitorOption, monitored
from .plant_files import DEFAULT_CONFIG, ConfigArgument, places

if TYPE_CHECKING:
    from ..config import Plant
    from ..embedded import EngineTrouble
    from ..record import Record

_LOOK_S: Final = 1.0


def run(
    config: ConfigArgument = DEFAULT_CONFIG,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Do not print the alarms as they come.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Log what the engine does, on stderr.")
    ] = False,
    lang: LangOption = "",
    monitor: MonitorOption = "",
) -> None:
    """Run the engine of a plant until it is stopped.

    Connects to the brokers of the sources, judges what comes, publishes alerts and series. Prints
    each alarm on stdout and what goes wrong on stderr. What was acknowledged to a broker is in
    the log: after a crash or kill the next start goes on where this one was.

    \b
    lifeline run                          # lifeline.yaml here
    lifeline run plants/east.yaml --quiet
    kill -HUP  <process>                  # read the files again; refused as a whole if wrong
    kill -TERM <process>                  # finish what is under way, then stop

    While it runs: lifeline alerts, ack, shelve, digest, doctor.
    Exit code 1 where the files are wrong, 4 where the data directory cannot be used, 70 where a
    claim of the design broke: then nothing more is judged, and the log is kept for a look.
    """
    from ..config import load

    logging.basicConfig(
        level=logging.INFO if verbose else logging.ERROR,
        format="%(asctime)s level=%(levelname)s logger=%(name)s %(message)s",
    )
    _Runner(config, lambda: monitored(load(config), monitor), quiet, lang).run()


class _Runner:
    """The engine, the signals, and one thread that prints: this one."""

    def __init__(self, config: Path, load: Callable[[], Plant], quiet: bool, lang: str) -> None:
        from ..embedded import Engine
        from .format import Lines

        self._config = config
        self._load = load
        self._todo: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._stopping = False
        self._progressed: Progressed = lambda share: None
        self._quiet = quiet
        self._lines = Lines(language(lang), places(config))
        self._out, self._err = stdout(), stderr()
        self._engine = Engine(
            load(),
            on_records=lambda records: self._todo.put(partial(self._show, records)),
            on_trouble=lambda trouble: self._todo.put(partial(self._tell, trouble)),
            on_progress=lambda what, done, total: self._progressed(done / max(total, 1)),
        )

    def run(self) -> None:
        """Until a signal, or until the engine ends by itself; raises what ended it."""
        warm_kernels()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._todo.put(self._stop))
        signal.signal(signal.SIGHUP, lambda *_: self._todo.put(self._reload))
        with progress("taking up the log", 1.0) as self._progressed:
            self._engine.start()
        self._err.print(f"lifeline runs {self._config}; Ctrl-C or SIGTERM stops it")
        try:
            while not (self._stopping or self._engine.wait(0)):
                self._some()
        finally:
            self._engine.stop()
            self._rest()
        if self._engine.error is not None:
            raise self._engine.error
        self._err.print("lifeline has stopped")

    def _some(self) -> None:
        """What is to be done next, if it comes soon."""
        with suppress(Empty):
            self._todo.get(timeout=_LOOK_S)()

    def _rest(self) -> None:
        """What was told while the engine stopped."""
        with suppress(Empty):
            while True:
                self._todo.get_nowait()()

    def _show(self, records: Sequence[Record]) -> None:
        if not self._quiet:
            from .format import reaches

            for record in filter(lambda r: reaches(r, 1), records):
                self._out.print(self._lines.event(record))

    def _tell(self, trouble: EngineTrouble) -> None:
        from .format import clock_time

        time = clock_time(trouble.time, None)
        self._err.print(f"{time}  {trouble.source}: {trouble.kind}: {trouble.text}", style="yellow")

    def _stop(self) -> None:
        self._stopping = True

    def _reload(self) -> None:
        """The files anew. What is wrong with them changes nothing; the engine goes on."""
        from .format import Lines

        try:
            self._engine.reload(self._load())
        except (LifelineError, TimeoutError) as error:
            self._err.print(
                f"not reloaded, the engine goes on as before: {error}", style="bold red"
            )
            return
        self._lines = Lines(self._lines.language, places(self._config))
        self._err.print(f"reloaded {self._config}")
