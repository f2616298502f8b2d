"""A back-test as one HTML page: tables and plots, nothing loaded from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from .attribution import Verdicts
from .drawing import COLOURS, MAX_MARKS, delays, rates, timeline
from .report import Report
from .tables import Table, remarks, tables
from .words import Language, bounded, number, percent, seconds, word

#: Timelines on one page: a person compares a dozen; figures are of all trials in any case.
MAX_TIMELINES: Final = 12
_STYLE: Final = """
body{font:14px/1.45 system-ui,"Noto Sans CJK SC","Microsoft YaHei",sans-serif;color:#1a202c;
margin:2rem auto;max-width:1120px;padding:0 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .4rem}h3{font-size:.95rem;margin:1rem 0 .2rem}
p{margin:.3rem 0;color:#4a5568}.tiles{display:flex;gap:1rem;flex-wrap:wrap;margin:1rem 0}
.tile{border:1px solid #e2e8f0;border-radius:8px;padding:.6rem 1rem;min-width:11rem}
.tile b{display:block;font-size:1.25rem}.tile span{color:#4a5568}
.wide{overflow-x:auto}table{border-collapse:collapse;white-space:nowrap}
th,td{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #edf2f7}
th:first-child,td:first-child{text-align:left}th{color:#4a5568;font-weight:600}
svg{max-width:100%;height:auto;display:block}svg text{font-size:11px;fill:#2d3748}
.key span{margin-right:1.2rem}.key i{display:inline-block;width:.8rem;height:.8rem;margin-right:.3rem}
"""


def page(trials: Sequence[Verdicts], report: Report, title: str, language: Language) -> str:
    """The whole page. `title` says of which rules it is."""

    def said(text: str) -> str:
        return escape(word(text, language))

    found = tables(report, language)
    drawn = trials[:MAX_TIMELINES]
    left = len(trials) - len(drawn)
    timelines = "".join(
        f"<h3>{escape(one.judged.trial.name)}</h3>{timeline(one, language)}{_smeared(one)}"
        for one in drawn
    )
    parts = [
        f"<h1>{said('Back-test')}: {escape(title)}</h1>",
        *(f"<p>{escape(remark)}</p>" for remark in remarks(report, language)),
        _tiles(report, language),
        _table(found[0]),
        f"<h2>{said('How long it took')}</h2>",
        f"<p>{said('seconds, log scale; tall mark: median')}</p>",
        delays(report.classes, language),
        f"<h2>{said('False alarms by rule')}</h2>",
        f"<p>{said('per sensor-year, 95 % bounds, log scale')}</p>",
        rates([*report.rules, report.whole], language),
        *map(_table, found[1:-1]),
        f"<h2>{said('What happened, and what was said')}</h2>",
        _key(language),
        timelines,
        f"<p>{left} {said('not drawn')}</p>" if left else "",
        f"<h2>{said('Alarm performance')}</h2>",
        _table(found[-1]),
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{said('Back-test')}: {escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(parts)}</body></html>\n"
    )


def _tiles(report: Report, language: Language) -> str:
    whole, detection = report.whole, report.incidents
    tiles = (
        (
            "found / missed",
            f"{detection.found} / {detection.missed}",
            bounded(detection.share, percent),
        ),
        ("median", seconds(detection.delay.median), f"p95 {seconds(detection.delay.p95)}"),
        (
            "false / sensor-year (95 %)",
            bounded(whole.false.rate, number),
            f"{whole.false.count} · {number(whole.false.sensor_years)} {word('sensor-years', language)}",
        ),
        (
            "red false alarms per sensor-year",
            bounded(whole.false.red, number),
            str(whole.false.levels[3]),
        ),
    )
    return (
        '<div class="tiles">'
        + "".join(
            f'<div class="tile">{escape(word(name, language))}<b>{escape(value)}</b>'
            f"<span>{escape(more)}</span></div>"
            for name, value, more in tiles
        )
        + "</div>"
    )


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.heads)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _key(language: Language) -> str:
    colours = {
        word("incident", language): "background:#9aa5b1",
        word("fault", language): "background:#b9a7d6",
        **{level: f"background:{colour}" for level, colour in COLOURS.items()},
        word("false", language): "border:2px solid #111",
    }
    return (
        '<p class="key">'
        + "".join(
            f'<span><i style="{style}"></i>{escape(name)}</span>' for name, style in colours.items()
        )
        + "</p>"
    )


def _smeared(trial: Verdicts) -> str:
    beyond = len(trial.alarms) - MAX_MARKS
    return f"<p>+ {beyond:,}</p>" if beyond > 0 else ""
