"""What other processes ask of the engine beside commands, and what has come of it.

Dead letters are in the log's own file, which the engine alone writes, so whoever wants them tried
again, or has some to add, asks. A request stays in the inbox's file until it is done: one that was
made while no engine ran is done at the next start, and one that an engine died over is begun
again, which is harmless (see `Settlement`). Unlike a command a request is no entry of the log, since
it changes no alarm.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from .dead_letters import NewLetter
from .mailbox import Mailbox

#: Requests that wait: so many backfills' worth of poison lines, at most some 100 MB of them.
REQUESTS_KEPT: Final = 256
#: Outcomes that wait for whoever asked.
OUTCOMES_KEPT: Final = 100
#: Letters that an outcome names one by one; a person reads no more of them.
NAMED: Final = 20


class Retry(msgspec.Struct, frozen=True, tag="retry"):
    """Try these dead letters again."""

    id: str
    letters: tuple[int, ...]


class Bury(msgspec.Struct, frozen=True, tag="bury"):
    """Keep these lines, which a server refused, among the dead letters."""

    id: str
    letters: tuple[NewLetter, ...]


Request: TypeAlias = Retry | Bury


class Outcome(msgspec.Struct, omit_defaults=True):
    """What has come of a request so far.

    done       nothing more comes
    total      letters that were asked for
    taken      letters that are durable elsewhere and left the table
    samples    samples that payloads among them became
    parts      of those taken, payloads of which a part was refused again: the part is a letter anew
    refused    letters that were refused again, by the new reason
    left       letters that were not tried, by why: their server does not answer, they are cut, …
    gone       letters that were not there any more
    named      (id, reason, words) of the first that were refused again or left
    """

    id: str
    done: bool = False
    total: int = 0
    taken: int = 0
    samples: int = 0
    parts: int = 0
    refused: dict[str, int] = {}
    left: dict[str, int] = {}
    gone: int = 0
    named: list[tuple[int, str, str]] = []

    @property
    def tried(self) -> int:
        """Letters that were looked at."""
        return self.taken + sum(self.refused.values()) + sum(self.left.values()) + self.gone

    def refuse(self, letter: int, reason: str, words: str) -> None:
        """The letter was refused again."""
        self.refused[reason] = self.refused.get(reason, 0) + 1
        self._name(letter, reason, words)

    def leave(self, letter: int, reason: str, words: str) -> None:
        """The letter was not tried."""
        self.left[reason] = self.left.get(reason, 0) + 1
        self._name(letter, reason, words)

    def _name(self, letter: int, reason: str, words: str) -> None:
        if len(self.named) < NAMED:
            self.named.append((letter, reason, words))


class Requests(Mailbox[Request, Outcome]):
    """Requests and what has come of them, see `Mailbox`."""

    asked, answers = "requests", "outcomes"
    most, kept = REQUESTS_KEPT, OUTCOMES_KEPT

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, Request, Outcome)

    def unreadable(self, item_id: str, error: Exception) -> Outcome:
        """Given up."""
        return Outcome(item_id, done=True, left={"unreadable_request": 1})

    def tell(self, outcome: Outcome) -> None:
        """Says how far a request is; one that is done leaves, in the same commit."""
        self.put(outcome, outcome.done)
