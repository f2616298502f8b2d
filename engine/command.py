"""Commands: what a person (or an area) does to an alarm, and the answer."""

from __future__ import annotations

from typing import Literal

import msgspec

Action = Literal["acknowledge", "shelve", "unshelve", "halt_work", "resume_work"]
ACTIONS: tuple[Action, ...] = ("acknowledge", "shelve", "unshelve", "halt_work", "resume_work")
Outcome = Literal["done", "repeated", "refused"]


class Command(msgspec.Struct, frozen=True, omit_defaults=True):
    """One action on one alarm of one site; `id` makes repeats harmless.

    `alarm` is `<rule id>~<subject>`. An acknowledgement names the `episode` and the `seq` up to
    which the person has seen it (0: whatever stands). Shelving names `expires` (ns, wall time).
    `issued` is the sender's wall time, for the record only; `principal` is who did it, as the
    broker's login or the command line's user says.

    An area orders a site to halt work as principal `area:<path>`; `level` is how grave the order
    is, `episode` and `seq` are those of its own record, `expires` ends the order if nobody renews
    it. At the area itself a person halts and resumes work by the same actions.
    """

    id: str
    action: Action
    site: str
    alarm: str
    principal: str
    role: str = ""
    reason: str = ""
    episode: int = 0
    seq: int = 0
    expires: int = 0
    issued: int = 0
    level: str = ""


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """The answer to a command: what became of it, why, and the record it made (0: none)."""

    id: str
    outcome: Outcome
    reason: str = ""
    site: str = ""
    alarm: str = ""
    seq: int = 0
    principal: str = ""
