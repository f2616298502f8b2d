"""What a person should know: remembered, counted, passed on."""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable

import msgspec

from .clock import Clock
from .limits import TROUBLES_KEPT

_LOG = logging.getLogger("lifeline.engine")


class EngineTrouble(msgspec.Struct, frozen=True):
    """Something that happened and that an operator must hear.

    kind     a short stable code
    source   who tells it: `engine`, `log`, `agent`, `agent:<source>`, an output's name
    time     when it was last told, ns; `first` when first, `times` how often in a row
    """

    kind: str
    source: str
    text: str
    time: int
    first: int
    times: int = 1


class Troubles:
    """The last troubles of all parts; any thread may tell one."""

    def __init__(
        self, clock: Clock, listener: Callable[[EngineTrouble], None] | None = None
    ) -> None:
        self._clock = clock
        self._listener = listener
        self._lock = threading.Lock()
        self._kept: deque[EngineTrouble] = deque(maxlen=TROUBLES_KEPT)
        self.counts: Counter[str] = Counter()

    def tell(self, kind: str, text: str, source: str = "engine") -> None:
        """Remembers it; what repeats the last one only counts it up, and is not passed on."""
        now = self._clock.wall()
        with self._lock:
            self.counts[kind] += 1
            last = self._kept[-1] if self._kept else None
            if last is not None and (last.kind, last.source, last.text) == (kind, source, text):
                self._kept[-1] = msgspec.structs.replace(last, time=now, times=last.times + 1)
                return
            trouble = EngineTrouble(kind, source, text, now, now)
            self._kept.append(trouble)
        _LOG.warning("trouble=%s source=%s %s", kind, source, text)
        if self._listener is not None:
            self._listener(trouble)

    def recent(self) -> list[EngineTrouble]:
        """The remembered ones, the oldest first."""
        with self._lock:
            return list(self._kept)
