"""The embedded runtime: one process that serves a plant with nothing else installed.

engine       start, stop, reload: the order in which the parts live
assembly     the parts, opened and connected
configuring  configurations into the log  commanding     commands in, answers out
standing     what stands                  observing      status, and help for what died
area_stage   the second stage; the loop that steps, ticks and snapshots is in `stages`
serving      one plant from a terminal or a service manager, by signals
directory    what lies in the data directory
"""

from __future__ import annotations

import typing

from ..troubles import EngineTrouble
from .directory import DataDirectory
from .status import EngineStatus, read_status

if typing.TYPE_CHECKING:
    from ..stages.snapshotting import SnapshotPace
    from .engine import Engine

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
        from ..stages.snapshotting import SnapshotPace

        return SnapshotPace
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
