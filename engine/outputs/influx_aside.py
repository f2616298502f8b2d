"""What goes to InfluxDB beside log and outbox: it has no cursor, holds nothing back, may be lost.

A plant's samples and alerts are evidence and wait in the log for as long as it takes. What the
engine says of itself, and the limits that its configuration has anyway, are not: they wait in
memory, within a bound, and nothing is trimmed later because of them.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from secrets import SystemRandom

from ..clock import Clock
from ..limits import OUTPUT_STOP_NS, SECOND_NS
from .influx_retry import Answer, Delivery, StoppedError
from .lineprotocol import Lines
from .ports import OutputTrouble


class InfluxAside(ABC):
    """An output with a thread of its own that calls `turn` until it is stopped.

    send     one write, never raises (`InfluxSender.send`)
    close    ends its connections
    chance   uniform in [0, 1), for the jitter of waits

    A line that the server will not take is counted as `dead` and gone. `position` counts points
    that are dealt with, `end` those there were.
    """

    def __init__(
        self,
        name: str,
        send: Callable[[bytes], Answer],
        clock: Clock,
        *,
        close: Callable[[], None] = lambda: None,
        chance: Callable[[], float] = SystemRandom().random,
    ) -> None:
        self.name = name
        self._clock = clock
        self._close = close
        self._delivery = Delivery(send, self, chance)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._troubles: dict[str, OutputTrouble] = {}
        self._thread = threading.Thread(target=self._run, name=f"output-{name}", daemon=True)

    @abstractmethod
    def turn(self) -> None:
        """What there is to do now, then a wait; returns soon once stopped."""

    @property
    @abstractmethod
    def end(self) -> int:
        """Points there were since the start."""

    @property
    @abstractmethod
    def position(self) -> int:
        """Points of these that are written, refused or dropped."""

    # --- Output ----------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Ends between two requests; what is not written is lost."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(OUTPUT_STOP_NS / SECOND_NS)
        self._close()

    def alive(self) -> bool:
        """Whether the thread runs; one that died has a trouble `failed`."""
        return self._thread.is_alive()

    def troubles(self) -> tuple[OutputTrouble, ...]:
        """What a person should know now."""
        with self._lock:
            return tuple(self._troubles.values())

    def counters(self) -> dict[str, int]:
        """Requests, lines taken, refused lines, waits, …"""
        return self._delivery.counters.as_dict()

    # --- Patience --------------------------------------------------------------------------------

    def wait(self, ns: int) -> bool:
        """Waits unless stopped; True when stopped."""
        return self._stop.wait(ns / SECOND_NS)

    def tell(self, kind: str, text: str) -> None:
        """A trouble stands; its `since` is kept while it does."""
        with self._lock:
            before = self._troubles.get(kind)
            since = self._clock.wall() if before is None else before.since
            self._troubles[kind] = OutputTrouble(self.name, kind, text, since)

    def well(self) -> None:
        """The server answers about lines: what kept us from it is over."""
        self.over("unreachable", "refused", "all_refused")

    def over(self, *kinds: str) -> None:
        """These troubles stand no more."""
        with self._lock:
            for kind in kinds:
                self._troubles.pop(kind, None)

    # --- the thread ------------------------------------------------------------------------------

    def _deliver(self, lines: Lines) -> None:
        """Sends until the server has decided about every line. Raises StoppedError."""
        self._delivery.deliver(lines, 0, len(lines))

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self.turn()
        except StoppedError:
            return
        except Exception as error:
            self.tell("failed", f"{type(error).__name__}: {error}")
            raise
