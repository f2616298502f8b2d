"""`lifeline fit`: what is learned, how it is written, and what a rule makes of it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lifeline.engine.cli.app import app
from lifeline.engine.config import check, load
from lifeline.engine.config.learned import Learned, offsets, read_learned, read_profile
from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.entry import Entry, Header, encode
from lifeline.engine.errors import SpecError
from lifeline.engine.frame import Frame
from lifeline.engine.limits import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from lifeline.engine.log import LogStore
from lifeline.engine.quality import Quality
from lifeline.engine.replay.learning import Learning, hours_of_week, noise_floor
from plant_files import PlantFiles

MONDAY = 1_699_804_800 * SECOND_NS  # 2023-11-13 00:00 in Shanghai less 8 h: Sunday 16:00 UTC
SHANGHAI = "Asia/Shanghai"


def plant(count: int = 1) -> Configuration:
    sensors = tuple(Sensor(f"F{i}", 0, 0, "water.flow", "m3/h", low=0.0) for i in range(count))
    return Configuration((Site("north", "acme", "a/b/c"),), (Link(0, "gw"),), sensors)


def learned_of(times: list[int], values: list[float], quality: list[int] | None = None) -> Learned:
    learning = Learning(plant(), [0])
    codes = [0] * len(times) if quality is None else quality
    learning.take(Frame.of([0] * len(times), times, values, codes))
    return learning.learned(SHANGHAI)


def test_hours_are_those_of_the_sites_week() -> None:
    first = offsets(SHANGHAI)[-1][1]
    assert first == 8 * HOUR_NS
    times = np.array([MONDAY, MONDAY + HOUR_NS - 1, MONDAY + HOUR_NS, MONDAY + 7 * DAY_NS - 1])
    assert hours_of_week(times, SHANGHAI).tolist() == [0, 0, 1, 167]


def test_the_ambiguous_hour_and_the_one_that_is_missing() -> None:
    """New York 2023: back from 2:00 to 1:00 on 5 November at 6:00 UTC; forward on 12 March at 7:00 UTC."""
    back, forward = 1_699_164_000 * SECOND_NS, 1_678_604_400 * SECOND_NS
    times = np.array([back - HOUR_NS, back, back + HOUR_NS, forward - 1, forward])
    sunday = 6 * 24
    assert (hours_of_week(times, "America/New_York") - sunday).tolist() == [1, 1, 2, 1, 3]


def test_median_and_mad_by_hand() -> None:
    times = [MONDAY + i * MINUTE_NS for i in range(5)] + [MONDAY + 7 * DAY_NS]
    one = learned_of(times, [1.0, 2.0, 3.0, 4.0, 100.0, 5.0]).sensors["north/F0"]
    # 1 2 3 4 5 100: median 3.5, distances 2.5 1.5 .5 .5 1.5 96.5.
    assert one.hours[0] == (3.5, 1.5, 6)
    assert one.hours[1] == (0.0, 0.0, 0)
    assert (one.samples, one.left_out, one.limits["50 %"]) == (6, 0, 3.5)


def test_only_good_samples_within_the_range_are_learned_from_and_each_time_once() -> None:
    times = [MONDAY + i * MINUTE_NS for i in (0, 0, 1, 2, 3, 4)]
    values = [1.0, 9.0, 2.0, -5.0, float("nan"), 7.0]
    one = learned_of(times, values, [0, 0, 0, 0, 0, int(Quality.FAULT)]).sensors["north/F0"]
    assert (one.samples, one.left_out) == (2, 4)
    assert one.hours[0] == (1.5, 0.5, 2)


def test_nothing_to_learn_is_said() -> None:
    with pytest.raises(SpecError, match="nothing to learn"):
        learned_of([MONDAY], [1.0])


def test_the_order_of_the_frames_does_not_matter() -> None:
    times = np.arange(500) * MINUTE_NS + MONDAY
    values = np.random.default_rng(1).normal(5, 1, 500)
    texts = []
    for parts in ([slice(0, 500)], [slice(250, 500), slice(0, 250)]):
        learning = Learning(plant(), [0])
        for part in parts:
            learning.take(Frame.of([0] * len(times[part]), times[part], values[part]))
        texts.append(learning.learned(SHANGHAI).text())
    assert texts[0] == texts[1]


def test_the_noise_floor_hardly_sees_a_day_or_an_outlier() -> None:
    t = np.arange(5_000)
    values = 50 * np.sin(2 * np.pi * t / 1440) + np.random.default_rng(7).normal(0, 0.5, 5_000)
    values[::100] += 400
    assert noise_floor(values) == pytest.approx(0.5, rel=0.1)


# --- the file -------------------------------------------------------------------------------------
def written(tmp_path: Path) -> Path:
    values = [10.0 + (i % 7) / 8 for i in range(48)]
    path = tmp_path / "learned.toml"
    path.write_text(
        learned_of([MONDAY + i * 30 * MINUTE_NS for i in range(48)], values).text(), "utf-8"
    )
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = written(tmp_path)
    learned = read_learned(path, ())
    assert learned.text() == path.read_text("utf-8")
    profile = read_profile(path, ())
    assert profile.name == learned.hash()
    median, mad, count = learned.sensors["north/F0"].hours[3]
    assert profile.hours["north/F0"][3] == (median, 1.4826 * mad, count)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (r"noise = .*", "noise = 1.0", "changed after it was written"),
        (r"\[10\.", "[11.", "changed after it was written"),
        (r"zone = .*", 'zone = "UTC"', "changed after it was written"),
        (r"format = .*", 'format = "x"', "not a file of"),
        (r"samples = .*", "samples = 'x'", "not a file of"),
        (r"hours = \[", "hours = [[", "not a file of"),
    ],
)
def test_a_changed_file_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = written(tmp_path)
    text, n = re.subn(old, new, path.read_text("utf-8"), count=1)
    assert n == 1
    path.write_text(text, "utf-8")
    with pytest.raises(SpecError, match=message):
        read_learned(path, ())


# --- the command and the rule ---------------------------------------------------------------------
RULE = """rules:
  - id: odd
    kind: deviation
    select: {quantity: pipe.gas.pressure}
    profile: learned.toml
    min_count: 1
    beyond: {yellow: 20 kPa}
"""


def test_from_a_recording_to_a_rule_and_its_hash(tmp_path: Path) -> None:
    config = PlantFiles().write(tmp_path)
    lines = [f"2026-06-0{1 + h // 24}T{h % 24:02}:00:00Z,PT-1,{0.1 + h / 1000}" for h in range(48)]
    recording, out = tmp_path / "june.csv", tmp_path / "learned.toml"
    command = ["fit", str(recording), "-c", str(config), "-o", str(out), "--zone", SHANGHAI]
    command += ["--quantity", "pipe.gas.pressure"]

    def fitted(rows: list[str]) -> str:
        recording.write_text("\n".join(["time,sensor,value", *rows]))
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
        learned = read_learned(out, ())
        assert learned.hash() in result.output
        return learned.hash()

    first = fitted(lines)
    PlantFiles(rules=RULE).write(tmp_path)
    (rule,) = [r for r in load(config).configuration.rules if r.id == "odd"]
    assert rule.profile is not None
    assert rule.profile.name == first
    assert set(rule.profile.hours) == {"east/PT-1"}
    assert fitted(lines[:-1]) != first
    (other,) = [r for r in load(config).configuration.rules if r.id == "odd"]
    assert other.hash() != rule.hash()
    out.unlink()
    assert "the learned file cannot be read" in " ".join(p.text() for p in check(config))


def test_without_a_common_zone_one_must_be_named(tmp_path: Path) -> None:
    config = PlantFiles().write(tmp_path)
    recording = tmp_path / "june.csv"
    recording.write_text("time,sensor,value\n2026-06-01T00:00:00Z,PT-1,0.1\n")
    command = ["fit", str(recording), "-c", str(config), "-o", str(tmp_path / "x.toml")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code != 0
    assert "no common time zone" in result.output


def test_a_log_is_learned_from_as_a_recording_is(tmp_path: Path) -> None:
    config = PlantFiles().write(tmp_path)
    plant_of = load(config).configuration
    times = [MONDAY + i * MINUTE_NS for i in range(120)]
    values = [0.2 + (i % 5) / 100 for i in range(120)]
    index = next(i for i, s in enumerate(plant_of.sensors) if s.id == "PT-1")
    frame = Frame.of([index] * 120, times, values)
    directory = tmp_path / "data"
    store = LogStore.open(directory)
    try:
        header = Header(received=times[-1], appended=times[-1], registry=plant_of.version())
        store.append([encode(Entry(header, plant_of)), encode(Entry(header, frame))]).wait()
    finally:
        store.close()
    out = tmp_path / "log.toml"
    command = ["fit", str(directory), "-c", str(config), "-o", str(out), "--zone", SHANGHAI]
    result = CliRunner().invoke(app, [*command, "--sensor", "PT-1"])
    assert result.exit_code == 0, result.output
    learning = Learning(plant_of, [index])
    learning.take(frame)
    assert read_learned(out, ()) == learning.learned(SHANGHAI)
