"""The embedded runtime: one process that serves a plant with nothing else installed.

engine       start, stop, reload: the order in which the parts live
assembly     the parts, opened and connected
looping      the stepping thread
stepping     log → core → outbox          ticking        the engine's time, and its ticks
snapshotting when, and on what            configuring    configurations into the log
commanding   commands in, answers out     delivering     the outputs
standing     what stands                  observing      status, and help for what died
serving      one plant from a terminal or a service manager, by signals
directory    what lies in the data directory
"""

from __future__ import annotations

import typing

from ..troubles import EngineTrouble
from .directory import DataDirectory
from .status import EngineStatus, read_status

if typing.TYPE_CHECKING:
    from .engine import Engine
    from .snapshotting import SnapshotPace

__all__ = [
    "DataDirectory",
    "Engine",
    "EngineStatus",
    "EngineTrouble",
    "SnapshotPace",
    "read_status",
]


def __getattr__(name: str) -> typing.Any:
    """What brings the compiler with it is loaded when it is asked for: `lifeline doctor` reads a
    status in a moment."""
    if name == "Engine":
        from .engine import Engine

        return Engine
    if name == "SnapshotPace":
        from .snapshotting import SnapshotPace

        return SnapshotPace
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
