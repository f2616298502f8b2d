"""One run of the demo: stage, publishers, what is heard, and the way to a full stop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

from lifeline.engine.cli.console import stderr, stdout
from lifeline.engine.cli.format import Lines, reaches
from lifeline.engine.cli.kernels import warm_kernels
from lifeline.engine.cli.plant_files import places
from lifeline.engine.clock import SystemClock
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.log import LogReader
from lifeline.engine.record import Record

from ..plant import Scenario
from ..sites import all_sites
from .publishers import Publishers
from .reckoning import Reckoning, reckon, still_missing
from .stage import Stage

if TYPE_CHECKING:
    from lifeline.engine.outputs.text import Language

# After the last acknowledgement everything is in the log within a commit; a machine that is busy
# with other things is given this long.
SETTLE_S: Final = 20.0
_LOOK_S: Final = 0.2


def play(directory: Path, seconds: float, seed: int, speech: Language, *, quiet: bool) -> Reckoning:
    """Runs the three sites for `seconds` and reckons up; prints what is heard unless `quiet`."""
    clock = SystemClock()
    remarks = stderr()
    warm_kernels()
    for scenario in _scenarios(clock.wall(), seconds, seed):
        scenario.script.world()  # compiled here once: publishers load it
    heard: SimpleQueue[Record] = SimpleQueue()
    began = clock.monotonic()
    with Stage(directory, _scenarios(clock.wall(), seconds, seed), heard.put) as stage:
        # The story begins when everybody listens.
        scenarios = _scenarios(clock.wall(), seconds, seed)
        remarks.print(
            f"{len(scenarios)} sites publish by MQTT to 127.0.0.1:{stage.port} for {seconds:g} s, "
            f"with {sum(len(s.incidents) for s in scenarios)} incidents and "
            f"{sum(len(s.faults) for s in scenarios)} sensor faults ahead; data in {directory}"
        )
        show = _Show(stage.config, speech, quiet, heard)
        with Publishers(scenarios, stage.host, stage.port, directory, 1.0) as publishers:
            _watch(publishers, show)
            publishers.check()
        ledgers = {p.scenario.site.id: p.ledger for p in publishers.all}
        _until(lambda: not still_missing(stage.data, scenarios, ledgers), show)
        stage.engine.stop()
        _until(lambda: _all_heard(stage), show)
        listened = set(stage.listener.heard)
    wall_s = (clock.monotonic() - began) / SECOND_NS
    return reckon(stage.data, scenarios, ledgers, listened, wall_s)


def _scenarios(start_ns: int, seconds: float, seed: int) -> list[Scenario]:
    return [site.scenario(start_ns, seconds, seed) for site in all_sites()]


class _Show:
    """Prints what the listener hears, in the thread that owns the terminal."""

    def __init__(
        self, config: Path, speech: Language, quiet: bool, heard: SimpleQueue[Record]
    ) -> None:
        self._lines = Lines(speech, places(config))
        self._console = None if quiet else stdout()
        self._heard = heard

    def some(self, wait_s: float) -> None:
        """What was heard by now, waiting a little for the first."""
        try:
            record = self._heard.get(timeout=wait_s)
            while True:
                # Told are levels: that a calm sensor fell silent is its own alarm (stale).
                if self._console is not None and reaches(record, 1):
                    self._console.print(self._lines.event(record))
                record = self._heard.get_nowait()
        except Empty:
            return


def _watch(publishers: Publishers, show: _Show) -> None:
    """Until every publisher has ended; Ctrl-C ends them early and in order."""
    try:
        while publishers.running:
            show.some(_LOOK_S)
    except KeyboardInterrupt:
        stderr().print("stopping the publishers …")
        publishers.stop()


def _until(done: Callable[[], bool], show: _Show) -> None:
    clock = SystemClock()
    until = clock.monotonic() + int(SETTLE_S * SECOND_NS)
    while not done() and clock.monotonic() < until:
        show.some(_LOOK_S)


def _all_heard(stage: Stage) -> bool:
    reader = LogReader.open(stage.data)
    try:
        return len(stage.listener.heard) >= reader.outbox_end()
    finally:
        reader.close()
