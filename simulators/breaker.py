"""Breaks the rows of a stream as its faults say: what beads see, what is printed, what is delivered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from lifeline.engine.frame import Bool, Float64, Int32, Int64, UInt8

from .batch import FLAG_FAULT, FLAG_OVER, Batch
from .faults import FaultKind, SensorFault
from .plant import Point

# A gateway that comes back empties its buffer this much faster than it was filled.
BACKLOG_PACE: Final = 20
# The share of its time in which a bead is poisoned; then it stays as it is until it is replaced.
POISONING: Final = 1.0 / 3.0
_NO_ROWS: Final = ("silent", "gateway_lost")


class Breaker:
    """Breaks the rows of a stream as the faults say; remembers the values of stuck sensors.

    `resolution_ns` is that of the site's stamps, `seed` the run's.
    """

    def __init__(
        self,
        faults: Sequence[SensorFault],
        points: Sequence[Point],
        resolution_ns: int = 1_000_000,
        seed: int = 0,
    ) -> None:
        index = {p.id: i for i, p in enumerate(points)}
        self._faults = [(f, np.array([index[s] for s in f.sensors], np.int32)) for f in faults]
        self._sheets = [p.instrument for p in points]
        self._resolution_ns = resolution_ns
        self._seed = seed
        self._held: dict[tuple[str, int], float] = {}
        self._poisoned = {i for _, sensors in self._of("poisoned") for i in sensors.tolist()}

    def weaken(self, sensor: int, seen: Float64, due: Int64) -> Float64:
        """What a bead that may be poisoned makes of what there is, before it prints it."""
        if sensor not in self._poisoned:
            return seen
        for fault, sensors in self._of("poisoned"):
            if sensor in sensors:
                lasted = (due - fault.onset_ns) / (POISONING * (fault.end_ns - fault.onset_ns))
                lost = fault.amount * np.clip(lasted, 0.0, 1.0)
                seen = seen * np.where(due < fault.end_ns, 1.0 - lost, 1.0)
        return seen

    def break_values(self, rows: Batch) -> Batch:
        """`rows` (in time order per sensor) with values and flags as sent, silent ones left out."""
        if not self._faults:
            return rows
        value, flag = rows.value.copy(), rows.flag.copy()
        keep = np.ones(len(rows), np.bool_)
        for fault, sensors in self._faults:
            mine = np.isin(rows.sensor, sensors)
            hit = mine & (rows.due >= fault.onset_ns) & (rows.due < fault.end_ns)
            if fault.kind in _NO_ROWS:
                keep &= ~hit
            elif fault.kind == "dropout":
                keep[hit] = self._chance(fault, rows.take(hit)) >= fault.amount
            elif fault.kind == "stuck":
                self._stick(fault, sensors, rows, hit, value)
            elif hit.any():
                self._bend(fault, rows, hit, value, flag)
        broken = Batch(rows.sensor, rows.number, rows.time, value, flag, rows.due)
        return broken.take(keep)

    def _stick(
        self, fault: SensorFault, sensors: Int32, rows: Batch, hit: Bool, value: Float64
    ) -> None:
        for sensor in sensors.tolist():
            mine = rows.sensor == sensor
            before = np.flatnonzero(mine & (rows.due < fault.onset_ns))
            if len(before):
                self._held[fault.id, sensor] = float(value[before[-1]])
            stuck = np.flatnonzero(mine & hit)
            if len(stuck):
                value[stuck] = self._held.setdefault((fault.id, sensor), float(value[stuck[0]]))

    def _bend(
        self, fault: SensorFault, rows: Batch, hit: Bool, value: Float64, flag: UInt8
    ) -> None:
        for sensor in np.unique(rows.sensor[hit]).tolist():
            here, sheet = np.flatnonzero(hit & (rows.sensor == sensor)), self._sheets[sensor]
            if fault.kind == "spike":
                thrown = rows.number[here] % max(2, round(fault.amount)) == 0
                value[here[thrown]] = sheet.high
            elif fault.kind == "drift":
                share = (rows.due[here] - fault.onset_ns) / (fault.end_ns - fault.onset_ns)
                value[here] = np.round(value[here] + fault.amount * share, sheet.decimals)
            elif fault.kind == "declared":
                value[here], flag[here] = np.nan, FLAG_FAULT
            elif fault.kind == "over_range":
                value[here] = sheet.high if sheet.peg is None else sheet.peg
                flag[here] = FLAG_OVER

    def break_delivery(self, rows: Batch) -> Batch:
        """`rows` (numbered) with wrong clocks, late delivery and redelivery; may be longer."""
        if not self._faults:
            return rows
        time, due = rows.time.copy(), rows.due.copy()
        for fault, hit in self._hits("clock", rows):
            time[hit] += fault.amount_ns
        for fault, hit in self._hits("clock_drift", rows):
            time[hit] += self._run_away(fault, rows.due[hit])
        for fault, hit in self._hits("late", rows):
            due[hit] += fault.amount_ns
        for fault, hit in self._hits("out_of_order", rows):
            due[hit] += np.int64(fault.amount_ns * self._chance(fault, rows.take(hit)))
        for fault, sensors in self._of("backlog"):
            since = rows.due - fault.onset_ns
            emptied = fault.end_ns + since // BACKLOG_PACE
            # First in, first out: what is measured while the buffer empties queues behind it.
            waits = np.isin(rows.sensor, sensors) & (since >= 0) & (rows.due < emptied)
            due[waits] = np.maximum(due[waits], emptied[waits])
        sent = Batch(rows.sensor, rows.number, time, rows.value, rows.flag, due)
        again = [
            _later(sent.take(hit), fault.amount_ns) for fault, hit in self._hits("duplicate", rows)
        ]
        return Batch.concat([sent, *again])

    def _run_away(self, fault: SensorFault, due: Int64) -> Int64:
        """How far the stamps of a clock that runs away are off, in whole steps of its display."""
        share = (due - fault.onset_ns) / (fault.end_ns - fault.onset_ns)
        wrong = due + np.int64(fault.amount_ns * share)
        step = self._resolution_ns
        return np.asarray(wrong // step * step - due // step * step, np.int64)

    def _chance(self, fault: SensorFault, rows: Batch) -> Float64:
        """A number in [0, 1) for each row, by seed, fault, sensor and time, whatever the cut."""
        text = f"{self._seed}\x1f{fault.id}".encode()
        salt = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
        mixed = rows.due.astype(np.uint64) ^ (rows.sensor.astype(np.uint64) << np.uint64(44))
        mixed ^= np.uint64(salt)
        # The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
        return np.asarray((mixed >> np.uint64(11)) * 2.0**-53, np.float64)

    def _hits(self, kind: FaultKind, rows: Batch) -> Iterator[tuple[SensorFault, Bool]]:
        for fault, sensors in self._of(kind):
            within = (rows.due >= fault.onset_ns) & (rows.due < fault.end_ns)
            yield fault, within & np.isin(rows.sensor, sensors)

    def _of(self, kind: FaultKind) -> Iterator[tuple[SensorFault, Int32]]:
        return (pair for pair in self._faults if pair[0].kind == kind)


def _later(rows: Batch, by_ns: int) -> Batch:
    return Batch(rows.sensor, rows.number, rows.time, rows.value, rows.flag, rows.due + by_ns)
