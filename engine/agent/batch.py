"""One batch on its way into the log: samples, dead letters, counts of the unknown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from ..errors import LifelineError
from ..payload import DeadLetter, Decoded
from .ports import AgentLog, Durable

#: What stands behind the payload of a dead letter that is a part of a message, before the reason in
#: words: no JSON goes on like this, so that a part is never read as a whole message.
PART: Final = b"\n# part of a message: "


def kept_form(letter: DeadLetter) -> tuple[str, bytes, str, int]:
    """A dead letter as the log keeps it: topic, payload, reason, receipt."""
    words = PART + letter.detail.encode("utf-8", "replace") if letter.part else b""
    return letter.topic, letter.payload + words, letter.reason, letter.time


@dataclass(slots=True)
class _Part:
    offer: Callable[[], Durable]
    offered: Durable | None = None


class Batch:
    """Durable as a whole or not: only then may its messages be acknowledged.

    What was durable is never offered twice, what failed is offered again, in the same order.
    """

    def __init__(
        self, store: AgentLog, entries: Sequence[bytes], decoded: Sequence[Decoded]
    ) -> None:
        self._parts: list[_Part] = []
        if entries:
            self._add(partial(store.append, entries))
        letters = [kept_form(x) for d in decoded for x in d.dead]
        if letters:
            self._add(partial(store.dead_letters_of, letters))
        for each in decoded:
            for key, n in each.unknown_topics.items():
                self._add(partial(store.count_unknown, "topic", key, n))
            for key, n in each.unknown_sensors.items():
                self._add(partial(store.count_unknown, "sensor", key, n))

    def _add(self, offer: Callable[[], Durable]) -> None:
        self._parts.append(_Part(offer))

    def durable(self, timeout_s: float) -> bool:
        """Offers what is not offered yet, then waits: True when all is durable, False when time
        is up, and then call it again. Raises the LifelineError of the first part that failed.
        """
        for part in self._parts:
            if part.offered is None:
                part.offered = part.offer()
        failed: LifelineError | None = None
        open_parts: list[_Part] = []
        for part in self._parts:
            assert part.offered is not None
            try:
                part.offered.wait(timeout_s)
            except TimeoutError:
                timeout_s = 0.0
                open_parts.append(part)
            except LifelineError as error:
                failed = failed or error
                part.offered = None
                open_parts.append(part)
        self._parts = open_parts
        if failed is not None:
            raise failed
        return not self._parts
