"""Whether a consumer that gives nothing has nothing to give.

A client that lost its broker may wait for ever without an error; asking where the partition ends
tells that from an idle topic.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import SinkError
from ..limits import READ_STUCK_NS, TOPIC_ANSWER_S


class Progress:
    """Watches one consumer of some partitions; see `read`."""

    def __init__(self, monotonic: Callable[[], int]) -> None:
        self._monotonic = monotonic
        self._moved = monotonic()

    async def read(self, consumer: Any, places: Sequence[Any], got: bool) -> None:
        """Called after each read, with whether anything came.

        Raises SinkError where nothing came for READ_STUCK_NS though there is more.
        """
        now = self._monotonic()
        if got:
            self._moved = now
        if now - self._moved < READ_STUCK_NS:
            return
        self._moved = now
        async with asyncio.timeout(TOPIC_ANSWER_S):
            ends = await consumer.end_offsets(list(places))
            for place in places:
                at = await consumer.position(place)
                if at < ends[place]:
                    raise SinkError(
                        f"{place.topic}/{place.partition} gives nothing at offset {at}, though it "
                        f"goes on to {ends[place]}: connecting anew"
                    )
