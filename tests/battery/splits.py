"""The same samples in other Frames: claim (c) of the design, for the battery and for its own test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from lifeline.engine.configuration import Configuration
from lifeline.engine.core import Core
from lifeline.engine.core.state import pends
from lifeline.engine.entry import Entry, Header, decode, encode
from lifeline.engine.frame import Frame
from lifeline.engine.record import Record, decode_record
from oracle.choices import Choices
from oracle.generate import Scenario

# What the core keeps as lower bounds only; looking once more changes them and nothing else.
BOUNDS = ("guard.", "site")


@dataclass(frozen=True)
class Samples:
    """A configuration and every sample of a log, in order."""

    configuration: Configuration
    frame: Frame

    @classmethod
    def of(cls, log: Scenario) -> Samples:
        """The samples of a log that has one configuration."""
        first = log.entries[0].payload
        assert isinstance(first, Configuration)
        frames = [one.payload for one in log.entries if isinstance(one.payload, Frame)]
        assert len(frames) == len(log.entries) - 1
        return cls(first, Frame.concat(frames))

    def cut(self, cuts: Iterable[int]) -> list[Frame]:
        """The rows, cut before each of these places."""
        places = [0, *sorted(cuts), len(self.frame)]
        return [self.frame.take(slice(a, b)) for a, b in pairwise(places)]

    def one_by_one(self) -> list[Frame]:
        """A Frame a sample."""
        return self.cut(range(1, len(self.frame)))

    def in_random_cuts(self, choices: Choices, most: int = 60) -> list[Frame]:
        """Frames of any size, empty ones too."""
        count = choices.number(0, most)
        return self.cut(choices.number(0, len(self.frame)) for _ in range(count))

    def interleaved(self, choices: Choices) -> Samples:
        """Each site's rows in their order, and the sites in another."""
        waiting = [rows.tolist() for rows in self._rows_by_site()]
        order: list[int] = []
        while waiting := [rows for rows in waiting if rows]:
            rows = choices.pick(waiting)
            run = choices.number(1, len(rows)) if choices.chance(20) else 1
            order += rows[:run]
            del rows[:run]
        return Samples(self.configuration, self.frame.take(np.array(order, np.int64)))

    def _rows_by_site(self) -> Iterator[Any]:
        sites = np.array([one.site for one in self.configuration.sensors])
        known = (self.frame.sensor >= 0) & (self.frame.sensor < len(sites))
        site = np.where(known, sites[np.where(known, self.frame.sensor, 0)], -1)
        for one in np.unique(site):
            yield np.flatnonzero(site == one)

    def log(self, frames: Sequence[Frame]) -> list[Entry]:
        """A self-clocked log of these Frames."""
        header = Header(registry=self.configuration.version(), self_clocked=True)
        return [Entry(header, self.configuration), *(Entry(header, frame) for frame in frames)]


@dataclass(frozen=True)
class Outcome:
    """What a run leaves: its digest, the bytes of each site's records, counters, alarms, state."""

    digest: str
    records: dict[str, list[bytes]]
    counters: dict[str, int]
    standing: list[Any]
    state: dict[str, bytes]


def judged(log: Sequence[Entry], crash_after: Iterable[int] = ()) -> Outcome:
    """Step the log, as a log gives it; after these positions the core is lost and restored."""
    core, crashes = Core(), set(crash_after)
    records: dict[str, list[bytes]] = {}
    for position, entry in enumerate(log, 1):
        for record in core.step(position, decode(encode(entry))):
            records.setdefault(record.site, []).append(record.encode())
        if position in crashes:
            core = Core.restore(core.snapshot())
    return Outcome(core.digest(), records, core.counters(), core.standing(), kept(core))


def kept(core: Core) -> dict[str, bytes]:
    """The arrays of the core's state, without lower bounds."""
    assert core.state is not None
    arrays = {
        name: array for name, array in core.state.arrays().items() if not name.startswith(BOUNDS)
    }
    arrays["pending"] = core.state.pending[pends(core.state.judge)]
    arrays["walls"] = core.state.site[:, 0]
    return {name: np.ascontiguousarray(array).tobytes() for name, array in arrays.items()}


def transitions(outcome: Outcome) -> list[Record]:
    """Every record of a run."""
    return [
        decode_record(data) for site in sorted(outcome.records) for data in outcome.records[site]
    ]
