"""Labels: what really happened, where and when, as simulators know it or a person wrote it down."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import msgspec

from ..configuration import Configuration
from ..errors import SpecError
from ..level import LEVELS, LEVELS_ZH
from ..limits import LATEST_TIME_NS

FAULT: Final = "fault"
HARMLESS: Final = "harmless"
COLUMNS: Final = ("id", "what", "sensors", "onset", "end", "level", "site")
_NEEDED: Final = COLUMNS[:6]
_BETWEEN: Final = re.compile(r"\s*[;,|]\s*")
_LEVEL: Final = {
    **{name: name for name in LEVELS[1:]},
    **dict(zip(LEVELS_ZH[1:], LEVELS[1:], strict=True)),
    **{zh.removesuffix("色"): name for zh, name in zip(LEVELS_ZH[1:], LEVELS[1:], strict=True)},
    FAULT: FAULT,
}
#: More labels than so many are no labels, but a column of the recording.
MAX_LABELS: Final = 100_000


class Label(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that happened. Its cause acts from `onset` to `end` (ns UTC).

    what     the class that it is counted in: `leak`, `stuck`
    sensors  ids, `<site>/<id>` or patterns of those on which it can be seen
    level    the least that an alarm must reach to have found it
    fault    of an instrument, a clock or a network: no danger, and no false alarm either
    """

    id: str
    what: str
    sensors: tuple[str, ...]
    onset: int
    end: int
    level: str = "blue"
    site: str = ""
    fault: bool = False


def sensors_of(label: Label, configuration: Configuration) -> frozenset[int]:
    """Indices of the sensors that a label names. Raises SpecError for a name that there is not."""
    names = [(i, s.id, configuration.sites[s.site].id) for i, s in enumerate(configuration.sensors)]
    mine = [(i, id_, f"{site}/{id_}") for i, id_, site in names if label.site in ("", site)]
    found: set[int] = set()
    for wanted in label.sensors:
        hit = {i for i, id_, full in mine if fnmatchcase(id_, wanted) or fnmatchcase(full, wanted)}
        if not hit:
            from ..config.nearest import nearest

            raise SpecError(
                f"label {label.id} names a sensor that the plant does not have",
                found=repr(wanted),
                nearest=nearest(wanted, [id_ for _, id_, _ in mine]),
            )
        found |= hit
    return frozenset(found)


def read_labels(path: Path, zone: str = "") -> tuple[Label, ...]:
    """The labels of a CSV or JSON file (a list of objects), by onset.

    Keys are COLUMNS; `site` may be left out, sensors are a list or have `;` between them, `level` is a
    colour or `fault`. The files of labels that `lifeline simulate` writes are read too: `kind` for `what`, and a
    `type`, of which `harmless` is no label. Times are ISO; `zone` is that of those without an offset.
    Raises SpecError.
    """
    rows = _json(path) if path.suffix.lower() == ".json" else _csv(path)
    rows = [(where, _plain(row)) for where, row in rows if row.get("type") != HARMLESS]
    if len(rows) > MAX_LABELS:
        raise SpecError(
            "too many labels", where=str(path), found=f"{len(rows):,}", expected=f"{MAX_LABELS:,}"
        )
    times = _times(rows, zone)
    found = [_label(where, row, *at) for (where, row), at in zip(rows, times, strict=True)]
    repeated = _repeated(label.id for label in found)
    if repeated:
        raise SpecError("two labels have one id", where=str(path), found=repeated)
    return tuple(sorted(found, key=lambda label: (label.onset, label.id)))


_Rows = Sequence[tuple[str, Mapping[str, Any]]]


def _csv(path: Path) -> _Rows:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError("the labels cannot be read", where=str(path), found=str(error)) from error
    head = text.splitlines()[0] if text.strip() else ""
    reader = csv.DictReader(text.splitlines(), delimiter=max(",;\t", key=head.count))
    missing = _missing(reader.fieldnames or ())
    if missing:
        raise SpecError(
            "a column is missing", where=f"{path}:1", found=head[:200], expected=", ".join(missing)
        )
    return [(f"{path}:{reader.line_num}", row) for row in reader]


def _json(path: Path) -> _Rows:
    try:
        whole = msgspec.json.decode(path.read_bytes())
        rows = msgspec.convert(
            whole.get("labels") if isinstance(whole, dict) else whole, list[dict[str, Any]]
        )
    except (OSError, msgspec.MsgspecError) as error:
        raise SpecError(
            "the labels cannot be read",
            where=str(path),
            found=str(error),
            expected="a list of objects",
        ) from error
    found = [(f"{path}: label {i + 1}", row) for i, row in enumerate(rows)]
    for where, row in found:
        missing = _missing(row)
        if missing:
            raise SpecError("a key is missing", where=where, expected=", ".join(missing))
    return found


def _missing(names: Iterable[str]) -> list[str]:
    said = {"what" if name == "kind" else name for name in names}
    return [name for name in _NEEDED if name not in said]


def _plain(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row by COLUMNS. What simulators write names a kind and a type, and ids with a blank between them."""
    if "kind" not in row or "type" not in row:
        return {**row, "what": row.get("what") or row.get("kind")}
    sensors = row["sensors"].split() if isinstance(row["sensors"], str) else row["sensors"]
    level = FAULT if row["type"] == FAULT else row["level"]
    return {**row, "what": row["kind"], "level": level, "sensors": sensors}


def _times(rows: _Rows, zone: str) -> list[tuple[int, int]]:
    from ..errors import PayloadError
    from ..payload.times import TimeReader
    from ..source import TimeSpec

    reader = TimeReader(TimeSpec(unit="iso", zone=zone))
    found = []
    for where, row in rows:
        try:
            onset, end = (reader.ns(str(row[key] or "").strip()) for key in ("onset", "end"))
        except PayloadError as error:
            raise SpecError(
                f"a time cannot be read: {error.detail}",
                where=where,
                found=f"{row['onset']}, {row['end']}",
                expected="2026-11-22T08:00:00+08:00, or --zone",
            ) from error
        if not 0 <= onset <= end < LATEST_TIME_NS:
            raise SpecError(
                "a label ends before it begins", where=where, found=f"{row['onset']} – {row['end']}"
            )
        found.append((onset, end))
    return found


def _label(where: str, row: Mapping[str, Any], onset: int, end: int) -> Label:
    said = row["sensors"]
    sensors = said if isinstance(said, list) else _BETWEEN.split(str(said or "").strip())
    wanted = str(row["level"] or "").strip().lower()
    level = _LEVEL.get(wanted)
    name, what = str(row["id"] or "").strip(), str(row["what"] or "").strip()
    if level is None:
        raise SpecError(
            "unknown level", where=where, found=repr(wanted), expected=", ".join(_LEVEL)
        )
    if not name or not what or not all(sensors):
        raise SpecError(
            "a label has an empty cell", where=where, expected="an id, what it is, its sensors"
        )
    fault = level == FAULT
    return Label(
        name,
        what,
        tuple(map(str, sensors)),
        onset,
        end,
        level="blue" if fault else level,
        site=str(row.get("site") or "").strip(),
        fault=fault,
    )


def _repeated(names: Iterable[str]) -> str:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return ""
