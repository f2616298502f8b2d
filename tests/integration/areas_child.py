"""One life of an engine with areas: makes its own telemetry until it is killed or told to end.

Usage: areas_child.py <lifeline.yaml> <seed> [wrong]. Prints `ready`, and `stopped` at the end; with
the seed 0 it makes no telemetry, and only finishes what is there. With `wrong` it is an engine that
moves the cursor of the areas before their log has the records.
"""

import random
import signal
import sys
import threading

from lifeline.engine.areas.hearing import heard
from lifeline.engine.config import load
from lifeline.engine.embedded import Engine, SnapshotPace
from lifeline.engine.embedded.area_feeding import CURSOR, AreaFeed
from lifeline.engine.entry import Entry, Header, encode
from lifeline.engine.frame import Frame
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.log import LogStore

PACE = SnapshotPace(interval_ns=SECOND_NS // 5, least_entries=1, most_entries=50)
LIMITS = (25.0, 50.0, 25.0)  # of gas at east, rain at east, gas at west


def become_wrong() -> None:
    """The control: the harness must catch this engine."""

    def pass_on(self: AreaFeed, store: LogStore) -> bool:
        rows = store.records(store.cursor(CURSOR), 16)
        if not rows:
            return False
        store.set_cursor(CURSOR, rows[-1].number).wait()
        threading.Event().wait(0.05)
        payload = heard(row.data for row in rows)
        if payload is not None:
            self._append(payload).wait()
        return True

    AreaFeed._pass_on = pass_on  # type: ignore[method-assign]


def main(path: str, seed: int) -> None:
    """Starts, feeds, stops; raises what ended the engine."""
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    engine = Engine(load(path), agents=False, outputs=False, pace=PACE)
    engine.start()
    print("ready", flush=True)
    chance, sent = random.Random(seed), 0
    while seed and not asked.wait(0.01) and not engine.wait(0):
        sent += 1
        now, plan = engine.clock.wall(), engine.core.plan
        assert plan is not None
        values = [limit * chance.uniform(0.4, 1.6) for limit in LIMITS]
        header = Header("acme", "test", sent, now, registry=plan.version)
        frame = Frame.of([0, 1, 2], [now] * 3, values)
        engine.store.append([encode(Entry(header, frame))])
    asked.wait(0 if seed else 1.5)
    engine.stop()
    if engine.error is not None:
        raise engine.error
    print("stopped", flush=True)


if sys.argv[3:] == ["wrong"]:
    become_wrong()
main(sys.argv[1], int(sys.argv[2]))
