"""The Kafka harness itself: what the cluster's tests take for granted about the broker holds."""

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from servers.binaries import KAFKA_VERSION
from servers.fixtures import StartKafka
from servers.kafka import Kafka

ROOT = Path(__file__).parents[2]


async def make_topic(bootstrap: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def write(bootstrap: str, topic: str, *values: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(topic, value, partition=0)
    finally:
        await producer.stop()


async def read(bootstrap: str, topic: str) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        await consumer.seek_to_beginning(partition)
        end = (await consumer.end_offsets([partition]))[partition]
        found = []
        while await consumer.position(partition) < end:
            found.append((await consumer.getone()).value)
        return found
    finally:
        await consumer.stop()


def test_the_version_that_is_looked_for_is_the_one_that_is_installed() -> None:
    pom = (ROOT / ".ci" / "kafka.xml").read_text()
    assert re.findall(r"kafka_2\.13</artifactId>\s*<version>(.*?)<", pom) == [KAFKA_VERSION]


@pytest.mark.parametrize("end", [Kafka.stop, Kafka.kill9])
def test_what_was_acknowledged_outlives_the_broker(
    start_kafka: StartKafka, end: Callable[[Kafka], None]
) -> None:
    broker = start_kafka()
    asyncio.run(make_topic(broker.bootstrap, "kept"))
    asyncio.run(write(broker.bootstrap, "kept", b"one", b"two"))
    bootstrap, pid = broker.bootstrap, broker.pid
    end(broker)
    assert not broker.is_running
    broker.start()
    assert (broker.bootstrap, broker.pid != pid) == (bootstrap, True)
    asyncio.run(write(broker.bootstrap, "kept", b"three"))
    assert asyncio.run(read(broker.bootstrap, "kept")) == [b"one", b"two", b"three"]


def test_the_shared_broker_gives_each_test_its_own_topics(kafka: Kafka, kafka_prefix: str) -> None:
    assert kafka.is_running
    asyncio.run(make_topic(kafka.bootstrap, f"{kafka_prefix}.x"))
    asyncio.run(write(kafka.bootstrap, f"{kafka_prefix}.x", b"mine"))
    assert asyncio.run(read(kafka.bootstrap, f"{kafka_prefix}.x")) == [b"mine"]
