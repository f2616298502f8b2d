"""Commands: what a person (or an area) does to an alarm, and the answer."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

Action = Literal[
    "acknowledge",
    "reset",
    "shelve",
    "unshelve",
    "out_of_service",
    "in_service",
    "maintenance",
    "end_maintenance",
    "halt_work",
    "resume_work",
]
ACTIONS: tuple[Action, ...] = get_args(Action)
#: What keeps alarms away for a time: it needs an expiry, and beyond shelving a reason.
EXPIRING: tuple[Action, ...] = ("shelve", "out_of_service", "maintenance")
REASONED: tuple[Action, ...] = ("out_of_service", "maintenance")
Outcome = Literal["done", "repeated", "refused"]


class Command(msgspec.Struct, frozen=True, omit_defaults=True):
    """One action on one alarm of one site; `id` makes repeats harmless.

    `alarm` is `<rule id>~<subject>`. An acknowledgement names the `episode` and the `seq` up to
    which the person has seen it (0: whatever stands). What keeps alarms away names `expires` (ns,
    wall time). A maintenance is named `maintenance~site`, `maintenance~asset:<asset>` or
    `maintenance~sensor:<id>`, or by the part behind `~` alone; out of service may be one alarm, or
    all of a sensor as `sensor:<id>`.
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
