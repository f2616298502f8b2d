"""The SKAB example's scoring, audit and report, on records and logs made by hand."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from lifeline.engine.config import load
from lifeline.engine.entry import Entry, Header, encode
from lifeline.engine.frame import Frame
from lifeline.engine.log import LogStore
from lifeline.engine.payload import compile_decoder
from lifeline.engine.record import Record
from skab_files import (
    EXAMPLE,
    S,
    audit,
    calibrate,
    marked,
    normal_rows,
    recording,
    report,
    scoring,
    telemetry,
    write_run,
)

SHIFT = 7_000 * S


# --- scoring -------------------------------------------------------------------------------------


def change(
    at_s: float, before: str, after: str, rule: str = "band.flow", transition: str = ""
) -> Record:
    """The record of a change of level, `at_s` seconds after the first row."""
    usual = "raised" if before == "normal" else "returned" if after == "normal" else "level"
    return Record(
        tenant="skab",
        site="skab-valve1-0",
        seq=1,
        episode=1,
        rule=rule,
        rule_hash="",
        subject="flow",
        area="skab/rig/loop",
        quantity="pipe.water.flow",
        transition=transition or usual,
        level_before=before,
        level_after=after,
        state_before="normal",
        state_after="unacknowledged",
        onset=0,
        time=round((1_000 + at_s) * S) + SHIFT,
        value=None,
        limit=None,
        unit="m3/h",
        message="",
        basis="",
        previous="",
        hash="",
    )


def scored(
    records: list[Record],
    anomaly: list[int] | None = None,
    changes: list[int] | None = None,
    group: str = "all",
) -> scoring.Score:
    marks = marked(100, [(40, 59)]) if anomaly is None else anomaly
    return scoring.score(recording(100, marks, changes), records, SHIFT, group)  # type: ignore[arg-type]


def spans(marks: list[int], changes: list[int]) -> list[tuple[int, int]]:
    found = scoring.segments(recording(len(marks), marks, changes))
    return [(piece.start // S - 1_000, piece.end // S - 1_000) for piece in found]


def test_anomalies_are_divided_where_change_points_begin() -> None:
    marks = marked(30, [(5, 19), (25, 29)])
    assert spans(marks, [0] * 30) == [(5, 19), (25, 29)]
    assert spans(marks, marked(30, [(5, 6), (10, 12), (20, 20)])) == [(5, 9), (10, 19), (25, 29)]
    assert spans(marks, marked(30, [(4, 8), (28, 29)])) == [(5, 19), (25, 27), (28, 29)]
    assert spans([0] * 30, marked(30, [(5, 6)])) == []


def test_the_first_alert_of_a_segment_gives_its_delay() -> None:
    found = scored([change(45.5, "normal", "yellow"), change(50, "yellow", "orange")])
    (outcome,) = found.outcomes
    assert (outcome.delay_s, outcome.alarm, outcome.standing) == (5.5, "band.flow~flow", False)
    assert (found.missed, found.false_alarms, found.false_alerts) == (0, 0, 0)


@pytest.mark.parametrize("at_s", [39.9, 59.1])
def test_an_alert_beside_the_anomaly_is_false_and_detects_nothing(at_s: float) -> None:
    found = scored([change(at_s, "normal", "yellow"), change(at_s + 30, "yellow", "normal")])
    assert (found.missed, found.false_alerts) == (1, 1)


def test_a_standing_alarm_detects_nothing_and_a_promotion_does() -> None:
    standing = [change(10, "normal", "yellow")]
    (missed,) = scored(standing).outcomes
    assert (missed.delay_s, missed.standing) == (None, True)
    (promoted,) = scored([*standing, change(47, "yellow", "orange")]).outcomes
    assert (promoted.delay_s, promoted.standing) == (7.0, True)
    (fallen,) = scored([change(10, "normal", "orange"), change(47, "orange", "yellow")]).outcomes
    assert fallen.delay_s is None


def test_blue_and_the_engine_about_itself_are_no_alerts() -> None:
    quiet = [
        change(42, "normal", "blue"),
        change(43, "normal", "yellow", rule="engine.stale"),
        change(44, "orange", "orange", transition="actual"),
    ]
    found = scored(quiet)
    assert found.missed == 1
    assert found.false_alerts == 0


def test_groups_see_their_own_rules_only() -> None:
    both = [change(45, "normal", "yellow"), change(48, "normal", "yellow", rule="slope.flow")]
    assert scored(both, group="band").outcomes[0].delay_s == 5.0
    assert scored(both, group="slope").outcomes[0].delay_s == 8.0
    assert scored(both, group="all").outcomes[0].delay_s == 5.0


def test_rows_in_alarm_are_counted_over_all_alarms() -> None:
    # In alarm: rows 20 to 29 by one alarm, 25 to 44 by another, 70 to the end by the first again.
    records = [
        change(20, "normal", "yellow"),
        change(25, "normal", "red", rule="slope.flow"),
        change(30, "yellow", "normal"),
        change(45, "red", "normal", rule="slope.flow"),
        change(70, "normal", "orange"),
    ]
    found = scored(records)
    assert found.rows == scoring.Rows(total=100, anomalous=20, false=20 + 30, missed=15)
    assert found.rows.far == pytest.approx(100 * 50 / 80)
    assert found.rows.mar == pytest.approx(75.0)
    assert found.false_alarms == 2  # the runs that begin in rows 20 and 70


def test_blue_is_calm_and_a_fall_to_blue_ends_the_alarm() -> None:
    found = scored([change(41, "normal", "orange"), change(51, "orange", "blue")])
    assert found.rows.missed == 10
    assert found.rows.false == 0


def test_what_happens_after_the_recording_is_left_out() -> None:
    found = scored([change(99.5, "normal", "yellow")])
    assert (found.false_alerts, found.rows.false) == (0, 0)


def test_an_alarm_that_never_ends_misses_no_row_and_detects_nothing() -> None:
    found = scored([change(0, "normal", "red")])
    assert (found.rows.far, found.rows.mar) == (100.0, 0.0)
    assert found.missed == 1


def test_without_labels_everything_is_normal() -> None:
    found = scoring.score(recording(100), [change(50, "normal", "yellow")], SHIFT, "all")
    assert found.outcomes == ()
    assert found.rows.far == 50.0
    assert found.rows.mar is None


def test_the_leaderboards_training_rows_are_left_out_of_its_figures() -> None:
    marks = marked(500, [(300, 449)])
    found = scoring.score(recording(500, marks), [change(410, "normal", "yellow")], SHIFT, "all")
    assert found.tested == scoring.Rows(total=100, anomalous=50, false=50, missed=10)


# --- audit and report ----------------------------------------------------------------------------


def logged(directory: Path, alter: str) -> audit.Audit:
    """The audit of a log that holds a recording, altered as named."""
    write_run(directory, ["valve1-0"], normal_rows())
    loaded = load(directory / "lifeline.yaml")
    played = recording(20)
    decoder = compile_decoder(loaded.sources[0], loaded.configuration)
    payloads = list(telemetry.messages(played, 60 * S))
    frame = decoder.decode([("skab/skab-valve1-0/telemetry", p, 0) for p in payloads]).frame
    kept = np.arange(len(frame))
    value = frame.value.copy()
    time = frame.time.copy()
    if alter == "lost":
        kept = kept[1:]
    elif alter == "altered":
        value[5] += 1e-6
    elif alter == "foreign":
        kept = np.append(kept, 7)
        time = np.append(time, time[7] + S // 2)
        value = np.append(value, 1.0)
        kept[-1] = len(time) - 1
    elif alter == "again":
        kept = np.append(kept, [3, 4])
    sensors = np.append(frame.sensor, frame.sensor[7])
    made = Frame.of(sensors[kept], time[kept], value[kept])
    version = loaded.configuration.version()
    entries = [Entry(Header(), loaded.configuration), Entry(Header(registry=version), made)]
    store = LogStore.open(loaded.storage.directory)
    store.append([encode(entry) for entry in entries]).wait(180)
    store.close()
    return audit.audit(loaded.storage.directory, [played], {"valve1-0": 60 * S})


@pytest.mark.parametrize(
    ("alter", "expected"),
    [
        ("nothing", (0, 0, 0, 0)),
        ("lost", (1, 0, 0, 0)),
        ("altered", (0, 1, 0, 0)),
        ("foreign", (0, 0, 1, 0)),
        ("again", (0, 0, 0, 2)),
    ],
)
def test_the_audit_finds_what_is_not_as_sent(
    tmp_path: Path, alter: str, expected: tuple[int, int, int, int]
) -> None:
    found = logged(tmp_path, alter)
    assert found.sent == 160
    assert (found.lost, found.altered, found.foreign, found.redelivered) == expected
    assert found.holds == (alter in ("nothing", "again"))


def outcome_of(scores: list[scoring.Score], **changed: object) -> report.Outcome:
    calibration = calibrate.calibrate(recording(2_400, values=normal_rows()))
    far = {"all": 3.0, "band": 2.0, "slope": 1.0}
    fields: dict[str, object] = {
        "calibration": calibration,
        "verification": report.Verification(0, 0, 4, 600.0, far),
        "scores": dict.fromkeys(scoring.GROUPS, scores),
        "audit": audit.Audit(sent=8, lost=0, altered=0, foreign=0, redelivered=0),
        "messages": 1,
        "records": 5,
        "unheard": 0,
        "historic": 2,
        "digest": "abc",
        "influx": {},
        "delivered": True,
        "wall_s": 1.0,
    }
    return report.Outcome(**(fields | changed))  # type: ignore[arg-type]


def test_the_report_tells_each_recording_and_warns_of_f1() -> None:
    marks = marked(500, [(440, 499)])
    played = recording(500, marks, marked(500, [(470, 472)]))
    found = scoring.score(played, [change(450, "normal", "yellow")], SHIFT, "all")
    lines = report.text(outcome_of([found])).splitlines()
    (line,) = {x for x in lines if x.startswith("valve1-0")}
    assert line.split() == ["valve1-0", "10", "-*", "1/2", "0", "0", "0.0", "16.7"]
    assert next(x.split() for x in lines if x.startswith("after row"))[-2:] == ["0.0", "16.7"]
    # 60 of 100 rows are anomalous after row 400: precision 0.6, recall 1.
    assert any("has 0.750 after row 400" in x for x in lines)
    assert any(x.endswith("verify 4 in 10 min") for x in lines)


def test_the_report_as_json_has_the_same() -> None:
    found = scored([change(45, "normal", "yellow")])
    document = msgspec.json.decode(msgspec.json.encode(report.document(outcome_of([found]))))
    assert document["holds"] is True
    (line,) = document["recordings"]["all"]
    assert line["segments"][0]["delay_s"] == 5.0
    assert line["rows"]["mar_percent"] == 25.0
    assert document["anomaly_free"]["verify_far_percent"]["band"] == 2.0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"unheard": 1}, "1 not heard"),
        ({"digest": ""}, "ANOTHER digest"),
        ({"delivered": False}, "STILL BEHIND"),
        ({"audit": audit.Audit(8, 1, 0, 0, 0)}, "lost 1"),
    ],
)
def test_a_run_that_lost_something_does_not_hold_and_says_so(
    changed: dict[str, object], said: str
) -> None:
    outcome = outcome_of([scored([])], **changed)
    assert not outcome.holds
    assert said in report.text(outcome)


def test_the_readme_shows_the_expected_text() -> None:
    expected = (EXAMPLE / "expected.txt").read_text(encoding="utf-8")
    assert expected in (EXAMPLE / "README.md").read_text(encoding="utf-8")
    for group in scoring.GROUPS:
        assert report.TITLES[group] in expected
