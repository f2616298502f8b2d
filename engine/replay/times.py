"""Event times of recorded files, by column: to ns since 1970 UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from ..errors import PayloadError, SpecError
from ..frame import Int64
from ..limits import LATEST_TIME_NS, SECOND_NS
from ..source import UNIT_NS, TimeSpec

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# All offsets since 1970 change at a multiple of this, so that one look-up serves a quarter of an hour.
_QUARTER_S: Final = 900


def event_times(column: Any, name: str, unit: str, zone: str) -> Int64:
    """The times of a pyarrow column: timestamps, ISO text, or numbers in `unit`.

    `zone` (IANA, "" for none) is where timestamps without an offset were written. Raises SpecError
    for a column that cannot be read, with the row of the first bad value.
    """
    import pyarrow as pa

    kind = column.type
    if pa.types.is_timestamp(kind):
        plain = column.cast(pa.timestamp("ns")).to_numpy(zero_copy_only=False)
        times = plain.astype("datetime64[ns]").astype(np.int64)
        _check(times, name)
        return times if kind.tz else local_to_utc(times, _zone(zone, name))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _numbers(column, name, unit)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _texts(column.to_pylist(), name, zone)
    raise SpecError("not a column of times", found=f"{name}: {kind}", expected="times or text")


def local_to_utc(local: Int64, zone: ZoneInfo) -> Int64:
    """UTC of local times (ns since 1970 as a clock on the wall shows it).

    An hour that happens twice is its first pass; one that never happens is read by the offset
    before the change.
    """
    quarters = local // (_QUARTER_S * SECOND_NS)
    each, where = np.unique(quarters, return_inverse=True)
    offsets = np.array([_offset_ns(int(q), zone) for q in each], np.int64)
    return np.asarray(local - offsets[where], np.int64)


def _offset_ns(quarter: int, zone: ZoneInfo) -> int:
    at = (_EPOCH + timedelta(seconds=quarter * _QUARTER_S)).replace(tzinfo=zone)
    offset = at.utcoffset()
    assert offset is not None  # a ZoneInfo always has one for a whole date
    return round(offset.total_seconds()) * SECOND_NS


def _zone(zone: str, name: str) -> ZoneInfo:
    if not zone:
        raise SpecError(
            "the times have no offset and no zone is known",
            found=f"column {name}",
            expected="--zone, or a `timezone` at the site in lifeline.yaml",
        )
    from ..outputs.times import zone as known

    found = known(zone)
    assert isinstance(found, ZoneInfo)
    return found


def _numbers(column: Any, name: str, unit: str) -> Int64:
    import pyarrow as pa

    if unit not in UNIT_NS:
        raise SpecError(
            "the times are numbers whose unit is not known",
            found=f"column {name}",
            expected="--time-unit s, ms, us or ns (since 1970 UTC)",
        )
    if pa.types.is_integer(column.type):
        raw = column.to_numpy(zero_copy_only=False)
        if raw.dtype.kind == "f":  # pyarrow's way of showing gaps among whole numbers
            raise SpecError("a row has no time", found=f"column {name}")
        _bounded(raw, name, UNIT_NS[unit])
        times = raw.astype(np.int64) * UNIT_NS[unit]
    else:
        raw = column.to_numpy(zero_copy_only=False)
        _bounded(raw, name, UNIT_NS[unit])
        whole = np.floor(raw)
        # In two parts: a float64 cannot hold ns since 1970.
        part = np.round((raw - whole) * UNIT_NS[unit]).astype(np.int64)
        times = whole.astype(np.int64) * UNIT_NS[unit] + part
    return np.asarray(times, np.int64)


def _bounded(raw: Any, name: str, factor: int) -> None:
    fits = (raw >= 0) & (raw < LATEST_TIME_NS // factor)
    if not fits.all():
        row = int(np.argmin(fits))
        raise SpecError(
            "a time lies outside 1970 to 2200",
            where=f"row {row + 1}",
            found=f"{name} = {raw[row]}",
            expected="times in the unit that --time-unit names",
        )


def _check(times: Int64, name: str) -> None:
    fits = (times >= 0) & (times < LATEST_TIME_NS)
    if not fits.all():  # a missing timestamp is the smallest number there is
        row = int(np.argmin(fits))
        raise SpecError(
            "a row has no time, or one outside 1970 to 2200",
            where=f"row {row + 1}",
            found=f"column {name}",
        )


def _texts(texts: list[str | None], name: str, zone: str) -> Int64:
    from ..payload.times import TimeReader

    reader = TimeReader(TimeSpec(unit="iso", zone=zone))
    times = np.empty(len(texts), np.int64)
    for row, text in enumerate(texts):
        try:
            times[row] = reader.ns(text)
        except PayloadError as error:
            raise SpecError(
                f"a time cannot be read: {error.detail}", where=f"row {row + 1}", found=name
            ) from error
    return times
