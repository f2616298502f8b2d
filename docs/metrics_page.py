"""Writes the table of figures in docs/operations.md from the catalogue; a test compares the two.

python docs/metrics_page.py
"""

from __future__ import annotations

from pathlib import Path

from lifeline.engine.metrics.catalogue import CATALOGUE

PAGE = Path(__file__).parent / "operations.md"
BEGIN, END = "<!-- figures -->\n", "<!-- end of figures -->\n"


def table() -> str:
    """A line for each metric: name, kind, labels, meaning."""
    lines = ["| figure | kind | labels | what |", "|---|---|---|---|"]
    for metric in CATALOGUE.values():
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        lines.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |")
    return "\n".join(lines) + "\n"


def page(text: str) -> str:
    """The page with the table as the catalogue has it. Raises ValueError without the marks."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
