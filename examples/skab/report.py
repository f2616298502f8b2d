"""The outcome of a run, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from audit import Audit
from calibrate import Calibration
from recordings import SECOND_NS, Recording
from scoring import GROUPS, Group, Rows, Score, alerts, in_alarm, in_group, median_delay

from lifeline.engine.record import Record

TITLES: Final[Mapping[Group, str]] = {
    "all": "All rules",
    "band": "Bands alone (limit: the value)",
    "slope": "Changes alone (trend: the slope of the last minute)",
}


@dataclass(frozen=True, slots=True)
class Verification:
    """The anomaly-free recording under the rules that were set up from it.

    calibrate, select, verify   alerts in each of its three parts
    verify_s                    how long the part was that had no say, in s
    far                         share of its rows in alarm, %, by group of rules
    """

    calibrate: int
    select: int
    verify: int
    verify_s: float
    far: Mapping[Group, float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run.

    scores        by group of rules, in the order of the recordings
    messages      published; `wall_s` is how long that and the judging took
    records       written by the engine; `unheard` of them did not come by MQTT
    historic      of the records: judged from a backlog, as event times are older than a minute
    digest        of the run, "" where the replay of the log gave another
    influx        points written, by output; {} without InfluxDB
    delivered     no output was left behind
    """

    calibration: Calibration
    verification: Verification
    scores: Mapping[Group, Sequence[Score]]
    audit: Audit
    messages: int
    records: int
    unheard: int
    historic: int
    digest: str
    influx: Mapping[str, int]
    delivered: bool
    wall_s: float

    @property
    def holds(self) -> bool:
        """Nothing lost on the way in or out, and the replay agrees."""
        out = self.unheard == 0 and self.delivered
        return self.audit.holds and out and bool(self.digest)


def verified(
    normal: Recording, records: Sequence[Record], shift: int, calibration: Calibration
) -> Verification:
    """Counts the alerts of the anomaly-free recording by the part that they fell into."""
    until = int(normal.time[-1])
    mine = [r for r in records if in_group(r, "all") and r.time - shift <= until]
    parts = Counter(_part(alert.time - shift, calibration) for alert in alerts(mine))
    held_out = normal.time >= calibration.verify_from
    far = {
        group: 100.0
        * float(in_alarm(normal, [r for r in mine if in_group(r, group)], shift)[held_out].mean())
        for group in GROUPS
    }
    verify_s = (until - calibration.verify_from) / SECOND_NS
    return Verification(parts["calibrate"], parts["select"], parts["verify"], verify_s, far)


def _part(time: int, calibration: Calibration) -> str:
    if time < calibration.select_from:
        return "calibrate"
    return "select" if time < calibration.verify_from else "verify"


# --- for people ----------------------------------------------------------------------------------


def text(outcome: Outcome) -> str:
    """The whole report."""
    blocks = [_path(outcome), _verification(outcome.verification)]
    blocks += [_table(group, outcome.scores[group]) for group in GROUPS]
    blocks.append(_legend(outcome))
    return "\n\n".join(blocks)


def _path(outcome: Outcome) -> str:
    audit = outcome.audit
    lines = [
        f"{outcome.messages} messages published in {outcome.wall_s:.1f} s, {audit.sent} samples: "
        f"lost {audit.lost}, altered {audit.altered}, foreign {audit.foreign}, "
        f"redelivered {audit.redelivered}",
        f"{outcome.records} alert records, {outcome.historic} of them historic; "
        f"{outcome.unheard} not heard by MQTT",
        f"digest {outcome.digest}, equal when the log is replayed"
        if outcome.digest
        else "the replay of the log has ANOTHER digest",
    ]
    if outcome.influx:
        written = ", ".join(f"{n} {name}" for name, n in outcome.influx.items())
        lines.append(f"points written to InfluxDB: {written}")
    if not outcome.delivered:
        lines.append("an output is STILL BEHIND; see what was told above")
    return "\n".join(lines)


def _verification(found: Verification) -> str:
    far = ", ".join(f"{name} {found.far[group]:.1f} %" for group, name in _SHORT.items())
    return (
        f"Anomaly-free recording, alerts: calibrate {found.calibrate}, select {found.select}, "
        f"verify {found.verify} in {found.verify_s / 60:.0f} min\n"
        f"Rows of verify in alarm: {far}"
    )


_SHORT: Final[Mapping[Group, str]] = {"all": "all rules", "band": "bands", "slope": "changes"}
_HEAD: Final = (
    f"{'recording':<14}{'delay of each segment, s':<34}{'missed':>9}{'false':>8}{'alerts':>8}"
    f"{'FAR %':>8}{'MAR %':>8}"
)


def _table(group: Group, scores: Sequence[Score]) -> str:
    lines = [TITLES[group], _HEAD]
    lines += [_line(score) for score in scores]
    pieces = sum(len(s.outcomes) for s in scores)
    missed = sum(s.missed for s in scores)
    delay = median_delay(scores)
    middle = "none detected" if delay is None else f"median {delay:.0f}"
    counts = f"{f'{missed}/{pieces}':>9}{sum(s.false_alarms for s in scores):>8}"
    counts += f"{sum(s.false_alerts for s in scores):>8}"
    rows, tested = (
        sum((getattr(s, name) for s in scores), Rows(0, 0, 0, 0)) for name in ("rows", "tested")
    )
    lines.append(f"{'together':<14}{middle:<34}{counts}{_rates(rows)}")
    lines.append(f"{'after row 400':<14}{'':<34}{'':>25}{_rates(tested)}")
    return "\n".join(lines)


def _line(score: Score) -> str:
    delays = " ".join(
        ("-" if o.delay_s is None else f"{o.delay_s:.0f}") + ("*" if o.standing else "")
        for o in score.outcomes
    )
    counts = f"{f'{score.missed}/{len(score.outcomes)}':>9}{score.false_alarms:>8}"
    return f"{score.recording:<14}{delays:<34}{counts}{score.false_alerts:>8}{_rates(score.rows)}"


def _rates(rows: Rows) -> str:
    return "".join(f"{'-' if x is None else f'{x:.1f}':>8}" for x in (rows.far, rows.mar))


def _legend(outcome: Outcome) -> str:
    tested = sum((s.tested for s in outcome.scores["all"]), Rows(0, 0, 0, 0))
    share = tested.anomalous / tested.total if tested.total else 0.0
    return (
        "- missed   * an alarm stood already when the segment began\n"
        "false: runs of rows in alarm that begin in a normal row; alerts: those outside anomalies\n"
        f"Beware of F1: an alarm that never ends has {2 * share / (1 + share):.3f} after row 400, "
        "with FAR 100 % and MAR 0 %."
    )


# --- for programs --------------------------------------------------------------------------------


def document(outcome: Outcome) -> dict[str, Any]:
    """The outcome as plain JSON values."""
    audit = outcome.audit
    calibration = outcome.calibration
    return {
        "holds": outcome.holds,
        "wall_s": round(outcome.wall_s, 3),
        "messages": outcome.messages,
        "samples": {
            "sent": audit.sent,
            "lost": audit.lost,
            "altered": audit.altered,
            "foreign": audit.foreign,
            "redelivered": audit.redelivered,
        },
        "records": {
            "written": outcome.records,
            "historic": outcome.historic,
            "unheard": outcome.unheard,
        },
        "digest": outcome.digest,
        "influx": dict(outcome.influx),
        "delivered": outcome.delivered,
        "rules": [
            {
                "rule": f"{c.kind}.{c.tag.sensor}",
                "unit": c.tag.unit if c.kind == "band" else f"{c.tag.unit}/min",
                "centre": c.centre,
                "excursion": c.excursion,
                "verdict": c.verdict,
            }
            for c in calibration.candidates
        ],
        "anomaly_free": {
            "calibrate": outcome.verification.calibrate,
            "select": outcome.verification.select,
            "verify": outcome.verification.verify,
            "verify_s": outcome.verification.verify_s,
            "verify_far_percent": dict(outcome.verification.far),
        },
        "recordings": {
            group: [_score_document(score) for score in outcome.scores[group]] for group in GROUPS
        },
    }


def _score_document(score: Score) -> dict[str, Any]:
    return {
        "recording": score.recording,
        "segments": [
            {
                "start_ns": o.segment.start,
                "end_ns": o.segment.end,
                "delay_s": o.delay_s,
                "alarm": o.alarm,
                "standing": o.standing,
            }
            for o in score.outcomes
        ],
        "missed": score.missed,
        "false_alarms": score.false_alarms,
        "false_alerts": score.false_alerts,
        "rows": _rows_document(score.rows),
        "after_row_400": _rows_document(score.tested),
    }


def _rows_document(rows: Rows) -> dict[str, Any]:
    return {
        "total": rows.total,
        "anomalous": rows.anomalous,
        "false": rows.false,
        "missed": rows.missed,
        "far_percent": rows.far,
        "mar_percent": rows.mar,
    }
