"""What sites recorded, on its way into the area log; one thread.

The cursor follows what the area log has durably: after a crash some records are logged again, and
the core, which knows the seq of each site, passes over them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from ..areas.entry import Alive, AreaEntry, AreaPayload, encode_area
from ..areas.hearing import AliveTeller, heard
from ..clock import Clock
from ..core import ENGINE_SITE, Core
from ..entry import Header
from ..errors import LogError
from ..limits import AREA_FEED_RECORDS, AREA_FEED_RETRY_NS, SECOND_NS, SILENCE_LOOK_NS, STEP_NAP_NS
from ..log import LogClosed, LogStore
from ..outputs.owner import Tell

CURSOR: Final = "alert:areas"


class AreaFeed:
    """Feeds the area log from the outbox of the sites and from its own."""

    def __init__(
        self,
        sites: LogStore,
        areas: LogStore,
        clock: Clock,
        on_failed: Callable[[Exception], None],
        tell: Tell,
    ) -> None:
        self._sites, self._areas, self._clock = sites, areas, clock
        self._on_failed = on_failed
        self._tell = tell
        self._teller = AliveTeller(ENGINE_SITE)
        self._look_at = 0
        self._alive: Alive | None = None
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._stop_by: int | None = None
        self._thread = threading.Thread(target=self._run, name="lifeline-areas", daemon=True)
        self._sent = 0
        self.heard = 0

    def start(self) -> None:
        """Begins behind the cursors."""
        for store in (self._sites, self._areas):
            store.set_cursor(CURSOR, store.cursor(CURSOR))
        self._thread.start()

    def stop(self, timeout_ns: int) -> None:
        """Ends once everything that the sites recorded is logged, or when the time is up."""
        self._stop_by = self._clock.monotonic() + timeout_ns
        self._stopping.set()
        self._woken.set()
        if self._thread.ident is not None:
            self._thread.join(timeout_ns / SECOND_NS + 1)

    def abandon(self) -> None:
        """Ends as it is, from any thread."""
        self._stop_by = 0
        self._stopping.set()
        self._woken.set()

    def wake(self) -> None:
        """There are new records."""
        self._woken.set()

    def observe(self, core: Core) -> None:
        """Called often by the thread that owns the sites' core: who is silent is looked up now
        and then, and said by the feed's own thread."""
        now = self._clock.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + SILENCE_LOOK_NS
        alive = self._teller.tell(core, now)
        if alive is not None:
            self._alive = alive
            self._woken.set()

    # --- the thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._done():
                self._woken.clear()
                try:
                    busy = self._turn()
                except LogClosed:
                    raise
                except LogError as error:
                    self._tell("areas_not_fed", str(error), "areas")
                    self._stopping.wait(AREA_FEED_RETRY_NS / SECOND_NS)
                    continue
                if not busy:
                    if self._stopping.is_set():
                        return
                    self._woken.wait(STEP_NAP_NS / SECOND_NS)
        except Exception as error:  # noqa: BLE001  whatever it is, the engine ends and says why
            self._on_failed(error)

    def _done(self) -> bool:
        by = self._stop_by
        return by is not None and self._clock.monotonic() >= by

    def _turn(self) -> bool:
        """One batch of each; whether there may be more."""
        alive, self._alive = self._alive, None
        if alive is not None:
            self._log(alive)
        passed = [self._pass_on(store) for store in (self._sites, self._areas)]
        return any(passed)

    def _pass_on(self, store: LogStore) -> bool:
        rows = store.records(store.cursor(CURSOR), AREA_FEED_RECORDS)
        if not rows:
            return False
        payload = heard(row.data for row in rows)
        if payload is not None:
            self._log(payload)
            self.heard += len(payload.records)
        store.set_cursor(CURSOR, rows[-1].number).wait()
        return True

    def _log(self, payload: AreaPayload) -> None:
        self._sent += 1
        header = Header("", "areas", self._sent, self._clock.wall())
        self._areas.append([encode_area(AreaEntry(header, payload))]).wait()
