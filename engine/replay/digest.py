"""Whether a log leads to the records that it left: the proof of claim (a), for anyone to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from ..areas.core import AreaCore
from ..areas.entry import decode_area
from ..calls.core import CallCore
from ..calls.entry import decode_call
from ..core import Core
from ..entry import decode
from ..log import LogReader
from ..record import decode_record, first_break, run_digest
from .history import beginning, beginning_of, entries

Verdict = Literal["equal", "different", "not stored", "not replayed", "chain broken"]
_RECORDS_AT_ONCE: Final = 1_000
_TOLD_EVERY: Final = 1_024


@dataclass(frozen=True, slots=True)
class SiteVerdict:
    """One site: the last seq of the replay, its hash and the stored one (hex, "" for none).

    equal         the stored record of that seq has the same hash: so have all before it
    not stored    the outbox has not come so far yet; a running engine will
    not replayed  the outbox holds records of this site that the log does not lead to
    chain broken  the stored records do not follow each other
    """

    site: str
    seq: int
    replayed: str
    stored: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class DigestReport:
    """A replay of entries `first` to `last`, and what it says of the stored records."""

    digest: str
    first: int
    last: int
    entries: int
    sites: tuple[SiteVerdict, ...]
    counters: dict[str, int] = field(default_factory=dict)
    heads: Mapping[str, tuple[int, bytes]] = field(default_factory=dict)

    def again(self, reader: LogReader) -> DigestReport:
        """The same replay against what is stored by now."""
        return replace(self, sites=verdicts(self.heads, reader))

    @property
    def holds(self) -> bool:
        """Whether no stored record differs from the replayed one."""
        return all(site.verdict in ("equal", "not stored") for site in self.sites)

    @property
    def settled(self) -> bool:
        """Whether the outbox holds every replayed record."""
        return all(site.verdict != "not stored" for site in self.sites)


def digest_of(
    directory: Path, reader: LogReader, tell: Callable[[float], object] = lambda position: None
) -> DigestReport:
    """Steps the log in `directory` verbatim and compares with its outbox.

    `tell` hears the position reached, now and then. Entries that come meanwhile are left for the
    next time. Raises LogError and EntryError for a log that cannot be stepped.
    """
    return _digest(beginning(directory, reader), reader, decode, tell)


def area_digest_of(
    directory: Path, reader: LogReader, tell: Callable[[float], object] = lambda position: None
) -> DigestReport:
    """As `digest_of`, of an area log."""
    return _digest(beginning_of(AreaCore, directory, reader), reader, decode_area, tell)


def call_digest_of(
    directory: Path, reader: LogReader, tell: Callable[[float], object] = lambda position: None
) -> DigestReport:
    """As `digest_of`, of a call log."""
    return _digest(beginning_of(CallCore, directory, reader), reader, decode_call, tell)


def _digest(
    core: Core | AreaCore | CallCore,
    reader: LogReader,
    read: Callable[[bytes], Any],
    tell: Callable[[float], object],
) -> DigestReport:
    first, until, n = core.position + 1, reader.end(), 0
    for position, entry in entries(reader, core.position, until, read):
        core.step(position, entry)
        n += 1
        if n % _TOLD_EVERY == 0:
            tell(position)
    heads = core.site_heads()
    return DigestReport(
        run_digest({site: head for site, (_, head) in heads.items()}),
        first,
        core.position,
        n,
        verdicts(heads, reader),
        core.counters(),
        heads,
    )


def verdicts(heads: Mapping[str, tuple[int, bytes]], reader: LogReader) -> tuple[SiteVerdict, ...]:
    """Each site's replayed head (seq, hash) against the outbox, by site."""
    stored = reader.heads()
    found = [
        _verdict(site, seq, head, reader, stored.get(site)) for site, (seq, head) in heads.items()
    ]
    found += [
        SiteVerdict(site, 0, "", head, "not replayed")
        for site, (_, head) in stored.items()
        if site not in heads
    ]
    return tuple(sorted(found, key=lambda v: v.site))


def _verdict(
    site: str, seq: int, head: bytes, reader: LogReader, stored: tuple[int, str] | None
) -> SiteVerdict:
    hash_there, broken = _stored_chain(site, seq, reader)
    if not hash_there and stored is not None and stored[0] == seq:
        hash_there = stored[1]  # trimmed: its anchor speaks for it
    if broken:
        verdict: Verdict = "chain broken"
    elif not hash_there:
        verdict = "not stored" if stored is None or stored[0] < seq else "different"
    else:
        verdict = "equal" if hash_there == head.hex() else "different"
    return SiteVerdict(site, seq, head.hex(), hash_there, verdict)


def _stored_chain(site: str, seq: int, reader: LogReader) -> tuple[str, bool]:
    """The stored hash of a site's record `seq` ("" where it is not there), and whether the
    stored records up to it fail to follow each other."""
    after, last = 0, None
    while True:
        rows = reader.records_of(site, after, _RECORDS_AT_ONCE)
        records = [decode_record(row.data) for row in rows]
        records = [r for r in records if r.seq <= seq]
        if not records:
            return ("" if last is None or last.seq != seq else last.hash), False
        if first_break([last, *records] if last is not None else records) is not None:
            return "", True
        last = records[-1]
        after = last.seq
