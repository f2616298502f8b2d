"""MQTT payloads: the record as it is chained, with the words and times that people read.

Every field of `record.Record` is there under its own name, defaults included, so that a receiver
in any language can check the hash chain without knowing what was left out.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ..command import Reply
from ..record import Record
from .ports import Place
from .text import LANGUAGES, render, reply_text
from .times import rfc3339, zone

VERSION: Final = 1
_TIMES: Final = (("event", "time"), ("onset", "onset"), ("until", "until"))


def record_payload(record: Record, place: Place) -> bytes:
    """JSON for the record, alert and state topics."""
    where = zone(place.zone)
    message: dict[str, Any] = {"version": VERSION}
    message |= msgspec.structs.asdict(record)
    message |= {"alarm": record.alarm, "domain": record.domain, "site_name": place.name}
    for word, name in _TIMES:
        time = getattr(record, name)
        message[f"{word}_utc"] = rfc3339(time) if time else ""
        message[f"{word}_local"] = rfc3339(time, where) if time else ""
    message["text"] = {x: render(record, x, where, place.name) for x in LANGUAGES}
    return msgspec.json.encode(message)


def reply_payload(reply: Reply, time: int, reasons: dict[str, str] | None = None) -> bytes:
    """JSON for the reply topic; `reasons` by language where the refusal is the output's own."""
    message: dict[str, Any] = {"version": VERSION}
    message |= msgspec.structs.asdict(reply)
    message |= {"time": time, "time_utc": rfc3339(time)}
    known = reasons or {}
    message["text"] = {x: reply_text(reply, x, known.get(x)) for x in LANGUAGES}
    return msgspec.json.encode(message)


class RetainedState(msgspec.Struct, frozen=True):
    """What is read back of a retained state: enough to know whether it is the one wanted."""

    seq: int = 0
    hash: str = ""


def retained_hash(payload: bytes) -> str:
    """The record hash in a retained payload; "" for anything that is not one."""
    try:
        return msgspec.json.decode(payload, type=RetainedState).hash
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ""
