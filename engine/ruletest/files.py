"""Reads files of rule tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..config.document import Document, read_document
from ..config.problems import Problems
from ..config.validation import validated
from ..errors import SpecError
from .models import TestDocument


@dataclass(frozen=True, slots=True)
class TestFile:
    """A file of rule tests, as read."""

    __test__ = False  # pytest: this is no class of tests

    path: Path
    model: TestDocument
    document: Document


def read_tests(paths: Iterable[Path]) -> list[TestFile]:
    """The test files; of a directory every `*.yaml` in it. Raises SpecError with every mistake."""
    problems = Problems()
    found: list[TestFile] = []
    for path in paths:
        files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
        if not files:
            raise SpecError("no file of rule tests", where=str(path), expected="*.yaml")
        for file in files:
            document = read_document(file, problems)
            model = None if document is None else validated(TestDocument, document, (), problems)
            if document is not None and model is not None:
                found.append(TestFile(file, model, document))
    problems.raise_errors()
    return found
