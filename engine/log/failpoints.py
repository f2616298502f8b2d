"""Named points at which a fault test kills the process, as a power cut would.

`LIFELINE_CRASH_AT=<name>:<n>` sends SIGKILL to the process itself at the n-th hit of that point
(`n` defaults to 1). Off, which is the default, each point costs one check of a module constant:

    if failpoints.ARMED:
        failpoints.hit("append.before_commit")
"""

from __future__ import annotations

import os
import signal
import threading
from typing import Final

from ..errors import SpecError

VARIABLE: Final = "LIFELINE_CRASH_AT"

_POINTS: Final = (
    "append.before_commit",  # entries inserted, nothing durable
    "append.after_commit",  # durable, nobody told
    "append.after_tickets",  # durable and told
    "outbox.before_commit",
    "outbox.after_commit",
    "outbox.after_tickets",
    "cursor.before_commit",
    "cursor.after_commit",
    "dead_letter.before_commit",
    "dead_letter.after_commit",
    "mark.before_write",  # durable, the mark of the end still the one before
    "trim.before_commit",
    "trim.after_commit",
    "snapshot.before_chunk",
    "snapshot.after_chunk",
    "snapshot.before_commit",  # all chunks durable, the snapshot not yet named
    "snapshot.after_commit",
    "side.before_commit",  # the second copy of heads and cursors
    "side.after_commit",
)


def _parse(text: str) -> tuple[str, int] | None:
    if not text:
        return None
    name, _, count = text.partition(":")
    if name not in _POINTS or not (count or "1").isdigit() or int(count or "1") < 1:
        raise SpecError(
            f"{VARIABLE} names no point",
            found=text,
            expected=f"<name>:<n> with a name of {', '.join(_POINTS)}",
        )
    return name, int(count or "1")


_TARGET: Final = _parse(os.environ.get(VARIABLE, ""))
ARMED: Final = _TARGET is not None
_lock = threading.Lock()
_hits = 0


def points() -> tuple[str, ...]:
    """All names, in the order in which the code passes them."""
    return _POINTS


def hit(name: str) -> None:
    """Kills the process if this is the named point's n-th hit; otherwise does nothing."""
    global _hits
    if _TARGET is None or name != _TARGET[0]:
        return
    with _lock:
        _hits += 1
        if _hits == _TARGET[1]:
            os.kill(os.getpid(), signal.SIGKILL)
