"""Workers that are wrong, each in one piece, put in place when a life begins; and a sleepwalker,
which is right but does not notice that it slept. The product knows nothing of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from inspect import signature
from typing import Any, Final, Literal


@dataclass(frozen=True, slots=True)
class Mutant:
    """`apply()` makes this process that worker."""

    what: str
    apply: Callable[[], None]


def _commit_first() -> None:
    """The offset is committed, the checkpoint follows; a successor goes on at the group's offset, as
    any consumer does."""
    from lifeline.engine.cluster.checkpoint import Checkpointer

    holding: Any = import_module("lifeline.engine.cluster.holding")
    written, restored = Checkpointer._write, holding.restore

    async def early(self: Checkpointer, part: Any, cut: Any) -> bool:
        if not await self._commit({part.partition: cut.following}):
            return False
        part.checkpointed = cut.following
        return await written(self, part, cut)

    async def at_the_offset(*given: Any, **named: Any) -> Any:
        found = await restored(*given, **named)
        offset = signature(restored).bind(*given, **named).arguments["committed"]
        return replace(found, following=max(found.following, offset or 0))

    Checkpointer._write = early  # type: ignore[method-assign]
    holding.restore = at_the_offset


def _checkpoint_before_alerts() -> None:
    """A checkpoint does not wait for the alert records that it counts as said; they leave a while
    later."""
    from lifeline.engine.cluster.lane import Lane

    pump = Lane.pump
    sending: dict[Lane, asyncio.Task[None]] = {}

    async def later(lane: Lane) -> None:
        await asyncio.sleep(LATE_S)
        del sending[lane]
        await pump(lane)

    async def soon(self: Lane) -> None:
        if self not in sending:
            sending[self] = asyncio.create_task(later(self))

    async def at_once(self: Lane) -> None:
        return

    Lane.pump = soon  # type: ignore[method-assign]
    Lane.durable = at_once  # type: ignore[method-assign]


def _newest() -> None:
    """Of the complete checkpoints the one that was written last, not the furthest."""
    from lifeline.engine.cluster.marker import Marker, Scan

    complete = Scan.complete

    def newest(self: Scan) -> list[Marker]:
        found = complete(self)
        return sorted(found, key=lambda marker: self._last[marker.id.marker_key()])[-1:]

    Scan.complete = newest  # type: ignore[method-assign]


def _over_a_gap() -> None:
    """What is missing before a record is passed over."""
    from lifeline.engine.cluster.part import Part

    restore: Any = import_module("lifeline.engine.cluster.restore")

    async def unchecked(*_: Any) -> None:
        return

    def place(self: Part, offset: int) -> Literal["before", "next"]:
        if offset < self.following:
            return "before"
        self.following = offset
        return "next"

    restore._check_continued = unchecked
    Part.place = place  # type: ignore[method-assign]


def _sleepwalker() -> None:
    """Does not notice that the process stood still: what the keys of checkpoints guard against."""
    from lifeline.engine.cluster.pulse import Pulse

    turn = Pulse.turn

    def turned(self: Pulse) -> None:
        self._pause_ns = 1 << 62
        turn(self)

    Pulse.turn = turned  # type: ignore[method-assign]


# So late that a checkpoint was committed meanwhile, also on a busy machine; less than a run waits.
LATE_S: Final = 8.0
SLEEPWALKER: Final = "sleepwalker"
MUTANTS: Final[dict[str, Mutant]] = {
    "commit-first": Mutant("offsets are committed before the checkpoint", _commit_first),
    "checkpoint-before-alerts": Mutant(
        "a checkpoint is durable before the alert records that it counts", _checkpoint_before_alerts
    ),
    "newest": Mutant("the newest checkpoint is taken, not the furthest", _newest),
    "over-a-gap": Mutant("missing entries are passed over", _over_a_gap),
    SLEEPWALKER: Mutant("right, but does not notice that it slept", _sleepwalker),
}
