"""What a person is to hear, as messages: alarms one by one, and in a flood one message a group and minute.

The topics `notice` and `drill-notice` carry what the record, alert and state topics carry in full, thinned
by flood control: they are for phones, walls and loudspeakers, not for archives.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ..flooding import FloodChange, Summary
from ..limits import MINUTE_NS
from ..record import Record
from . import topics
from .mqtt_records import Message
from .payload import VERSION, record_payload
from .ports import Place
from .text import LANGUAGES, Language, fill, table
from .times import rfc3339, zone

_PER_MINUTE: Final = MINUTE_NS


def alarm_notice(record: Record, place: Place) -> Message:
    """One alarm by itself: the record as on its other topics, and `kind`."""
    payload = record_payload(record, place)
    topic = topics.notice(record.area, record.site, record.exercise)
    return Message(topic, b'{"kind":"alarm",' + payload[1:])


def group_notice(summary: Summary, place: Place) -> Message:
    """Alarms of one group within one minute."""
    message: dict[str, Any] = {"kind": "group", "version": VERSION}
    message |= msgspec.structs.asdict(summary)
    message["end"] = summary.begin + _PER_MINUTE
    for name in ("begin", "end", "first", "last"):
        message[f"{name}_utc"] = rfc3339(message[name])
    message |= {"site_name": place.name}
    message["text"] = {x: group_text(summary, x, place) for x in LANGUAGES}
    topic = topics.notice(summary.area, summary.site or "-", summary.exercise)
    return Message(topic, msgspec.json.encode(message))


def group_text(summary: Summary, language: Language, place: Place) -> str:
    """The sentence of a group."""
    where, words = zone(place.zone), table(language)
    filled = {
        "place": place.name or summary.site,
        "rule": summary.rule,
        "asset": summary.asset,
        "count": str(summary.count),
        "level": words["levels"].get(summary.worst, summary.worst),
        "subject": summary.subject,
        "time": rfc3339(summary.first, where),
    }
    return _marked(fill(words["notices"]["group"], filled), summary.exercise, words)


def flood_notice(change: FloodChange) -> Message:
    """A flood of a position began or is over; on the topic of no site."""
    message: dict[str, Any] = {"kind": "flood", "version": VERSION}
    message |= msgspec.structs.asdict(change)
    message["time_utc"] = rfc3339(change.time)
    message["text"] = {x: flood_text(change, x) for x in LANGUAGES}
    return Message(topics.notice("", "-", change.exercise), msgspec.json.encode(message))


def flood_text(change: FloodChange, language: Language) -> str:
    """The sentence of a flood's beginning or end."""
    words = table(language)
    key = "flood_begun" if change.begun else "flood_over"
    filled = {"position": change.position, "count": str(change.alarms)}
    return _marked(fill(words["notices"][key], filled), change.exercise, words)


def _marked(text: str, exercise: bool, words: Mapping[str, Mapping[str, str]]) -> str:
    return words["marks"]["exercise"].format_map({"text": text}) if exercise else text
