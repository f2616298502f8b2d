"""The tables of a back-test as text cells: what the terminal and the page both show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..performance.targets import BANDS_ZH
from .eemua import Burden
from .report import Detection, Report, RuleFigures
from .words import Language, bounded, number, percent, seconds, word


class Table(NamedTuple):
    """Cells; the first column is of names, the others of figures."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(report: Report, language: Language) -> tuple[Table, ...]:
    """Classes of incidents, rules, faults where there are any, and the burden on who answers."""

    def said(text: str) -> str:
        return word(text, language)

    found = [
        detections("incidents", [*report.classes, report.incidents], language),
        rules([*report.rules, report.whole], language),
    ]
    if report.faults:
        found.append(alarmed(report.faults, language))
    found.append(burdens(report, language))
    return tuple(Table(tuple(map(said, one.heads)), one.rows) for one in found)


def detections(title: str, lines: Sequence[Detection], language: Language) -> Table:
    """A line for each class; the nameless one is of all."""
    heads = (title, "found", "missed", "share (95 %)", "median", "p95", "stood before")
    rows = tuple(
        (
            line.what or word("all", language),
            f"{line.found}/{line.labels}",
            str(line.missed),
            bounded(line.share, percent),
            seconds(line.delay.median),
            seconds(line.delay.p95),
            str(line.stood),
        )
        for line in lines
    )
    return Table(heads, rows)


def alarmed(faults: Sequence[Detection], language: Language) -> Table:
    """Faults of instruments: which an alarm told. Not each ought to be."""
    table = detections("faults", faults, language)
    kept = (0, 1, 4, 5)
    rows = tuple(tuple(row[k] for k in kept) for row in table.rows)
    return Table(("faults", "alarmed", "median", "p95"), rows)


def rules(lines: Sequence[RuleFigures], language: Language) -> Table:
    """A line for each rule; the nameless one is of all."""
    heads = (
        *("rule", "found", "median", "p95", "alarms", "of incidents", "of faults"),
        *("false b/y/o/r", "sensor-years", "false / sensor-year (95 %)", "red (95 %)"),
    )
    rows = tuple(
        (
            line.rule or word("all", language),
            f"{line.detection.found}/{line.detection.labels}",
            seconds(line.detection.delay.median),
            seconds(line.detection.delay.p95),
            str(line.alarms),
            str(line.of_incidents),
            str(line.of_faults),
            "/".join(map(str, line.false.levels)),
            number(line.false.sensor_years),
            bounded(line.false.rate, number),
            bounded(line.false.red, number),
        )
        for line in lines
    )
    return Table(heads, rows)


def burdens(report: Report, language: Language) -> Table:
    """Of positions where there are any, else of all."""
    lines = [b for b in report.performance if b.scope == "position"] or list(report.performance)
    heads = ("EEMUA 191", "alarms", "per 10 min", "peak", "in flood")
    rows = tuple(
        (
            f"{word(line.scope, language)} {line.name}",
            str(line.alarms),
            f"{line.average:.2f} {_band(line, 'average', language)}",
            f"{line.peak} {_band(line, 'peak', language)}",
            f"{percent(line.flood_share)} %",
            str(line.chattering),
            str(line.fleeting),
            str(line.standing),
        )
        for line in lines
    )
    return Table((*heads, "chattering", "fleeting", "standing"), rows)


def _band(line: Burden, name: str, language: Language) -> str:
    band = line.bands[name]
    return BANDS_ZH[band] if language == "zh" else band


def remarks(report: Report, language: Language) -> tuple[str, ...]:
    """What it stands on, and how to read it."""
    about = (
        f"{len(report.trials)} {word('runs', language)}, "
        f"{report.samples:,} {word('samples', language)}"
    )
    if report.samples_per_s:
        about += f", {report.samples_per_s:,.0f}/s"
    if report.whole.historic:
        about += f"; {report.whole.historic} {word('historic', language)}"
    return about, word("note", language)
