"""The example's rules that learn from the first 400 rows: made-up recordings of the same form, and what must come."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from lifeline.engine.errors import SpecError
from skab_files import (
    EXAMPLE,
    FIELDS,
    FLOW,
    closed,
    csv_text,
    fitted,
    marked,
    recording,
    recordings,
    rows,
    scoring,
    write,
)

COUNT, FIRST, LAST = 700, 520, 619


def write_part(
    folder: Path, values: list[list[float]], anomaly: list[int], name: str = "0"
) -> Path:
    labels = {"anomaly": anomaly, "changepoint": [0] * len(anomaly)}
    return write(folder / "valve1" / f"{name}.csv", csv_text(values, labels))


def closing(seed: int = 2) -> tuple[list[list[float]], list[int]]:
    """The valve closes behind the 400th row, and is labelled."""
    return rows(COUNT, seed, closed(FIRST, LAST)), marked(COUNT, [(FIRST, LAST)])


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> fitted.Outcome:
    folder = tmp_path_factory.mktemp("skab")
    write_part(folder, *closing())
    write_part(folder, rows(COUNT, 3), [0] * COUNT, "1")
    still = np.array(rows(COUNT, 4, closed(FIRST, LAST)))
    still[:TRAIN, FLOW] = 60.0
    write_part(folder, still.tolist(), marked(COUNT, [(FIRST, LAST)]), "2")
    return fitted.run(folder, "valve1", folder / "out")


TRAIN = scoring.TRAINING_ROWS


@pytest.mark.parametrize("variant", [v.name for v in fitted.VARIANTS])
def test_a_valve_that_closes_is_found_within_the_on_delay(
    outcome: fitted.Outcome, variant: str
) -> None:
    found, nothing, _ = outcome.judged[variant]
    assert found.rows.total == COUNT - TRAIN
    assert found.rows.anomalous == LAST - FIRST + 1
    assert found.delay_s is not None
    assert 0 <= found.delay_s <= 11
    assert not found.standing
    assert found.rows.mar is not None
    assert found.rows.mar < 12.0
    assert nothing.delay_s is None
    for one in (found, nothing):
        assert one.rows.far is not None
        assert one.rows.far < 20.0  # off-delay, and one row in fifty by two limits of 99 %


def test_a_sensor_that_stood_still_is_left_out_and_named(outcome: fitted.Outcome) -> None:
    assert outcome.left_out == {"valve1-2": ("flow",)}
    blind = outcome.judged["plant"][2]
    assert blind.delay_s is None  # flow was all that the closing changed
    assert "valve1-2: flow never moved in the first 400 rows" in fitted.text(outcome)


def test_nothing_behind_row_400_and_no_label_is_learned_from(tmp_path: Path) -> None:
    values, anomaly = closing()
    wild = np.array(values)
    wild[TRAIN:] *= 3.0
    learned = []
    for name, table, marks in (("a", values, anomaly), ("b", wild.tolist(), [0] * COUNT)):
        folder = tmp_path / name
        write_part(folder, table, marks)
        fitted.run(folder, "valve1", folder / "out")
        text = (folder / "out" / "valve1-0" / fitted.LEARNED).read_text()
        learned.append(text)
    assert learned[0] == learned[1]


def test_the_trap_is_what_it_says(outcome: fitted.Outcome) -> None:
    told = fitted.document(outcome)
    share = 200 / 900  # anomalous rows of the three recordings, of all judged ones
    assert told["always"] == {
        "f1": pytest.approx(2 * share / (1 + share)),
        "far": 100.0,
        "mar": 0.0,
    }
    assert told["never"] == {"f1": 0.0, "far": 0.0, "mar": 100.0}
    rows_ = scoring.Rows(total=10, anomalous=4, false=2, missed=1)
    assert fitted.f1(rows_) == pytest.approx(2 * (3 / 5) * (3 / 4) / (3 / 5 + 3 / 4))
    assert json.dumps(told)


def test_a_recording_without_labels_or_rows_behind_is_refused() -> None:
    for bad in (recording(500), recording(400, [0] * 400)):
        with pytest.raises(SpecError, match="nothing to judge"):
            fitted.rest_of(bad)


def test_the_command_tells_every_recording_and_the_published_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_part(tmp_path, *closing())
    assert fitted.main([str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert "valve1-0" in told
    assert "alarm always (the trap), here" in told
    for name, *_ in fitted.PUBLISHED:
        assert f"{name}, published" in told
    assert fitted.main([str(tmp_path), "--part", "valve9"]) == 1


def test_the_readme_shows_what_came_out() -> None:
    text = (EXAMPLE / "expected-fitted.txt").read_text(encoding="utf-8")
    assert text in (EXAMPLE / "README.md").read_text(encoding="utf-8")
    assert set(FIELDS) == set(recordings.FIELDS)
