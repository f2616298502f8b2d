"""What happened at one site in one world, by regular intervals of ten minutes."""

from __future__ import annotations

from .limits import INTERVAL_NS, MAX_INTERVALS


class Room:
    """How much of a bounded thing is left, and how often there was none."""

    __slots__ = ("_left", "refused")

    def __init__(self, most: int) -> None:
        self._left = most
        self.refused = 0

    def take(self) -> bool:
        """One of it; False, counted, where there is none."""
        if self._left <= 0:
            self.refused += 1
            return False
        self._left -= 1
        return True

    def give_back(self, n: int = 1) -> None:
        """So many are free again."""
        self._left += n


class Heard:
    """One alarm in one interval: how often it sounded, was raised the third time in a minute,
    and was over before anybody could answer."""

    __slots__ = ("chatters", "fleeting", "n")

    def __init__(self) -> None:
        self.n = self.chatters = self.fleeting = 0


class Interval:
    """Ten minutes of one site. `levels` counts annunciated alarms, blue to red; `answers` are times
    to acknowledge in ns; `late` those beyond the roster's time."""

    __slots__ = ("alarms", "answers", "late", "levels")

    def __init__(self) -> None:
        self.levels = [0, 0, 0, 0]
        self.alarms: dict[str, Heard] = {}
        self.answers: list[int] = []
        self.late = 0


class Tally:
    """Intervals of one site and world in which something happened, by their number since 1970."""

    __slots__ = ("_answers", "_named", "intervals")

    def __init__(self, named: Room, answers: Room) -> None:
        self.intervals: dict[int, Interval] = {}
        self._named, self._answers = named, answers

    def sounded(self, time: int, alarm: str, level: int, *, chatters: bool) -> None:
        """An annunciated alarm of a level (1 to 4)."""
        interval = self._interval(time)
        interval.levels[level - 1] += 1
        if (heard := self._heard(interval, alarm)) is not None:
            heard.n += 1
            heard.chatters += chatters

    def was_fleeting(self, time: int, alarm: str) -> None:
        """An alarm returned at once."""
        if (heard := self._heard(self._interval(time), alarm)) is not None:
            heard.fleeting += 1

    def answered(self, time: int, took: int, *, late: bool) -> None:
        """An alarm was acknowledged `took` ns after it sounded."""
        interval = self._interval(time)
        interval.late += late
        if self._answers.take():
            interval.answers.append(took)

    def drop_before(self, first: int) -> None:
        """Forgets intervals below number `first`."""
        for number in [n for n in self.intervals if n < first]:
            self._drop(number)

    def _drop(self, number: int) -> None:
        gone = self.intervals.pop(number)
        self._named.give_back(len(gone.alarms))
        self._answers.give_back(len(gone.answers))

    def _interval(self, time: int) -> Interval:
        number = time // INTERVAL_NS
        found = self.intervals.get(number)
        if found is None:
            found = self.intervals[number] = Interval()
            if len(self.intervals) > MAX_INTERVALS:
                self._drop(min(self.intervals))
        return found

    def _heard(self, interval: Interval, alarm: str) -> Heard | None:
        heard = interval.alarms.get(alarm)
        if heard is None and self._named.take():
            heard = interval.alarms[alarm] = Heard()
        return heard
