"""Named points at which a fault test kills or freezes a worker.

`LIFELINE_WORKER_CRASH_AT=<name>:<n>[:freeze]` sends SIGKILL to the process itself at the n-th hit
of that point (`n` defaults to 1), or with `freeze` SIGSTOP: whoever sends SIGCONT wakes it. Off,
which is the default, each point costs one check of a module constant:

    if failpoints.ARMED:
        failpoints.hit("checkpoint.probed")
"""

from __future__ import annotations

import os
import signal
from typing import Final

from ..errors import SpecError

VARIABLE: Final = "LIFELINE_WORKER_CRASH_AT"

_POINTS: Final = (
    "step.before",  # a record taken from the log, nothing stepped
    "step.after",  # stepped, its alert records not sent
    "alerts.sent",  # on their way, nobody knows whether they are durable
    "tick.before_send",
    "tick.landed",
    "checkpoint.cut",  # the state is copied
    "checkpoint.alerts_durable",
    "checkpoint.probed",  # the lease is ours, nothing written yet
    "checkpoint.first_chunk",
    "checkpoint.chunks_durable",
    "checkpoint.marker_durable",
    "checkpoint.committed",
    "checkpoint.deleted",  # superseded ones have their tombstones
    "restore.before",
    "restore.read",  # the checkpoint is read, nothing committed
    "restore.committed",  # the group's offset is the checkpoint's, no record taken yet
    "revoked.before",  # the partitions are to be given up, the last checkpoint not begun
)


def _parse(text: str) -> tuple[str, int, signal.Signals] | None:
    if not text:
        return None
    name, count, how = [*text.split(":"), "", ""][:3]
    count = count or "1"
    known = name in _POINTS and count.isdigit() and int(count) >= 1 and how in ("", "freeze")
    if not known or text.count(":") > 2:
        raise SpecError(
            f"{VARIABLE} names no point",
            found=text,
            expected=f"<name>:<n>[:freeze] with a name of {', '.join(_POINTS)}",
        )
    return name, int(count), signal.SIGSTOP if how else signal.SIGKILL


_TARGET: Final = _parse(os.environ.get(VARIABLE, ""))
ARMED: Final = _TARGET is not None
_hits = 0


def points() -> tuple[str, ...]:
    """All names."""
    return _POINTS


def hit(name: str) -> None:
    """Kills or freezes the process if this is the named point's n-th hit; otherwise nothing.

    All points lie in the worker's main loop, so that hits are counted without a lock.
    """
    global _hits
    if _TARGET is None or name != _TARGET[0]:
        return
    _hits += 1
    if _hits == _TARGET[1]:
        os.kill(os.getpid(), _TARGET[2])
