"""How fast: live outputs come first, and the server keeps room for them.

Without a rate a backfill rests after each write for as long as the write took: half of what the
server takes is left to others, however fast it is. While a live output is behind, or stands before a
server that does not answer, nothing is written again at all.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from ..clock import Clock
from ..embedded import read_status
from ..errors import LogError
from ..limits import SECOND_NS

#: Entries or records that a live output may be behind; the alert for operators is the same.
LIVE_BEHIND: Final = 1_000
# The status file is written every few seconds; one that is older is nobody's.
_STATUS_NS: Final = 20 * SECOND_NS
_LOOK_NS: Final = SECOND_NS


class Live:
    """The running engine's outputs of a kind, by its status file."""

    def __init__(self, directory: Path, kind: str, clock: Clock) -> None:
        self._directory, self._kind, self._clock = directory, kind, clock
        self._looked = -_LOOK_NS
        self._why = ""

    def why_wait(self) -> str:
        """Why a live output comes first now, for a person; "" where none does. Cheap."""
        now = self._clock.monotonic()
        if now - self._looked >= _LOOK_NS:
            self._looked, self._why = now, self._look()
        return self._why

    def _look(self) -> str:
        try:
            status = read_status(self._directory)
        except LogError:
            return ""
        if status is None or status.state != "running":
            return ""
        if self._clock.wall() - status.time > _STATUS_NS:
            return ""
        for name, output in status.outputs.items():
            if self._kind not in name:
                continue
            if output["behind"] > LIVE_BEHIND:
                return f"{name} is {output['behind']:,} behind"
            if output["troubles"]:
                return f"{name}: {output['troubles'][0]['text']}"
        return ""


class Pace:
    """Waits between writes.

    rate    points per second; 0: as long as the write took
    pause   waits so many seconds; True when it is to stop
    tell    hears why it waits for a live output
    """

    def __init__(
        self,
        rate: float,
        live: Live,
        clock: Clock,
        pause: Callable[[float], bool],
        tell: Callable[[str], object],
    ) -> None:
        self._rate, self._live, self._clock = rate, live, clock
        self._pause, self._tell = pause, tell
        self._due = clock.monotonic()
        self.yielded = 0

    def before(self) -> bool:
        """Waits until live outputs have what they need; True when it is to stop."""
        waited = False
        while why := self._live.why_wait():
            if not waited:
                self._tell(f"live outputs come first: {why}")
                self.yielded += 1
            waited = True
            if self._pause(_LOOK_NS / SECOND_NS):
                return True
        return False

    def after(self, points: int, began: int) -> bool:
        """Waits behind a write that began at that monotonic time; True when it is to stop."""
        now = self._clock.monotonic()
        if self._rate:
            # Time that was lost waiting is not made good by a burst.
            self._due = max(self._due, began) + round(points / self._rate * SECOND_NS)
        else:
            self._due = now + (now - began)
        return self._due > now and self._pause((self._due - now) / SECOND_NS)
