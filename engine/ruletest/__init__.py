"""Rule tests: what sensors say, what people do, and which records must come of it.

    for file in read_tests(paths):            # raises SpecError with every mistake, a line each
        for outcome in run(file):             # each case by a log of its own, through the core
            outcome.failed, outcome.text()

A case is put to the core as a log: configuration, ticks at every deadline and before every sample, samples as
they come, commands. Nothing else is between a test and what the engine would do.
"""

from __future__ import annotations

from .files import TestFile, read_tests
from .outcome import Outcome
from .run import run

__all__ = ["Outcome", "TestFile", "read_tests", "run"]
