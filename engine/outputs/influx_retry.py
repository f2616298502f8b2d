"""Delivery of line protocol to a server that may be slow, full, down or picky.

By class of status (design §8):

    2xx                                     taken
    none, 408, 425, 429, 5xx                wait, repeat without end
    413                                     halve
    400, 422                                bisect to the bad lines, which become dead letters
    everything else (401, 403, 404, 3xx …)  stop, tell, and try again every minute

Two answers say by their words what their status does not: a limit of the server that is reached
(max-series-per-database, max-values-per-tag; 400) and a retention policy that is missing (500 of
1.x) have nothing to do with the lines and need a person: stop. So does a 400 that is no word of
InfluxDB's, such as that of a proxy (`Answer.judged`).

Writing a point again is harmless (same measurement, tags and time overwrite), so any part may be
repeated after a crash or a partial write. InfluxDB 1.x stores the good lines of a batch that it
refuses in part, 2.x may store none; bisection is right for both.

Requests for one bad line among n: the whole (1), then per level of halving the left half and, only
if that was refused, the right one; a right half whose left was taken is known to hold the bad
line. A line is given up only after it was refused alone. At most 2·ceil(log2 n) + 1; log2 n + 2
where the bad line is the last. Series that were refused before go in a request of their own
(`influx_suspects`), so that what is refused without end does not slow what is well.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Protocol

from ..limits import (
    INFLUX_ALL_REFUSED,
    INFLUX_PROBE_NS,
    INFLUX_RETRY_AFTER_MAX_NS,
    INFLUX_RETRY_FIRST_NS,
    INFLUX_RETRY_LAST_NS,
    SECOND_NS,
)
from .influx_suspects import Suspects
from .lineprotocol import Lines

#: Requests taken since the last 413, after which twice as much is tried again: a proxy's limit that was
#: raised is found, and one that stands costs one request in so many.
TAKEN_BEFORE_LARGER: Final = 64
_DROPPED: Final = re.compile(r"partial write: .*dropped=(\d+)", re.DOTALL)
_WAITING: Final = frozenset({408, 425, 429})
#: A person must change something at the server; no line is at fault.
_OF_THE_SERVER: Final = re.compile(
    r"max-(series-per-database|values-per-tag) limit exceeded|retention policy not found"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `status` None: no answer (refused connection, time-out).

    `retry_after_ns` is the server's wish; `text` its words, without secrets, for a person;
    `judged` says that the words are the database's own, so that a 400 is about the lines.
    """

    status: int | None
    text: str = ""
    retry_after_ns: int | None = None
    judged: bool = True


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that the server will not take, and its answer."""

    line: bytes
    answer: Answer

    @property
    def reason(self) -> str:
        """A short stable code that dead letters are counted by."""
        return f"influx_{self.answer.status}"


class Verdict(Enum):
    """The class of an answer."""

    TAKEN = "taken"
    WAIT = "wait"
    HALVE = "halve"
    BISECT = "bisect"
    STOP = "stop"


def verdict(status: int | None) -> Verdict:
    """The class of a status."""
    if status is None or status in _WAITING or status >= 500:
        return Verdict.WAIT
    if 200 <= status < 300:
        return Verdict.TAKEN
    if status == 413:
        return Verdict.HALVE
    return Verdict.BISECT if status in (400, 422) else Verdict.STOP


def verdict_of(answer: Answer) -> Verdict:
    """The class of an answer: of its status, unless its words say otherwise."""
    what = verdict(answer.status)
    if what is Verdict.BISECT and not answer.judged:
        return Verdict.STOP
    if what in (Verdict.BISECT, Verdict.WAIT) and _OF_THE_SERVER.search(answer.text):
        return Verdict.STOP
    return what


def all_dropped(answer: Answer, lines: int) -> bool:
    """Whether the server itself says that it dropped every line, so that none is to be searched."""
    match = _DROPPED.search(answer.text)
    return match is not None and int(match[1]) == lines


class StoppedError(Exception):
    """The output is to stop; nothing was decided about what was not taken yet."""


class _AllRefusedError(Exception):
    """Line after line is refused: the cause is not in the lines."""


class Patience(Protocol):
    """How a delivery waits and tells; the output implements it."""

    def wait(self, ns: int) -> bool:
        """Waits; True when the output is to stop."""
        ...

    def tell(self, kind: str, text: str) -> None:
        """A trouble stands: unreachable, refused or all_refused."""
        ...

    def well(self) -> None:
        """The server took something or judged it: it is there."""
        ...


@dataclass(slots=True)
class Counters:
    """What happened so far; read by health."""

    requests: int = 0
    taken: int = 0
    dead: int = 0
    waits: int = 0
    halved: int = 0
    bisected: int = 0
    stops: int = 0

    def as_dict(self) -> dict[str, int]:
        """By name."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class Delivery:
    """Delivers batches one after the other; not for two threads.

    send     one request, never raises
    chance   uniform in [0, 1), for the jitter
    """

    send: Callable[[bytes], Answer]
    patience: Patience
    chance: Callable[[], float]
    counters: Counters = field(default_factory=Counters)
    largest: int | None = None  # bytes that a 413 has taught us not to exceed
    _fitted: int = 0  # requests taken since a 413
    _taken: int = 0
    _dead: list[Refused] = field(default_factory=list)
    _suspects: Suspects = field(default_factory=Suspects)

    def deliver(self, lines: Lines, start: int, stop: int) -> list[Refused]:
        """Delivers lines `start` to `stop`, however long it takes.

        Returns the lines that the server will not take; all others are stored. Raises
        StoppedError when the patience says so.
        """
        while True:
            self._taken, self._dead = 0, []
            try:
                for part, first, end in self._suspects.split(lines, start, stop):
                    self._deliver(part, first, end, False)
            except _AllRefusedError as error:
                self.counters.stops += 1
                self.patience.tell("all_refused", str(error))
                self._wait(INFLUX_PROBE_NS)
                continue
            self.counters.taken += self._taken
            self.counters.dead += len(self._dead)
            if self._dead or len(self._suspects):
                self._suspects.learn(lines, start, stop, (each.line for each in self._dead))
            self.patience.well()
            return self._dead

    def _deliver(self, lines: Lines, start: int, stop: int, known_bad: bool) -> bool:
        """Whether every line was taken. A range known to hold a bad line is split unsent."""
        size = stop - start
        if not known_bad or size == 1:
            answer = self._decided(lines.cut(start, stop))
            what = verdict_of(answer)
            if what is Verdict.TAKEN:
                self._taken += size
                self._fits()
                return True
            if size == 1 or (what is Verdict.BISECT and all_dropped(answer, size)):
                self._give_up(lines, start, stop, answer)
                return False
            self._count_split(what, lines.cut(start, stop))
            known_bad = what is Verdict.BISECT
        middle = (start + stop) // 2
        left = self._deliver(lines, start, middle, False)
        right = self._deliver(lines, middle, stop, left and known_bad)
        return left and right

    def _fits(self) -> None:
        if self.largest is not None:
            self._fitted += 1
            if self._fitted % TAKEN_BEFORE_LARGER == 0:
                self.largest *= 2

    def _count_split(self, what: Verdict, body: bytes) -> None:
        if what is Verdict.HALVE:
            self.counters.halved += 1
            self.largest = min(self.largest or len(body), max(1, len(body) // 2))
            self._fitted = 0
        else:
            self.counters.bisected += 1

    def _give_up(self, lines: Lines, start: int, stop: int, answer: Answer) -> None:
        self._dead += [
            Refused(lines.cut(i, i + 1).rstrip(b"\n"), answer) for i in range(start, stop)
        ]
        # A server that counts what it dropped has judged line by line; one that does not may be
        # refusing the request as such.
        if (
            self._taken == 0
            and len(self._dead) >= INFLUX_ALL_REFUSED
            and not all_dropped(answer, stop - start)
        ):
            raise _AllRefusedError(f"every line is refused: {_words(answer)}")

    def _decided(self, body: bytes) -> Answer:
        """Sends until the answer is about the lines."""
        attempt = 0
        while True:
            self.counters.requests += 1
            answer = self.send(body)
            what = verdict_of(answer)
            if what is Verdict.WAIT:
                self.counters.waits += 1
                self.patience.tell("unreachable", _words(answer))
                self._wait(self._pause(attempt, answer.retry_after_ns))
                attempt += 1
            elif what is Verdict.STOP:
                self.counters.stops += 1
                self.patience.tell("refused", _words(answer))
                self._wait(INFLUX_PROBE_NS)
            else:
                return answer

    def _pause(self, attempt: int, wish_ns: int | None) -> int:
        """ns before the next attempt: the server's wish, else doubled and half at random."""
        if wish_ns is not None:
            return max(SECOND_NS // 10, min(wish_ns, INFLUX_RETRY_AFTER_MAX_NS))
        longest = min(INFLUX_RETRY_FIRST_NS << min(attempt, 32), INFLUX_RETRY_LAST_NS)
        return longest // 2 + int(self.chance() * (longest // 2))

    def _wait(self, ns: int) -> None:
        if self.patience.wait(ns):
            raise StoppedError


def _words(answer: Answer) -> str:
    return answer.text if answer.status is None else f"{answer.status}: {answer.text}"
