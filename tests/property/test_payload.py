"""The decoder on anything at all: it raises nothing, loses nothing good, counts everything bad,
and its fast reader says what its plain one says.
"""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lifeline.engine.frame import Frame
from lifeline.engine.payload import Decoder, Message, compile_decoder
from lifeline.engine.payload.times import TimeReader, times_ns
from lifeline.engine.quality import Quality
from lifeline.engine.source import (
    UNIT_NS,
    PayloadSpec,
    QualitySpec,
    Route,
    SourceSpec,
    TimeSpec,
    TimeUnit,
)
from payloads import MS, NOW, TS, configuration, decoder, rows, source

QUALITY = QualitySpec("q", {"0": Quality.GOOD, "OK": Quality.GOOD, "F": Quality.FAULT})
WIDE = [Route("a", "s", n, field=n, scale=0.5) for n in ("p", "q.r", "value")]
TAGGED = [Route(f"a/{n}", "s", f"t{n}", boolean=n == "b") for n in ("1", "2", "b")]
SOURCES: dict[str, SourceSpec] = {
    "single": source(PayloadSpec(time=TS)),
    "text numbers": source(PayloadSpec(time=TS, text_numbers=True)),
    "nested": source(PayloadSpec(value="d.v", time=TimeSpec(path="d.ts", unit="s"))),
    "bare": source(PayloadSpec(value="$")),
    "boolean": source(PayloadSpec(time=TS), [Route("a", "s", "a", boolean=True)]),
    "quality": source(PayloadSpec(time=TS, quality=QUALITY)),
    "iso": source(PayloadSpec(time=TimeSpec(path="ts", unit="iso", zone="Europe/Berlin"))),
    "receipt": source(PayloadSpec(time=TimeSpec(path="ts", unit="ns", missing="receipt"))),
    "points": source(
        PayloadSpec(points="$", time=TimeSpec(path="ts", unit="ms", resolution=10**9))
    ),
    "points within": source(
        PayloadSpec(points="d.list", time=TimeSpec(path="$.ts", unit="ms"), quality=QUALITY)
    ),
    "tagged": source(PayloadSpec(points="$", time=TS), TAGGED, key="{device}/{payload.tag}"),
    "tagged, one kind": source(
        PayloadSpec(points="$", time=TS), TAGGED[:2], key="{device}/{payload.tag}"
    ),
    "named outside": source(
        PayloadSpec(points="d.list", time=TS), TAGGED[:2], key="{device}/{$.tag}"
    ),
    "wide": source(PayloadSpec(shape="wide", time=TS), WIDE),
    "wide points": source(PayloadSpec(shape="wide", points="$", time=TS, quality=QUALITY), WIDE),
}
DECODERS = {name: decoder(spec) for name, spec in SOURCES.items()}


def plain(spec: SourceSpec) -> Decoder:
    """The same decoder without its fast reader."""
    made = compile_decoder(spec, configuration(spec))
    made._reader = lambda fields: None  # type: ignore[method-assign]
    made._reader_by_payload = lambda: None  # type: ignore[method-assign]
    return made


PLAIN = {name: plain(spec) for name, spec in SOURCES.items()}

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(MS - 10_000, MS + 10_000),
    st.floats(),
    st.sampled_from(["OK", "F", "1", "2", "b", "12.5", "2025-10-26 02:30:00", "x", "\ud83d", ""]),
    st.text(max_size=5),
)
KEYS = st.sampled_from(["value", "ts", "q", "d", "v", "list", "tag", "p", "r", "other"])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=12,
)
POINTS = st.fixed_dictionaries(
    {
        "value": SCALARS | st.floats(-1e3, 1e3),
        "ts": st.one_of(st.just(MS), st.integers(0, MS), st.floats(0, MS), SCALARS),
    },
    optional={
        "q": SCALARS | st.sampled_from(["OK", "F", 0]) | st.fixed_dictionaries({"r": SCALARS}),
        "tag": st.sampled_from(["1", "2", "b", 1, 2, "none"]) | SCALARS,
        "p": SCALARS | st.floats(-1e3, 1e3),
        "d": VALUES,
    },
)
# Nothing wrong with them, so that whole messages reach the fast reader: equal stamps, unknown tags.
CLEAN = st.fixed_dictionaries(
    {
        "value": st.floats(-1e3, 1e3),
        "ts": st.sampled_from([MS, MS + 1]),
        "tag": st.sampled_from(["1", "2", "none", 1, 3]),
    },
    optional={"q": st.sampled_from(["OK", "F", 0, "?"]), "p": st.none() | st.floats(-1e3, 1e3)},
)
CLEAN_LISTS = st.lists(CLEAN, min_size=1, max_size=6)
MESSAGES = st.one_of(
    CLEAN,
    CLEAN_LISTS,
    st.builds(
        lambda points, tag: {"d": {"list": points}, "ts": MS, "tag": tag, "q": "OK"},
        CLEAN_LISTS,
        st.sampled_from(["1", "2", 2, "none"]),
    ),
    POINTS,
    st.lists(POINTS, max_size=6),
    VALUES,
    st.fixed_dictionaries({"d": st.fixed_dictionaries({"list": st.lists(POINTS, max_size=4)})}),
    POINTS.map(lambda p: {"d": {"v": p["value"], "ts": p["ts"], "list": [p]}, **p}),
)


@st.composite
def payloads(draw: st.DrawFn) -> bytes:
    """JSON, or what a bug, a bad line or an attacker makes of it."""
    data = json.dumps(draw(MESSAGES)).encode()
    match draw(st.sampled_from(["whole", "whole", "cut", "bytes", "twice", "huge", "deep", "any"])):
        case "cut":
            return data[: draw(st.integers(0, len(data)))]
        case "bytes":
            at = draw(st.integers(0, len(data)))
            return data[:at] + draw(st.binary(min_size=1, max_size=4)) + data[at:]
        case "twice":
            return data.replace(b'"value"', b'"value": 7, "value"')
        case "huge":
            return data.replace(b'"ts": 1', b'"ts": 1' + b"0" * draw(st.integers(1, 5_000)))
        case "deep":
            return data + draw(st.sampled_from([b"[", b'{"a":'])) * draw(st.integers(0, 5_000))
        case "any":
            return draw(st.binary(max_size=40))
        case _:
            return data


@settings(max_examples=400)
@given(st.sampled_from(sorted(SOURCES)), st.lists(payloads(), max_size=5))
def test_it_raises_nothing_and_the_fast_reader_agrees_with_the_plain_one(
    name: str, bodies: list[bytes]
) -> None:
    messages: list[Message] = [("plant/a/v", body, NOW + i) for i, body in enumerate(bodies)]
    fast, slow = DECODERS[name].decode(messages), PLAIN[name].decode(messages)
    assert fast == slow
    values, quality = fast.frame.value, fast.frame.quality
    assert (np.isfinite(values) | (quality >= 0x80)).all()
    assert (fast.frame.time >= 0).all()
    assert sum(d.count for d in fast.dead) == fast.refused.total()


@settings(max_examples=150)
@given(st.sampled_from(sorted(SOURCES)), st.lists(payloads(), max_size=8), st.data())
def test_how_messages_are_split_over_calls_changes_nothing(
    name: str, bodies: list[bytes], data: st.DataObject
) -> None:
    messages: list[Message] = [("plant/a/v", body, NOW + i) for i, body in enumerate(bodies)]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(messages)), max_size=3)))
    parts = [
        DECODERS[name].decode(messages[a:b])
        for a, b in zip([0, *cuts], [*cuts, len(messages)], strict=True)
    ]
    whole = DECODERS[name].decode(messages)
    assert Frame.concat([p.frame for p in parts]) == whole.frame
    assert [d for p in parts for d in p.dead] == whole.dead


GOOD_POINTS = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6)


@settings(max_examples=200)
@given(GOOD_POINTS, st.lists(st.tuples(st.integers(0, 6), SCALARS), min_size=1, max_size=4))
def test_bad_points_among_good_ones_cost_no_good_one(
    good: list[float], bad: list[tuple[int, Any]]
) -> None:
    points: list[Any] = [{"value": v, "ts": MS - i} for i, v in enumerate(good)]
    for place, broken in bad:
        points.insert(place, {"value": broken, "ts": "never"})
    decoded = DECODERS["points"].decode([("plant/a/v", json.dumps(points).encode(), NOW)])
    assert decoded.frame.value.tolist() == good
    assert decoded.refused.total() == len(bad)


def broken(draw: random.Random, good: bytes) -> bytes:
    """One malformed payload of a kind drawn by `draw`."""
    kinds = (
        lambda: good[: draw.randrange(len(good))],
        lambda: good.replace(b"value", b"val\xffue"),
        lambda: good.replace(b"12.5", draw.choice([b"NaN", b"Infinity", b"-Infinity", b"1e400"])),
        lambda: good.replace(b"12.5", b"9" * draw.choice([30, 400, 5_000])),
        lambda: good.replace(b"12.5", draw.choice([b'"12.5"', b"true", b"{}", b"[12.5]"])),
        lambda: good.replace(b"17", b'"17').replace(b"}", b'"}'),
        lambda: good.replace(b"17", b"-17"),
        lambda: b"[" * draw.choice([1, 2_000]),
        lambda: b'{"value":' * draw.choice([1, 2_000]),
        lambda: b"",
        lambda: bytes(draw.randrange(256) for _ in range(draw.randrange(1, 30))) + b"\0",
        lambda: good + good,
    )
    return draw.choice(kinds)()


def test_a_hundred_thousand_malformed_payloads_half_and_half_with_good_ones() -> None:
    draw = random.Random(20251009)
    good = b'{"value": 12.5, "ts": %d}' % MS
    messages: list[Message] = []
    for i in range(100_000):
        pair: list[Message] = [("plant/a/v", good, NOW + i), ("plant/a/v", broken(draw, good), NOW)]
        draw.shuffle(pair)
        messages += pair
    frame_rows = refused = letters = 0
    reader = DECODERS["single"]
    for start in range(0, len(messages), 1_000):
        decoded = reader.decode(messages[start : start + 1_000])
        frame_rows += len(decoded.frame)
        refused += decoded.refused.total()
        letters += len(decoded.dead)
        assert set(rows(decoded)) <= {(1, MS * 1_000_000, 12.5, 0)}
    assert (frame_rows, refused, letters) == (100_000, 100_000, 100_000)


@settings(max_examples=300)
@given(
    st.sampled_from(sorted(UNIT_NS)),
    st.lists(
        st.integers(0, MS) | st.floats(0, 7e9, allow_subnormal=False) | st.integers(0, 7 * 10**9),
        max_size=6,
    ),
)
def test_times_by_column_are_those_read_one_by_one(unit: TimeUnit, raw: list[int | float]) -> None:
    reader = TimeReader(TimeSpec(path="ts", unit=unit))
    raw = [x for x in raw if x * UNIT_NS[unit] < 7_258_118_400 * 10**9]
    assert times_ns(raw, UNIT_NS[unit]).tolist() == [reader.ns(x) for x in raw]


@settings(max_examples=300)
@given(st.integers(0, 7_258_118_399), st.integers(0, 9), st.data())
def test_a_decimal_fraction_of_a_second_is_exact(
    seconds: int, digits: int, data: st.DataObject
) -> None:
    # As many digits as a float64 of this size can tell apart.
    digits = min(digits, 15 - len(str(seconds)))
    fraction = data.draw(st.integers(0, 10**digits - 1))
    text = f"{seconds}.{fraction:0{digits}d}" if digits else f"{seconds}.0"
    expected = seconds * 10**9 + fraction * 10 ** (9 - digits)
    assert times_ns([float(text)], 10**9).tolist() == [expected]
