"""What a record says to a person, in English and Chinese.

Records carry a message key and numbers; the words are made here, when a record leaves. The tables
`text_en.toml` and `text_zh.toml` have the same keys and placeholders. A message that is no key is
its author's own sentence: it stands before the generic text, never instead of it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, tzinfo
from functools import cache, lru_cache
from importlib.resources import files
from typing import Final, Literal

from ..command import Reply
from ..groups import WHOLE_SITE
from ..quantities import load_catalogue
from ..record import Record
from ..unit_spelling import UnitError, symbol
from .times import rfc3339
from .topics import AREA_SITE

Language = Literal["en", "zh"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "zh")
#: A key of the tables or of a later version of them, as opposed to an author's sentence.
_KEY: Final = re.compile(r"[a-z]+(\.[a-z_]+)+")
_ORDER: Final = "site.halt_work"  # its subject is the area that ordered
_PARTED: Final = " ¦ "
_SILENCE: Final = "alarm.stale"
_CALL: Final = "call"  # its subject is the alarm that somebody is called for
_OPTIONAL: Final = re.compile(r"\[([^\[\]]*\{[^\[\]]*)\]")
_TEMPLATES_KEPT: Final = 1_024  # ten times what the tables have
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")


@cache
def table(language: Language) -> Mapping[str, Mapping[str, str]]:
    """The text table of a language: section, key, template."""
    text = files(__package__).joinpath(f"text_{language}.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def fill(template: str, words: Mapping[str, str]) -> str:
    """The template with its words; a bracketed part without one of its words is left out.

    >>> fill("done[: {reason}]", {"reason": ""})
    'done'
    """

    return "".join(
        [
            words.get(piece, "") if is_word else piece
            for needed, pieces in _parts(template)
            if all(map(words.get, needed))
            for is_word, piece in pieces
        ]
    )


@lru_cache(maxsize=_TEMPLATES_KEPT)
def _parts(template: str) -> tuple[tuple[tuple[str, ...], tuple[tuple[bool, str], ...]], ...]:
    """The template taken apart once: for each part the words without which it is left out, and its
    pieces, each a text or the name of a word.
    """
    found: list[tuple[tuple[str, ...], tuple[tuple[bool, str], ...]]] = []
    for number, text in enumerate(_OPTIONAL.split(template)):  # what is optional is every other
        pieces = tuple((bool(n % 2), p) for n, p in enumerate(_PLACEHOLDER.split(text)) if p)
        needed = tuple(piece for is_word, piece in pieces if is_word)
        found.append((needed if number % 2 else (), pieces))
    return tuple(found)


def amount(value: float | None, unit: str) -> str:
    """A number with its unit as people print it; "" for None.

    >>> amount(27.25, "%LEL"), amount(3.0, "1"), amount(None, "m")
    ('27.25 %LEL', '3', '')
    """
    if value is None:
        return ""
    number = f"{value:.6g}"
    if unit in ("", "1", "bool"):
        return number
    try:
        return f"{number} {symbol(unit)}"
    except UnitError:
        return f"{number} {unit}"


def render(record: Record, language: Language, where: tzinfo = UTC, site_name: str = "") -> str:
    """The sentence for one record. Total: no record makes it raise."""
    words = _words(record, language, where, site_name)
    words["what"] = _what(record, language, words)
    transitions = table(language)["transitions"]
    # What returned and was not closed is no "normal alarm".
    silent = record.transition == "unknown" and record.level_after == "normal"
    key = "unknown_normal" if silent else record.transition
    sentence = fill(transitions.get(key, transitions["notice"]), words)
    marks = table(language)["marks"]
    for flag, mark in (
        (record.uncertain, "uncertain"),
        (record.historic, "historic"),
        (record.exercise, "exercise"),
    ):
        if flag:
            sentence = marks[mark].format_map({"text": sentence})
    # In Chinese a sentence may begin with somebody's login, which must stay as it is.
    return sentence if language == "zh" else sentence[:1].upper() + sentence[1:]


def _words(record: Record, language: Language, where: tzinfo, site_name: str) -> dict[str, str]:
    levels = table(language)["levels"]
    gap = " " if language == "zh" else ""
    detail = record.detail
    return {
        **detail,
        "level": levels.get(record.level_after, record.level_after),
        "before": levels.get(record.level_before, record.level_before),
        "place": _place(record, site_name) + gap,
        "subject": record.subject,
        "quantity": quantity_title(record.quantity, language),
        "value": amount(record.value, record.unit),
        "limit": amount(record.limit, record.unit),
        "rule": record.rule,
        "principal": detail.get("principal", ""),
        "reason": detail.get("reason", ""),
        "of": levels.get(detail.get("of", ""), ""),
        "cause": detail.get("reason", "") or detail.get("by", ""),
        "position": _kilometres(detail.get("position", "")),
        "uncertainty": _kilometres(detail.get("uncertainty", "")),
        "sensors": detail.get("sensors", "") or _silent_sensors(record),
        "source": record.subject.partition(":")[2],
        "sources": detail.get("sources", ""),
        "orderer": record.subject.partition(":")[2],
        "until": rfc3339(record.until, where) if record.until else "",
    }


def _kilometres(text: str) -> str:
    """A place on a line without its unit, for a sentence that has it."""
    return text.removesuffix(" km")


def _place(record: Record, site_name: str) -> str:
    """Where and on what; what an area says is about the whole of it."""
    if record.site.startswith(AREA_SITE):
        return site_name or record.site.removeprefix(AREA_SITE)
    about = "" if record.message == _ORDER or _of_link(record) else record.subject
    if record.quantity == _CALL:
        rule, _, about = about.partition("~")
        about = "" if rule == "drill" else about
    if about in (record.asset, WHOLE_SITE):
        about = ""  # a group is named by its asset, or is the site
    return " ".join(x for x in (site_name or record.site, record.asset, about) if x)


def _of_link(record: Record) -> str:
    """`link` or `source` where silence is told of a link instead of a sensor, else ""."""
    kind, colon, _ = record.subject.partition(":")
    return kind if record.message == _SILENCE and colon and kind in ("link", "source") else ""


def _silent_sensors(record: Record) -> str:
    return amount(record.value, "1") if record.value and _of_link(record) else ""


def _what(record: Record, language: Language, words: Mapping[str, str]) -> str:
    messages = table(language)["messages"]
    link = _of_link(record)
    template = messages.get(f"{record.message}.{link}" if link else record.message)
    if template is not None:
        return fill(template, words).strip()
    what = fill(messages["generic"], words).strip()
    if not record.message or _KEY.fullmatch(record.message):
        return what
    said = in_language(record.message, language)
    return f"{said} ({what})" if language == "en" else f"{said}（{what}）"


def in_language(message: str, language: Language) -> str:
    """An author's sentence; of one in both languages, parted by ` ¦ `, the half of `language`.

    >>> in_language("Ventilate ¦ 通风", "zh")
    '通风'
    """
    english, parted, chinese = message.partition(_PARTED)
    return chinese if parted and language == "zh" else english


def author_sentence(message: str) -> str:
    """The author's own sentence of a rule, "" where its message is only a key of the tables."""
    return "" if _KEY.fullmatch(message) else message


def quantity_title(quantity: str, language: Language) -> str:
    """The catalogue's title of a quantity; the name itself where there is none."""
    entry = load_catalogue().get(quantity)
    if entry is None:
        return quantity
    return entry.zh if language == "zh" else entry.en


def reply_text(reply: Reply, language: Language, reason: str | None = None) -> str:
    """The sentence for an answer to a command; `reason` where it is known in this language."""
    words = {"reason": reply.reason if reason is None else reason}
    return fill(table(language)["replies"][reply.outcome], words)


def refusal_text(key: str, detail: str, language: Language) -> str:
    """Why a command was not even logged."""
    return fill(table(language)["refusals"][key], {"detail": detail})
