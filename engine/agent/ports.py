"""What the agent needs of the log; `lifeline.engine.log.LogStore` is it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, Protocol


class Durable(Protocol):
    """The promise that something becomes durable."""

    def wait(self, timeout_s: float | None = None) -> int:
        """Returns when durable. Raises TimeoutError when time is up, LifelineError when it failed."""
        ...


class AgentLog(Protocol):
    """Where samples and what could not be read go. All may block while the log's queue is full, and
    raise LogError where the log takes nothing any more.
    """

    def append(self, entries: Sequence[bytes]) -> Durable:
        """Encoded entries, in this order."""
        ...

    def dead_letters_of(self, letters: Iterable[tuple[str, bytes, str, int]]) -> Durable:
        """Messages, or points of one, that could not be read: topic, payload, reason, receipt."""
        ...

    def count_unknown(self, kind: Literal["topic", "sensor"], key: str, n: int) -> Durable:
        """`n` messages or points came from a topic or sensor that no source names."""
        ...
