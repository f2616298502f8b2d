"""What a step says leaves in order, and is known to be durable before anything counts it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from kafka_model import Client, CrashedError, KafkaModel
from lifeline.engine.cluster.lane import Lane, ProducedReply
from lifeline.engine.cluster.reading import Torn
from lifeline.engine.cluster.topics import Topics
from lifeline.engine.command import Reply

TOPICS = Topics("p")
REPLY = Reply("c1", "done", site="east", seq=3)


class Slow(Client):
    """A producer whose records become durable when the test says so."""

    def __init__(self, kafka: KafkaModel) -> None:
        super().__init__(kafka)
        self.sending: list[tuple[str, bytes | None, int, asyncio.Future[Any]]] = []

    async def send(self, topic: str, value: Any = None, **more: Any) -> asyncio.Future[Any]:
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.sending.append((topic, value, more.get("partition") or 0, done))
        return done


async def some_turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def lane_of(producer: Client, failures: list[BaseException]) -> Lane:
    return Lane(producer, TOPICS, 2, failures.append)


def test_records_keep_their_order_partition_and_position() -> None:
    async def run() -> None:
        kafka, failures = KafkaModel(), list[BaseException]()
        lane = lane_of(Client(kafka), failures)
        lane.put_records(8, [("east", 1, b"a"), ("west", 1, b"b")])
        lane.put_records(9, [("east", 2, b"c")])
        assert (lane.has_waiting, lane.open) == (True, 3)
        await lane.durable()
        assert (lane.has_waiting, lane.open) == (False, 0)
        lie = kafka.topics[TOPICS.alerts, 2].records.values()
        assert [(read.key, read.value) for read in lie] == [
            (b"east", b"a"),
            (b"west", b"b"),
            (b"east", b"c"),
        ]
        assert failures == []

    asyncio.run(run())


def test_an_answer_leaves_when_the_records_before_it_are_durable() -> None:
    async def run() -> None:
        producer, failures = Slow(KafkaModel()), list[BaseException]()
        lane = lane_of(producer, failures)
        lane.put_records(8, [("east", 3, b"a")])
        lane.put_replies(8, "people", (REPLY,))
        durable = asyncio.ensure_future(lane.durable())
        await some_turns()
        assert [topic for topic, *_ in producer.sending] == [TOPICS.alerts]
        producer.sending[0][3].set_result(None)
        await some_turns()
        topic, value, partition, answered = producer.sending[1]
        assert (topic, partition) == (TOPICS.replies, 0)
        said = msgspec.json.decode(value or b"", type=ProducedReply)
        assert (said.id, said.seq, said.producer) == ("c1", 3, "people")
        assert (said.partition, said.position) == (2, 8)
        assert msgspec.json.decode(value or b"", type=Reply) == REPLY
        assert not durable.done(), "an answer counts as open until it is durable"
        answered.set_result(None)
        await durable

    asyncio.run(run())


def test_what_kafka_refuses_is_told_once_and_raised_to_who_waits() -> None:
    async def run() -> None:
        producer, failures = Slow(KafkaModel()), list[BaseException]()
        lane = lane_of(producer, failures)
        lane.put_records(8, [("east", 1, b"a")])
        durable = asyncio.ensure_future(lane.durable())
        await some_turns()
        error = CrashedError()
        producer.sending[0][3].set_exception(error)
        with pytest.raises(CrashedError):
            await durable
        assert failures == [error]

    asyncio.run(run())


def test_who_is_cancelled_while_handing_over_loses_nothing() -> None:
    async def run() -> None:
        kafka, failures = KafkaModel(), list[BaseException]()
        client = Client(kafka)
        client.freeze_at = 0
        lane = lane_of(client, failures)
        lane.put_records(8, [("east", 1, b"a"), ("east", 2, b"b")])
        pumping = asyncio.ensure_future(lane.pump())
        await client.frozen.wait()
        pumping.cancel()
        await some_turns()
        await lane.durable()
        lie = kafka.topics[TOPICS.alerts, 2].records.values()
        assert [read.value for read in lie] == [b"a", b"b"]

    asyncio.run(run())


def test_a_dead_letter_says_where_it_lay_and_why() -> None:
    async def run() -> None:
        producer, failures = Slow(KafkaModel()), list[BaseException]()
        lane = lane_of(producer, failures)
        lane.put_letter(7, b"torn", Torn("unreadable", "why"))
        await lane.pump()
        topic, value, partition, _ = producer.sending[0]
        assert (topic, value, partition) == (TOPICS.deadletters, b"torn", 0)

    asyncio.run(run())
