"""What `lifeline fit` learns of a recording: hours of the local week, noise floor, limits by quantile.

Nothing here is asked while judging: a rule names the file that is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from ..beside import HOURS_OF_WEEK, name_of
from ..config.learned import MAD_TO_SPREAD, Learned, LearnedSensor, offsets
from ..configuration import Configuration
from ..errors import SpecError
from ..frame import Float64, Frame, Int64
from ..limits import HOUR_NS, SECOND_NS
from ..quality import Quality

#: Shares of the good values below each of the limits that are told.
QUANTILES: Final = {
    "0.1 %": 0.001,
    "1 %": 0.01,
    "5 %": 0.05,
    "50 %": 0.5,
    "95 %": 0.95,
    "99 %": 0.99,
    "99.9 %": 0.999,
}
_THURSDAY: Final = 72  # hours from Monday 00:00 to the first hour of 1970
_FEWEST: Final = 2  # of these there is a difference


@dataclass
class _Heard:
    """The parts of one sensor's series, as they came."""

    times: list[Int64] = field(default_factory=list)
    values: list[Float64] = field(default_factory=list)
    left_out: int = 0


class Gathering:
    """Takes Frames of one configuration and keeps what can be learned from. Memory: 16 bytes a good sample.

    That are good, finite samples within their sensor's valid range; of several at one time the first.
    """

    def __init__(self, configuration: Configuration, chosen: Iterable[int]) -> None:
        """`chosen`: the indices of the sensors that are learned."""
        self._configuration = configuration
        self._heard = {index: _Heard() for index in chosen}

    def take(self, frame: Frame) -> None:
        """The next samples, in any order."""
        for index in np.unique(frame.sensor).tolist():
            heard = self._heard.get(index)
            if heard is None:
                continue
            sensor, mine = self._configuration.sensors[index], frame.sensor == index
            value = frame.value[mine]
            good = (frame.quality[mine] == Quality.GOOD) & np.isfinite(value)
            good &= value >= (-np.inf if sensor.low is None else sensor.low)
            good &= value <= (np.inf if sensor.high is None else sensor.high)
            heard.times.append(frame.time[mine][good])
            heard.values.append(value[good])
            heard.left_out += int(len(value) - good.sum())

    def series(self, index: int) -> tuple[Int64, Float64, int]:
        """One sensor's times, values, and how many samples were left out."""
        return _series(self._heard[index])


class Learning(Gathering):
    """Gathers, and says of each sensor what it holds."""

    def learned(self, zone: str) -> Learned:
        """Everything, in this zone's weeks. Raises SpecError where nothing usable was heard."""
        found, ends = {}, []
        for index in self._heard:
            times, values, left_out = self.series(index)
            if len(times) < _FEWEST:
                continue
            ends += [int(times[0]), int(times[-1])]
            unit = self._configuration.sensors[index].unit
            found[name_of(self._configuration, index)] = LearnedSensor(
                unit=unit,
                samples=len(times),
                left_out=left_out,
                noise=noise_floor(values),
                limits={name: float(np.quantile(values, q)) for name, q in QUANTILES.items()},
                hours=tuple(_hours(times, values, zone)),
            )
        if not found:
            raise SpecError(
                "the recording has nothing to learn from",
                expected="good samples of the sensors that are asked for",
            )
        return Learned(zone, said_time(min(ends)), said_time(max(ends)), found)


def _series(heard: _Heard) -> tuple[Int64, Float64, int]:
    """One sensor's good samples by time, one a time."""
    if not heard.times:
        return np.zeros(0, np.int64), np.zeros(0), heard.left_out
    times, values = np.concatenate(heard.times), np.concatenate(heard.values)
    order = np.argsort(times, kind="stable")
    times, values = times[order], values[order]
    first = np.ones(len(times), np.bool_)
    first[1:] = times[1:] != times[:-1]
    return times[first], values[first], heard.left_out + int(len(times) - first.sum())


def noise_floor(values: Float64) -> float:
    """σ of one reading, by the median distance of neighbours: slow changes and outliers hardly count.

    Neighbouring readings differ by √2 σ (von Neumann 1941; by its median as Donoho & Johnstone 1994).
    """
    if len(values) < _FEWEST:
        return 0.0
    return float(MAD_TO_SPREAD * np.median(np.abs(np.diff(values))) / np.sqrt(2.0))


def hours_of_week(times: Int64, zone: str) -> Int64:
    """The hour of the local week of each time, 0 for Monday 00:00."""
    steps = offsets(zone)
    since = np.array([begin for begin, _ in steps], np.int64)
    ahead = np.array([by for _, by in steps], np.int64)
    local = times + ahead[np.searchsorted(since, times, side="right") - 1]
    found: Int64 = (local // HOUR_NS + _THURSDAY) % HOURS_OF_WEEK
    return found


def _hours(times: Int64, values: Float64, zone: str) -> Iterator[tuple[float, float, int]]:
    """(median, MAD, samples) of each hour; zeros where nothing was heard."""
    hour = hours_of_week(times, zone)
    order = np.argsort(hour, kind="stable")
    cuts = np.searchsorted(hour[order], np.arange(1, HOURS_OF_WEEK))
    for mine in np.split(values[order], cuts):
        if not len(mine):
            yield 0.0, 0.0, 0
            continue
        median = float(np.median(mine))
        yield median, float(np.median(np.abs(mine - median))), len(mine)


def said_time(time: int) -> str:
    """ISO, UTC, whole seconds."""
    return datetime.fromtimestamp(time // SECOND_NS, UTC).isoformat()


def write_learned(text: str, path: Path) -> None:
    """Writes the file anew, whole or not at all. Raises SpecError where it cannot be written."""
    aside = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text(text, "utf-8")
        aside.replace(path)
    except OSError as error:
        raise SpecError(
            "the file cannot be written", where=str(path), found=error.strerror or str(error)
        ) from error
