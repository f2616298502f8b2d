"""What a step gives back: records in columns, and as complete objects when somebody reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isnan
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..command import Reply
from ..level import LEVELS
from ..plan import Plan
from ..record import (
    EXERCISE,
    FIRST_OUT,
    HISTORIC,
    UNCERTAIN,
    UNKNOWN,
    AlarmState,
    Record,
    Transition,
)

_TRANSITIONS = {t.value: t.name.lower() for t in Transition}
#: What single records say beside their numbers, by their place in a part.
Details: TypeAlias = Mapping[int, Mapping[str, str]]
_STATES = {s.value: s.name.lower() for s in AlarmState}


@dataclass(frozen=True, slots=True)
class Standing:
    """An alarm that is not normal."""

    site: str
    alarm: str
    level: str
    state: str
    episode: int
    onset: int
    until: int
    unknown: bool


@dataclass(frozen=True, eq=False)
class Part:
    """Records of one plan. `numbers` (record NUMBERS) is what the chain covers, in seq order.

    `detail` holds for all of them but those that have words of their own in `told`.
    """

    plan: Plan
    instance: npt.NDArray[np.int32]
    numbers: npt.NDArray[np.void]
    links: npt.NDArray[np.uint64]  # (records, 2, 2): the hash before and its own, as two words each
    detail: Mapping[str, str] = field(default_factory=dict)
    told: Details = field(default_factory=dict)

    def records(self) -> Iterator[Record]:
        """The records, each complete in itself."""
        describe, detail = self.plan.describe, self.detail
        # Whole columns at once: reading one number out of a record array costs as much as
        # making a record.
        rows = self.numbers.tolist()
        hashes = self.links.tobytes().hex()
        for place, (k, row) in enumerate(zip(self.instance.tolist(), rows, strict=True)):
            end = 64 * (place + 1)
            seq, episode, onset, time, value, limit, until, transition, *levels_and_states = row
            level_before, level_after, state_before, state_after, flags = levels_and_states
            who = describe(k)
            yield Record(
                who.tenant,
                who.site,
                seq,
                episode,
                who.rule,
                who.rule_hash,
                who.subject,
                who.area,
                who.quantity,
                _TRANSITIONS[transition],
                LEVELS[level_before],
                LEVELS[level_after],
                _STATES[state_before],
                _STATES[state_after],
                onset,
                time,
                None if isnan(value) else value,
                None if isnan(limit) else limit,
                who.unit,
                who.message,
                who.basis,
                hashes[end - 64 : end - 32],
                hashes[end - 32 : end],
                who.asset,
                until,
                dict(self.told.get(place, detail)),
                bool(flags & EXERCISE),
                bool(flags & HISTORIC),
                bool(flags & UNCERTAIN),
                bool(flags & UNKNOWN),
                bool(flags & FIRST_OUT),
            )


class Records:
    """The records of one step, in order, and the replies to commands."""

    __slots__ = ("parts", "replies")

    def __init__(self) -> None:
        self.parts: list[Part | Record] = []
        self.replies: tuple[Reply, ...] = ()

    def __len__(self) -> int:
        return sum(1 if isinstance(p, Record) else len(p.numbers) for p in self.parts)

    def __iter__(self) -> Iterator[Record]:
        for part in self.parts:
            if isinstance(part, Record):
                yield part
            else:
                yield from part.records()

    def encoded(self) -> list[tuple[str, int, bytes]]:
        """(site, seq, canonical bytes) of each record, as the outbox stores them."""
        return [(r.site, r.seq, r.encode()) for r in self]
