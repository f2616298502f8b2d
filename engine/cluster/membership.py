"""Faust as the worker uses it: consumer, lifecycle and group. State, commits and fencing are ours.

What faust would do of itself is switched off here, each for a reason: `acks=False` (its commit
arithmetic can pass over a record), stream_wait_empty (held events would block every rebalance),
tables, web, leader and reply topics, and the directory that it makes in the working directory. The
assignor is aiokafka's round robin, since a partition is restored anew after every rebalance anyway.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from ..limits import (
    CLUSTER_MESSAGE_BYTES,
    CLUSTER_REQUEST_NS,
    SECOND_NS,
    WORKER_BUFFER_RECORDS,
    WORKER_COMMIT_NS,
    WORKER_POLL_INTERVAL_NS,
    WORKER_POLL_RECORDS,
)
from .connection import faust_options
from .spec import ClusterSpec
from .topics import Topics

Message = Any


class Membership:
    """One member of the group of workers. All of it belongs to the main loop.

    on_message   is awaited for each record of the log, one after another
    on_revoked   is awaited while the partitions still are ours (an empty set: they may not be)
    on_assigned  is awaited before the first record of the new generation flows
    topic        whose partitions are shared; the sites' log unless given
    """

    def __init__(
        self,
        spec: ClusterSpec,
        group: str,
        client_id: str,
        on_message: Callable[[Message], Awaitable[None]],
        on_revoked: Callable[[], Awaitable[None]],
        on_assigned: Callable[[frozenset[int], int], Awaitable[None]],
        topic: str = "",
    ) -> None:
        self._topic = topic or Topics(spec.prefix).log
        self._app = _app(spec, group, client_id, on_message)
        log = self._app.topic(
            self._topic,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
            acks=False,
        )

        async def take(stream: Any) -> None:
            """Faust subscribes to what an agent reads; records come by `_Drained`, not this way."""
            async for event in stream.events():
                await on_message(event.message)

        async def revoked(*_: Any, **__: Any) -> None:
            await on_revoked()

        async def assigned(*_: Any, **__: Any) -> None:
            await on_assigned(self.assignment(), self.generation)

        self._app.agent(log, name="lifeline", concurrency=1)(take)
        # Faust holds receivers weakly: they live as long as this object.
        self._receivers = (revoked, assigned)
        self._app.on_partitions_revoked.connect(revoked)
        # Not on_partitions_assigned: records may flow before that has returned.
        self._app.on_rebalance_complete.connect(assigned)

    async def start(self) -> None:
        """Joins the group; returns some time after the first assignment."""
        await self._app.start()

    async def stop(self) -> None:
        """Leaves the group, so that others take over at once."""
        await self._app.stop()

    @property
    def failure(self) -> BaseException | None:
        """What ended faust; None while it runs."""
        if not self._app.crashed:
            return None
        reason: BaseException | None = self._app.crash_reason
        return reason or RuntimeError("faust has crashed and said nothing")

    @property
    def generation(self) -> int:
        """Of the group, as this member last joined it."""
        return int(self._app.consumer_generation_id)

    def assignment(self) -> frozenset[int]:
        """The partitions of the log that are assigned now."""
        tps = self._app.consumer.assignment()
        return frozenset(tp.partition for tp in tps if tp.topic == self._topic)

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        """Commits offsets by partition; False where the group has moved on, so that they are
        another's. Raises TimeoutError where no coordinator answers."""
        assigned = self.assignment()
        if not offsets or not assigned.issuperset(offsets):
            return False
        tps = {self._tp(partition): offset for partition, offset in offsets.items()}
        done = asyncio.ensure_future(self._app.consumer._commit(tps))
        # Not cancelled when time is up: faust's thread would stumble over a cancelled promise.
        await asyncio.wait([done], timeout=WORKER_COMMIT_NS / SECOND_NS)
        if not done.done():
            raise TimeoutError("Kafka's coordinator does not take a commit of offsets")
        return bool(done.result())

    async def committed(self, partitions: Iterable[int]) -> dict[int, int | None]:
        """The group's offsets. Faust seeks there after `on_assigned` anyway."""
        found = await self._app.consumer.seek_to_committed()
        by_partition = {tp.partition: at for tp, at in found.items() if tp.topic == self._topic}
        return {partition: by_partition.get(partition) for partition in partitions}

    def log_end(self, partition: int) -> int | None:
        """The offset behind the log's last record, as the last fetch said; None before the first
        one. Any thread may ask."""
        try:
            end = self._app.consumer.highwater(self._tp(partition))
        except (AssertionError, AttributeError, LookupError):
            return None  # not assigned any more: aiokafka has let go of its state
        return None if end is None or end < 0 else int(end)

    def _tp(self, partition: int) -> Any:
        from faust.types import TP

        return TP(self._topic, partition)


def _app(
    spec: ClusterSpec, group: str, client_id: str, on_message: Callable[[Message], Awaitable[None]]
) -> Any:
    import faust

    class App(faust.App):
        async def on_first_start(self) -> None:
            """Nothing: faust would make directories for tables."""

        def _new_transport(self) -> Any:
            transport: Any = super()._new_transport()
            transport.Consumer = _drained(transport.Consumer, on_message)
            return transport

    worker, second = spec.worker, SECOND_NS
    request_s = max(CLUSTER_REQUEST_NS, worker.session + 10 * second) / second
    return App(
        group,
        **faust_options(spec),
        autodiscover=False,
        broker_client_id=client_id,
        broker_session_timeout=worker.session / second,
        broker_heartbeat_interval=worker.heartbeat / second,
        broker_rebalance_timeout=worker.rebalance / second,
        broker_request_timeout=request_s,
        broker_max_poll_interval=WORKER_POLL_INTERVAL_NS / second,
        broker_max_poll_records=WORKER_POLL_RECORDS,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=CLUSTER_MESSAGE_BYTES,
        key_serializer="raw",
        value_serializer="raw",
        store="memory://",
        stream_buffer_maxsize=WORKER_BUFFER_RECORDS,
        stream_wait_empty=False,
        table_standby_replicas=0,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
    )


def _drained(consumer: Any, on_message: Callable[[Message], Awaitable[None]]) -> Any:
    """Faust's consumer that hands each record over itself.

    On faust's own way a record passes a conductor, a queue and a stream, which make four tasks of
    it: 260 µs, more than the step of a Frame of 100 samples takes. Assignment, flow control and the
    check of the generation in `getmany` stay faust's.
    """

    class _Drained(consumer):  # type: ignore[misc]  # faust's class, known when it runs
        async def _drain_messages(self, fetcher: Any) -> None:
            try:
                while not (self.should_stop or fetcher.should_stop):
                    await self.sleep(0)
                    async for _, message in self.getmany(timeout=1.0):
                        await on_message(message)
            except (*self.consumer_stopped_errors, asyncio.CancelledError):
                if not self.app.should_stop:
                    raise

    return _Drained
