"""A run: topics, a recorded city that flows into the log, workers to whom things happen, and what
was found.

A *plot* is what happens to the workers: a coroutine that is given the campaign. When it has
ended, the run waits until the alert topic has what the recording has, or nothing comes any more.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from cluster_kafka import spec_of
from cluster_runs import by_partition
from lifeline.engine.cluster.admin import init
from lifeline.engine.cluster.configs import ConfigStore
from lifeline.engine.cluster.topics import Topics
from servers.kafka import Kafka

from . import evidence
from .deaths import Death
from .feeding import Feeder
from .fleet import FAILED, Fleet, Life, Nursery
from .reading import Topic, committed, read_all
from .recording import Recording
from .verdict import Verdict

PARTITIONS: Final = 4
#: Nothing new on the alert topic for so long: nothing more will come. A right run does not wait for it.
SILENT_S: Final = 120.0
# A life that should die at a point and has not come there by then is killed, and counted so.
POINT_WITHIN_S: Final = 45.0
TAKEN_UP_WITHIN_S: Final = 180.0
#: A service manager does not start what has just ended at once.
RESTART_S: Final = 1.0
#: Workers that end by themselves, one after another, before nobody starts another.
RESTARTS: Final = 5
_LOOK_S: Final = 0.25


class Campaign:
    """One run on topics of its own. `seconds` is how long the city flows, at least."""

    fleet: Fleet
    feeder: Feeder

    def __init__(
        self,
        kafka: Kafka,
        prefix: str,
        nursery: Nursery,
        recording: Recording,
        folder: Path,
        *,
        seconds: float = 8.0,
        mutant: str = "",
        silent_s: float = SILENT_S,
    ) -> None:
        self.kafka = kafka
        self.spec = spec_of(kafka.bootstrap, prefix, PARTITIONS)
        self.topics = Topics(prefix)
        self.recording = recording
        self.folder = folder / prefix
        self.parts = by_partition(recording, PARTITIONS)
        self.violations: list[str] = []
        self.expected_to_settle = True
        self.trimmed: dict[int, int] = {}
        self._nursery = nursery
        self._seconds = seconds
        self._mutant = mutant
        self._silent_s = silent_s
        self._names = 0

    def run(self, plot: Callable[[Campaign], Awaitable[None]]) -> Verdict:
        """The whole of it."""
        return asyncio.run(self.play(plot))

    async def play(self, plot: Callable[[Campaign], Awaitable[None]]) -> Verdict:
        """The same, within a loop."""
        self.folder.mkdir(parents=True)
        await self._prepare()
        began = time.monotonic()
        self.feeder = Feeder(self.kafka.bootstrap, self.topics.log, self.parts, self._seconds)
        async with Fleet(
            self._nursery, self.spec, self.folder, ticks=False, mutant=self._mutant
        ) as self.fleet:
            feeding = asyncio.create_task(self.feeder.run())
            over = asyncio.Event()
            watching = asyncio.create_task(self._watch(over))
            try:
                await plot(self)
                self.feeder.allowed = 1.0
                await feeding
                if self.expected_to_settle:
                    await self._settle()
                await self._end()
            finally:
                over.set()
                await watching  # not cancelled: it would leave its clients open
                feeding.cancel()
                with suppress(asyncio.CancelledError):
                    await feeding
        return await self._judge(_name(plot), time.monotonic() - began)

    # --- for plots -------------------------------------------------------------------------------
    async def worker(self, crash_at: str = "", mutant: str | None = None) -> Life:
        """A new worker of a new name."""
        self._names += 1
        return await self.fleet.start(f"w{self._names}", crash_at, mutant)

    async def workers(self, n: int) -> list[Life]:
        """So many, that have all taken up what the group gave them."""
        lives = [await self.worker() for _ in range(n)]
        for life in lives:
            await self.fleet.takes_up(life, TAKEN_UP_WITHIN_S)
        return lives

    async def fed(self, share: float) -> None:
        """Returns when so much of the city is in the log; no more of it goes in from then on."""
        self.feeder.allowed = share
        while self.feeder.share < share - 0.01:
            await asyncio.sleep(0.05)

    async def judged(self, share: float, within_s: float = 120.0) -> None:
        """Returns when so much of the recording's records is on the alert topic."""
        until = time.monotonic() + within_s
        async with Topic(self.kafka.bootstrap, self.topics.alerts, PARTITIONS) as alerts:
            while time.monotonic() < until:
                await alerts.more()
                found = evidence.received(alerts.records).of_sites()
                if len(found) >= share * len(self.recording.records):
                    return
                await asyncio.sleep(0.1)

    async def markers(self) -> list[tuple[int, int]]:
        """(partition, offset) of every marker, as they were written."""
        lying = await read_all(self.kafka.bootstrap, self.topics.checkpoints, PARTITIONS)
        return [
            (each.partition, json.loads(each.value)["next"])
            for each in lying
            if each.key.startswith(b"mark|") and each.value
        ]

    async def furthest(self) -> dict[int, int]:
        """Where the furthest marker of each partition stands."""
        found: dict[int, int] = {}
        for partition, at in await self.markers():
            found[partition] = max(at, found.get(partition, 0))
        return found

    async def look(self) -> None:
        """Notes which offsets are committed beyond the furthest durable checkpoint now."""
        offsets = await committed(
            self.kafka.bootstrap, self.topics.group("worker"), self.topics.log
        )
        told = evidence.ahead(offsets, await self.furthest())
        self.violations += [each for each in told if each not in self.violations]

    async def standing_still(self, life: Life, within_s: float = 180.0) -> None:
        """Returns when the worker has frozen itself."""
        until = time.monotonic() + within_s
        while _state(life.pid) != "T":
            assert time.monotonic() < until, f"it did not freeze\n{life.said()}"
            await asyncio.sleep(0.05)

    async def through_deaths(self, planned: Sequence[Death], places: int = 3) -> None:
        """So many workers, each place with another life when one has died, until the plan is done;
        the city flows in step with it."""
        plan, done, total = list(planned), 0, len(planned)
        self.feeder.allowed = 1 / (total + 1)

        async def place(name: str) -> None:
            nonlocal done
            while plan:
                death = plan.pop(0)
                life = await self.fleet.start(name, death.point)
                await self._dies(life, death)
                if not life.killed:  # it ended by itself: the death is still to come
                    plan.append(death)
                    continue
                done += 1
                self.feeder.allowed = (done + 1) / (total + 1)
            await self.fleet.start(name)

        await asyncio.gather(*(place(f"place-{n}") for n in range(places)))

    async def _dies(self, life: Life, death: Death) -> None:
        fleet = self.fleet
        if death.point:
            await fleet.takes_up(life, TAKEN_UP_WITHIN_S)
            if await fleet.dies(life, POINT_WITHIN_S):
                life.died_at_point = life.killed
        elif await fleet.takes_up(life, TAKEN_UP_WITHIN_S):
            await fleet.dies(life, death.after_s)
        fleet.kill(life)
        await life.over.wait()

    # --- the run ---------------------------------------------------------------------------------
    async def _prepare(self) -> None:
        await init(self.spec)
        async with ConfigStore(self.spec) as store:
            for configuration in self.recording.configurations:
                await store.publish(configuration, PARTITIONS)

    async def _watch(self, over: asyncio.Event) -> None:
        """At no moment is an offset committed beyond the furthest durable checkpoint."""
        while not over.is_set():
            with suppress(Exception):  # the broker may be away; then nothing is known
                await self.look()
            await asyncio.sleep(_LOOK_S)

    async def _settle(self) -> None:
        """Until everything is there, or nothing comes any more. A worker that ended by itself is
        replaced, as a service manager does, and as that one gives up in the end."""
        heard, restarts = time.monotonic(), 0
        async with Topic(self.kafka.bootstrap, self.topics.alerts, PARTITIONS) as alerts:
            while time.monotonic() - heard < self._silent_s:
                if await alerts.more():
                    heard = time.monotonic()
                found = evidence.received(alerts.records).of_sites()
                if len(found) >= len(self.recording.records):
                    return
                if not self.fleet.alive():
                    if restarts == RESTARTS:
                        return
                    restarts += 1
                    await self.worker()
                    await asyncio.sleep(RESTART_S)
                await asyncio.sleep(_LOOK_S)

    async def _end(self) -> None:
        lives = self.fleet.alive()
        for life, code in zip(
            lives, await asyncio.gather(*map(self.fleet.stop, lives)), strict=True
        ):
            if code not in (0, FAILED):
                self.violations.append(f"{life.name} stopped with {code}: {life.said()[-500:]}")

    async def _judge(self, plot: str, seconds: float) -> Verdict:
        where, topics = self.kafka.bootstrap, self.topics
        log = await read_all(where, topics.log, PARTITIONS)
        found = evidence.received(await read_all(where, topics.alerts, PARTITIONS))
        replay = evidence.replayed(self.parts, self.recording.configurations)
        offsets = await committed(where, topics.group("worker"), topics.log)
        violations = [
            *self.violations,
            *evidence.loaded(log, self.parts, self.trimmed),
            *evidence.filtered(found),
            *evidence.compared(found.of_sites(), self.recording.records, "the embedded core"),
            *evidence.compared(found.records, replay, "a replay of the log"),
            *evidence.ahead(offsets, await self.furthest()),
        ]
        if found.heads() != self.recording.digests:
            violations.append("digests of sites differ from the embedded core's")
        stall = evidence.longest_stall_s(found, log)
        return Verdict(plot, seconds, self.fleet.lives, found, found.heads(), stall, violations)


def _state(pid: int) -> str:
    """R, S, T … as the system has it."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return ""


def _name(plot: Callable[..., object]) -> str:
    return getattr(plot, "__name__", "plot").replace("_", " ")
