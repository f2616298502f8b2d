"""How long an alarm may be kept away: by a shelf, a maintenance, or out of service.

The graver the level that stands, the shorter; what is asked for longer covers the milder levels only,
and a rise beyond them sounds.
"""

from __future__ import annotations

from typing import Final

from .limits import DAY_NS, HOUR_NS, MAX_SHELVE_NS, SECOND_NS

#: By level, blue to red. A maintenance silences whole assets, so it is no longer than a shelf.
MAX_MAINTENANCE_NS: Final = MAX_SHELVE_NS
#: A sensor that waits for a part is out of service for weeks; one that would alarm red for no
#: longer than a week before somebody says so again.
MAX_OUT_OF_SERVICE_NS: Final = (90 * DAY_NS, 30 * DAY_NS, 14 * DAY_NS, 7 * DAY_NS)
#: The rule id under which maintenance is recorded.
MAINTENANCE_RULE: Final = "maintenance"

#: Annunciation is held for twice this at most after the last raise.
MAX_FLAPPING_NS: Final = HOUR_NS
MAX_FLAPPING_RAISES: Final = 1_000
#: Nobody has done anything about an alarm sooner than that (EEMUA 191: a response takes minutes).
MIN_REALARM_NS: Final = 60 * SECOND_NS

_MAXIMA: Final = {
    "shelve": ("shelving", MAX_SHELVE_NS),
    "maintenance": ("maintenance", MAX_MAINTENANCE_NS),
    "out_of_service": ("being out of service", MAX_OUT_OF_SERVICE_NS),
}


def cover_of(action: str, duration: int) -> int:
    """The gravest level (1 to 4) that `action` may cover for so long; 0: none."""
    longest = _MAXIMA[action][1]
    return max((i + 1 for i, most in enumerate(longest) if duration <= most), default=0)


def expiry_refusal(action: str, level: int, expires: int, now: int) -> str:
    """Why an alarm at `level` must not be kept away until `expires`, or ""."""
    what, maxima = _MAXIMA[action]
    if expires <= now:
        return f"{what} needs an expiry in the future"
    longest = maxima[max(level, 1) - 1]
    if expires - now > longest:
        return f"{what} at this level expires after {_span(longest)} at most"
    return ""


def _span(duration: int) -> str:
    days = duration // DAY_NS
    return f"{days} days" if days > 7 else f"{duration // HOUR_NS} h"
