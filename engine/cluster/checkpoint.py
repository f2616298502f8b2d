"""Checkpoints, in the order that is the whole proof.

    the state is cut → alert records durable → lease probe → chunks durable → marker durable
    → offsets committed → superseded checkpoints deleted

Without the first arrow a crash would lose alert records that the state counts as sent. The probe
commits the offset that is committed already: where that is refused, another worker has the
partition, and nothing is written. A worker that was frozen between the probe and its writing does
no harm either: its keys are its own, and what it wrote is a right state, only not the furthest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ..clock import Clock
from . import failpoints
from .marker import CheckpointId, Marker, Written, pack_chunks
from .part import Cut, Part
from .topics import Topics

#: Commits offsets by partition; False: refused, the partitions are another's.
Commit = Callable[[Mapping[int, int]], Awaitable[bool]]


class Checkpointer:
    """Writes checkpoints, one at a time; in the worker's main loop.

    on_lost_lease   called when a commit was refused
    """

    def __init__(
        self,
        producer: Any,
        topics: Topics,
        commit: Commit,
        clock: Clock,
        on_lost_lease: Callable[[], None],
    ) -> None:
        self._producer = producer
        self._topic = topics.checkpoints
        self._commit = commit
        self._clock = clock
        self._on_lost_lease = on_lost_lease
        #: Held while a checkpoint is written; a restore takes it, so that none is half way.
        self.writing = asyncio.Lock()
        self.written = 0
        self.refused = 0
        self.last_ns = 0
        self.longest_cut_ns = 0

    async def write(self, part: Part) -> bool:
        """One checkpoint of a partition; whether there is one now. Raises what Kafka raises: the
        worker must end then."""
        async with self.writing:
            if not part.alive or part.following == part.checkpointed:
                return part.alive
            began = self._clock.monotonic()
            cut = part.cut()
            part.checkpointed_at = self._clock.monotonic()
            self.longest_cut_ns = max(self.longest_cut_ns, part.checkpointed_at - began)
            failpoints.hit("checkpoint.cut")
            done = await self._write(part, cut)
            self.last_ns = self._clock.monotonic() - began
            return done

    async def _write(self, part: Part, cut: Cut) -> bool:
        chunks, checksum = await asyncio.to_thread(pack_chunks, cut.snapshot)
        await part.lane.durable()
        failpoints.hit("checkpoint.alerts_durable")
        if not await self._holds(part, part.checkpointed):
            return False
        failpoints.hit("checkpoint.probed")
        what = Written(cut.following, part.generation, len(chunks))
        await self._write_records(part, cut, chunks, checksum)
        part.checkpoint_bytes = sum(map(len, chunks))
        part.superseding.wrote(what, self._clock.monotonic())
        failpoints.hit("checkpoint.marker_durable")
        if not await self._holds(part, cut.following):
            return False
        part.checkpointed, part.durable_at = cut.following, self._clock.monotonic()
        self.written += 1
        failpoints.hit("checkpoint.committed")
        await self._delete(part)
        return True

    async def _holds(self, part: Part, offset: int) -> bool:
        """Commits an offset of the partition; False where it is another's meanwhile."""
        if part.alive and await self._commit({part.partition: offset}):
            return True
        self.refused += 1
        if part.alive:
            self._on_lost_lease()
        return False

    async def _write_records(
        self, part: Part, cut: Cut, chunks: list[bytes], checksum: str
    ) -> None:
        who = CheckpointId(cut.following, part.generation)
        offsets = []
        for number, chunk in enumerate(chunks):
            sent = await self._send(part.partition, who.chunk_key(number), chunk)
            offsets.append(sent)
            if number == 0:
                failpoints.hit("checkpoint.first_chunk")
        first = min(where.offset for where in await asyncio.gather(*offsets))
        failpoints.hit("checkpoint.chunks_durable")
        marker = Marker(
            next=cut.following,
            generation=part.generation,
            first=first,
            chunks=len(chunks),
            checksum=checksum,
            tail=cut.tail,
            digest=cut.digest,
            heads=cut.heads,
            wall=self._clock.wall(),
            older=part.superseding.older(),
        )
        await (await self._send(part.partition, who.marker_key(), marker.encode()))

    async def _delete(self, part: Part) -> None:
        gone = part.superseding.deletable(self._clock.monotonic())
        keys = [key for written in gone for key in written.record_keys()]
        sent = [await self._send(part.partition, key, None) for key in keys]
        if sent:
            await asyncio.gather(*sent)
            failpoints.hit("checkpoint.deleted")
        part.superseding.deleted(gone)

    async def _send(self, partition: int, key: bytes, value: bytes | None) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = await self._producer.send(
            self._topic, value, key=key, partition=partition
        )
        return future
