"""What a person is told of a server that was away: that it is, that it is back, how far the rest is.

The troubles of an output say what stands now; these are the notices of what happened. Short
absences are no news. Times are arguments (monotonic, ns).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..limits import MINUTE_NS, SECOND_NS
from .pace import Pace

#: Absences shorter than this are told by nobody: a restart, a leader that changes.
TOLD_AFTER_NS: Final = 30 * SECOND_NS
#: How often the way back is told; the engine keeps few notices, and the status has it at all times.
PROGRESS_NS: Final = 5 * MINUTE_NS


class Outage:
    """One output's absences, one after the other. Not for two threads at once.

    tell    (kind, text): output_away, output_back, output_catching_up, output_caught_up
    """

    def __init__(self, tell: Callable[[str, str], None]) -> None:
        self._tell = tell
        self._since: int | None = None
        self._told = False
        self._back: tuple[int, int] | None = None  # when, and how many points were written by then
        self._said = 0

    def away(self, now: int, why: str) -> None:
        """The server does not take what it is given."""
        if self._since is None:
            self._since = now
        if not self._told and now - self._since >= TOLD_AFTER_NS:
            self._told = True
            lost = "what is not written waits in the log; alarms are not delayed"
            self._tell("output_away", f"InfluxDB takes nothing: {why}; {lost}")

    def back(self, now: int, points: int, behind: int) -> None:
        """It decides about lines again. `points`: written in all; `behind`: entries left."""
        since, told = self._since, self._told
        self._since, self._told = None, False
        if since is None or not told:
            return
        if self._back is None:
            self._back = now, points
        self._said = now
        text = f"InfluxDB takes writes again after {_time(now - since)}; {behind} entries behind"
        self._tell("output_back", text)

    def delivered(self, now: int, points: int, behind: int, pace: Pace) -> None:
        """A portion is written, or there was none to write."""
        if self._back is None or self._since is not None:
            return
        began, before = self._back
        if behind <= 0:
            self._back = None
            span = max(now - began, 1)
            rate = (points - before) * SECOND_NS // span
            text = f"{points - before} points in {_time(span)}, {rate} a second; nothing is left"
            self._tell("output_caught_up", text)
        elif now - self._said >= PROGRESS_NS:
            self._said = now
            self._tell("output_catching_up", progress_text(behind, pace, now))


def progress_text(behind: int, pace: Pace, now: int) -> str:
    """`12345 entries behind, 80000 points/s, about 40 s left`."""
    left = pace.left_s(now)
    end = "not getting nearer" if left is None else f"about {_time(int(left * SECOND_NS))} left"
    return f"{behind} entries behind, {pace.points_per_s(now):.0f} points/s, {end}"


def _time(ns: int) -> str:
    seconds = ns / SECOND_NS
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6_000 else f"{seconds / 3_600:.1f} h"
