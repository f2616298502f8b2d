"""The audit: acknowledged ⊆ distinct samples in the log ⊆ sent, by the publisher's own ledger.

A sample is known by (sensor, event time): the simulated sites never give two samples of one sensor the
same stamp, not even with a clock set back. Values are compared after conversion to the canonical
unit, within a relative tolerance, NaN meaning "no value" on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from lifeline.engine.configuration import Configuration
from lifeline.engine.errors import LogError
from lifeline.engine.frame import Float64, Int32, Int64
from lifeline.engine.limits import AUDIT_EXAMPLES

from .ledger import Ledger

RELATIVE_TOLERANCE: Final = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Logged:
    """Columns as read from the log: `names[sensor]` is the sensor's id in the ledger, or None for
    sensors of other sites, whose rows are passed over. Values are canonical."""

    names: Sequence[str | None]
    sensor: Int32
    time: Int64
    value: Float64


@dataclass(frozen=True, slots=True)
class Audit:
    """What the comparison found; all counts are of distinct samples unless said otherwise.

    sent        in the ledger
    acked       of them acknowledged to the publisher
    logged      in the log
    lost        acknowledged, and not in the log: must be 0
    unlogged    sent, never acknowledged, and not in the log: no promise was made
    foreign     in the log, and never sent: must be 0
    altered     in the log with another value: must be 0
    duplicated  rows of the log beyond the first of their sample (redelivery; harmless)
    examples    the first differences, in words
    """

    sent: int
    acked: int
    logged: int
    lost: int
    unlogged: int
    foreign: int
    altered: int
    duplicated: int
    examples: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """acknowledged ⊆ logged ⊆ sent, values intact."""
        return self.lost == 0 and self.foreign == 0 and self.altered == 0

    @property
    def drained(self) -> bool:
        """It holds, and everything sent is in the log."""
        return self.holds and self.logged == self.sent


@dataclass(slots=True)
class _Tally:
    sent: int = 0
    acked: int = 0
    logged: int = 0
    lost: int = 0
    unlogged: int = 0
    foreign: int = 0
    altered: int = 0
    duplicated: int = 0
    examples: list[str] = field(default_factory=list)

    def note(self, what: str, sensor: str, times: Int64) -> None:
        room = AUDIT_EXAMPLES - len(self.examples)
        self.examples += [f"{what}: {sensor} at {t}" for t in times[: max(0, room)].tolist()]


def names_in(configuration: Configuration, site: str) -> list[str | None]:
    """`Logged.names` for Frames under this configuration: the ids of one site's sensors."""
    sites = [s.id for s in configuration.sites]
    return [s.id if sites[s.site] == site else None for s in configuration.sensors]


def compare(
    ledger: Ledger,
    frames: Iterable[Logged],
    *,
    convert: Mapping[str, tuple[float, float]] | None = None,
    relative: float = RELATIVE_TOLERANCE,
) -> Audit:
    """Compare a ledger with what the log holds of it.

    `convert` overrides, by sensor id, the ledger's own conversion: canonical = plant value x scale +
    offset. Raises LogError where one sensor of the ledger has two samples of one stamp.
    """
    times, values = _gather(ledger, frames)
    tally = _Tally()
    for index, sensor in enumerate(ledger.head.sensors):
        scale, offset = (convert or {}).get(
            sensor.id, (1.0 / sensor.gain, -sensor.zero / sensor.gain)
        )
        mine = ledger.sensor == index
        _compare_sensor(
            tally,
            sensor.id,
            (ledger.number[mine], ledger.time[mine], ledger.value[mine] * scale + offset),
            ledger.acked[mine],
            (times[index], values[index]),
            relative,
        )
    return Audit(
        tally.sent,
        tally.acked,
        tally.logged,
        tally.lost,
        tally.unlogged,
        tally.foreign,
        tally.altered,
        tally.duplicated,
        tuple(tally.examples),
    )


def _gather(ledger: Ledger, frames: Iterable[Logged]) -> tuple[list[Int64], list[Float64]]:
    """The log's rows by sensor of the ledger, in their order."""
    index = {s.id: i for i, s in enumerate(ledger.head.sensors)}
    times: list[list[Int64]] = [[np.empty(0, np.int64)] for _ in index]
    values: list[list[Float64]] = [[np.empty(0, np.float64)] for _ in index]
    for frame in frames:
        for sensor in np.unique(frame.sensor).tolist():
            name = frame.names[sensor]
            if name is None:
                continue
            if name not in index:
                raise LogError(f"the ledger of {ledger.head.site} knows no sensor {name!r}")
            mine = frame.sensor == sensor
            times[index[name]].append(frame.time[mine])
            values[index[name]].append(frame.value[mine])
    return [np.concatenate(t) for t in times], [np.concatenate(v) for v in values]


def _compare_sensor(
    tally: _Tally,
    name: str,
    sent: tuple[Int64, Int64, Float64],
    acked: np.ndarray[tuple[int], np.dtype[np.bool_]],
    logged: tuple[Int64, Float64],
    relative: float,
) -> None:
    number, time, value = sent
    stamps, first = np.unique(time, return_index=True)
    if len(stamps) != len(np.unique(number)):
        raise LogError(f"sensor {name}: two samples of the ledger bear one stamp")
    acked_stamps = np.unique(time[acked])
    log_times, log_values = logged
    log_stamps = np.unique(log_times)
    lost = np.setdiff1d(acked_stamps, log_stamps)
    foreign = np.setdiff1d(log_stamps, stamps)
    missing = np.setdiff1d(stamps, log_stamps)
    known = np.isin(log_times, stamps)
    expected = value[first][np.searchsorted(stamps, log_times[known])]
    wrong = np.unique(log_times[known][~_close(expected, log_values[known], relative)])
    tally.sent += len(stamps)
    tally.acked += len(acked_stamps)
    tally.logged += len(log_stamps)
    tally.lost += len(lost)
    tally.unlogged += len(missing) - len(lost)
    tally.foreign += len(foreign)
    tally.altered += len(wrong)
    tally.duplicated += len(log_times) - len(log_stamps)
    for what, which in (("lost", lost), ("foreign", foreign), ("altered", wrong)):
        tally.note(what, name, which)


def _close(
    expected: Float64, found: Float64, relative: float
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    size = np.maximum(1.0, np.maximum(np.abs(expected), np.abs(found)))
    near = np.abs(expected - found) <= relative * size
    return np.asarray(near | (np.isnan(expected) & np.isnan(found)))
