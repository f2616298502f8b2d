"""Commands from other processes (`lifeline ack` while the engine runs), and the answers to them."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from ..clock import Clock
from ..command import Command, Reply
from ..limits import INBOX_COMMANDS, INBOX_REPLIES, SECOND_NS
from .mailbox import INBOX_FILE, Mailbox

_POLL_S: Final = 0.05


class Inbox(Mailbox[Command, Reply]):
    """Commands and replies, see `Mailbox`."""

    asked, answers = "commands", "replies"
    most, kept = INBOX_COMMANDS, INBOX_REPLIES

    def __init__(self, directory: Path, clock: Clock | None = None) -> None:
        super().__init__(directory, Command, Reply, clock)

    def unreadable(self, item_id: str, error: Exception) -> Reply:
        """Refused."""
        return Reply(item_id, "refused", f"the command cannot be read: {error}")

    def wait_reply(self, command_id: str, timeout_s: float) -> Reply | None:
        """The answer to a command, or None when time is up."""
        deadline = self._clock.monotonic() + int(timeout_s * SECOND_NS)
        pause = threading.Event()
        while True:
            reply = self.answer(command_id)
            if reply is not None or self._clock.monotonic() >= deadline:
                return reply
            pause.wait(_POLL_S)

    def reply(self, reply: Reply) -> None:
        """Answers a command and takes it out of the inbox, in one commit."""
        self.put(reply)


__all__ = ["INBOX_FILE", "Inbox"]
