"""A log stepped again: from its beginning, from a snapshot where that is gone, under other rules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifeline.engine.clock import ManualClock
from lifeline.engine.config import Plant, load
from lifeline.engine.configuration import Configuration
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, Header, Payload, Tick, decode, encode
from lifeline.engine.errors import EntryError, LogError
from lifeline.engine.frame import Frame
from lifeline.engine.log import LogReader, LogStore
from lifeline.engine.outputs.standing import standing_changes
from lifeline.engine.replay.digest import digest_of
from lifeline.engine.replay.history import ReviewedRun
from lifeline.engine.replay.recorded import RecordedRun, cut
from lifeline.engine.replay.runs import LogRun, VerbatimRun
from plant_files import PlantFiles

SECOND = 1_000_000_000
T0 = 1_717_200_000 * SECOND
HOUR = 3_600 * SECOND


class Writer:
    """Writes a log and what it leads to, as an engine does, with a clock of its own."""

    def __init__(self, data: Path, configuration: Configuration) -> None:
        self.clock = ManualClock(T0)
        self.store = LogStore.open(data, self.clock, retention_ns=HOUR)
        self.core = Core()
        self.registry = configuration.version()
        self.log(configuration)
        self.log(Tick(T0))

    def log(self, payload: Payload) -> None:
        now = self.clock.wall()
        header = Header("", "test", 0, now, registry=self.registry)
        self.store.append([encode(Entry(header, payload))]).wait(180)
        for position, data in self.store.read(self.core.position, 100):
            records = list(self.core.step(position, decode(data)))
            if records:
                rows = [(r.site, r.seq, r.encode()) for r in records]
                self.store.append_records(position, rows, standing_changes(records)).wait(180)

    def sample(self, value: float) -> None:
        """One sample of the eastern gas detector, ten seconds after the last."""
        self.clock.advance(10 * SECOND)
        now = self.clock.wall()
        self.log(Frame.of([0], [now], [value]))
        self.log(Tick(now + 1))

    def snapshot(self) -> None:
        position = self.core.position
        entry_hash = self.store.hash_at(position)
        self.store.save_snapshot(position, entry_hash, self.core.snapshot()).wait(180)


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return load(PlantFiles().write(tmp_path))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "lifeline-data"


def trimmed_log(data: Path, plant: Plant) -> Writer:
    """A log whose first hours are gone; three snapshots lie at and behind that place."""
    writer = Writer(data, plant.configuration)
    for value in (5, 30, 5, 60):
        writer.sample(value)
    writer.snapshot()
    writer.clock.advance(3 * HOUR)
    for value in (61, 5, 30):
        writer.sample(value)
        writer.snapshot()
    writer.store.trim().wait(180)
    assert writer.store.trimmed() is not None
    return writer


def test_a_whole_log_is_stepped_from_its_first_entry(data: Path, plant: Plant) -> None:
    writer = Writer(data, plant.configuration)
    for value in (5, 30, 60, 5):
        writer.sample(value)
    writer.store.close()
    report = digest_of(data, LogReader.open(data))
    assert (report.first, report.last, report.entries) == (1, 10, 10)
    assert report.digest == writer.core.digest()
    assert report.holds
    assert report.settled


def test_a_log_without_its_beginning_is_stepped_from_a_snapshot(data: Path, plant: Plant) -> None:
    writer = trimmed_log(data, plant)
    writer.store.close()
    reader = LogReader.open(data)
    report = digest_of(data, reader)
    anchor = reader.trimmed()
    assert anchor is not None
    assert report.first > anchor.seq
    assert report.digest == writer.core.digest()
    assert report.holds


def test_a_log_without_its_beginning_and_without_snapshots_says_so(
    data: Path, plant: Plant
) -> None:
    trimmed_log(data, plant).store.close()
    (data / "snapshots.db").unlink()
    with pytest.raises(LogError, match="no snapshot is left"):
        digest_of(data, LogReader.open(data))


def test_records_that_are_on_their_way_are_waited_for(data: Path, plant: Plant) -> None:
    writer = Writer(data, plant.configuration)
    writer.sample(30)
    now = writer.clock.wall() + 10 * SECOND
    frame = Frame.of([0], [now], [60.0])
    header = Header("", "test", 0, now, registry=writer.registry)
    writer.store.append([encode(Entry(header, frame))]).wait(180)
    reader = LogReader.open(data)
    report = digest_of(data, reader)
    assert report.holds
    assert not report.settled
    writer.log(Tick(now))  # steps what was left as well
    again = report.again(reader)
    assert again.settled
    assert again.holds
    writer.store.close()


def test_an_altered_record_is_different(data: Path, plant: Plant) -> None:
    writer = Writer(data, plant.configuration)
    writer.sample(30)
    head = writer.core.head("east")
    forged = head[1][:-1] + bytes([head[1][-1] ^ 1])
    writer.store.close()
    reader = LogReader.open(data)
    report = digest_of(data, reader)
    forged_heads = {"east": (head[0], forged)}
    from lifeline.engine.replay.digest import verdicts

    assert [v.verdict for v in verdicts(report.heads, reader)] == ["equal"]
    assert [v.verdict for v in verdicts(forged_heads, reader)] == ["different"]
    assert [v.verdict for v in verdicts({}, reader)] == ["not replayed"]


def test_the_same_rules_say_the_same_of_a_log(data: Path, plant: Plant) -> None:
    writer = Writer(data, plant.configuration)
    for value in (5, 30, 60, 5, 30):
        writer.sample(value)
    writer.store.close()
    reader = LogReader.open(data)
    verbatim, reviewed = VerbatimRun(data, reader), LogRun(data, reader, plant.configuration)
    for run in (verbatim, reviewed):
        for step in run.steps():
            assert step.done <= run.total
    assert verbatim.core.digest() == reviewed.core.digest() == writer.core.digest()


def test_sensors_that_other_rules_do_not_know_are_passed_by(
    data: Path, plant: Plant, tmp_path: Path
) -> None:
    writer = Writer(data, plant.configuration)
    writer.sample(60)
    writer.store.close()
    files = PlantFiles()
    assert isinstance(files.tags, str)
    files.tags = files.tags.replace("GD-1,east", "GD-2,east")
    (tmp_path / "other").mkdir()
    other = load(files.write(tmp_path / "other"))
    run = LogRun(data, LogReader.open(data), other.configuration)
    assert [len(step.records) for step in run.steps()] != []
    assert run.passed == {"east/GD-1": 1}
    assert run.core.counters()["judged"] == 0


def test_samples_of_a_configuration_that_is_nowhere_stop_a_review(plant: Plant) -> None:
    run = ReviewedRun(plant.configuration, lambda version: None)
    header = Header(registry=b"x" * 16)
    with pytest.raises(EntryError, match="not in the log"):
        run.step(Entry(header, Frame.of([0], [T0], [1.0])))


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 3), st.floats(0, 100)), min_size=1, max_size=80
    ),
    st.sampled_from([0, 1, SECOND, 7 * SECOND]),
)
def test_no_cut_of_recorded_samples_changes_the_digest(
    samples: list[tuple[int, int, float]], span_ns: int
) -> None:
    configuration = _configuration()
    times = T0 + np.cumsum([gap for _, gap, _ in samples]) * SECOND
    frame = Frame.of([s for s, _, _ in samples], times, [v for _, _, v in samples])
    whole, parts = RecordedRun(configuration), RecordedRun(configuration)
    whole.step(frame)
    pieces = list(cut(frame, span_ns))
    assert Frame.concat(pieces) == frame
    for piece in pieces:
        parts.step(piece)
    assert parts.core.site_digests() == whole.core.site_digests()
    assert parts.core.counters() == whole.core.counters()


def _configuration() -> Configuration:
    """The small plant's, loaded once."""
    import tempfile

    if not _LOADED:
        with tempfile.TemporaryDirectory() as name:
            _LOADED.append(load(PlantFiles().write(Path(name))).configuration)
    return _LOADED[0]


_LOADED: list[Configuration] = []
