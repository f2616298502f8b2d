"""kill -9 at every named point and anywhere: whatever was promised is there, nothing is torn."""

import os
import random
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from lifeline.engine.limits import SNAPSHOT_CHUNK_BYTES
from lifeline.engine.log import LogStore, failpoints
from lifeline.engine.log.verify import damage
from log_entries import head, number_of, open_store, quick_directory

TESTS = Path(__file__).parents[1]
CHILD = Path(__file__).with_name("log_child.py")
# More than the child ever hits a point on the way to its last round.
ROUNDS = 8


def start(directory: Path, crash_at: str = "", *words: str) -> subprocess.Popen[bytes]:
    """The child, on its way."""
    environment = {**os.environ, failpoints.VARIABLE: crash_at, "PYTHONPATH": str(TESTS)}
    return subprocess.Popen(
        [sys.executable, str(CHILD), str(directory), str(ROUNDS), *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.fixture
def directory() -> Iterator[Path]:
    with quick_directory() as made:
        yield made


class Ledger:
    """What children promised, over all their lives."""

    def __init__(self) -> None:
        self.entries: dict[int, int] = {}
        self.last: dict[str, int] = defaultdict(int)
        self.dead = 0
        self.done = False

    def hear(self, output: bytes) -> None:
        """Takes a child's lines."""
        for line in output.decode().splitlines():
            kind, *numbers = line.split()
            match kind, [int(n) for n in numbers]:
                case "entry", [position, number]:
                    assert position not in self.entries, "a position was given out twice"
                    self.entries[position] = number
                case "dead", []:
                    self.dead += 1
                case "done", []:
                    self.done = True
                case _, [number, *_]:
                    self.last[kind] = max(self.last[kind], number)

    def check(self, directory: Path) -> None:
        """Compares the promises with what is there."""
        assert damage(directory / "log.db", whole=True) is None
        store = open_store(directory)
        assert (store.recovery, store.troubles) == (None, [])
        self._check_entries(store)
        self._check_outbox(store)
        assert store.cursor("alert:mqtt") >= self.last["cursor"]
        assert store.dead_letter_counts().get("bad_json", 0) >= self.dead
        snapshot = store.load_snapshot()
        assert (snapshot[0] if snapshot else 0) >= self.last["snapshot"]
        if snapshot is not None:
            number = number_of(store.read(snapshot[0] - 1, 1)[0][1])
            assert snapshot[1] == str(number).encode() * SNAPSHOT_CHUNK_BYTES
        store.close()

    def _check_entries(self, store: LogStore) -> None:
        found = store.read(0, 10_000)
        positions, numbers = [p for p, _ in found], [number_of(data) for _, data in found]
        assert positions == list(range(store.first(), store.first() + len(found)))
        assert numbers == list(range(numbers[0], numbers[0] + len(found))) if found else True
        promised = {p: n for p, n in self.entries.items() if p >= store.first()}
        assert promised.items() <= dict(zip(positions, numbers, strict=True)).items()

    def _check_outbox(self, store: LogStore) -> None:
        seqs = [r.seq for r in store.records_of("site", 0, 10_000)]
        assert seqs == list(range(seqs[0], seqs[-1] + 1)) if seqs else True
        known = store.delivered_heads().get("site")
        assert (known.seq if known else 0) >= self.last["record"]
        assert known is None or known.hash == head("site", known.seq)


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("point", failpoints.points())
def test_a_kill_at_each_point_loses_nothing_that_was_promised(
    directory: Path, point: str, nth: int
) -> None:
    ledger = Ledger()
    child = start(directory, f"{point}:{nth}")
    output, errors = child.communicate()
    assert child.returncode == -signal.SIGKILL, errors.decode()
    ledger.hear(output)
    assert not ledger.done
    ledger.check(directory)
    child = start(directory)
    output, errors = child.communicate()
    assert child.returncode == 0, errors.decode()
    ledger.hear(output)
    assert ledger.done
    ledger.check(directory)


def test_kills_at_any_moment_of_one_long_life_lose_nothing(directory: Path) -> None:
    ledger, chance = Ledger(), random.Random(20)
    for _ in range(8):
        child = start(directory)
        assert child.stdout is not None
        heard = b"".join(child.stdout.readline() for _ in range(chance.randrange(60)))
        child.kill()
        rest, errors = child.communicate()
        assert child.returncode in (-signal.SIGKILL, 0), errors.decode()
        ledger.hear(heard + rest)
        ledger.check(directory)
    assert len(ledger.entries) > ROUNDS


def test_the_check_catches_a_promise_before_the_disk_has_it(directory: Path) -> None:
    ledger = Ledger()
    output, _ = start(directory, "append.before_commit:2", "careless").communicate()
    ledger.hear(output)
    with pytest.raises(AssertionError):
        ledger.check(directory)
