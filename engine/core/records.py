"""What a step gives back: records in columns, and as complete objects when somebody reads them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ..command import Reply
from ..level import LEVELS
from ..plan import Plan
from ..record import EXERCISE, HISTORIC, UNCERTAIN, UNKNOWN, AlarmState, Record, Transition

_TRANSITIONS = {t.value: t.name.lower() for t in Transition}
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
    """Records of one plan. `numbers` (record NUMBERS) is what the chain covers, in seq order."""

    plan: Plan
    instance: npt.NDArray[np.int32]
    numbers: npt.NDArray[np.void]
    previous: list[bytes]
    hashes: list[bytes]
    detail: Mapping[str, str] = field(default_factory=dict)

    def record(self, i: int) -> Record:
        """The i-th record, complete in itself."""
        n: Any = self.numbers[i]
        flags = int(n["flags"])
        who = self.plan.describe(int(self.instance[i]))
        return Record(
            **who,
            seq=int(n["seq"]),
            episode=int(n["episode"]),
            transition=_TRANSITIONS[int(n["transition"])],
            level_before=LEVELS[int(n["level_before"])],
            level_after=LEVELS[int(n["level_after"])],
            state_before=_STATES[int(n["state_before"])],
            state_after=_STATES[int(n["state_after"])],
            onset=int(n["onset"]),
            time=int(n["time"]),
            value=None if math.isnan(n["value"]) else float(n["value"]),
            limit=None if math.isnan(n["limit"]) else float(n["limit"]),
            previous=self.previous[i].hex(),
            hash=self.hashes[i].hex(),
            until=int(n["until"]),
            detail=dict(self.detail),
            exercise=bool(flags & EXERCISE),
            historic=bool(flags & HISTORIC),
            uncertain=bool(flags & UNCERTAIN),
            unknown=bool(flags & UNKNOWN),
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
                yield from (part.record(i) for i in range(len(part.numbers)))

    def encoded(self) -> list[tuple[str, int, bytes]]:
        """(site, seq, canonical bytes) of each record, as the outbox stores them."""
        return [(r.site, r.seq, r.encode()) for r in self]
