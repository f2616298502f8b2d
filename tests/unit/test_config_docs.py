"""docs/configuration.md says what the code does."""

import re
from pathlib import Path

import pytest

from lifeline.engine.config import models
from lifeline.engine.config.columns import COLUMNS
from lifeline.engine.kinds import load_kinds

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")


def column_line(name: str, aliases: tuple[str, ...], description: str, required: bool) -> str:
    shown = f"`{name}`{' (required)' if required else ''}"
    return f"| {shown} | {', '.join(aliases)} | {description} |"


def test_the_columns_are_those_that_are_read() -> None:
    section = PAGE.partition("| column | also | what |\n|---|---|---|\n")[2].partition("\n\n")[0]
    assert section.splitlines() == [
        column_line(c.name, c.aliases, c.description, c.required) for c in COLUMNS
    ]


@pytest.mark.parametrize(
    "model", ["LifelineFile", "Payload", "Broker", "SiteModel", "Influx", "Monitoring"]
)
def test_every_key_is_named(model: str) -> None:
    names = set(re.findall(r"[a-z_]+", PAGE))
    assert set(getattr(models, model).model_fields) - names <= {"format", "org"}


def test_every_kind_and_its_keys_are_named() -> None:
    lines = {name: re.search(rf"^\| `{name}` \|.*$", PAGE, re.MULTILINE) for name in load_kinds()}
    common = set(load_kinds()["stale"].author_model.model_fields) - {"level"}
    common |= {"deadband", "on_delay", "off_delay"}
    for name, kind in load_kinds().items():
        line = lines[name]
        assert line is not None
        fields = kind.author_model.model_fields
        for key in {field.alias or name for name, field in fields.items()} - common:
            assert f"`{key}`" in line[0]
