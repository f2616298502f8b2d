"""From an agent's local log to the cluster's log, in order, behind a durable cursor.

One producer after another: each begins at the cursor and ends with the first error, so that what
a partition gets is the local log's order, with a part of it again where an acknowledgement was
lost. The core knows a repeated sample; nothing here needs to.

The cursor moves when Kafka has acknowledged an entry's records in every partition, and trimming of
the local log never passes it. While the link is away the local log grows, and nothing else happens.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple

from ..clock import Clock
from ..entry import decode
from ..errors import LifelineError, LogError
from ..limits import (
    FORWARD_BATCH_BYTES,
    FORWARD_CONNECT_S,
    FORWARD_CURSOR_NS,
    FORWARD_ENTRIES,
    FORWARD_IDLE_S,
    FORWARD_LINGER_MS,
    FORWARD_PROBE_S,
    FORWARD_RETRY_FIRST_S,
    FORWARD_RETRY_LAST_S,
    FORWARD_STALL_S,
    FORWARD_WINDOW_BYTES,
)
from ..log import LogStore
from .connection import producer_options
from .ending import abandon_producer
from .partitioning import Split
from .spec import ClusterSpec
from .splitting import Outgoing, outgoing
from .topics import Topics

CURSOR: Final = "forward:kafka"

Link = Literal["connecting", "up", "away", "held"]


class UnknownConfigurationError(LogError):
    """Entries name a configuration that neither this machine nor the cluster has."""


class _Ready(NamedTuple):
    """One local entry, taken apart."""

    position: int
    records: list[Outgoing]
    size: int


class _Flying(NamedTuple):
    """One local entry on its way; `futures` resolve when Kafka has it."""

    position: int
    size: int
    futures: list[asyncio.Future[Any]]


class Forwarder:
    """Passes on one local log. Everything but `run` may be called from any thread.

    splits    the parts of the configuration of this version, None where nobody has it; called
              from a thread, may take its time
    on_trouble(kind, text)   `link_away`, `link_back`, `forward_held`, `forward_goes_on`
    """

    def __init__(
        self,
        store: LogStore,
        spec: ClusterSpec,
        splits: Callable[[bytes], Split | None],
        clock: Clock,
        on_trouble: Callable[[str, str], None],
    ) -> None:
        self._store = store
        self._spec = spec
        self._splits = splits
        self._clock = clock
        self._on_trouble = on_trouble
        self._topic = Topics(spec.prefix).log
        self._position = store.cursor(CURSOR)
        self._noted = self._position
        self._noted_at = clock.monotonic()
        store.set_cursor(CURSOR, self._position)  # from now on nothing unsent is trimmed
        self._link: Link = "connecting"
        self._why = ""
        self._since = clock.wall()
        self.counters: Counter[str] = Counter()

    @property
    def position(self) -> int:
        """Kafka has acknowledged every local entry up to here."""
        return self._position

    @property
    def behind(self) -> int:
        """Local entries that Kafka has not acknowledged."""
        return max(0, self._store.end() - self._position)

    @property
    def link(self) -> Link:
        """connecting, up, away (Kafka cannot be reached), held (reached, but nothing can go on)."""
        return self._link

    def health(self) -> dict[str, Any]:
        """State and counters as plain JSON values; `oldest` is the time of receipt of the first
        entry that is not acknowledged, 0 where there is none. Raises LogError."""
        behind = self.behind
        waiting = self._store.read(self._position, 1) if behind else []
        return {
            "link": self._link,
            "why": self._why,
            "since": self._since,
            "position": self._position,
            "behind": behind,
            "oldest": decode(waiting[0][1]).header.received if waiting else 0,
            "counters": dict(self.counters),
        }

    async def run(self) -> None:
        """Forwards until it is cancelled; then its last place is written down."""
        pause = FORWARD_RETRY_FIRST_S
        try:
            while True:
                before = self._position
                try:
                    await self._connected()
                except LifelineError as error:
                    self._is("held", str(error))
                except Exception as error:  # noqa: BLE001  whatever the client raises, it goes on
                    self._is("away", _words(error))
                self.counters["sessions_lost"] += 1
                pause = FORWARD_RETRY_FIRST_S if self._position > before else pause
                await asyncio.sleep(pause)
                pause = min(2 * pause, FORWARD_RETRY_LAST_S)
        finally:
            self._note(at_once=True)

    # --- one connection --------------------------------------------------------------------------

    async def _connected(self) -> None:
        """One producer from the cursor on; raises what ended it."""
        from aiokafka import AIOKafkaProducer

        producer = AIOKafkaProducer(
            **producer_options(self._spec),
            client_id="lifeline-agent",
            linger_ms=FORWARD_LINGER_MS,
            max_batch_size=FORWARD_BATCH_BYTES,
        )
        session = _Session()
        try:
            async with asyncio.timeout(FORWARD_CONNECT_S):
                await producer.start()
                await producer.partitions_for(self._topic)
            self._is("up", "")
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._send(producer, session))
                tasks.create_task(self._land(session))
                tasks.create_task(_probe(producer))
        except* Exception as group:  # noqa: BLE001  the first of them is raised again
            raise _first(group) from None
        finally:
            session.abandon()
            await abandon_producer(producer)

    async def _send(self, producer: Any, session: _Session) -> None:
        """Hands everything behind the cursor to the producer, as much at once as may fly."""
        read = self._position
        while True:
            for ready in await asyncio.to_thread(self._read, read):
                await session.room(ready.size)
                futures = [
                    await producer.send(self._topic, value, partition=partition)
                    for partition, value in ready.records
                ]
                session.fly(_Flying(ready.position, ready.size, futures))
                read = ready.position
                self.counters["sent_entries"] += 1
                self.counters["sent_records"] += len(futures)
                self.counters["sent_bytes"] += ready.size

    async def _land(self, session: _Session) -> None:
        """Moves the cursor behind what Kafka has acknowledged, in order."""
        while True:
            flying = await session.first()
            try:
                async with asyncio.timeout(FORWARD_STALL_S):
                    for future in flying.futures:
                        await future
            except TimeoutError:
                raise TimeoutError(
                    f"Kafka has acknowledged nothing for {FORWARD_STALL_S:g} s"
                ) from None
            session.landed(flying)
            self._position = flying.position
            self.counters["acknowledged_entries"] += 1
            if self._due():
                await asyncio.to_thread(self._note)

    # --- from threads ----------------------------------------------------------------------------

    def _read(self, after: int) -> list[_Ready]:
        """Entries behind a position, taken apart; waits a little for the first."""
        if not self._store.wait_beyond(after, FORWARD_IDLE_S):
            self._note()
            return []
        found: list[_Ready] = []
        for position, data in self._store.read(after, FORWARD_ENTRIES, FORWARD_WINDOW_BYTES):
            entry = decode(data)
            split = self._splits(entry.header.registry)
            if split is None:
                if found:
                    break  # what is known goes first
                raise UnknownConfigurationError(
                    f"local entry {position} names configuration {entry.header.registry.hex()}, "
                    "which the cluster does not have any more: apply the files of that time once "
                    "(lifeline cluster apply), then the present ones"
                )
            records = outgoing(entry, split)
            size = sum(len(record.value) for record in records)
            found.append(_Ready(position, records, size))
        return found

    def _due(self) -> bool:
        return self._clock.monotonic() - self._noted_at >= FORWARD_CURSOR_NS

    def _note(self, *, at_once: bool = False) -> None:
        """Writes the cursor down, seldom enough not to cost the log a commit for each entry."""
        if self._position != self._noted and (at_once or self._due()):
            self._noted, self._noted_at = self._position, self._clock.monotonic()
            self._store.set_cursor(CURSOR, self._noted)

    def _is(self, link: Link, why: str) -> None:
        """The state of the link; a change is told once."""
        before, self._why = self._link, why
        if link == before:
            return
        self._link, self._since = link, self._clock.wall()
        if link == "away":
            text = f"Kafka cannot be reached, the local log keeps what comes: {why}"
            self._on_trouble("link_away", text)
        elif link == "held":
            self._on_trouble("forward_held", why)
        elif before == "away":
            self._on_trouble("link_back", f"Kafka is reached again, {self.behind} entries behind")
        elif before == "held":
            self._on_trouble("forward_goes_on", "what held the local log back is over")


class _Session:
    """What is on its way through one producer, bounded by bytes. One loop."""

    def __init__(self) -> None:
        self._flying: asyncio.Queue[_Flying] = asyncio.Queue()
        self._bytes = 0
        self._room = asyncio.Event()
        self._room.set()
        self._landing: list[asyncio.Future[Any]] = []

    async def room(self, size: int) -> None:
        """Returns when so many bytes may fly; a lone entry always may."""
        while self._bytes and self._bytes + size > FORWARD_WINDOW_BYTES:
            self._room.clear()
            await self._room.wait()

    def fly(self, flying: _Flying) -> None:
        self._bytes += flying.size
        self._flying.put_nowait(flying)

    async def first(self) -> _Flying:
        """The oldest that has not landed."""
        flying = await self._flying.get()
        self._landing = flying.futures
        return flying

    def landed(self, flying: _Flying) -> None:
        self._landing = []
        self._bytes -= flying.size
        self._room.set()

    def abandon(self) -> None:
        """Nobody waits for what still flies; it is sent again."""
        while not self._flying.empty():
            self._landing += self._flying.get_nowait().futures
        for future in self._landing:
            if not future.cancel() and not future.cancelled():
                future.exception()  # seen: asyncio would complain of one that nobody looked at


async def _probe(producer: Any) -> None:
    """Raises when the brokers do not answer any more: with nothing to send nobody else notices."""
    while True:
        await asyncio.sleep(FORWARD_PROBE_S)
        async with asyncio.timeout(FORWARD_CONNECT_S):
            await producer.client.fetch_all_metadata()


def _first(group: BaseExceptionGroup[Exception]) -> Exception:
    """The first error in a group, however deep."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, Exception)
    return error


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
