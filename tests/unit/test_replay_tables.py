"""Recorded files become samples of the plant: forms, separators, encodings, zones, units, mistakes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from lifeline.engine.config import Plant, load
from lifeline.engine.errors import SpecError
from lifeline.engine.quality import Quality
from lifeline.engine.replay.tables import Reading, read_samples
from lifeline.engine.replay.times import local_to_utc
from plant_files import PlantFiles

EAST_GAS, EAST_PRESSURE, WEST_GAS = 0, 1, 2
START = 1_717_200_000  # 2024-06-01T00:00:00Z
SECOND = 1_000_000_000


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    return load(PlantFiles().write(tmp_path))


def written(tmp_path: Path, text: str | bytes, name: str = "data.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def rows(path: Path, plant: Plant, reading: Reading = Reading()) -> list[tuple[int, int, float]]:
    """(sensor, seconds since START, value) of each sample."""
    frame = read_samples([path], plant, reading).frame
    seconds = (frame.time - START * SECOND) // SECOND
    return list(zip(frame.sensor.tolist(), seconds.tolist(), frame.value.tolist(), strict=True))


WIDE = """time,east/GD-1,PT-1,label
2024-06-01T00:00:01Z,5,1.5,0
2024-06-01T00:00:02Z,,1.6,1
2024-06-01T00:00:03Z,7,,1
"""


def test_a_wide_file_has_a_column_for_each_sensor(tmp_path: Path, plant: Plant) -> None:
    path = written(tmp_path, WIDE)
    # An empty cell is no sample; MPa become the catalogue's kPa.
    assert rows(path, plant) == [
        (EAST_GAS, 1, 5.0),
        (EAST_PRESSURE, 1, 1500.0),
        (EAST_PRESSURE, 2, 1600.0),
        (EAST_GAS, 3, 7.0),
    ]
    assert read_samples([path], plant).passed == {"label": 1}


def test_a_long_file_has_a_row_for_each_sample(tmp_path: Path, plant: Plant) -> None:
    text = "ts,station,tag,value,quality\n" + "".join(
        f"2024-06-01T08:00:0{i}+08:00,{site},GD-1,{i},{quality}\n"
        for i, (site, quality) in enumerate(
            [("east", "good"), ("west", "calibration"), ("east", "")]
        )
    )
    frame = read_samples([written(tmp_path, text)], plant).frame
    assert frame.sensor.tolist() == [EAST_GAS, WEST_GAS, EAST_GAS]
    # The western detector speaks in %VOL: 5 %VOL of methane are 100 %LEL.
    assert frame.value.tolist() == pytest.approx([0.0, 20.0, 2.0])
    assert frame.quality.tolist() == [Quality.GOOD, Quality.CALIBRATION, Quality.GOOD]


def test_a_file_may_say_its_own_units_and_codes_of_quality(tmp_path: Path, plant: Plant) -> None:
    text = "time,site,sensor,unit,value,quality\n" + "".join(
        f"2024-06-01T00:00:0{i},{row}\n".replace(",", "Z,", 1)
        for i, row in enumerate((
            "east,PT-1,kPa,1500,0", "east,PT-1,MPa,1.5,0", "east,PT-1,bar,15,130",
            "east,PT-1,,1.5,", "west,GD-1,%LEL,20,0", "west,GD-1,%VOL,1,0",
        ))
    )  # fmt: skip
    path = written(tmp_path, text)
    read = rows(path, plant)
    assert [sensor for sensor, _, _ in read] == [EAST_PRESSURE] * 4 + [WEST_GAS] * 2
    assert [value for _, _, value in read] == pytest.approx([1500.0] * 4 + [20.0] * 2)
    quality = read_samples([path], plant).frame.quality.tolist()
    assert quality == [0, 0, Quality.CALIBRATION, 0, 0, 0]


def test_a_unit_that_does_not_fit_and_a_binary_file_are_told(tmp_path: Path, plant: Plant) -> None:
    wrong = written(tmp_path, "time,sensor,unit,value\n2024-06-01T00:00:00Z,PT-1,m3/h,1\n")
    with pytest.raises(SpecError, match="PT-1"):
        read_samples([wrong], plant)
    binary = written(tmp_path, b"ARROW1\x00\x00\xff\xff\xff\xff\x10\n" * 50, "data.csv")
    with pytest.raises(SpecError):
        read_samples([binary], plant)


def test_a_value_that_is_missing_in_a_long_file_is_bad(tmp_path: Path, plant: Plant) -> None:
    text = "time,site,sensor,value\n2024-06-01T00:00:00Z,east,GD-1,\n2024-06-01T00:00:01Z,east,GD-1,2\n"
    frame = read_samples([written(tmp_path, text)], plant).frame
    assert frame.quality.tolist() == [Quality.NOT_A_NUMBER, Quality.GOOD]
    assert np.isnan(frame.value[0])


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_spreadsheets_in_every_dress_are_read(
    tmp_path: Path, plant: Plant, separator: str, encoding: str, end: str
) -> None:
    lines = [
        "时间,站点,测点,数值",
        "2024-06-01T00:00:01Z,east,GD-1,5",
        "2024-06-01T00:00:02Z,west,GD-1,1",
    ]
    text = end.join(lines).replace(",", separator) + end
    path = written(tmp_path, text.encode(encoding))
    assert rows(path, plant) == [(EAST_GAS, 1, 5.0), (WEST_GAS, 2, 20.0)]


def test_parquet_is_read_with_its_own_types(tmp_path: Path, plant: Plant) -> None:
    times = np.array([START + 1, START + 2], "datetime64[s]").astype("datetime64[us]")
    table = pa.table({
        "time": pa.array(times, pa.timestamp("us", tz="UTC")),
        "PT-1": pa.array([1.0, float("nan")]),
    })  # fmt: skip
    parquet.write_table(table, tmp_path / "data.parquet")
    frame = read_samples([tmp_path / "data.parquet"], plant).frame
    assert frame.time.tolist() == [(START + 1) * SECOND, (START + 2) * SECOND]
    assert frame.quality.tolist() == [Quality.GOOD, Quality.NOT_A_NUMBER]


@pytest.mark.parametrize(
    ("unit", "stamps"),
    [("s", ["1717200001", "1717200002.5"]), ("ms", ["1717200001000", "1717200002500"])],
)
def test_times_may_be_numbers(tmp_path: Path, plant: Plant, unit: str, stamps: list[str]) -> None:
    text = "time,PT-1\n" + "".join(f"{stamp},1\n" for stamp in stamps)
    frame = read_samples([written(tmp_path, text)], plant, Reading(unit=unit)).frame
    assert frame.time.tolist() == [(START + 1) * SECOND, START * SECOND + 2_500_000_000]


def test_times_without_an_offset_are_read_in_the_sites_zone(tmp_path: Path) -> None:
    files = PlantFiles()
    files.sites = files.sites.replace("}", ", timezone: Asia/Shanghai}")
    plant = load(files.write(tmp_path))
    path = written(tmp_path, "time,PT-1\n2024-06-01 08:00:01,1\n")
    assert rows(path, plant) == [(EAST_PRESSURE, 1, 1000.0)]
    assert rows(path, plant, Reading(zone="UTC"))[0][1] == 8 * 3600 + 1


def test_times_in_a_form_of_their_own_are_read_one_by_one(tmp_path: Path, plant: Plant) -> None:
    path = written(tmp_path, "time,PT-1\n2024/6/1 8:00,1\n2024/6/1 8:01,2\n")
    read = rows(path, plant, Reading(zone="Asia/Shanghai"))
    assert read == [(EAST_PRESSURE, 0, 1000.0), (EAST_PRESSURE, 60, 2000.0)]


def test_rows_are_sorted_by_time_and_keep_their_order_within_one(
    tmp_path: Path, plant: Plant
) -> None:
    first = written(
        tmp_path, "time,PT-1\n2024-06-01T00:00:09Z,3\n2024-06-01T00:00:01Z,1\n", "a.csv"
    )
    second = written(tmp_path, "time,east/GD-1\n2024-06-01T00:00:01Z,5\n", "b.csv")
    frame = read_samples([first, second], plant).frame
    assert frame.sensor.tolist() == [EAST_PRESSURE, EAST_GAS, EAST_PRESSURE]
    assert frame.value.tolist() == [1000.0, 5.0, 3000.0]


@pytest.mark.parametrize(
    ("text", "reading", "told"),
    [
        ("", Reading(), "empty"),
        ("zeit,PT-1\n1,2\n", Reading(), "no column of times"),
        ("time,PT-1\n5,2\n", Reading(), "--time-unit"),
        ("time,PT-1\n-5,2\n", Reading(unit="s"), "row 1"),
        ("time,PT-1\n2024-06-01 08:00:00,2\n", Reading(), "--zone"),
        ("time,PT-1\n2024-06-01T00:00:00Z,2\n,3\n", Reading(), "row 2"),
        ("time,PT-1\n2024-06-01T00:00:00Z,2\nyesterday,3\n", Reading(), "row 2"),
        ("time,PT-1\n2024-06-01T00:00:00Z,2\n2024-06-01T00:00:01Z,full\n", Reading(), "'full'"),
        ("time,PT-9\n2024-06-01T00:00:00Z,2\n", Reading(), "did you mean PT-1"),
        ("time,GD-1\n2024-06-01T00:00:00Z,2\n", Reading(), "more than one sensor"),
        ("time,PT-1\n2024-06-01T00:00:00Z,2\n", Reading(site="esat"), "expected east or west"),
        ("time,PT-1\n2024-06-01 00:00:00,2\n", Reading(zone="Mars"), "time zone"),
        ("time,sensor,value,q\n2024-06-01T00:00:00Z,PT-1,2,odd\n", Reading(), "unknown quality"),
        ("time,PT-1\n2024-06-01T00:00:00Z,2,3\n", Reading(), "cannot be read as a table"),
    ],
)
def test_a_file_that_cannot_be_understood_is_told(
    tmp_path: Path, plant: Plant, text: str, reading: Reading, told: str
) -> None:
    with pytest.raises(SpecError) as caught:
        read_samples([written(tmp_path, text)], plant, reading)
    assert told in str(caught.value)


def test_one_site_alone_takes_its_names(tmp_path: Path, plant: Plant) -> None:
    path = written(tmp_path, "time,GD-1\n2024-06-01T00:00:01Z,1\n")
    assert rows(path, plant, Reading(site="west")) == [(WEST_GAS, 1, 20.0)]


def test_local_hours_that_happen_twice_or_never() -> None:
    zone = ZoneInfo("Europe/Berlin")
    fields = [(2024, 10, 27, 2, 30), (2024, 3, 31, 2, 30), (2024, 7, 1, 0, 0)]
    ns = np.array([int(datetime(*f, tzinfo=UTC).timestamp()) * SECOND for f in fields], np.int64)
    found = local_to_utc(ns, zone)
    wanted = [int(datetime(*f, tzinfo=zone).timestamp()) * SECOND for f in fields]
    assert found.tolist() == wanted
