"""docs/performance.md has the targets and the example as the code has them, and every name."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

from doc_programs import doc_program
from lifeline.engine.outputs.influx_performance import performance_line

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "performance.md").read_text("utf-8")


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    return doc_program("performance_page")


def test_the_drawn_parts_are_those_of_the_code(writer: ModuleType) -> None:
    assert writer.page(PAGE) == PAGE, "python docs/performance_page.py writes it anew"


def test_a_changed_part_is_seen(writer: ModuleType) -> None:
    assert writer.page(PAGE.replace("flood 49 alarms", "flood 50 alarms")) == PAGE
    with pytest.raises(ValueError, match="unpack"):
        writer.page("a page without marks")


def test_the_example_is_worked_by_hand(writer: ModuleType) -> None:
    """68 alarms in 12 periods; 14 + 23 + 7 + 5 in the four of the flood."""
    figures = writer.example()
    assert (figures.alarms, figures.average, figures.peak) == (68, 68 / 12, 23)
    assert (figures.above, figures.flood_intervals, figures.floods[0].alarms) == (2, 4, 49)


def test_every_field_of_a_point_is_named(writer: ModuleType) -> None:
    fields = performance_line(writer.example(), "n").split(" ")[1]
    written = {field.partition("=")[0] for field in fields.split(",")}
    live = PAGE.partition("## Live")[2].partition("## Bounds")[0]
    assert written <= set(re.findall(r"`(\w+)`", live))
