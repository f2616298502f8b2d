"""A configuration into force, in every partition, so that a crash at any point can be made good.

The order is the proof. Contents are durable on the configs topic; then the turn, which says what is
about to be named; then the log of every partition names its part; then `current` says that it is
in force, and agents use it from then on. Who comes after a crash finds the turn and finishes it:
naming a part twice in a partition is harmless, the core finds nothing changed.
"""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from ..clock import Clock, SystemClock
from ..configuration import Configuration, continued
from ..entry import Entry, Header, NamedConfiguration, encode
from ..errors import SinkError, SpecError
from ..limits import (
    CLUSTER_APPLY_ATTEMPTS,
    CLUSTER_APPLY_NS,
    CLUSTER_CONFIG_MARGIN_NS,
    CLUSTER_REQUEST_NS,
    SECOND_NS,
)
from ..planning import compile_plan
from .configs import ConfigStore, Written
from .connection import producer_options, reaching, started
from .contents import Current, needless
from .ending import abandon_producer
from .partitioning import split
from .spec import ClusterSpec
from .topics import Topics
from .turns import Turn, obsolete, whose

PRODUCER = "configuration"
_NS_IN_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Applied:
    """What an apply did. `changed` false: everything was in force already.

    `named` are the partitions whose part changed; `finished` whether an apply that had been left
    behind was finished first; `deleted` how many old versions were removed from the topic.
    """

    current: Current
    changed: bool
    written: Written = field(default_factory=Written)
    named: tuple[int, ...] = ()
    finished: bool = False
    deleted: int = 0


async def apply(
    spec: ClusterSpec, wanted: Configuration, clock: Clock | None = None, *, again: bool = False
) -> Applied:
    """Brings the configuration into force. `init` must have made the topics.

    Indices of what is in force are continued. `again` names it in every partition even if nothing
    changed. Raises SpecError for what the core could not run, and where the log has another number
    of partitions than the spec; SinkError where the brokers do not answer, or another apply is at
    it.
    """
    async with ConfigStore(spec, clock) as store, LogNames(spec) as naming:
        return await Applying(spec, store, naming, clock or SystemClock()).run(wanted, again)


class Names(Protocol):
    """Where an apply names the parts."""

    @property
    def topic(self) -> str:
        """For messages."""
        ...

    async def partitions(self) -> int:
        """How many partitions the log has."""
        ...

    async def name(self, partition: int, version: bytes, now: int) -> None:
        """Sends the entry that names a part; `durable` waits for it."""
        ...

    async def durable(self) -> None:
        """Returns when everything sent is on the brokers."""
        ...


class Applying:
    """One apply: every await is a place where it may end for good, and the next one goes on."""

    def __init__(self, spec: ClusterSpec, store: ConfigStore, naming: Names, clock: Clock) -> None:
        self._spec = spec
        self._store = store
        self._naming = naming
        self._clock = clock
        self._finished = False
        self._began = 0

    async def run(self, wanted: Configuration, again: bool = False) -> Applied:
        """See `apply`."""
        await self._check_partitions()
        for _ in range(CLUSTER_APPLY_ATTEMPTS):
            done = await self._once(wanted, again)
            if done is not None:
                return done
        raise SinkError("other configurations kept coming into force; apply yours again")

    async def _check_partitions(self) -> None:
        n = await self._naming.partitions()
        current = self._store.current()
        for name, found in (
            (f"topic {self._naming.topic}", n),
            ("the configuration in force", current.n if current else n),
        ):
            if found != self._spec.partitions:
                raise SpecError(
                    f"{name} has another number of partitions than the configuration; it is fixed "
                    "at `lifeline cluster init`, since sites belong to partitions by it",
                    found=f"cluster.partitions: {self._spec.partitions}",
                    expected=f"cluster.partitions: {found}",
                )

    async def _once(self, wanted: Configuration, again: bool) -> Applied | None:
        """One attempt; None where what is in force changed meanwhile."""
        store, n = self._store, self._spec.partitions
        before = store.current()
        following = wanted
        if before is not None:
            following = continued(await store.find(before.version()), wanted)
        version = following.version()
        if before is not None and before.version() == version and not again:
            return await self._nothing(before)
        # What the core could not run would stop the workers for good once it is named.
        compile_plan(following, version)
        parts = split(following, n)
        since = store.index.current_at
        current, written = await store.publish(following, n, parts)
        turn = Turn(uuid.uuid4().hex, since, current)
        if not await self._take(turn):
            return None
        deleted = await self._carry_out(turn, before, again)
        named = _changed(before, current, again)
        return Applied(current, True, written, named, self._finished, deleted)

    async def _nothing(self, before: Current) -> Applied | None:
        """All is in force, unless an apply that began from it is at work or was left behind."""
        index = self._store.index
        if any(standing.turn.since == index.current_at for standing in index.turns.values()):
            # A turn that changes nothing decides whose it is.
            turn = Turn(uuid.uuid4().hex, index.current_at, before)
            if not await self._take(turn):
                return None
            await self._store.put([(turn.key(), None)])
        return Applied(before, changed=False, finished=self._finished)

    async def _take(self, turn: Turn) -> bool:
        """Writes the turn; whether it is ours. Raises SinkError where another one is at it."""
        store = self._store
        self._began = self._clock.monotonic()
        await store.put([(turn.key(), msgspec.json.encode(turn))])
        await store.refresh()
        verdict = whose(store.index.turns.values(), turn.id, store.index.current_at)
        if verdict.what == "go" and store.holds(turn.wanted):
            return True
        if verdict.what == "finish" and verdict.turn is not None:
            await self._carry_out(verdict.turn, store.current(), True)
            self._finished = True
        await store.put([(turn.key(), None)])
        if verdict.what == "wait":
            raise SinkError(
                "another `lifeline cluster apply` is at work; wait until it has ended, or, if it "
                f"died, {CLUSTER_APPLY_NS // SECOND_NS} s, and run yours again: it finishes what "
                "was begun"
            )
        return False

    async def _carry_out(self, turn: Turn, before: Current | None, everywhere: bool) -> int:
        """Names the parts, says that they are in force; how many old versions it deleted."""
        for partition in _changed(before, turn.wanted, everywhere):
            if self._clock.monotonic() - self._began > CLUSTER_APPLY_NS // 2:
                raise SinkError(
                    "naming the configuration in every partition took too long and was given up; "
                    "run the apply again: it finishes what was begun"
                )
            await self._naming.name(partition, turn.wanted.part(partition), self._clock.wall())
        await self._naming.durable()
        # While the turn is ours: whoever comes later looks whether its contents are still there.
        deleted = await self._tidy(turn.wanted)
        await self._store.announce(turn.wanted)
        await self._store.put([(turn.key(), None)])
        return deleted

    async def _tidy(self, wanted: Current) -> int:
        """Deletes versions that nothing in the log can name any more, and turns of the past."""
        index = self._store.index
        now = self._clock.wall() // _NS_IN_MS
        keep = (self._spec.log_retention + CLUSTER_CONFIG_MARGIN_NS) // _NS_IN_MS
        history = [*index.history.values(), (now, wanted)]
        gone = needless(history, index.heads, now - keep)
        gone = {name for name in gone if index.written[name] < now - keep}
        keys = [turn.key() for turn in obsolete(index.turns.values(), index.current_at)]
        keys += [key for name in sorted(gone) for key in index.keys(name)]
        await self._store.put([(key, None) for key in keys])
        return len(gone)


class LogNames:
    """The log, as far as an apply writes to it."""

    def __init__(self, spec: ClusterSpec) -> None:
        from aiokafka import AIOKafkaProducer

        self.topic: str = Topics(spec.prefix).log
        self._spec = spec
        self._producer = AIOKafkaProducer(**producer_options(spec))
        self._sent: list[Any] = []
        self._number = 0

    async def __aenter__(self) -> LogNames:
        await started(self._spec, self._producer)
        return self

    async def __aexit__(self, *_: object) -> None:
        await abandon_producer(self._producer)

    async def partitions(self) -> int:
        """See `Names`."""
        async with reaching(self._spec):
            return len(await self._producer.partitions_for(self.topic))

    async def name(self, partition: int, version: bytes, now: int) -> None:
        """See `Names`."""
        self._number += 1
        header = Header(
            producer=PRODUCER, producer_seq=self._number, received=now, registry=version
        )
        data = encode(Entry(header, NamedConfiguration(version)))
        async with reaching(self._spec):
            self._sent.append(
                await self._producer.send(self.topic, value=data, partition=partition)
            )

    async def durable(self) -> None:
        """See `Names`."""
        sent, self._sent = self._sent, []
        # An idempotent producer never gives up by itself.
        async with reaching(self._spec), asyncio.timeout(CLUSTER_REQUEST_NS / SECOND_NS):
            await asyncio.gather(*sent)


def _changed(before: Current | None, current: Current, everywhere: bool) -> tuple[int, ...]:
    """The partitions that must be told."""
    if everywhere or before is None or before.n != current.n:
        return tuple(range(current.n))
    return tuple(p for p in range(current.n) if before.parts[p] != current.parts[p])
