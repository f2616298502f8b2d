"""The order of the promises: durable, then told, then counted; also while the disk refuses."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from embedded_runs import EAGER, Run, full_disk, plant, replay, until
from lifeline.engine.clock import ManualClock
from lifeline.engine.command import Reply
from lifeline.engine.core import Core
from lifeline.engine.embedded.configuring import next_configuration
from lifeline.engine.embedded.standing import repair
from lifeline.engine.entry import Entry, Header, Tick, encode
from lifeline.engine.errors import LogError
from lifeline.engine.frame import Frame
from lifeline.engine.limits import SECOND_NS, STEP_OPEN_POSITIONS
from lifeline.engine.log import ConfigurationFiles, LogStore, Nondeterminism
from lifeline.engine.record import Record
from lifeline.engine.stages.snapshotting import SnapshotPace, Snapshotter, restored
from lifeline.engine.stages.stepping import Stepper
from log_entries import START, open_store


class Bench:
    """A stepper on a log, and what it told."""

    def __init__(self, directory: Path, store: LogStore) -> None:
        self.store = store
        self.configuration = plant(directory).configuration
        self.told: list[Record] = []
        self.replies: list[tuple[str, Reply]] = []
        self.refused: list[str] = []
        self.now = START
        self.stepper = self.another()
        self.put(self.configuration)
        self.put(Tick(START))

    def another(self, core: Core | None = None) -> Stepper:
        """A stepper of the same log."""
        return Stepper(
            core or Core(),
            self.store,
            self.told.extend,
            lambda producer, reply: self.replies.append((producer, reply)),
            self.refused.append,
        )

    def put(self, payload: Frame | Tick | object) -> None:
        """One durable entry of now."""
        header = Header("acme", "test", 1, self.now, registry=self.configuration.version())
        self.store.append([encode(Entry(header, payload))]).wait()  # type: ignore[arg-type]

    def swing(self, times: int) -> None:
        """Samples that raise and clear an alarm, slowly enough to be believed."""
        for n in range(2 * times):
            self.now += 3_600 * SECOND_NS
            self.put(Frame.of([0], [self.now], [60.0 if n % 2 == 0 else 1.0]))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    store = open_store(tmp_path / "data")
    yield Bench(tmp_path, store)
    store.close()


def test_nothing_is_told_before_it_is_durable(bench: Bench) -> None:
    bench.swing(2)
    while bench.stepper.step_some(lambda: True):
        pass
    assert bench.told == []
    assert bench.stepper.settle(30 * SECOND_NS)
    assert [r.transition for r in bench.told][:1] == ["raised"]
    stored = [row.data for row in bench.store.records(0, 99)]
    assert stored == [r.encode() for r in bench.told]


def test_stepping_again_is_harmless(bench: Bench) -> None:
    bench.swing(2)
    for stepper in (bench.stepper, bench.another()):
        while stepper.step_some(lambda: True):
            pass
        assert stepper.settle(30 * SECOND_NS)
    half = len(bench.told) // 2
    assert bench.told[:half] == bench.told[half:]
    assert bench.store.outbox_end() == half


def test_another_outcome_than_the_stored_one_is_not_told(bench: Bench) -> None:
    bench.swing(2)
    bench.store.append_records(3, [("east", 1, b'{"hash":"00"}')]).wait()
    while bench.stepper.step_some(lambda: True):
        pass
    with pytest.raises(Nondeterminism, match="record 1 of site east"):
        bench.stepper.settle(30 * SECOND_NS)
    assert bench.told == []


def test_it_stops_between_entries_when_it_is_told_to(bench: Bench) -> None:
    bench.swing(3)
    assert bench.stepper.step_some(lambda: False) == 1
    assert bench.stepper.core.position == 1


def test_what_the_disk_refuses_is_offered_again_in_order(bench: Bench, tmp_path: Path) -> None:
    bench.swing(40)
    with full_disk(tmp_path / "data"):
        while bench.stepper.step_some(lambda: True):
            pass
        until(lambda: not bench.stepper.settle(0) and bool(bench.stepper.refused))
        assert len(bench.refused) == 1
        assert "cannot be written" in bench.refused[0]
        durable = len(bench.told)

    def taken() -> bool:
        bench.stepper.offer_again()
        return bench.stepper.settle(SECOND_NS)

    until(taken)
    assert bench.refused[-1] == ""
    assert len(bench.told) > durable
    rows = bench.store.records(0, 1_000)
    assert [row.seq for row in rows] == list(range(1, len(bench.told) + 1)), "no seq goes back"
    assert [row.data for row in rows] == [r.encode() for r in bench.told]


def test_no_more_than_a_named_number_of_positions_is_open(bench: Bench, tmp_path: Path) -> None:
    bench.swing(STEP_OPEN_POSITIONS)
    with full_disk(tmp_path / "data"):
        while bench.stepper.step_some(lambda: True):
            pass
        assert bench.stepper.open_positions == STEP_OPEN_POSITIONS
        assert not bench.stepper.at_end
        until(lambda: not bench.stepper.settle(0) and bool(bench.stepper.refused))
    while not bench.stepper.at_end:
        bench.stepper.offer_again()
        bench.stepper.settle(SECOND_NS)
        bench.stepper.step_some(lambda: True)


def test_a_snapshot_is_cut_after_time_and_progress_and_never_twice_at_once(
    bench: Bench,
) -> None:
    clock = ManualClock(START)
    pace = SnapshotPace(interval_ns=10 * SECOND_NS, least_entries=4, most_entries=8)
    snapshotter = Snapshotter(bench.store, clock, pace, 0)
    assert not snapshotter.due(5), "not before its time"
    assert snapshotter.due(8), "so many entries do not wait"
    clock.advance(10 * SECOND_NS)
    assert not snapshotter.due(3)
    assert snapshotter.due(4)
    bench.swing(3)
    while bench.stepper.step_some(lambda: True):
        pass
    assert bench.stepper.settle(30 * SECOND_NS)
    ticket = snapshotter.cut(bench.stepper.core)
    assert ticket is not None
    ticket.wait()
    assert snapshotter.cut(bench.stepper.core) is None, "nothing is new"
    core, position = restored(bench.store)
    assert position == bench.stepper.core.position == snapshotter.position
    assert core.digest() == bench.stepper.core.digest()
    clock.advance(10 * SECOND_NS)
    assert not snapshotter.due(position + 3)
    snapshotter.postpone()
    assert not snapshotter.due(position + 100)


def test_a_core_without_a_beginning_is_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path, retention_ns=-1)
    for n in range(1, 5):
        store.append([encode(Entry(Header(), Tick(n)))]).wait()
        store.save_snapshot(n, store.hash_at(n), b"not a core").wait()
    store.trim().wait()
    assert store.first() > 1
    with pytest.raises(LogError, match=r"not a snapshot|cannot be read"):
        restored(store)
    store.close()
    (tmp_path / "snapshots.db").unlink()
    for rest in ("snapshots.db-wal", "snapshots.db-shm"):
        (tmp_path / rest).unlink(missing_ok=True)
    store = open_store(tmp_path)
    with pytest.raises(LogError, match="no snapshot can be used"):
        restored(store)
    store.close()


def test_the_table_of_standing_alarms_is_put_right(bench: Bench) -> None:
    bench.swing(1)
    bench.now += 3_600 * SECOND_NS
    bench.put(Frame.of([0], [bench.now], [60.0]))
    while bench.stepper.step_some(lambda: True):
        pass
    assert bench.stepper.settle(30 * SECOND_NS)
    core, before = bench.stepper.core, bench.store.standing()
    assert before
    assert repair(bench.store, core) == []
    old = bench.store.records(3, 1)[0]
    ghost = ("west", "r~s", old.data)
    bench.store.replace_standing([ghost, *((r.site, r.alarm, old.data) for r in before)]).wait()
    assert repair(bench.store, core) == []
    assert bench.store.standing() == before


def test_configurations_are_kept_by_version_and_survive_a_torn_file(tmp_path: Path) -> None:
    files = ConfigurationFiles(tmp_path)
    first = plant(tmp_path).configuration
    second = plant(tmp_path, rules="rules: []\n").configuration
    for configuration in (first, second, first):
        files.keep(configuration)
        assert files.find(configuration.version()) == configuration
    assert files.find(bytes(16)) is None
    (tmp_path / f"{second.version().hex()}.config").write_bytes(b"torn")
    assert ConfigurationFiles(tmp_path).find(second.version()) is None
    assert ConfigurationFiles(tmp_path).find(first.version()) == first


def test_only_a_configuration_that_says_something_else_is_next(tmp_path: Path) -> None:
    wanted = plant(tmp_path).configuration
    assert next_configuration(None, wanted) == wanted
    assert next_configuration(wanted, wanted) is None
    less = plant(tmp_path, tags="id,site,quantity,unit,low,high\n").configuration
    following = next_configuration(wanted, less)
    assert following is not None
    assert [s.id for s in following.sensors] == [s.id for s in wanted.sensors]
    assert all(s.retired for s in following.sensors)
    assert next_configuration(following, less) is None, "the same files again"


def test_a_lost_tail_is_told_logged_and_no_seq_is_given_twice(tmp_path: Path) -> None:
    run = Run(plant(tmp_path), pace=EAGER)
    lost = tmp_path / "killed"
    with run.engine() as engine:
        for _ in range(6):
            run.send(engine, 60.0, 60.0, 1.0, 1.0)
        until(lambda: bool(engine.store.health().snapshots))
        shutil.copytree(run.plant.storage.directory, lost)  # what a killed process leaves
    wal = lost / "log.db-wal"
    with wal.open("r+b") as file:
        file.truncate(wal.stat().st_size * 2 // 3)
    storage = replace(run.plant.storage, directory=lost)
    again = Run(replace(run.plant, storage=storage), clock=run.clock, pace=EAGER)
    with again.engine() as engine:
        assert [t.kind for t in again.troubles if t.kind == "log_recovered"] == ["log_recovered"]
        last = engine.store.delivered_heads()["east"].seq
        # More than once: where the log was cut, the alarm may stand, or be about to clear.
        for _ in range(3):
            again.send(engine, 60.0, 60.0, 1.0, 1.0)
        assert engine.status().log["recovered"] != ""
    fresh = [r.seq for r in again.records if r.site == "east" and r.seq > last]
    assert fresh == list(range(last + 1, last + 1 + len(fresh)))
    assert fresh
    found = replay(lost)
    assert "recovered" in found.kinds
    assert found.records.items() <= found.outbox.items()
    with again.engine() as engine:
        assert engine.store.recovery is None, "told once"
        assert engine.core.digest() == found.digest
