"""Line protocol read back by a parser of the specification: no value adds a tag, field or line."""

import math
import struct

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.frame import Frame
from lifeline.engine.outputs.lineprotocol import (
    Lines,
    SeriesEncoder,
    line,
    prefix,
    string_field,
    unquoted,
)

NASTY = st.text(
    st.one_of(st.sampled_from(",= \"\\\n\r\t\0#%'/$+A0b1\u2028é气\U0001f6a8"), st.characters()),
    min_size=1,
    max_size=12,
)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
TIMES = st.integers(-(2**62), 2**62)


def split_unescaped(text: str, separator: str, *, quotes: bool = False) -> list[str]:
    """Cut at separators that neither a backslash nor (where they count) quotes protect.

    A backslash protects the one character after it, as InfluxDB 1.x, 2.x and 3 all read it for
    the characters that are escaped at all.
    """
    parts, current, inside, at = [], "", False, 0
    while at < len(text):
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            current += text[at : at + 2]
            at += 2
            continue
        if quotes and char == '"':
            inside = not inside
        if char == separator and not inside:
            parts.append(current)
            current = ""
        else:
            current += char
        at += 1
    return [*parts, current]


def unescaped(text: str) -> str:
    for char in ",= ":
        text = text.replace("\\" + char, char)
    return text


def parse(text: str) -> tuple[str, dict[str, str], dict[str, object], int]:
    """(measurement, tags, fields, time) of one line."""
    head = split_unescaped(text, " ")[0]  # quotes mean nothing before the fields
    fields, time = split_unescaped(text[len(head) + 1 :], " ", quotes=True)
    measurement, *tags = split_unescaped(head, ",")
    pairs = [split_unescaped(tag, "=") for tag in tags]
    found: dict[str, object] = {}
    for part in split_unescaped(fields, ",", quotes=True):
        key, _, value = part.partition("=")
        if value.startswith('"'):
            assert value.endswith('"')
            assert len(value) > 1
            found[key] = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        elif value.endswith("i"):
            found[key] = int(value[:-1])
        else:
            found[key] = float(value)
    plain = {unquoted(unescaped(k)): unquoted(unescaped(v)) for k, v in pairs}
    return unquoted(unescaped(measurement)), plain, found, int(time)


@given(NASTY, st.dictionaries(NASTY, NASTY, max_size=4), NASTY, TIMES)
@example("gas", {"sensor": "x\\"}, "\\", 1)
@example("#gas", {"sensor": "a\nfake,site=b value=1 2"}, '" fake=1 3\n', 1)
@example("gas", {"sensor": "100%0A%25"}, "x", 1)
def test_names_and_strings_come_back_and_never_end_the_line(
    measurement: str, tags: dict[str, str], string: str, time: int
) -> None:
    text = line(prefix(measurement, tags), {"text": string_field(string)}, time)
    assert text.isprintable() or not set(text) & {"\n", "\r", "\0"}
    encoded = text.encode()
    assert b"\n" not in encoded
    assert not encoded.startswith(b"#")
    found_measurement, found_tags, fields, found_time = parse(encoded.decode())
    assert found_measurement == measurement
    assert found_tags == tags
    assert found_time == time
    kept = "".join(
        " " if c in "\r\n\0" else "?" if "\ud800" <= c <= "\udfff" else c for c in string
    )
    assert fields == {"text": kept}


def configuration(names: list[str]) -> Configuration:
    return Configuration(
        sites=(Site(id=names[0], tenant=names[-1], area="hefei/shushan/east"),),
        links=(Link(site=0, source="mqtt"),),
        sensors=tuple(
            Sensor(id=f"{i}{n}", site=0, link=0, quantity="gas.combustible", unit="%LEL", asset=n)
            for i, n in enumerate(names)
        ),
    )


ROWS = st.lists(
    st.tuples(st.integers(0, 3), TIMES, st.floats(), st.integers(0, 255)), min_size=1, max_size=40
)


@given(st.lists(NASTY, min_size=4, max_size=4), ROWS)
@example(["a", "b", "c", "d"], [(0, 1, math.nan, 0x85), (1, 2, 5e-324, 0), (2, 3, -0.0, 1)])
def test_every_row_of_a_frame_is_one_line_with_its_exact_numbers(
    names: list[str], rows: list[tuple[int, int, float, int]]
) -> None:
    sensors, times, values, qualities = zip(*rows, strict=True)
    frame = Frame.of(sensors, times, values, qualities)
    lines = SeriesEncoder(configuration(names)).encode(frame)
    assert len(lines) == len(rows)
    assert lines.body.count(b"\n") == len(rows)
    assert lines.cut(0, len(lines)) == lines.body
    for i, (sensor, time, value, quality) in enumerate(rows):
        text = lines.cut(i, i + 1)
        assert text.endswith(b"\n")
        measurement, tags, fields, found = parse(text[:-1].decode())
        assert (measurement, found, fields["quality"]) == ("gas", time, quality)
        assert tags["sensor"] == f"{sensor}{names[sensor]}"
        assert tags["asset"] == names[sensor]
        assert (tags["site"], tags["tenant"]) == (names[0], names[-1])
        if math.isfinite(value):
            assert struct.pack("d", fields["value"]) == struct.pack("d", value)
        else:
            assert set(fields) == {"quality"}


@given(st.lists(FINITE, min_size=1, max_size=50), st.integers(1, 20), st.integers(1, 300))
def test_batches_cover_every_line_once_within_both_bounds(
    values: list[float], points: int, size: int
) -> None:
    lines = Lines.of(f"m value={v!r} 1" for v in values)
    batches = lines.batches(points, size)
    assert [i for start, stop in batches for i in range(start, stop)] == list(range(len(values)))
    assert b"".join(lines.cut(*each) for each in batches) == lines.body
    for start, stop in batches:
        assert stop - start <= points
        assert len(lines.cut(start, stop)) <= size or stop - start == 1


@given(st.lists(st.lists(FINITE, max_size=5), min_size=1, max_size=6))
def test_joined_lines_are_the_lines_of_the_parts(groups: list[list[float]]) -> None:
    parts = [Lines.of(f"m value={v!r} 1" for v in group) for group in groups]
    joined = Lines.joined(parts)
    assert joined.body == b"".join(p.body for p in parts)
    whole = [joined.cut(i, i + 1) for i in range(len(joined))]
    assert whole == [p.cut(i, i + 1) for p in parts for i in range(len(p))]


def test_an_empty_frame_has_no_lines() -> None:
    lines = SeriesEncoder(configuration(["a"])).encode(Frame.empty())
    assert (len(lines), lines.body) == (0, b"")
    assert lines.batches(10, 10) == []


def test_a_sliced_frame_is_encoded_as_itself() -> None:
    frame = Frame.of([0, 1, 0, 1], [1, 2, 3, 4], [1.0, math.inf, 3.0, 4.0])
    encoder = SeriesEncoder(configuration(["a", "b"]))
    whole = encoder.encode(frame)
    part = encoder.encode(frame.take(np.array([1, 2])))
    assert part.body == whole.cut(1, 3)
