"""Whose turn it is to apply a configuration: the order of the configs topic decides. Pure.

Two who apply at once would both continue the registry of what is in force, and give one index to
two sensors. So whoever applies first writes its turn, with everything that it is about to do, and
looks who is the first of those that began from the same state. A turn that was left behind by a
process that ended is finished by the next one, since it may be in some partitions of the log.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import msgspec

from ..limits import CLUSTER_APPLY_NS
from .contents import Current

_NS_IN_MS = 1_000_000


class Turn(msgspec.Struct, frozen=True):
    """An apply that has begun: its contents are durable, nothing names them yet.

    `since` is the offset of the record `current` that it began from, -1 where there was none.
    """

    id: str
    since: int
    wanted: Current

    def key(self) -> bytes:
        """Its key on the topic."""
        return f"turn|{self.id}".encode()


@dataclass(frozen=True, slots=True)
class Standing:
    """A turn as it lies on the topic: `offset`, and the broker's `time` in ms."""

    offset: int
    time: int
    turn: Turn


@dataclass(frozen=True, slots=True)
class Verdict:
    """`go`: it is ours. `finish`: it is ours, after `turn`, which was left behind. `wait`: another
    is at it. `late`: another configuration came into force; begin anew."""

    what: Literal["go", "finish", "wait", "late"]
    turn: Turn | None = None


def whose(turns: Iterable[Standing], mine: str, current: int) -> Verdict:
    """The verdict for the turn with id `mine`, which lies on the topic; `current` is the offset of
    the record `current`, -1 for none. Time is the broker's, at which `mine` was written.

    The first of those that began from `current` and are not left behind may act, nobody else; what
    was left behind before it is finished by it.
    """
    standing = sorted(turns, key=lambda each: each.offset)
    own = next((each for each in standing if each.turn.id == mine), None)
    if own is None or own.turn.since != current:
        return Verdict("late")
    here = [each for each in standing if each.turn.since == current]
    oldest = own.time - CLUSTER_APPLY_NS // _NS_IN_MS
    acting = next(each for each in here if each.time >= oldest)
    if acting is not own:
        return Verdict("wait", acting.turn)
    return Verdict("go") if here[0] is own else Verdict("finish", here[0].turn)


def obsolete(turns: Iterable[Standing], current: int) -> list[Turn]:
    """Turns that began from something that is no longer in force; nobody finishes them."""
    return [each.turn for each in turns if each.turn.since != current]
