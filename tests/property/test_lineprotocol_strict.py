"""Line protocol read by a second parser, strict and written apart from the encoder.

It follows the grammar of InfluxDB's own scanner and refuses what any version might read in another
way: a backslash where nothing is escaped, a control character, an empty name, a tag twice or out of order. `%XX` is taken back by
hand, not by the encoder's own function.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lifeline.engine.configuration import Configuration, Link, Sensor, Site
from lifeline.engine.frame import Frame
from lifeline.engine.outputs.influx_feeds import alert_line
from lifeline.engine.outputs.lineprotocol import SeriesEncoder
from lifeline.engine.outputs.ports import Place
from lifeline.engine.record import Record

CORNERS = [
    "\n", "a\nb", ",", "a,b", " ", " a ", '"', 'a"b', "\\", "a\\", "a\\b", "a\\,b", "\\\\", "\\n",
    "#", "#a", "=", "a=b", "=a=", "气体", "T-101 储罐", "\r\n", "\t", "\0", "\x7f", "\x85", "\u2028",
    "%", "%0A", "%41", "100%", "%%0A", "%5C", "'", "`", "$", "{}", "a, b=c\\ \"d\" #%\n气\\",
    "\U0001f6a8", "\udc80", "e\u0301", "-", "0i", "true", "value=1 1", "_field", "time",
]  # fmt: skip
NAMES = st.one_of(
    st.sampled_from(CORNERS),
    st.text(
        st.one_of(st.sampled_from(",= \"\\\n\r\t\0#%'A0b1é气"), st.characters()),
        min_size=1,
        max_size=16,
    ),
)


class RefusedLine(AssertionError):
    """A strict server would not take this line, or not as it was meant."""


class Scanner:
    """One line, read from left to right."""

    def __init__(self, line: bytes) -> None:
        if not line.endswith(b"\n"):
            raise RefusedLine("no line break at the end")
        self.text = line[:-1].decode("utf-8", "strict")
        self.at = 0
        if set(self.text) & set("\r\n\0"):
            raise RefusedLine("more than one line")
        if self.text.startswith("#"):
            raise RefusedLine("a comment")

    def name(self, ends: str, escapable: str) -> str:
        """Up to an unescaped sign of `ends`, which is not consumed."""
        found = ""
        while self.at < len(self.text) and self.text[self.at] not in ends:
            char = self.text[self.at]
            if char == "\\":
                self.at += 1
                if self.text[self.at : self.at + 1] not in tuple(escapable):
                    raise RefusedLine("a backslash that escapes nothing")
                char = self.text[self.at]
            elif char in escapable:
                raise RefusedLine(f"{char!r} is not escaped")
            if ord(char) < 0x20 or 0x7F <= ord(char) <= 0x9F or char in "\u2028\u2029":
                raise RefusedLine(f"control character {char!r} in a name")
            found += char
            self.at += 1
        if not found:
            raise RefusedLine("an empty name")
        return plain(found)

    def take(self, char: str) -> bool:
        """Whether the next sign is this one; then it is consumed."""
        if self.text[self.at : self.at + 1] != char:
            return False
        self.at += 1
        return True

    def value(self) -> Any:
        """A field's value."""
        if self.take('"'):
            return self.string()
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in ", ":
            self.at += 1
        word = self.text[start : self.at]
        if word in ("true", "false"):
            return word == "true"
        if word.endswith("i"):
            number = int(word[:-1])
            if not -(2**63) <= number < 2**63:
                raise RefusedLine("no 64-bit number")
            return number
        if word.strip("0123456789+-.eE") or not word:
            raise RefusedLine(f"no value: {word!r}")
        return float(word)

    def string(self) -> str:
        found = ""
        while True:
            char = self.text[self.at : self.at + 1]
            self.at += 1
            if char == '"':
                return found
            if not char:
                raise RefusedLine("a string without an end")
            if char == "\\":
                char = self.text[self.at : self.at + 1]
                self.at += 1
                if char not in ('"', "\\"):
                    raise RefusedLine("a backslash that escapes nothing")
            found += char


def plain(text: str) -> str:
    """`%XX` as the bytes that they stand for, wherever two hexadecimal digits follow."""
    found = bytearray()
    at = 0
    while at < len(text):
        digits = text[at + 1 : at + 3]
        if text[at] == "%" and len(digits) == 2 and set(digits) <= set("0123456789abcdefABCDEF"):
            found += bytes.fromhex(digits)
            at += 3
        else:
            found += text[at].encode()
            at += 1
    return found.decode("utf-8", "surrogatepass")


def read(line: bytes) -> tuple[str, dict[str, str], dict[str, Any], int]:
    """(measurement, tags, fields, time). Raises RefusedLine."""
    scan = Scanner(line)
    measurement = scan.name(", ", ", ")
    tags: dict[str, str] = {}
    while scan.take(","):
        key = scan.name("=", ",= ")
        if not scan.take("="):
            raise RefusedLine("a tag without a value")
        if tags and key <= next(reversed(tags)):
            raise RefusedLine("tags out of order")
        tags[key] = scan.name(", ", ",= ")
    if not scan.take(" "):
        raise RefusedLine("no fields")
    fields: dict[str, Any] = {}
    while True:
        key = scan.name("=", ",= ")
        if not scan.take("=") or key in fields:
            raise RefusedLine("a field without a value, or twice")
        fields[key] = scan.value()
        if not scan.take(","):
            break
    if not scan.take(" "):
        raise RefusedLine("no time")
    time = int(scan.text[scan.at :])
    return measurement, tags, fields, time


@pytest.mark.parametrize(
    "line",
    [b"", b"m v=1 1", b"m,a=b\\ v=1 1\n", b"m,b=1,a=2 v=1 1\n", b"m,a= v=1 1\n", b"#m v=1 1\n",
     b'm v="x\\y" 1\n', b'm v="x 1\n', b"m,a=\\x v=1 1\n", b"m v=NaN 1\n", b"m v=1\n",
     b"m,a=b\x00 v=1 1\n", b"m,a=b=c v=1 1\n"],
)  # fmt: skip
def test_the_reader_is_strict(line: bytes) -> None:
    with pytest.raises((RefusedLine, ValueError)):
        read(line)


@given(NAMES, NAMES, NAMES, NAMES, st.floats(), st.integers(-(2**62), 2**62), st.integers(0, 255))
@example("a\\", "b\\", "\\", "#", 5e-324, 0, 0)
def test_a_sample_of_any_names_comes_back_as_itself(
    tenant: str, site: str, asset: str, sensor: str, value: float, time: int, quality: int
) -> None:
    configuration = Configuration(
        sites=(Site(id=site, tenant=tenant, area="hefei/shushan/east"),),
        links=(Link(site=0, source="mqtt"),),
        sensors=(
            Sensor(id=sensor, site=0, link=0, quantity="gas.combustible", unit="%LEL", asset=asset),
        ),
    )
    lines = SeriesEncoder(configuration).encode(Frame.of([0], [time], [value], [quality]))
    measurement, tags, fields, at = read(lines.body)
    assert (measurement, at, fields.pop("quality")) == ("gas", time, quality)
    assert tags == {
        "area": "hefei/shushan/east", "asset": asset, "quantity": "gas.combustible",
        "sensor": sensor, "site": site, "tenant": tenant,
    }  # fmt: skip
    if np.isfinite(value):
        assert struct.pack("d", fields.pop("value")) == struct.pack("d", value)
    assert fields == {}


@given(NAMES, NAMES, NAMES, NAMES, NAMES)
@example('"', "\\", 'a"\\', "x\\", '\\"')
def test_an_alert_of_any_names_and_words_comes_back_as_itself(
    rule: str, subject: str, basis: str, reason: str, name: str
) -> None:
    record = Record(
        tenant="acme", site="east", seq=1, episode=1, rule=rule, rule_hash="00" * 16,
        subject=subject, area="hefei/shushan/east", quantity="", transition="acknowledged",
        level_before="red", level_after="red", state_before="unacknowledged",
        state_after="acknowledged", onset=1, time=5, value=None, limit=None, unit="%LEL",
        message="alarm.limit", basis=basis, previous="00" * 16, hash="00" * 16,
        detail={"principal": subject, "reason": reason},
    )  # fmt: skip
    text = alert_line(record, Place("hefei/shushan/east", name))
    measurement, tags, fields, _ = read(f"{text}\n".encode())
    assert measurement == "alert"
    assert (tags["rule"], tags["sensor"], "quantity" in tags) == (rule, subject, False)
    for field, text in (("basis", basis), ("reason", reason), ("principal", subject)):
        assert fields[field] == spaced(text)


def spaced(text: str) -> str:
    """A text on one line: what a string field keeps of it."""
    return "".join(
        " " if char in "\r\n\0" else "?" if "\ud800" <= char <= "\udfff" else char for char in text
    )
