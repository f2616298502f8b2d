"""The embedded log: entries, outbox, cursors and snapshots in SQLite."""

from .configurations import ConfigurationFiles
from .dead_letters import DeadLetter, Unknown
from .errors import DiskLimit, LogClosed, LogInUse, Nondeterminism, Trouble
from .inbox import Inbox
from .reader import LogReader, Loss
from .recovery import Recovery
from .rows import OutboxRow, StandingRow
from .store import Health, LogStore
from .ticket import Ticket

__all__ = [
    "ConfigurationFiles",
    "DeadLetter",
    "DiskLimit",
    "Health",
    "Inbox",
    "LogClosed",
    "LogInUse",
    "LogReader",
    "LogStore",
    "Loss",
    "Nondeterminism",
    "OutboxRow",
    "Recovery",
    "StandingRow",
    "Ticket",
    "Trouble",
    "Unknown",
]
