"""Delivery by class of status: what is repeated, split and given up, by how many requests."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifeline.engine.limits import (
    INFLUX_ALL_REFUSED,
    INFLUX_PROBE_NS,
    INFLUX_RETRY_AFTER_MAX_NS,
    INFLUX_RETRY_FIRST_NS,
    INFLUX_RETRY_LAST_NS,
    SECOND_NS,
)
from lifeline.engine.outputs.influx_retry import (
    TAKEN_BEFORE_LARGER,
    Answer,
    Delivery,
    StoppedError,
    Verdict,
    all_dropped,
    verdict,
)
from lifeline.engine.outputs.lineprotocol import Lines


@dataclass
class Noted:
    """A patience that waits for nothing and notes what it was told; stops after `stop_after`."""

    stop_after: int = 1_000_000
    waits: list[int] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    wells: int = 0

    def wait(self, ns: int) -> bool:
        self.waits.append(ns)
        return len(self.waits) >= self.stop_after

    def tell(self, kind: str, text: str) -> None:
        self.told.append((kind, text))

    def well(self) -> None:
        self.wells += 1


class Server:
    """Stores lines, refuses those in `bad`; partially storing (1.x) or not at all (2.x)."""

    def __init__(self, bad: set[bytes], *, partial: bool, counts: bool = False) -> None:
        self.bad = bad
        self.partial = partial
        self.counts = counts
        self.stored: set[bytes] = set()
        self.requests = 0

    def send(self, body: bytes) -> Answer:
        self.requests += 1
        lines = body.splitlines()
        wrong = [x for x in lines if x in self.bad]
        if not wrong or self.partial:
            self.stored |= {x for x in lines if x not in self.bad}
        if not wrong:
            return Answer(204)
        dropped = f" dropped={len(wrong)}" if self.counts else " dropped=0"
        return Answer(400, "partial write: field type conflict" + dropped)


def numbered(n: int) -> Lines:
    return Lines.of(f"m value={i} {i}" for i in range(n))


def delivery(
    send: Callable[[bytes], Answer], noted: Noted | None = None, chance: float = 0.5
) -> Delivery:
    return Delivery(send, noted or Noted(), lambda: chance)


@given(st.integers(1, 300), st.data(), st.booleans())
def test_one_bad_line_costs_at_most_two_log_n_plus_one_requests(
    n: int, data: st.DataObject, partial: bool
) -> None:
    lines = numbered(n)
    bad = lines.cut(*(lambda i: (i, i + 1))(data.draw(st.integers(0, n - 1)))).rstrip()
    server = Server({bad}, partial=partial)
    dead = delivery(server.send).deliver(lines, 0, n)
    assert [r.line for r in dead] == [bad]
    assert server.stored == set(lines.body.splitlines()) - {bad}
    assert server.requests <= 2 * math.ceil(math.log2(n)) + 1


def test_a_half_that_must_hold_the_bad_line_is_not_sent_whole() -> None:
    lines = numbered(1_024)
    server = Server({lines.cut(1_023, 1_024).rstrip()}, partial=False)
    delivery(server.send).deliver(lines, 0, 1_024)
    assert server.requests == 1 + 10 + 1  # the whole, each left half, the line alone


@given(st.integers(1, 120), st.data(), st.booleans(), st.booleans())
def test_any_number_of_bad_lines_are_found_and_every_other_line_is_stored(
    n: int, data: st.DataObject, partial: bool, counts: bool
) -> None:
    lines = numbered(n)
    every = lines.body.splitlines()
    bad = set(data.draw(st.lists(st.sampled_from(every), max_size=min(n, INFLUX_ALL_REFUSED - 1))))
    server = Server(bad, partial=partial, counts=counts)
    dead = delivery(server.send).deliver(lines, 0, n)
    assert {r.line for r in dead} == bad
    assert len(dead) == len(bad)
    assert server.stored == set(every) - bad


def test_lines_that_only_disagree_with_each_other_lose_one_and_not_both() -> None:
    """A new field gets its type by the first line; the other conflicts only then."""
    lines = Lines.of(["n,a=1 value=1 1", "n,a=2 value=1i 2"])
    kinds: set[bool] = set()

    def send(body: bytes) -> Answer:
        found = {line.split()[1].endswith(b"i") for line in body.splitlines()}
        if len(found | kinds) > 1:
            return Answer(400, "field type conflict")
        kinds.update(found)
        return Answer(204)

    dead = delivery(send).deliver(lines, 0, 2)
    assert [r.line for r in dead] == [b"n,a=2 value=1i 2"]


def test_a_batch_whose_every_line_the_server_counts_as_dropped_is_not_searched() -> None:
    lines = numbered(1_000)
    server = Server(set(lines.body.splitlines()), partial=True, counts=True)
    dead = delivery(server.send).deliver(lines, 0, 1_000)
    assert len(dead) == 1_000
    assert server.requests == 1


def test_a_server_that_refuses_every_line_without_counting_stops_the_output() -> None:
    lines = numbered(1_000)
    server = Server(set(lines.body.splitlines()), partial=False)
    noted = Noted(stop_after=1)
    with pytest.raises(StoppedError):
        delivery(server.send, noted).deliver(lines, 0, 1_000)
    assert noted.told[-1][0] == "all_refused"
    assert noted.waits == [INFLUX_PROBE_NS]


def test_after_all_was_refused_the_whole_batch_is_tried_again_and_nothing_is_given_up() -> None:
    lines = numbered(200)
    server = Server(set(lines.body.splitlines()), partial=False)
    noted = Noted()

    def send(body: bytes) -> Answer:
        if noted.waits:
            server.bad = set()  # somebody repaired the server during the pause
        return server.send(body)

    assert delivery(send, noted).deliver(lines, 0, 200) == []
    assert server.stored == set(lines.body.splitlines())
    assert noted.wells == 1


@pytest.mark.parametrize("status", [None, 408, 425, 429, 500, 502, 503, 504])
def test_a_server_that_may_recover_is_waited_for_without_end(status: int | None) -> None:
    answers = [Answer(status, "away")] * 40 + [Answer(204)]
    noted = Noted()
    lines = numbered(3)
    delivered = delivery(lambda _body: answers.pop(0), noted).deliver(lines, 0, 3)
    assert delivered == []
    assert len(noted.waits) == 40
    assert {kind for kind, _ in noted.told} == {"unreachable"}
    assert noted.waits[0] == INFLUX_RETRY_FIRST_NS * 3 // 4
    assert noted.waits[1] == INFLUX_RETRY_FIRST_NS * 3 // 2
    assert noted.waits[-1] == INFLUX_RETRY_LAST_NS * 3 // 4


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 60))
def test_the_jitter_stays_within_half_of_the_pause(chance: float, attempts: int) -> None:
    answers = [Answer(503)] * (attempts + 1) + [Answer(204)]
    noted = Noted()
    delivery(lambda _body: answers.pop(0), noted, chance).deliver(numbered(1), 0, 1)
    longest = min(INFLUX_RETRY_FIRST_NS * 2**attempts, INFLUX_RETRY_LAST_NS)
    assert longest // 2 <= noted.waits[-1] <= longest


@pytest.mark.parametrize(
    ("wish", "waited"),
    [
        (7 * SECOND_NS, 7 * SECOND_NS),
        (0, SECOND_NS // 10),
        (86_400 * SECOND_NS, INFLUX_RETRY_AFTER_MAX_NS),
    ],
)
def test_retry_after_is_honoured_within_reason(wish: int, waited: int) -> None:
    answers = [Answer(429, "slow down", wish), Answer(204)]
    noted = Noted()
    delivery(lambda _body: answers.pop(0), noted).deliver(numbered(1), 0, 1)
    assert noted.waits == [waited]


def test_too_large_is_halved_until_it_fits_and_remembered() -> None:
    lines = numbered(64)
    limit = len(lines.body) // 3
    sizes: list[int] = []

    def send(body: bytes) -> Answer:
        sizes.append(len(body))
        return Answer(413) if len(body) > limit else Answer(204)

    carrier = delivery(send)
    assert carrier.deliver(lines, 0, 64) == []
    assert sum(size for size in sizes if size <= limit) == len(lines.body)
    assert carrier.largest is not None
    assert carrier.largest <= limit
    assert carrier.counters.halved == 3


def test_a_line_that_is_too_large_alone_is_given_up() -> None:
    lines = Lines.of(["m value=1 1", "m text=" + "x" * 1_000 + " 2", "m value=3 3"])
    dead = delivery(lambda body: Answer(413) if len(body) > 100 else Answer(204)).deliver(
        lines, 0, 3
    )
    assert [r.line[:6] for r in dead] == [b"m text"]


@pytest.mark.parametrize("status", [401, 403, 404, 302, 405, 0])
def test_what_a_person_must_repair_stops_the_output_and_is_tried_every_minute(status: int) -> None:
    answers = [Answer(status, "authorization failed")] * 3 + [Answer(204)]
    noted = Noted()
    delivery(lambda _body: answers.pop(0), noted).deliver(numbered(5), 0, 5)
    assert noted.waits == [INFLUX_PROBE_NS] * 3
    assert noted.told[0] == ("refused", f"{status}: authorization failed")
    assert noted.wells == 1


def test_an_outage_in_the_middle_of_a_bisection_loses_nothing() -> None:
    lines = numbered(128)
    bad = lines.cut(77, 78).rstrip()
    server = Server({bad}, partial=False)
    calls = 0

    def send(body: bytes) -> Answer:
        nonlocal calls
        calls += 1
        return Answer(503) if calls % 2 else server.send(body)

    dead = delivery(send).deliver(lines, 0, 128)
    assert [r.line for r in dead] == [bad]
    assert server.stored == set(lines.body.splitlines()) - {bad}


def test_stopping_during_a_wait_ends_the_delivery_undecided() -> None:
    with pytest.raises(StoppedError):
        delivery(lambda _body: Answer(None, "refused"), Noted(stop_after=3)).deliver(
            numbered(1), 0, 1
        )


def test_only_the_range_asked_for_is_sent() -> None:
    lines = numbered(10)
    bodies: list[bytes] = []

    def send(body: bytes) -> Answer:
        bodies.append(body)
        return Answer(204)

    delivery(send).deliver(lines, 3, 5)
    assert bodies == [lines.cut(3, 5)]


def test_the_classes_of_every_status() -> None:
    of = {status: verdict(status) for status in range(100, 600)}
    assert {s for s, v in of.items() if v is Verdict.TAKEN} == set(range(200, 300))
    assert {s for s, v in of.items() if v is Verdict.WAIT} == {408, 425, 429, *range(500, 600)}
    assert {s for s, v in of.items() if v is Verdict.BISECT} == {400, 422}
    assert {s for s, v in of.items() if v is Verdict.HALVE} == {413}


def test_the_number_of_dropped_lines_is_read_from_the_servers_own_words() -> None:
    said = 'partial write: field type conflict: input field "value" is type string dropped=3'
    assert all_dropped(Answer(400, said), 3)
    assert not all_dropped(Answer(400, said), 4)
    assert not all_dropped(Answer(400, "unable to parse dropped=3"), 3)


def test_a_series_that_is_refused_without_end_costs_one_request_more_and_not_a_search() -> None:
    def batch(turn: int) -> Lines:
        return Lines.of(f"m,s=a\\ {i % 100} value={i} {turn}{i:05}" for i in range(10_000))

    first, second, third = batch(1), batch(2), batch(3)
    bad = {x for b in (first, second) for x in b.body.splitlines() if x.startswith(b"m,s=a\\ 7 ")}
    server = Server(bad, partial=False, counts=True)
    made = delivery(server.send)
    assert len(made.deliver(first, 0, 10_000)) == 100
    assert server.requests > 100
    server.requests = 0
    assert {r.line for r in made.deliver(second, 0, 10_000)} < bad
    assert server.requests == 2
    server.requests = 0
    assert made.deliver(third, 0, 10_000) == []  # the conflict is over
    assert made.deliver(third, 0, 10_000) == []
    assert server.requests == 2 + 1
    everything = {x for b in (first, second, third) for x in b.body.splitlines()}
    assert server.stored == everything - bad


@given(st.data(), st.booleans(), st.booleans())
def test_whatever_was_refused_before_every_good_line_is_stored_and_every_bad_one_named(
    data: st.DataObject, partial: bool, counts: bool
) -> None:
    server = Server(set(), partial=partial, counts=counts)
    made = delivery(server.send)
    for turn in range(4):
        lines = Lines.of(f"m,s={i % 7} value={i} {turn}{i:03}" for i in range(60))
        every = lines.body.splitlines()
        server.bad = set(data.draw(st.lists(st.sampled_from(every), max_size=40)))
        dead = made.deliver(lines, 0, 60)
        assert {r.line for r in dead} == server.bad
        assert len(dead) == len(server.bad)
        assert set(every) - server.bad <= server.stored


def test_a_limit_that_was_raised_is_found_again() -> None:
    limit = 100
    made = delivery(lambda body: Answer(413) if len(body) > limit else Answer(204))
    lines = numbered(64)
    made.deliver(lines, 0, 64)
    learnt = made.largest
    assert learnt is not None
    assert learnt <= limit
    limit = 1_000_000
    sizes = []
    for _ in range(10 * TAKEN_BEFORE_LARGER):
        assert made.largest is not None
        (start, stop), *_ = lines.batches(64, made.largest)
        assert made.deliver(lines, start, stop) == []
        sizes.append(stop - start)
    assert sizes[-1] == 64
    assert sizes == sorted(sizes)
