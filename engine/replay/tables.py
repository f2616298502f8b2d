"""Recorded files, CSV, JSON lines, Parquet and Arrow, to samples of a plant in the order of their times."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from ..config import Plant
from ..errors import SpecError
from ..frame import Float64, Frame, UInt8
from ..limits import REPLAY_ROWS, SNIFFED_BYTES
from ..quality import Quality
from .columns import Columns, SensorNames, Target, columns_of
from .times import event_times

_SEPARATORS: Final = ",;\t|"
_CHUNK: Final = 65_536
_PARQUET: Final = (".parquet", ".pq")
_ARROW: Final = (".arrow", ".feather")
_LINES: Final = (".jsonl", ".ndjson")


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read a file, where it does not say so itself.

    `site` restricts names to one site, `zone` is that of times without an offset, `time` the
    column of times and `unit` that of times that are numbers.
    """

    site: str = ""
    zone: str = ""
    time: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """What files hold for a plant: one Frame, sorted by time, rows of equal times in file order.

    `passed` counts by name what is not of the plant: columns (wide) or rows (long).
    """

    frame: Frame
    passed: Counter[str]


def read_samples(paths: Sequence[Path], plant: Plant, reading: Reading = Reading()) -> Samples:
    """The samples of all files together. Raises SpecError for a file that cannot be understood."""
    names = SensorNames(plant, reading.site)
    zone = reading.zone or _zone_of(plant, names)
    frames: list[Frame] = []
    passed: Counter[str] = Counter()
    for path in paths:
        table = _table(path)
        try:
            frames.append(_frame(table, names, reading, zone, passed))
        except SpecError as error:
            raise SpecError(
                error.message,
                where=f"{path}: {error.where}" if error.where else str(path),
                found=error.found,
                expected=error.expected,
                nearest=error.nearest,
            ) from error
    merged = Frame.concat(frames)
    if len(merged) > REPLAY_ROWS:
        raise SpecError(
            "too many samples for one replay",
            found=f"{len(merged):,}",
            expected=f"at most {REPLAY_ROWS:,}; replay the files in parts",
        )
    if len(merged) and (np.diff(merged.time) < 0).any():
        merged = merged.take(np.argsort(merged.time, kind="stable"))
    return Samples(merged, passed)


def _zone_of(plant: Plant, names: SensorNames) -> str:
    """The one time zone of the sites that may be meant; "" where there is none or more."""
    zones = {plant.timezones.get(site, "") for site in names.sites}
    return zones.pop() if len(zones) == 1 else ""


# --- files -----------------------------------------------------------------------------------------


def _table(path: Path) -> Any:
    """The file as a pyarrow table."""
    import pyarrow as pa

    try:
        if path.suffix.lower() in _PARQUET:
            from pyarrow import parquet

            return parquet.read_table(path)
        if path.suffix.lower() in _ARROW:
            with pa.memory_map(str(path)) as mapped:
                return pa.ipc.open_file(mapped).read_all()
        if path.suffix.lower() in _LINES:
            return _json_lines(path)
        return _csv(path)
    except pa.ArrowException as error:
        text = " ".join(str(error).split())
        raise SpecError(
            "the file cannot be read as a table", where=str(path), found=text
        ) from error
    except UnicodeDecodeError as error:
        raise SpecError(
            "the file is no text", where=str(path), expected="CSV, or a name that ends in its form"
        ) from error
    except OSError as error:
        raise SpecError(
            "the file cannot be read", where=str(path), found=error.strerror or str(error)
        ) from error


def _json_lines(path: Path) -> Any:
    """Times stay text: pyarrow's own reading of them forgets their offset."""
    import pyarrow as pa
    from pyarrow import json

    table = json.read_json(path)
    times = [field for field in table.schema if pa.types.is_timestamp(field.type)]
    if not times:
        return table
    as_text = pa.schema([(field.name, pa.string()) for field in times])
    return json.read_json(path, parse_options=json.ParseOptions(explicit_schema=as_text))


def _csv(path: Path) -> Any:
    from pyarrow import csv

    with path.open("rb") as file:
        head = file.read(SNIFFED_BYTES)
    if not head.strip():
        raise SpecError("the file is empty", where=str(path))
    encoding = _encoding(head)
    first = head.decode(encoding, "replace").splitlines()[0]
    separator = max(_SEPARATORS, key=first.count)
    # Text stays as it stands where it is quoted, and an empty cell is no value, not "".
    return csv.read_csv(
        path,
        read_options=csv.ReadOptions(encoding=encoding),
        parse_options=csv.ParseOptions(delimiter=separator),
        convert_options=csv.ConvertOptions(strings_can_be_null=True),
    )


def _encoding(head: bytes) -> str:
    """UTF-8 with or without BOM, UTF-16 with BOM, else GB 18030, which contains GBK."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    try:
        # The last character may be cut.
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return "gb18030"
    return "utf8"


# --- columns to samples ------------------------------------------------------------------------------


def _frame(
    table: Any, names: SensorNames, reading: Reading, zone: str, passed: Counter[str]
) -> Frame:
    columns = columns_of(table.column_names, reading.time)
    times = event_times(
        table.column(columns.time).combine_chunks(), columns.time, reading.unit, zone
    )
    if columns.wide:
        return _wide(table, columns, times, names, passed)
    return _long(table, columns, times, names, passed)


def _wide(
    table: Any, columns: Columns, times: Any, names: SensorNames, passed: Counter[str]
) -> Frame:
    """A column for each sensor. An empty cell is no sample: sensors differ in rhythm."""
    others = [name for name in table.column_names if name != columns.time]
    targets = [(name, names.find(name)) for name in others]
    passed.update(name for name, target in targets if target is None)
    parts: list[tuple[Any, ...]] = []
    for name, target in targets:
        if target is None:
            continue
        column = table.column(name).combine_chunks()
        there = ~np.asarray(column.is_null().to_numpy(zero_copy_only=False))
        rows = np.flatnonzero(there)
        values = _canonical(_floats(column, name)[rows], target)
        parts.append((np.full(len(rows), target.index), times[rows], values, rows))
    if not parts:
        raise names.unknown(others)
    sensor, time, value, row = (np.concatenate(p) for p in zip(*parts, strict=True))
    order = np.argsort(row, kind="stable")
    return Frame.of(sensor[order], time[order], value[order], _qualities(value[order]))


def _long(
    table: Any, columns: Columns, times: Any, names: SensorNames, passed: Counter[str]
) -> Frame:
    """One row a sample. An empty value is a sample without one: its instrument spoke."""
    words, which = _words(table, columns)
    targets = [names.find(word) for word in words]
    if all(target is None for target in targets):
        raise names.unknown(words)
    counts = np.bincount(which, minlength=len(words)).tolist()
    passed.update({w: n for w, t, n in zip(words, targets, counts, strict=True) if t is None})
    known = [t or Target(-1, 1.0, 0.0, False) for t in targets]
    if columns.unit:
        known, which = _in_units(table.column(columns.unit), known, which, names)
    sensor = np.array([t.index for t in known], np.int32)[which]
    raw = _floats(table.column(columns.value).combine_chunks(), columns.value)
    value = raw * np.array([t.scale for t in known])[which]
    value += np.array([t.offset for t in known])[which]
    quality = _qualities(value)
    if columns.quality:
        said = _said(table.column(columns.quality).to_pylist(), columns.quality)
        quality = np.where(quality == Quality.GOOD, said, quality)
    mine = sensor >= 0
    return Frame.of(sensor[mine], times[mine], value[mine], quality[mine])


def _words(table: Any, columns: Columns) -> tuple[list[str], Any]:
    """The distinct names of sensors in a long file, and which of them each row has."""
    import pyarrow as pa
    from pyarrow import compute

    text = table.column(columns.sensor).cast(pa.string())
    if columns.site:
        site = table.column(columns.site).cast(pa.string())
        text = compute.binary_join_element_wise(site, text, "/")
    coded = text.combine_chunks().fill_null("").dictionary_encode()
    return coded.dictionary.to_pylist(), coded.indices.to_numpy(zero_copy_only=False)


def _in_units(
    column: Any, known: list[Target], which: Any, names: SensorNames
) -> tuple[list[Target], Any]:
    """Sensors by the units that the file tells them in, and which of these each row has."""
    import pyarrow as pa

    coded = column.cast(pa.string()).combine_chunks().fill_null("").dictionary_encode()
    units = [unit.strip() for unit in coded.dictionary.to_pylist()]
    pairs = which.astype(np.int64) * len(units) + coded.indices.to_numpy(zero_copy_only=False)
    there, rows = np.unique(pairs, return_inverse=True)
    targets = [(known[pair // len(units)], units[pair % len(units)]) for pair in there.tolist()]
    told = [names.told_in(one, unit) if one.index >= 0 else one for one, unit in targets]
    return told, rows


def _floats(column: Any, name: str) -> Float64:
    """Numbers, true and false as 1 and 0, gaps as NaN. Raises SpecError for text."""
    import pyarrow as pa

    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        raise SpecError(
            "a column of values holds text",
            found=f"{name}: {_first_text(column)!r}",
            expected="numbers",
        )
    try:
        numbers = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowException as error:
        raise SpecError(
            "a column of values is not numbers", found=f"{name}: {column.type}"
        ) from error
    return np.array(numbers, np.float64)


def _first_text(column: Any) -> str:
    for text in column.to_pylist():
        try:
            float(text or 0)
        except ValueError:
            return str(text)[:40]
    return ""


def _canonical(raw: Float64, target: Target) -> Float64:
    return raw * target.scale + target.offset


def _qualities(value: Float64) -> UInt8:
    return np.where(np.isfinite(value), Quality.GOOD, Quality.NOT_A_NUMBER).astype(np.uint8)


def _said(texts: list[Any], name: str) -> UInt8:
    """Qualities by their names or, as `lifeline export` writes them, by their codes; empty means good."""
    codes = {quality.text: int(quality) for quality in Quality}
    codes |= {str(int(quality)): int(quality) for quality in Quality}
    said = []
    for row, text in enumerate(texts):
        code = codes.get(str(text).strip().lower()) if text is not None else int(Quality.GOOD)
        if code is None:
            raise SpecError(
                "unknown quality",
                where=f"row {row + 1}",
                found=f"{name} = {text!r}",
                expected=", ".join(quality.text for quality in Quality),
            )
        said.append(code)
    return np.array(said, np.uint8)
