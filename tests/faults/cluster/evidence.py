"""What a run left on the topics, held against the recording and against one replay of its log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from lifeline.engine.cluster.partitioning import split
from lifeline.engine.configuration import Configuration
from lifeline.engine.core import Core
from lifeline.engine.entry import Entry, NamedConfiguration, decode
from lifeline.engine.record import decode_record, run_digest

from .reading import Lying
from .recording import OWN

Key = tuple[str, int]  # site, seq
_TOLD: Final = 5
_NS_IN_MS: Final = 1_000_000


@dataclass
class Received:
    """The alert topic as a receiver takes it, who drops `seq` ≤ last by site.

    records   (site, seq) → bytes, of what was not dropped
    first     (site, seq) → the record on the topic that was not dropped
    repeated  how many were dropped
    doubled   (site, seq) that passed the filter twice
    gaps      (site, last seq, next seq)
    differing (site, seq) that came again with other bytes
    """

    records: dict[Key, bytes] = field(default_factory=dict)
    first: dict[Key, Lying] = field(default_factory=dict)
    repeated: int = 0
    doubled: list[Key] = field(default_factory=list)
    gaps: list[tuple[str, int, int]] = field(default_factory=list)
    differing: list[Key] = field(default_factory=list)

    def of_sites(self) -> dict[Key, bytes]:
        """Without the records of the partitions' own sites."""
        return {key: data for key, data in self.records.items() if not key[0].startswith(OWN)}

    def heads(self) -> dict[str, str]:
        """The digest of each site: the chain's hash in its last record."""
        last: dict[str, int] = {}
        for site, seq in self.of_sites():
            last[site] = max(seq, last.get(site, 0))
        return {site: decode_record(self.records[site, seq]).hash for site, seq in last.items()}


def received(alerts: Iterable[Lying]) -> Received:
    """Filters the records of a topic, in the order of each partition."""
    found, last = Received(), dict[str, int]()
    for each in alerts:
        record = decode_record(each.value)
        key, known = (record.site, record.seq), last.get(record.site, 0)
        if record.seq <= known:
            found.repeated += 1
            if found.records.get(key, each.value) != each.value:
                found.differing.append(key)
            continue
        if record.seq != known + 1:
            found.gaps.append((record.site, known, record.seq))
        if key in found.records:
            found.doubled.append(key)
        found.records[key], found.first[key] = each.value, each
        last[record.site] = record.seq
    return found


def replayed(
    parts: Sequence[Sequence[bytes]],
    configurations: Sequence[Configuration],
    at_ms: Mapping[tuple[int, int], int] | None = None,
) -> dict[Key, bytes]:
    """What one core after another says that steps each partition's entries from the first one on.

    at_ms   the broker's time of (partition, offset), for entries that have no time of their own
    """
    known: dict[bytes, Configuration] = {}
    for configuration in configurations:
        made = split(configuration, len(parts))
        known |= dict(zip(made.versions, made.parts, strict=True))
    found: dict[Key, bytes] = {}
    for partition, entries in enumerate(parts):
        core = Core(engine_site=f"_engine.{partition}")
        for offset, data in enumerate(entries):
            at = at_ms[partition, offset] if at_ms else 0
            for record in core.step(offset + 1, _as_stepped(decode(data), at, known)):
                found[record.site, record.seq] = record.encode()
    return found


def _as_stepped(entry: Entry, at_ms: int, parts: Mapping[bytes, Configuration]) -> Entry:
    """With the broker's time where the entry has none of its own, and what a name stands for."""
    header, payload = entry.header, entry.payload
    if not header.appended:
        appended = at_ms * _NS_IN_MS
        header = replace(header, appended=appended, received=min(header.received, appended))
    return Entry(
        header, parts[payload.version] if isinstance(payload, NamedConfiguration) else payload
    )


def longest_stall_s(found: Received, log: Iterable[Lying]) -> float:
    """The longest time from an entry's append to that of an alert record that it made, both by
    the broker's clock."""
    at = {(each.partition, each.offset + 1): each.at for each in log}
    waits = [
        each.at - at.get((each.partition, int(each.headers["position"])), each.at)
        for each in found.first.values()
    ]
    return max(waits, default=0) / 1_000


# --- what must hold: each of these gives the violations, in words, or nothing --------------------


def compared(found: Mapping[Key, bytes], wanted: Mapping[Key, bytes], what: str) -> list[str]:
    """Every record of `wanted` is there, byte for byte, and no other."""
    lost = sorted(wanted.keys() - found.keys())
    foreign = sorted(found.keys() - wanted.keys())
    differing = sorted(key for key in found.keys() & wanted.keys() if found[key] != wanted[key])
    told = {"lost": lost, "foreign": foreign, "differing": differing}
    return [f"{what}: {name} {len(some)}: {some[:_TOLD]}" for name, some in told.items() if some]


def filtered(found: Received) -> list[str]:
    """What a receiver must never see."""
    told: dict[str, Sequence[object]] = {
        "gaps": found.gaps, "doubled": found.doubled, "came again otherwise": found.differing
    }  # fmt: skip
    return [
        f"alert topic: {name} {len(some)}: {some[:_TOLD]}" for name, some in told.items() if some
    ]


def loaded(
    log: Iterable[Lying], parts: Sequence[Sequence[bytes]], trimmed: Mapping[int, int]
) -> list[str]:
    """The log is what was loaded, nothing added and nothing missing but what was trimmed: else the
    comparison would be worth nothing."""
    lies: dict[int, list[bytes]] = defaultdict(list)
    for each in log:
        lies[each.partition].append(each.value)
    return [
        f"log of partition {p}: {len(lies[p])} records, not the {len(entries)} that were loaded"
        for p, entries in enumerate(parts)
        if lies[p] != list(entries)[trimmed.get(p, 0) :]
    ]


def ahead(offsets: Mapping[int, int], furthest: Mapping[int, int]) -> list[str]:
    """No offset is committed beyond the furthest durable checkpoint."""
    return [
        f"partition {p}: offset {at} is committed, the furthest checkpoint is at {furthest.get(p, 0)}"
        for p, at in sorted(offsets.items())
        if at > furthest.get(p, 0)
    ]


def digest(heads: Mapping[str, str]) -> str:
    """Of a run, by the digests of its sites."""
    return run_digest({site: bytes.fromhex(head) for site, head in heads.items()})
