"""Times on the command line."""

from __future__ import annotations

import re
from typing import Final

from ..errors import SpecError

_WITHOUT_SECONDS: Final = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d)(Z|[+-]\d\d:\d\d)$", re.ASCII)


def moment(text: str, *, end: bool = False) -> int:
    """ns UTC of a time with an offset, of a date (its beginning in UTC; with `end` the next day's),
    or of a duration, which is so long ago. Raises SpecError for anything else.

    >>> moment("1970-01-01T00:00:01Z"), moment("1970-01-02"), moment("1970-01-02", end=True)
    (1000000000, 86400000000000, 172800000000000)
    """
    from datetime import UTC, date, datetime

    from ..amounts import parse_duration
    from ..clock import SystemClock
    from ..limits import DAY_NS, SECOND_NS
    from ..outputs.times import parse_rfc3339

    stripped = _WITHOUT_SECONDS.sub(r"\1:00\2", text.strip())
    try:
        day = datetime.combine(date.fromisoformat(stripped), datetime.min.time(), UTC)
        return int(day.timestamp()) * SECOND_NS + (DAY_NS if end else 0)
    except ValueError:
        pass
    try:
        return parse_rfc3339(stripped)
    except ValueError:
        pass
    try:
        return SystemClock().wall() - parse_duration(stripped)
    except SpecError as error:
        raise SpecError(
            "not a time",
            found=repr(text),
            expected="2026-11-22T06:00:00+08:00, a date (UTC), or how long ago, such as 2h",
        ) from error
