"""One life of an engine: runs a plant until SIGTERM, or until it is killed.

Usage: embedded_child.py <lifeline.yaml>. Prints `ready <restored from>`, and `stopped` at the end.
"""

import signal
import sys
import threading

from lifeline.engine.config import load
from lifeline.engine.embedded import Engine, SnapshotPace
from lifeline.engine.limits import SECOND_NS

PACE = SnapshotPace(interval_ns=SECOND_NS // 4, least_entries=1, most_entries=50)


def main(path: str) -> None:
    """Starts, waits, stops; raises what ended the engine."""
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    engine = Engine(load(path), on_trouble=lambda t: print("trouble", t.kind, t.text), pace=PACE)
    engine.start()
    print("ready", engine.status().snapshot["restored_from"], flush=True)
    while not asked.wait(0.05) and not engine.wait(0):
        pass
    engine.stop()
    if engine.error is not None:
        raise engine.error
    print("stopped", flush=True)


main(sys.argv[1])
