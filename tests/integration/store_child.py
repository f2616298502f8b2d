"""One life of an engine with a store that nobody reads from a broker: its log is fed from here.

Usage: store_child.py <lifeline.yaml> <frames>. Appends Frames, numbered on from those that the log
has, prints `ready`, then after each append the number; goes on until SIGTERM, or until it is killed.
"""

import signal
import sys
import threading

import numpy as np

from lifeline.engine.config import load
from lifeline.engine.embedded import Engine
from lifeline.engine.entry import Entry, Header, encode
from lifeline.engine.frame import Frame
from lifeline.engine.limits import SECOND_NS

SENSORS = 2


def frame(number: int, now: int) -> Frame:
    """Samples of now; every tenth Frame comes a second time with other values, as a conflict."""
    rng = np.random.default_rng(number)
    time = now + np.arange(400, dtype=np.int64) * 1_000
    values = np.where(rng.random(400) < 0.02, np.nan, np.round(rng.normal(10, 4, 400), 3))
    return Frame.of(np.arange(400) % SENSORS, time, values)


def main(path: str, frames: int) -> None:
    """Starts, feeds, waits, stops; raises what ended the engine."""
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    engine = Engine(load(path), agents=False, on_trouble=lambda t: print("trouble", t.kind, t.text))
    engine.start()
    print("ready", flush=True)
    number = engine.store.end()
    for _ in range(frames):
        if asked.is_set() or engine.wait(0):
            break
        number += 1
        now = engine.clock.wall()
        assert engine.core.plan is not None
        header = Header("acme", "child", number, now, registry=engine.core.plan.version)
        sent = frame(number, now)
        entries = [encode(Entry(header, sent))]
        if number % 10 == 0:
            again = Frame.of(sent.sensor, sent.time, sent.value + 1, sent.quality)
            entries.append(encode(Entry(header, again)))
        engine.store.append(entries).wait(180)
        print("appended", number, flush=True)
        asked.wait(0.004)
    while not asked.wait(0.05) and not engine.wait(0):
        pass
    engine.stop()
    if engine.error is not None:
        raise engine.error
    print("stopped", now / SECOND_NS, flush=True)


main(sys.argv[1], int(sys.argv[2]))
