"""What sites recorded, and who of them is silent, on its way into the area log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from ..areas.entry import Alive, AreaEntry, AreaPayload, Heard, encode_area
from ..areas.hearing import AliveTeller, heard
from ..clock import Clock
from ..core import ENGINE_SITE, Core
from ..entry import Header
from ..limits import SILENCE_LOOK_NS, STEP_NAP_NS
from ..log import LogStore, Ticket
from ..outputs.owner import Tell
from ..stages.feeding import Feed

CURSOR: Final = "alert:areas"


class AreaFeed(Feed):
    """Feeds the area log from the outbox of the sites and from its own."""

    def __init__(
        self,
        sites: LogStore,
        areas: LogStore,
        clock: Clock,
        on_failed: Callable[[Exception], None],
        tell: Tell,
    ) -> None:
        super().__init__("areas", CURSOR, (sites, areas), STEP_NAP_NS, clock, on_failed, tell)
        self._areas = areas
        self._teller = AliveTeller(ENGINE_SITE)
        self._look_at = 0
        self._alive: Alive | None = None
        self._sent = 0

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
            self.wake()

    def _hear(self, rows: Iterable[bytes]) -> Heard | None:
        return heard(rows)

    def _append(self, payload: AreaPayload) -> Ticket:
        self._sent += 1
        header = Header("", "areas", self._sent, self._clock.wall())
        return self._areas.append([encode_area(AreaEntry(header, payload))])

    def _turn(self) -> bool:
        alive, self._alive = self._alive, None
        if alive is not None:
            self._append(alive).wait()
        return super()._turn()
