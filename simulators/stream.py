"""The stream of a scenario: world → instruments → faults → numbers, in the order of sending.

The world and the instruments advance in blocks of a fixed number of grid steps, counted from the
start; rows wait here until they are due. So no cut of the stream can change a sample: that
holds by construction, not by care.
"""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np

from lifeline.engine.frame import Float64, Int64

from .batch import FLAG_OK, Batch
from .breaker import Breaker
from .plant import Point, Scenario
from .sensor import Transmitter

# Grid steps per block: enough to make numpy's cost per call small, little enough that a live run
# at one step a second looks no further than half a minute ahead.
BLOCK_STEPS: Final = 32


def generator_of(seed: int, *name: str) -> np.random.Generator:
    """The generator that belongs to one name of one run; independent of all others."""
    text = "\x1f".join((str(seed), *name)).encode()
    digest = hashlib.blake2b(text, digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))


class Stream:
    """The rows of one scenario; `take` moves forward."""

    def __init__(self, scenario: Scenario) -> None:
        site = scenario.site
        self._scenario = scenario
        self._site = site
        self._world = scenario.script.world()
        self._step = 0
        self._steps = -(-(scenario.end_ns - scenario.start_ns) // site.step_ns)
        self._pending = Batch.empty()
        self._numbers = np.zeros(len(site.points), np.int64)
        self._said: dict[int, tuple[float, int]] = {}
        self._transmitters = [
            Transmitter(p.instrument, generator_of(scenario.seed, site.id, p.id))
            for p in site.points
        ]
        self._breaker = Breaker(scenario.faults, site.points)

    @property
    def exhausted(self) -> bool:
        """Whether every row of the run was taken."""
        return self._step >= self._steps and not len(self._pending)

    def take(self, until_ns: int) -> Batch:
        """All rows due before `until_ns` that were not taken yet, in order of (due, gateway,
        sensor, number)."""
        while self._step < self._steps and self._time_of(self._step) < until_ns:
            self._pending = Batch.concat([self._pending, self._block()])
        due = self._pending.due < until_ns
        ready, self._pending = self._pending.take(due), self._pending.take(~due)
        gateway = np.array([p.gateway for p in self._site.points], np.int32)[ready.sensor]
        return ready.take(np.lexsort((ready.number, ready.sensor, gateway, ready.due)))

    def _time_of(self, step: int) -> int:
        return self._scenario.start_ns + step * self._site.step_ns

    def _block(self) -> Batch:
        """The rows of the next block, broken, numbered and with their time of sending."""
        first, self._step = self._step, self._step + BLOCK_STEPS
        grid = self._time_of(first) + np.arange(BLOCK_STEPS, dtype=np.int64) * self._site.step_ns
        truth = self._world.advance(grid)
        rows = Batch.concat(
            [self._rows(i, p, truth[p.id], grid, first) for i, p in enumerate(self._site.points)]
        )
        return self._breaker.break_delivery(self._numbered(self._breaker.break_values(rows)))

    def _rows(self, index: int, point: Point, truth: Float64, grid: Int64, first: int) -> Batch:
        """One point's samples of a block, as the healthy instrument prints them."""
        step_s = self._site.step_ns / 1e9
        printed = self._transmitters[index].read(truth * point.gain + point.zero, step_s)
        ordinal = first + np.arange(len(grid), dtype=np.int64)
        due = grid + self._site.gateways[point.gateway].offset_ns
        mine = (ordinal % point.every == 0) & (ordinal < self._steps)
        if point.reports != "periodic":
            mine &= self._worth_saying(index, point, printed, due)
        time = due - due % self._site.resolution_ns
        sensor = np.full(len(grid), index, np.int32)
        flag = np.full(len(grid), FLAG_OK, np.uint8)
        number = ordinal // point.every + 1
        return Batch(sensor, number, time, printed, flag, due).take(mine)

    def _worth_saying(self, index: int, point: Point, printed: Float64, due: Int64) -> np.ndarray:
        """Where a point that speaks on change or as an event speaks: the first time, at every
        change of one resolution or more, and after a heartbeat of silence (on change only)."""
        says = np.zeros(len(printed), np.bool_)
        heartbeat_ns = round(point.heartbeat_s * 1e9)
        least = point.instrument.resolution * 0.999
        last, at = self._said.get(index, (float("inf"), 0))
        for i, (value, now) in enumerate(zip(printed.tolist(), due.tolist(), strict=True)):
            beats = point.reports == "on_change" and now - at >= heartbeat_ns > 0
            if abs(value - last) >= least or beats:
                says[i], last, at = True, value, now
        self._said[index] = (last, at)
        return says

    def _numbered(self, rows: Batch) -> Batch:
        """`rows` with 1, 2, 3 … per sensor, in the order of measurement."""
        number = np.empty(len(rows), np.int64)
        for sensor in np.unique(rows.sensor).tolist():
            mine = np.flatnonzero(rows.sensor == sensor)
            number[mine] = self._numbers[sensor] + 1 + np.arange(len(mine))
            self._numbers[sensor] += len(mine)
        return Batch(rows.sensor, number, rows.time, rows.value, rows.flag, rows.due)
