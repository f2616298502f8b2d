"""The thread that carries a feed to InfluxDB behind a cursor of its own.

Nothing waits for it. What it has not written stays in the log or outbox, whose trimming waits for
the cursor of alerts; a series that was trimmed unread is counted and told.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from secrets import SystemRandom
from typing import Any, Final

from ..clock import Clock
from ..errors import LifelineError
from ..limits import (
    INFLUX_BATCH_BYTES,
    INFLUX_BATCH_POINTS,
    INFLUX_LINGER_NS,
    INFLUX_PROBE_NS,
    OUTPUT_STOP_NS,
    SECOND_NS,
)
from .influx_ahead import ReadAhead
from .influx_cardinality import REASON, SeriesCount
from .influx_feeds import Feed, Portion, UnknownRegistryError
from .influx_http import InfluxSender
from .influx_outage import Outage
from .influx_retry import Answer, Delivery, Refused, StoppedError
from .influx_target import InfluxTarget
from .pace import Pace
from .ports import Cursors, OutputTrouble

SERIES = "series:influx"
ALERTS = "alert:influx"
_AWAY: Final = ("unreachable", "refused", "all_refused")
#: Lines of one request that are kept as dead letters one by one. The table holds 10,000 of all
#: kinds: one series in a hundred that the server refuses is kept whole, and a server that refuses
#: everything does not push the others out within ten requests.
DEAD_LINES: Final = 1_000


class InfluxOutput:
    """Writes one feed. `name` is also the name of its cursor.

    send     one write, never raises (`InfluxSender.send`)
    prepare  makes the next body ready while another one is under way (`InfluxSender.prepare`)
    chance   uniform in [0, 1), for the jitter of waits
    behind   how many entries or records there are beyond a position now; None: nobody knows, and
             no progress is told
    notice   (kind, text) of an outage and of what follows it
    server   for a person: what the server is and how it is written to; "" where not known
    """

    def __init__(
        self,
        name: str,
        feed: Feed,
        store: Cursors,
        send: Callable[[bytes], Answer],
        clock: Clock,
        *,
        chance: Callable[[], float] = SystemRandom().random,
        close: Callable[[], None] = lambda: None,
        behind: Callable[[int], int] | None = None,
        notice: Callable[[str, str], None] = lambda _kind, _text: None,
        server: Callable[[], str] = lambda: "",
        prepare: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        self.name = name
        self._ahead = ReadAhead(feed, self._batches, prepare)
        self._store = store
        self._clock = clock
        self._close = close
        self._beyond = behind
        self._server = server
        self._delivery = Delivery(send, self, chance)
        self._outage = Outage(notice)
        self._pace = Pace()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._troubles: dict[str, OutputTrouble] = {}
        self._position = 0
        self._lost = 0
        self._series = SeriesCount(0)
        self._thread = threading.Thread(target=self._run, name=f"output-{name}", daemon=True)

    def start(self) -> None:
        """Begins after the durable cursor."""
        self._position = self._store.cursor(self.name)
        self._store.set_cursor(self.name, self._position)  # from now on nothing unread is trimmed
        self._thread.start()

    def stop(self) -> None:
        """Ends at once between two requests; what is not written is written next time."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(OUTPUT_STOP_NS / SECOND_NS)
        self._ahead.close()
        self._close()

    def alive(self) -> bool:
        """Whether the thread runs; one that died has a trouble `failed`."""
        return self._thread.is_alive()

    @property
    def position(self) -> int:
        """Up to where everything is written or given up."""
        return self._position

    def troubles(self) -> tuple[OutputTrouble, ...]:
        """What a person should know now."""
        with self._lock:
            return tuple(self._troubles.values())

    def counters(self) -> dict[str, int]:
        """Requests, lines taken, dead letters, waits, positions lost to trimming, series, …"""
        return {
            **self._delivery.counters.as_dict(),
            "lost_positions": self._lost,
            "series": self._series.series,
            "series_without_room": self._series.without_room,
            "lines_without_room": self._series.lines_held,
        }

    def details(self) -> dict[str, Any]:
        """Which server it writes to, and while something is left: points a second (over the last
        half minute) and the seconds until nothing is (None: it does not come nearer)."""
        found: dict[str, Any] = {"server": self._server()}
        if self._behind() > 0:
            now = self._clock.monotonic()
            with self._lock:
                found["points_per_s"] = round(self._pace.points_per_s(now))
                left = self._pace.left_s(now)
            found["left_s"] = None if left is None else round(left)
        return found

    # --- Patience -------------------------------------------------------------------------------

    def wait(self, ns: int) -> bool:
        """Waits unless stopped; True when stopped."""
        return self._stop.wait(ns / SECOND_NS)

    def tell(self, kind: str, text: str) -> None:
        """A trouble stands; its `since` is kept while it does."""
        with self._lock:
            before = self._troubles.get(kind)
            since = self._clock.wall() if before is None else before.since
            self._troubles[kind] = OutputTrouble(self.name, kind, text, since)
        if kind in _AWAY:
            self._outage.away(self._clock.monotonic(), text)

    def well(self) -> None:
        """The server answers about lines: what kept us from it is over."""
        with self._lock:
            for kind in (*_AWAY, "unknown_registry", "log"):
                self._troubles.pop(kind, None)
        self._outage.back(self._clock.monotonic(), self._points(), self._behind())

    # --- the thread -----------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._turn()
        except StoppedError:
            return
        except Exception as error:
            self.tell("failed", f"{type(error).__name__}: {error}")
            raise

    def _turn(self) -> None:
        """One portion, or a pause."""
        try:
            portion = self._ahead.next(self._position)
            if portion is not None:
                self._write(portion)
            self._mark()
        except UnknownRegistryError as error:
            self._pause("unknown_registry", error, INFLUX_PROBE_NS)
            return
        except LifelineError as error:
            self._pause("log", error, SECOND_NS)
            return
        if portion is None or not portion.more:
            self._stop.wait(INFLUX_LINGER_NS / SECOND_NS)

    def _pause(self, kind: str, error: Exception, ns: int) -> None:
        self.tell(kind, str(error))
        self._stop.wait(ns / SECOND_NS)

    def _write(self, portion: Portion) -> None:
        """Delivers a portion whole, then moves the cursor over it."""
        if portion.lost is not None:
            first, last = portion.lost
            self._lost += last - first + 1
            self.tell("range_lost", f"positions {first} to {last} left the log before written")
        for start, stop in self._batches(portion):
            self._bury(self._delivery.deliver(portion.lines, start, stop))
        self._hold(portion)
        self._position = portion.position
        self._store.set_cursor(self.name, self._position)

    def _batches(self, portion: Portion) -> list[tuple[int, int]]:
        """The requests of a portion, as ranges of its lines."""
        size = min(INFLUX_BATCH_BYTES, self._delivery.largest or INFLUX_BATCH_BYTES)
        return portion.lines.batches(INFLUX_BATCH_POINTS, size)

    def _hold(self, portion: Portion) -> None:
        """Keeps the first line of each series without room, and tells while there are such."""
        if portion.count is None:
            return
        self._series = portion.count
        text = self._series.text
        if text:
            self.tell("max_series", text)
        else:
            with self._lock:
                self._troubles.pop("max_series", None)
        now, held = self._clock.wall(), portion.held
        kept = [held.cut(i, i + 1) for i in range(min(len(held), DEAD_LINES))]
        if kept:
            self._store.dead_letters_of(
                (self.name, line + f"# {text}".encode(), REASON, now) for line in kept
            )

    def _mark(self) -> None:
        """Notes how far it has come, for whoever asks, and tells it after an outage."""
        if self._beyond is None:
            return
        now, behind = self._clock.monotonic(), self._behind()
        with self._lock:
            self._pace.note(now, self._position, self._points(), self._position + behind)
        self._outage.delivered(now, self._points(), behind, self._pace)

    def _points(self) -> int:
        """Lines that the server has decided about."""
        return self._delivery.counters.taken + self._delivery.counters.dead

    def _behind(self) -> int:
        return 0 if self._beyond is None else self._beyond(self._position)

    def _bury(self, dead: list[Refused]) -> None:
        """Keeps the first lines that were refused, each with the server's words behind it."""
        if not dead:
            return
        kept, now = dead[:DEAD_LINES], self._clock.wall()
        more = f" (and {len(dead) - len(kept)} more)" if len(dead) > len(kept) else ""
        self._store.dead_letters_of(
            (self.name, r.line + f"\n# {r.answer.text}{more}".encode(), r.reason, now) for r in kept
        )


def output_to(
    target: InfluxTarget,
    name: str,
    feed: Feed,
    store: Cursors,
    clock: Clock,
    behind: Callable[[int], int],
    notice: Callable[[str, str], None],
) -> InfluxOutput:
    """An output with a sender of its own, as every runtime makes it. Raises SpecError where a
    credential cannot be read.
    """
    sender = InfluxSender(target, clock)
    return InfluxOutput(
        name,
        feed,
        store,
        sender.send,
        clock,
        close=sender.close,
        behind=behind,
        notice=notice,
        server=lambda: sender.way,
        prepare=sender.prepare,
    )
