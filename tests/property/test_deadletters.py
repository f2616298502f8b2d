"""Whatever is asked for, in whatever order and however often the owner of the log starts anew: each
letter is in the table or what it says is in the log, once; and what is told adds up."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from unittest.mock import patch

from hypothesis import example, given, settings
from hypothesis import strategies as st

from lifeline.engine.agent import retrying
from lifeline.engine.agent.retrying import Retrier
from lifeline.engine.clock import SystemClock
from lifeline.engine.config import Plant, load
from lifeline.engine.entry import decode
from lifeline.engine.frame import Frame
from lifeline.engine.log import LogStore, Outcome, Requests, Retry
from log_entries import quick_directory
from plant_files import PlantFiles

START_MS = 1_700_000_000_000
SOURCES = """\
sources:
  - id: gas
    topics: ["gas/{station}/{device}"]
    site: "{station}"
    payload: {points: $, sensor: "{device}", time: {path: ts}, text_numbers: true}
"""
# What one letter holds: points that can be read, and points that cannot.
letters = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=12)
asked = st.lists(
    st.tuples(st.lists(st.integers(1, 30), max_size=12), st.booleans(), st.integers(0, 4)),
    max_size=6,
)


def payload(number: int, good: int, bad: int) -> bytes:
    points = [{"ts": START_MS + 100 * number + n, "value": f"{n}"} for n in range(good)]
    points += [{"ts": START_MS, "value": "x"}] * bad
    return json.dumps(points).encode()


class Owner:
    """The process that has the log, as far as letters go."""

    def __init__(self, directory: Path, plant: Plant) -> None:
        self.store = LogStore.open(directory, SystemClock())
        self.requests = Requests(directory)
        self.retrier = Retrier(self.store, self.requests, SystemClock(), lambda kind, text: None)
        self.retrier.become(plant.sources, plant.configuration, None)

    def close(self) -> None:
        self.retrier.close()
        self.store.close()


def in_log(store: LogStore) -> Counter[int]:
    """How often each time is in the log."""
    entries = [decode(data) for _, data in store.read(0, 1_000_000)]
    frames = [e.payload for e in entries if isinstance(e.payload, Frame)]
    return Counter(int(t) // 1_000_000 for frame in frames for t in frame.time)


def in_table(store: LogStore) -> Counter[int]:
    """How often each time that can be read stands in a letter."""
    found: Counter[int] = Counter()
    for letter in store.kept_letters(0, 1_000):
        whole = json.loads(letter.payload.partition(b"\n# ")[0])
        points = whole if isinstance(whole, list) else [whole]
        found.update(point["ts"] for point in points if point["value"] != "x")
    return found


@settings(max_examples=40, deadline=None)
@example(made=[(1, 0), (2, 1)], requests=[([1, 1, 2, 1], False, 0)], at_once=5)
@given(made=letters, requests=asked, at_once=st.integers(1, 5))
def test_each_letter_is_in_the_table_or_in_the_log_once(
    made: list[tuple[int, int]],
    requests: list[tuple[list[int], bool, int]],
    at_once: int,
) -> None:
    with quick_directory() as directory, patch.object(retrying, "AT_ONCE", at_once):
        plant = load(PlantFiles(sources=SOURCES).write(directory))
        owner = Owner(directory / "log", plant)
        kept = [("gas/east/GD-1", payload(n, *each), "?", n) for n, each in enumerate(made)]
        owner.store.dead_letters_of(kept).wait(180)
        everything = in_table(owner.store)
        for number, (ids, restarts, stops_after) in enumerate(requests):
            request = Retry(f"r{number}", tuple(ids))
            told = do(owner, request, stops_after if restarts else None)
            if restarts:
                owner.close()
                owner = Owner(directory / "log", plant)
                told = do(owner, request, None)
            assert (told.done, told.total, told.tried) == (True, len({*ids}), len({*ids}))
            assert in_log(owner.store) + in_table(owner.store) == everything
        last = [letter.id for letter in owner.store.kept_letters(0, 1_000)]
        told = do(owner, Retry("last", tuple(last)), None)
        assert in_log(owner.store) == everything
        assert in_table(owner.store) == Counter()
        owner.close()


def do(owner: Owner, request: Retry, stops_after: int | None) -> Outcome:
    """Does it, or as many steps of it."""
    if stops_after is None:
        return owner.retrier.do(request)
    left = [stops_after]
    tell = owner.requests.tell

    def told(outcome: Outcome) -> None:
        tell(outcome)
        left[0] -= 1
        if left[0] < 0:
            owner.retrier._stopping.set()

    with patch.object(owner.requests, "tell", told):
        return owner.retrier.do(request)
