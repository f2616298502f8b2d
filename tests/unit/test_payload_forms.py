"""What each form of payload means, by example."""

from __future__ import annotations

import pytest

from lifeline.engine.errors import SpecError
from lifeline.engine.limits import (
    DEAD_LETTER_BYTES,
    MAX_DEAD_POINTS,
    MAX_PAYLOAD_BYTES,
    MAX_PAYLOAD_POINTS,
)
from lifeline.engine.payload import compile_decoder
from lifeline.engine.quality import Quality
from lifeline.engine.source import PayloadSpec, QualitySpec, Route, TimeSpec
from payloads import MS, NOW, TS, configuration, decode, decoder, rows, source

POINT = PayloadSpec(time=TS)
T = MS * 1_000_000


def test_one_value_in_one_object() -> None:
    decoded = decode(source(POINT), b'{"value": 12.5, "ts": %d, "more": [1, {"x": null}]}' % MS)
    assert rows(decoded) == [(1, T, 12.5, Quality.GOOD)]
    assert decoded.dead == []
    assert not decoded.refused


def test_dotted_paths_chinese_keys_and_keys_with_dots() -> None:
    spec = source(PayloadSpec(value=r"数据.浓度\.v", time=TimeSpec(path="数据.时间", unit="s")))
    payload = '{"数据": {"浓度.v": 3, "时间": 1760000000}}'.encode()
    assert rows(decode(spec, payload)) == [(1, NOW, 3.0, 0)]


def test_a_message_that_is_nothing_but_the_number_is_stamped_with_its_receipt() -> None:
    spec = source(PayloadSpec(value="$"))
    assert rows(decode(spec, b"12.5", b" -3 ")) == [(1, NOW, 12.5, 0), (1, NOW + 1, -3.0, 0)]


def test_an_array_of_points_each_with_its_sensor() -> None:
    spec = source(
        PayloadSpec(points="$", value="v", time=TS),
        [Route("a/1", "s", "one"), Route("a/2", "s", "two")],
        key="{device}/{payload.tag}",
    )
    payload = b'[{"tag": "2", "v": 1, "ts": %d}, {"tag": 1, "v": 2, "ts": %d}]' % (MS, MS)
    assert rows(decode(spec, payload)) == [(2, T, 1.0, 0), (1, T, 2.0, 0)]


def test_an_array_within_a_message_that_has_time_device_and_quality_outside() -> None:
    spec = source(
        PayloadSpec(
            points="body.list",
            value="v",
            time=TimeSpec(path="$.at", unit="ms"),
            quality=QualitySpec("$.q", {"0": Quality.GOOD}),
        ),
        [Route("d1/x", "s", "x"), Route("d1/y", "s", "y")],
        key="{$.device}/{payload.tag}",
    )
    payload = (
        b'{"device": "d1", "at": %d, "q": 0,'
        b' "body": {"list": [{"tag": "y", "v": 1}, {"tag": "x", "v": 2}]}}' % MS
    )
    assert rows(decode(spec, payload)) == [(2, T, 1.0, 0), (1, T, 2.0, 0)]


def test_a_wide_object_gives_a_sample_for_each_known_field_that_is_there() -> None:
    spec = source(
        PayloadSpec(shape="wide", fields="data", time=TS),
        [
            Route("a", "s", "p", field="p"),
            Route("a", "s", "t", field="in.t"),
            Route("b", "s", "q", field="q"),
        ],
    )
    both = b'{"ts": %d, "data": {"p": 1, "in": {"t": 2}, "unknown": "x"}}' % MS
    one = b'{"ts": %d, "data": {"p": null}}' % MS
    assert rows(decode(spec, both, one)) == [
        (1, T, 1.0, 0),
        (2, T, 2.0, 0),
        (1, T, -999.0, Quality.NOT_A_NUMBER),
    ]


def test_a_wide_object_without_any_known_field_is_told() -> None:
    spec = source(PayloadSpec(shape="wide", time=TS), [Route("a", "s", "p", field="p")])
    decoded = decode(spec, b'{"ts": %d, "P": 1}' % MS)
    assert [d.reason for d in decoded.dead] == ["no_known_field"]


def test_one_bad_field_of_a_wide_object_costs_no_other() -> None:
    spec = source(
        PayloadSpec(shape="wide", time=TS),
        [Route("a", "s", name, field=name) for name in ("p", "q", "r")],
    )
    decoded = decode(spec, b'{"ts": %d, "p": 1, "q": "bad", "r": NaN}' % MS, b"{}")
    assert rows(decoded) == [(1, T, 1.0, 0)]
    assert [(d.reason, d.detail.split(":")[0]) for d in decoded.dead[:2]] == [
        ("value_not_a_number", "q"),
        ("value_not_a_number", "r"),
    ]


def test_units_are_converted_by_column() -> None:
    spec = source(
        POINT, [Route("a", "s", "a", scale=0.1, offset=-273.15), Route("b", "s", "b", scale=1e18)]
    )
    assert rows(decode(spec, b'{"value": 3000, "ts": %d}' % MS)) == [
        (1, T, 3000 * 0.1 + -273.15, 0)
    ]


def test_a_conversion_that_overflows_is_not_a_number() -> None:
    spec = source(POINT, [Route("a", "s", "a", scale=1e300)])
    decoded = decode(spec, b'{"value": 1e18, "ts": %d}' % MS)
    assert rows(decoded) == [(1, T, -999.0, Quality.NOT_A_NUMBER)]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"true", "value_not_a_number"),
        (b'"12.5"', "value_not_a_number"),
        (b"NaN", "value_not_a_number"),
        (b"Infinity", "value_out_of_bounds"),
        (b"-Infinity", "value_out_of_bounds"),
        (b"1e400", "value_out_of_bounds"),
        (b"9" * 30, "value_out_of_bounds"),
        (b"-" + b"9" * 5_000, "value_out_of_bounds"),
        (b"3.4028235e38", "value_out_of_bounds"),
        (b"[1]", "value_not_a_number"),
        (b"{}", "value_not_a_number"),
        (b"0x10", "not_json"),
        (b"01", "not_json"),
        (b"", "not_json"),
    ],
)
def test_what_is_no_number_is_refused(value: bytes, reason: str) -> None:
    payload = b'{"value": %s, "ts": %d}' % (value, MS)
    good = b'{"value": 1, "ts": %d}' % MS
    decoded = decode(source(POINT), good, payload, good)
    assert len(decoded.frame) == 2
    (dead,) = decoded.dead
    assert (dead.reason, dead.topic, dead.time, dead.index) == (reason, "plant/a/v", NOW + 1, None)
    assert dead.payload == payload[:DEAD_LETTER_BYTES]
    assert decoded.refused == {reason: 1}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "empty"),
        (b" \n ", "empty"),
        (b'{"value": 1, "ts":', "not_json"),
        (b'{"value": 1} {"value": 2}', "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"\x1f\x8b\x08\x00" * 50, "not_json"),
        (b"[" * 100_000, "too_deep"),
        (b'{"a":' * 100_000, "too_deep"),
        (b'{"value": 1, "ts": 1, "x": ' + b"[" * 100_000, "too_deep"),
        (b"null", "not_an_object"),
        (b"[]", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b'{"ts": 1}', "value_missing"),
        (b'{"value": 1}', "time_missing"),
        (b'{"value": 1, "ts": null}', "time_missing"),
        (b"{" + b" " * MAX_PAYLOAD_BYTES + b"}", "too_large"),
    ],
)
def test_what_is_no_message_is_refused(payload: bytes, reason: str) -> None:
    decoded = decode(source(POINT), payload)
    assert [d.reason for d in decoded.dead] == [reason]
    assert len(decoded.frame) == 0


def test_zero_minus_zero_and_denormals_are_numbers() -> None:
    payloads = [b'{"value": %s, "ts": %d}' % (v, MS) for v in (b"0", b"-0.0", b"5e-324", b"-1e18")]
    decoded = decode(source(POINT), *payloads)
    assert decoded.frame.value.tolist() == [0.0, -0.0, 5e-324, -1e18]
    assert str(decoded.frame.value[1]) == "-0.0"


def test_numbers_written_as_text_are_read_where_the_source_says_so() -> None:
    spec = source(PayloadSpec(time=TS, text_numbers=True))
    ok = [b'{"value": "%s", "ts": "%d"}' % (v, MS) for v in (b"12.5", b" -3 ", b".5", b"1e3")]
    bad = [b'{"value": "%s", "ts": %d}' % (v, MS) for v in (b"", b"1,5", b"nan", b"inf", b"0x1")]
    huge = b'{"value": "1e400", "ts": %d}' % MS
    decoded = decode(spec, *ok, *bad, huge)
    assert decoded.frame.value.tolist() == [12.5, -3.0, 0.5, 1000.0]
    assert decoded.refused == {"value_not_a_number": 5, "value_out_of_bounds": 1}


def test_true_and_false_are_values_of_a_boolean_quantity_only() -> None:
    spec = source(POINT, [Route("a", "s", "a", boolean=True), Route("b", "s", "b")])
    reader = decoder(spec)
    for payload, value in ((b"true", 1.0), (b"false", 0.0), (b"1", 1.0)):
        message = b'{"value": %s, "ts": %d}' % (payload, MS)
        got = reader.decode([("plant/a/v", message, NOW), ("plant/b/v", message, NOW)])
        assert got.frame.value[0] == value
        assert got.refused.total() == (0 if payload == b"1" else 1)


def test_a_declared_null_is_a_bad_sample_that_the_record_shows() -> None:
    decoded = decode(source(POINT), b'{"value": null, "ts": %d}' % MS)
    assert rows(decoded) == [(1, T, -999.0, Quality.NOT_A_NUMBER)]
    assert decoded.dead == []


QUALITY = QualitySpec(
    "q",
    {
        "0": Quality.GOOD,
        "OK": Quality.GOOD,
        "C": Quality.CALIBRATION,
        "D": Quality.FAULT,
        "true": Quality.GOOD,
    },
)


@pytest.mark.parametrize(
    ("said", "quality"),
    [
        (b'"OK"', Quality.GOOD),
        (b"0", Quality.GOOD),
        (b"0.0", Quality.GOOD),
        (b'"0"', Quality.GOOD),
        (b"true", Quality.GOOD),
        (b"false", Quality.UNCERTAIN),
        (b'"C"', Quality.CALIBRATION),
        (b"192", Quality.UNCERTAIN),
        (b"null", Quality.UNCERTAIN),
        (b"{}", Quality.UNCERTAIN),
    ],
)
def test_the_senders_quality_is_mapped_and_what_is_not_known_is_not_good(
    said: bytes, quality: Quality
) -> None:
    decoded = decode(
        source(PayloadSpec(time=TS, quality=QUALITY)),
        b'{"value": 1, "ts": %d, "q": %s}' % (MS, said),
    )
    assert rows(decoded) == [(1, T, 1.0, quality)]


def test_a_missing_quality_field_is_what_the_source_says() -> None:
    payload = b'{"value": 1, "ts": %d}' % MS
    assert rows(decode(source(PayloadSpec(time=TS, quality=QUALITY)), payload))[0][3] == 0x46
    lenient = QualitySpec("q", {}, missing=Quality.GOOD)
    assert rows(decode(source(PayloadSpec(time=TS, quality=lenient)), payload))[0][3] == 0


def test_beside_a_declared_fault_no_value_needs_to_be_readable() -> None:
    spec = source(PayloadSpec(time=TS, quality=QUALITY))
    decoded = decode(
        spec,
        b'{"value": "---", "ts": %d, "q": "D"}' % MS,
        b'{"ts": %d, "q": "D"}' % MS,
        b'{"value": null, "ts": %d, "q": "D"}' % MS,
        b'{"value": "---", "ts": %d, "q": "OK"}' % MS,
    )
    assert rows(decoded) == [(1, T, -999.0, Quality.FAULT)] * 3
    assert decoded.refused == {"value_not_a_number": 1}


def test_of_equal_keys_the_last_counts_for_both_readers() -> None:
    fast = b'{"value": 1, "value": 2, "ts": %d}' % MS
    slow = b'{"value": 1, "value": 2, "ts": %d, "x": NaN}' % MS
    assert [r[2] for r in rows(decode(source(POINT), fast, slow))] == [2.0, 2.0]


def test_a_byte_order_mark_and_bad_bytes_elsewhere_cost_nothing() -> None:
    payloads = (
        b'\xef\xbb\xbf{"value": 1, "ts": %d}' % MS,
        b'{"value": 2, "ts": %d, "name": "\xff\xfe"}' % MS,
        b'{"value": 3, "ts": %d, "other": NaN, "name": "\xff"}' % MS,
    )
    assert [r[2] for r in rows(decode(source(POINT), *payloads))] == [1.0, 2.0, 3.0]


def test_one_bad_point_of_an_array_costs_no_good_one_and_is_kept_with_its_place() -> None:
    spec = source(PayloadSpec(points="$", time=TS))
    bad = (b"NaN", b'"x"', b"1e400", b"true")
    points = b",".join(b'{"value": %s, "ts": %d}' % (v, MS) for x in bad for v in (b"1", x, b"2"))
    decoded = decode(spec, b"[" + points + b"]")
    assert decoded.frame.value.tolist() == [1.0, 2.0] * 4
    assert [d.index for d in decoded.dead] == [1, 4, 7, 10]
    assert decoded.dead[1].payload == b'{"value": "x", "ts": %d}' % MS


def test_bad_points_are_kept_up_to_a_bound_and_all_counted() -> None:
    spec = source(PayloadSpec(points="$", time=TS))
    decoded = decode(spec, b"[" + b",".join([b'{"value": "x", "ts": 1}'] * 1_000 + [b"{}"]) + b"]")
    assert len(decoded.dead) == MAX_DEAD_POINTS
    assert sum(d.count for d in decoded.dead) == 1_001
    assert decoded.refused == {"value_not_a_number": 1_000, "time_missing": 1}


def test_an_array_of_too_many_points_or_none_where_one_should_be() -> None:
    spec = source(PayloadSpec(points="list", time=TS))
    many = b"[" + b",".join([b"1"] * (MAX_PAYLOAD_POINTS + 1)) + b"]"
    decoded = decode(spec, b'{"list": %s}' % many, b'{"list": 1}', b"{}", b"[]", b'{"list": []}')
    assert decoded.refused == {"too_many_points": 1, "points_missing": 3}


def test_unknown_topics_and_sensors_are_counted_and_never_dead_letters() -> None:
    reader = decoder(source(POINT))
    good = b'{"value": 1, "ts": %d}' % MS
    decoded = reader.decode(
        [
            ("plant/a/v", good, NOW),
            ("plant/zzz/v", good, NOW),
            ("other/a", b"\xff", NOW),
            ("plant/zzz/v", b"\xff", NOW),
            ("plant/a/v", good, NOW),
        ]
    )
    assert len(decoded.frame) == 2
    assert decoded.unknown_sensors == {"zzz": 2}
    assert decoded.unknown_topics == {"other/a": 1}
    assert decoded.dead == []


def test_unknown_sensors_named_in_the_payload_are_counted_by_their_key() -> None:
    spec = source(
        PayloadSpec(points="$", time=TS), [Route("a.x", "s", "x")], key="{device}.{payload.tag}"
    )
    payload = (
        b'[{"tag": "x", "value": 1, "ts": %d}, {"tag": "no", "value": 1, "ts": %d},'
        b' {"value": 1, "ts": %d}, {"tag": "\\ud83d", "value": "bad", "ts": 1}]' % (MS, MS, MS)
    )
    clean = b'[{"tag": "no", "value": 1, "ts": %d}, {"tag": "x", "value": 2, "ts": %d}]' % (MS, MS)
    assert decode(spec, clean).unknown_sensors == {"a.no": 1}
    assert rows(decode(spec, clean)) == [(1, T, 2.0, 0)]
    decoded = decode(spec, payload)
    assert rows(decoded) == [(1, T, 1.0, 0)]
    assert decoded.unknown_sensors == {"a.no": 1, "a.?": 1}
    assert decoded.refused == {"key_missing": 1}


def test_the_order_of_messages_and_points_is_kept() -> None:
    spec = source(PayloadSpec(points="$", time=TS))
    payloads = [
        b"["
        + b",".join(
            b'{"value": %d, "ts": %d%s}' % (10 * m + p, MS, b', "x": NaN' if m % 2 else b"")
            for p in range(5)
        )
        + b"]"
        for m in range(6)
    ]
    decoded = decode(spec, *payloads)
    assert decoded.frame.value.tolist() == [10 * m + p for m in range(6) for p in range(5)]


def test_indices_are_those_of_the_configuration() -> None:
    spec = source(POINT, [Route("a", "s", "a"), Route("b", "r", "b")])
    plant = configuration(source(POINT, [Route("x", "z", "x"), Route("b", "r", "b")]), spec)
    message = b'{"value": 1, "ts": %d}' % MS
    decoded = compile_decoder(spec, plant).decode(
        [("plant/a/v", message, NOW), ("plant/b/v", message, NOW)]
    )
    named = [plant.sensors[i].id for i in decoded.frame.sensor]
    assert named == ["a", "b"]


def test_the_first_matching_pattern_names_the_parts() -> None:
    spec = source(
        POINT,
        [Route("east:a", "s", "a"), Route("?:b", "s", "b")],
        key="{site}:{device}",
        topics=("p/{site}/{device}", "p/{site}/{device}/+"),
    )
    message = b'{"value": 1, "ts": %d}' % MS
    decoded = decoder(spec).decode([("p/east/a/x", message, NOW), ("p/east/a", message, NOW)])
    assert [r[0] for r in rows(decoded)] == [1, 1]


@pytest.mark.parametrize(
    "spec",
    [
        source(POINT, key="{station}"),
        source(POINT, key="{device"),
        source(POINT, key="{a b}"),
        source(PayloadSpec(value="a..b")),
        source(PayloadSpec(points="$", time=TS), key="{$.device}"),
        source(PayloadSpec(time=TimeSpec(path="t", unit="iso", zone="Asia/Nowhere"))),
        source(POINT, [Route("a", "s", "a"), Route("a", "s", "b")]),
        source(POINT, topics=("a/#/b",)),
        source(POINT, topics=("a/x+",)),
        source(POINT, topics=("{x}/{x}",)),
    ],
)
def test_a_source_that_makes_no_sense_is_the_operators_mistake(spec: object) -> None:
    with pytest.raises(SpecError):
        decoder(spec)  # type: ignore[arg-type]


def test_a_route_to_a_sensor_that_is_not_configured_is_refused() -> None:
    with pytest.raises(SpecError, match="s/a"):
        compile_decoder(source(POINT), configuration())
