"""A batch is durable as a whole, whatever fails in between, and in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest

from lifeline.engine.agent.batch import Batch
from lifeline.engine.agent.entries import EntryWriter
from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.entry import decode
from lifeline.engine.errors import LogError
from lifeline.engine.frame import Frame
from lifeline.engine.limits import MAX_FRAME_ROWS
from lifeline.engine.payload import DeadLetter, Decoded

DEAD = DeadLetter("t", b"x", "not_json", "", 7)


class Promise:
    def __init__(self, *answers: Exception | None) -> None:
        self._answers = list(answers)

    def wait(self, timeout_s: float | None = None) -> int:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if answer is not None:
            raise answer
        return 1


class ScriptedLog:
    """Answers each kind of call by a script, and remembers what was asked."""

    def __init__(self, **script: list[Promise]) -> None:
        self._script = script
        self.calls: list[str] = []

    def _next(self, name: str) -> Promise:
        self.calls.append(name)
        return self._script[name].pop(0)

    def append(self, entries: Sequence[bytes]) -> Promise:
        return self._next("append")

    def dead_letters_of(self, letters: object) -> Promise:
        return self._next("dead")

    def count_unknown(self, kind: str, key: str, n: int) -> Promise:
        return self._next(f"unknown_{kind}")


def decoded(*dead: DeadLetter, topics: int = 0, sensors: int = 0) -> Decoded:
    return Decoded(
        Frame.empty(),
        list(dead),
        Counter(),
        Counter({"t": topics} if topics else {}),
        Counter({"s": sensors} if sensors else {}),
    )


def test_an_empty_batch_is_durable_at_once() -> None:
    log = ScriptedLog()
    assert Batch(log, [], [decoded()]).durable(0.0)
    assert log.calls == []


def test_it_is_durable_when_every_part_is() -> None:
    slow, quick = Promise(TimeoutError(), None), Promise(None)
    log = ScriptedLog(append=[quick], dead=[slow], unknown_topic=[quick], unknown_sensor=[quick])
    batch = Batch(log, [b"e"], [decoded(DEAD, topics=1, sensors=2)])
    assert not batch.durable(0.0)
    assert batch.durable(0.0)
    assert log.calls == ["append", "dead", "unknown_topic", "unknown_sensor"]


def test_what_failed_is_offered_again_and_what_is_durable_is_not() -> None:
    log = ScriptedLog(
        append=[Promise(LogError("disk")), Promise(LogError("disk")), Promise(None)],
        dead=[Promise(None)],
    )
    batch = Batch(log, [b"e"], [decoded(DEAD)])
    for _ in range(2):
        with pytest.raises(LogError, match="disk"):
            batch.durable(0.0)
    assert batch.durable(0.0)
    assert log.calls == ["append", "dead", "append", "append"]


def test_an_offer_that_is_refused_at_once_is_repeated() -> None:
    class Closed(ScriptedLog):
        refusals = 1

        def append(self, entries: Sequence[bytes]) -> Promise:
            if self.refusals:
                self.refusals -= 1
                raise LogError("closed")
            return super().append(entries)

    batch = Batch(Closed(append=[Promise(None)]), [b"e"], [])
    with pytest.raises(LogError, match="closed"):
        batch.durable(0.0)
    assert batch.durable(0.0)


PLANT = Configuration(
    (Site("s", "beta", "a/b/c"), Site("r", "alpha", "a/b/c")),
    (Link(0, "src"), Link(1, "src")),
    tuple(Sensor(f"x{i}", i % 2, i % 2, "gas.combustible", "%LEL") for i in range(4)),
)


def test_frames_are_cut_at_the_logs_limit_and_numbered_on() -> None:
    rows = MAX_FRAME_ROWS + 3
    frame = Frame.of([0] * rows, range(rows), [1.0] * rows)
    entries = [decode(data) for data in EntryWriter("me", PLANT).encode(frame, 5, 11)]
    parts = [e.payload for e in entries]
    assert [e.header.producer_seq for e in entries] == [11, 12]
    assert [e.header.received for e in entries] == [5, 5]
    assert Frame.concat([p for p in parts if isinstance(p, Frame)]) == frame
    assert [len(p) for p in parts if isinstance(p, Frame)] == [MAX_FRAME_ROWS, 3]


def test_tenants_are_kept_apart_and_the_order_within_each_stays() -> None:
    frame = Frame.of([0, 1, 2, 3, 0], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5])
    entries = [decode(data) for data in EntryWriter("me", PLANT).encode(frame, 0, 1)]
    found = {
        e.header.tenant: e.payload.time.tolist() for e in entries if isinstance(e.payload, Frame)
    }
    assert found == {"alpha": [2, 4], "beta": [1, 3, 5]}
    assert EntryWriter("me", PLANT).encode(Frame.empty(), 0, 1) == []
