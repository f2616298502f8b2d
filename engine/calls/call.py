"""One call: an alarm that waits for an answer, and how far down the chain it is."""

from __future__ import annotations

import hashlib
from typing import Final, Literal

import msgspec

from ..layout import NEVER
from ..level import LEVELS
from ..record import Record

#: States in which an alarm waits for somebody.
WAITING: Final = ("unacknowledged", "returned_unacknowledged")
Outcome = Literal["", "answered", "risen", "withdrawn", "reported", "gone"]


class Facts(msgspec.Struct, frozen=True, omit_defaults=True):
    """What every record of a call repeats of its alarm, so that it is complete in itself."""

    tenant: str
    area: str
    rule: str
    subject: str
    asset: str
    quantity: str
    unit: str
    value: float | None
    limit: float | None
    onset: int
    message: str
    basis: str

    @classmethod
    def of(cls, record: Record) -> Facts:
        """Those of the record that needs an answer."""
        return cls(
            record.tenant,
            record.area,
            record.rule,
            record.subject,
            record.asset,
            record.quantity,
            record.unit,
            record.value,
            record.limit,
            record.onset,
            record.message,
            record.basis,
        )


class Call(msgspec.Struct, omit_defaults=True):
    """What a snapshot keeps of a call.

    number     in the order in which calls began
    seq        of the record that needs the answer, `episode` the alarm's; both 0 in a drill
    first      seq of the call's own first record
    turn       how often somebody was called, over all rounds
    steps      the chain as it was when the round began
    asked      whom the present turn calls
    waiting    `<turn>:<person>` whose message nobody has told the outcome of
    reached    who got a message; `failed` who could not be reached, in the present turn
    done       whom this round has called
    regardless nobody was on duty: hours do not count in this round
    answers    (drill) who answered, at what time
    over       how it ended, `by` whom, at `ended`
    """

    id: str
    number: int
    site: str
    alarm: str
    level: int
    began: int
    facts: Facts
    episode: int = 0
    seq: int = 0
    exercise: bool = False
    drill: str = ""
    first: int = 0
    round: int = 0
    turn: int = 0
    step: int = 0
    steps: tuple[tuple[str, ...], ...] = ()
    asked: list[str] = []
    asked_at: int = 0
    waiting: list[str] = []
    reached: list[str] = []
    failed: list[str] = []
    done: list[str] = []
    regardless: bool = False
    deadline: int = NEVER
    answers: dict[str, int] = {}
    over: Outcome = ""
    by: str = ""
    ended: int = 0

    @property
    def key(self) -> tuple[str, str]:
        """The alarm that it is about."""
        return self.site, self.alarm

    @property
    def level_name(self) -> str:
        """Its level's word."""
        return LEVELS[self.level]

    def took(self, turn: int, person: str) -> bool:
        """Whether nobody has yet told what became of calling this person in this turn."""
        key = f"{turn}:{person}"
        if key not in self.waiting:
            return False
        self.waiting.remove(key)
        return True

    def nobody_reached(self) -> bool:
        """Whether each of those whom the present turn calls could not be reached."""
        return all(person in self.failed for person in self.asked)


def call_id(site: str, alarm: str, episode: int, seq: int, level: int) -> str:
    """16 hex digits over what the call is about; a log stepped again gives the same."""
    named = msgspec.json.encode((site, alarm, episode, seq, level))
    return hashlib.blake2b(named, digest_size=8, person=b"lifeline-call").hexdigest()


def drill_id(request: str) -> str:
    """As `call_id`, of a drill."""
    return hashlib.blake2b(request.encode(), digest_size=8, person=b"lifeline-drill").hexdigest()


def waits(record: Record) -> bool:
    """Whether the alarm waits for an answer behind this record."""
    return record.state_after in WAITING


def begins(record: Record) -> bool:
    """Whether this record asks for somebody: not historic, and it is the first of its kind (a new
    alarm, a rise, what comes off a shelf, or out of a backlog)."""
    if record.historic or record.state_after != WAITING[0]:
        return False
    rose = LEVELS.index(record.level_after) > LEVELS.index(record.level_before)
    return rose or record.transition == "actual" or record.state_before not in WAITING
