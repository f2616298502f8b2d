"""RFC 3339 times, rendered and read at the outputs; inside everything is ns UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ..errors import SpecError

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NS: Final = 1_000_000_000
_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", re.ASCII
)


@lru_cache(maxsize=256)
def zone(name: str) -> tzinfo:
    """The zone of an IANA name. Raises SpecError for any other name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SpecError(
            "unknown time zone", found=repr(name), expected="an IANA name such as Asia/Shanghai"
        ) from error


def rfc3339(time_ns: int, where: tzinfo = UTC) -> str:
    """A time with its offset, to the millisecond (rounded down); the ns stay in the record.

    >>> rfc3339(1_767_225_600_123_456_789)
    '2026-01-01T00:00:00.123+00:00'
    """
    whole, rest = divmod(time_ns, _NS)
    at = _EPOCH + timedelta(seconds=whole, milliseconds=rest // 1_000_000)
    if where is UTC:
        return at.isoformat(timespec="milliseconds")
    local = at.astimezone(where)
    offset = local.utcoffset() or timedelta()
    if offset.seconds % 60:  # RFC 3339 has no seconds in an offset; zones before 1900 have
        local = at.astimezone(timezone(timedelta(minutes=round(offset.total_seconds() / 60))))
    return local.isoformat(timespec="milliseconds")


def parse_rfc3339(text: str) -> int:
    """ns of a time with an offset or `Z`. Raises ValueError for anything else.

    >>> parse_rfc3339("1970-01-01T08:00:00.5+08:00")
    500000000
    """
    match = _RFC3339.fullmatch(text.strip())
    if match is None:
        raise ValueError("not a time with an offset")
    seconds, fraction, offset = match.groups()
    at = datetime.fromisoformat(seconds + ("+00:00" if offset == "Z" else offset))
    return (at - _EPOCH) // timedelta(seconds=1) * _NS + int((fraction or "").ljust(9, "0"))
