"""What pydantic refuses, told with file, line and the nearest valid name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ..errors import SpecError
from ..level import LEVELS
from .document import Document, Steps
from .nearest import listed, nearest
from .problems import Problems, quoted

_Model = TypeVar("_Model", bound=BaseModel)

_TYPES: Final = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "int_from_float": "a whole number",
}
_BOUNDS: Final = {
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
    "greater_than": ("gt", "more than"),
    "less_than": ("lt", "less than"),
}
#: Keys that would hold a secret, and what stands in their place.
SECRETS: Final = ("password", "token", "secret", "passphrase", "api_key")


def validated(
    model: type[_Model], document: Document, at: Steps, problems: Problems
) -> _Model | None:
    """The model of what stands at `at`, or None; everything refused goes to `problems`."""
    value = value_at(document.value, at)
    try:
        return model.model_validate(value)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            _tell(model, details, document, at, problems)
        return None


def value_at(value: Any, steps: Steps) -> Any:
    """What stands at a path of a plain value."""
    for step in steps:
        value = value[step]
    return value


def _tell(
    model: type[BaseModel], details: ErrorDetails, document: Document, at: Steps, problems: Problems
) -> None:
    steps = (*at, *(step for step in details["loc"] if isinstance(step, str | int)))
    kind = details["type"]
    if kind == "extra_forbidden":
        _unknown_key(model, document, at, steps, problems)
    elif kind == "missing":
        where = document.where(steps[:-1], key=True)
        problems.error(where, "a key is missing", expected=quoted(steps[-1]))
    else:
        _wrong_value(details, document.where(steps), _named(steps), problems)


def _unknown_key(
    model: type[BaseModel], document: Document, at: Steps, steps: Steps, problems: Problems
) -> None:
    key = str(steps[-1])
    where = document.where(steps, key=True)
    valid = _keys(model, steps[len(at) : -1])
    if key in SECRETS:
        problems.error(
            where,
            "secrets do not stand in this file",
            found=quoted(key),
            expected=f"{key}_file (a file with the secret) or {key}_env (an environment variable)",
        )
        return
    expected = listed(valid) if valid else ""
    what = "unknown level" if set(LEVELS[1:]) <= set(valid) else "unknown key"
    problems.error(where, what, found=quoted(key), expected=expected, nearest=nearest(key, valid))


def _wrong_value(details: ErrorDetails, where: str, name: str, problems: Problems) -> None:
    kind, context, value = details["type"], details.get("ctx", {}), details["input"]
    cause = context.get("error")
    if isinstance(cause, SpecError):
        problems.refused(where, cause, prefix=f"{name}: " if name else "")
    elif kind in _TYPES:
        problems.error(
            where, f"{name} has the wrong type", found=quoted(value), expected=_TYPES[kind]
        )
    elif kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        expected = f"{words} {context[bound]}"
        problems.error(where, f"{name} is out of range", found=quoted(value), expected=expected)
    elif kind == "literal_error":
        words = str(context["expected"]).replace("'", "")
        valid = words.replace(" or ", ", ").split(", ")
        close = nearest(str(value), valid)
        problems.error(
            where, f"{name} is not valid", found=quoted(value), expected=words, nearest=close
        )
    else:
        problems.error(where, f"{name}: {_reason(details)}", found=quoted(value))


def _reason(details: ErrorDetails) -> str:
    text = details["msg"].removeprefix("Value error, ")
    return text[:1].lower() + text[1:]


def _named(steps: Steps) -> str:
    """The key that a person looks for: the last word of the path."""
    return next((str(step) for step in reversed(steps) if isinstance(step, str)), "")


def _keys(model: type[BaseModel], steps: Steps) -> list[str]:
    """The valid keys of the mapping at `steps` below `model`; empty if it is not a model."""
    here: list[type[BaseModel]] = [model]
    for step in steps:
        if isinstance(step, int):
            continue
        fields = [m.model_fields[step].annotation for m in here if step in m.model_fields]
        here = [found for annotation in fields for found in _models(annotation)] or here
    return [key for found in here for key in found.model_fields]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models inside an annotation such as `list[Site] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    for part in get_args(annotation):
        yield from _models(part)
