"""Event times: exact, bounded, and where clocks change."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lifeline.engine.source import PayloadSpec, TimeSpec
from payloads import NOW, decode, rows, source

SECOND = 1_000_000_000


def times(spec: TimeSpec, *written: str) -> list[int | str]:
    """For each JSON text of the time field: ns, or the reason why not."""
    found: list[int | str] = []
    for text in written:
        for extra in ("", ', "x": NaN'):  # read by the typed and by the plain reader
            payload = f'{{"value": 1, "ts": {text}{extra}}}'.encode()
            decoded = decode(source(PayloadSpec(time=spec)), payload)
            found.append(rows(decoded)[0][1] if len(decoded.frame) else decoded.dead[0].reason)
        assert found[-1] == found[-2], text
        found.pop()
    return found


@pytest.mark.parametrize(
    ("unit", "text", "ns"),
    [
        ("s", "1760000000", 1_760_000_000_000_000_000),
        ("s", "1760000000.1", 1_760_000_000_100_000_000),
        ("s", "1760000000.123456", 1_760_000_000_123_456_000),
        ("s", "1760000000.1234567", 1_760_000_000_123_456_700),
        ("s", "1.76e9", 1_760_000_000_000_000_000),
        ("s", "0", 0),
        ("s", "0.000000001", 1),
        ("ms", "1760000000123", 1_760_000_000_123_000_000),
        ("ms", "1760000000123.5", 1_760_000_000_123_500_000),
        ("ms", "1760000000123.25", 1_760_000_000_123_250_000),
        ("us", "1760000000123456", 1_760_000_000_123_456_000),
        ("us", "1760000000123456.5", 1_760_000_000_123_456_500),
        ("ns", "1760000000123456789", 1_760_000_000_123_456_789),
        ("ns", "7258118399999999999", 7_258_118_399_999_999_999),
    ],
)
def test_numbers_mean_exactly_what_is_written(unit: str, text: str, ns: int) -> None:
    assert times(TimeSpec(path="ts", unit=unit), text) == [ns]  # type: ignore[arg-type]


def test_whole_numbers_beside_fractions_in_one_call_lose_nothing() -> None:
    spec = source(PayloadSpec(time=TimeSpec(path="ts", unit="ns")))
    exact = [1_760_000_000_123_456_789, 1_760_000_000_000_000_001]
    payloads = [b'{"value": 1, "ts": %d}' % t for t in exact]
    decoded = decode(spec, payloads[0], b'{"value": 1, "ts": 1.5e18}', payloads[1])
    assert decoded.frame.time.tolist() == [exact[0], 1_500_000_000_000_000_000, exact[1]]


@pytest.mark.parametrize(
    "text", ["-1", "-0.5", "7258118400", "1e30", "1e400", "-Infinity", "9" * 30, "9" * 5000]
)
def test_times_outside_1970_to_2200_are_refused(text: str) -> None:
    assert times(TimeSpec(path="ts", unit="s"), text) == ["time_out_of_bounds"]


@pytest.mark.parametrize("text", ['"1760000000"', "true", "[]", "{}"])
def test_what_is_no_number_is_no_time(text: str) -> None:
    assert times(TimeSpec(path="ts", unit="s"), text) == ["time_unreadable"]


def utc(*fields: int, ns: int = 0) -> int:
    return int(datetime(*fields, tzinfo=UTC).timestamp()) * SECOND + ns  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("text", "ns"),
    [
        ("2025-10-09T08:53:20Z", NOW),
        ("2025-10-09T16:53:20+08:00", NOW),
        ("2025-10-09T16:53:20+0800", NOW),
        ("2025-10-09 16:53:20 +08", NOW),
        ("2025-10-09T03:23:20-05:30", NOW),
        ("2025-10-09T08:53:20.5Z", NOW + SECOND // 2),
        ("2025-10-09T08:53:20.123456789Z", NOW + 123_456_789),
        ("2025-10-09T08:53:20,123456789987Z", NOW + 123_456_789),
        ("2025/10/9 8:53:20Z", NOW),
        ("2025-10-09T08:53Z", NOW - 20 * SECOND),
        ("1970-01-01T00:00:00Z", 0),
        ("2024-02-29T23:59:59.999999999Z", utc(2024, 2, 29, 23, 59, 59, ns=999_999_999)),
    ],
)
def test_iso_text_with_its_offset(text: str, ns: int) -> None:
    assert times(TimeSpec(path="ts", unit="iso"), f'"{text}"') == [ns]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2025-10-09T08:53:20", "time_unreadable"),  # no offset, and the source names no zone
        ("2025-02-29T00:00:00Z", "time_unreadable"),
        ("2025-10-09T24:00:00Z", "time_unreadable"),
        ("2025-10-09T08:53:60Z", "time_unreadable"),
        ("2025-10-09T08:53:20+99:00", "time_unreadable"),
        ("2025-10-09", "time_unreadable"),
        ("", "time_unreadable"),
        ("٢٠٢٥-10-09T08:53:20Z", "time_unreadable"),
        ("1969-12-31T23:59:59Z", "time_out_of_bounds"),
        ("1970-01-01T00:00:00+08:00", "time_out_of_bounds"),
        ("2200-01-01T00:00:00Z", "time_out_of_bounds"),
        ("0001-01-01T00:00:00+08:00", "time_out_of_bounds"),
        ("9999-12-31T23:59:59-08:00", "time_out_of_bounds"),
    ],
)
def test_text_that_is_no_time(text: str, reason: str) -> None:
    assert times(TimeSpec(path="ts", unit="iso"), f'"{text}"') == [reason]


def test_text_without_offset_is_read_in_the_sources_zone_and_an_offset_wins() -> None:
    spec = TimeSpec(path="ts", unit="iso", zone="Asia/Shanghai")
    assert times(spec, '"2025-10-09 16:53:20"', '"2025-10-09T08:53:20Z"') == [NOW, NOW]


@pytest.mark.parametrize(
    ("fold", "expected"),
    [
        ("earlier", utc(2025, 10, 26, 0, 30)),
        ("later", utc(2025, 10, 26, 1, 30)),
        ("refuse", "time_ambiguous"),
    ],
)
def test_the_hour_that_happens_twice(fold: str, expected: int | str) -> None:
    spec = TimeSpec(path="ts", unit="iso", zone="Europe/Berlin", fold=fold)  # type: ignore[arg-type]
    assert times(spec, '"2025-10-26 02:30:00"') == [expected]


@pytest.mark.parametrize("fold", ["earlier", "later"])
def test_the_hour_that_never_happens_is_read_by_the_offset_before(fold: str) -> None:
    spec = TimeSpec(path="ts", unit="iso", zone="Europe/Berlin", fold=fold)  # type: ignore[arg-type]
    assert times(spec, '"2025-03-30 02:30:00"') == [utc(2025, 3, 30, 1, 30)]


def test_the_hour_that_never_happens_is_refused_where_doubt_is() -> None:
    spec = TimeSpec(path="ts", unit="iso", zone="Europe/Berlin", fold="refuse")
    assert times(spec, '"2025-03-30 02:30:00"') == ["time_ambiguous"]


def test_a_missing_time_is_refused_or_that_of_receipt() -> None:
    payloads = (b'{"value": 1}', b'{"value": 2, "ts": null}', b'{"value": 3, "ts": 1760000000000}')
    receipt = source(PayloadSpec(time=TimeSpec(path="ts", missing="receipt")))
    assert [r[1] for r in rows(decode(receipt, *payloads))] == [NOW, NOW + 1, NOW]
    strict = decode(source(PayloadSpec(time=TimeSpec(path="ts"))), *payloads)
    assert strict.refused == {"time_missing": 2}


def spread_times(*stamps: int, resolution: int = SECOND, values: str = "1") -> list[int]:
    spec = source(
        PayloadSpec(points="$", time=TimeSpec(path="ts", unit="s", resolution=resolution))
    )
    points = ",".join(f'{{"value": {values}, "ts": {t}}}' for t in stamps)
    return [int(t) for t in decode(spec, f"[{points}]".encode()).frame.time]


def test_equal_whole_second_stamps_of_one_payload_are_spread_by_position() -> None:
    half, third = SECOND // 2, SECOND // 3
    assert spread_times(10, 10) == [10 * SECOND, 10 * SECOND + half]
    assert spread_times(10, 11, 10, 10) == [
        10 * SECOND,
        11 * SECOND,
        10 * SECOND + third,
        10 * SECOND + 2 * SECOND // 3,
    ]
    assert spread_times(10, 11) == [10 * SECOND, 11 * SECOND]
    assert spread_times(10, 10, resolution=0) == [10 * SECOND, 10 * SECOND]


def test_stamps_are_never_spread_over_payloads_or_sensors() -> None:
    time = TimeSpec(path="ts", unit="s", resolution=SECOND)
    single = source(PayloadSpec(time=time))
    same = b'{"value": 1, "ts": 10}'
    assert decode(single, same, same).frame.time.tolist() == [10 * SECOND] * 2
    array = source(PayloadSpec(points="$", time=time))
    twice = b'[{"value": 1, "ts": 10}, {"value": 2, "ts": 10}]'
    slow = b'[{"value": 1, "ts": 10}, {"value": 2, "ts": 10, "x": NaN}]'
    moved = [10 * SECOND, 10 * SECOND + SECOND // 2]
    assert decode(array, twice, twice, slow, same).frame.time.tolist() == moved * 3


def test_a_payload_decodes_to_the_same_times_whenever_it_comes() -> None:
    time = TimeSpec(path="ts", unit="s", resolution=SECOND)
    spec = source(PayloadSpec(points="$", time=time))
    payload = b'[{"value": 1, "ts": 10}, {"value": 2, "ts": 10}]'
    alone = decode(spec, payload).frame
    among = decode(spec, payload, payload, payload).frame
    assert among.take(slice(2, 4)) == alone
