"""Writes the drawn parts of docs/performance.md: the table of figures from the targets, and the
example from records that are counted; a test compares page and program.

python docs/performance_page.py
"""

from __future__ import annotations

from pathlib import Path

from lifeline.engine.limits import MINUTE_NS
from lifeline.engine.performance import Figures, Performance
from lifeline.engine.performance.limits import INTERVAL_NS
from lifeline.engine.performance.targets import BANDS_ZH, TARGETS, Target
from lifeline.engine.record import Record

PAGE = Path(__file__).parent / "performance.md"
#: Alarms of twelve times ten minutes: two above ten, one flood.
EXAMPLE = (1, 0, 2, 10, 14, 23, 7, 5, 4, 1, 0, 1)
HOUR = 1_767_225_600 * 1_000_000_000  # 2026-01-01T00:00Z


def table() -> str:
    """A line for each figure: name, what it is in both languages, target, bands, clause, mark."""
    lines = [
        "| figure | what | 含义 | target | good / manageable / demanding up to | clause | mark |",
        "|---|---|---|---|---|---|---|",
    ]
    for t in TARGETS:
        cells = (f"`{t.name}`", t.title, t.title_zh, t.target, _upto(t), t.clause, t.mark)
        lines.append(f"| {' | '.join(cells)} |")
    words = ", ".join(f"{band} {zh}" for band, zh in BANDS_ZH.items() if band)
    return (
        "\n".join(lines) + f"\n\nBands 等级: {words}. Beyond the last value: the next worse one.\n"
    )


def _upto(target: Target) -> str:
    share = target.name.endswith("share")
    return " / ".join(f"{x:.0%}" if share else f"{x:g}" for x in target.upto) or "–"


def raised(site: str, seq: int, time: int) -> Record:
    """A blue alarm of its own."""
    return Record(
        tenant="acme",
        site=site,
        seq=seq,
        episode=seq,
        rule="gas.high",
        rule_hash="",
        subject=f"GD-{seq}",
        area="hefei/shushan/east",
        quantity="gas.combustible",
        transition="raised",
        level_before="normal",
        level_after="blue",
        state_before="normal",
        state_after="unacknowledged",
        onset=time,
        time=time,
        value=None,
        limit=None,
        unit="",
        message="",
        basis="",
        previous="",
        hash="",
    )


def example() -> Figures:
    """The figures of two hours with `EXAMPLE` alarms."""
    made = Performance(HOUR)
    seq = 0
    for k, n in enumerate(EXAMPLE):
        for i in range(n):
            seq += 1
            made.step(raised("east", seq, HOUR + k * INTERVAL_NS + i * MINUTE_NS // 4))
    return made.at(HOUR + len(EXAMPLE) * INTERVAL_NS)[-1]


def drawing() -> str:
    """A bar for each ten minutes, those of the flood marked, and the figures that come of it."""
    f = example()
    (flood,) = f.floods
    lines = ["```text"]
    for k, n in enumerate(EXAMPLE):
        begin = HOUR + k * INTERVAL_NS
        at = (begin - HOUR) // MINUTE_NS
        mark = "flood" if flood.begin <= begin < flood.end else ""
        bar = "#" * min(n, 10) + ("|" + "#" * (n - 10) if n > 10 else "")
        lines.append(f"{at // 60:02}:{at % 60:02}  {n:>2}  {bar:<26}{mark}".rstrip())
    lines += [
        "",
        f"average {f.average:.2f}   peak {f.peak}   above 10: {f.above} of {f.intervals} periods "
        f"({f.above_share:.1%})",
        f"flood {flood.alarms} alarms in {(flood.end - flood.begin) // MINUTE_NS} min   "
        f"time in flood {f.flood_share:.1%}",
        "```",
    ]
    return "\n".join(lines) + "\n"


PARTS = {"figures": table, "example": drawing}


def page(text: str) -> str:
    """The page with its drawn parts as the code has them. Raises ValueError without the marks."""
    for name, part in PARTS.items():
        before, rest = text.split(f"<!-- {name} -->\n")
        _, after = rest.split(f"<!-- end of {name} -->\n")
        text = f"{before}<!-- {name} -->\n{part()}<!-- end of {name} -->\n{after}"
    return text


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
