"""What a rule that hears other alarms of its pack is, where a site has not all of them."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any


def heard(keys: Mapping[str, Any], absent: Set[str]) -> dict[str, Any] | None:
    """The rule's keys without alarms that are not there; None where nothing sensible is left.

    `absent` has ids of rules in full. A list loses what is absent, and one that has nothing left is
    nothing: a vote, a ladder or an `any` of nothing is no rule, an `all` that lacks a part can never
    hold, a `not` of nothing stands in nobody's way.
    """
    found = dict(keys)
    if "of" in found:
        found["of"] = _left(found["of"], absent)
        if found["of"] is None:
            return None
    for name in ("all", "any", "not"):
        terms = found.pop(name, None)
        if terms is None:
            continue
        listed = terms if isinstance(terms, list) else [terms]
        left = [kept for term in listed if (kept := _term(term, absent)) is not None]
        if (name == "all" and len(left) < len(listed)) or (name == "any" and not left):
            return None
        if left:
            found[name] = left
    return found


def _term(term: Any, absent: Set[str]) -> Any:
    if not isinstance(term, Mapping):
        return _left(term, absent)
    of = _left(term["of"], absent) if "of" in term else None
    return {**term, "of": of} if of is not None else None


def _left(of: Any, absent: Set[str]) -> Any:
    if not isinstance(of, list):
        return None if of in absent else of
    return [name for name in of if name not in absent] or None
