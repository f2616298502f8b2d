"""What a called person reads: Chinese first, then English, the level's word in front."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..calls.limits import NAMED_CALLS
from ..level import LEVELS
from ..outputs.ports import Place
from ..outputs.text import Language, amount, author_sentence, fill, quantity_title, table
from ..outputs.times import rfc3339, zone
from ..record import Record

_LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")


@dataclass(frozen=True, slots=True)
class Message:
    """Title and body, in both languages."""

    title: str
    body: str


def gravity(record: Record) -> tuple[int, int]:
    """The gravest first, then the oldest."""
    return -LEVELS.index(record.level_after), record.time


def message(
    records: Sequence[Record], places: Mapping[str, Place], link: Callable[[Record], str]
) -> Message:
    """One message about every one of these records, which ask one person for answers.

    The first NAMED_CALLS of them, the gravest first, are told one by one; the others are counted.
    """
    grave = sorted(records, key=gravity)
    named, rest = grave[:NAMED_CALLS], grave[NAMED_CALLS:]
    titles, bodies = [], []
    for language in _LANGUAGES:
        words = [_words(record, language, places, link(record)) for record in named]
        texts = table(language)["calls"]
        more = str(len(records) - 1) if len(records) > 1 else ""
        titles.append(fill(texts["title"], {**words[0], "more": more}))
        parts = [fill(texts["body"], each).strip() for each in words]
        if rest:
            levels = [_level(record, language) for record in rest]
            counts = ", ".join(f"{levels.count(x)} × {x}" for x in dict.fromkeys(levels))
            parts.append(fill(texts["rest"], {"count": str(len(rest)), "levels": counts}))
        bodies.append("\n\n".join(parts))
    return Message(" / ".join(titles), "\n\n----\n\n".join(bodies))


def _level(record: Record, language: Language) -> str:
    return table(language)["levels"].get(record.level_after, record.level_after)


def _words(
    record: Record, language: Language, places: Mapping[str, Place], link: str
) -> dict[str, str]:
    detail = record.detail
    site = detail.get("alarm_site", "")
    place = places.get(site) or Place(record.area)
    local = zone(place.zone)
    drill = detail.get("alarm", "").startswith("drill~")
    subject = "" if drill else detail.get("alarm", "").partition("~")[2]
    answer_by = int(detail.get("answer_by", "0"))
    texts = table(language)["calls"]
    return {
        "mark": texts["exercise"] if record.exercise else "",
        "level": _level(record, language).upper(),
        "site": place.name or site,
        "area": place.area or record.area,
        "subject": " ".join(x for x in (record.asset, subject) if x),
        "quantity": texts["drill"]
        if drill
        else quantity_title(detail.get("measures", ""), language),
        "value": amount(record.value, record.unit),
        "limit": amount(record.limit, record.unit),
        "since": rfc3339(record.onset, local),
        "advice": author_sentence(detail.get("advice", "")),
        "reason": detail.get("reason", ""),
        "answer_by": rfc3339(answer_by, local) if answer_by else "",
        "link": link,
        "command": "" if link or drill else f"lifeline ack {site}/{detail.get('alarm', '')}",
    }
