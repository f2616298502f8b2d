"""The stream of a scenario: world → instruments → faults → numbers, in the order of sending.

The world and the instruments advance in blocks of a fixed number of grid steps, counted from the
start; rows wait here until they are due. So no cut of the stream can change a sample: that
holds by construction, not by care.
"""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np

from lifeline.engine.frame import Bool, Float64, Int64

from .batch import FLAG_OK, Batch
from .breaker import Breaker
from .plant import Point, Scenario, Site
from .sensor import Transmitter

# Grid steps per block: enough to make numpy's cost per call small, little enough that a live run
# at one step a second looks no further than half a minute ahead.
BLOCK_STEPS: Final = 32
# Offline nobody waits: a call's cost vanishes, and a block still fits into some 100 MB.
OFFLINE_STEPS: Final = 8_192
OFFLINE_ROWS: Final = 1_000_000


def offline_steps(site: Site) -> int:
    """Grid steps per block for a run that nobody watches."""
    return min(OFFLINE_STEPS, max(BLOCK_STEPS, OFFLINE_ROWS // max(1, len(site.points))))


def generator_of(seed: int, *name: str) -> np.random.Generator:
    """The generator that belongs to one name of one run; independent of all others."""
    text = "\x1f".join((str(seed), *name)).encode()
    digest = hashlib.blake2b(text, digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))


class Stream:
    """The rows of one scenario; `take` moves forward.

    `block_steps` is how much is computed at once; it changes no row.
    """

    def __init__(self, scenario: Scenario, block_steps: int = BLOCK_STEPS) -> None:
        site = scenario.site
        self._scenario = scenario
        self._site = site
        self._block_steps = block_steps
        self._world = scenario.script.world()
        self._step = 0
        self._steps = -(-(scenario.end_ns - scenario.start_ns) // site.step_ns)
        self._pending = Batch.empty()  # in order; those before `_taken` are gone
        self._taken = 0
        self._numbers = np.zeros(len(site.points), np.int64)
        self._said: dict[int, tuple[float, int]] = {}
        self._transmitters = [
            Transmitter(p.instrument, generator_of(scenario.seed, site.id, p.id))
            for p in site.points
        ]
        self._breaker = Breaker(scenario.faults, site.points, site.resolution_ns, scenario.seed)
        # Rows of one time leave by gateway, then by sensor.
        gateway = np.array([p.gateway for p in site.points], np.int64)
        self._order = np.argsort(gateway, kind="stable").tolist()
        self._rank = np.empty(len(site.points), np.int64)
        self._rank[self._order] = np.arange(len(site.points))

    @property
    def exhausted(self) -> bool:
        """Whether every row of the run was taken."""
        return self._step >= self._steps and self._taken == len(self._pending)

    def take(self, until_ns: int) -> Batch:
        """All rows due before `until_ns` that were not taken yet, in order of (due, gateway,
        sensor, number)."""
        blocks = []
        while self._step < self._steps and self._time_of(self._step) < until_ns:
            blocks.append(self._block())
        if blocks:
            waiting = Batch.concat([self._pending.take(slice(self._taken, None)), *blocks])
            self._pending, self._taken = waiting.take(self._in_order(waiting)), 0
        first = self._taken
        self._taken = max(first, int(np.searchsorted(self._pending.due, until_ns)))
        return self._pending.take(slice(first, self._taken))

    def _in_order(self, rows: Batch) -> Int64:
        """Sorts by time alone, which is much faster, and by all four where that was not enough."""
        order = np.argsort(rows.due, kind="stable")
        due, rank, number = rows.due[order], self._rank[rows.sensor[order]], rows.number[order]
        same = due[1:] == due[:-1]
        wrong = (rank[1:] < rank[:-1]) | ((rank[1:] == rank[:-1]) & (number[1:] < number[:-1]))
        if (same & wrong).any():
            return np.lexsort((rows.number, self._rank[rows.sensor], rows.due))
        return order

    def _time_of(self, step: int) -> int:
        return self._scenario.start_ns + step * self._site.step_ns

    def _block(self) -> Batch:
        """The rows of the next block, broken, numbered and with their time of sending."""
        steps = min(self._block_steps, self._steps - self._step)
        first, self._step = self._step, self._step + steps
        grid = self._time_of(first) + np.arange(steps, dtype=np.int64) * self._site.step_ns
        truth = self._world.advance(grid)
        points = self._site.points
        rows = Batch.concat(
            [self._rows(i, points[i], truth[points[i].id], grid, first) for i in self._order]
        )
        return self._breaker.break_delivery(self._numbered(self._breaker.break_values(rows)))

    def _rows(self, index: int, point: Point, truth: Float64, grid: Int64, first: int) -> Batch:
        """One point's samples of a block, as the healthy instrument prints them."""
        step_s = self._site.step_ns / 1e9
        due = grid + self._site.gateways[point.gateway].offset_ns
        seen = self._breaker.weaken(index, truth * point.gain + point.zero, due)
        printed = self._transmitters[index].read(seen, step_s)
        number = (first + np.arange(len(grid), dtype=np.int64)) // point.every + 1
        mine: slice | Bool = slice(-first % point.every, None, point.every)
        if point.reports != "periodic":
            spoken = np.zeros(len(grid), np.bool_)
            spoken[mine] = True
            mine = spoken & self._worth_saying(index, point, printed, due)
        due, printed, number = due[mine], printed[mine], number[mine]
        return Batch(
            np.full(len(due), index, np.int32),
            number,
            due - due % self._site.resolution_ns,
            printed,
            np.full(len(due), FLAG_OK, np.uint8),
            due,
        )

    def _worth_saying(self, index: int, point: Point, printed: Float64, due: Int64) -> Bool:
        """Where a point that speaks on change or as an event speaks: the first time, at every
        change of one resolution or more, and after a heartbeat of silence (on change only)."""
        says = np.zeros(len(printed), np.bool_)
        beats = point.reports == "on_change" and point.heartbeat_s > 0.0
        heartbeat_ns = round(point.heartbeat_s * 1e9)
        least = point.instrument.resolution * 0.999
        last, at = self._said.get(index, (float("inf"), 0))
        i = 0
        while i < len(printed):
            # What is worth saying next: a change, or the heartbeat.
            changed = i + int(np.argmax(np.append(np.abs(printed[i:] - last) >= least, True)))
            beat = int(np.searchsorted(due, at + heartbeat_ns)) if beats else len(due)
            i = min(changed, max(i, beat))
            if i < len(printed):
                says[i], last, at = True, float(printed[i]), int(due[i])
            i += 1
        self._said[index] = (last, at)
        return says

    def _numbered(self, rows: Batch) -> Batch:
        """`rows`, sensor by sensor, with 1, 2, 3 … per sensor, in the order of measurement."""
        begins = np.flatnonzero(np.diff(rows.sensor, prepend=-1))
        counts = np.diff(begins, append=len(rows))
        spoke = rows.sensor[begins]
        before = self._numbers[spoke] + 1 - begins
        number = np.arange(len(rows), dtype=np.int64) + np.repeat(before, counts)
        self._numbers[spoke] += counts
        return Batch(rows.sensor, number, rows.time, rows.value, rows.flag, rows.due)
