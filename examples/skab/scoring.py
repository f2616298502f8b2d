"""What the alarms were worth: delays, misses and false alarms of one recording, by its labels.

An *alert* is a record by which an alarm of the rules reaches yellow or more, or rises further: what
a person would be called for. The engine's own kinds (stale, clock) are not alerts about the rig.

A labelled anomaly is the rows from the first that is labelled to the last; change points inside it
divide it into *segments*. A segment is detected by the first alert from its start to its end; an
alarm that was standing before says nothing new and counts as none.

By rows: a row is *in alarm* while any alarm stands at yellow or more. FAR is the share of normal
rows in alarm, MAR the share of anomalous rows not in alarm: the two figures of the data's
leaderboard. A *false alarm* is a run of rows in alarm that begins in a normal row. F1 is not given:
on this data an alarm that never ends scores high in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from recordings import SECOND_NS, Labels, Recording

from lifeline.engine.frame import Bool
from lifeline.engine.level import LEVELS
from lifeline.engine.record import Record

Group = Literal["all", "band", "slope"]
GROUPS: Final[tuple[Group, ...]] = ("all", "band", "slope")
YELLOW: Final = LEVELS.index("yellow")
RISING: Final = ("raised", "level")
TRAINING_ROWS: Final = (
    400  # the leaderboard trains on so many rows of each file, and scores the rest
)


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a labelled anomaly, both ends included, on the recording's own clock, ns."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """One segment: how long until the first alert, in s, and whose (None, "": missed).

    `standing`: an alarm of an earlier alert stood when it began.
    """

    segment: Segment
    delay_s: float | None
    alarm: str
    standing: bool


@dataclass(frozen=True, slots=True)
class Rows:
    """Counts of rows: all, of them anomalous; normal ones in alarm, anomalous ones not in alarm."""

    total: int
    anomalous: int
    false: int
    missed: int

    @property
    def far(self) -> float | None:
        """False-alarm rate, %; None without normal rows."""
        normal = self.total - self.anomalous
        return 100.0 * self.false / normal if normal else None

    @property
    def mar(self) -> float | None:
        """Missed-alarm rate, %; None without anomalous rows."""
        return 100.0 * self.missed / self.anomalous if self.anomalous else None

    def __add__(self, other: Rows) -> Rows:
        return Rows(
            self.total + other.total,
            self.anomalous + other.anomalous,
            self.false + other.false,
            self.missed + other.missed,
        )


@dataclass(frozen=True, slots=True)
class Score:
    """One recording, as judged by one group of rules.

    outcomes       by segment, in order
    false_alarms   runs of rows in alarm that begin in a normal row
    false_alerts   alerts outside labelled anomalies
    rows           over the whole recording; `tested` without the leaderboard's training rows
    """

    recording: str
    outcomes: tuple[Outcome, ...]
    false_alarms: int
    false_alerts: int
    rows: Rows
    tested: Rows

    @property
    def missed(self) -> int:
        """Segments without an alert."""
        return sum(outcome.delay_s is None for outcome in self.outcomes)


def segments(recording: Recording) -> list[Segment]:
    """The labelled anomalies, divided at their change points; [] without labels."""
    if recording.labels is None:
        return []
    anomaly, change = recording.labels.anomaly, recording.labels.changepoint
    before = np.concatenate(([False], anomaly[:-1]))
    # Change points come several rows in a row; the first of them is the change.
    turn = change & ~np.concatenate(([False], change[:-1]))
    starts = np.nonzero(anomaly & (~before | turn))[0]
    lasts = np.nonzero(anomaly & ~np.concatenate((anomaly[1:], [False])))[0]
    found: list[Segment] = []
    for i, start in enumerate(starts.tolist()):
        last = int(lasts[np.searchsorted(lasts, start)])
        if i + 1 < len(starts):
            last = min(last, int(starts[i + 1]) - 1)
        found.append(Segment(int(recording.time[start]), int(recording.time[last])))
    return found


def in_group(record: Record, group: Group) -> bool:
    """Whether a record is of the rules of a group."""
    if group == "all":
        return record.rule.startswith(("band.", "slope."))
    return record.rule.startswith(f"{group}.")


def alerts(records: Iterable[Record]) -> list[Record]:
    """The records that reach yellow or more, or rise further, by time."""
    found = [
        r
        for r in records
        if r.transition in RISING
        and LEVELS.index(r.level_after) >= YELLOW
        and LEVELS.index(r.level_after) > LEVELS.index(r.level_before)
    ]
    return sorted(found, key=lambda r: (r.time, r.seq))


def in_alarm(recording: Recording, records: Iterable[Record], shift: int) -> Bool:
    """For each row whether any alarm stands at yellow or more. `records` in `seq` order."""
    since: dict[str, int] = {}
    standing = np.zeros(len(recording), np.bool_)
    end = int(recording.time[-1]) + SECOND_NS
    spans: list[tuple[int, int]] = []
    for record in records:
        time = record.time - shift
        grave = LEVELS.index(record.level_after) >= YELLOW
        if grave and record.alarm not in since:
            since[record.alarm] = time
        elif not grave and record.alarm in since:
            spans.append((since.pop(record.alarm), time))
    spans += [(start, end) for start in since.values()]
    for start, stop in spans:
        first, last = np.searchsorted(recording.time, (start, stop), side="left")
        standing[first:last] = True
    return standing


def score(recording: Recording, records: Sequence[Record], shift: int, group: Group) -> Score:
    """Scores one recording. `records` are those of its site in `seq` order, event times moved by
    `shift` from the recording's own; what happened after its last row is left out."""
    until = int(recording.time[-1]) + shift
    mine = [r for r in records if in_group(r, group) and r.time <= until]
    called = [(r.time - shift, r.alarm) for r in alerts(mine)]
    alarm = in_alarm(recording, mine, shift)
    labels = recording.labels or _unlabelled(recording)
    pieces = segments(recording)
    begins = alarm & ~np.concatenate(([False], alarm[:-1]))
    return Score(
        recording=recording.name,
        outcomes=tuple(_outcome(recording, piece, called, alarm) for piece in pieces),
        false_alarms=int((begins & ~labels.anomaly).sum()),
        false_alerts=sum(not any(p.start <= t <= p.end for p in pieces) for t, _ in called),
        rows=rows_of(labels.anomaly, alarm),
        tested=rows_of(labels.anomaly[TRAINING_ROWS:], alarm[TRAINING_ROWS:]),
    )


def _unlabelled(recording: Recording) -> Labels:
    """Nothing in it is an anomaly."""
    none = np.zeros(len(recording), np.bool_)
    return Labels(none, none)


def _outcome(
    recording: Recording, piece: Segment, called: Sequence[tuple[int, str]], alarm: Bool
) -> Outcome:
    row = int(np.searchsorted(recording.time, piece.start))
    standing = row > 0 and bool(alarm[row - 1])
    first = next(((t, name) for t, name in called if piece.start <= t <= piece.end), None)
    if first is None:
        return Outcome(piece, None, "", standing)
    return Outcome(piece, (first[0] - piece.start) / SECOND_NS, first[1], standing)


def rows_of(anomaly: Bool, alarm: Bool) -> Rows:
    """Counts of rows by their labels and by whether they are in alarm."""
    return Rows(
        total=len(anomaly),
        anomalous=int(anomaly.sum()),
        false=int((alarm & ~anomaly).sum()),
        missed=int((anomaly & ~alarm).sum()),
    )


def median_delay(scores: Iterable[Score]) -> float | None:
    """The median delay of the detected segments, s; None where none was."""
    delays = [o.delay_s for s in scores for o in s.outcomes if o.delay_s is not None]
    return float(np.median(delays)) if delays else None
