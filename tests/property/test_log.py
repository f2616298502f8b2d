"""The log against a model of dictionaries, through restarts, kills and trimming."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lifeline.engine.errors import InvariantError
from lifeline.engine.limits import SNAPSHOTS_KEPT
from lifeline.engine.log import LogStore, Nondeterminism
from lifeline.engine.log.verify import damage
from log_entries import head, number_of, open_store, record, tick

SITES = ("a", "b", "东区")


class LogMachine(RuleBasedStateMachine):
    """Everything a caller may do, in any order; `retention_ns=-1` makes every entry old."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="lifeline-log-"))
        self.generation = 0
        self.store = self._open()
        self.made = 0
        self.entries: dict[int, int] = {}
        self.records: list[tuple[int, str, int, int]] = []  # number, site, seq, position
        self.seqs = dict.fromkeys(SITES, 0)
        self.numbered = 0
        self.cursors: dict[str, int] = {}
        self.standing: dict[tuple[str, str], bytes] = {}
        self.snapshots: list[tuple[int, bytes]] = []

    def _open(self) -> LogStore:
        return open_store(self._directory(), retention_ns=-1)

    def _directory(self) -> Path:
        return self.root / str(self.generation)

    def teardown(self) -> None:
        self.store.close()
        assert damage(self._directory() / "log.db", whole=True) is None
        shutil.rmtree(self.root)

    @rule(count=st.integers(1, 5), size=st.sampled_from([0, 30, 9_000]))
    def append(self, count: int, size: int) -> None:
        numbers = range(self.made, self.made + count)
        outcome = self.store.append([tick(n, size=size) for n in numbers])
        last = outcome.wait()
        assert outcome.outcome == range(last - count + 1, last + 1)
        assert last == max(self.entries, default=0) + count
        self.made += count
        self.entries |= {last - count + 1 + i: n for i, n in enumerate(numbers)}

    @precondition(lambda self: self.entries)
    @rule(sites=st.lists(st.sampled_from(SITES), min_size=1, max_size=4), level=st.binary())
    def alert(self, sites: list[str], level: bytes) -> None:
        position, batch = max(self.entries), []
        for site in sites:
            self.seqs[site] += 1
            self.numbered += 1
            batch.append(record(site, self.seqs[site]))
            self.records.append((self.numbered, site, self.seqs[site], position))
        self.store.append_records(position, batch, [(sites[0], "r~s", level or None)]).wait()
        self.standing.pop((sites[0], "r~s"), None)
        if level:
            self.standing[(sites[0], "r~s")] = level

    @precondition(lambda self: any(self.seqs.values()))
    @rule(site=st.sampled_from(SITES), data=st.data())
    def step_again(self, site: str, data: st.DataObject) -> None:
        """A re-stepped record is harmless, whether or not it was trimmed; a changed one is not."""
        if not self.seqs[site]:
            return
        seq = data.draw(st.integers(1, self.seqs[site]))
        position = max(self.entries)
        self.store.append_records(position, [record(site, seq)]).wait()
        if any(r[1:3] == (site, seq) for r in self.records):
            changed = self.store.append_records(position, [record(site, seq, "changed")])
            with pytest.raises(Nondeterminism):
                changed.wait()
            with pytest.raises(InvariantError):
                self.store.save_snapshot(position, self.store.hash_at(position), b"")
            self.store.append_records(position, [record(site, seq)]).wait()

    @rule(name=st.sampled_from(["alert:mqtt", "series:influx"]), data=st.data())
    def deliver(self, name: str, data: st.DataObject) -> None:
        end = self.numbered if name.startswith("alert:") else max(self.entries, default=0)
        self.cursors[name] = data.draw(st.integers(self.cursors.get(name, 0), end))
        self.store.set_cursor(name, self.cursors[name]).wait()

    @precondition(lambda self: self.entries)
    @rule(data=st.data(), state=st.binary())
    def snapshot(self, data: st.DataObject, state: bytes) -> None:
        position = data.draw(st.sampled_from(sorted(self.entries)))
        self.store.save_snapshot(position, self.store.hash_at(position), state).wait()
        self.snapshots = [(position, state), *self.snapshots][:SNAPSHOTS_KEPT]

    @rule()
    def trim(self) -> None:
        undelivered = (r[3] for r in self.records if r[0] > self.cursors.get("alert:mqtt", 2**62))
        bound = min(
            [
                min((p for p, _ in self.snapshots), default=0) - 1,
                min(undelivered, default=2**62) - 1,
                self.cursors.get("series:influx", 2**62),
            ]
        )
        gone = [p for p in self.entries if p <= bound]
        self.entries = {p: n for p, n in self.entries.items() if p > bound}
        if gone:
            self.records = [r for r in self.records if r[3] > bound]
        assert self.store.trim().wait() == min(self.entries, default=0)

    @rule()
    def restart(self) -> None:
        self.store.close()
        self.store = self._open()

    @rule()
    def kill(self) -> None:
        """What is on the disk while the store is open is what a killed process leaves."""
        before = self._directory()
        self.generation += 1
        shutil.copytree(before, self._directory())
        self.store.close()
        shutil.rmtree(before)
        self.store = self._open()

    @invariant()
    def is_what_was_written(self) -> None:
        assert self.store.recovery is None
        assert self.store.troubles == []
        read = [(p, number_of(data)) for p, data in self.store.read(0, 10_000)]
        assert read == sorted(self.entries.items())
        assert self.store.end() == max(self.entries, default=0)
        assert self.store.first() == min(self.entries, default=0)
        found = [(r.number, r.site, r.seq, r.position) for r in self.store.records(0, 10_000)]
        assert found == self.records
        assert self.store.cursors() == self.cursors
        assert {(s, a): d for s, a, d in self.store.standing()} == self.standing
        newest = self.snapshots[0] if self.snapshots else None
        assert self.store.load_snapshot() == newest
        heads = {site: (h.seq, h.hash) for site, h in self.store.delivered_heads().items()}
        assert heads == {s: (n, head(s, n)) for s, n in self.seqs.items() if n}


TestLog = LogMachine.TestCase
TestLog.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
