"""Puts a recorded city into the partitions of a log, byte for byte, as time goes by or in step with
what is done to the workers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from lifeline.engine.entry import opened

_TURN_S: Final = 0.02


class Feeder:
    """Appends the entries of each partition in their order, all partitions in the order of time.

    seconds   how long the whole of it takes
    allowed   no more than this share is appended; a run raises it as it goes on
    """

    def __init__(
        self, bootstrap: str, topic: str, parts: Sequence[Sequence[bytes]], seconds: float
    ) -> None:
        rows = [
            (opened(data)[1].appended, partition, data)
            for partition, entries in enumerate(parts)
            for data in entries
        ]
        self._rows = sorted(rows, key=lambda row: row[0])  # stable: a partition's order stays
        self._bootstrap = bootstrap
        self._topic = topic
        self._seconds = seconds
        self.allowed = 1.0
        self.sent = 0

    @property
    def share(self) -> float:
        """How much of it is appended."""
        return self.sent / len(self._rows)

    async def run(self) -> None:
        """Returns when all of it is durable."""
        producer: Any = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap, acks="all", enable_idempotence=True
        )
        await producer.start()
        try:
            flying: list[Any] = []
            owed, before = 0.0, time.monotonic()
            while self.sent < len(self._rows):
                now = time.monotonic()
                owed += (now - before) * len(self._rows) / max(self._seconds, _TURN_S)
                before = now
                until = min(self.sent + int(owed), round(self.allowed * len(self._rows)))
                owed = min(owed - int(owed), 1.0)
                for _, partition, data in self._rows[self.sent : until]:
                    flying.append(await producer.send(self._topic, data, partition=partition))
                self.sent = max(self.sent, until)
                await asyncio.sleep(_TURN_S)
            await asyncio.gather(*flying)
        finally:
            await producer.stop()
