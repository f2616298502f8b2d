"""One backfill: windows into a writer, paced, its place kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..clock import Clock
from ..limits import SECOND_NS
from ..outputs.influx_retry import StoppedError
from .pacing import Pace
from .progress import Place, ProgressFile
from .windows import Content, Window
from .writers import Writer

# A place is kept this often, not after each write: what is written twice changes nothing.
_KEEP_NS = SECOND_NS


@dataclass(slots=True)
class Done:
    """How far it is: points and records written, of how much of the windows (0 to 1)."""

    points: int
    share: float
    window: str = ""


class Job:
    """Writes all portions of `windows` in their order.

    tell   hears after each portion how far it is
    """

    def __init__(
        self,
        windows: Sequence[Window],
        writer: Writer,
        pace: Pace,
        progress: ProgressFile,
        clock: Clock,
        tell: Callable[[Done], object],
    ) -> None:
        self._windows, self._writer, self._pace = windows, writer, pace
        self._progress, self._clock, self._tell = progress, clock, tell
        self._kept = clock.monotonic()
        #: Of all runs of this job: points and records written, and of them lines that were refused.
        self.points, self.refused = progress.place.points, progress.place.refused

    def run(self) -> bool:
        """Whether all was written; False when it was stopped between two writes. What is written
        then is remembered, and the next run goes on behind it."""
        try:
            finished = all(self._window(window) for window in self._windows)
        except StoppedError:
            finished = False
        finally:
            self._keep()
        if finished:
            self._progress.drop()
        return finished

    def _window(self, window: Window) -> bool:
        place = self._progress.place
        after = max(window.first, place.places.get(window.name, 0))
        for portion in window.portions(after):
            if len(portion.content):
                if self._pace.before():
                    return False
                began = self._clock.monotonic()
                self._write(portion.content, place)
            place.places[window.name] = portion.place
            self._tell(Done(place.points, self._share(window, portion.place), window.name))
            self._keep_sometimes()
            if len(portion.content) and self._pace.after(len(portion.content), began):
                return False
        place.places[window.name] = window.last
        return True

    def _write(self, content: Content, place: Place) -> None:
        refused = self._writer.refused
        self._writer.write(content)
        place.points += len(content)
        place.refused += self._writer.refused - refused
        self.points, self.refused = place.points, place.refused

    def _share(self, window: Window, at: int) -> float:
        """Windows count by what lies between their places."""
        sizes = [max(1, w.last - w.first) for w in self._windows]
        index = list(self._windows).index(window)
        done = sum(sizes[:index]) + min(sizes[index], max(0, at - window.first))
        return done / sum(sizes)

    def _keep_sometimes(self) -> None:
        if self._clock.monotonic() - self._kept >= _KEEP_NS:
            self._keep()

    def _keep(self) -> None:
        self._kept = self._clock.monotonic()
        if self._progress.begun:
            self._progress.keep()
