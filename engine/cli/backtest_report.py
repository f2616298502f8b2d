"""The figures of a back-test for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..outputs.times import rfc3339
from .console import stdout

if TYPE_CHECKING:
    from ..backtest import Report
    from ..backtest.tables import Table
    from ..outputs.text import Language


def document(report: Report) -> dict[str, Any]:
    """As JSON; times as text."""
    import msgspec

    made: dict[str, Any] = msgspec.to_builtins(report)
    for trial in made["trials"]:
        trial["begin"], trial["end"] = rfc3339(trial["begin"]), rfc3339(trial["end"])
    return made


def print_report(report: Report, language: Language) -> None:
    """Tables: classes of incidents, rules, faults, and the burden on who answers."""
    from ..backtest.tables import remarks, tables

    for table in tables(report, language):
        _print(table)
    for remark in remarks(report, language):
        stdout().print(remark, style="dim")


def _print(table: Table) -> None:
    from rich.cells import cell_len

    console = stdout()
    columns = zip(table.heads, *table.rows, strict=True)
    widths = [max(map(cell_len, column)) for column in columns]
    for n, row in enumerate((table.heads, *table.rows)):
        padded = [
            " " * (width - cell_len(cell)) + cell if k else cell + " " * (width - cell_len(cell))
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        console.print("  ".join(padded).rstrip(), style="dim" if n == 0 else "")
    console.print()
