"""Ending Kafka clients that may have nobody to talk to."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from ..limits import CLIENT_STOP_S

_LOG = logging.getLogger("lifeline.cluster")


async def abandon_producer(producer: Any) -> None:
    """Ends a producer now; what it has not sent is given up, and its owner sends it again.

    aiokafka's own `stop` waits until everything is sent, and an idempotent producer never gives a
    batch up: with the broker away it would wait for ever. Never raises, so that what ended the
    producer is what is told.
    """
    producer._closed = True
    for part in (producer._sender, producer.client):
        try:
            async with asyncio.timeout(CLIENT_STOP_S):
                await part.close()
        except Exception as error:  # noqa: BLE001  it is over either way
            _LOG.info("a producer ended with %r", error)


async def end_consumer(consumer: Any) -> None:
    """Stops a consumer within a bounded time; never raises."""
    try:
        async with asyncio.timeout(CLIENT_STOP_S):
            await consumer.stop()
    except Exception as error:  # noqa: BLE001  it is over either way
        _LOG.info("a consumer ended with %r", error)
