"""The drawings in the pages of single kinds are what the engine says of their series."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def writer(name: str) -> Any:
    """docs/<name>_page.py, which is part of no package."""
    spec = importlib.util.spec_from_file_location(f"{name}_page", DOCS / f"{name}_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["forecast", "deviation", "balance", "multivariate"])
def test_the_drawing_is_what_the_engine_says(name: str) -> None:
    text = (DOCS / f"{name}.md").read_text("utf-8")
    assert writer(name).page(text) == text, f"python docs/{name}_page.py draws it anew"
