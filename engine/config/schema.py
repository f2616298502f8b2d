"""Publishes the written forms as JSON Schemas, for editors and for other programs."""

from __future__ import annotations

from typing import Any, Final

from .columns import COLUMNS
from .models import LifelineFile
from .rules_loading import author_kinds

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_ID: Final = "urn:lifeline:schema:1:"
_TABLE_PROFILE: Final = "https://datapackage.org/profiles/2.0/tableschema.json"


def schemas() -> dict[str, dict[str, Any]]:
    """See `lifeline.engine.config.schemas`."""
    kinds = author_kinds()
    rules = {f"rule.{name}": kinds[name].author_model.model_json_schema() for name in sorted(kinds)}
    found = {"lifeline.yaml": _with_rules(LifelineFile.model_json_schema(), sorted(rules))}
    found.update(rules)
    for name, schema in found.items():
        found[name] = {"$schema": _DRAFT, "$id": _ID + name, **schema}
    # The file's own schema is complete by itself: editors are given one document.
    found["lifeline.yaml"]["$defs"].update({name: _embedded(found[name]) for name in rules})
    found["sensors.csv"] = table_schema()
    return found


def _with_rules(schema: dict[str, Any], names: list[str]) -> dict[str, Any]:
    rule = {
        "type": "object",
        "required": ["id", "kind"],
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in names],
    }
    file = {"type": "string", "description": "a file of rules"}
    rules = schema["properties"]["rules"]
    rules["anyOf"] = [file, {"type": "array", "items": {"anyOf": [file, rule]}}]
    return schema


def _embedded(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that stands inside another: its references are relative to its own `$id`."""
    return {key: value for key, value in schema.items() if key != "$schema"}


def table_schema() -> dict[str, Any]:
    """The columns of a tag list as a Table Schema; `lifeline:headings` are other names read."""
    return {
        "$schema": _TABLE_PROFILE,
        "title": "sensors.csv",
        "description": "The tag list: a heading, then a sensor a row; UTF-8, UTF-16 or GB 18030; "
        "separated by comma, semicolon or tab",
        "fields": [
            {
                "name": column.name,
                "type": "number" if column.number else "string",
                "description": column.description,
                "constraints": {"required": column.required},
                "lifeline:headings": list(column.aliases),
            }
            for column in COLUMNS
        ],
        "primaryKey": ["site", "id"],
    }
