"""Reads a list as it comes out of a spreadsheet: any usual separator, encoding and line end."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .columns import REMARKS, TAGS, ColumnSet, folded
from .document import read_text
from .nearest import nearest
from .problems import Problems, quoted

_SEPARATORS: Final = (",", ";", "\t")
_EXCEL_HINT: Final = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Table:
    """A list: cells without surrounding blanks, rows as wide as the heading.

    `at` gives the position of a column, by its name, within a row. `lines` are the lines in which
    the rows begin, 1-based. Blank rows are left out.
    """

    path: Path
    at: dict[str, int]
    rows: list[list[str]]
    lines: list[int]

    def where(self, row: int) -> str:
        """`sensors.csv:12` for a row by its position."""
        return f"{self.path.name}:{self.lines[row]}"


def read_table(path: Path, problems: Problems, columns: ColumnSet = TAGS) -> Table | None:
    """The file as a Table, or None where it cannot be used; every mistake goes to `problems`."""
    text = read_text(path, problems)
    if text is None:
        return None
    offset = 0
    hint = _EXCEL_HINT.match(text)
    if hint is not None:
        text, offset = text[hint.end() :], 1
    separator = hint[1] if hint is not None else _separator(text)
    records = _records(text, separator, offset, path, problems)
    heading = next(records, None)
    if heading is None:
        problems.error(
            f"{path.name}:1", f"the {columns.what} is empty", expected="a heading and rows"
        )
        return None
    at = _columns(heading[1], f"{path.name}:{heading[0]}", columns, problems)
    if any(name not in at for name in columns.required):
        return None
    return _filled(path, at, len(heading[1]), records, problems)


def _filled(
    path: Path,
    at: dict[str, int],
    width: int,
    records: Iterator[tuple[int, list[str]]],
    problems: Problems,
) -> Table:
    table = Table(path, at, [], [])
    for line, cells in records:
        if len(cells) > width:
            if any(cells[width:]):
                problems.error(
                    f"{path.name}:{line}",
                    "the row has more cells than the heading",
                    found=quoted(next(cell for cell in cells[width:] if cell)),
                    expected=f"{width} cells; text with a separator stands in quotes",
                )
                continue
            del cells[width:]
        elif len(cells) < width:
            cells += [""] * (width - len(cells))
        table.rows.append(cells)
        table.lines.append(line)
    return table


def _separator(text: str) -> str:
    """What separates the cells of the first line that has any text."""
    heading = next((line for line in text.splitlines() if line.strip(" \t,;")), "")
    bare = re.sub(r'"[^"]*"', "", heading)
    counts = [bare.count(separator) for separator in _SEPARATORS]
    return _SEPARATORS[counts.index(max(counts))]


def _records(
    text: str, separator: str, offset: int, path: Path, problems: Problems
) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of each record that is not blank."""
    reader = csv.reader(_lines(text), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1 + offset
        try:
            cells = next(reader, None)
        except csv.Error as error:
            problems.error(f"{path.name}:{line}", "the row cannot be read", found=str(error))
            return
        if cells is None:
            return
        cells = [*map(str.strip, cells)]
        if any(cells):
            yield line, cells


def _lines(text: str) -> Iterator[str]:
    r"""Lines that end in \n, \r\n or \r; other separators of Unicode belong to the text."""
    return (line + "\n" for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))


def _columns(
    heading: list[str], where: str, columns: ColumnSet, problems: Problems
) -> dict[str, int]:
    at: dict[str, int] = {}
    for i, cell in enumerate(heading):
        if not cell:
            continue
        name = columns.headings.get(folded(cell))
        if folded(cell) in REMARKS:
            continue
        if name is None:
            problems.warning(
                where,
                "the column is not used",
                found=quoted(cell),
                nearest=nearest(cell, columns.by_name),
            )
        elif name in at:
            problems.error(where, f"two columns hold {name}", found=quoted(cell))
        elif name in columns.unitless and re.search(r"[(\[（]", cell):
            problems.error(
                where,
                "a unit in a heading is not read",
                found=quoted(cell),
                expected=f"{name}, with the unit in the column unit",
            )
        else:
            at[name] = i
    for name in columns.required:
        if name not in at:
            _missing(name, heading, where, columns, problems)
    return at


def _missing(
    name: str, heading: list[str], where: str, columns: ColumnSet, problems: Problems
) -> None:
    spellings = (name, *columns.by_name[name].aliases)
    problems.error(
        where,
        "a column is missing",
        found=quoted(", ".join(cell for cell in heading if cell)),
        expected=f"{name} (or {', '.join(spellings[1:4])})",
    )
