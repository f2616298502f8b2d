"""Takes `lifeline.yaml` apart, so that a mistake in one section does not hide those in others."""

from __future__ import annotations

import copy
from typing import Any, Final

from pydantic import ValidationError

from .document import Document, Steps
from .doubtful import Doubtful
from .models import LifelineFile
from .problems import Problems, quoted
from .validation import validated

_LISTS: Final = ("sites", "sources")


def read_sections(
    document: Document, doubtful: Doubtful, problems: Problems
) -> tuple[LifelineFile, dict[str, list[int]]] | None:
    """The file as a model without its mistaken parts, and where the kept list items stand.

    None where too little is left. Every mistake goes to `problems`, every name that was left out
    to `doubtful`. The second value gives, for sites and sources, the position in the file of
    each item of the model.
    """
    if not isinstance(document.value, dict):
        problems.error(
            document.where(()),
            "the file is not a mapping",
            found=quoted(document.value),
            expected="version, sites, sensors, sources and rules",
        )
        return None
    for key in ("sites", "sensors", "sources"):
        if document.value.get(key) == []:
            problems.error(
                document.where((key,), key=True), f"{key} is empty", expected="one or more"
            )
    places = {key: _positions(document.value.get(key)) for key in _LISTS}
    model = validated(LifelineFile, document, (), problems)
    if model is None:
        model = _salvaged(document, places, doubtful)
    return None if model is None else (model, places)


def _positions(value: Any) -> list[int]:
    return list(range(len(value))) if isinstance(value, list) else []


def _salvaged(
    document: Document, places: dict[str, list[int]], doubtful: Doubtful
) -> LifelineFile | None:
    value = copy.deepcopy(document.value)
    try:
        LifelineFile.model_validate(value)
    except ValidationError as error:
        wrong = {tuple(x for x in e["loc"] if isinstance(x, str | int)) for e in error.errors()}
        _prune(value, wrong, places, doubtful)
    try:
        return LifelineFile.model_validate(value)
    except ValidationError:
        return None


def _prune(
    value: dict[str, Any], wrong: set[Steps], places: dict[str, list[int]], doubtful: Doubtful
) -> None:
    """Remove what is wrong: an item of a list of sites or sources, else the whole section."""
    names = {"sites": doubtful.sites, "sources": doubtful.sources}
    for key, *rest in wrong:
        if key in _LISTS and rest and isinstance(rest[0], int):
            continue
        value.pop(str(key), None)
        doubtful.keys.add(str(key))
        doubtful.tables |= key == "sensors"
    for key in _LISTS:
        bad = {steps[1] for steps in wrong if steps[0] == key and len(steps) > 1}
        items = value.get(key)
        if not isinstance(items, list):
            continue
        for i in bad:
            item = items[int(i)]
            if isinstance(item, dict) and isinstance(item.get("id"), str):
                names[key].add(item["id"])
        places[key] = [i for i in range(len(items)) if i not in bad]
        value[key] = [items[i] for i in places[key]]
    value.setdefault("version", 1)
