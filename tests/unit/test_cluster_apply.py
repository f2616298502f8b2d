"""Applies that run at once, stop anywhere and are frozen: the log stays one that cores can step."""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster_city import city, limit, with_rule, without_site
from lifeline.engine.clock import ManualClock
from lifeline.engine.cluster import apply as module
from lifeline.engine.cluster.apply import Applied, Applying
from lifeline.engine.cluster.configs import ConfigStore
from lifeline.engine.cluster.contents import CURRENT_KEY, Current, Head, needless
from lifeline.engine.cluster.partitioning import split
from lifeline.engine.cluster.spec import ClusterSpec
from lifeline.engine.cluster.turns import Standing, Turn, Verdict, obsolete, whose
from lifeline.engine.configuration import Configuration
from lifeline.engine.errors import EntryError, SinkError, SpecError
from lifeline.engine.limits import CLUSTER_APPLY_NS, DAY_NS, SECOND_NS

N = 3
SPEC = ClusterSpec(("nowhere:1",), partitions=N, replication=1)


class Pause:
    """Where another process may run, or this one end."""

    def __await__(self) -> Generator[None, None, None]:
        yield


@dataclass
class Brokers:
    """Two topics in memory, shared by all applies, and what must hold of them at any time."""

    clock: ManualClock = field(default_factory=lambda: ManualClock(wall=2_000 * DAY_NS))
    configs: list[Any] = field(default_factory=list)
    named: list[list[bytes]] = field(default_factory=lambda: [[] for _ in range(N)])

    def put(self, key: bytes, value: bytes | None) -> None:
        at = self.clock.wall() // 1_000_000
        record = SimpleNamespace(key=key, value=value, offset=len(self.configs), timestamp=at)
        self.configs.append(record)
        if key == CURRENT_KEY and value is not None:
            current = msgspec.json.decode(value, type=Current)
            for partition, version in enumerate(current.parts):
                assert bytes.fromhex(version) in self.named[partition], "in force and not named"

    def name(self, partition: int, version: bytes) -> None:
        self.named[partition].append(version)
        keys = {r.key for r in self.configs if r.value is not None}
        assert f"head|{version.hex()}".encode() in keys, "named before its content was there"


class Store(ConfigStore):
    """The store, on topics in memory."""

    def __init__(self, brokers: Brokers) -> None:
        super().__init__(SPEC, brokers.clock)
        self._brokers = brokers

    async def _read_to_end(self) -> None:
        await Pause()
        for record in self._brokers.configs[self.index.next :]:
            self.index.see(record)
        self.index.next = len(self._brokers.configs)

    async def _fetch(self, offsets: list[int]) -> list[bytes]:
        await Pause()
        return [self._brokers.configs[offset].value for offset in offsets]

    async def put(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        for key, value in records:
            await Pause()
            self._brokers.put(key, value)


class Naming:
    """The log, in memory."""

    topic = "lifeline.log"

    def __init__(self, brokers: Brokers) -> None:
        self._brokers = brokers

    async def partitions(self) -> int:
        await Pause()
        return N

    async def name(self, partition: int, version: bytes, now: int) -> None:
        self._brokers.name(partition, version)
        await Pause()

    async def durable(self) -> None:
        await Pause()


async def applied(
    brokers: Brokers, wanted: Configuration, again: bool = False, spec: ClusterSpec = SPEC
) -> Applied:
    store = Store(brokers)
    await store.refresh()
    return await Applying(spec, store, Naming(brokers), brokers.clock).run(wanted, again)


def finished(work: Coroutine[Any, Any, Any]) -> Any:
    """Runs one apply to its end, alone."""
    try:
        while True:
            work.send(None)
    except StopIteration as end:
        return end.value


def find(brokers: Brokers, version: bytes) -> Configuration:
    async def found() -> Configuration:
        store = Store(brokers)
        await store.refresh()
        return await store.find(version)

    result: Configuration = finished(found())
    return result


def assert_steppable(brokers: Brokers) -> None:
    """Each partition's configurations continue one another, as a core demands."""
    for versions in brokers.named:
        known: list[Any] = []
        for version in versions:
            part = find(brokers, version)
            ids = [(part.sites[s.site].id, s.id) for s in part.sensors]
            assert ids[: len(known)] == known, "an index was moved"
            known = ids


BASE = city(6, 2)
#: What operators might want: other limits, sites gone, sites new in another order.
WANTED = (
    BASE,
    with_rule(BASE, limit("gas-0", 33.0)),
    without_site(BASE, 1),
    without_site(without_site(BASE, 4), 0),
    city(9, 2),
    without_site(city(9, 3), 2),
    city(6, 3, rules=1),
)


def chaos(seed: int) -> Brokers:
    """Up to three applies at a time, stepped, ended and frozen at random; then one alone."""
    choose = random.Random(seed)
    brokers = Brokers()
    running: list[Coroutine[Any, Any, Any]] = []
    for _ in range(choose.randrange(50, 500)):
        if len(running) < 3 and choose.random() < 0.1:
            wanted = choose.choice(WANTED)
            running.append(applied(brokers, wanted, again=choose.random() < 0.1))
        if choose.random() < 0.02:
            brokers.clock.advance(choose.choice((1, 20, 61, 125)) * SECOND_NS)
        if not running:
            continue
        one = choose.choice(running)
        if choose.random() < 0.01:
            one.close()
            running.remove(one)
            continue
        try:
            one.send(None)
        except (StopIteration, SinkError):
            running.remove(one)
    for one in running:
        one.close()
    brokers.clock.advance(CLUSTER_APPLY_NS + SECOND_NS)
    last = choose.choice(WANTED)
    done = finished(applied(brokers, last))
    assert_in_force(brokers, done.current, last)
    assert_steppable(brokers)
    return brokers


def assert_in_force(brokers: Brokers, current: Current, wanted: Configuration) -> None:
    for partition, version in enumerate(current.parts):
        assert brokers.named[partition][-1] == bytes.fromhex(version)
    whole = find(brokers, current.version())
    live = {(whole.sites[s.site].id, s.id) for s in whole.sensors if not s.retired}
    assert live == {(wanted.sites[s.site].id, s.id) for s in wanted.sensors}
    assert whole.rules == wanted.rules
    assert [v.hex() for v in split(whole, N).versions] == list(current.parts)


@given(st.integers(0, 1 << 32))
def test_applies_at_once_that_end_anywhere_leave_a_log_that_can_be_stepped(seed: int) -> None:
    chaos(seed)


def _always(*_: object) -> Verdict:
    return Verdict("go")


def _forgets_the_dead(turns: Any, mine: str, current: int) -> Verdict:
    verdict = whose(turns, mine, current)
    return Verdict("go") if verdict.what == "finish" else verdict


def _never_waits(turns: Any, mine: str, current: int) -> Verdict:
    verdict = whose(turns, mine, current)
    return Verdict("finish", verdict.turn) if verdict.what == "wait" else verdict


@pytest.mark.parametrize("mutant", [_always, _forgets_the_dead, _never_waits])
def test_the_simulation_notices_when_turns_are_not_kept(
    monkeypatch: pytest.MonkeyPatch, mutant: Callable[..., Verdict]
) -> None:
    monkeypatch.setattr(module, "whose", mutant)
    caught = 0
    for seed in range(300):
        try:
            chaos(seed)
        except (AssertionError, EntryError):
            caught += 1
            break
    assert caught


# --- one apply -----------------------------------------------------------------------------------
def test_the_first_apply_tells_every_partition_and_the_second_nobody() -> None:
    brokers = Brokers()
    done = finished(applied(brokers, BASE))
    assert (done.changed, done.named) == (True, (0, 1, 2))
    assert sum(done.current.sites) == 6
    assert sum(done.current.sensors) == 12
    assert (done.written.whole, done.written.delta) == (1 + N, 0)
    before = len(brokers.configs)
    again = finished(applied(brokers, BASE))
    assert (again.changed, again.named, again.current) == (False, (), done.current)
    assert len(brokers.configs) == before
    told = finished(applied(brokers, BASE, again=True))
    assert told.named == (0, 1, 2)
    assert [len(named) for named in brokers.named] == [2, 2, 2]


def test_only_the_partition_of_a_new_sensor_is_told() -> None:
    brokers = Brokers()
    finished(applied(brokers, BASE))
    sensor = msgspec.structs.replace(BASE.sensors[3], id="GT-new")
    wanted = msgspec.structs.replace(BASE, sensors=(*BASE.sensors, sensor))
    done = finished(applied(brokers, wanted))
    home = split(wanted, N).partition_of_sensor[-1]
    assert done.named == (home,)
    assert done.written.whole + done.written.delta == 2


def test_a_removed_site_keeps_its_indices_and_counts_no_more() -> None:
    brokers = Brokers()
    finished(applied(brokers, BASE))
    done = finished(applied(brokers, without_site(BASE, 2)))
    assert (sum(done.current.sites), sum(done.current.sensors)) == (5, 10)
    whole = find(brokers, done.current.version())
    assert [s.id for s in whole.sites] == [s.id for s in BASE.sites]
    assert [s.id for s in whole.sites if s.retired] == ["site-00002"]


def test_another_number_of_partitions_is_refused() -> None:
    brokers = Brokers()
    other = msgspec.structs.replace(SPEC, partitions=N + 1)
    with pytest.raises(SpecError, match=f"expected cluster.partitions: {N}$"):
        finished(applied(brokers, BASE, spec=other))


def test_what_a_core_could_not_run_is_never_named() -> None:
    brokers = Brokers()
    wrong = with_rule(BASE, msgspec.structs.replace(limit("gas-0", 25.0), kind="horoscope"))
    with pytest.raises(SpecError, match="horoscope"):
        finished(applied(brokers, wrong))
    assert brokers.named == [[], [], []]


def test_an_apply_waits_for_no_other_but_says_so() -> None:
    brokers = Brokers()
    other = applied(brokers, BASE)
    while not any(named for named in brokers.named):
        other.send(None)
    with pytest.raises(SinkError, match="another `lifeline cluster apply` is at work"):
        finished(applied(brokers, city(9)))
    finished(other)
    assert finished(applied(brokers, city(9))).changed


@pytest.mark.parametrize("steps", range(1, 19))
def test_an_apply_that_died_is_finished_by_the_next(steps: int) -> None:
    brokers = Brokers()
    dead = applied(brokers, BASE)
    for _ in range(steps):
        dead.send(None)  # the last of them is the last thing that it does
    keys = [record.key for record in brokers.configs]
    begun = any(key.startswith(b"turn|") for key in keys) and CURRENT_KEY not in keys
    dead.close()
    brokers.clock.advance(CLUSTER_APPLY_NS + SECOND_NS)
    done = finished(applied(brokers, city(9)))
    assert done.finished == begun
    assert_in_force(brokers, done.current, city(9))
    assert_steppable(brokers)


def test_an_apply_that_was_frozen_for_long_names_nothing_more() -> None:
    brokers = Brokers()
    frozen = applied(brokers, BASE)
    while not brokers.named[0]:
        frozen.send(None)
    brokers.clock.advance(CLUSTER_APPLY_NS // 2 + SECOND_NS)
    with pytest.raises(SinkError, match="took too long"):
        finished(frozen)
    assert brokers.named[1:] == [[], []]


def test_contents_that_the_log_can_no_longer_name_are_deleted() -> None:
    brokers = Brokers()
    first = finished(applied(brokers, BASE)).current
    brokers.clock.advance(100 * DAY_NS)
    # The first one was in force until now: the log of the last month was judged by it.
    second = finished(applied(brokers, city(9, 2)))
    assert second.deleted == 0
    brokers.clock.advance(100 * DAY_NS)
    third = finished(applied(brokers, city(9, 2, rules=5)))
    gone = {first.city, *first.parts} - {second.current.city, *second.current.parts}
    assert third.deleted == len(gone) > 1
    for version in gone:
        with pytest.raises(EntryError, match="is not on topic"):
            _absent(brokers, bytes.fromhex(version))
    assert_in_force(brokers, third.current, city(9, 2, rules=5))
    # What was deleted may be wanted again.
    assert_in_force(brokers, finished(applied(brokers, BASE)).current, BASE)


def _absent(brokers: Brokers, version: bytes) -> None:
    async def look() -> None:
        store = Store(brokers)
        await store.refresh()
        await store.find(version, -1)

    finished(look())


# --- turns ---------------------------------------------------------------------------------------
EMPTY = Current("", 1, ("",), (0,), (0,))
LEASE_MS = CLUSTER_APPLY_NS // 1_000_000


def standing(name: str, offset: int, time: int = 0, since: int = 5) -> Standing:
    return Standing(offset, time, Turn(name, since, EMPTY))


@pytest.mark.parametrize(
    ("others", "what", "whom"),
    [
        ([], "go", None),
        ([standing("later", 11)], "go", None),
        ([standing("of the past", 2, since=1)], "go", None),
        ([standing("first", 9)], "wait", "first"),
        ([standing("first", 9), standing("second", 8)], "wait", "second"),
        ([standing("dead", 9, -LEASE_MS - 1)], "finish", "dead"),
        ([standing("nearly dead", 9, -LEASE_MS)], "wait", "nearly dead"),
        ([standing("dead", 8, -LEASE_MS - 1), standing("at it", 9)], "wait", "at it"),
    ],
)
def test_whose_turn_it_is(others: list[Standing], what: str, whom: str | None) -> None:
    verdict = whose([*others, standing("mine", 10)], "mine", 5)
    assert (verdict.what, verdict.turn.id if verdict.turn else None) == (what, whom)


def test_a_turn_that_began_from_the_past_is_late() -> None:
    assert whose([standing("mine", 10, since=4)], "mine", 5).what == "late"
    assert whose([], "mine", 5).what == "late"
    turns = [standing("old", 3, since=1), standing("mine", 10)]
    assert [turn.id for turn in obsolete(turns, 5)] == ["old"]


# --- what is needed ------------------------------------------------------------------------------
def history(*states: tuple[int, str]) -> list[tuple[int, Current]]:
    return [(at, Current(city, 1, (f"{city}-part",), (0,), (0,))) for at, city in states]


def heads(*names: str, **bases: str) -> dict[str, Head]:
    return {name: Head(1, 1, "", bases.get(name, "")) for name in names}


@pytest.mark.parametrize(
    ("horizon", "gone"),
    [(0, set()), (10, set()), (19, set()), (20, {"a"}), (30, {"a", "b"}), (99, {"a", "b"})],
)
def test_what_was_in_force_at_the_horizon_is_needed(horizon: int, gone: set[str]) -> None:
    past = history((30, "c"), (10, "a"), (20, "b"))
    assert needless(past, heads("a", "b", "c"), horizon) == gone


def test_the_bases_of_what_is_needed_are_needed() -> None:
    past = history((10, "a"), (20, "b"), (30, "c"), (40, "d"))
    found = heads("a", "b", "c", "d", "d-part", "x", c="a", d="c")
    assert needless(past, found, 99) == {"b", "x"}
