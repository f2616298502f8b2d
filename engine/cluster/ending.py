"""Ending Kafka clients that may have nobody to talk to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
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
        await _ended(part.close(), "a producer")


async def end_consumer(consumer: Any) -> None:
    """Stops a consumer within a bounded time; never raises."""
    await _ended(consumer.stop(), "a consumer")


async def _ended(closing: Coroutine[Any, Any, Any], what: str) -> None:
    try:
        async with asyncio.timeout(CLIENT_STOP_S):
            await closing
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # aiokafka awaits a task of its own that it cancelled before it ever ran.
        _LOG.info("%s ended before it had begun", what)
    except Exception as error:  # noqa: BLE001  it is over either way
        _LOG.info("%s ended with %r", what, error)
