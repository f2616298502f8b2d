"""What a rule of a pack says of itself in every record: where its limits come from, what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from .models import MARKS, PackChange, PackRule
from .plain import Pack, limits_of, mark_of

#: Parts a message in English and Chinese; `outputs.text` shows a reader the half of their language.
PARTED: Final = " ¦ "


def message_of(rule: PackRule, profile: str) -> str:
    """The advice in both languages, as the message of the rule."""
    advice = (rule.profiles.get(profile) or {}).get("advice")
    if advice is not None:
        return f"{advice['en']}{PARTED}{advice['zh']}"
    return f"{rule.advice.en}{PARTED}{rule.advice.zh}"


def basis_of(
    pack: Pack,
    rule: PackRule,
    profile: str,
    marks: Mapping[str, str],
    changes: Sequence[tuple[str, Any, PackChange]],
    keys: Mapping[str, Any],
) -> str:
    """The clause with its marks, the pack and profile, and what the site has otherwise and why."""
    own = (rule.profiles.get(profile) or {}).get("basis", rule.basis)
    letters = {mark_of(dict(marks), key)[:1] for key, _ in limits_of(keys)} - {""}
    shown = ", ".join(letter for letter in MARKS if letter in letters)
    said = f"{own}{f' [{shown}]' if shown else ''} (pack {pack.name}{f', {profile}' if profile else ''})"
    for path, old, change in changes:
        to = "none" if change.to is None else change.to
        before = "none" if old is None else old
        said += f"; site: {path} {to} instead of {before}: {change.reason}"
    return said
