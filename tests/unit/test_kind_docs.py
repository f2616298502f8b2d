"""The drawings in the pages of single kinds are what the engine says of their series."""

from __future__ import annotations

import pytest

from doc_programs import DOCS, doc_program


@pytest.mark.parametrize(
    "name", ["forecast", "deviation", "balance", "multivariate", "groups", "wave"]
)
def test_the_drawing_is_what_the_engine_says(name: str) -> None:
    text = (DOCS / f"{name}.md").read_text("utf-8")
    assert doc_program(f"{name}_page").page(text) == text, (
        f"python docs/{name}_page.py draws it anew"
    )
