"""One life of a cluster's call sink: calls until it is killed, or told to end by SIGTERM.

Usage: calls_sink_child.py <lifeline.yaml>. Prints `ready` when it calls, `stopped` at the end.
"""

import signal
import sys
import threading

from lifeline.engine.cluster.sink_calls import CallSink
from lifeline.engine.config import load
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.notify import caller, messages
from lifeline.engine.stages.snapshotting import SnapshotPace

PACE = SnapshotPace(interval_ns=SECOND_NS // 5, least_entries=1, most_entries=50)


def main(path: str) -> None:
    """Starts, calls, stops; raises what ended the sink."""
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    # Many messages in a short time, each with all that it is about.
    caller.SPACING_NS = SECOND_NS // 20  # type: ignore[misc]
    messages.NAMED_CALLS = 1_000  # type: ignore[misc]
    sink = CallSink(load(path), pace=PACE)
    sink.start()
    while not sink.status().calls and not sink.wait(0.05):
        pass
    print("ready", flush=True)
    while not asked.wait(0.05) and not sink.wait(0):
        pass
    sink.stop()
    if sink.error is not None:
        raise sink.error
    print("stopped", flush=True)


main(sys.argv[1])
