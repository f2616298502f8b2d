"""The published schemas accept what is accepted and refuse what is refused."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lifeline.engine.config import check, schemas
from lifeline.engine.config.columns import COLUMNS
from lifeline.engine.config.document import read_document
from lifeline.engine.config.problems import Problems
from plant_files import RULES, PlantFiles

EXAMPLE = Path(__file__).parents[2] / "examples" / "plant" / "lifeline.yaml"
KINDS = (
    "accumulate", "balance", "blind", "clock", "composite", "deviation", "flatline", "forecast", "ladder", "limit",
    "multivariate", "range", "rate", "shift", "spike", "stale", "trend", "vote", "wave",
)  # fmt: skip


def values(path: Path) -> Any:
    document = read_document(path, Problems())
    assert document is not None
    return document.value


def test_there_is_a_schema_for_each_written_form() -> None:
    found = schemas()
    files = {"lifeline.yaml", "sensors.csv", "pack.yaml", "roster.yaml", "roster.csv"}
    assert set(found) == {*files, *(f"rule.{kind}" for kind in KINDS)}
    assert json.loads(json.dumps(found)) == found


def test_every_reference_leads_somewhere() -> None:
    def followed(schema: Any, root: dict[str, Any]) -> int:
        if isinstance(schema, list):
            return sum(followed(item, root) for item in schema)
        if not isinstance(schema, dict):
            return 0
        root = schema if "$id" in schema else root
        count = 0
        if "$ref" in schema:
            assert schema["$ref"].removeprefix("#/$defs/") in root["$defs"]
            count = 1
        return count + sum(followed(value, root) for value in schema.values())

    assert followed(schemas()["lifeline.yaml"], {}) > 20


def test_the_tag_list_is_described_column_by_column() -> None:
    table = schemas()["sensors.csv"]
    assert [entry["name"] for entry in table["fields"]] == [column.name for column in COLUMNS]
    required = [e["name"] for e in table["fields"] if e["constraints"]["required"]]
    assert required == ["id", "quantity"]


def test_no_default_stands_in_a_form_that_would_be_refused() -> None:
    def defaults(schema: Any) -> list[Any]:
        if isinstance(schema, list):
            return [x for item in schema for x in defaults(item)]
        if not isinstance(schema, dict):
            return []
        own = [schema["default"]] if schema.get("type") == "string" and "default" in schema else []
        return own + [x for value in schema.values() for x in defaults(value)]

    assert all(isinstance(default, str) for default in defaults(schemas()))


def test_the_example_is_valid() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    found = schemas()
    for name, schema in found.items():
        if name != "sensors.csv":
            jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(found["lifeline.yaml"])
    assert list(validator.iter_errors(values(EXAMPLE))) == []


WRONG = {
    "unknown key": PlantFiles(head=PlantFiles().head + "nod: x\n"),
    "unknown level": PlantFiles(rules=RULES.replace("orange", "oragne")),
    "unknown kind": PlantFiles(rules=RULES.replace("limit", "limt")),
    "number for a duration": PlantFiles(rules=RULES + "    on_delay: 3\n"),
    "two parts of an area": PlantFiles(sites="sites: [{id: east, area: a/b}]\n"),
    "wildcard in an id": PlantFiles(sites="sites: [{id: 'a#', area: a/b/c}]\n"),
    "inline password": PlantFiles(head=PlantFiles().head.replace("{host", "{password: x, host")),
}


@pytest.mark.parametrize("plant", WRONG.values(), ids=WRONG.keys())
def test_what_check_refuses_by_form_the_schema_refuses(tmp_path: Path, plant: PlantFiles) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    path = plant.write(tmp_path)
    assert any(problem.severity == "error" for problem in check(path))
    validator = jsonschema.Draft202012Validator(schemas()["lifeline.yaml"])
    assert not validator.is_valid(values(path))


def test_shorthands_are_valid(tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    plant = PlantFiles(
        sensors="sensors: [sensors.csv, {file: a.csv, site: east}]\n",
        rules=RULES + "    on_delay: {default: 3s, red: 0s}\n    deadband: 2 %LEL\n",
    )
    plant = replace(plant, sources=plant.sources.replace('["gas/', '"gas/').replace('}"]', '}"'))
    path = plant.write(tmp_path)
    validator = jsonschema.Draft202012Validator(schemas()["lifeline.yaml"])
    assert list(validator.iter_errors(values(path))) == []
