"""Records of the log into the cores: the worker's hot path."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from ..areas.entry import AreaEntry
from ..clock import Clock
from ..configuration import Configuration
from ..entry import Entry, NamedConfiguration
from ..frame import Frame
from ..limits import WORKER_SLICE_NS
from ..long_lived import settle
from . import failpoints
from .membership import Message
from .part import Part
from .pulse import Pulse
from .reading import Torn, stamped
from .restore import Tell
from .stage import SITES, Stage
from .worker_status import Counters

#: The configuration of a version; waits for it a bounded time, raises EntryError in vain.
Find = Callable[[bytes], Awaitable[Configuration]]


class Taker:
    """Takes one record after another. Raises whatever must end the worker."""

    def __init__(
        self,
        parts: Mapping[int, Part],
        find: Find,
        clock: Clock,
        pulse: Pulse,
        tell: Tell,
        counters: Counters,
        stage: Stage = SITES,
    ) -> None:
        self._parts = parts
        self._find = find
        self._clock = clock
        self._pulse = pulse
        self._tell = tell
        self._stage = stage
        self._slice_began = 0
        self.taking = True
        self.counters = counters

    async def take(self, message: Message) -> None:
        """One record. Raises LogError for a gap, EntryError for what this version does not know,
        InvariantError where a claim broke."""
        part = self._parts.get(message.partition)
        if part is None or not self.taking or message.generation_id != part.generation:
            self.counters.unowned += 1
            return
        offset, value = message.offset, message.value
        if (place := part.place(offset)) != "next":
            if place == "before":
                self.counters.seen_before += 1
            else:
                self.counters.unowned += 1
            return
        if failpoints.ARMED:
            failpoints.hit("step.before")
        entry = self._stage.read(value)
        if isinstance(entry, Torn):
            self._put_aside(part, offset, value, entry)
        else:
            # Milliseconds as Kafka has them: faust has made seconds of them.
            entry = stamped(entry, round(message.timestamp * 1000.0))
            if isinstance(entry, Entry) and isinstance(entry.payload, NamedConfiguration):
                if not await self._configure(part, offset, value, entry):
                    return
            else:
                # From here to the end of the step nothing waits: a cut sees all of it or nothing.
                self._step(part, offset, value, entry)
        if failpoints.ARMED:
            failpoints.hit("step.after")
        if part.lane.has_waiting:
            await part.lane.pump()
            failpoints.hit("alerts.sent")
        await self._breathe()

    def _step(self, part: Part, offset: int, value: bytes, entry: Entry | AreaEntry) -> None:
        began = self._clock.monotonic()
        part.step(offset, value, entry, self.counters.records)
        took = self._clock.monotonic() - began
        counters = self.counters
        counters.entries += 1
        counters.step_ns += took
        counters.steps.add(took)
        if took > counters.longest_step_ns:
            counters.longest_step_ns = took
        if isinstance(entry.payload, Frame):
            counters.samples += len(entry.payload)

    async def _configure(self, part: Part, offset: int, value: bytes, entry: Entry) -> bool:
        """Steps the configuration that the entry names; False where the partition was given up
        while its content was waited for."""
        assert isinstance(entry.payload, NamedConfiguration)
        found = await self._find(entry.payload.version)
        if not part.alive or part.following != offset:
            return False
        with self._pulse.slow():
            self._step(part, offset, value, Entry(entry.header, found))
            settle()
        return True

    def _put_aside(self, part: Part, offset: int, value: bytes | None, torn: Torn) -> None:
        part.put_aside(offset, value, torn)
        self.counters.put_aside[torn.reason] += 1
        self._tell(
            "torn_entry",
            f"partition {part.partition}, offset {offset}: {torn.detail}; it is in the dead letters",
        )

    async def _breathe(self) -> None:
        """Lets ticks, commits and sends have their turn after a slice of stepping."""
        now = self._clock.monotonic()
        if now - self._slice_began > WORKER_SLICE_NS:
            await asyncio.sleep(0)
            self._slice_began = self._clock.monotonic()
