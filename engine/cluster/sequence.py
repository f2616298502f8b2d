"""What a receiver of alert records lets through: each `seq` of a site once, in order. Pure.

After a crash a worker says again what came since its last checkpoint; a worker that woke too late
may say what its successor has said already. Both are harmless and dropped. What must not be passed
on in silence puts its site on hold: a gap, and a record that is not the one that was said before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum

import msgspec

from ..record import Record


class Verdict(Enum):
    """What becomes of a record."""

    NEW = "new"  # the next one of its site
    OLD = "old"  # said before, the same
    GAP = "gap"  # records before it are missing: held
    DIFFERS = "differs"  # another record under a seq that was given out: held
    HELD = "held"  # its site is on hold


class Hold(msgspec.Struct, frozen=True):
    """Why nothing of a site is passed on. `seq` is the first record that was held."""

    site: str
    kind: str
    seq: int
    text: str


class Sequences:
    """The last record of each site, and the sites on hold. Not for two threads.

    heads    (seq, hash) per site of what was let through before
    stored   the hash of a record that was let through, None where it is not known any more
    resumed  sites whose next record is let through whatever is missing before it
    """

    def __init__(
        self,
        heads: Mapping[str, tuple[int, str]],
        stored: Callable[[str, int], str | None],
        resumed: Iterable[str] = (),
    ) -> None:
        self._heads = dict(heads)
        self._stored = stored
        self._resumed = set(resumed)
        self._holds: dict[str, Hold] = {}

    @property
    def holds(self) -> tuple[Hold, ...]:
        """The sites on hold."""
        return tuple(self._holds.values())

    def judge(self, record: Record, *, may_begin: bool) -> Verdict:
        """What becomes of the next record that was read.

        `may_begin`: the topic's first records are gone by age, so that the first record that is
        seen of a site need not be its first one.
        """
        head = self._heads.get(record.site)
        hold = self._holds.get(record.site)
        if head is not None and record.seq <= head[0]:
            return self._repeated(record, head)
        if record.site in self._resumed:
            self._resumed.discard(record.site)
            self._holds.pop(record.site, None)
            return self._next(record)
        if hold is not None and hold.kind == Verdict.DIFFERS.value:
            return Verdict.HELD
        if head is None:
            follows, fits = record.seq == 1 or may_begin, True
        else:
            follows, fits = record.seq == head[0] + 1, record.previous == head[1]
        if not follows:
            return Verdict.HELD if hold is not None else self._gap(record, head)
        if not fits:
            return self._differs(record, record.seq - 1)
        self._holds.pop(record.site, None)  # what was missing has come
        return self._next(record)

    def _next(self, record: Record) -> Verdict:
        self._heads[record.site] = record.seq, record.hash
        return Verdict.NEW

    def _repeated(self, record: Record, head: tuple[int, str]) -> Verdict:
        known = head[1] if record.seq == head[0] else self._stored(record.site, record.seq)
        if known is None or known == record.hash:
            return Verdict.OLD
        return self._differs(record, record.seq)

    def _gap(self, record: Record, head: tuple[int, str] | None) -> Verdict:
        first = 1 if head is None else head[0] + 1
        self._holds[record.site] = Hold(
            record.site,
            Verdict.GAP.value,
            record.seq,
            f"records {first} to {record.seq - 1} of site {record.site} are missing before "
            f"{record.seq}: nothing of the site is delivered until they come; if they are lost for "
            f"good, start the sink once with --resume {record.site}",
        )
        return Verdict.GAP

    def _differs(self, record: Record, seq: int) -> Verdict:
        if record.site in self._holds and self._holds[record.site].kind == Verdict.DIFFERS.value:
            return Verdict.HELD
        self._holds[record.site] = Hold(
            record.site,
            Verdict.DIFFERS.value,
            record.seq,
            f"record {seq} of site {record.site} came in two forms: workers of different versions "
            "or a broken core; nothing of the site is delivered. Keep the topics and report this; "
            f"then start the sink once with --resume {record.site}",
        )
        return Verdict.DIFFERS
