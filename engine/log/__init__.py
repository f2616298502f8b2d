"""The embedded log: entries, outbox, cursors and snapshots in SQLite."""

from .configurations import ConfigurationFiles
from .dead_letters import DeadLetter, KeptLetter, LettersGone, Settlement, Unknown
from .drills import Drills
from .errors import DiskLimit, LogClosed, LogInUse, Nondeterminism, Trouble
from .inbox import Inbox
from .reader import LogReader, Loss
from .recovery import Recovery
from .requests import Bury, Outcome, Requests, Retry
from .rows import OutboxRow, StandingRow
from .store import Health, LogStore
from .ticket import Ticket

__all__ = [
    "Bury",
    "ConfigurationFiles",
    "DeadLetter",
    "DiskLimit",
    "Drills",
    "Health",
    "Inbox",
    "KeptLetter",
    "LettersGone",
    "LogClosed",
    "LogInUse",
    "LogReader",
    "LogStore",
    "Loss",
    "Nondeterminism",
    "OutboxRow",
    "Outcome",
    "Recovery",
    "Requests",
    "Retry",
    "Settlement",
    "StandingRow",
    "Ticket",
    "Trouble",
    "Unknown",
]
