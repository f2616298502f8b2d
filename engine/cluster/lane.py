"""What the steps of one partition send: alert records, dead letters and replies, in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from ..command import Reply
from ..limits import WORKER_OPEN_RECORDS
from .reading import Torn
from .topics import Topics

Headers: TypeAlias = list[tuple[str, bytes]]


class ProducedReply(Reply, frozen=True, omit_defaults=True, kw_only=True):
    """An answer as it stands on the topic of replies: with the producer of the command's entry,
    and where that entry lies."""

    producer: str = ""
    partition: int = 0
    position: int = 0


#: Topic, key, value, headers.
_Sent: TypeAlias = tuple[str, bytes, bytes | None, Headers]


@dataclass(frozen=True, slots=True)
class _Following:
    """Leaves when everything handed over before is durable."""

    topic: str
    key: bytes | None
    value: bytes
    partition: int | None


class Lane:
    """Hands one partition's records to the producer. `put_…` never waits, so that a step and what
    it says are one; `pump` hands over, `durable` waits.

    `on_failed` is called, once for each, with what Kafka did not take: the worker must end then.
    Records of a site reach the topic in the order of `seq`.
    """

    def __init__(
        self,
        producer: Any,
        topics: Topics,
        partition: int,
        on_failed: Callable[[BaseException], None],
    ) -> None:
        self._producer = producer
        self._topics = topics
        self._partition = partition
        self._on_failed = on_failed
        self._waiting: deque[_Sent | _Following] = deque()
        self._open: set[asyncio.Future[Any]] = set()
        self._pumping = asyncio.Lock()

    @property
    def has_waiting(self) -> bool:
        """Whether anything is to be handed over."""
        return bool(self._waiting)

    @property
    def open(self) -> int:
        """Records that are not known to be durable."""
        return len(self._waiting) + len(self._open)

    def put_records(self, position: int, records: Sequence[tuple[str, int, bytes]]) -> None:
        """The (site, seq, bytes) of one step."""
        headers = self._headers(position)
        for site, _, data in records:
            self._waiting.append((self._topics.alerts, site.encode(), data, headers))

    def put_replies(self, position: int, producer: str, replies: Sequence[Reply]) -> None:
        """The answers of one step; they leave when all records put before are durable."""
        for reply in replies:
            said = ProducedReply(
                **msgspec.structs.asdict(reply),
                producer=producer,
                partition=self._partition,
                position=position,
            )
            key, value = reply.id.encode(), msgspec.json.encode(said)
            self._waiting.append(_Following(self._topics.replies, key, value, None))

    def put_orders(self, orders: Sequence[tuple[int, bytes]]) -> None:
        """Entries (partition, bytes) for the sites' log; they leave when all records put before are
        durable, and count as open until they are."""
        for partition, entry in orders:
            self._waiting.append(_Following(self._topics.site_log, None, entry, partition))

    def put_letter(self, offset: int, value: bytes | None, torn: Torn) -> None:
        """A record of the log that is no entry."""
        headers = [
            *self._headers(offset + 1),
            ("topic", self._topics.log.encode()),
            ("reason", torn.reason.encode()),
            ("detail", torn.detail.encode()),
        ]
        key = b"%d|%d" % (self._partition, offset)
        self._waiting.append((self._topics.deadletters, key, value, headers))

    async def pump(self) -> None:
        """Hands over what was put before; waits where too much is on its way."""
        async with self._pumping:
            while self._waiting:
                # Taken away when it is handed over: who is cancelled meanwhile loses nothing.
                first = self._waiting[0]
                if isinstance(first, _Following):
                    after = self._after(first, list(self._open))
                    self._follow(asyncio.ensure_future(after))
                else:
                    await self._send(*first)
                self._waiting.popleft()
        while len(self._open) > WORKER_OPEN_RECORDS:
            await asyncio.wait(self._open, return_when=asyncio.FIRST_COMPLETED)

    async def durable(self) -> None:
        """Returns when everything put before the call is durable. Raises what Kafka said."""
        await self.pump()
        if self._open:
            await asyncio.gather(*self._open)

    def _headers(self, position: int) -> Headers:
        return [("position", b"%d" % position), ("partition", b"%d" % self._partition)]

    async def _send(self, topic: str, key: bytes, value: bytes | None, headers: Headers) -> None:
        partition = self._partition if topic == self._topics.alerts else 0
        self._follow(
            await self._producer.send(topic, value, key=key, partition=partition, headers=headers)
        )

    async def _after(self, wanted: _Following, before: list[asyncio.Future[Any]]) -> None:
        if before:
            await asyncio.wait(before)
        await self._producer.send_and_wait(
            wanted.topic, wanted.value, key=wanted.key, partition=wanted.partition
        )

    def _follow(self, future: asyncio.Future[Any]) -> None:
        self._open.add(future)
        future.add_done_callback(self._settled)

    def _settled(self, future: asyncio.Future[Any]) -> None:
        self._open.discard(future)
        error = None if future.cancelled() else future.exception()
        if error is not None:
            self._on_failed(error)
