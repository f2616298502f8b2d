"""Labels of runs as files: what happened where, when and how large, for whoever judges a judge."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from lifeline.engine.limits import SECOND_NS

from .cause import kind_of
from .faults import AMOUNTS
from .plant import Scenario

COLUMNS: Final = (
    "site", "type", "id", "kind", "where", "sensors", "onset", "end", "level",
    "size", "measure", "onset_ns", "end_ns", "what_en", "what_zh",
)  # fmt: skip


def rows(scenario: Scenario) -> list[dict[str, Any]]:
    """Every label of a run, in order of onset.

    `type` is `incident` (it must be alerted, at `level` or above, on one of `sensors`), `fault` (of an
    instrument, a clock or a network), or `harmless` (it happened and is no danger).
    """
    site = scenario.site
    found = [_harmless(scenario, k) for k in range(len(scenario.script.happenings))]
    found += [
        {
            "type": "incident",
            "id": i.id,
            "kind": i.kind,
            "where": i.where,
            "sensors": list(i.sensors),
            "onset_ns": i.onset_ns,
            "end_ns": i.end_ns,
            "level": i.level,
            "size": i.size,
            "measure": i.measure,
            "what_en": i.what_en,
            "what_zh": i.what_zh,
        }
        for i in scenario.incidents
    ]
    found += [
        {
            "type": "fault",
            "id": f.id,
            "kind": f.kind,
            "where": "",
            "sensors": list(f.sensors),
            "onset_ns": f.onset_ns,
            "end_ns": scenario.seen_until(f),
            "level": "",
            "size": f.amount if f.kind in AMOUNTS else None,
            "measure": AMOUNTS[f.kind][0] if f.kind in AMOUNTS else "",
            "what_en": f.what_en,
            "what_zh": f.what_zh,
        }
        for f in scenario.faults
    ]
    told = [
        {"site": site.id, **row, "onset": utc(row["onset_ns"]), "end": utc(row["end_ns"])}
        for row in found
        if row
    ]
    return sorted(told, key=lambda row: (row["onset_ns"], row["type"], row["id"]))


def document(scenarios: Sequence[Scenario]) -> dict[str, Any]:
    """The runs and all their labels, as JSON values."""
    return {
        "runs": [
            {
                "site": s.site.id,
                "name": s.site.name,
                "domain": s.site.domain,
                "start": utc(s.start_ns),
                "start_ns": s.start_ns,
                "end_ns": s.end_ns,
                "seed": s.seed,
                "sensors": len(s.site.points),
                "compression": s.script.compression,
            }
            for s in scenarios
        ],
        "labels": [row for s in scenarios for row in rows(s)],
    }


def write_labels(directory: Path, scenarios: Sequence[Scenario]) -> tuple[Path, Path]:
    """Write `labels.json` and `labels.csv` into `directory`."""
    whole = document(scenarios)
    as_json, as_csv = directory / "labels.json", directory / "labels.csv"
    as_json.write_text(json.dumps(whole, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    with as_csv.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        for row in whole["labels"]:
            size = "" if row["size"] is None else f"{row['size']:g}"
            table.writerow({**row, "sensors": " ".join(row["sensors"]), "size": size})
    return as_json, as_csv


def utc(time_ns: int) -> str:
    """ISO 8601 with milliseconds, UTC."""
    at = datetime.fromtimestamp(time_ns // SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{at}.{time_ns % SECOND_NS // 1_000_000:03d}Z"


def _harmless(scenario: Scenario, k: int) -> dict[str, Any]:
    """The row of a happening that nothing labels; an empty one where there are labels."""
    happening = scenario.script.happenings[k]
    kind = kind_of(scenario.site, happening.kind)
    if kind.make(scenario.site, happening)[0]:
        return {}
    what_en, what_zh = kind.said(happening)
    return {
        "type": "harmless",
        "id": f"{scenario.site.id}/{k + 1}-{happening.kind}",
        "kind": happening.kind,
        "where": happening.where,
        "sensors": [],
        "onset_ns": happening.onset_ns,
        "end_ns": happening.end_ns,
        "level": "",
        "size": happening.size,
        "measure": kind.measure,
        "what_en": what_en,
        "what_zh": what_zh,
    }
