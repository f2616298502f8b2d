"""What was promised, compared with what lies on the disk when everything has ended.

Nothing here asks the engine: the log is read entry by entry and stepped by one core of this process,
from the first entry to the last, without a snapshot. So what crashes did to a live engine shows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from lifeline.engine.command import Command
from lifeline.engine.configuration import Configuration
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, decode
from lifeline.engine.errors import LifelineError
from lifeline.engine.frame import Frame
from lifeline.engine.log import LogReader, LogStore
from lifeline.engine.record import Record, decode_record, first_break, run_digest
from lifeline.simulators.audit import Audit, Logged, compare, names_in
from lifeline.simulators.ledger import Ledger
from servers.mosquitto import Message

_AT_ONCE: Final = 1_000
_TOLD: Final = 5


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a log and its outbox hold, read once.

    outbox    (site, seq) → (position, bytes) of every record, in the order of becoming durable
    replayed  the same, as one replay of the log gives them
    logged    sites' rows in the log
    commands  ids of commands in the log
    """

    entries: int
    outbox: Mapping[tuple[str, int], tuple[int, bytes]]
    replayed: Mapping[tuple[str, int], tuple[int, bytes]]
    logged: Mapping[str, Sequence[Logged]]
    commands: frozenset[str]
    live_digest: str
    replay_digest: str
    counters: Mapping[str, int] = field(default_factory=dict)

    def records(self) -> list[Record]:
        """All records of the outbox."""
        return [decode_record(data) for _, data in self.outbox.values()]


def gather(directory: Path) -> Evidence:
    """Reads and replays the log in `directory`; the engine must have ended, or stand still."""
    reader = LogReader.open(directory)
    try:
        core, steps, logged, commands = Core(), 0, defaultdict(list), set()
        replayed: dict[tuple[str, int], tuple[int, bytes]] = {}
        while entries := reader.read(core.position, _AT_ONCE):
            for position, data in entries:
                entry = decode(data)
                for record in core.step(position, entry):
                    replayed[record.site, record.seq] = position, record.encode()
                if isinstance(entry.payload, Command):
                    commands.add(entry.payload.id)
                for site, rows in _rows(entry, core.configuration):
                    logged[site].append(rows)
                steps += 1
        outbox = _outbox(reader)
    finally:
        reader.close()
    return Evidence(
        steps,
        outbox,
        replayed,
        dict(logged),
        frozenset(commands),
        run_digest(_heads(outbox)),
        core.digest(),
        core.counters(),
    )


def _rows(entry: Entry, configuration: Configuration | None) -> list[tuple[str, Logged]]:
    if not isinstance(entry.payload, Frame) or configuration is None:
        return []
    frame = entry.payload
    return [
        (site.id, Logged(names_in(configuration, site.id), frame.sensor, frame.time, frame.value))
        for site in configuration.sites
    ]


def _outbox(reader: LogReader) -> dict[tuple[str, int], tuple[int, bytes]]:
    found: dict[tuple[str, int], tuple[int, bytes]] = {}
    after = 0
    while rows := reader.records(after, _AT_ONCE):
        found |= {(row.site, row.seq): (row.position, row.data) for row in rows}
        after = rows[-1].number
    return found


def _heads(outbox: Mapping[tuple[str, int], tuple[int, bytes]]) -> dict[str, bytes]:
    """The hash of each site's last record."""
    last: dict[str, int] = {}
    for site, seq in outbox:
        last[site] = max(seq, last.get(site, 0))
    return {
        site: bytes.fromhex(decode_record(outbox[site, seq][1]).hash) for site, seq in last.items()
    }


# --- what must hold: each of these gives the violations, in words, or nothing --------------------


def claim_a(evidence: Evidence) -> list[str]:
    """A live run across any crashes has the digest of one replay of the log that it left."""
    found = []
    if evidence.live_digest != evidence.replay_digest:
        found.append(f"digest: live {evidence.live_digest}, replayed {evidence.replay_digest}")
    found += _difference("missing in the outbox", evidence.replayed, evidence.outbox)
    found += _difference("not what the log leads to", evidence.outbox, evidence.replayed)
    common = evidence.outbox.keys() & evidence.replayed.keys()
    other = sorted(key for key in common if evidence.outbox[key] != evidence.replayed[key])
    found += _told("another record than the replayed one", other)
    return found


def chains(evidence: Evidence) -> list[str]:
    """Every site's records are numbered 1, 2, 3 … and each carries the hash of the one before."""
    found = []
    by_site: dict[str, list[Record]] = defaultdict(list)
    for record in evidence.records():
        by_site[record.site].append(record)
    for site, records in sorted(by_site.items()):
        if [r.seq for r in records] != list(range(1, len(records) + 1)):
            found.append(f"{site}: the numbers of its records in the outbox have gaps or turns")
        broken = first_break(sorted(records, key=lambda r: r.seq))
        if broken is not None:
            found.append(f"{site}: the chain breaks at {broken.seq}")
    return found


def audits(evidence: Evidence, ledgers: Mapping[str, Path]) -> dict[str, Audit]:
    """Every site's ledger against the log."""
    return {
        site: compare(Ledger.read(path), evidence.logged.get(site, ()))
        for site, path in ledgers.items()
    }


def claim_b(found: Mapping[str, Audit]) -> list[str]:
    """Acknowledged ⊆ distinct samples in the log ⊆ sent; equal, since everything has drained."""
    return [
        f"{site}: lost {audit.lost}, foreign {audit.foreign}, altered {audit.altered}, "
        f"not in the log {audit.unlogged} of {audit.sent} ({', '.join(audit.examples[:_TOLD])})"
        for site, audit in sorted(found.items())
        if not audit.drained
    ]


def last_snapshot(directory: Path, replay_digest: str) -> list[str]:
    """The state that a stopped engine left, stepped to the end, has the digest too."""
    try:
        store = LogStore.open(directory)
    except LifelineError as error:
        return [f"the log cannot be opened again: {error}"]
    try:
        found = store.load_snapshot()
        if found is None:
            return ["there is no snapshot at the end"]
        core = Core.restore(found[1])
        for position, data in store.read(core.position, 1 << 31):
            core.step(position, decode(data))
        if core.digest() != replay_digest:
            return [f"digest from the last snapshot {core.digest()}, replayed {replay_digest}"]
        return [f"the log was damaged: {store.recovery.text()}"] if store.recovery else []
    finally:
        store.close()


def witnessed(messages: Iterable[Message]) -> dict[tuple[str, int], str]:
    """The hash of every record that a witness saw, by (site, seq); raises ValueError where two
    messages tell different records under one number."""
    seen: dict[tuple[str, int], str] = {}
    for message in messages:
        record = msgspec.json.decode(message.payload, type=_Told)
        if seen.setdefault((record.site, record.seq), record.hash) != record.hash:
            raise ValueError(f"{record.site} {record.seq} was published as two records")
    return seen


class _Told(msgspec.Struct, frozen=True):
    site: str
    seq: int
    hash: str


def delivered(evidence: Evidence, messages: Sequence[Message]) -> list[str]:
    """The witness saw every record of the outbox at least once, as it is, and nothing else."""
    try:
        seen = witnessed(messages)
    except ValueError as error:
        return [str(error)]
    stored = {key: decode_record(data).hash for key, (_, data) in evidence.outbox.items()}
    other = sorted(key for key in stored.keys() & seen.keys() if stored[key] != seen[key])
    return [
        *_difference("never seen by mosquitto_sub", stored, seen),
        *_difference("seen by mosquitto_sub and not in the outbox", seen, stored),
        *_told("seen by mosquitto_sub as another record", other),
    ]


def _difference(
    what: str,
    these: Mapping[tuple[str, int], object],
    those: Mapping[tuple[str, int], object],
) -> list[str]:
    return _told(what, sorted(these.keys() - those.keys()))


def _told(what: str, keys: Sequence[tuple[str, int]]) -> list[str]:
    if not keys:
        return []
    some = ", ".join(f"{site} {seq}" for site, seq in keys[:_TOLD])
    return [f"{what}: {len(keys)} ({some})"]
