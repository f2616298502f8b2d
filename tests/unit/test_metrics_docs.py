"""docs/operations.md names every figure, every alert and every check, and nothing that is not."""

import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from doc_programs import doc_program
from lifeline.engine.metrics.catalogue import CATALOGUE

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text("utf-8")


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    return doc_program("metrics_page")


def test_the_table_is_that_of_the_catalogue(writer: ModuleType) -> None:
    assert writer.page(PAGE) == PAGE, "python docs/metrics_page.py writes it anew"


def test_a_changed_table_is_seen(writer: ModuleType) -> None:
    assert writer.page(PAGE.replace("| gauge |", "| counter |")) == PAGE
    with pytest.raises(ValueError, match="unpack"):
        writer.page("a page without marks")


def test_every_figure_that_is_named_exists() -> None:
    named = {re.sub(r"_(bucket|sum|count)$", "", n) for n in re.findall(r"lifeline_\w+", PAGE)}
    assert named == set(CATALOGUE)


def test_every_alert_is_explained() -> None:
    rules: Any = yaml.safe_load(
        (ROOT / "deploy" / "prometheus" / "lifeline.rules.yml").read_text("utf-8")
    )
    severities = {
        rule["alert"]: {"page": "now", "ticket": "today"}[rule["labels"]["severity"]]
        for group in rules["groups"]
        for rule in group["rules"]
    }
    rows = re.findall(r"^\| `(Lifeline\w+)` \| (\w+) \|", PAGE, re.MULTILINE)
    assert dict(rows) == severities


def test_every_check_is_explained() -> None:
    sources = [p.read_text("utf-8") for p in (ROOT / "engine").rglob("*.py")]
    used = {name for text in sources for name in re.findall(r'\bCheck\(\s*"(\w+)"', text)}
    section = PAGE.partition("| check | of |")[2].partition("\n\n")[0]
    explained = set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    assert explained == used
