"""Commands from anywhere into the log of their site's partition, and the answers to them.

A command's entry names by its producer how it came; the worker says that again with the answer on
the topic of replies, where whoever waits picks out its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any, Final

import msgspec

from ..clock import Clock
from ..command import Command, Reply
from ..entry import Entry, Header, encode
from ..errors import LifelineError, SinkError
from ..limits import COMMAND_APPEND_S, MIRROR_COMMIT_S, MIRROR_POLL_MS, MIRROR_RETRY_S
from ..log import Ticket
from .append import Appended, LogAppender, start_producer
from .connection import client_options, reaching
from .ending import abandon_producer, end_consumer
from .homes import Home, home_of
from .lane import ProducedReply
from .spec import ClusterSpec
from .topics import Topics

BY_MQTT: Final = "mqtt"
BY_CALL: Final = "call"


def ticket_of(sending: Future[Appended]) -> Ticket:
    """The log's promise for a command that is being sent; it fails with SinkError."""
    ticket = Ticket()

    def done(_: object) -> None:
        error = None if sending.cancelled() else sending.exception()
        if sending.cancelled():
            ticket.resolve(SinkError("the sink stops"))
        elif isinstance(error, LifelineError):
            ticket.resolve(error)
        elif error is not None:
            ticket.resolve(SinkError(f"the command was not sent: {error!r}"))
        else:
            position = sending.result().position
            ticket.resolve(range(position, position + 1))

    sending.add_done_callback(done)
    return ticket


def command_entry(command: Command, tenant: str, producer: str, number: int, now: int) -> bytes:
    """The entry of a command, to be stamped by the worker. `now` is wall time, ns."""
    return encode(Entry(Header(tenant, producer, number, now), command))


def read_reply(value: bytes | None) -> ProducedReply | None:
    """An answer of the topic; None for what this version does not know."""
    try:
        return msgspec.json.decode(value or b"", type=ProducedReply)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


class CommandSender:
    """Appends commands, one after another, through a producer that is made when it is needed.

    producer    named by the entries; answers to it are this sender's
    partitions  how many the log of the sites has, by the configuration in force
    tenant_of   the tenant of a site, "" where it is not known

    What is meant for an area, `area:<path>`, goes into the area's log.
    """

    def __init__(
        self,
        spec: ClusterSpec,
        producer: str,
        partitions: Callable[[], int],
        tenant_of: Callable[[str], str],
        clock: Clock,
    ) -> None:
        self._spec = spec
        self._name = producer
        self._partitions = partitions
        self._tenant_of = tenant_of
        self._clock = clock
        self._producer: Any = None
        self._lock = asyncio.Lock()
        self.taken = 0

    async def submit(self, command: Command) -> Appended:
        """Returns when the command is durable. Raises SinkError when it is not known to be; it may
        be done all the same then, and its id makes a repeat harmless."""
        topics = Topics(self._spec.prefix)
        home = home_of(command.site, topics, self._partitions(), self._spec.area_partitions)
        async with self._lock:
            try:
                async with asyncio.timeout(COMMAND_APPEND_S):
                    return await self._append(home, command)
            except (SinkError, TimeoutError) as error:
                await self._let_go()
                raise SinkError(
                    f"Kafka has not confirmed command {command.id} ({error or 'no answer'}); it may "
                    "still be done: look before you repeat it"
                ) from error

    async def stop(self) -> None:
        """Lets go of the producer."""
        async with self._lock:
            await self._let_go()

    async def _append(self, home: Home, command: Command) -> Appended:
        if self._producer is None:
            self._producer = await start_producer(self._spec, f"lifeline-{self._name}")
        self.taken += 1
        tenant, now = self._tenant_of(command.site), self._clock.wall()
        entry = command_entry(command, tenant, self._name, self.taken, now)
        return await LogAppender(self._producer, home.log).append(home.partition, entry)

    async def _let_go(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await abandon_producer(producer)


class ReplyReader:
    """Reads the answers to one producer's commands, from where its group has come; a new group
    begins with what comes from now on."""

    def __init__(
        self, spec: ClusterSpec, group: str, producer: str, on_reply: Callable[[Reply], None]
    ) -> None:
        self._spec = spec
        self._group = group
        self._producer = producer
        self._on_reply = on_reply
        self.answered = 0
        self.why = ""

    async def run(self) -> None:
        """Reads until it is cancelled."""
        while True:
            try:
                await self._connected()
            except Exception as error:  # noqa: BLE001  whatever the client raises, it goes on
                self.why = str(error) or type(error).__name__
            await asyncio.sleep(MIRROR_RETRY_S)

    async def _connected(self) -> None:
        async with _replies(self._spec, self._group) as consumer:
            self.why = ""
            while True:
                for records in (await consumer.getmany(timeout_ms=MIRROR_POLL_MS)).values():
                    for record in records:
                        self._heard(read_reply(record.value))
                    async with asyncio.timeout(MIRROR_COMMIT_S):
                        await consumer.commit()

    def _heard(self, reply: ProducedReply | None) -> None:
        if reply is not None and reply.producer == self._producer:
            self.answered += 1
            self._on_reply(plain(reply))


def plain(reply: ProducedReply) -> Reply:
    """The answer without where it came from."""
    names = Reply.__struct_fields__
    return Reply(**{name: getattr(reply, name) for name in names})


async def act(
    spec: ClusterSpec, command: Command, tenant: str, clock: Clock, within_s: float
) -> Reply:
    """Gives one command and waits for its answer: what `lifeline ack` does.

    Raises SinkError where Kafka or the worker does not answer.
    """
    async with _replies(spec, None) as consumer:
        known = await consumer._client.fetch_all_metadata()
        n = len(known.partitions_for_topic(Topics(spec.prefix).log) or ())
        if n == 0:
            raise SinkError(
                f"there is no topic {Topics(spec.prefix).log}: run lifeline cluster init"
            )
        sender = CommandSender(spec, BY_CALL, lambda: n, lambda site: tenant, clock)
        try:
            await sender.submit(command)
            reply = await _answer(consumer, command.id, within_s)
        finally:
            await sender.stop()
    if reply is None:
        raise SinkError(
            f"no worker answered within {within_s:g} s; the command is in the log and will be done "
            f"when one runs (id {command.id}). Look with: lifeline cluster status"
        )
    return plain(reply)


async def _answer(consumer: Any, command_id: str, within_s: float) -> ProducedReply | None:
    """The answer to a command, None when time is up."""
    try:
        async with asyncio.timeout(within_s):
            while True:
                reply = read_reply((await consumer.getone()).value)
                if reply is not None and reply.id == command_id:
                    return reply
    except TimeoutError:
        return None


@asynccontextmanager
async def _replies(spec: ClusterSpec, group: str | None) -> AsyncIterator[Any]:
    """A consumer of the topic of replies: of the group's place, else of what comes from now on."""
    from aiokafka import AIOKafkaConsumer, TopicPartition

    place = TopicPartition(Topics(spec.prefix).replies, 0)
    consumer = AIOKafkaConsumer(
        **client_options(spec),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="latest",
    )
    try:
        async with reaching(spec):
            await consumer.start()
            consumer.assign([place])
            if group is None or await consumer.committed(place) is None:
                await consumer.seek_to_end(place)
            await consumer.position(place)  # from here on nothing is missed
            yield consumer
    finally:
        await end_consumer(consumer)
