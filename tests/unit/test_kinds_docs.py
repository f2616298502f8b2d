"""docs/kinds.md shows what the engine makes of its examples, and the drawings see a change."""

from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from doc_programs import doc_program

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "kinds.md").read_text("utf-8")


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    return doc_program("kinds_page")


def test_the_drawings_are_those_of_the_engine(writer: ModuleType) -> None:
    assert writer.drawn(PAGE) == PAGE, "python docs/kinds_page.py draws them anew"
    assert all(f"kinds_page.py: {name} -->" in PAGE for name in writer.EXAMPLES)


def test_what_speaks_of_silence_clocks_and_the_engine_is_drawn_by_the_core() -> None:
    watching = doc_program("watching_page")
    assert watching.drawn(PAGE) == PAGE, "python docs/watching_page.py draws them anew"
    for name, example in watching.EXAMPLES.items():
        assert f"watching_page.py: {name} -->" in PAGE
        strips = watching.strips(example)
        first = strips[example.alarms[0]].replace(" ", "")
        assert first.strip(".")[0] in "BYR"
        assert first.endswith("."), "it returns"
    gateway = watching.EXAMPLES["stale"]
    assert [a for a in gateway.alarms if "Y" in watching.strips(gateway)[a][36:]] == [
        "silence~link:gateway"
    ]


@pytest.mark.parametrize("name", ["accumulate", "night", "shift", "spike", "range", "trend"])
def test_every_example_raises_and_another_signal_is_another_drawing(
    writer: ModuleType, name: str
) -> None:
    example = writer.EXAMPLES[name]
    _, records, _ = writer.run(example)
    assert records[0].transition == "raised"
    half = replace(example, told=example.told[: len(example.told) // 4])
    assert writer.drawing(half) != writer.drawing(example)
    assert writer.drawing(half) not in PAGE
