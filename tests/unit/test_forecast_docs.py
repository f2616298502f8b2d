"""The drawing in docs/forecast.md is what the kind says of the series."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "forecast.md"


def writer() -> Any:
    """docs/forecast_page.py, which is part of no package."""
    spec = importlib.util.spec_from_file_location(
        "forecast_page", PAGE.with_name("forecast_page.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_drawing_is_what_the_rule_says() -> None:
    text = PAGE.read_text("utf-8")
    assert writer().page(text) == text, "python docs/forecast_page.py draws it anew"
