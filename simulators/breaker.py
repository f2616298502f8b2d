"""Breaks the rows of a stream as its faults say: first what instruments print, then delivery."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from lifeline.engine.frame import Bool, Float64, Int32, UInt8

from .batch import FLAG_FAULT, FLAG_OVER, Batch
from .faults import FaultKind, SensorFault
from .plant import Point

# A gateway that comes back empties its buffer this much faster than it was filled.
BACKLOG_PACE: Final = 20


class Breaker:
    """Breaks the rows of a stream as the faults say; remembers the values of stuck sensors."""

    def __init__(self, faults: Sequence[SensorFault], points: Sequence[Point]) -> None:
        index = {p.id: i for i, p in enumerate(points)}
        self._faults = [(f, np.array([index[s] for s in f.sensors], np.int32)) for f in faults]
        self._sheets = [p.instrument for p in points]
        self._held: dict[tuple[str, int], float] = {}

    def break_values(self, rows: Batch) -> Batch:
        """`rows` (in time order per sensor) with values and flags as sent, silent ones left out."""
        value, flag = rows.value.copy(), rows.flag.copy()
        keep = np.ones(len(rows), np.bool_)
        for fault, sensors in self._faults:
            mine = np.isin(rows.sensor, sensors)
            hit = mine & (rows.due >= fault.onset_ns) & (rows.due < fault.end_ns)
            if fault.kind == "silent":
                keep &= ~hit
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
        for i in np.flatnonzero(hit).tolist():
            sheet = self._sheets[rows.sensor[i]]
            if fault.kind == "spike" and rows.number[i] % max(2, round(fault.amount)) == 0:
                value[i] = sheet.high
            elif fault.kind == "drift":
                share = (rows.due[i] - fault.onset_ns) / (fault.end_ns - fault.onset_ns)
                value[i] = round(value[i] + fault.amount * share, sheet.decimals)
            elif fault.kind == "declared":
                value[i], flag[i] = np.nan, FLAG_FAULT
            elif fault.kind == "over_range":
                value[i] = sheet.high if sheet.peg is None else sheet.peg
                flag[i] = FLAG_OVER

    def break_delivery(self, rows: Batch) -> Batch:
        """`rows` (numbered) with wrong clocks, late delivery and redelivery; may be longer."""
        time, due = rows.time.copy(), rows.due.copy()
        for fault, hit in self._hits("clock", rows):
            time[hit] += fault.amount_ns
        for fault, sensors in self._of("backlog"):
            since = rows.due - fault.onset_ns
            emptied = fault.end_ns + since // BACKLOG_PACE
            # First in, first out: what is measured while the buffer empties queues behind it.
            waits = np.isin(rows.sensor, sensors) & (since >= 0) & (rows.due < emptied)
            due[waits] = emptied[waits]
        sent = Batch(rows.sensor, rows.number, time, rows.value, rows.flag, due)
        again = [
            _later(sent.take(hit), fault.amount_ns) for fault, hit in self._hits("duplicate", rows)
        ]
        return Batch.concat([sent, *again])

    def _hits(self, kind: FaultKind, rows: Batch) -> Iterator[tuple[SensorFault, Bool]]:
        for fault, sensors in self._of(kind):
            within = (rows.due >= fault.onset_ns) & (rows.due < fault.end_ns)
            yield fault, within & np.isin(rows.sensor, sensors)

    def _of(self, kind: FaultKind) -> Iterator[tuple[SensorFault, Int32]]:
        return (pair for pair in self._faults if pair[0].kind == kind)


def _later(rows: Batch, by_ns: int) -> Batch:
    return Batch(rows.sensor, rows.number, rows.time, rows.value, rows.flag, rows.due + by_ns)
