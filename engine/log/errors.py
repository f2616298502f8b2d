"""What can go wrong in the log beyond `LogError` itself.

LogError
├── DiskLimit      the named byte limit is reached and nothing more may be trimmed
├── LogInUse       another engine holds the directory
└── LogClosed      the store was closed, or its writer has ended
InvariantError
└── Nondeterminism a re-stepped record differs from the stored one
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvariantError, LogError


class DiskLimit(LogError):
    """Entries are refused until a snapshot, an alert output or the operator makes room."""


class LogInUse(LogError):
    """The directory belongs to a running engine."""


class LogClosed(LogError):
    """The store does not take work any more."""


class Nondeterminism(InvariantError):
    """The same (site, seq) came with other bytes: the core is not a function of the log."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something an operator must hear; `kind` is a short stable code.

    Kinds: `write_error`, `write_again`, `disk_limit`, `disk_limit_over`, `series_passed`,
    `damaged_entry`, `snapshot_error`, `snapshot_refused`, `side_copy_error`, `mark_error`,
    `callback_error`.
    """

    kind: str
    text: str
