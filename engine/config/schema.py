"""Publishes the written forms as JSON Schemas, for editors and for other programs."""

from __future__ import annotations

from typing import Any, Final

from .authored import Authored
from .call_models import RosterFile
from .columns import TAGS, ColumnSet
from .models import LifelineFile
from .roster_table import ROSTER
from .rules_loading import author_kinds

_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_ID: Final = "urn:lifeline:schema:1:"
_TABLE_PROFILE: Final = "https://datapackage.org/profiles/2.0/tableschema.json"
_TEXT: Final = {"type": "string"}


def schemas() -> dict[str, dict[str, Any]]:
    """See `lifeline.engine.config.schemas`."""
    kinds = author_kinds()
    models: dict[str, type[Authored]] = {"lifeline.yaml": LifelineFile}
    models |= {"roster.yaml": RosterFile}
    models |= {f"rule.{name}": kinds[name].author_model for name in sorted(kinds)}
    found = {
        name: {"$schema": _DRAFT, "$id": _ID + name, **_tidied(model.model_json_schema())}
        for name, model in models.items()
    }
    rules = [name for name in found if name.startswith("rule.")]
    _shorthands(found["lifeline.yaml"])
    _with_rules(found["lifeline.yaml"], rules)
    # The file's own schema is complete by itself: editors are given one document.
    for name in rules:
        embedded = {key: value for key, value in found[name].items() if key != "$schema"}
        found["lifeline.yaml"]["$defs"][name] = embedded
    found["sensors.csv"] = table_schema()
    found["roster.csv"] = roster_table_schema()
    _roster_shorthands(found["roster.yaml"])
    return found


def _tidied(schema: Any) -> Any:
    """Without titles that only repeat names, and without defaults in a form nobody writes."""
    if isinstance(schema, list):
        return [_tidied(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key not in ("title", "properties")}
    written_as_text = schema.get("type") == "string" and not isinstance(
        schema.get("default", ""), str
    )
    if written_as_text or isinstance(schema.get("default"), dict):
        del kept["default"]
    tidy = {key: _tidied(value) for key, value in kept.items()}
    if "properties" in schema:
        named = schema["properties"].items()
        tidy["properties"] = {name: _tidied(value) for name, value in named}
    return tidy


def _shorthands(schema: dict[str, Any]) -> None:
    """One file instead of a list of files, one topic instead of a list of topics."""
    files = schema["properties"]["sensors"]
    one = {"anyOf": [_TEXT, files["items"]]}
    schema["properties"]["sensors"] = {"anyOf": [*one["anyOf"], {**files, "items": one}]}
    source = schema["$defs"]["SourceModel"]["properties"]
    source["topics"] = {"anyOf": [_TEXT, source["topics"]]}


def _with_rules(schema: dict[str, Any], names: list[str]) -> None:
    rule = {
        "type": "object",
        "required": ["id", "kind"],
        "oneOf": [{"$ref": f"#/$defs/{name}"} for name in names],
    }
    file = {**_TEXT, "description": "a file of rules"}
    rules = {"type": "array", "items": {"anyOf": [file, rule]}}
    schema["properties"]["rules"] = {"anyOf": [file, rules]}


def _roster_shorthands(schema: dict[str, Any]) -> None:
    """One URL instead of a channel, one name instead of a step."""
    person = schema["$defs"]["PersonModel"]["properties"]
    items = {"anyOf": [_TEXT, person["channels"]["items"]]}
    person["channels"] = {"anyOf": [*items["anyOf"], {**person["channels"], "items": items}]}
    chain = schema["$defs"]["ChainModel"]["properties"]
    several = {"type": "array", "items": _TEXT}
    chain["call"]["items"] = {"anyOf": [_TEXT, several, chain["call"]["items"]]}


def table_schema() -> dict[str, Any]:
    """The columns of a tag list as a Table Schema; `lifeline:headings` are other names read."""
    return _of_columns(
        "sensors.csv",
        "The tag list: a heading, then a sensor a row; UTF-8, UTF-16 or GB 18030; "
        "separated by comma, semicolon or tab",
        TAGS,
        ["site", "id"],
    )


def roster_table_schema() -> dict[str, Any]:
    """As `table_schema`, of a roster."""
    return _of_columns(
        "roster.csv",
        "The roster: a heading, then a person at a place a row; UTF-8, UTF-16 or GB 18030",
        ROSTER,
        [],
    )


def _of_columns(title: str, description: str, columns: ColumnSet, key: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "$schema": _TABLE_PROFILE,
        "title": title,
        "description": description,
        "fields": [
            {
                "name": column.name,
                "type": "number" if column.number else "string",
                "description": column.description,
                "constraints": {"required": column.required},
                "lifeline:headings": list(column.aliases),
            }
            for column in columns.columns
        ],
    }
    return {**found, "primaryKey": key} if key else found
