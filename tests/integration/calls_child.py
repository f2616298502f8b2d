"""One life of an engine that calls: raises one alarm after another until it is killed or told to end.

Usage: calls_child.py <lifeline.yaml> <first> [wrong]. Raises the alarms of the sensors from `first`
on, prints `ready`, and `stopped` at the end; with `first` -1 it raises none and only finishes what is there. With
`wrong` it is an engine whose caller counts a person as told before the message is sent.
"""

import signal
import sys
import threading
from collections.abc import Mapping

from lifeline.engine.config import load
from lifeline.engine.embedded import Engine, SnapshotPace
from lifeline.engine.entry import Entry, Header, encode
from lifeline.engine.frame import Frame
from lifeline.engine.limits import SECOND_NS
from lifeline.engine.notify import caller, messages
from lifeline.engine.notify.queue import Ask
from lifeline.engine.record import Record

PACE = SnapshotPace(interval_ns=SECOND_NS // 5, least_entries=1, most_entries=50)


def become_wrong() -> None:
    """The control: the harness must catch this engine."""

    def call(self: caller.Caller, person: str, asks: Mapping[Ask, Record]) -> None:
        self._given([caller.Result(a.call, a.turn, a.person, "wrong") for a in asks])
        with self._lock:
            self._queue.done(asks)
            self._busy.discard(person)
        threading.Event().wait(0.5)
        self._told(person, list(asks.values()))

    caller.Caller._call = call  # type: ignore[method-assign]


def main(path: str, first: int) -> None:
    """Starts, raises, stops; raises what ended the engine."""
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    # Many messages in a short time, each with all that it is about.
    caller.SPACING_NS = SECOND_NS // 20  # type: ignore[misc]
    messages.NAMED_CALLS = 1_000  # type: ignore[misc]
    engine = Engine(load(path), agents=False, pace=PACE)
    engine.start()
    print("ready", flush=True)
    plan = engine.core.plan
    assert plan is not None
    sensor = first
    stage = engine.calls
    assert stage is not None
    begun = stage.core.counters().get("begun", 0)
    while first >= 0 and not asked.wait(0.01) and not engine.wait(0):
        # Not more than a few at once: what comes while a person is told is told in one message.
        heard = stage.core.counters().get("begun", 0) >= begun + sensor - first
        read = stage.caller._queue.read >= stage.store.outbox_end()
        told = heard and read and stage.caller.counters()["waiting"] <= 3
        if sensor >= len(plan.configuration.sensors) or not told:
            continue
        now = engine.clock.wall()
        header = Header("acme", "test", sensor + 1, now, registry=plan.version)
        frame = Frame.of([sensor], [now], [60.0])
        engine.store.append([encode(Entry(header, frame))])
        sensor += 1
    while first < 0 and not engine.wait(0.05):
        fed = stage.feed.behind() == 0 and stage.core.position >= stage.store.end()
        if fed and stage.caller.position >= stage.store.outbox_end():
            break
    engine.stop()
    if engine.error is not None:
        raise engine.error
    print("stopped", flush=True)


if sys.argv[3:] == ["wrong"]:
    become_wrong()
main(sys.argv[1], int(sys.argv[2]))
