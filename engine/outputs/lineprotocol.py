r"""InfluxDB line protocol, encoded by column.

    measurement,tag=value,… field=value,… time

What is before the first space (the prefix) is the same for every point of a sensor, so it is made
once per configuration; numbers become text in Arrow's C++ loops; a batch is one contiguous buffer
whose offsets say where each line ends. No Python object per point.

Escaping: `,`, `=` and space in names and tag values get a backslash. Nothing can be written there
that means a backslash in every version (a trailing one always swallows the separator), a
line break or a control character, so these become `%XX`, and a `%` that two hex digits follow
becomes `%25`: `unquoted` gives the name back. Field strings escape `"` and `\`; a line break
becomes a space. No value whatever can therefore add a tag, a field or a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import numpy as np

from ..configuration import Configuration
from ..frame import Frame, Int64

if TYPE_CHECKING:
    import pyarrow as pa

#: Written names that are remembered: keys, sites, areas, quantities come again with each sensor.
NAMES_KEPT: Final = 4_096
_UNSAFE: Final = re.compile(r"[\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]|%(?=[0-9A-Fa-f]{2})")
_NAME: Final = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "})
_MEASUREMENT: Final = str.maketrans({",": r"\,", " ": r"\ "})
_STRING: Final = str.maketrans({"\\": r"\\", '"': r"\"", **dict.fromkeys("\r\n\0", " ")})
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")


def _quoted(text: str) -> str:
    return _UNSAFE.sub(
        lambda m: "".join(f"%{byte:02X}" for byte in m[0].encode("utf-8", "surrogatepass")), text
    )


def unquoted(text: str) -> str:
    """The name of a tag value as it was before `%XX` stood in it."""
    return unquote(text, errors="surrogatepass")


@lru_cache(maxsize=NAMES_KEPT)
def escaped_name(text: str) -> str:
    r"""A tag key, tag value or field key.

    >>> print(escaped_name("T 1,a=b\\\n"))
    T\ 1\,a\=b%5C%0A
    """
    return _quoted(text).translate(_NAME)


def escaped_measurement(text: str) -> str:
    """A measurement; a leading `#` would be a comment."""
    quoted = _quoted(text).translate(_MEASUREMENT)
    return "%23" + quoted[1:] if quoted.startswith("#") else quoted


def string_field(text: str) -> str:
    """A string value in its quotes."""
    return f'"{_SURROGATE.sub("?", text).translate(_STRING)}"'


def prefix(measurement: str, tags: Mapping[str, str]) -> str:
    """Measurement and tags, sorted by key as InfluxDB advises; empty tags are left out.

    >>> prefix("gas", {"site": "east", "asset": ""})
    'gas,site=east'
    """
    parts = [f"{escaped_name(k)}={escaped_name(v)}" for k, v in sorted(tags.items()) if v]
    return ",".join([escaped_measurement(measurement), *parts])


def line(head: str, fields: Mapping[str, str], time: int) -> str:
    """One line without its end; field values are already in their written form."""
    return f"{head} {','.join(f'{k}={v}' for k, v in fields.items())} {time}"


@dataclass(frozen=True, slots=True)
class Lines:
    """Encoded lines, each with its line break.

    body    all of them
    ends    int64, ascending: where each line ends in `body`, its line break included
    """

    body: bytes
    ends: Int64

    def __len__(self) -> int:
        return len(self.ends)

    @classmethod
    def of(cls, lines: Iterable[str]) -> Lines:
        """From single lines without line breaks."""
        encoded = [f"{each}\n".encode() for each in lines]
        return cls(b"".join(encoded), np.cumsum([len(each) for each in encoded], dtype=np.int64))

    @classmethod
    def joined(cls, parts: Sequence[Lines]) -> Lines:
        """All lines of `parts`, in their order."""
        if len(parts) == 1:
            return parts[0]
        starts = np.cumsum([0, *(len(p.body) for p in parts)])
        ends = [p.ends + start for p, start in zip(parts, starts, strict=False)]
        return cls(
            b"".join(p.body for p in parts),
            np.concatenate(ends) if ends else np.zeros(0, np.int64),
        )

    def cut(self, start: int, stop: int) -> bytes:
        """The bytes of lines `start` to `stop` (exclusive)."""
        return self.body[self._begin(start) : self._begin(stop)]

    def batches(self, points: int, size: int) -> list[tuple[int, int]]:
        """Ranges of lines of at most `points` lines and `size` bytes; a longer line goes alone."""
        found = []
        start = 0
        while start < len(self):
            fits = int(np.searchsorted(self.ends, self._begin(start) + size, side="right"))
            stop = min(max(fits, start + 1), start + points)
            found.append((start, stop))
            start = stop
        return found

    def _begin(self, at: int) -> int:
        return int(self.ends[at - 1]) if at > 0 else 0


#: What stands before a measurement where the samples or records are an exercise's: no question about
#: what is real ever meets them.
DRILL: Final = "drill_"
NO_LINES: Final = Lines(b"", np.zeros(0, np.int64))


class SeriesEncoder:
    """Frames of one configuration as line protocol. Fields: `value` and `quality`.

    `quality` is the integer code of `quality.Quality`. A value that is not finite has no `value`
    field: InfluxDB knows no NaN, and "nothing" must not read as a number.
    """

    def __init__(self, configuration: Configuration) -> None:
        import pyarrow as pa

        self._prefixes = pa.array(
            [_series_prefix(configuration, i) for i in _indices(configuration)]
        )
        self._qualities = pa.array([f"quality={code}i " for code in range(256)])

    def encode(self, frame: Frame) -> Lines:
        """One line per row. Raises IndexError for a sensor that the configuration does not have."""
        import pyarrow as pa
        import pyarrow.compute as pc

        if len(frame) == 0:
            return Lines(b"", np.zeros(0, np.int64))
        joined: Any = pc.binary_join_element_wise(
            self._prefixes.take(pa.array(frame.sensor)),
            _value_fields(frame),
            self._qualities.take(pa.array(frame.quality)),
            pc.cast(pa.array(frame.time), pa.string()),
            pa.scalar("\n"),
            "",
        )
        _, offsets, data = joined.buffers()
        ends = np.frombuffer(offsets, np.int32, len(frame) + 1)[1:].astype(np.int64)
        return Lines(data.to_pybytes()[: int(ends[-1])], ends)


def _indices(configuration: Configuration) -> range:
    return range(len(configuration.sensors))


def sensor_tags(configuration: Configuration, index: int) -> dict[str, str]:
    """The tags of a sensor's series, and of whatever else is told of it."""
    sensor = configuration.sensors[index]
    site = configuration.sites[sensor.site]
    return {
        "tenant": site.tenant,
        "area": site.area,
        "site": site.id,
        "asset": sensor.asset,
        "sensor": sensor.id,
        "quantity": sensor.quantity,
    }


def _series_prefix(configuration: Configuration, index: int) -> str:
    sensor = configuration.sensors[index]
    domain = sensor.quantity.partition(".")[0]
    drill = configuration.sites[sensor.site].exercise
    return prefix(f"{DRILL}{domain}" if drill else domain, sensor_tags(configuration, index)) + " "


def _value_fields(frame: Frame) -> pa.Array:
    """`value=1.5,` for each row; empty where the value is not finite."""
    import pyarrow as pa
    import pyarrow.compute as pc

    numbers = pc.cast(pa.array(frame.value), pa.string())
    fields = pc.binary_join_element_wise(pa.scalar("value="), numbers, pa.scalar(","), "")
    finite = np.isfinite(frame.value)
    if finite.all():
        return fields
    return pc.if_else(pa.array(finite), fields, pa.scalar(""))
