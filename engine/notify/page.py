"""The page behind a link, in Chinese and English; plain HTML, readable on any telephone."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Final

from ..calls.call import Call
from ..level import LEVELS_ZH
from ..outputs.ports import Place
from ..outputs.text import Language, amount, author_sentence, fill, quantity_title, table
from ..outputs.times import rfc3339, zone
from .answering import Page

STATUS: Final = {
    "open": 200, "answered": 200, "repeated": 200, "over": 200, "busy": 503,
    "refused": 409, "unknown": 404, "malformed": 400, "signature": 403, "expired": 410,
}  # fmt: skip
_COLOURS: Final = ("#2e7d32", "#1565c0", "#f9a825", "#ef6c00", "#c62828")
_HEAD: Final = (
    '<!doctype html><html lang="zh"><head><meta charset="utf-8"><title>Lifeline</title>'
    '<meta name="viewport" content="width=device-width,initial-scale=1">'
    '<meta name="robots" content="noindex"><style>body{font:18px/1.5 sans-serif;max-width:36em;'
    "margin:1em auto;padding:0 1em}h1{color:#fff;padding:.4em;border-radius:.2em;font-size:1.3em}"
    "button{font-size:1.3em;padding:.6em 1.2em;width:100%}pre{white-space:pre-wrap;font:inherit}"
    "</style></head><body>"
)
_LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")


def rendered(page: Page, places: Mapping[str, Place], after: bool) -> str:
    """The HTML; with a button where the call waits for this person. `after` an answer was given."""
    parts = [_HEAD]
    if page.call is not None:
        parts.append(_title(page.call))
    for language in _LANGUAGES:
        texts = table(language)["calls"]
        words = {
            "person": page.person,
            "reason": page.reason,
            "by": page.by.removeprefix("person:"),
            "at": page.at,
        }
        if page.call is not None:
            parts.append(f"<pre>{escape(_facts(page.call, language, places))}</pre>")
        if page.verdict != "open" or after:
            parts.append(f"<p><strong>{escape(fill(texts[page.verdict], words))}</strong></p>")
    if page.verdict in ("open", "busy"):
        zh, en = (table(language)["calls"]["button"] for language in _LANGUAGES)
        parts.append(
            f'<form method="post"><button type="submit">{escape(zh)} / {escape(en)}</button></form>'
        )
    return "".join([*parts, "</body></html>"])


def _title(call: Call) -> str:
    words = f"{LEVELS_ZH[call.level]}报警 / {call.level_name.upper()}"
    if call.exercise:
        words = f"【演练】{words} [EXERCISE]"
    return f'<h1 style="background:{_COLOURS[call.level]}">{escape(words)}</h1>'


def _facts(call: Call, language: Language, places: Mapping[str, Place]) -> str:
    facts, texts = call.facts, table(language)["calls"]
    place = places.get(call.site) or Place(facts.area)
    subject = "" if call.drill else facts.subject
    words = {
        "mark": texts["exercise"] if call.exercise else "",
        "level": table(language)["levels"][call.level_name].upper(),
        "site": place.name or call.site,
        "area": place.area,
        "subject": " ".join(x for x in (facts.asset, subject) if x),
        "quantity": texts["drill"] if call.drill else quantity_title(facts.quantity, language),
        "value": amount(facts.value, facts.unit),
        "limit": amount(facts.limit, facts.unit),
        "since": rfc3339(facts.onset, zone(place.zone)),
        "advice": author_sentence(facts.message),
    }
    return fill(texts["body"], words)
