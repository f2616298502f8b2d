"""Event times: numbers in a unit, or ISO 8601 text, to ns since 1970 UTC, exactly.

Whole numbers are exact. A fraction means the decimal number that was written, not the binary one
it was rounded to: 1700000000.1 s is …000_100_000_000 ns.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from ..errors import PayloadError, SpecError
from ..frame import Float64, Int64
from ..limits import LATEST_TIME_NS
from ..source import UNIT_NS, Fold, TimeSpec

_TEXT = re.compile(
    r"\s*(\d{4})[-/](\d{1,2})[-/](\d{1,2})[T ]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,24}))?)?"
    r"\s*(Z|z|[+-]\d{2}(?::?\d{2})?)?\s*",
    re.ASCII,
)
_NUMBER = re.compile(r"\s*[+-]?\d{1,20}(?:\.\d{1,20})?\s*", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TimeReader:
    """Reads one source's times one by one. Raises SpecError for an unknown zone."""

    def __init__(self, spec: TimeSpec, *, text_numbers: bool = False) -> None:
        self.spec = spec
        self._factor = UNIT_NS.get(spec.unit, 0)
        self._text_numbers = text_numbers
        try:
            self._zone = ZoneInfo(spec.zone) if spec.zone else None
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise SpecError(
                "unknown time zone", found=repr(spec.zone), expected="an IANA name"
            ) from error

    def ns(self, raw: Any) -> int:
        """The time that `raw`, a JSON value, stands for. Raises PayloadError."""
        time = self.text(raw) if self._factor == 0 else self._number(raw)
        if not 0 <= time < LATEST_TIME_NS:
            raise PayloadError("time_out_of_bounds", f"{raw!r:.80} is not between 1970 and 2200")
        return time

    def text(self, raw: Any) -> int:
        """As `ns`, for ISO text."""
        found = _TEXT.fullmatch(raw) if isinstance(raw, str) else None
        if found is None:
            raise PayloadError("time_unreadable", f"{raw!r:.80} is not ISO 8601 text")
        *fields, fraction, offset = found.groups()
        seconds = _seconds(tuple(fields), offset, self._zone, self.spec.fold)
        time = seconds * 1_000_000_000
        if fraction is not None:
            time += int(fraction[:9].ljust(9, "0"))
        if not 0 <= time < LATEST_TIME_NS:
            raise PayloadError("time_out_of_bounds", f"{raw!r:.80} is not between 1970 and 2200")
        return time

    def _number(self, raw: Any) -> int:
        if isinstance(raw, bool) or not isinstance(raw, int | float | str):
            raise PayloadError("time_unreadable", f"{raw!r:.80} is not a number")
        if isinstance(raw, int):
            return raw * self._factor
        if isinstance(raw, str):
            if not (self._text_numbers and _NUMBER.fullmatch(raw)):
                raise PayloadError("time_unreadable", f"{raw!r:.80} is text, not a number")
            return _exact(raw, self._factor)
        if not abs(raw) <= LATEST_TIME_NS:  # catches NaN and infinities too
            raise PayloadError("time_out_of_bounds", f"{raw!r:.80} is not between 1970 and 2200")
        return _exact(repr(raw), self._factor)


@lru_cache(maxsize=4_096)  # a plant's sensors speak in the same seconds
def _seconds(
    fields: tuple[str | None, ...], offset: str | None, zone: ZoneInfo | None, fold: Fold
) -> int:
    try:
        when = datetime(*(int(f or 0) for f in fields))  # type: ignore[arg-type]  # noqa: DTZ001
        when = _located(when, offset, zone, fold)
        since = when - _EPOCH
    except PayloadError:
        raise
    except (ValueError, OverflowError) as error:
        raise PayloadError("time_unreadable", str(error)) from error
    return since.days * 86_400 + since.seconds


def _located(when: datetime, offset: str | None, zone: ZoneInfo | None, fold: Fold) -> datetime:
    if offset is not None:
        return when.replace(tzinfo=_offset(offset))
    if zone is None:
        raise PayloadError("time_unreadable", "no offset in the text and no zone in the source")
    first = when.replace(tzinfo=zone)
    second = first.replace(fold=1)
    before, after = first.utcoffset(), second.utcoffset()
    if before == after or before is None or after is None:
        return first
    if fold == "refuse":
        raise PayloadError("time_ambiguous", f"{when.isoformat(' ')} happens twice or never")
    # before > after: clocks went back, the hour happens twice. Otherwise it never happens, and
    # PEP 495 reads it by the offset before the change.
    return second if fold == "later" and before > after else first


def _offset(text: str) -> timezone:
    if text in "Zz":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-size if text[0] == "-" else size)


def _exact(text: str, factor: int) -> int:
    return int((Decimal(text) * factor).to_integral_value(ROUND_HALF_EVEN))


def times_ns(raw: list[Any], factor: int) -> Int64:
    """Numbers in a unit of `factor` ns, within the bounds of `LATEST_TIME_NS`, to ns.

    The same result as `TimeReader.ns` for each, by column.
    """
    column = np.array(raw, dtype=None if raw else np.int64)
    if column.dtype == np.int64:
        return column * factor
    # Mixed: numpy made floats of the whole numbers too, which would cost them their last digits.
    fractional = np.array([type(x) is float for x in raw])
    ns = np.zeros(len(raw), np.int64)
    ns[~fractional] = np.array([x for x in raw if type(x) is not float], np.int64) * factor
    ns[fractional] = _floats_ns(column[fractional].astype(np.float64), factor)
    return ns


def _floats_ns(column: Float64, factor: int) -> Int64:
    # Microseconds of any time before 2200 are exact in a float64; where they divide back to the
    # very same float, they are the decimal number that was written.
    per_micro = max(factor // 1_000, 1)
    micros = np.rint(column * per_micro)
    ns = micros.astype(np.int64) * (factor // per_micro)
    written = (micros / per_micro == column) & (factor >= 1_000)
    for i in np.flatnonzero(~written):
        ns[i] = _exact(repr(float(column[i])), factor)
    return ns


def spread(times: Int64, rows: Int64, message: Int64, resolution: int) -> Int64:
    """Equal stamps of one row within one message, spread evenly over `resolution` by position.

    The k-th of n (from 0) is moved by k * resolution // n. `message` numbers the messages.
    """
    if len(times) == 0:
        return times
    order = np.lexsort((times, rows, message))  # stable: position decides last
    keys = np.stack((message[order], rows[order], times[order]))
    starts = np.flatnonzero(np.r_[True, (keys[:, 1:] != keys[:, :-1]).any(axis=0)])
    counts = np.diff(np.r_[starts, len(times)])
    rank = np.arange(len(times)) - np.repeat(starts, counts)
    moved = times.copy()
    moved[order] += rank * resolution // np.repeat(counts, counts)
    return moved
