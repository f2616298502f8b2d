"""The partitions that the group gave this worker: taken up, held, given up."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from ..clock import Clock
from ..limits import SECOND_NS
from ..long_lived import settle
from . import failpoints
from .checkpoint import Checkpointer
from .lane import Lane
from .life import Life
from .membership import Membership
from .part import Part
from .plain_reader import PlainReader
from .pulse import Pulse
from .restore import Tell, restore
from .stage import SITES, Stage
from .topics import Topics
from .worker_status import Counters

_LOG: Final = logging.getLogger("lifeline.worker")


class Holding:
    """Answers to the group. `parts` holds only what was restored in this generation.

    `membership` and `pulse` are set before the first answer is asked for.
    """

    membership: Membership
    pulse: Pulse

    def __init__(
        self,
        parts: dict[int, Part],
        producer: Any,
        reader: PlainReader,
        topics: Topics,
        node: str,
        clock: Clock,
        life: Life,
        tell: Tell,
        counters: Counters,
        session_ns: int,
        stage: Stage = SITES,
        sites_partitions: int = 1,
    ) -> None:
        self._parts = parts
        self._producer = producer
        self._reader = reader
        self._topics = topics
        self._node = node
        self._clock = clock
        self._life = life
        self._tell = tell
        self._counters = counters
        self._session_ns = session_ns
        self._stage = stage
        self._sites_partitions = sites_partitions
        self._revoked = 0
        self.checkpointer = Checkpointer(producer, topics, self._commit, clock, self._lost_lease)

    # --- given up --------------------------------------------------------------------------------
    async def on_revoked(self) -> None:
        """The partitions are ours until this returns."""
        failpoints.hit("revoked.before")
        self._revoked += 1
        self._become_unsettled()
        await self.last_checkpoints()
        self._drop()

    async def last_checkpoints(self) -> None:
        """So that the next owner steps nothing again; at most half a session."""
        if not self._parts:
            return
        writing = asyncio.ensure_future(self._write_all())
        # Not cancelled when time is up: what it still writes is right, and probed before.
        await asyncio.wait([writing], timeout=self._session_ns / SECOND_NS / 2)
        if writing.done() and writing.exception() is not None:
            error = writing.exception()
            self._life.fail(f"the last checkpoint failed: {error}", error)

    async def _write_all(self) -> None:
        for part in list(self._parts.values()):
            await self.checkpointer.write(part)

    def _lost_lease(self) -> None:
        self._tell("lease_lost", "the group has moved on: partitions are dropped, nothing written")
        self._become_unsettled()
        self._drop()

    def _become_unsettled(self) -> None:
        if self._life.state not in ("stopping", "failed"):
            self._life.state = "rebalancing"

    def _drop(self) -> None:
        for part in self._parts.values():
            part.alive = False
        self._parts.clear()

    # --- taken up --------------------------------------------------------------------------------
    async def on_assigned(self, partitions: frozenset[int], generation: int) -> None:
        """Restores what is assigned; no record flows before this returns."""
        self._drop()
        self._life.state = "restoring"
        began = self._clock.monotonic()
        try:
            with self.pulse.slow():
                restored = await self._restore(partitions, generation)
        except Exception as error:  # noqa: BLE001  whatever it is, nothing may be stepped
            self._life.fail(f"partitions {sorted(partitions)} cannot be restored: {error}", error)
            return
        if restored is None:
            self._become_unsettled()
            return
        self._parts.update(restored)
        self._life.state = "running" if restored else "standing_by"
        self._count(self._clock.monotonic() - began)

    async def _restore(self, partitions: frozenset[int], generation: int) -> dict[int, Part] | None:
        """The parts; None where the group has moved on meanwhile."""
        if not partitions:
            return {}
        failpoints.hit("restore.before")
        parts, before = {}, self._revoked
        async with self.checkpointer.writing:
            committed = await self.membership.committed(partitions)
            for number in sorted(partitions):
                parts[number] = await self._part(number, generation, committed[number])
                if self._revoked != before or self.membership.generation != generation:
                    return None
            failpoints.hit("restore.read")
            # Faust seeks to the group's offsets next, which may be behind or ahead of ours.
            if not await self._commit({n: part.following for n, part in parts.items()}):
                return None
        failpoints.hit("restore.committed")
        settle()
        return parts

    async def _part(self, number: int, generation: int, committed: int | None) -> Part:
        found = await restore(
            self._reader, self._topics, number, committed, self._tell, self._stage
        )
        lane = Lane(self._producer, self._topics, number, self._refused)
        self._counters.restores += 1
        return Part(
            number, generation, found, lane, self._node, self._clock, self._sites_partitions
        )

    def _count(self, took: int) -> None:
        counters = self._counters
        counters.rebalances += 1
        counters.longest_restore_ns = max(counters.longest_restore_ns, took)
        _LOG.info("partitions %s taken up in %.2f s", sorted(self._parts), took / SECOND_NS)

    async def _commit(self, offsets: Mapping[int, int]) -> bool:
        return await self.membership.commit(offsets)

    def _refused(self, error: BaseException) -> None:
        self._life.fail(f"Kafka did not take a record: {error}", error)
