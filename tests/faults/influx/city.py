"""Ten minutes of a simulated city through an embedded engine, faster than they pass.

Payloads are made by the simulators and decoded as the configuration says; log, core, outbox and
outputs are the engine's own. Only the clock is the test's, so that a second takes some milliseconds.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from faults.cluster.recording import START, City
from lifeline.engine.clock import ManualClock
from lifeline.engine.config import Plant, load
from lifeline.engine.embedded import Engine, EngineTrouble
from lifeline.engine.entry import Entry, Header, encode
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.log import LogStore
from lifeline.engine.outputs.influx_output import SERIES

SECONDS: Final = 600.0
PATIENCE_S: Final = 300.0
#: Outputs of these names carry series and alerts to wherever.
_CURSORS: Final = ("series:", "alert:")


def until(what: Callable[[], bool], every_s: float = 0.05) -> None:
    """Waits for it; fails when it does not come."""
    give_up = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < give_up, "it did not come to that"
        threading.Event().wait(every_s)


class Life:
    """The engine's directory with these outputs, and its lives on it.

    now    what its clock says when it begins, ns
    """

    def __init__(self, folder: Path, outputs: Mapping[str, Any], now: int) -> None:
        path = folder / "lifeline.yaml"
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        document["outputs"] = dict(outputs)
        text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
        path.write_text(text, encoding="utf-8")
        self.plant: Plant = load(path)
        self.clock = ManualClock(now)
        self.troubles: list[EngineTrouble] = []

    @classmethod
    def again(cls, played: Path, folder: Path, outputs: Mapping[str, Any], now: int) -> Life:
        """On a copy of what a life left in `played`, as if nothing had been delivered yet."""
        shutil.copytree(played, folder)
        life = cls(folder, outputs, now)
        store = LogStore.open(life.storage)
        for name in [name for name in store.cursors() if name.startswith(_CURSORS)]:
            store.drop_cursor(name).wait(PATIENCE_S)
        store.close()
        return life

    @property
    def storage(self) -> Path:
        """Where the engine keeps its log."""
        return self.plant.storage.directory

    @contextmanager
    def engine(self) -> Iterator[Engine]:
        """A started engine, stopped at the end."""
        engine = Engine(self.plant, clock=self.clock, on_trouble=self.troubles.append, agents=False)
        engine.start()
        try:
            yield engine
        finally:
            engine.stop()

    def written(self, engine: Engine) -> int:
        """Samples that the server has decided about in this life."""
        counters = engine.status().outputs[SERIES]["counters"]
        return int(counters["taken"] + counters["dead"])

    def delivered(self, engine: Engine) -> None:
        """Waits until series and alerts are written or given up, to the end of log and outbox."""

        def nothing_left() -> bool:
            outputs = engine.status().outputs
            names = [name for name in outputs if name.startswith(_CURSORS)]
            return not any(outputs[name]["behind"] for name in names)

        until(lambda: engine.core.position == engine.store.end())
        until(nothing_left)


class LiveCity(Life):
    """A city that speaks while its engine runs, from `start` (event time, ns) on."""

    def __init__(
        self,
        folder: Path,
        outputs: Mapping[str, Any],
        *,
        start: int = START,
        seconds: float = SECONDS,
    ) -> None:
        folder.mkdir(parents=True)
        self.city = City.at(folder, seconds, start)
        super().__init__(folder, outputs, start)
        self.start, self.seconds = start, seconds
        self.samples = 0
        self._windows = self.city.frames()
        self._said = 0

    def play(self, engine: Engine, seconds: float) -> bool:
        """The next seconds, logged and judged; whether the city has more to say."""
        assert engine.core.plan is not None
        version = engine.core.plan.version
        last = self.clock.wall() + int(seconds * SECOND_NS)
        for now, frames in self._windows:
            self.clock.advance(now - self.clock.wall())
            entries = []
            for site, frame in frames:
                self._said += 1
                self.samples += len(frame)
                header = Header(self.city.tenant(site), "city", self._said, now, registry=version)
                entries.append(encode(Entry(header, frame)))
            if entries:
                engine.store.append(entries).wait(PATIENCE_S)
            self._judged(engine, now)
            if now >= last:
                return True
        return False

    def _judged(self, engine: Engine, now: int) -> None:
        until(lambda: engine.core.wall > now - 2 * SECOND_NS or bool(engine.failure), 0.002)
        assert not engine.failure
