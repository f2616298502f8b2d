"""Commands that come by MQTT: read, checked and turned into `command.Command`, or refused.

A command is JSON on `lifeline/v1/command/<site>/<user>`; the broker's ACL lets only that login
publish there, which is how we know the principal. Unknown keys are refused, since a misspelt
`expires` must not shelve for ever and a misspelt `episode` must not acknowledge something else.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec

from ..amounts import parse_duration
from ..command import EXPIRING, REASONED, Action, Command, Reply
from ..errors import SpecError
from ..limits import MAX_COMMAND_BYTES
from . import topics
from .text import LANGUAGES, refusal_text
from .times import parse_rfc3339

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=r"^[!-~]+$")]
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
_MAX_EXPIRES_NS = 2**62


class CommandMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The payload of a command topic; the fields are those of `command.Command`.

    `alarm` may also be what a maintenance or being out of service is of: `site`, `asset:<asset>`,
    `sensor:<id>`. `expires` is a duration from now (`8h`) or an RFC 3339 time with an offset. `role` is what the
    sender says about itself; it is recorded, nothing is granted by it. `level` is how grave a halt
    of work is that a person orders.
    """

    id: _Id
    action: Action
    alarm: _Name
    episode: _Count = 0
    seq: _Count = 0
    reason: Annotated[str, msgspec.Meta(max_length=1_000)] = ""
    expires: Annotated[str, msgspec.Meta(max_length=64)] = ""
    role: Annotated[str, msgspec.Meta(max_length=64)] = ""
    level: Literal["", "blue", "yellow", "orange", "red"] = ""


class _Salvaged(msgspec.Struct, frozen=True):
    id: _Id = ""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a message did not become a command: a key of the text tables and what was found."""

    site: str
    user: str
    key: str
    detail: str = ""
    id: str = ""
    alarm: str = ""

    def reply(self) -> Reply:
        """The answer to the sender."""
        return Reply(
            id=self.id,
            outcome="refused",
            reason=refusal_text(self.key, self.detail, "en"),
            site=self.site,
            alarm=self.alarm,
            principal=self.user,
        )

    def reasons(self) -> dict[str, str]:
        """The reason in every language."""
        return {x: refusal_text(self.key, self.detail, x) for x in LANGUAGES}


def refused(command: Command, key: str, detail: str) -> Refusal:
    """A refusal of a command that was read."""
    return Refusal(command.site, command.principal, key, detail, command.id, command.alarm)


def read_command(
    topic: str, payload: bytes, retained: bool, now: int, sites: Container[str]
) -> Command | Refusal | None:
    """The command of a message; a refusal to answer; None where there is nothing to answer.

    `now` is wall time in ns. Never raises, whatever the payload. An empty payload is None: it is
    how a retained message is cleared.
    """
    who = topics.command_of(topic)
    if who is None or not payload:
        return None
    site, user = who
    if len(payload) > MAX_COMMAND_BYTES:
        return Refusal(site, user, "too_long", str(MAX_COMMAND_BYTES))
    known = _salvaged_id(payload)
    if retained:
        return Refusal(site, user, "retained", id=known)
    if site not in sites:
        return Refusal(site, user, "unknown_site", repr(site), known)
    try:
        message = msgspec.json.decode(payload, type=CommandMessage)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Refusal(site, user, "malformed", str(error)[:300], known)
    return _command(site, user, message, now)


def _command(site: str, user: str, message: CommandMessage, now: int) -> Command | Refusal:
    def refusal(key: str, detail: str = "") -> Refusal:
        return Refusal(site, user, key, detail, message.id, message.alarm)

    expires = 0
    if message.expires:
        try:
            expires = _expiry(message.expires, now)
        except (SpecError, ValueError, OverflowError):
            return refusal("expires_unreadable", repr(message.expires))
        if expires <= now:
            return refusal("expires_past", repr(message.expires))
    elif message.action in EXPIRING:
        return refusal("expires_missing")
    if message.action in REASONED and not message.reason:
        return refusal("reason_missing")
    return Command(
        id=message.id,
        action=message.action,
        site=site,
        alarm=message.alarm,
        principal=user,
        role=message.role,
        reason=message.reason,
        episode=message.episode,
        seq=message.seq,
        expires=expires,
        issued=now,
        level=message.level,
    )


def _expiry(text: str, now: int) -> int:
    """Wall time in ns of a duration from `now` or of an RFC 3339 time."""
    at = parse_rfc3339(text) if "T" in text else now + parse_duration(text)
    if at > _MAX_EXPIRES_NS:
        raise ValueError("too far in the future")
    return at


def _salvaged_id(payload: bytes) -> str:
    """The id of a payload that is otherwise wrong, so that its sender knows what was refused."""
    try:
        return msgspec.json.decode(payload, type=_Salvaged).id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""


def command_schema() -> dict[str, Any]:
    """JSON Schema of the payload, for docs and `lifeline schema`."""
    return msgspec.json.schema(CommandMessage)
