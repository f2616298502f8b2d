"""Drills that other processes order (`lifeline roster drill`), and the answers to them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from ..calls.entry import Drill
from ..clock import Clock
from ..command import Reply
from .mailbox import Mailbox

#: Orders that wait for the engine: people order one a week.
DRILLS_KEPT: Final = 16
#: Answers that wait for whoever asked.
REPLIES_KEPT: Final = 100


class Drills(Mailbox[Drill, Reply]):
    """Orders and answers, see `Mailbox`."""

    asked, answers = "drills", "drill_replies"
    most, kept = DRILLS_KEPT, REPLIES_KEPT

    def __init__(self, directory: Path, clock: Clock | None = None) -> None:
        super().__init__(directory, Drill, Reply, clock)

    def unreadable(self, item_id: str, error: Exception) -> Reply:
        """Refused."""
        return Reply(item_id, "refused", f"the drill cannot be read: {error}")
