"""Collects mistakes, so that a person sees all of them at once."""

from __future__ import annotations

from typing import Final

from ..errors import Problem, SpecError
from ..limits import MAX_PROBLEMS

_FOUND_LENGTH: Final = 80


def quoted(value: object) -> str:
    """A value as it stood in a file, short enough for a line.

    >>> quoted("gas.combustable"), quoted(True), quoted({"a": 1})
    ("'gas.combustable'", 'true', 'a mapping')
    """
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= _FOUND_LENGTH else text[: _FOUND_LENGTH - 1] + "…"


class Problems:
    """The mistakes found so far: the first `MAX_PROBLEMS` of them, and a count of the rest.

    Errors are kept before warnings: a flood of warnings never hides an error.
    """

    def __init__(self) -> None:
        self._errors: list[Problem] = []
        self._warnings: list[Problem] = []
        self.errors = 0
        self.warnings = 0

    def error(
        self,
        where: str,
        message: str,
        *,
        found: str = "",
        expected: str = "",
        nearest: tuple[str, ...] = (),
    ) -> None:
        """Note a mistake with which the engine would refuse to start."""
        self.add(Problem(where, message, found, expected, nearest))

    def warning(
        self,
        where: str,
        message: str,
        *,
        found: str = "",
        expected: str = "",
        nearest: tuple[str, ...] = (),
    ) -> None:
        """Note what is allowed and is probably not meant."""
        self.add(Problem(where, message, found, expected, nearest, "warning"))

    def refused(self, where: str, error: SpecError, *, prefix: str = "") -> None:
        """Note an error that a lower room raised; `where` is added if it names no place."""
        self.error(
            error.where or where,
            prefix + error.message,
            found=error.found,
            expected=error.expected,
            nearest=error.nearest,
        )

    def add(self, problem: Problem) -> None:
        """Keep a problem, or count it where enough are kept."""
        if problem.severity == "error":
            self.errors += 1
            kept = self._errors
        else:
            self.warnings += 1
            kept = self._warnings
        if len(kept) < MAX_PROBLEMS:
            kept.append(problem)

    @property
    def full(self) -> bool:
        """Whether no further error would be shown."""
        return self.errors >= MAX_PROBLEMS

    def all(self) -> list[Problem]:
        """Every kept problem, errors first, by file and line; then what was left out."""
        kept = [*_sorted(self._errors), *_sorted(self._warnings)][:MAX_PROBLEMS]
        rest = self.errors + self.warnings - len(kept)
        if rest:
            worst = "error" if self.errors > MAX_PROBLEMS else "warning"
            kept.append(Problem("", f"and {rest} more", severity=worst))
        return kept

    def raise_errors(self) -> None:
        """Raise one SpecError that holds every kept error, if there is any."""
        if not self.errors:
            return
        lines = [problem.text() for problem in _sorted(self._errors)]
        if self.errors > len(lines):
            lines.append(f"and {self.errors - len(lines)} more")
        raise SpecError("\n".join(lines))


def _sorted(problems: list[Problem]) -> list[Problem]:
    """By line within each file; files in the order in which they were first met."""
    files: dict[str, int] = {}
    keyed = []
    for problem in problems:
        name, _, line = problem.where.rpartition(":")
        if not line.isdecimal():
            name, line = problem.where, "0"
        keyed.append((files.setdefault(name, len(files)), int(line), problem))
    return [problem for *_, problem in sorted(keyed, key=lambda item: item[:2])]
