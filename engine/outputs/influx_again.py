"""Lines that InfluxDB refused, sent to it once more.

A person waits for the answer, so this does not wait for a server without end: what it could not
decide is left as it was. Writing a line again that was taken meanwhile changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..clock import Clock
from ..limits import INFLUX_ALL_REFUSED, SECOND_NS
from .influx_output import ALERTS, SERIES
from .influx_retry import Answer, Delivery, Refused, StoppedError
from .lineprotocol import Lines

#: Dead letters whose topic begins so are lines; any other topic is one of MQTT.
TOPICS: Final = (SERIES, ALERTS)
#: What stands between a line and the server's words.
WORDS: Final = b"\n# "
#: The line itself is not kept whole.
CUT: Final = "cut"
#: The server did not decide.
AWAY: Final = "away"
# As many as can be refused one by one without being taken for a server that refuses everything.
_AT_ONCE: Final = INFLUX_ALL_REFUSED - 1
# A person waits no longer than this for a server that does not answer.
_PATIENCE_NS: Final = 20 * SECOND_NS


def is_line(topic: str) -> bool:
    """Whether a dead letter of this topic is a line, and no message of MQTT."""
    return topic.startswith(TOPICS)


def kept_form(refused: Refused, more: str = "") -> bytes:
    """A refused line as dead letters hold it: the server's words behind it."""
    return refused.line + WORDS + f"{refused.answer.text}{more}".encode()


def line_of(payload: bytes) -> bytes | None:
    """The line of a dead letter; None where it is not whole: a line holds no line break, and
    the words behind it are cut first."""
    line, mark, _ = payload.partition(WORDS)
    return line if mark else None


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of lines: None where taken, else the refusal, in their order; shorter than the
    lines where the server did not decide about the rest, for the reason `stopped`."""

    answers: list[Refused | None]
    stopped: str = ""


class _Bounded:
    """Patience of a person: whoever had to wait longer than that in all is told to stop."""

    def __init__(self, clock: Clock, pause: Callable[[float], object]) -> None:
        self._clock = clock
        self._pause = pause
        self._since: int | None = None
        self.told = ""

    def wait(self, ns: int) -> bool:
        now = self._clock.monotonic()
        self._since = now if self._since is None else self._since
        if now + ns - self._since > _PATIENCE_NS:
            return True
        return bool(self._pause(ns / SECOND_NS))

    def tell(self, kind: str, text: str) -> None:
        self.told = f"{kind}: {text}"

    def well(self) -> None:
        self._since = None


class LineRetry:
    """Sends lines again, one batch after the other. Not for two threads.

    send    one write, never raises (`InfluxSender.send`)
    pause   waits so many seconds; True when there is no more time
    """

    def __init__(
        self, send: Callable[[bytes], Answer], clock: Clock, pause: Callable[[float], object]
    ) -> None:
        self._patience = _Bounded(clock, pause)
        # Nobody else retries here, so there is nobody to keep apart from by chance.
        self._delivery = Delivery(send, self._patience, lambda: 0.0)

    def lines(self, lines: Sequence[bytes]) -> Tried:
        """Tries these lines in their order."""
        answers: list[Refused | None] = []
        for batch in _batches(lines):
            ends = np.cumsum([len(line) + 1 for line in batch], dtype=np.int64)
            encoded = Lines(b"".join(line + b"\n" for line in batch), ends)
            try:
                dead = self._delivery.deliver(encoded, 0, len(batch))
            except StoppedError:
                return Tried(answers, self._patience.told or "there was no time")
            refused = {each.line: each for each in dead}
            answers += [refused.get(line) for line in batch]
        return Tried(answers)


def _batches(lines: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(lines), _AT_ONCE):
        yield lines[start : start + _AT_ONCE]
